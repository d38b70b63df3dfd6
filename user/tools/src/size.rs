//! Sizes as the Mac's tools print them.

use alloc::format;
use alloc::string::String;

const K: u64 = 1024;
const M: u64 = 1024 * K;
const G: u64 = 1024 * M;

/// vmmap's cell: plain below 4096 when no multiple of 1024, then `NK`, `N.NM`, `N.NG`.
pub fn cell(bytes: u64) -> String {
    match bytes {
        0 => "0K".into(),
        _ if bytes < 4 * K && !bytes.is_multiple_of(K) => format!("{bytes}"),
        _ if bytes < 10 * M => format!("{}K", (bytes + K / 2) / K),
        _ if bytes < G => tenths(bytes, M, 'M'),
        _ => tenths(bytes, G, 'G'),
    }
}

fn tenths(bytes: u64, unit: u64, letter: char) -> String {
    let (whole, rest) = (bytes / unit, bytes % unit);
    let tenths = (rest * 10 + unit / 2) / unit;
    if tenths == 10 {
        format!("{}.0{letter}", whole + 1)
    } else {
        format!("{whole}.{tenths}{letter}")
    }
}

/// zprint's cell for waste: `NB` below 1 KiB, `NK` above.
pub fn waste(bytes: u64) -> String {
    if bytes < K {
        format!("{bytes}B")
    } else {
        format!("{}K", bytes / K)
    }
}

/// A number in at most `width` columns: thousands, millions, billions when it is wider.
pub fn squeeze(value: u64, width: usize) -> String {
    let plain = format!("{value}");
    if plain.len() <= width {
        return plain;
    }
    for (unit, letter) in [(1_000, 'K'), (1_000_000, 'M'), (1_000_000_000, 'G')] {
        let text = format!("{}{letter}", value / unit);
        if text.len() <= width || letter == 'G' {
            return text;
        }
    }
    plain
}

/// `a / b` in percent, 0 where `b` is 0.
pub fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        0
    } else {
        (u128::from(part) * 100 / u128::from(whole)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_follow_vmmap() {
        assert_eq!(cell(0), "0K");
        assert_eq!(cell(1000), "1000");
        assert_eq!(cell(1024), "1K");
        assert_eq!(cell(16384), "16K");
        assert_eq!(cell(8 * M), "8192K");
        assert_eq!(cell(64 * M), "64.0M");
        assert_eq!(cell(10 * M + 600 * K), "10.6M");
        assert_eq!(cell(3 * G / 2), "1.5G");
    }

    #[test]
    fn wide_numbers_are_squeezed() {
        assert_eq!(squeeze(12_345_678, 8), "12345678");
        assert_eq!(squeeze(123_456_789, 8), "123456K");
        assert_eq!(squeeze(123_456_789_012, 8), "123456M");
    }

    #[test]
    fn percent_is_whole() {
        assert_eq!((percent(1, 3), percent(0, 0), percent(3, 3)), (33, 0, 100));
    }
}
