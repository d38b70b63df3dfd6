//! Nesting in a conformance run: tables of one pmap that the users' come to show, and cease to.
//!
//! Owns: where those tables lie, which user shows which, and the steps that change it. Does not own: what
//! is mapped there, which is the nested pmap's row of the model.
//!
//! The model knows each mapping once. An address of a user's that is nested has no row of its own:
//! whatever is done there is done by way of the nested pmap, as `vm` does it.

use super::{CLUSTER, NEST_CLUSTER, NESTED, Observer, Run, SPACES, leaf_size};
use crate::addr::{Range, VirtAddr};
use crate::batch::TlbBatch;
use crate::conformance::Failure;
use crate::machine::{FrameSource, Machine, NotEntered};

/// Tables that can be nested: the cluster lies across the border between them.
pub(super) const TABLES: usize = 2;

/// Which table that can be nested a slot is in.
fn table_of(slot: usize) -> Option<usize> {
    let inside = slot % CLUSTER;
    (slot / CLUSTER == NEST_CLUSTER).then_some(inside * TABLES / CLUSTER)
}

impl<M: Machine, O: Observer<M>> Run<'_, '_, M, O> {
    /// The addresses of a table that can be nested.
    fn table_range(&self, table: usize) -> Range {
        let leaf = leaf_size::<M>();
        let start = self.program.user_window.start.0 + (3 + table as u64) * leaf;
        Range::new(VirtAddr(start), VirtAddr(start + leaf))
    }

    /// The row of the model that says what an address of a space's maps.
    pub(super) fn holder(&self, space: usize, slot: usize) -> usize {
        let shows = |tables: &[bool; TABLES]| table_of(slot).is_some_and(|table| tables[table]);
        match self.shows.get(space) {
            Some(tables) if shows(tables) => NESTED,
            _ => space,
        }
    }

    /// Whether some user shows a slot of the nested pmap.
    pub(super) fn is_shown(&self, space: usize, slot: usize) -> bool {
        space == NESTED && (0..SPACES).any(|user| self.holder(user, slot) == NESTED)
    }

    /// How many tables are shown, counted once for each user.
    pub(super) fn nestings(&self) -> u64 {
        let shown = self.shows.iter().flatten().filter(|shows| **shows);
        shown.count() as u64
    }

    /// Some user comes to show a table, or ceases to.
    pub(super) fn nest(
        &mut self,
        frames: &mut dyn FrameSource,
        batch: &mut TlbBatch<'_, M>,
    ) -> Result<(), Failure> {
        self.doing = "nest";
        let (user, table) = (self.random(SPACES), self.random(TABLES));
        let range = self.table_range(table);
        match M::NESTING_SIZE {
            None => return Ok(()),
            Some(size) if size != range.len() => {
                return self.fail("the nesting size is no table's", size);
            }
            Some(_) => {}
        }
        if self.shows[user][table] {
            self.unnest(user, range, batch);
            return Ok(());
        }
        self.machine.pmap_remove(self.pmap(user), range, batch);
        batch.flush_now(self.machine);
        for slot in (0..self.model[user].len()).filter(|&slot| table_of(slot) == Some(table)) {
            self.met.removed += u32::from(self.model[user][slot].take().is_some());
        }
        let mut reserve = M::Reserve::default();
        let (mut refilled, mut occupied) = (0, 0);
        loop {
            let (pmap, nested) = (self.pmap(user), self.pmap(NESTED));
            let at = range.start;
            match self
                .machine
                .pmap_nest(pmap, nested, at, &mut reserve, batch)
            {
                Ok(()) => break,
                Err(NotEntered::Reserve) if refilled < 2 => {
                    refilled += 1;
                    let filled = self.machine.pmap_refill(nested, at, &mut reserve, frames);
                    if filled.is_err() {
                        return self.fail("not enough frames", at.0);
                    }
                }
                Err(NotEntered::Occupied) if occupied < 1 => {
                    occupied += 1;
                    batch.flush_now(self.machine);
                }
                Err(NotEntered::Reserve) => {
                    return self.fail("a full reserve was not enough", at.0);
                }
                Err(NotEntered::Occupied) => {
                    return self.fail("a table without mappings stays in the way", at.0);
                }
            }
        }
        self.machine.pmap_unreserve(&mut reserve, frames);
        self.shows[user][table] = true;
        self.met.nested += 1;
        Ok(())
    }

    /// A user's range is about to change by way of the user: what it shows there of others goes first.
    pub(super) fn unnest(&mut self, user: usize, range: Range, batch: &mut TlbBatch<'_, M>) {
        if user < SPACES {
            self.machine.pmap_unnest(self.pmap(user), range, batch);
            for table in 0..TABLES {
                if self.table_range(table).intersect(range).is_some() {
                    self.forget_nesting(user, table);
                }
            }
        }
    }

    /// A user's pmap shows a table no longer.
    fn forget_nesting(&mut self, user: usize, table: usize) {
        let shown = core::mem::take(&mut self.shows[user][table]);
        self.met.unnested += u32::from(shown);
    }

    /// A user's pmap ends: its nestings end with it.
    pub(super) fn forget_nestings(&mut self, user: usize) {
        (0..TABLES).for_each(|table| self.forget_nesting(user, table));
    }
}
