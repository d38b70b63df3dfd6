//! The console: everything that goes to and comes from the serial line.
//!
//! Owns: the log, the terminal. Does not own: the serial line's registers (`arch::serial`).

pub mod line;
#[cfg(target_os = "none")]
pub mod output;
#[cfg(target_os = "none")]
pub mod tty;
