//! What an entry shows: objects and pages as records.
//!
//! Owns: room for an answer of any length, and how it goes to the program. Does not own: the records
//! (`abi::objects`), what is in them (`vm`).

use super::{SUCCESS, Trap, fault, with_map};
use crate::memory::vm;
use crate::syscall::Call;
use crate::user_memory::{Plain, get, put};
use abi::KernReturn;
use abi::objects::{VmEntryRecord, VmObjectRecord, VmPageRun};
use alloc::vec::Vec;
use vm::{ObjectsRoom, UserAddr};

/// How often the chain is looked at while it grows; then the program learns its size and asks again.
const TRIES: u32 = 8;

/// `vm_objects(target, *address, *depth, *bytes, *size)`: the entry at `address` or the next one, the
/// objects of its chain, and their pages, all of one moment. With a depth of 1 or more a submap is
/// followed, as `mach_vm_region_recurse` does. `size` is the room, and comes back as the answer's bytes;
/// `NO_SPACE` if there is too little: then only `size` has changed.
pub fn objects(call: &mut Call<'_>) -> Trap {
    let [target, address_at, depth_at, bytes_at, size_at, ..] = call.args;
    let address: u64 = get(address_at).map_err(fault)?;
    let depth: u32 = get(depth_at).map_err(fault)?;
    let room: u64 = get(size_at).map_err(fault)?;
    let mut objects: Vec<VmObjectRecord> = Vec::new();
    let mut runs: Vec<VmPageRun> = Vec::new();
    let mut needed = 0;
    for _ in 0..TRIES {
        let (entry, depth) = with_map(call, target, |map| {
            let room = ObjectsRoom {
                objects: &mut objects,
                runs: &mut runs,
            };
            vm().objects(map, UserAddr(address), depth, room)
        })?;
        needed = entry.answer_size();
        if needed > room {
            break;
        }
        let (some, pieces) = (entry.objects as usize, entry.runs as usize);
        if let (Some(objects), Some(runs)) = (objects.get(..some), runs.get(..pieces)) {
            give(bytes_at, &entry, objects, runs)?;
            put(address_at, &entry.start).map_err(fault)?;
            put(depth_at, &depth).map_err(fault)?;
            put(size_at, &needed).map_err(fault)?;
            return SUCCESS;
        }
        grow(&mut objects, some)?;
        grow(&mut runs, pieces)?;
    }
    put(size_at, &needed).map_err(fault)?;
    Err(KernReturn::NO_SPACE)
}

/// Makes room for so many records.
fn grow<T: Clone + Default>(records: &mut Vec<T>, count: usize) -> Result<(), KernReturn> {
    let more = count.saturating_sub(records.len());
    let room = records.try_reserve_exact(more);
    room.map_err(|_| KernReturn::RESOURCE_SHORTAGE)?;
    records.resize(records.len() + more, T::default());
    Ok(())
}

fn give(
    to: u64,
    entry: &VmEntryRecord,
    objects: &[VmObjectRecord],
    runs: &[VmPageRun],
) -> Result<(), KernReturn> {
    let mut at = to;
    put_next(&mut at, entry)?;
    objects.iter().try_for_each(|object| put_next(&mut at, object))?;
    runs.iter().try_for_each(|run| put_next(&mut at, run))
}

fn put_next<T: Plain>(at: &mut u64, record: &T) -> Result<(), KernReturn> {
    put(*at, record).map_err(fault)?;
    *at = at.checked_add(size_of::<T>() as u64).ok_or(KernReturn::INVALID_ADDRESS)?;
    Ok(())
}
