//! `printf`'s language.
//!
//! Owns: directives, their flags, and the text they become. Does not own: where arguments come from
//! (`Arguments`, by machine) and where text goes (`Sink`, by stream).

mod buffer;
mod float;
mod integer;

pub use buffer::Fixed;

/// Where formatted text goes.
pub trait Sink {
    /// Takes the next bytes.
    fn write(&mut self, bytes: &[u8]);

    /// Takes `count` times the same byte.
    fn fill(&mut self, byte: u8, count: usize) {
        let chunk = [byte; 32];
        let mut left = count;
        while left != 0 {
            let n = left.min(chunk.len());
            self.write(&chunk[..n]);
            left -= n;
        }
    }
}

/// The values that the directives consume, in order.
///
/// # Safety
/// The implementer answers what the caller of `printf` passed; `format` trusts pointers among it.
pub unsafe trait Arguments {
    /// The next integer or pointer, in 64 bits.
    fn integer(&mut self) -> u64;
    /// The next `double`.
    fn double(&mut self) -> f64;
    /// The next `long double`, rounded to a `double`.
    fn long_double(&mut self) -> f64;
}

/// The size of an integer argument.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Length {
    Char,
    Short,
    Int,
    Long,
    LongDouble,
}

/// One directive, parsed.
#[derive(Clone, Copy)]
struct Directive {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    length: Length,
}

/// Counts what goes through.
struct Counter<'a> {
    sink: &'a mut dyn Sink,
    count: usize,
}

impl Sink for Counter<'_> {
    fn write(&mut self, bytes: &[u8]) {
        self.count += bytes.len();
        self.sink.write(bytes);
    }
}

/// Writes `template` to `sink`, each directive replaced by its argument; answers the bytes written.
/// An unknown conversion is written as it stands.
///
/// # Safety
/// `args` holds what the directives ask for: `%s` a string, `%n` a place for an integer.
pub unsafe fn format(sink: &mut dyn Sink, template: &[u8], args: &mut dyn Arguments) -> usize {
    let mut out = Counter { sink, count: 0 };
    let mut rest = template;
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        out.write(&rest[..at]);
        let directive_text = &rest[at..];
        rest = &rest[at + 1..];
        let mut directive = parse(&mut rest, args);
        let Some((&conversion, after)) = rest.split_first() else {
            break;
        };
        rest = after;
        match conversion {
            b'd' | b'i' => integer::signed(&mut out, &directive, args.integer()),
            b'u' | b'o' | b'x' | b'X' => {
                integer::unsigned(&mut out, &directive, conversion, args.integer())
            }
            b'p' => {
                directive.alternate = true;
                directive.length = Length::Long;
                integer::pointer(&mut out, &directive, args.integer());
            }
            b'c' => pad(&mut out, &directive, &[args.integer() as u8]),
            b's' => {
                // SAFETY: the caller passed a string for `%s`.
                let text = unsafe { string(args.integer() as *const u8, directive.precision) };
                pad(&mut out, &directive, text);
            }
            b'f' | b'F' | b'e' | b'E' | b'g' | b'G' | b'a' | b'A' => {
                let value = match directive.length {
                    Length::LongDouble => args.long_double(),
                    _ => args.double(),
                };
                float::write(&mut out, &directive, conversion, value);
            }
            b'n' => {
                // SAFETY: the caller passed a place of the directive's length for `%n`.
                unsafe { integer::store(args.integer(), directive.length, out.count) };
            }
            b'%' => out.write(b"%"),
            _ => out.write(&directive_text[..directive_text.len() - rest.len()]),
        }
    }
    out.write(rest);
    out.count
}

/// Reads flags, width, precision and length; `rest` then begins with the conversion.
fn parse(rest: &mut &[u8], args: &mut dyn Arguments) -> Directive {
    let mut d = Directive {
        left: false,
        plus: false,
        space: false,
        alternate: false,
        zero: false,
        width: 0,
        precision: None,
        length: Length::Int,
    };
    let take = |rest: &mut &[u8], wanted: u8| match rest.split_first() {
        Some((&byte, after)) if byte == wanted => {
            *rest = after;
            true
        }
        _ => false,
    };
    while let Some((&flag, after)) = rest.split_first() {
        match flag {
            b'-' => d.left = true,
            b'+' => d.plus = true,
            b' ' => d.space = true,
            b'#' => d.alternate = true,
            b'0' => d.zero = true,
            b'\'' => {}
            _ => break,
        }
        *rest = after;
    }
    if take(rest, b'*') {
        let width = args.integer() as i32;
        d.left |= width < 0;
        d.width = width.unsigned_abs() as usize;
    } else {
        d.width = number(rest);
    }
    if take(rest, b'.') {
        d.precision = if take(rest, b'*') {
            usize::try_from(args.integer() as i32).ok()
        } else {
            Some(number(rest))
        };
    }
    loop {
        d.length = match rest.first() {
            Some(b'h') if d.length == Length::Short => Length::Char,
            Some(b'h') => Length::Short,
            Some(b'l' | b'q' | b'j' | b'z' | b't') => Length::Long,
            Some(b'L') => Length::LongDouble,
            _ => return d,
        };
        *rest = &rest[1..];
    }
}

/// Reads decimal digits; stays below `i32::MAX`, as C demands of widths.
fn number(rest: &mut &[u8]) -> usize {
    let mut value = 0usize;
    while let Some((&digit @ b'0'..=b'9', after)) = rest.split_first() {
        value = (value * 10 + usize::from(digit - b'0')).min(i32::MAX as usize / 16);
        *rest = after;
    }
    value
}

/// The bytes of a C string, at most `limit` of them; `(null)` for the null pointer.
unsafe fn string<'a>(text: *const u8, limit: Option<usize>) -> &'a [u8] {
    if text.is_null() {
        let null = b"(null)";
        return &null[..limit.unwrap_or(usize::MAX).min(null.len())];
    }
    let limit = limit.unwrap_or(usize::MAX);
    let mut length = 0;
    // SAFETY: the string ends with NUL, or has at least `limit` bytes.
    unsafe {
        while length < limit && *text.add(length) != 0 {
            length += 1;
        }
        core::slice::from_raw_parts(text, length)
    }
}

/// Writes `text` in the directive's width.
fn pad(out: &mut dyn Sink, d: &Directive, text: &[u8]) {
    let fill = d.width.saturating_sub(text.len());
    if !d.left {
        out.fill(b' ', fill);
    }
    out.write(text);
    if d.left {
        out.fill(b' ', fill);
    }
}

/// Writes a number: sign or prefix, zeros, digits, in the directive's width.
fn pad_number(
    out: &mut dyn Sink,
    d: &Directive,
    prefix: &[u8],
    zeros: usize,
    digits: &[u8],
    zero_fill: bool,
) {
    let fill = d.width.saturating_sub(prefix.len() + zeros + digits.len());
    let (spaces, zeros) = if zero_fill && !d.left {
        (0, zeros + fill)
    } else {
        (fill, zeros)
    };
    if !d.left {
        out.fill(b' ', spaces);
    }
    out.write(prefix);
    out.fill(b'0', zeros);
    out.write(digits);
    if d.left {
        out.fill(b' ', spaces);
    }
}

#[cfg(test)]
mod tests;
