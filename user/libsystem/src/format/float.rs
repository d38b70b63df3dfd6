//! Floating point: `%f %e %g %a` and their capitals, exact to the last digit asked for.

use super::{Directive, Fixed, Sink, pad_number};
use core::fmt::Write;

/// The digits that a `double` can have after the point; further ones are zeros.
const FRACTION: usize = 1074;
/// Digits before the point, the point, digits after it, an exponent.
type Text = Fixed<1400>;

/// Writes `value` by `conversion`, one of `fFeEgGaA`.
pub fn write(out: &mut dyn Sink, d: &Directive, conversion: u8, value: f64) {
    let sign: &[u8] = match (value.is_sign_negative(), d.plus, d.space) {
        (true, ..) => b"-",
        (_, true, _) => b"+",
        (_, _, true) => b" ",
        _ => b"",
    };
    let magnitude = value.abs();
    let upper = conversion.is_ascii_uppercase();
    if !value.is_finite() {
        let text: &[u8] = match (value.is_nan(), upper) {
            (true, false) => b"nan",
            (true, true) => b"NAN",
            (false, false) => b"inf",
            (false, true) => b"INF",
        };
        let sign = if value.is_nan() { b"" } else { sign };
        return pad_number(out, d, sign, 0, text, false);
    }
    let precision = d.precision.unwrap_or(6);
    let mut text = Text::new();
    let mut prefix = Fixed::<4>::new();
    prefix.push(sign);
    match conversion.to_ascii_lowercase() {
        b'f' => fixed(&mut text, magnitude, precision, d.alternate),
        b'e' => exponential(&mut text, magnitude, precision, d.alternate),
        b'g' => general(&mut text, magnitude, precision.max(1), d.alternate),
        _ => {
            prefix.push(b"0x");
            hexadecimal(&mut text, magnitude, d.precision, d.alternate);
        }
    }
    if upper {
        text.bytes_mut().make_ascii_uppercase();
        prefix.bytes_mut().make_ascii_uppercase();
    }
    pad_number(out, d, prefix.bytes(), 0, text.bytes(), d.zero);
}

fn fixed(text: &mut Text, value: f64, precision: usize, alternate: bool) {
    let exact = precision.min(FRACTION);
    let _ = write!(text, "{value:.exact$}");
    if precision == 0 && alternate {
        text.push(b".");
    }
}

/// The digits of `value` with `precision` of them after the point, and its decimal exponent.
fn scientific(value: f64, precision: usize) -> (Text, i32) {
    let mut text = Text::new();
    let exact = precision.min(FRACTION);
    let _ = write!(text, "{value:.exact$e}");
    let at = text
        .bytes()
        .iter()
        .position(|&byte| byte == b'e')
        .unwrap_or(0);
    let exponent = core::str::from_utf8(&text.bytes()[at + 1..])
        .ok()
        .and_then(|digits| digits.parse().ok());
    text.truncate(at);
    (text, exponent.unwrap_or(0))
}

fn push_exponent(text: &mut Text, letter: u8, exponent: i32, least: usize) {
    text.push(&[letter, if exponent < 0 { b'-' } else { b'+' }]);
    if exponent.unsigned_abs() < 10 && least == 2 {
        text.push(b"0");
    }
    text.push_decimal(i64::from(exponent.unsigned_abs()));
}

fn exponential(text: &mut Text, value: f64, precision: usize, alternate: bool) {
    let (digits, exponent) = scientific(value, precision);
    text.push(digits.bytes());
    if precision == 0 && alternate {
        text.push(b".");
    }
    push_exponent(text, b'e', exponent, 2);
}

fn general(text: &mut Text, value: f64, precision: usize, alternate: bool) {
    let (digits, exponent) = scientific(value, precision - 1);
    let scientific_form = exponent < -4 || exponent >= precision.min(FRACTION) as i32;
    if scientific_form {
        text.push(digits.bytes());
    } else {
        fixed(
            text,
            value,
            (precision as i32 - 1 - exponent) as usize,
            false,
        );
    }
    let has_point = text.bytes().contains(&b'.');
    if has_point && !alternate {
        let kept = text
            .bytes()
            .iter()
            .rposition(|&byte| byte != b'0')
            .unwrap_or(0);
        text.truncate(if text.bytes()[kept] == b'.' {
            kept
        } else {
            kept + 1
        });
    } else if !has_point && alternate {
        text.push(b".");
    }
    if scientific_form {
        push_exponent(text, b'e', exponent, 2);
    }
}

fn hexadecimal(text: &mut Text, value: f64, precision: Option<usize>, alternate: bool) {
    const FRACTION_BITS: u32 = 52;
    let bits = value.to_bits();
    let biased = (bits >> FRACTION_BITS) as i32;
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let (mut mantissa, exponent) = match (biased, fraction) {
        (0, 0) => (0, 0),
        (0, _) => {
            let shift = fraction.leading_zeros() - (63 - FRACTION_BITS);
            (fraction << shift, -1022 - shift as i32)
        }
        _ => (fraction | 1 << FRACTION_BITS, biased - 1023),
    };
    let digits = match precision {
        Some(wanted) if wanted < 13 => {
            let dropped = (13 - wanted) as u32 * 4;
            let half = 1u64 << (dropped - 1);
            let odd = mantissa >> dropped & 1;
            mantissa = (mantissa + half - 1 + odd) >> dropped << dropped;
            wanted
        }
        Some(_) => 13,
        None if mantissa.trailing_zeros() >= FRACTION_BITS => 0,
        None => (FRACTION_BITS - mantissa.trailing_zeros()).div_ceil(4) as usize,
    };
    text.push_decimal((mantissa >> FRACTION_BITS) as i64);
    if digits != 0 || alternate {
        text.push(b".");
    }
    for index in 0..digits as u32 {
        text.push(&[
            b"0123456789abcdef"[(mantissa >> (FRACTION_BITS - 4 - 4 * index) & 15) as usize]
        ]);
    }
    push_exponent(text, b'p', exponent, 1);
}
