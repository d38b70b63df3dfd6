//! The boot arguments: `key=value` words on the command line.
//!
//! Owns: their grammar and meaning. Does not own: where the line comes from, what a mode does.

use core::fmt;

/// How the console line is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Console {
    /// Plain text, for a person.
    #[default]
    Plain,
    /// `abi::record`'s framing, for the host command.
    Record,
}

/// What the machine does once it is up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// The shell, on the serial line.
    #[default]
    Shell,
    /// `/bin/sh /etc/exec` with an empty standard input, then power-off.
    Exec,
    /// The in-kernel tests.
    Test,
    /// The tour, then power-off.
    Tour,
}

/// What a thread does until a disk has answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DiskWait {
    /// It sleeps; others run.
    #[default]
    Sleep,
    /// On a machine with one CPU it keeps the CPU, which rests with its timer off: where the clock counts
    /// instructions no time passes, however long the host takes, and a run repeats exactly.
    Still,
}

/// The arguments, checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Arguments {
    /// `console=plain|record`.
    pub console: Console,
    /// `mode=shell|exec|test|tour`.
    pub mode: Mode,
    /// `seed=N`: drives order and every random choice.
    pub seed: Option<u64>,
    /// `filter=TEXT`: only tests whose name contains it.
    pub filter: Option<&'static str>,
    /// `skip=N`: leaves out the first N tests of the seeded order.
    pub skip: u32,
    /// `isolate=NAME`: only this test.
    pub isolate: Option<&'static str>,
    /// `kmem_fail=K`: every K-th allocation fails (K > 0).
    pub kmem_fail: Option<u64>,
    /// `jitter=N`: a thread's turn is no longer 10 ms but a random time of N microseconds at most (N > 0), by
    /// the seed: threads lose their CPU in other places each time.
    pub jitter: Option<u64>,
    /// `ramdisk=64M`: the RAM disk `rd1` of this size, as [`bytes`] reads it. What is no size is said later and
    /// hinders nothing.
    pub ramdisk: Option<&'static str>,
    /// `root=vd0`: the block device that the root is on.
    pub root: Option<&'static str>,
    /// `disk_wait=sleep|still`.
    pub disk_wait: DiskWait,
    /// `block_fail=RULES`: which requests of block devices fail; the kernel reads the rules.
    pub block_fail: Option<&'static str>,
}

/// The first word that is not an argument: an unknown key, a bad value, or a key given twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownArgument<'a>(pub &'a str);

impl fmt::Display for UnknownArgument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "boot: unknown argument `{}`", self.0)
    }
}

