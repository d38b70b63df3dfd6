//! How many pages should be free, and how many may be dirty.
//!
//! Owns: the numbers of xnu-vm.md §4.3, scaled. XNU keeps 768 pages for itself, and 1 % and 1.25 % above them:
//! of 12 MiB of reserve alone nothing would be left here. So the reserve is the machine's own, and the
//! fractions are larger: on 32 MiB, 1 % would be little more than one run of read-ahead.
//! Locks: the free lists' for a count.

use crate::addr::Pages;
use crate::machine::Machine;
use crate::vm::Vm;

/// Pages, by what they are the limit of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Targets {
    /// With fewer free pages than this, pageout begins.
    pub free_min: Pages,
    /// With so many it ends.
    pub free_target: Pages,
    /// With more dirty pages than this, a writer writes its own first.
    pub dirty_limit: Pages,
}

impl<M: Machine> Vm<M> {
    /// The targets of this machine: by its frames, and by the reserve that it was made with.
    pub fn targets(&self) -> Targets {
        let all = self.total_pages().0;
        let reserve = self.frames.reserve().0;
        let free_min = reserve.saturating_add((all / 64).max(8));
        Targets {
            free_min: Pages(free_min),
            free_target: Pages(free_min.saturating_add((all / 64).max(8))),
            dirty_limit: Pages(all / 8),
        }
    }

    /// Pages that are read at once at most, by what is free (`vm_object_cluster_size`).
    pub(crate) fn most_ahead(&self, pages: Pages) -> Pages {
        let targets = self.targets();
        let free = self.frames.free_count();
        let part = if free < targets.free_min {
            pages.0 / 16
        } else if free < targets.free_target {
            pages.0 / 4
        } else {
            pages.0
        };
        Pages(part.max(1))
    }
}
