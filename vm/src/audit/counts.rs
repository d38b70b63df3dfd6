//! The sums of an audit: frames, mappings, purgeable memory, zones.
//!
//! Owns: the comparison of what was counted anew with what is kept. Does not own: the walk (`audit`).

use super::{Audit, AuditError, wrong};
use crate::machine::Machine;
use crate::page::PageState;
use crate::residence::{ACCOUNTS, Residence};
use crate::vm::Vm;

impl<M: Machine> Vm<M> {
    pub(super) fn audit_counts(&self, audit: &Audit) -> Result<(), AuditError> {
        let free = self.frames.audit().map_err(|what| wrong(what, 0))?;
        let queues = self.queues.counts();
        let queued = [
            queues.active,
            queues.inactive_internal,
            queues.inactive_file,
            queues.speculative,
            queues.laundry,
            queues.wired,
        ]
        .iter()
        .fold(0u64, |sum, pages| sum.saturating_add(pages.0));
        if queued != audit.report.pages {
            return Err(wrong(
                "I-COUNT-1: pages of objects and of queues differ",
                queued,
            ));
        }
        if !self.dirty_agrees(audit) {
            return Err(wrong("I-DIRTY-1: dirty pages and their count differ", 0));
        }
        if audit.mapped != audit.report.mappings {
            return Err(wrong(
                "I-PTE-3: reverse maps and page tables differ",
                audit.mapped,
            ));
        }
        let accounts = self.accounts();
        if accounts != audit.accounts {
            let differ = accounts
                .iter()
                .zip(&audit.accounts)
                .position(|(a, b)| a != b);
            return Err(wrong(
                "I-COUNT-2: what pmaps count and what their mappings count as differ",
                differ.unwrap_or(0) as u64,
            ));
        }
        if !self.purge_queues.survey().1 {
            return Err(wrong(
                "I-PURGE-1: a volatile object is not what it should be",
                0,
            ));
        }
        let mut known = 0u64;
        self.purge_queues.lock().each(|record| {
            let own = record.home().and_then(|object| object.ledger_record());
            known = known.saturating_add(u64::from(own.is_some_and(|own| own.ptr_eq(record))));
        });
        if known != audit.purgeable {
            return Err(wrong(
                "I-PURGE-2: purgeable objects and those that are charged differ",
                known,
            ));
        }
        if !self.charges_agree() {
            return Err(wrong(
                "I-PURGE-2: an owner has ended, or is not charged for what is needed",
                0,
            ));
        }
        let kernel = self.frames.kernel_count();
        let pages = self.frames.pages();
        let mut own = 0u64;
        for page in pages.ids() {
            let state = pages.get(page).state();
            if matches!(state, PageState::Kernel | PageState::Boot) {
                own = own.saturating_add(1);
            }
        }
        if own != kernel.0 {
            return Err(wrong(
                "I-COUNT-1: the kernel's frames and their count differ",
                own,
            ));
        }
        let sum = free.0.saturating_add(queued).saturating_add(kernel.0);
        if sum != self.total_pages().0 {
            return Err(wrong(
                "I-COUNT-1: the counts do not add up to all frames",
                sum,
            ));
        }
        if self.zone_registry().audit().is_err() {
            return Err(wrong(
                "I-ZONE-1: a zone's elements and its counts differ",
                0,
            ));
        }
        Ok(())
    }
    /// What all pmaps count, by kind.
    fn accounts(&self) -> [u64; ACCOUNTS] {
        let mut sums = [0u64; ACCOUNTS];
        self.registry.each_map(|map| {
            let Some(pmap) = self.shown_by(map) else {
                return;
            };
            let Residence { by, .. } = self.machine().pmap_residence(pmap);
            for (sum, pages) in sums.iter_mut().zip(by) {
                *sum = sum.saturating_add(pages.0);
            }
        });
        sums
    }
}