impl Arguments {
    /// Reads a command line. Words are separated by white space; numbers are decimal, or
    /// hexadecimal after `0x`.
    pub fn parse(line: &'static str) -> Result<Self, UnknownArgument<'static>> {
        let mut arguments = Self::default();
        let mut seen = 0u16;
        for word in line.split_ascii_whitespace() {
            let bit = arguments.word(word).ok_or(UnknownArgument(word))?;
            if seen & bit != 0 {
                return Err(UnknownArgument(word));
            }
            seen |= bit;
        }
        Ok(arguments)
    }

    /// Whether the line asks for records, found without judging the rest of it: how a complaint
    /// about the line itself is framed.
    pub fn console_of(line: &str) -> Console {
        if line
            .split_ascii_whitespace()
            .any(|word| word == "console=record")
        {
            Console::Record
        } else {
            Console::Plain
        }
    }

    /// Takes one word; answers a bit that stands for its key.
    fn word(&mut self, word: &'static str) -> Option<u16> {
        let (key, value) = word.split_once('=')?;
        match key {
            "console" => {
                self.console = match value {
                    "plain" => Console::Plain,
                    "record" => Console::Record,
                    _ => return None,
                };
                Some(1)
            }
            "mode" => {
                self.mode = match value {
                    "shell" => Mode::Shell,
                    "exec" => Mode::Exec,
                    "test" => Mode::Test,
                    "tour" => Mode::Tour,
                    _ => return None,
                };
                Some(2)
            }
            "seed" => {
                self.seed = Some(number(value)?);
                Some(4)
            }
            "filter" => {
                self.filter = Some(text(value)?);
                Some(8)
            }
            "skip" => {
                self.skip = u32::try_from(number(value)?).ok()?;
                Some(16)
            }
            "isolate" => {
                self.isolate = Some(text(value)?);
                Some(32)
            }
            "kmem_fail" => {
                self.kmem_fail = Some(number(value).filter(|&every| every > 0)?);
                Some(64)
            }
            "jitter" => {
                self.jitter = Some(number(value).filter(|&longest| longest > 0)?);
                Some(128)
            }
            "ramdisk" => {
                self.ramdisk = Some(text(value)?);
                Some(256)
            }
            "disk_wait" => {
                self.disk_wait = match value {
                    "sleep" => DiskWait::Sleep,
                    "still" => DiskWait::Still,
                    _ => return None,
                };
                Some(1024)
            }
            "block_fail" => {
                self.block_fail = Some(text(value)?);
                Some(512)
            }
            "root" => {
                self.root = Some(text(value)?);
                Some(2048)
            }
            _ => None,
        }
    }
}

fn text(value: &'static str) -> Option<&'static str> {
    (!value.is_empty()).then_some(value)
}

fn number(value: &str) -> Option<u64> {
    let (digits, radix) = match value.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (value, 10),
    };
    // `from_str_radix` would take a sign.
    if !digits.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// A number of bytes: digits, and `K`, `M` or `G` for powers of 1024. `None` if it is none, or 0.
pub fn bytes(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(['k', 'K', 'm', 'M', 'g', 'G']);
    let unit = match text.get(digits.len()..)? {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return None,
    };
    number(digits)?.checked_mul(unit).filter(|&bytes| bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_line_gives_the_defaults() {
        assert_eq!(Arguments::parse("  "), Ok(Arguments::default()));
    }

    #[test]
    fn every_key_is_read() {
        let arguments = Arguments::parse(
            "console=record mode=test seed=0x1f filter=cow skip=3 isolate=vm::fork kmem_fail=7 jitter=300 \
             ramdisk=64M disk_wait=still block_fail=rd1:read:1 root=vd0",
        )
        .unwrap();
        assert_eq!(
            arguments,
            Arguments {
                console: Console::Record,
                mode: Mode::Test,
                seed: Some(31),
                filter: Some("cow"),
                skip: 3,
                isolate: Some("vm::fork"),
                kmem_fail: Some(7),
                jitter: Some(300),
                ramdisk: Some("64M"),
                disk_wait: DiskWait::Still,
                block_fail: Some("rd1:read:1"),
                root: Some("vd0"),
            }
        );
    }

    #[test]
    fn what_is_not_an_argument_is_named() {
        for (line, word) in [
            ("mode=shell nonsense", "nonsense"),
            ("moed=test", "moed=test"),
            ("mode=", "mode="),
            ("mode=Test", "mode=Test"),
            ("seed=", "seed="),
            ("seed=+5", "seed=+5"),
            ("seed=-1", "seed=-1"),
            ("seed=0x", "seed=0x"),
            ("seed=18446744073709551616", "seed=18446744073709551616"),
            ("skip=4294967296", "skip=4294967296"),
            ("kmem_fail=0", "kmem_fail=0"),
            ("jitter=0", "jitter=0"),
            ("filter=", "filter="),
            ("ramdisk=", "ramdisk="),
            ("seed=1 seed=2", "seed=2"),
        ] {
            assert_eq!(Arguments::parse(line), Err(UnknownArgument(word)), "{line}");
        }
        assert_eq!(
            std::format!("{}", UnknownArgument("x")),
            "boot: unknown argument `x`"
        );
    }

    #[test]
    fn a_value_may_contain_the_equals_sign() {
        assert_eq!(Arguments::parse("filter=a=b").unwrap().filter, Some("a=b"));
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("512"), Some(512));
        assert_eq!(bytes("3k"), Some(3 << 10));
        assert_eq!(bytes("64M"), Some(64 << 20));
        assert_eq!(bytes("2G"), Some(2 << 30));
        for wrong in [
            "",
            "M",
            "0",
            "0M",
            "-1M",
            "1T",
            "1MM",
            "6.5M",
            "17179869184G",
        ] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn console_is_found_on_a_bad_line() {
        assert_eq!(
            Arguments::console_of("junk console=record"),
            Console::Record
        );
        assert_eq!(
            Arguments::console_of("junk xconsole=record"),
            Console::Plain
        );
    }
}
