//! Memory that runs out, by order and in earnest.
//!
//! Owns: each operation of `vm` with every one of its allocations failing in turn, programs that start
//! while allocations fail, and machines without a free frame. Afterwards nothing may be missing.

use super::balance::Balance;
use super::programs;
use super::rig::{Rig, Space, page};
use super::{Outcome, audit, check, same, tests};
use crate::files::pipe::pipe;
use crate::files::{self, Files, tree};
use crate::memory::vm;
use crate::sched::queues::Priority;
use crate::sched::{Thread, Work, run};
use crate::shared::{NoMemory, Shared};
use crate::signals::Signals;
use crate::task::table::Pid;
use crate::task::task::Registration;
use crate::task::{Heritage, Identity, ROOT, Task};
use crate::vfs::{New, What};
use crate::zones;
use abi::Errno;
use vm::{
    FaultError, Guard, Inherit, KernReturn, Protection, UserAddr, UserFlags, UserSize, VirtAddr,
};

tests!("shortage":
    an_allocation_leaves_no_trace,
    a_fork_leaves_no_trace,
    a_fork_of_wired_and_shared_memory_leaves_no_trace,
    a_hole_in_an_entry_leaves_no_trace,
    a_change_of_protection_leaves_no_trace,
    wiring_leaves_no_trace,
    a_first_write_leaves_no_trace,
    a_copied_write_leaves_no_trace,
    kernel_memory_leaves_no_trace,
    a_file_leaves_no_trace,
    a_pipe_leaves_no_trace,
    a_task_a_thread_and_a_vnode_leave_no_trace,
    a_program_that_cannot_start_leaves_no_trace,
    programs_survive_failing_allocations,
    threads_survive_failing_allocations,
    all_of_memory_is_used_and_comes_back,
    the_kernel_map_without_frames_refuses,
);

/// The most allocations that one operation makes here.
const MOST: u64 = 3000;

/// Lets the first, second, … allocation of `operation` fail, until it makes no more. Every failure must be
/// a shortage and leave everything as it was. `operation` undoes what it did if it succeeded.
fn every_failure<E: PartialEq + core::fmt::Debug>(
    shortage: E,
    mut operation: impl FnMut() -> Result<(), E>,
) -> Outcome {
    let injector = vm().frames().injector();
    let mut failed = 0;
    for k in 1..MOST {
        let before = Balance::take();
        injector.fail_once(k);
        let got = operation();
        let unused = injector.disarm();
        if let Err(error) = &got {
            check!(!unused, "it fails without a failed allocation: {error:?}");
            check!(
                *error == shortage,
                "allocation {k} fails: {error:?}, not {shortage:?}"
            );
            failed += 1;
        }
        let after = Balance::take();
        if let Err(super::Unmet::Failed(why)) = audit().and_then(|()| before.compare(&after)) {
            return Err(super::Unmet::failed(format_args!(
                "allocation {k} failed: {}",
                why.as_str()
            )));
        }
        if unused {
            check!(failed > 0, "it never allocates");
            return Ok(());
        }
    }
    Err(super::Unmet::failed("it allocates for ever"))
}

const SHORT: KernReturn = KernReturn::RESOURCE_SHORTAGE;

/// A space with memory of several kinds: written, read, fresh, in two entries.
fn lived_in<'a>(rig: &Rig<'a>) -> Outcome<(Space<'a>, u64)> {
    let space = rig.space()?;
    let at = space.allocate(12)?;
    check!(space.write_pages(at, 6, 1).is_ok());
    same!(space.read(at + 7 * page()).ok(), Some(0));
    space.protect(at + 8 * page(), 2, Protection::READ)?;
    Ok((space, at))
}

fn an_allocation_leaves_no_trace(rig: &mut Rig<'_>) -> Outcome {
    every_failure(SHORT, || {
        let space = rig.space()?;
        let at = space.allocate(4)?;
        space.deallocate(at + page(), 1)?;
        Ok(())
    })
}

fn a_fork_leaves_no_trace(rig: &mut Rig<'_>) -> Outcome {
    let (space, at) = lived_in(rig)?;
    every_failure(SHORT, || {
        let child = space.fork()?;
        drop(child);
        Ok(())
    })?;
    same!(space.read(at).ok(), Some(1));
    Ok(())
}

