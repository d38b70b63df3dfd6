//! `sysctl`: values as text.

use crate::ls;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The text of a value of this format; `None` if the bytes do not fit it.
pub fn text(format: &str, bytes: &[u8]) -> Option<String> {
    let word = |at: usize| {
        bytes
            .get(at..at + 4)?
            .try_into()
            .ok()
            .map(u32::from_le_bytes)
    };
    let long = |at: usize| {
        bytes
            .get(at..at + 8)?
            .try_into()
            .ok()
            .map(u64::from_le_bytes)
    };
    Some(match (format, bytes.len()) {
        ("A", _) => {
            let end = bytes
                .iter()
                .position(|&byte| byte == 0)
                .unwrap_or(bytes.len());
            String::from_utf8_lossy(&bytes[..end]).into_owned()
        }
        ("I" | "Q", 4) => (word(0)? as i32).to_string(),
        ("IU" | "QU", 4) => word(0)?.to_string(),
        ("Q" | "I", 8) => (long(0)? as i64).to_string(),
        ("QU" | "IU", 8) => long(0)?.to_string(),
        // Several numbers: one for each of something.
        ("QU", bytes) if bytes.is_multiple_of(8) => {
            let numbers: Option<Vec<String>> = (0..bytes)
                .step_by(8)
                .map(|at| long(at).map(|number| number.to_string()))
                .collect();
            numbers?.join(" ")
        }
        ("S,xsw_usage", _) => {
            let encrypted = if word(28)? != 0 { "(encrypted)" } else { "" };
            format!(
                "total = {}  used = {}  free = {}  {encrypted}",
                megabytes(long(0)?),
                megabytes(long(16)?),
                megabytes(long(8)?)
            )
        }
        ("S,loadavg", _) => {
            let scale = long(16)?.max(1);
            let average = |at: usize| {
                let hundredths = u64::from(word(at)?) * 100 / scale;
                Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
            };
            format!("{{ {} {} {} }}", average(0)?, average(4)?, average(8)?)
        }
        ("S,timeval", _) => {
            let seconds = long(0)? as i64;
            format!(
                "{{ sec = {seconds}, usec = {} }} {}",
                word(8)?,
                ls::date(seconds, seconds)
            )
        }
        _ => return None,
    })
}

/// Bytes as `%.2fM`.
fn megabytes(bytes: u64) -> String {
    let hundredths = (u128::from(bytes) * 100 + (1 << 19)) >> 20;
    format!("{}.{:02}M", hundredths / 100, hundredths % 100)
}

/// The word for a format, as `-t` prints it.
pub fn kind(format: &str) -> &'static str {
    match format {
        "A" => "string",
        "I" => "integer",
        "IU" => "unsigned integer",
        "Q" => "int64_t",
        "QU" => "uint64_t",
        _ => "opaque",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_strings() {
        assert_eq!(text("I", &(-5i32).to_le_bytes()).as_deref(), Some("-5"));
        assert_eq!(
            text("QU", &u64::MAX.to_le_bytes()).as_deref(),
            Some("18446744073709551615")
        );
        assert_eq!(text("A", b"Vellum\0junk").as_deref(), Some("Vellum"));
        assert_eq!(text("I", b"abc"), None);
    }

    #[test]
    fn swap_usage_has_two_blanks() {
        let mut bytes = Vec::new();
        for value in [
            2048u64 << 20,
            (1535 << 20) + (1 << 19),
            (512 << 20) + (1 << 19),
        ] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(4096u32.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        assert_eq!(
            text("S,xsw_usage", &bytes).as_deref(),
            Some("total = 2048.00M  used = 512.50M  free = 1535.50M  (encrypted)")
        );
    }

    #[test]
    fn load_average_is_scaled() {
        let mut bytes = Vec::new();
        for value in [2048u32, 1024, 512, 0] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(2048i64.to_le_bytes());
        assert_eq!(
            text("S,loadavg", &bytes).as_deref(),
            Some("{ 1.00 0.50 0.25 }")
        );
    }
}
