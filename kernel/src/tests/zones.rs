//! Zones on real frames.

use super::programs;
use super::rig::Rig;
use super::{Outcome, Unmet, check, same, tests};
use crate::files::pipe::pipe;
use crate::files::{self, tree};
use crate::init;
use crate::memory::vm;
use crate::platform::Machine;
use crate::task::life;
use crate::vfs::{New, What};
use abi::syscall::signal::SIGKILL;
use alloc::vec::Vec;
use vm::Frames;
use zalloc::{ZBox, Zone, ZoneOptions, Zones};

tests!("zones":
    a_limited_zone_runs_out_and_recovers,
    collection_gives_empty_chunks_back,
    elements_keep_their_values,
    every_zone_of_the_kernel_adds_up,
    a_vnode_lies_in_its_zone,
    a_task_and_its_thread_lie_in_their_zones,
);

type Element = [u64; 12];
type Registry = Zones<Frames<Machine>>;

/// A registry of the test's own, unmade at the end: its memory goes back.
fn with_zone(
    options: ZoneOptions,
    test: impl FnOnce(&Zone<Element, Frames<Machine>>) -> Outcome,
) -> Outcome {
    let registry = Registry::new();
    let zone = registry.zone::<Element>(vm().frames(), "test", options);
    let zone = zone.map_err(|_| Unmet::failed("no memory for a zone"))?;
    let outcome = test(&zone);
    drop(zone);
    match registry.destroy(vm().frames()) {
        Ok(()) => outcome,
        Err(_) => outcome.and(Err(Unmet::failed("the zone is still in use"))),
    }
}

fn a_limited_zone_runs_out_and_recovers(_: &mut Rig<'_>) -> Outcome {
    let options = ZoneOptions {
        max_elements: Some(100),
    };
    with_zone(options, |zone| {
        let mut all = Vec::new();
        while let Ok(element) = zone.alloc(vm().frames(), [7; 12]) {
            all.push(element);
            check!(all.len() < 10_000, "the limit is not kept");
        }
        check!(all.len() >= 100, "only {} elements", all.len());
        let most = all.len();
        same!(zone.count(), most as u64);
        all.truncate(most - 3);
        for _ in 0..3 {
            let element = zone.alloc(vm().frames(), [8; 12]);
            all.push(element.map_err(|_| Unmet::failed("freed elements do not come back"))?);
        }
        check!(zone.alloc(vm().frames(), [9; 12]).is_err());
        drop(all);
        same!(zone.count(), 0);
        Ok(())
    })
}

fn collection_gives_empty_chunks_back(_: &mut Rig<'_>) -> Outcome {
    with_zone(ZoneOptions::default(), |zone| {
        let free = || vm().statistics().free_count;
        let keep = zone
            .alloc(vm().frames(), [1; 12])
            .map_err(|_| Unmet::failed("no memory"))?;
        vm().zone_registry().gc(vm().frames());
        let before = free();
        let mut all = Vec::new();
        for index in 0..20_000 {
            let element = zone.alloc(vm().frames(), [index; 12]);
            all.push(element.map_err(|_| Unmet::failed("no memory"))?);
        }
        check!(zone.info().cur_size >= 20_000 * 96);
        check!(free() < before);
        drop(all);
        check!(zone.gc(vm().frames()) > 0);
        vm().zone_registry().gc(vm().frames());
        same!(free(), before);
        same!(*keep, [1; 12]);
        Ok(())
    })
}

fn elements_keep_their_values(rig: &mut Rig<'_>) -> Outcome {
    let mut state = [(); 64].map(|()| rig.below(u64::MAX));
    with_zone(ZoneOptions::default(), |zone| {
        let mut live: Vec<(ZBox<Element, Frames<Machine>>, u64)> = Vec::new();
        for step in 0..5000u64 {
            let random = &mut state[step as usize % 64];
            *random = crate::random::mix(*random);
            if live.len() > 300 || (*random % 5 < 2 && !live.is_empty()) {
                let at = (*random >> 8) as usize % live.len();
                let (element, value) = live.swap_remove(at);
                same!(*element, [value; 12]);
            } else {
                let element = zone.alloc(vm().frames(), [*random; 12]);
                live.push((element.map_err(|_| Unmet::failed("no memory"))?, *random));
            }
        }
        same!(zone.count(), live.len() as u64);
        let census = zone
            .audit()
            .map_err(|error| Unmet::failed(format_args!("{error:?}")))?;
        same!(census.used, live.len() as u64);
        Ok(())
    })
}

fn every_zone_of_the_kernel_adds_up(_: &mut Rig<'_>) -> Outcome {
    let audit = vm().zone_registry().audit();
    check!(audit.is_ok(), "{audit:?}");
    for (name, info) in vm().zones() {
        check!(
            info.count * info.elem_size <= info.cur_size,
            "{name}: more elements than memory"
        );
        check!(
            info.cur_size <= info.max_size,
            "{name}: more memory than ever"
        );
        check!(
            info.cur_size.is_multiple_of(vm().page_size()),
            "{name}: half a page"
        );
    }
    for wanted in [
        "maps",
        "VM map entries",
        "vm objects",
        "proc_task",
        "threads",
        "vnodes",
    ] {
        check!(
            vm().zones().any(|(name, _)| name == wanted),
            "no zone {wanted}"
        );
    }
    Ok(())
}

/// Elements in use of the zones of tasks, threads and vnodes, without vnodes that nobody uses.
fn in_use() -> [u64; 3] {
    files::drain();
    ["proc_task", "threads", "vnodes"].map(|wanted| {
        let mut found = vm().zones().filter(|(name, _)| *name == wanted);
        found.next().map_or(0, |(_, info)| info.count)
    })
}

fn a_vnode_lies_in_its_zone(_: &mut Rig<'_>) -> Outcome {
    let parent = files::parent(b"/tmp/zones")?;
    let [tasks, threads, vnodes] = in_use();
    let file = tree().make(&parent, &New::of_root(What::File, 0o644))?;
    let again = file.clone();
    same!(in_use(), [tasks, threads, vnodes + 1]);
    drop(file);
    same!(in_use(), [tasks, threads, vnodes + 1]);
    drop(again);
    same!(in_use(), [tasks, threads, vnodes]);
    let file = tree().at(b"/tmp/zones")?;
    tree().unlink(&parent)?;
    same!(in_use(), [tasks, threads, vnodes + 1]);
    drop(file);
    same!(in_use(), [tasks, threads, vnodes]);
    Ok(())
}

fn a_task_and_its_thread_lie_in_their_zones(rig: &mut Rig<'_>) -> Outcome {
    // What the program opens has its vnodes already.
    let _null = files::open(b"/dev/null", abi::syscall::O_RDONLY)?;
    let _program = tree().at(b"/bin/sleep")?;
    let [tasks, threads, vnodes] = in_use();
    let (_read, write) = pipe()?;
    let pid = programs::start(rig, b"/bin/sleep", &[b"sleep", b"1000"], write)?;
    same!(in_use(), [tasks + 1, threads + 1, vnodes]);
    let task = life::find_alive(pid).ok_or(Unmet::failed("it does not live"))?;
    task.request_exit(SIGKILL);
    same!(init::wait_for(rig.task, pid), SIGKILL);
    same!(in_use(), [tasks + 1, threads, vnodes]);
    drop(task);
    same!(in_use(), [tasks, threads, vnodes]);
    Ok(())
}
