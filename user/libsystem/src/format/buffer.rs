//! A text of bounded length without an allocator.

/// At most `N` bytes; what does not fit is dropped.
pub struct Fixed<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Default for Fixed<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Fixed<N> {
    /// The empty text.
    pub const fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    /// What it holds.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// What it holds, to change in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.length]
    }

    /// Appends as much as fits.
    pub fn push(&mut self, text: &[u8]) {
        let n = text.len().min(N - self.length);
        self.bytes[self.length..self.length + n].copy_from_slice(&text[..n]);
        self.length += n;
    }

    /// Appends a number in decimal.
    pub fn push_decimal(&mut self, value: i64) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut left = value.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        if value < 0 {
            self.push(b"-");
        }
        self.push(&digits[at..]);
    }

    /// Keeps the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
}

impl<const N: usize> core::fmt::Write for Fixed<N> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

impl<const N: usize> super::Sink for Fixed<N> {
    fn write(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }
}
