//! What a test must leave as it found it.
//!
//! Owns: the count of pages and of zone elements, and their comparison. Does not own: whether the counts
//! are right (`Vm::audit`).
//!
//! Caches are emptied before the count, and what may stay behind for good reasons is not charged to a
//! test: chunks that hold somebody else's elements, tables of the kernel map, frames of the pv pool. What
//! lies in them is counted one by one.

use super::unmet::{Outcome, Unmet};
use crate::memory::vm;
use crate::sched::stack;

/// Zones that are compared; there are fewer.
const ZONES: usize = 96;

/// The counts at one moment.
pub struct Balance {
    /// Pages in use, without those of the caches' homes.
    pages: i64,
    /// Elements in use, zone by zone, in the order in which zones were made.
    elements: [i64; ZONES],
    /// Nodes of reverse maps.
    nodes: i64,
    /// Bytes and entries of the kernel map.
    kernel_map: (i64, i64),
    /// Processes.
    processes: i64,
}

impl Balance {
    /// Counts. The machine is quiet.
    pub fn take() -> Self {
        let vm = vm();
        stack::drain();
        crate::files::drain();
        crate::pageout::settle();
        vm.zone_registry().gc(vm.frames());
        let page = vm.page_size();
        let mut elements = [0; ZONES];
        let mut chunks = 0;
        for (count, (_, info)) in elements.iter_mut().zip(vm.zones()) {
            *count = info.count as i64;
            chunks += info.cur_size / page;
        }
        let (frames, nodes) = vm.machine().pool_usage();
        let tables = vm::Machine::pmap_tables(vm.machine(), vm::Machine::kernel_pmap(vm.machine()));
        let free = u64::from(vm.statistics().free_count);
        let used = vm.total_pages().0 - free;
        Self {
            pages: used as i64 - (chunks + u64::from(frames) + tables.0) as i64,
            elements,
            nodes: i64::from(nodes),
            kernel_map: vm
                .kernel_map()
                .map_or((0, 0), |map| (map.size() as i64, map.entry_count() as i64)),
            processes: crate::task::life::count() as i64,
        }
    }

    /// Pages gained since an earlier count.
    pub fn pages_since(&self, before: &Self) -> i64 {
        self.pages - before.pages
    }

    /// Zone elements gained since an earlier count.
    pub fn elements_since(&self, before: &Self) -> i64 {
        let sum = |balance: &Self| balance.elements.iter().sum::<i64>();
        sum(self) - sum(before)
    }

    /// Fails if the later count `after` differs.
    pub fn compare(&self, after: &Self) -> Outcome {
        let counts = self.elements.iter().zip(&after.elements);
        for ((before, after), (name, _)) in counts.zip(vm().zones()) {
            if before != after {
                return Err(lost(name, after - before));
            }
        }
        let others = [
            ("pages", after.pages - self.pages),
            ("pv nodes", after.nodes - self.nodes),
            (
                "bytes of the kernel map",
                after.kernel_map.0 - self.kernel_map.0,
            ),
            (
                "entries of the kernel map",
                after.kernel_map.1 - self.kernel_map.1,
            ),
            ("processes", after.processes - self.processes),
        ];
        match others.iter().find(|(_, gained)| *gained != 0) {
            Some(&(name, gained)) => Err(lost(name, gained)),
            None => Ok(()),
        }
    }
}

fn lost(what: &str, gained: i64) -> Unmet {
    let verb = if gained > 0 { "leaks" } else { "loses" };
    Unmet::failed(format_args!("{verb} {} {what}", gained.abs()))
}
