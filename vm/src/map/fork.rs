//! Fork: a child's map by inheritance, all of it or nothing.
//!
//! Owns: what each kind of inheritance means. Does not own: sharing and copying (`duplicate`).
//! Locks: the parent's map alone while the twins are made; the child's, which nobody knows yet.

use super::duplicate::{EVERYWHERE, For, How};
use super::place::Restrictions;
use super::{Map, MapRef};
use crate::machine::Machine;
use crate::vm::Vm;
use abi::{Inherit, KernReturn};

impl<M: Machine> Vm<M> {
    /// A child's map: each entry by its inheritance.
    ///
    /// # Errors
    /// `RESOURCE_SHORTAGE`; no trace is left then.
    pub fn map_fork(&self, parent: &Map<M>) -> Result<MapRef<M>, KernReturn> {
        let inherited = Restrictions::SIZE | Restrictions::NO_NEW_EXECUTE;
        let (limits, allowed, restrictions) = {
            let state = parent.read();
            (state.limits, state.allowed, state.restrictions & inherited)
        };
        let child = self.map_create(limits.start, limits.end)?;
        let twins = self.duplicate(
            parent,
            EVERYWHERE,
            |_| Ok(()),
            |entry| match entry.attributes.inherit {
                Inherit::None => How::Skip,
                Inherit::Share => How::Share,
                // What cannot be copied the child does not get.
                Inherit::Copy if entry.shows_device() => How::Skip,
                Inherit::Copy => How::Copy(For::Fork),
            },
        );
        match twins {
            Ok(twins) => {
                let mut state = child.write();
                state.tree = twins.tree;
                state.size = twins.size;
                state.allowed = allowed;
                state.restrictions |= restrictions;
                let shows = state.tree.has_submaps();
                drop(state);
                if shows {
                    self.nest(&child, limits);
                }
                Ok(child)
            }
            Err(code) => {
                self.map_terminate(child);
                Err(code)
            }
        }
    }
}
