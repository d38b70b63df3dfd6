//! The rules in force by which requests fail (`rule`).
//!
//! Owns: the one list. Does not own: what a rule says. Set by the boot argument `block_fail=`, by `sysctl
//! debug.block_fail=`, and by tests.

use super::rule::{Fate, Rules};
use super::Operation;
use crate::platform::{BlockRank, SpinLock};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

static RULES: SpinLock<BlockRank, Rules> = SpinLock::new(Rules::NONE);
/// Whether there are any: a request without rules costs one load.
static ARMED: AtomicBool = AtomicBool::new(false);

/// Puts other rules in force.
pub fn set(rules: Rules) {
    *RULES.lock() = rules;
    ARMED.store(!rules.is_empty(), Relaxed);
}

/// The rules in force.
pub fn rules() -> Rules {
    *RULES.lock()
}

/// What becomes of a request, if a rule strikes it.
pub(super) fn strike(device: &str, operation: Operation, at: u64, length: u64) -> Option<Fate> {
    if !ARMED.load(Relaxed) {
        return None;
    }
    RULES.lock().strike(device, operation, at, length)
}
