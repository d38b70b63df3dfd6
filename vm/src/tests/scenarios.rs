//! Several things at once, as programs do them. The first two of issue 3's scenarios are
//! `shared::a_copy_taken_before_the_page_exists_reads_zero` and
//! `memory_entry::a_shared_and_a_copied_view_diverge`.

use super::memory_entry::remap;
use super::*;
use crate::sim::Baton;

const PAGES: u64 = 12;
/// Bytes into the first page: the copy is not aligned.
const INSIDE: u64 = 5;

/// One thread copies over memory, the other takes the right to write it away, looks twice, and gives it
/// back.
fn race<const SHIFT: u32>(rig: &Rig<SHIFT>, task: &Task<SHIFT>, to: u64, seed: u64) {
    let page = Rig::<SHIFT>::PAGE;
    let from = rig.allocate(task, PAGES);
    rig.write_pages(task, from, PAGES, 7);
    let copies = || {
        for round in 0..6 {
            // A small copy goes through a buffer, a large one is put off.
            let bytes = if round % 2 == 0 { page } else { 10 * page };
            let into = (&**task, UserAddr(to + INSIDE));
            let done = rig
                .vm
                .read_overwrite(task, UserAddr(from), UserSize(bytes), into);
            let refused = [KernReturn::INVALID_ADDRESS, KernReturn::PROTECTION_FAILURE];
            assert!(done.is_ok() || done.is_err_and(|code| refused.contains(&code)));
            let clear = rig.touch_within(100, 0, task, from, Access::Write(round));
            assert_eq!(clear, Ok(round));
        }
    };
    let protects = || {
        let read = |n| {
            let at = to + n * page + INSIDE;
            rig.touch_within(100, 1, task, at, Access::Read)
        };
        let see = || (0..PAGES).map(|n| read(n).expect("readable")).collect();
        for _ in 0..6 {
            assert_eq!(rig.protect(task, to, PAGES, 1), Ok(()));
            let first: Vec<u8> = see();
            let second: Vec<u8> = see();
            assert_eq!(
                first, second,
                "memory is written that may not be, seed {seed}"
            );
            assert_eq!(rig.protect(task, to, PAGES, 3), Ok(()));
        }
    };
    Baton::run(seed, vec![Box::new(copies), Box::new(protects)]);
    rig.audit();
    rig.deallocate(task, from, PAGES);
}

both! {
    /// Private memory: its pages are exchanged, or written.
    fn unaligned_copies_write_no_read_only_memory(rig, 600) {
        let task = rig.task();
        let to = rig.allocate(&task, PAGES);
        for seed in 0..40 {
            race(&rig, &task, to, seed);
        }
        rig.end(task);
    }
}

both! {
    /// Shared memory is written in place, byte by byte.
    fn unaligned_copies_write_no_shared_read_only_memory(rig, 600) {
        let task = rig.task();
        let to = rig.allocate(&task, PAGES);
        rig.inherit(&task, to, PAGES, Inherit::Share);
        let child = rig.fork(&task);
        for seed in 0..40 {
            race(&rig, &task, to, seed);
            assert_eq!(rig.read(&child, to + INSIDE), rig.read(&task, to + INSIDE));
        }
        rig.end(child);
        rig.end(task);
    }
}

both! {
    /// What is wired, shared and copied at once loses its middle: the others keep all of it.
    fn unmapping_the_middle_of_wired_shared_copied_memory(rig, 600) {
        let page = Rig::<SHIFT>::PAGE;
        let (task, other) = (rig.task(), rig.task());
        let at = rig.allocate(&task, 6);
        (0..6).for_each(|n| rig.write(&task, at + n * page, n as u8 + 1));
        rig.inherit(&task, at, 6, Inherit::Share);
        let child = rig.fork(&task);
        let before = remap(&rig, (&task, at), 6, (&other, CopyMode::Private)).expect("mapped").at.0;
        assert_eq!(rig.vm.wire(&task, UserAddr(at), UserSize(6 * page), UserProt(3)), Ok(()));
        let after = remap(&rig, (&task, at), 6, (&other, CopyMode::Private)).expect("mapped").at.0;

        rig.deallocate(&task, at + 2 * page, 2);
        assert_eq!(rig.vm.queues.counts().wired, Pages(4));
        rig.audit();
        for n in 2..4 {
            let hole = rig.touch(0, &task, at + n * page, Access::Read);
            assert_eq!(hole, Err(FaultError::InvalidAddress));
        }
        let see = |task: &Task<SHIFT>, at: u64| (0..6).map(|n| rig.read(task, at + n * page)).collect::<Vec<_>>();
        assert_eq!(see(&child, at), [1, 2, 3, 4, 5, 6]);
        // The child writes what is left to it, wired or not; the copies keep their moments.
        (0..6).for_each(|n| rig.write(&child, at + n * page, 10 + n as u8));
        assert_eq!(see(&other, before), [1, 2, 3, 4, 5, 6]);
        assert_eq!(see(&other, after), [1, 2, 3, 4, 5, 6]);
        assert_eq!((rig.read(&task, at + page), rig.read(&task, at + 4 * page)), (11, 14));
        rig.audit();
        rig.end(task);
        assert_eq!(rig.vm.queues.counts().wired, Pages(0));
        assert_eq!(see(&child, at), [10, 11, 12, 13, 14, 15]);
        rig.end(child);
        rig.end(other);
    }
}
