//! `debug.lock_statistics`: how often locks were taken, found held, and for how long they were held.
//!
//! Owns: the leaf, in kernels with the feature `lock-statistics` only. Does not own: the counts
//! (`sync::statistics`), the record (`abi::lock_statistics`).

use super::{Answer, DONE};
use crate::shared::NoMemory;
use crate::syscall::sysctl::Out;
use crate::user_memory::Plain;
use abi::lock_statistics::LockStatistics;
use alloc::vec::Vec;
use sync::rank::LIMIT;
use sync::statistics::{Row, reset, rows};

/// Answers a record for each rank; then, if anything is written, forgets all counts.
pub fn statistics(out: &Out, new: u64) -> Answer {
    let mut answer = Vec::new();
    let most = usize::from(LIMIT) * size_of::<LockStatistics>();
    answer.try_reserve_exact(most).map_err(|_| NoMemory)?;
    for Row { name, acquisitions, contended, longest } in rows() {
        let record = LockStatistics::new(name, acquisitions, contended, longest);
        answer.extend_from_slice(record.bytes());
    }
    out.give(&answer)?;
    if new != 0 {
        reset();
    }
    DONE
}
