//! Text to numbers: what `strtol`, `strtod` and `atoi` share.
//!
//! Owns: the grammar of C's number texts. Does not own: `errno` and pointers (`stdlib`).

/// An integer read from text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Integer {
    /// The magnitude, `u64::MAX` on overflow.
    pub magnitude: u64,
    /// A minus sign stood before it.
    pub negative: bool,
    /// The magnitude does not fit 64 bits.
    pub overflow: bool,
    /// Bytes used, 0 if there is no number.
    pub length: usize,
}

/// Reads blanks, a sign, a prefix and digits. `base` is 0 (by prefix) or 2 to 36; `byte(i)` is the
/// i-th byte of a text that ends with NUL.
pub fn integer(byte: impl Fn(usize) -> u8, base: u32) -> Integer {
    let mut at = blanks(&byte);
    let negative = byte(at) == b'-';
    if matches!(byte(at), b'-' | b'+') {
        at += 1;
    }
    let mut base = base;
    let prefixed = byte(at) == b'0'
        && byte(at + 1) | 0x20 == b'x'
        && char::from(byte(at + 2)).is_ascii_hexdigit();
    if prefixed && (base == 0 || base == 16) {
        at += 2;
        base = 16;
    } else if base == 0 {
        base = if byte(at) == b'0' { 8 } else { 10 };
    }
    let mut value = Integer {
        negative,
        ..Integer::default()
    };
    let start = at;
    while let Some(digit) = char::from(byte(at)).to_digit(base) {
        let next = value
            .magnitude
            .checked_mul(u64::from(base))
            .and_then(|v| v.checked_add(u64::from(digit)));
        match next {
            Some(next) if !value.overflow => value.magnitude = next,
            _ => value.overflow = true,
        }
        at += 1;
    }
    if value.overflow {
        value.magnitude = u64::MAX;
    }
    value.length = if at == start { 0 } else { at };
    value
}

/// Bytes of white space at the start.
fn blanks(byte: &impl Fn(usize) -> u8) -> usize {
    let mut at = 0;
    while matches!(byte(at), b' ' | b'\t'..=b'\r') {
        at += 1;
    }
    at
}

/// A floating-point number read from text, and the bytes used (0 if there is none).
pub fn float(byte: impl Fn(usize) -> u8) -> (f64, usize) {
    let mut at = blanks(&byte);
    let negative = byte(at) == b'-';
    if matches!(byte(at), b'-' | b'+') {
        at += 1;
    }
    let sign = if negative { -1.0 } else { 1.0 };
    let matches = |at: usize, word: &[u8]| {
        word.iter()
            .enumerate()
            .all(|(i, &w)| byte(at + i) | 0x20 == w)
    };
    if matches(at, b"infinity") {
        return (sign * f64::INFINITY, at + 8);
    }
    if matches(at, b"inf") {
        return (sign * f64::INFINITY, at + 3);
    }
    if matches(at, b"nan") {
        return (f64::NAN, at + 3);
    }
    if byte(at) == b'0' && byte(at + 1) | 0x20 == b'x' {
        let (value, length) = hexadecimal(&byte, at + 2);
        if length != 0 {
            return (sign * value, length);
        }
    }
    decimal(&byte, at).map_or((0.0, 0), |(value, end)| (sign * value, end))
}

/// The longest decimal text that is parsed digit by digit; further digits cannot matter after this many.
const LONGEST: usize = 800;

fn decimal(byte: &impl Fn(usize) -> u8, start: usize) -> Option<(f64, usize)> {
    let mut text = crate::format::Fixed::<{ LONGEST + 16 }>::new();
    let (mut at, mut digits, mut kept, mut shift, mut point) = (start, 0usize, 0usize, 0i64, false);
    loop {
        let c = byte(at);
        if c.is_ascii_digit() {
            digits += 1;
            if kept < LONGEST && (kept != 0 || c != b'0') {
                text.push(&[c]);
                kept += 1;
                shift -= i64::from(point);
            } else if kept == 0 {
                shift -= i64::from(point);
            } else {
                shift += i64::from(!point);
            }
        } else if c == b'.' && !point {
            point = true;
        } else {
            break;
        }
        at += 1;
    }
    if digits == 0 {
        return None;
    }
    let (exponent, end) = exponent(byte, at, b'e');
    if kept == 0 {
        return Some((0.0, end));
    }
    text.push(b"e");
    text.push_decimal(shift.saturating_add(exponent));
    let value = core::str::from_utf8(text.bytes()).ok()?.parse().ok()?;
    Some((value, end))
}

