//! Elements taken beforehand.
//!
//! Owns: free elements that an operation may need once it holds locks and must not fail any more.
//! They count as in use. Dropping the reserve gives them back.

use crate::boxed::ZBox;
use crate::counted::{Counted, ZRef};
use crate::geometry::MIN_STRIDE;
use crate::raw::ZonePtr;
use crate::source::ChunkSource;
use crate::zone::{Exhausted, Zone};
use core::marker::PhantomData;
use core::ptr::NonNull;

/// Elements for `T`s, in a list through the elements themselves.
pub struct Reserve<T, S: ChunkSource> {
    head: Option<NonNull<u8>>,
    count: usize,
    _types: PhantomData<fn(T) -> S>,
}

// SAFETY: it owns empty elements, which have no thread.
unsafe impl<T, S: ChunkSource> Send for Reserve<T, S> {}
// SAFETY: a shared reserve gives out its count only.
unsafe impl<T, S: ChunkSource> Sync for Reserve<T, S> {}

const _: () = assert!(MIN_STRIDE >= size_of::<Option<NonNull<u8>>>());

impl<T, S: ChunkSource> Reserve<T, S> {
    /// An empty one.
    pub const fn new() -> Self {
        Reserve {
            head: None,
            count: 0,
            _types: PhantomData,
        }
    }

    /// Elements left.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes elements until there are `count`. If that fails, it keeps none of the new ones.
    pub fn refill(
        &mut self,
        zone: &Zone<T, S>,
        source: &S,
        count: usize,
    ) -> Result<(), Exhausted<()>> {
        let before = self.count;
        while self.count < count {
            match zone.raw.alloc(source, Zone::<T, S>::GEOMETRY) {
                Some(element) => self.push(element),
                None => {
                    while self.count > before {
                        self.give_back();
                    }
                    return Err(Exhausted(()));
                }
            }
        }
        Ok(())
    }

    /// Moves `value` into a reserved element; fails only when none is left.
    #[inline]
    pub fn fill(&mut self, value: T) -> Result<ZBox<T, S>, Exhausted<T>> {
        match self.pop() {
            // SAFETY: the element came from a `Zone<T, S>` and is only ours.
            Some(element) => Ok(unsafe { ZBox::fill(element, value) }),
            None => Err(Exhausted(value)),
        }
    }

    fn push(&mut self, element: NonNull<u8>) {
        // SAFETY: an element has at least 16 bytes aligned to 8, and this one is only ours.
        unsafe { element.cast::<Option<NonNull<u8>>>().write(self.head) };
        self.head = Some(element);
        self.count += 1;
    }

    #[inline]
    fn pop(&mut self) -> Option<NonNull<u8>> {
        let element = self.head?;
        // SAFETY: `push` wrote the link.
        self.head = unsafe { element.cast::<Option<NonNull<u8>>>().read() };
        self.count -= 1;
        Some(element)
    }

    fn give_back(&mut self) {
        if let Some(element) = self.pop() {
            // SAFETY: the element came from a `Zone<T, S>`, holds no value, and is only ours.
            unsafe { ZonePtr::<S::Platform>::free(element, Zone::<T, S>::GEOMETRY) };
        }
    }
}

impl<T, S: ChunkSource> Reserve<Counted<T>, S> {
    /// Moves `value` into a reserved element with one reference; fails only when none is left.
    #[inline]
    pub fn fill_ref(&mut self, value: T) -> Result<ZRef<T, S>, Exhausted<T>> {
        match self.pop() {
            // SAFETY: the element came from a `RefZone<T, S>` and is only ours.
            Some(element) => Ok(unsafe { ZRef::fill(element, value) }),
            None => Err(Exhausted(value)),
        }
    }
}

impl<T, S: ChunkSource> Default for Reserve<T, S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, S: ChunkSource> Drop for Reserve<T, S> {
    fn drop(&mut self) {
        while self.count > 0 {
            self.give_back();
        }
    }
}
