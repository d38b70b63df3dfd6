//! How much memory users may wire.
//!
//! Owns: the limits of the machine and of a task, and their count (xnu-vm.md §2.11).
//! Does not own: the count of what is wired (`wire`, `queues`). Locks: the map's, held by the caller.

use super::MapState;
use crate::counters::Event;
use crate::machine::Machine;
use crate::vm::Vm;

/// Of a hundred bytes of memory, those that users may wire: for machines below 8 GiB, and one step
/// for each power of two above.
const PERCENT: [u64; 10] = [70, 73, 76, 79, 82, 85, 88, 91, 94, 97];
/// The step of a machine is log2 of its bytes, less this.
const FIRST_STEP: u32 = 32;
/// The most bytes that are kept from users.
const KEPT_MOST: u64 = 32 << 30;

/// Bytes of a machine with `memory` bytes that users may wire.
const fn wirable(memory: u64) -> u64 {
    let step = match memory.checked_ilog2() {
        Some(log) => log.saturating_sub(FIRST_STEP) as usize,
        None => 0,
    };
    let last = PERCENT.len().saturating_sub(1);
    let percent = PERCENT[if step < last { step } else { last }];
    let share = (memory / 100).saturating_mul(percent);
    let least = memory.saturating_sub(KEPT_MOST);
    if share > least { share } else { least }
}

/// What one call may still wire.
pub(super) struct WireCheck {
    task: u64,
    global: u64,
}

impl WireCheck {
    /// Some bytes more; or which limit they would pass.
    pub(super) fn add(&mut self, bytes: u64) -> Result<(), Event> {
        self.task = self.task.checked_sub(bytes).ok_or(Event::OverUserLimit)?;
        self.global = self
            .global
            .checked_sub(bytes)
            .ok_or(Event::OverGlobalLimit)?;
        Ok(())
    }
}

impl<M: Machine> Vm<M> {
    /// Bytes that one task's users may wire: `vm.user_wire_limit`. A task's own limit may be lower.
    pub fn user_wire_limit(&self) -> u64 {
        wirable(self.memory())
    }

    /// Bytes that may be wired in all, the kernel's own included: `vm.global_user_wire_limit`.
    pub fn global_user_wire_limit(&self) -> u64 {
        wirable(self.memory())
    }

    /// Bytes that users leave alone: `vm.global_no_user_wire_amount`.
    pub fn global_no_user_wire_amount(&self) -> u64 {
        self.memory().saturating_sub(self.global_user_wire_limit())
    }

    fn memory(&self) -> u64 {
        self.total_pages().0.saturating_mul(M::PAGE_SIZE)
    }

    /// What a call on this map may wire.
    pub(super) fn wire_check(&self, state: &MapState<M>) -> WireCheck {
        let kernel = self.frames.kernel_count().0;
        let wired = self.queues.wired().0.saturating_add(kernel);
        let wired = wired.saturating_mul(M::PAGE_SIZE);
        let task = self.user_wire_limit().min(state.allowed.wired);
        WireCheck {
            task: task.saturating_sub(state.user_wired),
            global: self.global_user_wire_limit().saturating_sub(wired),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_grows_with_the_machine() {
        let gib = 1u64 << 30;
        assert_eq!(wirable(0), 0);
        assert_eq!(wirable(100 << 20), 70 << 20);
        assert_eq!(wirable(4 * gib), 4 * gib / 100 * 70);
        assert_eq!(wirable(8 * gib), 8 * gib / 100 * 73);
        assert_eq!(wirable(15 * gib), 15 * gib / 100 * 73);
        assert_eq!(wirable(16 * gib), 16 * gib / 100 * 76);
        // 12 % of 256 GiB would be kept: less than 32 GiB. Of 1 TiB 6 %, more.
        assert_eq!(wirable(256 * gib), 256 * gib / 100 * 88);
        assert_eq!(wirable(1024 * gib), 992 * gib);
    }
}
