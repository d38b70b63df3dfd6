//! An element with one owner.
//!
//! Owns: the value and its element. Dropping it drops the value, then gives the element back.

use crate::raw::ZonePtr;
use crate::source::ChunkSource;
use crate::zone::Zone;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

/// A `T` in zone memory.
pub struct ZBox<T, S: ChunkSource> {
    element: NonNull<T>,
    _types: PhantomData<(T, fn() -> S)>,
}

// SAFETY: it owns its value, as `T` itself would.
unsafe impl<T: Send, S: ChunkSource> Send for ZBox<T, S> {}
// SAFETY: a shared box gives out shared references to the value.
unsafe impl<T: Sync, S: ChunkSource> Sync for ZBox<T, S> {}

impl<T, S: ChunkSource> ZBox<T, S> {
    /// # Safety
    /// `element` was allocated with the geometry of `Zone<T, S>` and is the caller's.
    #[inline]
    pub(crate) unsafe fn fill(element: NonNull<u8>, value: T) -> Self {
        let element = element.cast::<T>();
        // SAFETY: the element is large and aligned enough for a `T`, and nobody else's.
        unsafe { element.write(value) };
        ZBox {
            element,
            _types: PhantomData,
        }
    }

    /// The value; the element goes back to its zone.
    pub fn into_inner(self) -> T {
        let kept = ManuallyDrop::new(self);
        // SAFETY: the value is read once and the box is not dropped.
        let value = unsafe { kept.element.read() };
        // SAFETY: the element holds no value any more and nobody else has it.
        unsafe { ZonePtr::<S::Platform>::free(kept.element.cast(), Zone::<T, S>::GEOMETRY) };
        value
    }

    /// Gives the ownership up without freeing; [`ZBox::from_raw`] takes it up again.
    pub fn into_raw(self) -> NonNull<T> {
        ManuallyDrop::new(self).element
    }

    /// Takes up the ownership that [`ZBox::into_raw`] gave.
    ///
    /// # Safety
    /// `element` comes from `into_raw` of this type, source included, and each `into_raw` is answered
    /// once.
    pub unsafe fn from_raw(element: NonNull<T>) -> Self {
        ZBox {
            element,
            _types: PhantomData,
        }
    }

    /// A number that no other live element has: its address.
    pub fn id(&self) -> usize {
        self.element.as_ptr() as usize
    }
}

impl<T, S: ChunkSource> Deref for ZBox<T, S> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the box owns a valid value.
        unsafe { self.element.as_ref() }
    }
}

impl<T, S: ChunkSource> DerefMut for ZBox<T, S> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the box owns a valid value, and `&mut self` is the only way to it.
        unsafe { self.element.as_mut() }
    }
}

impl<T, S: ChunkSource> Drop for ZBox<T, S> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the value is valid and dropped once; then the element is empty and nobody else's.
        unsafe {
            self.element.drop_in_place();
            ZonePtr::<S::Platform>::free(self.element.cast(), Zone::<T, S>::GEOMETRY);
        }
    }
}

impl<T: fmt::Debug, S: ChunkSource> fmt::Debug for ZBox<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostChunks;
    use crate::registry::{ZoneOptions, Zones};

    #[test]
    fn ownership_that_was_given_up_is_taken_up_again() {
        let source = HostChunks::<12>::new();
        let zones = Zones::new();
        let zone: Zone<String, _> = zones
            .zone(&source, "texts", ZoneOptions::default())
            .expect("memory");
        let text = zone.alloc(&source, String::from("text")).expect("memory");
        let raw = text.into_raw();
        assert_eq!(zone.count(), 1, "nothing was freed");
        // SAFETY: `raw` comes from `into_raw`.
        let again: ZBox<String, HostChunks<12>> = unsafe { ZBox::from_raw(raw) };
        assert_eq!(*again, "text");
        drop(again);
        assert_eq!(zone.count(), 0);
        drop(zone);
        zones.destroy(&source).expect("nothing is in use");
    }
}
