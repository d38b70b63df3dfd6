//! What `Vm::objects` says of every entry of a map: whole chains, each of one moment.

use super::system::Failure;
use super::system::Sim;
use abi::objects::{VM_PAGE_RUN_RESIDENT, VmObjectRecord, VmPageRun};
use vm::map::Map;
use vm::sanitize::UserAddr;
use vm::vm::Vm;
use vm::{KernReturn, ObjectsRoom};

/// More than a chain of these programs has.
const OBJECTS: usize = 256;
const RUNS: usize = 4096;

/// Checks every entry's answer against itself; others may change the map meanwhile.
pub fn check<const SHIFT: u32>(vm: &Vm<Sim<SHIFT>>, map: &Map<Sim<SHIFT>>) -> Result<(), Failure> {
    let mut objects = vec![VmObjectRecord::default(); OBJECTS];
    let mut runs = vec![VmPageRun::default(); RUNS];
    let mut at = 0;
    loop {
        let room = ObjectsRoom {
            objects: &mut objects,
            runs: &mut runs,
        };
        let entry = match vm.objects(map, UserAddr(at), 1, room) {
            Ok((entry, _)) => entry,
            Err(KernReturn::INVALID_ADDRESS) => return Ok(()),
            Err(code) => return Err(format!("objects at {at:#x}: {code:?}")),
        };
        let chain = objects.get(..entry.objects as usize);
        let pieces = runs.get(..entry.runs as usize);
        let (Some(chain), Some(pieces)) = (chain, pieces) else {
            return Err(format!("a chain that does not end: {entry:?}"));
        };
        if entry.start >= entry.end || entry.end <= at {
            return Err(format!("{entry:?} comes after {at:#x}"));
        }
        check_chain(chain, pieces).map_err(|what| format!("{what}: {entry:?} {chain:?}"))?;
        at = entry.end;
    }
}

fn check_chain(chain: &[VmObjectRecord], mut runs: &[VmPageRun]) -> Result<(), &'static str> {
    for (at, object) in chain.iter().enumerate() {
        let next = chain.get(at + 1).map_or(0, |below| below.number);
        if object.shadow != next {
            return Err("a link leads elsewhere");
        }
        let copy = chain[at + 1..]
            .iter()
            .any(|below| below.number == object.copy);
        if object.ref_count == 0 || object.copy != 0 && copy {
            return Err("an object that has ended, or whose copy is below it");
        }
        let Some((own, rest)) = runs.split_at_checked(object.runs as usize) else {
            return Err("runs are missing");
        };
        let pages: u32 = own.iter().map(|run| run.pages).sum();
        let alike = |pair: &[VmPageRun]| {
            let end = pair[0].first + u64::from(pair[0].pages);
            end > pair[1].first || end == pair[1].first && pair[0].state == pair[1].state
        };
        let whole = own
            .iter()
            .all(|run| run.pages != 0 && run.state & VM_PAGE_RUN_RESIDENT != 0);
        if pages != object.resident || !whole || own.windows(2).any(alike) {
            return Err("runs and pages differ");
        }
        runs = rest;
    }
    if runs.is_empty() {
        Ok(())
    } else {
        Err("runs are left over")
    }
}
