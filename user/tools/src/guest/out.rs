//! Standard output and error of a tool.

use super::sys;
use alloc::vec::Vec;
use core::fmt::Write;

/// Standard output, written in large pieces. What is left goes out when it is dropped or flushed.
pub struct Out {
    buffer: Vec<u8>,
    failed: bool,
}

/// Bytes after which the buffer is written.
const PIECE: usize = 16384;

impl Out {
    /// Standard output.
    pub fn new() -> Self {
        Self {
            buffer: Vec::new(),
            failed: false,
        }
    }

    /// Writes bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush();
        }
    }

    /// Writes what is buffered; answers whether everything so far went out.
    pub fn flush(&mut self) -> bool {
        self.failed |= sys::write(1, &self.buffer).is_err();
        self.buffer.clear();
        !self.failed
    }
}

impl Write for Out {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Writes a text to standard output at once.
pub fn print(text: &str) -> i32 {
    i32::from(sys::write(1, text.as_bytes()).is_err())
}

/// Writes `text` and a newline to standard error.
pub fn complain(text: &str) {
    let _ = sys::write(2, alloc::format!("{text}\n").as_bytes());
}

/// Writes `tool: what: sentence` to standard error.
pub fn fail(tool: &str, what: &[u8], error: abi::Errno) {
    complain(&alloc::format!(
        "{tool}: {}: {}",
        alloc::string::String::from_utf8_lossy(what),
        sys::message(error)
    ));
}
