//! The zones of what programs have many of, by XNU's names: `zprint` shows them.
//!
//! Owns: a zone each of tasks, threads and vnodes. Does not own: the elements, which are their
//! references' ([`Shared`]); zones themselves (`zalloc`).

use crate::files::store::ObjectStore;
use crate::memory::vm;
use crate::platform::Machine;
use crate::sched::Thread;
use crate::shared::{Inner, NoMemory, Shared};
use crate::task::Task;
use crate::vfs::Vnode;
use spin::Once;
use vm::{Frames, KernReturn};
use zalloc::Zone;

/// A zone of values with many owners.
type SharedZone<T> = Zone<Inner<T>, Frames<Machine>>;

struct Zones {
    tasks: SharedZone<Task>,
    threads: SharedZone<Thread>,
    vnodes: SharedZone<Vnode<ObjectStore>>,
}

static ZONES: Once<Zones> = Once::new();

/// Makes the zones. After `memory::init`, before the first thread.
///
/// # Errors
/// `RESOURCE_SHORTAGE`.
pub fn init() -> Result<(), KernReturn> {
    let make = || {
        Ok(Zones {
            tasks: vm().zone_create("proc_task")?,
            threads: vm().zone_create("threads")?,
            vnodes: vm().zone_create("vnodes")?,
        })
    };
    ZONES.try_call_once(make).map(|_| ())
}

fn keep<T>(zone: impl FnOnce(&Zones) -> &SharedZone<T>, value: T) -> Result<Shared<T>, NoMemory> {
    let zones = ZONES.get().ok_or(NoMemory)?;
    Shared::try_in(zone(zones), vm().frames(), value)
}

/// Moves a task into its zone.
pub fn task(value: Task) -> Result<Shared<Task>, NoMemory> {
    keep(|zones| &zones.tasks, value)
}

/// Moves a thread into its zone.
pub fn thread(value: Thread) -> Result<Shared<Thread>, NoMemory> {
    keep(|zones| &zones.threads, value)
}

/// Moves a vnode into its zone.
pub fn vnode(value: Vnode<ObjectStore>) -> Result<Shared<Vnode<ObjectStore>>, NoMemory> {
    keep(|zones| &zones.vnodes, value)
}
