//! A static that `boot` fills once.
//!
//! Owns: the one unsafe step from a static to a unique reference. Locks: none; one CPU runs.

use core::cell::UnsafeCell;

/// A value that is taken once, while one CPU runs.
pub struct BootCell<T>(UnsafeCell<T>);

// SAFETY: `take`'s caller promises that it is called once; nothing else reaches the value.
unsafe impl<T> Sync for BootCell<T> {}

impl<T> BootCell<T> {
    /// A cell around `value`.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The value, for good.
    ///
    /// # Safety
    /// Called once in the machine's life.
    #[expect(clippy::mut_from_ref, reason = "called once: the reference is unique")]
    pub unsafe fn take(&'static self) -> &'static mut T {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.0.get() }
    }
}
