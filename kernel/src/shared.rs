//! A counted reference whose making may fail.
//!
//! Owns: [`Shared`], the kernel's `Arc` for what programs may have many of (tasks, threads, files):
//! stable Rust's own cannot report that memory is exhausted. Its value lies on the heap, or in a zone
//! of its type. Does not own: the zones (`zones`); locking: a `Shared` gives out shared references only.

use alloc::alloc::{Layout, alloc, dealloc};
use alloc::vec::Vec;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering, fence};
use zalloc::{ChunkSource, ZBox, Zone};

/// The kernel's own memory is exhausted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoMemory;

impl From<NoMemory> for abi::Errno {
    fn from(_: NoMemory) -> Self {
        Self::ENOMEM
    }
}

/// A value, its count, and how both end.
pub struct Inner<T> {
    count: AtomicUsize,
    /// Drops the whole and gives the memory back where it came from.
    end: unsafe fn(NonNull<Self>),
    value: T,
}

/// A counted reference to a value that lives until the last one is dropped.
pub struct Shared<T> {
    inner: NonNull<Inner<T>>,
}

// SAFETY: a `Shared` gives `&T` to whoever has it and drops the `T` where the last one dies.
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Moves `value` to the heap.
    pub fn try_new(value: T) -> Result<Self, NoMemory> {
        let layout = Layout::new::<Inner<T>>();
        // SAFETY: the layout is not empty, because `Inner` holds a counter.
        let memory = unsafe { alloc(layout) }.cast::<Inner<T>>();
        let inner = NonNull::new(memory).ok_or(NoMemory)?;
        let first = Inner {
            count: AtomicUsize::new(1),
            end: end_on_heap,
            value,
        };
        // SAFETY: the memory was just allocated with this type's layout.
        unsafe { inner.write(first) };
        Ok(Self { inner })
    }

    /// Moves `value` to an element of a zone.
    pub fn try_in<S: ChunkSource>(
        zone: &Zone<Inner<T>, S>,
        source: &S,
        value: T,
    ) -> Result<Self, NoMemory> {
        let first = Inner {
            count: AtomicUsize::new(1),
            end: end_in_zone::<T, S>,
            value,
        };
        let element = zone.alloc(source, first).map_err(|_| NoMemory)?;
        Ok(Self {
            inner: element.into_raw(),
        })
    }

    /// Whether both refer to the same value.
    pub fn same(&self, other: &Self) -> bool {
        self.inner == other.inner
    }

    /// How many references exist at this moment.
    pub fn references(&self) -> usize {
        self.inner().count.load(Ordering::Relaxed)
    }

    /// Gives up the reference without counting it down; [`Shared::from_raw`] takes it up again.
    pub fn into_raw(self) -> *const T {
        let value: *const T = &raw const self.inner().value;
        core::mem::forget(self);
        value
    }

    /// Takes up a reference that [`Shared::into_raw`] gave.
    ///
    /// # Safety
    /// `value` comes from `into_raw` of this type, and each `into_raw` is answered once.
    pub unsafe fn from_raw(value: *const T) -> Self {
        let offset = core::mem::offset_of!(Inner<T>, value);
        // SAFETY: the value lies at this offset of the allocation that `into_raw` kept alive.
        let inner = unsafe { value.byte_sub(offset) }
            .cast::<Inner<T>>()
            .cast_mut();
        // SAFETY: it points into an allocation, so it is not null.
        let inner = unsafe { NonNull::new_unchecked(inner) };
        Self { inner }
    }

    fn inner(&self) -> &Inner<T> {
        // SAFETY: this reference keeps the allocation alive.
        unsafe { self.inner.as_ref() }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner().value
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        let before = self.inner().count.fetch_add(1, Ordering::Relaxed);
        assert!(
            before < usize::MAX / 2,
            "I-REF-1: a reference count overflows"
        );
        Self { inner: self.inner }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        if self.inner().count.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire);
        let end = self.inner().end;
        // SAFETY: the count fell to zero, so nobody else can reach the value; `end` fits where it lies,
        // because both were chosen together.
        unsafe { end(self.inner) };
    }
}