fn a_fork_of_wired_and_shared_memory_leaves_no_trace(rig: &mut Rig<'_>) -> Outcome {
    let (space, at) = lived_in(rig)?;
    space.wire(at, 3)?;
    space.inherit(at + 3 * page(), 2, Inherit::Share)?;
    // Once for good: what is shared changes hands at the first fork.
    drop(space.fork()?);
    every_failure(SHORT, || space.fork().map(drop))?;
    space.unwire(at, 3)?;
    Ok(())
}

fn a_hole_in_an_entry_leaves_no_trace(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    every_failure(SHORT, || {
        let at = space.allocate(5)?;
        let cut = space.deallocate(at + 2 * page(), 1);
        space.deallocate(at, 5)?;
        cut
    })
}

fn a_change_of_protection_leaves_no_trace(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    every_failure(SHORT, || {
        let at = space.allocate(5)?;
        let changed = space.protect(at + page(), 2, Protection::READ);
        let inherited = space.inherit(at + 2 * page(), 2, Inherit::None);
        space.deallocate(at, 5)?;
        changed.and(inherited)
    })
}

fn wiring_leaves_no_trace(rig: &mut Rig<'_>) -> Outcome {
    every_failure(SHORT, || {
        let space = rig.space()?;
        let at = space.allocate(5)?;
        space.wire(at + page(), 3)
    })
}

fn a_first_write_leaves_no_trace(rig: &mut Rig<'_>) -> Outcome {
    // Far apart, so that tables of every level are needed.
    let far = [1 << 30, 1 << 35, 1 << 40];
    every_failure(FaultError::Shortage, || {
        // That the space and the allocations fail has tests of its own.
        let space = rig.space().map_err(|_| FaultError::Shortage)?;
        for at in far {
            let (addr, size) = (UserAddr(at), UserSize(page()));
            vm().allocate(space.map(), addr, size, UserFlags(0))
                .map_err(|_| FaultError::Shortage)?;
            vm().fault(space.map(), VirtAddr(at), Protection::WRITE)?;
        }
        Ok(())
    })
}

fn a_copied_write_leaves_no_trace(rig: &mut Rig<'_>) -> Outcome {
    let (space, at) = lived_in(rig)?;
    every_failure(FaultError::Shortage, || {
        let child = space.fork().map_err(|_| FaultError::Shortage)?;
        let write = |index: u64| {
            let place = VirtAddr(at + index * page());
            vm().fault(child.map(), place, Protection::WRITE)
        };
        (0..6).try_for_each(write)
    })?;
    same!(space.read(at).ok(), Some(1));
    Ok(())
}

fn kernel_memory_leaves_no_trace(_: &mut Rig<'_>) -> Outcome {
    every_failure(SHORT, || {
        let at = vm().kmem_alloc(6 * page(), Guard::Both, 0)?;
        vm().kmem_free(at, 6 * page())
    })
}

fn a_file_leaves_no_trace(_: &mut Rig<'_>) -> Outcome {
    // Memory for the record is `ENOMEM`, memory for the bytes `ENOSPC`.
    every_failure(true, || {
        let made = (|| {
            let parent = files::parent(b"/tmp/shortage")?;
            let file = tree().make(&parent, &New::of_root(What::File, 0o644))?;
            let wrote = file.write(Some(3 * page() - 10), &[1; 100]);
            tree().unlink(&parent)?;
            wrote.map(drop)
        })();
        made.map_err(|error| matches!(error, Errno::ENOMEM | Errno::ENOSPC))
    })
}

fn a_pipe_leaves_no_trace(_: &mut Rig<'_>) -> Outcome {
    every_failure(abi::Errno::ENOMEM, || pipe().map(drop))
}

fn a_task_a_thread_and_a_vnode_leave_no_trace(_: &mut Rig<'_>) -> Outcome {
    // Each of them fails by its own zone too, which is the last that it takes.
    every_failure(Errno::ENOMEM, || {
        let parent = files::parent(b"/tmp/shortage")?;
        tree().make(&parent, &New::of_root(What::Directory, 0o755))?;
        tree().remove_directory(&parent)
    })?;
    every_failure(NoMemory, || {
        let work = Work {
            run: |_| {},
            argument: 0,
        };
        let thread = Thread::kernel(work, Priority::KERNEL)?;
        run::forget(thread.id);
        Ok(())
    })?;
    every_failure(NoMemory, || {
        let heritage = Heritage {
            parent: Pid(1),
            group: 0,
            session: 1,
            files: Files::new(),
            directory: None,
            signals: Signals::new(),
            registration: Registration::default(),
            identity: Shared::try_new(Identity::default())?,
            file_mask: 0o022,
            user: ROOT,
        };
        // In no table: nobody sees it.
        zones::task(Task::new(Pid(i32::MAX), heritage)).map(drop)
    })
}

