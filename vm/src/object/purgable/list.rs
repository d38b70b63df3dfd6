//! Lists of purgeable objects' records, by links in the records.
//!
//! Owns: the links. Does not own: which list a record belongs to, and in which order (`purgable`).
//! Locks: the queues' lock, held by the caller; each record's for a moment.

use super::{Known, RecordRef};
use crate::machine::Machine;

/// The chains that a record is in: its group's, the tokens of its queue by age, and that of all.
#[derive(Clone, Copy)]
pub(super) enum Chain {
    Group = 0,
    Tokens = 1,
    All = 2,
}

/// Which end of a list: `First` is purged first.
#[derive(Clone, Copy)]
pub(super) enum End {
    First = 0,
    Last = 1,
}

pub(super) struct List<M: Machine>([Option<RecordRef<M>>; 2]);

impl<M: Machine> List<M> {
    pub(super) const fn new() -> Self {
        Self([const { None }; 2])
    }

    pub(super) fn insert(&mut self, record: &RecordRef<M>, chain: Chain, end: End) {
        let (chain, end) = (chain as usize, end as usize);
        let old = core::mem::replace(&mut self.0[end], record.try_ref().ok());
        match &old {
            Some(old) => old.0.lock().links[chain][end] = record.try_ref().ok(),
            None => self.0[1 ^ end] = record.try_ref().ok(),
        }
        record.0.lock().links[chain][1 ^ end] = old;
    }

    pub(super) fn remove(&mut self, record: &RecordRef<M>, chain: Chain) {
        let chain = chain as usize;
        let [before, after] = core::mem::take(&mut record.0.lock().links[chain]);
        let again = |record: &Option<RecordRef<M>>| record.as_ref().and_then(|r| r.try_ref().ok());
        match &before {
            Some(before) => before.0.lock().links[chain][End::Last as usize] = again(&after),
            None => self.0[End::First as usize] = again(&after),
        }
        match &after {
            Some(after) => after.0.lock().links[chain][End::First as usize] = before,
            None => self.0[End::Last as usize] = before,
        }
    }

    pub(super) fn first(&self) -> Option<RecordRef<M>> {
        self.0[End::First as usize]
            .as_ref()
            .and_then(|record| record.try_ref().ok())
    }

    /// The first record that `is_it`.
    pub(super) fn find(&self, is_it: impl Fn(&Known<M>) -> bool) -> Option<RecordRef<M>> {
        let mut next = self.first();
        while let Some(record) = next {
            let known = record.0.lock();
            if is_it(&known) {
                drop(known);
                return Some(record);
            }
            let after = &known.links[Chain::Group as usize][End::Last as usize];
            let after = after.as_ref().and_then(|record| record.try_ref().ok());
            drop(known);
            next = after;
        }
        None
    }
}
