//! What must hold after every operation, now and then, and at the end.
//!
//! Owns: the recounts, and the trace by which a failure is known to have left
//! nothing behind.

use super::system::{Failure, Pair, System};
use vm::Machine;
use vm::counters::Event;

const NAMES: [&str; 6] = [
    "mem_obj_memory_entries",
    "maps",
    "VM map entries",
    "vm objects",
    "vm object slots",
    "vm object nodes",
];

/// What there is of pages and their places. A page that is pushed into a copy object before the operation
/// fails is no trace: it shows there what showed before. Nor is a copy object that was linked between the
/// original and an older one: it stays until somebody looks at that one.
const PUSHED: [&str; 3] = ["pages of programs", "vm object slots", "vm object nodes"];

/// What must be the same before and after an operation that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    counts: Vec<(&'static str, u64)>,
    /// Pages that were pushed so far.
    pushes: u64,
    /// Copies that were put off so far.
    delayed: u64,
}

impl Trace {
    /// What there is more of than `before`. Less is no trace of a failure: chains become shorter
    /// whenever somebody looks.
    pub fn more_than(&self, before: &Trace) -> Vec<(&'static str, u64, u64)> {
        let pushed = self.pushes.saturating_sub(before.pushes);
        let delayed = self.delayed.saturating_sub(before.delayed);
        let pairs = self.counts.iter().zip(&before.counts);
        let more = pairs.filter(|(now, before)| {
            let grown = match now.0 {
                "vm objects" => delayed,
                name if PUSHED.contains(&name) => pushed,
                _ => 0,
            };
            now.1 > before.1.saturating_add(grown)
        });
        more.map(|(now, before)| (now.0, before.1, now.1)).collect()
    }
}

impl<const SHIFT: u32> System<SHIFT> {
    /// What every operation must leave in order.
    pub fn check_quick(&self) -> Result<(), Failure> {
        self.vm.machine().audit_tlbs()?;
        if sync::host::preempt_count() != 0 {
            return Err("I-LOCK-3: an operation ended with a spin lock held".into());
        }
        Ok(())
    }

    /// Recounts everything.
    pub fn audit(&self) -> Result<(), Failure> {
        self.vm.machine().audit_reverse()?;
        if self.held.is_none() {
            // A copy that is on its way is in no map.
            let audited = self.vm.audit();
            audited.map_err(|error| format!("audit: {error:?}"))?;
        }
        // Each page that a task has wired is one wiring of a frame, however often it was wired; so is each of
        // a superpage.
        let pages = self.vm.frames().pages();
        let counted: u64 = pages
            .ids()
            .map(|page| u64::from(pages.get(page).wirings()))
            .sum();
        let wired = |task: &Pair<SHIFT>| {
            task.model
                .pages
                .values()
                .filter(|page| page.is_wired())
                .count() as u64
        };
        let known = self.tasks.iter().map(wired).sum::<u64>() + self.kernel_pages();
        if counted != known {
            return Err(format!(
                "I-WIRE-2: {counted} wirings of frames, the reference has {known}"
            ));
        }
        for n in 0..self.tasks.len() {
            self.check_regions(n)?;
        }
        Ok(())
    }

    /// Counts of what exists, to compare before and after a failure.
    pub fn trace(&self) -> Trace {
        let zones = self.vm.zones();
        let mut counts: Vec<_> = zones.map(|(name, info)| (name, info.count)).collect();
        let statistics = self.vm.statistics();
        counts.push((
            "pages of programs",
            u64::from(statistics.internal_page_count),
        ));
        let tables = |task: &Pair<SHIFT>| self.vm.machine().pmap_tables(self.vm.pmap(&task.map)).0;
        counts.push(("page tables", self.tasks.iter().map(tables).sum()));
        Trace {
            counts,
            pushes: self.vm.counters().get(Event::Push),
            delayed: self.vm.counters().get(Event::DelayedCopy),
        }
    }

    /// Ends all tasks; everything must come back.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.release_entry();
        self.discard_copy();
        self.release_file()?;
        self.release_kernel()?;
        for task in self.tasks.drain(..) {
            self.vm.map_terminate(task.map);
        }
        if let Some(submap) = self.submap.take() {
            self.vm.map_terminate(submap);
        }
        self.check_quick()?;
        self.audit()?;
        let left: Vec<_> = self
            .vm
            .zones()
            .filter(|(name, info)| NAMES.contains(name) && info.count != 0)
            .map(|(name, info)| (name, info.count))
            .collect();
        // The kernel's map stays.
        if left
            .iter()
            .any(|(name, count)| *name != "maps" || *count != 1)
        {
            return Err(format!("left behind: {left:?}"));
        }
        Ok(())
    }
}