fn a_program_that_cannot_start_leaves_no_trace(rig: &mut Rig<'_>) -> Outcome {
    // Faults inside the program's own life may be met by killing it, so any end will do; what must not
    // be is a page, an element or a process left over, or a kernel that gives up.
    let injector = vm().frames().injector();
    let mut k = 1;
    loop {
        let before = Balance::take();
        injector.fail_once(k);
        let ended = programs::run_program(rig, b"/bin/true", &[b"true"]);
        let unused = injector.disarm();
        rig.settle()?;
        let after = Balance::take();
        if let Err(super::Unmet::Failed(why)) = audit().and_then(|()| before.compare(&after)) {
            return Err(super::Unmet::failed(format_args!(
                "allocation {k} failed: {}",
                why.as_str()
            )));
        }
        if unused {
            let (status, _) = ended?;
            same!(status, 0);
            return Ok(());
        }
        // The first ones all, then some.
        k += if k < 100 { 1 } else { 1 + rig.below(20) };
        check!(k < 100_000, "it allocates for ever");
    }
}

fn programs_survive_failing_allocations(rig: &mut Rig<'_>) -> Outcome {
    const SCRIPT: &[u8] = b"echo a | cat | wc; (true; false); ls /bin | grep e | wc";
    let injector = vm().frames().injector();
    let before = Balance::take();
    for _ in 0..12 {
        injector.fail_every(20 + rig.below(400));
        let ended = programs::run_program(rig, b"/bin/sh", &[b"sh", b"-c", SCRIPT]);
        injector.disarm();
        rig.settle()?;
        drop(ended);
        audit()?;
    }
    before.compare(&Balance::take())
}

fn threads_survive_failing_allocations(rig: &mut Rig<'_>) -> Outcome {
    // Each dies where it did not expect an error, or ends; nothing stays behind.
    const PROGRAMS: [&[u8]; 3] = [
        b"/tests/threads_basic",
        b"/tests/threads_locks",
        b"/tests/threads_signals",
    ];
    let injector = vm().frames().injector();
    let before = Balance::take();
    for path in PROGRAMS {
        for _ in 0..4 {
            injector.fail_every(20 + rig.below(400));
            let ended = programs::run_program(rig, path, &[path]);
            injector.disarm();
            rig.settle()?;
            drop(ended);
            audit()?;
        }
    }
    before.compare(&Balance::take())
}

fn all_of_memory_is_used_and_comes_back(rig: &mut Rig<'_>) -> Outcome {
    let reserve = vm().frames().reserve().0;
    let before = Balance::take();
    let total = vm().total_pages().0;
    {
        let space = rig.space()?;
        let at = space.allocate(2 * total)?;
        let mut index = 0;
        let error = loop {
            let place = VirtAddr(at + index * page());
            match vm().fault(space.map(), place, Protection::WRITE) {
                Ok(()) => index += 1,
                Err(error) => break error,
            }
            check!(index <= total, "more pages than there are");
        };
        same!(error, FaultError::Shortage);
        let free = u64::from(vm().statistics().free_count);
        check!(
            free <= reserve + 64,
            "{free} pages are free, the reserve is {reserve}"
        );
        // Reads of what was never written need no frame where a table is there already.
        check!(
            vm().fault(space.map(), VirtAddr(at), Protection::READ)
                .is_ok()
        );
        check!(space.fork().is_err() || free > 0);
        audit()?;
    }
    before.compare(&Balance::take())
}

fn the_kernel_map_without_frames_refuses(_: &mut Rig<'_>) -> Outcome {
    // As large as RAM: it must fail, after having taken nearly all, and give all back.
    let before = Balance::take();
    let size = vm().total_pages().0 * page();
    same!(vm().kmem_alloc(size, Guard::Both, 0), Err(SHORT));
    before.compare(&Balance::take())
}