/// An exponent after `letter`, if there is one: its value and the end of the number.
fn exponent(byte: &impl Fn(usize) -> u8, at: usize, letter: u8) -> (i64, usize) {
    if byte(at) | 0x20 != letter {
        return (0, at);
    }
    let negative = byte(at + 1) == b'-';
    let mut end = at + 1 + usize::from(matches!(byte(at + 1), b'-' | b'+'));
    if !byte(end).is_ascii_digit() {
        return (0, at);
    }
    let mut value = 0i64;
    while byte(end).is_ascii_digit() {
        value = (value * 10 + i64::from(byte(end) - b'0')).min(1_000_000);
        end += 1;
    }
    (if negative { -value } else { value }, end)
}

fn hexadecimal(byte: &impl Fn(usize) -> u8, start: usize) -> (f64, usize) {
    let (mut at, mut mantissa, mut shift, mut point, mut digits) =
        (start, 0u64, 0i64, false, 0usize);
    loop {
        let c = char::from(byte(at));
        if let Some(digit) = c.to_digit(16) {
            digits += 1;
            if mantissa >> 60 == 0 {
                mantissa = mantissa << 4 | u64::from(digit);
                shift -= if point { 4 } else { 0 };
            } else {
                mantissa |= u64::from(digit != 0);
                shift += if point { 0 } else { 4 };
            }
        } else if c == '.' && !point {
            point = true;
        } else {
            break;
        }
        at += 1;
    }
    if digits == 0 {
        return (0.0, 0);
    }
    let (exponent, end) = exponent(byte, at, b'p');
    (scale(mantissa as f64, shift.saturating_add(exponent)), end)
}

/// `value` times two to the `power`.
fn scale(mut value: f64, mut power: i64) -> f64 {
    const STEP: i64 = 1000;
    let up = f64::from_bits(((STEP + 1023) as u64) << 52);
    let down = f64::from_bits(((1023 - STEP) as u64) << 52);
    power = power.clamp(-3 * STEP, 3 * STEP);
    while power > STEP {
        value *= up;
        power -= STEP;
    }
    while power < -STEP {
        value *= down;
        power += STEP;
    }
    value * f64::from_bits(((power + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, base: u32) -> Integer {
        integer(|i| text.as_bytes().get(i).copied().unwrap_or(0), base)
    }

    fn read_float(text: &str) -> (f64, usize) {
        float(|i| text.as_bytes().get(i).copied().unwrap_or(0))
    }

    #[test]
    fn integers_follow_c() {
        let number = |magnitude, negative, length| Integer {
            magnitude,
            negative,
            overflow: false,
            length,
        };
        assert_eq!(read("  42x", 10), number(42, false, 4));
        assert_eq!(read("-0x1F", 0), number(31, true, 5));
        assert_eq!(read("017", 0), number(15, false, 3));
        assert_eq!(read("0x", 16), number(0, false, 1));
        assert_eq!(read("0xg", 0), number(0, false, 1));
        assert_eq!(read("zz", 36), number(35 * 36 + 35, false, 2));
        assert_eq!(read("+", 10).length, 0);
        assert_eq!(read("", 0).length, 0);
        assert!(read("18446744073709551616", 10).overflow);
        assert_eq!(read("18446744073709551615", 10).magnitude, u64::MAX);
        assert!(!read("18446744073709551615", 10).overflow);
    }

    #[test]
    fn floats_are_nearest() {
        assert_eq!(read_float("1.5e3x"), (1500.0, 5));
        assert_eq!(read_float(" -.25"), (-0.25, 5));
        assert_eq!(read_float("1e"), (1.0, 1));
        assert_eq!(read_float("1e400"), (f64::INFINITY, 5));
        assert_eq!(read_float("0.1").0.to_bits(), 0.1f64.to_bits());
        assert_eq!(read_float("0x1.8p1"), (3.0, 7));
        assert_eq!(read_float("0x1p-1074").0.to_bits(), 1);
        assert_eq!(read_float("inf"), (f64::INFINITY, 3));
        assert_eq!(read_float("."), (0.0, 0));
        assert_eq!(read_float("000.0005"), (0.0005, 8));
        assert_eq!(
            read_float("123456789012345678901234567890").0,
            123_456_789_012_345_678_901_234_567_890.0
        );
    }
}
