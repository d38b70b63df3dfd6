//! What a zone tells of itself: its line for zprint, and a recount of all its elements.
//!
//! Owns: the census, and what it may find wrong. Does not own: the chunks and the counters (`raw`).
//! Locks: `lists`, for the whole recount.

use super::ZonePtr;
use crate::chunk::{CACHED, Place, USED};
use abi::region::ZoneInfo;
use core::sync::atomic::Ordering;
use sync::Platform;

/// What a recount found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Census {
    /// Elements in use.
    pub used: u64,
    /// Elements in magazines.
    pub cached: u64,
    /// Elements free in chunks.
    pub free: u64,
    /// Chunks.
    pub chunks: u64,
}

/// What a recount found wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuditError {
    /// A magazine is in use: the zone is not quiet.
    Busy,
    /// Counted as in use, found in use.
    Used(u64, u64),
    /// In magazines, found marked so.
    Cached(u64, u64),
    /// Counted chunks, found chunks.
    Chunks(u64, u64),
    /// A chunk's free list does not match its marks.
    FreeList,
    /// A chunk is on the wrong list.
    Listed,
}

impl<P: Platform> ZonePtr<P> {
    /// The zone's line for zprint.
    pub fn info(self) -> ZoneInfo {
        let (chunks, peak, empty) = {
            let lists = self.lists.lock();
            (
                lists.chunks as u64,
                lists.peak as u64,
                lists.empty.length() as u64,
            )
        };
        let (allocs, frees) = self.totals();
        let (chunk, size) = (self.geometry.chunk_bytes as u64, self.size as u64);
        ZoneInfo {
            count: allocs.saturating_sub(frees),
            cur_size: chunks * chunk,
            max_size: peak * chunk,
            elem_size: size,
            alloc_size: chunk,
            sum_size: allocs.wrapping_mul(size),
            exhaustible: u64::from(self.limit.is_some()),
            collectable: 1 | (empty * chunk) << 1,
        }
    }

    /// Recounts the zone's chunks, element by element. The zone must be quiet.
    pub fn audit(self) -> Result<Census, AuditError> {
        let mut census = Census::default();
        if self.geometry.first == 0 {
            // Elements that are whole chunks have no marks: only the two counts can be compared.
            let (used, chunks) = (self.count(), self.lists.lock().chunks as u64);
            return if used == chunks {
                Ok(Census {
                    used,
                    chunks,
                    ..census
                })
            } else {
                Err(AuditError::Used(used, chunks))
            };
        }
        let mut wrong = None;
        let lists = self.lists.lock();
        for (list, place) in [
            (&lists.full, Place::Full),
            (&lists.partial, Place::Partial),
            (&lists.empty, Place::Empty),
        ] {
            // SAFETY: the lock is held; links are below the capacity.
            unsafe {
                list.for_each(|chunk| {
                    census.chunks += 1;
                    let (free, capacity) = chunk.fill();
                    if chunk.place() != place {
                        wrong = Some(AuditError::Listed);
                    }
                    let states = (0..usize::from(capacity))
                        .map(|index| chunk.link(index).load(Ordering::Relaxed));
                    let (used, cached) = states.fold((0, 0), |(used, cached), state| match state {
                        USED => (used + 1, cached),
                        CACHED => (used, cached + 1),
                        _ => (used, cached),
                    });
                    census.used += used;
                    census.cached += cached;
                    census.free += u64::from(free);
                    if chunk.count_free() != Some(free)
                        || used + cached + u64::from(free) != u64::from(capacity)
                    {
                        wrong = Some(AuditError::FreeList);
                    }
                });
            }
        }
        if let Some(error) = wrong {
            return Err(error);
        }
        let mut cached = 0;
        for magazine in self.magazines() {
            cached += magazine.length().ok_or(AuditError::Busy)? as u64;
        }
        let counted = self.count();
        if lists.chunks as u64 != census.chunks {
            Err(AuditError::Chunks(lists.chunks as u64, census.chunks))
        } else if counted != census.used {
            Err(AuditError::Used(counted, census.used))
        } else if cached != census.cached {
            Err(AuditError::Cached(cached, census.cached))
        } else {
            Ok(census)
        }
    }
}
