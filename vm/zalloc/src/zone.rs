//! A zone of one type.
//!
//! Owns: the typed way in. Does not own: the elements that are out; they are their handles'.

use crate::boxed::ZBox;
use crate::geometry::Geometry;
use crate::raw::{AuditError, Census, ZonePtr};
use crate::reserve::Reserve;
use crate::source::ChunkSource;
use abi::region::ZoneInfo;
use core::marker::PhantomData;
use core::sync::atomic::Ordering;

/// There was no memory, or the zone is at its limit. Gives back the value that found no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exhausted<T>(pub T);

/// Allocates elements of type `T` in chunks that an `S` gives.
pub struct Zone<T, S: ChunkSource> {
    pub(crate) raw: ZonePtr<S::Platform>,
    _types: PhantomData<fn(T) -> S>,
}

impl<T, S: ChunkSource> Zone<T, S> {
    pub(crate) const GEOMETRY: Geometry = Geometry::of::<T>(S::PAGE_SIZE);

    /// `raw` has the geometry of `T`.
    pub(crate) fn new(raw: ZonePtr<S::Platform>) -> Self {
        raw.handles.fetch_add(1, Ordering::Relaxed);
        Zone {
            raw,
            _types: PhantomData,
        }
    }

    /// Moves `value` into a new element.
    #[inline]
    pub fn alloc(&self, source: &S, value: T) -> Result<ZBox<T, S>, Exhausted<T>> {
        match self.raw.alloc(source, Self::GEOMETRY) {
            // SAFETY: the element is new, and as large and aligned as `T`.
            Some(element) => Ok(unsafe { ZBox::fill(element, value) }),
            None => Err(Exhausted(value)),
        }
    }

    /// Takes `count` elements for later, or none.
    pub fn reserve(&self, source: &S, count: usize) -> Result<Reserve<T, S>, Exhausted<()>> {
        let mut reserve = Reserve::new();
        reserve.refill(self, source, count)?;
        Ok(reserve)
    }

    /// Gives empty chunks, and what this CPU's magazine keeps from being empty, back to the source.
    /// Answers their bytes. The other CPUs' magazines stay as they are.
    pub fn gc(&self, source: &S) -> usize {
        self.raw.drain();
        self.raw.release_empty(|chunk| source.free_chunk(chunk))
    }

    /// The zone's name.
    pub fn name(&self) -> &'static str {
        self.raw.name
    }

    /// The zone's line for zprint.
    pub fn info(&self) -> ZoneInfo {
        self.raw.info()
    }

    /// Elements in use.
    pub fn count(&self) -> u64 {
        self.raw.count()
    }

    /// Recounts the zone. It must be quiet: no thread allocates or frees here.
    pub fn audit(&self) -> Result<Census, AuditError> {
        self.raw.audit()
    }
}

impl<T, S: ChunkSource> Drop for Zone<T, S> {
    fn drop(&mut self) {
        self.raw.handles.fetch_sub(1, Ordering::Release);
    }
}
