//! Where a new range goes, and what a map refuses to take.
//!
//! Owns: the address of a placement, random addresses, the limits of a map's size and what it may
//! hold. Does not own: what is entered there (`enter`). Locks: the map's.

use super::enter::Placement;
use super::tree::Hole;
use super::{Map, MapState};
use crate::addr::{Range, VirtAddr};
use crate::machine::Machine;
use crate::vm::Vm;
use abi::{KernReturn, Protection};
use core::sync::atomic::Ordering::Relaxed;

/// How many random addresses are tried.
const TRIES: u32 = 1000;

bitflags::bitflags! {
    /// What a map does not do, though its arguments are right.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Restrictions: u8 {
        /// Nothing may be entered any more.
        const TERMINATED = 1;
        /// Nothing becomes executable any more.
        const NO_NEW_EXECUTE = 2;
        /// Its size has a limit.
        const SIZE = 4;
    }
}

/// What a task may have, in bytes: `RLIMIT_AS` and `RLIMIT_MEMLOCK`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapLimits {
    /// The sum of all entries.
    pub size: u64,
    /// What the user may wire.
    pub wired: u64,
}

impl Default for MapLimits {
    fn default() -> Self {
        Self {
            size: u64::MAX,
            wired: u64::MAX,
        }
    }
}

impl<M: Machine> Vm<M> {
    /// Seeds the random addresses; the same seed and the same calls give the same addresses.
    pub fn seed(&self, seed: u64) {
        self.random.store(seed, Relaxed);
    }

    /// A random number (splitmix64).
    pub(super) fn random(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut word = self.random.fetch_add(STEP, Relaxed).wrapping_add(STEP);
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    /// Limits a map from now on; what it has beyond a limit stays. A child inherits them.
    pub fn map_set_limits(&self, map: &Map<M>, limits: MapLimits) {
        let mut state = map.write();
        state.allowed = limits;
        state
            .restrictions
            .set(Restrictions::SIZE, limits.size != u64::MAX);
    }

    /// `vm_map_exec_lockdown`: nothing in the map becomes executable any more.
    pub fn map_exec_lockdown(&self, map: &Map<M>) {
        map.write().restrictions |= Restrictions::NO_NEW_EXECUTE;
    }

    /// A place for a random range: a random address that is free, or the next one after it where the
    /// mask is kept.
    #[cold]
    #[inline(never)]
    pub(super) fn place_randomly(
        &self,
        state: &MapState<M>,
        (size, mask): (u64, u64),
    ) -> Result<Range, KernReturn> {
        let lowest = state.limits.start.0.max(M::PAGE_SIZE);
        let room = state.limits.end.0.checked_sub(lowest);
        let room = room.and_then(|room| room.checked_sub(size));
        let room = room.ok_or(KernReturn::NO_SPACE)? >> M::PAGE_SHIFT;
        for _ in 0..TRIES {
            let page = self
                .random()
                .checked_rem(room.saturating_add(1))
                .unwrap_or(0);
            let at = VirtAddr(lowest.saturating_add(page << M::PAGE_SHIFT));
            let range = Range::new(at, VirtAddr(at.0.saturating_add(size)));
            if state.tree.is_free(range) {
                return state.place(Placement::Anywhere(at), size, mask);
            }
        }
        Err(KernReturn::NO_SPACE)
    }
}

impl<M: Machine> MapState<M> {
    /// The range that a placement means now.
    pub(crate) fn place(
        &self,
        placement: Placement,
        size: u64,
        mask: u64,
    ) -> Result<Range, KernReturn> {
        self.place_inline(placement, size, mask)
    }

    /// The same, for the one caller that is often called.
    #[inline(always)]
    pub(super) fn place_inline(
        &self,
        placement: Placement,
        size: u64,
        mask: u64,
    ) -> Result<Range, KernReturn> {
        if self.restrictions.contains(Restrictions::TERMINATED) {
            return Err(KernReturn::TERMINATED);
        }
        match placement {
            Placement::Random => self.place(Placement::Anywhere(VirtAddr(0)), size, mask),
            Placement::Anywhere(hint) => {
                // Page 0 is never given.
                let from = hint.0.max(self.limits.start.0).max(M::PAGE_SIZE);
                let hole = Hole {
                    size,
                    mask: mask | M::PAGE_SIZE.wrapping_sub(1),
                    limit: self.limits.end.0,
                };
                let at = self.tree.hole(VirtAddr(from), hole);
                let at = at.ok_or(KernReturn::NO_SPACE)?;
                let end = at.0.checked_add(size).ok_or(KernReturn::NO_SPACE)?;
                Ok(Range::new(at, VirtAddr(end)))
            }
            Placement::Fixed(at) | Placement::Overwrite(at) => {
                if at.0 & mask != 0 {
                    return Err(KernReturn::NO_SPACE);
                }
                let end = at.0.checked_add(size).ok_or(KernReturn::INVALID_ADDRESS)?;
                if at < self.limits.start || end > self.limits.end.0 {
                    return Err(KernReturn::INVALID_ADDRESS);
                }
                let range = Range::new(at, VirtAddr(end));
                if matches!(placement, Placement::Fixed(_)) && !self.tree.is_free(range) {
                    return Err(KernReturn::NO_SPACE);
                }
                Ok(range)
            }
        }
    }

    /// Whether the map, which has restrictions, takes a new entry in a place that was found.
    #[cold]
    #[inline(never)]
    pub(super) fn check_restrictions(
        &self,
        protection: Protection,
        range: Range,
    ) -> Result<(), KernReturn> {
        if self.refuses_execute(protection) {
            return Err(KernReturn::PROTECTION_FAILURE);
        }
        // What is overwritten makes room.
        let mut size = self.size.saturating_add(range.len());
        self.tree.visit(range, |entry| {
            let part = entry.range().intersect(range).unwrap_or_default();
            size = size.saturating_sub(part.len());
            None::<()>
        });
        if size > self.allowed.size {
            return Err(KernReturn::NO_SPACE);
        }
        Ok(())
    }

    /// Whether memory with this protection must not come to be.
    pub(super) fn refuses_execute(&self, protection: Protection) -> bool {
        self.restrictions.contains(Restrictions::NO_NEW_EXECUTE)
            && protection.contains(Protection::EXECUTE)
    }
}
