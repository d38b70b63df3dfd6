//! A fault beyond an object's pages: of a file that has ended, or of a device's memory, which has none.
//!
//! Owns: the mapping of a device's memory (I-DEV-1). Does not own: where it lies (`object::device`).
//! Locks: the map shared and the object, held by the caller.

use super::enter::{OnTop, permission};
use super::{FaultError, Step, Try};
use crate::machine::{Machine, Mapping, Tracking, Wired};
use crate::map::entry::Entry;
use crate::object::Object;
use crate::residence::Account;
use crate::vm::Vm;
use abi::Protection;

impl<M: Machine> Vm<M> {
    /// Maps the device's memory at `index`, or says that there is none. Instructions are not fetched from it.
    #[cold]
    #[inline(never)]
    pub(super) fn fault_beyond(
        &self,
        entry: &Entry<M>,
        object: &Object<M>,
        index: u64,
        this: &mut Try<'_, M>,
    ) -> Step<M> {
        let Some(frame) = object.device_page(index) else {
            return Step::Failed(FaultError::MemoryError);
        };
        if this.access.contains(Protection::EXECUTE) {
            return Step::Failed(FaultError::ProtectionFailure);
        }
        let granted = permission(entry, this.access, OnTop::Yes, object.kind, false);
        let mapping = Mapping {
            protection: granted.difference(Protection::EXECUTE),
            wired: Wired::No,
            cache: object.cache,
            tracking: Tracking::Untracked,
            account: Account::Internal,
        };
        if mapping.protection.is_empty() {
            return Step::Done;
        }
        let machine = self.machine();
        let (pmap, at) = (this.pmap, this.at);
        machine
            .pmap_enter_device(pmap, at, frame, mapping, this.reserve, &mut this.batch)
            .into()
    }
}
