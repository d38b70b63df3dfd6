//! Twins get a place in a map.
//!
//! Owns: entering memory that was taken out of a map, all of it or nothing.
//! Does not own: making twins (`duplicate`), where there is room (`enter`).
//! Locks: the map alone, until no TLB shows what the memory replaces (I-TLB-3).

use super::duplicate::{EVERYWHERE, Twins};
use super::enter::Placement;
use super::entry::Attributes;
use super::tree::Removed;
use super::{Map, MapState};
use crate::addr::{Range, VirtAddr};
use crate::machine::Machine;
use crate::vm::Vm;
use abi::{KernReturn, Protection};

impl<M: Machine> Vm<M> {
    /// Enters twins of what was at `source`, with the attributes that `change` makes of theirs, if
    /// `check` finds nothing wrong with the locked map. Answers where `source` begins now.
    ///
    /// # Errors
    /// As [`Vm::enter_object`], or what `check` answers; the twins come back then.
    pub(crate) fn insert(
        &self,
        map: &Map<M>,
        (placement, mask): (Placement, u64),
        twins: Twins<M>,
        source: Range,
        check: impl Fn(&MapState<M>) -> Result<(), KernReturn>,
        change: impl Fn(&mut Attributes),
    ) -> Result<VirtAddr, (KernReturn, Twins<M>)> {
        let mut removed = Removed::default();
        let mut batch = self.frames.batch();
        let mut twins = Some(twins);
        let result = self.with_spare(|spare| {
            let mut state = map.write();
            check(&state)?;
            let range = match placement {
                Placement::Random => self.place_randomly(&state, (source.len(), mask))?,
                placement => state.place(placement, source.len(), mask)?,
            };
            if let Some(twins) = twins.as_ref().filter(|_| !state.restrictions.is_empty()) {
                state.check_restrictions(protections(twins, &change), range)?;
            }
            if matches!(placement, Placement::Overwrite(_)) && !state.tree.is_free(range) {
                self.clear_locked(map, &mut state, range, spare, &mut removed, &mut batch)?;
                batch.flush_now(self.machine());
            }
            if let Some(twins) = twins.take() {
                state.size = state.size.saturating_add(twins.size);
                let moved = |at: VirtAddr| {
                    let inside = at.0.wrapping_sub(source.start.0);
                    VirtAddr(range.start.0.wrapping_add(inside))
                };
                twins.tree.drain(|mut entry| {
                    (entry.start, entry.end) = (moved(entry.start), moved(entry.end));
                    change(&mut entry.attributes);
                    state.tree.insert(entry);
                });
            }
            Ok(range.start)
        });
        self.dispose(removed, &mut batch);
        self.frames.finish(batch);
        match (result, twins) {
            (Err(code), Some(twins)) => Err((code, twins)),
            (result, _) => Ok(result.unwrap_or_default()),
        }
    }
}

/// What any of the twins will allow.
fn protections<M: Machine>(twins: &Twins<M>, change: &impl Fn(&mut Attributes)) -> Protection {
    let mut all = Protection::NONE;
    twins.tree.visit(EVERYWHERE, |entry| {
        let mut attributes = entry.attributes;
        change(&mut attributes);
        all |= attributes.protection;
        None::<()>
    });
    all
}