/// # Safety
/// `inner` was made by [`Shared::try_new`] and is not used again.
unsafe fn end_on_heap<T>(inner: NonNull<Inner<T>>) {
    // SAFETY: the allocation was made with this layout, and nobody else has it.
    unsafe {
        inner.drop_in_place();
        dealloc(inner.as_ptr().cast(), Layout::new::<Inner<T>>());
    }
}

/// # Safety
/// `inner` was made by [`Shared::try_in`] with a zone of this source, and is not used again.
unsafe fn end_in_zone<T, S: ChunkSource>(inner: NonNull<Inner<T>>) {
    // SAFETY: `try_in` made the element raw, and this is the one answer to that.
    drop(unsafe { ZBox::<Inner<T>, S>::from_raw(inner) });
}

/// Appends to a vector, or says that memory is exhausted.
pub fn try_push<T>(vector: &mut Vec<T>, value: T) -> Result<(), NoMemory> {
    vector.try_reserve(1).map_err(|_| NoMemory)?;
    vector.push(value);
    Ok(())
}

/// Gives back what a vector that grew by pushing has too much of, as far as there is memory for a
/// smaller one: as many elements need as much memory whatever was there before.
pub fn try_shrink<T>(vector: &mut Vec<T>) {
    const LEAST: usize = 4;
    let enough = match vector.len() {
        0 => 0,
        length => length.next_power_of_two().max(LEAST),
    };
    let mut smaller = Vec::new();
    if vector.capacity() > enough && smaller.try_reserve_exact(enough).is_ok() {
        smaller.append(vector);
        *vector = smaller;
    }
}

/// A copy of `bytes` on the heap.
pub fn try_bytes(bytes: &[u8]) -> Result<Vec<u8>, NoMemory> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| NoMemory)?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// `length` zero bytes on the heap.
pub fn try_zeroed(length: usize) -> Result<Vec<u8>, NoMemory> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| NoMemory)?;
    bytes.resize(length, 0);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    use std::rc::Rc;

    #[test]
    fn the_last_reference_drops_the_value_once() {
        struct Noisy(Rc<Cell<u32>>);
        impl Drop for Noisy {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let drops = Rc::new(Cell::new(0));
        let first = Shared::try_new(Noisy(drops.clone())).unwrap();
        let second = first.clone();
        assert!(first.same(&second));
        assert_eq!(first.references(), 2);
        drop(first);
        assert_eq!(drops.get(), 0);
        let raw = second.into_raw();
        // SAFETY: `raw` comes from `into_raw`.
        drop(unsafe { Shared::from_raw(raw) });
        assert_eq!(drops.get(), 1);
    }

    #[test]
    fn a_zone_gets_its_element_back_with_the_last_reference() {
        let source = zalloc::host::HostChunks::<12>::new();
        let zones = zalloc::Zones::new();
        let options = zalloc::ZoneOptions::default();
        let zone: Zone<Inner<Rc<()>>, _> = zones.zone(&source, "shared", options).unwrap();
        let value = Rc::new(());
        let first = Shared::try_in(&zone, &source, value.clone()).unwrap();
        let second = first.clone();
        assert_eq!((zone.count(), Rc::strong_count(&value)), (1, 2));
        drop(first);
        assert_eq!((zone.count(), Rc::strong_count(&value)), (1, 2));
        drop(second);
        assert_eq!((zone.count(), Rc::strong_count(&value)), (0, 1));
        source.injector().fail_once(1);
        assert!(Shared::try_in(&zone, &source, value.clone()).is_err());
        assert_eq!(
            Rc::strong_count(&value),
            1,
            "what found no place is dropped"
        );
        drop(zone);
        assert!(zones.destroy(&source).is_ok());
    }
}
