//! Elements with many owners.
//!
//! Owns: the count of references in front of the value. The last reference drops the value.

use crate::raw::ZonePtr;
use crate::source::ChunkSource;
use crate::zone::{Exhausted, Zone};
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering, fence};

/// More references than this are refused.
const LIMIT: u32 = 1 << 31;

/// A value and the number of its references.
pub struct Counted<T> {
    count: AtomicU32,
    value: T,
}

/// A zone of values with many owners.
pub type RefZone<T, S> = Zone<Counted<T>, S>;

/// The value has 2³¹ references.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooManyReferences;

/// A counted reference to a `T` in zone memory.
pub struct ZRef<T, S: ChunkSource> {
    element: NonNull<Counted<T>>,
    _types: PhantomData<(T, fn() -> S)>,
}

// SAFETY: references share the value (`T: Sync`), and the last one drops it wherever it is (`T: Send`).
unsafe impl<T: Send + Sync, S: ChunkSource> Send for ZRef<T, S> {}
// SAFETY: as above; a shared reference can be turned into an owned one by `try_ref`.
unsafe impl<T: Send + Sync, S: ChunkSource> Sync for ZRef<T, S> {}

impl<T, S: ChunkSource> Zone<Counted<T>, S> {
    /// Moves `value` into a new element with one reference.
    #[inline]
    pub fn alloc_ref(&self, source: &S, value: T) -> Result<ZRef<T, S>, Exhausted<T>> {
        match self.raw.alloc(source, Self::GEOMETRY) {
            // SAFETY: the element is new, and as large and aligned as a `Counted<T>`.
            Some(element) => Ok(unsafe { ZRef::fill(element, value) }),
            None => Err(Exhausted(value)),
        }
    }
}

impl<T, S: ChunkSource> ZRef<T, S> {
    /// # Safety
    /// `element` was allocated with the geometry of `RefZone<T, S>` and is the caller's.
    #[inline]
    pub(crate) unsafe fn fill(element: NonNull<u8>, value: T) -> Self {
        let element = element.cast::<Counted<T>>();
        // SAFETY: the element is large and aligned enough, and nobody else's.
        unsafe {
            element.write(Counted {
                count: AtomicU32::new(1),
                value,
            })
        };
        ZRef {
            element,
            _types: PhantomData,
        }
    }

    #[inline]
    fn counted(&self) -> &Counted<T> {
        // SAFETY: this reference is counted, so the element holds a value.
        unsafe { self.element.as_ref() }
    }

    /// One reference more, unless there are 2³¹.
    #[inline]
    pub fn try_ref(&self) -> Result<Self, TooManyReferences> {
        let count = &self.counted().count;
        // Others may add at the same time; 2³¹ more of them would have to, before the count wraps.
        if count.fetch_add(1, Ordering::Relaxed) >= LIMIT {
            count.fetch_sub(1, Ordering::Relaxed);
            return Err(TooManyReferences);
        }
        Ok(ZRef {
            element: self.element,
            _types: PhantomData,
        })
    }

    /// References at this moment.
    #[inline]
    pub fn count(&self) -> u32 {
        self.counted().count.load(Ordering::Acquire)
    }

    /// Whether both refer to the same element.
    #[inline]
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.element == other.element
    }

    /// A number that no other live element has: its address.
    #[inline]
    pub fn id(&self) -> usize {
        self.element.as_ptr() as usize
    }

    /// Gives the reference up. Answers the value if it was the last one, so that the owner can take
    /// the value apart; the element goes back to its zone.
    pub fn into_inner_if_last(self) -> Option<T> {
        let kept = ManuallyDrop::new(self);
        if !kept.release() {
            return None;
        }
        // SAFETY: the count is zero: the element is only ours, and the value is read once.
        unsafe {
            let Counted { value, .. } = kept.element.read();
            ZonePtr::<S::Platform>::free(kept.element.cast(), Zone::<Counted<T>, S>::GEOMETRY);
            Some(value)
        }
    }

    /// The value, if this is the only reference.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        if self.count() != 1 {
            return None;
        }
        // SAFETY: the count is one and this is it; `&mut self` keeps it from being cloned meanwhile.
        Some(unsafe { &mut self.element.as_mut().value })
    }

    /// Takes one off the count; answers whether none is left.
    #[inline]
    fn release(&self) -> bool {
        if self.counted().count.fetch_sub(1, Ordering::Release) != 1 {
            return false;
        }
        // What the other owners did to the value happened before it goes.
        fence(Ordering::Acquire);
        true
    }

    /// For tests: as if there were as many references as there can be. Answers how many there are, for
    /// [`restore`](Self::restore); until then none may be dropped.
    #[cfg(any(test, feature = "host"))]
    pub fn saturate(&self) -> u32 {
        self.counted().count.swap(LIMIT, Ordering::Relaxed)
    }

    /// For tests: the count is right again.
    #[cfg(any(test, feature = "host"))]
    pub fn restore(&self, count: u32) {
        self.counted().count.store(count, Ordering::Relaxed);
    }
}

impl<T, S: ChunkSource> Deref for ZRef<T, S> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.counted().value
    }
}

impl<T, S: ChunkSource> Drop for ZRef<T, S> {
    #[inline]
    fn drop(&mut self) {
        if self.release() {
            // SAFETY: the count is zero: the element is only ours. The value is dropped once.
            unsafe {
                self.element.drop_in_place();
                ZonePtr::<S::Platform>::free(self.element.cast(), Zone::<Counted<T>, S>::GEOMETRY);
            }
        }
    }
}

impl<T: fmt::Debug, S: ChunkSource> fmt::Debug for ZRef<T, S> {
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
    fn the_count_saturates_with_an_error() {
        let source = HostChunks::<12>::new();
        let zones = Zones::new();
        let zone: RefZone<u32, _> = zones
            .zone(&source, "counted", ZoneOptions::default())
            .expect("memory");
        let one = zone.alloc_ref(&source, 5).expect("memory");
        one.restore(LIMIT - 1);
        let two = one.try_ref().expect("one below the limit");
        assert_eq!(one.try_ref().err(), Some(TooManyReferences));
        assert_eq!(two.count(), LIMIT);
        one.restore(2);
        drop(one);
        assert_eq!(two.into_inner_if_last(), Some(5));
        drop(zone);
        zones.destroy(&source).expect("nothing is in use");
    }
}
