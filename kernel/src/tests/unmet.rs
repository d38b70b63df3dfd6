//! How a test ends that does not pass.
//!
//! Owns: [`Unmet`], the macros that make one, a text that needs no memory. Does not own: what is then
//! reported (`tests`).

use core::fmt::{self, Write};
use core::panic::Location;

/// Bytes that a reason may have.
const LONGEST: usize = 320;

/// A text of limited length; what does not fit is cut off.
pub struct Text {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            bytes: [0; LONGEST],
            length: 0,
        }
    }
}

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        match core::str::from_utf8(&self.bytes[..self.length]) {
            Ok(text) => text,
            Err(error) => {
                core::str::from_utf8(&self.bytes[..error.valid_up_to()]).unwrap_or_default()
            }
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LONGEST - self.length;
        let taken = &text.as_bytes()[..text.len().min(room)];
        self.bytes[self.length..self.length + taken.len()].copy_from_slice(taken);
        self.length += taken.len();
        Ok(())
    }
}

/// Why a test did not pass.
pub enum Unmet {
    /// Something does not hold.
    Failed(Text),
    /// Something is missing without which it cannot be tried.
    Skipped(Text),
}

/// How a test ends.
pub type Outcome<T = ()> = Result<T, Unmet>;

fn text(what: impl fmt::Display) -> Text {
    let mut text = Text::default();
    // Writing into a `Text` never fails.
    let _ = write!(text, "{what}");
    text
}

impl Unmet {
    /// Something does not hold.
    pub fn failed(what: impl fmt::Display) -> Self {
        Self::Failed(text(what))
    }

    /// Something is missing.
    pub fn skipped(what: impl fmt::Display) -> Self {
        Self::Skipped(text(what))
    }

    /// A call failed that should not have.
    fn error(error: impl fmt::Debug, at: &Location<'_>) -> Self {
        Self::failed(format_args!("{error:?} at {}:{}", at.file(), at.line()))
    }
}

macro_rules! from {
    ($($error:ty),*) => {$(
        impl From<$error> for Unmet {
            #[track_caller]
            fn from(error: $error) -> Self {
                Self::error(error, Location::caller())
            }
        }
    )*};
}

from!(
    vm::KernReturn,
    vm::FaultError,
    abi::Errno,
    crate::shared::NoMemory,
    crate::syscall::Failure
);

/// Fails unless the condition holds.
macro_rules! check {
    ($holds:expr $(,)?) => {
        if !$holds {
            return Err($crate::tests::Unmet::failed(format_args!(
                concat!("{}:{}: ", stringify!($holds)), file!(), line!(),
            )));
        }
    };
    ($holds:expr, $($text:tt)+) => {
        if !$holds {
            return Err($crate::tests::Unmet::failed(format_args!(
                "{}:{}: {}", file!(), line!(), format_args!($($text)+),
            )));
        }
    };
}
pub(super) use check;

/// Fails unless both are equal.
macro_rules! same {
    ($left:expr, $right:expr $(,)?) => {
        match (&$left, &$right) {
            (left, right) => {
                if *left != *right {
                    return Err($crate::tests::Unmet::failed(format_args!(
                        concat!("{}:{}: ", stringify!($left), " is {:?}, not {:?}"),
                        file!(),
                        line!(),
                        left,
                        right,
                    )));
                }
            }
        }
    };
}
pub(super) use same;
