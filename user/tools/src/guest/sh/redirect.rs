//! Redirections.
//!
//! Owns: which descriptors changed and what they were. Does not own: the names' expansion.

use super::super::sys;
use super::Shell;
use crate::sh::expand::text;
use crate::sh::{Redirect, RedirectKind};
use abi::syscall::{O_APPEND, O_CREAT, O_RDONLY, O_TRUNC, O_WRONLY};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Descriptors as they were before a builtin's redirections.
#[derive(Default)]
pub struct Saved(Vec<(i32, Option<i32>)>);

/// The lowest number for descriptors that the shell keeps to itself.
const KEPT: i32 = 10;

impl Shell {
    /// Applies redirections; with `saved`, so that they can be undone. False (and a message) at an error.
    pub fn redirect(&mut self, redirects: &[Redirect], mut saved: Option<&mut Saved>) -> bool {
        for redirect in redirects {
            let target = text(&redirect.target, self);
            if let Some(saved) = saved.as_deref_mut() {
                saved
                    .0
                    .push((redirect.fd, sys::duplicate_above(redirect.fd, KEPT).ok()));
            }
            let answer = match redirect.kind {
                RedirectKind::Duplicate => match core::str::from_utf8(&target)
                    .ok()
                    .and_then(|digits| digits.parse().ok())
                {
                    Some(from) => sys::dup2(from, redirect.fd),
                    None if target == b"-" => {
                        sys::close(redirect.fd);
                        Ok(())
                    }
                    None => Err(abi::Errno::EBADF),
                },
                kind => {
                    let flags = match kind {
                        RedirectKind::Read => O_RDONLY,
                        RedirectKind::Append => O_WRONLY | O_CREAT | O_APPEND,
                        _ => O_WRONLY | O_CREAT | O_TRUNC,
                    };
                    sys::open(&target, flags, 0o666).and_then(|fd| {
                        if fd == redirect.fd {
                            return Ok(());
                        }
                        let answer = sys::dup2(fd, redirect.fd);
                        sys::close(fd);
                        answer
                    })
                }
            };
            if let Err(error) = answer {
                self.complain(&format!(
                    "{}: {}",
                    String::from_utf8_lossy(&target),
                    sys::message(error)
                ));
                self.status = 1;
                return false;
            }
        }
        true
    }

    /// Puts descriptors back, the last change first.
    pub fn restore(&mut self, saved: Saved) {
        for (fd, was) in saved.0.into_iter().rev() {
            match was {
                Some(copy) => {
                    let _ = sys::dup2(copy, fd);
                    sys::close(copy);
                }
                None => sys::close(fd),
            }
        }
    }
}
