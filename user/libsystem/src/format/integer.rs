//! Integers: `%d %i %u %o %x %X %p %n`.

use super::{Directive, Length, Sink, pad_number};

/// Digits of `value` in `base`, written to the end of `room`.
fn digits<'a>(room: &'a mut [u8; 24], mut value: u64, base: u64, letters: &[u8; 16]) -> &'a [u8] {
    let mut at = room.len();
    while value != 0 {
        at -= 1;
        room[at] = letters[(value % base) as usize];
        value /= base;
    }
    &room[at..]
}

/// `%d`.
pub fn signed(out: &mut dyn Sink, d: &Directive, raw: u64) {
    let value = match d.length {
        Length::Char => i64::from(raw as i8),
        Length::Short => i64::from(raw as i16),
        Length::Int => i64::from(raw as i32),
        Length::Long | Length::LongDouble => raw as i64,
    };
    let sign: &[u8] = match (value < 0, d.plus, d.space) {
        (true, ..) => b"-",
        (_, true, _) => b"+",
        (_, _, true) => b" ",
        _ => b"",
    };
    number(out, d, sign, value.unsigned_abs(), 10, false);
}

/// `%u %o %x %X`.
pub fn unsigned(out: &mut dyn Sink, d: &Directive, conversion: u8, raw: u64) {
    let value = match d.length {
        Length::Char => u64::from(raw as u8),
        Length::Short => u64::from(raw as u16),
        Length::Int => u64::from(raw as u32),
        Length::Long | Length::LongDouble => raw,
    };
    match conversion {
        b'o' => number(out, d, b"", value, 8, false),
        b'x' if d.alternate && value != 0 => number(out, d, b"0x", value, 16, false),
        b'X' if d.alternate && value != 0 => number(out, d, b"0X", value, 16, true),
        b'x' | b'X' => number(out, d, b"", value, 16, conversion == b'X'),
        _ => number(out, d, b"", value, 10, false),
    }
}

/// `%p`: `0x` always.
pub fn pointer(out: &mut dyn Sink, d: &Directive, value: u64) {
    number(out, d, b"0x", value, 16, false);
}

fn number(out: &mut dyn Sink, d: &Directive, prefix: &[u8], value: u64, base: u64, upper: bool) {
    let mut room = [0; 24];
    let letters = if upper {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    let text = digits(&mut room, value, base, letters);
    let mut least = d.precision.unwrap_or(1);
    if base == 8 && d.alternate {
        least = least.max(text.len() + 1);
    }
    pad_number(
        out,
        d,
        prefix,
        least.saturating_sub(text.len()),
        text,
        d.zero && d.precision.is_none(),
    );
}

/// `%n`: stores the count of bytes written so far.
///
/// # Safety
/// `place` is the address of an integer of that length.
pub unsafe fn store(place: u64, length: Length, count: usize) {
    let place = place as *mut u8;
    // SAFETY: the caller's place has that length.
    unsafe {
        match length {
            Length::Char => place.write(count as u8),
            Length::Short => place.cast::<u16>().write(count as u16),
            Length::Int => place.cast::<u32>().write(count as u32),
            Length::Long | Length::LongDouble => place.cast::<u64>().write(count as u64),
        }
    }
}
