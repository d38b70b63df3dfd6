//! Requests that wait for the test's hand, while other threads go on.
//!
//! Each run is repeated with many seeds, which choose who runs when.

use super::*;
use crate::sim::Baton;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use sync::Platform;

/// Who runs next is another's choice so often before the hand goes on.
const PATIENCE: usize = 60;

/// Lets the others run until `done`.
fn wait_until<const SHIFT: u32>(done: impl Fn() -> bool) {
    for _ in 0..100_000 {
        if done() {
            return;
        }
        SimMachine::<SHIFT>::relax();
    }
    panic!("what the hand waits for does not come");
}

/// Lets the others run for a while.
fn linger<const SHIFT: u32>() {
    (0..PATIENCE).for_each(|_| SimMachine::<SHIFT>::relax());
}

type Program<'a> = Box<dyn FnOnce() + Send + 'a>;

/// A thread's result, for others to see.
struct Got<T>(Mutex<Option<T>>);

impl<T: Copy> Got<T> {
    fn new() -> Self {
        Self(Mutex::new(None))
    }
    fn set(&self, value: T) {
        *self.0.lock().expect("unpoisoned") = Some(value);
    }
    fn get(&self) -> Option<T> {
        *self.0.lock().expect("unpoisoned")
    }
}

/// One test: a body that is given a rig and a seed.
macro_rules! held {
    ($($(#[$meta:meta])* fn $name:ident($rig:ident, $seed:ident) $body:block)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            fn run<const SHIFT: u32>() {
                for $seed in 0..40u64 {
                    let $rig = Rig::<SHIFT>::new(512);
                    let before = $rig.used();
                    $body
                    $rig.audit();
                    assert_eq!($rig.used(), before, "pages were lost, seed {}", $seed);
                }
            }
            run::<12>();
            run::<14>();
        }
    )*};
}

held! {
    /// Two faults on one page make one request, and both get what it brings.
    fn two_faults_make_one_request(rig, seed) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(page);
        let tasks = [rig.task(), rig.task()];
        let at = tasks.each_ref().map(|task| rig.map_paged(task, &file, 1, CopyMode::Shared));
        pager.asked();
        pager.hold();
        let faults = |who: usize| {
            let (rig, task) = (&rig, &tasks[who]);
            move || assert_eq!(rig.touch(who, task, at[who], Access::Read), Ok(byte(0)))
        };
        let hand = || {
            wait_until::<SHIFT>(|| pager.held() == 1);
            linger::<SHIFT>();
            pager.release(&rig.vm, Ok(()));
        };
        let programs: Vec<Program<'_>> = vec![Box::new(faults(0)), Box::new(faults(1)), Box::new(hand)];
        Baton::run(seed, programs);
        assert_eq!(moved::<SHIFT>(&pager.asked()).0, [(0, 1)]);
        tasks.into_iter().for_each(|task| rig.end(task));
        rig.vm.object_release(file);
    }

    /// While a page is written back a reader and a writer go on, and what was written meanwhile is
    /// dirty: no lock is held over the write (vm-bugs 31).
    fn faults_go_on_during_write_back(rig, seed) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(page);
        let (reader, writer) = (rig.task(), rig.task());
        let read_at = rig.map_paged(&reader, &file, 1, CopyMode::Shared);
        let write_at = rig.map_paged(&writer, &file, 1, CopyMode::Shared);
        rig.write(&writer, write_at, 0x61);
        let going = AtomicUsize::new(0);
        pager.hold();
        let sync = || assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(()));
        let reads = || {
            wait_until::<SHIFT>(|| pager.held() == 1);
            assert_eq!(rig.touch(1, &reader, read_at + 1, Access::Read), Ok(byte(0)));
            going.fetch_add(1, SeqCst);
        };
        let writes = || {
            wait_until::<SHIFT>(|| pager.held() == 1);
            assert_eq!(rig.touch(2, &writer, write_at + 2, Access::Write(0x62)), Ok(0x62));
            rig.vm.object_write(&file, 3, &[0x63]).expect("room");
            going.fetch_add(1, SeqCst);
        };
        let hand = || {
            wait_until::<SHIFT>(|| going.load(SeqCst) == 2);
            pager.unhold();
            pager.release(&rig.vm, Ok(()));
        };
        Baton::run(seed, vec![Box::new(sync), Box::new(reads), Box::new(writes), Box::new(hand)]);
        assert_eq!(rig.vm.dirty_pages(), Pages(1));
        assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(()));
        assert_eq!(pager.bytes()[..4], [0x61, byte(0), 0x62, 0x63]);
        rig.end(reader);
        rig.end(writer);
        rig.vm.object_release(file);
    }

    /// Somebody else has unmapped a dirty page and not flushed yet: when the pager looks at it, no TLB
    /// lets a program write it all the same.
    fn the_pager_looks_after_the_flush(rig, seed) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(page);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 1, CopyMode::Shared);
        let range = Range::new(VirtAddr(at), VirtAddr(at + page));
        let (machine, pmap) = (rig.vm.machine(), rig.vm.pmap(&task));
        let store = |byte| machine.access(1, pmap, range.start, Access::Write(byte)).is_ok();
        assert_eq!(rig.touch(1, &task, at, Access::Write(0x61)), Ok(0x61));
        let mut other = rig.vm.frames.batch();
        machine.pmap_remove(pmap, range, &mut other);
        assert!(store(0x62), "the TLB is not stale");
        pager.hold();
        let sync = || assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(()));
        let hand = || {
            wait_until::<SHIFT>(|| pager.held() == 1);
            assert!(!store(0x63), "I-DIRTY-2: a page is written while its pager looks at it");
            pager.unhold();
            pager.release(&rig.vm, Ok(()));
        };
        Baton::run(seed, vec![Box::new(sync), Box::new(hand)]);
        assert_eq!(pager.bytes()[0], 0x62);
        rig.vm.frames.finish(other);
        rig.end(task);
        rig.vm.object_release(file);
    }

    /// A truncation waits for a page that is on its way in, and for one that is on its way out.
    fn a_truncation_waits(rig, seed) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(4 * page);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 4, CopyMode::Shared);
        rig.write(&task, at + 2 * page, 0x77);
        rig.sync(&file, SyncFlags::WAIT | SyncFlags::INVALIDATE).expect("a good disk");
        let out = seed % 2 == 0;
        if out {
            rig.write(&task, at + 3 * page, 0x78);
        }
        pager.hold();
        let (cut, seen) = (Got::new(), Got::new());
        let other = || match out {
            true => assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(())),
            false => seen.set(rig.touch(1, &task, at + 2 * page, Access::Read)),
        };
        let truncates = || {
            wait_until::<SHIFT>(|| pager.held() == 1);
            cut.set(rig.vm.object_resize(&file, page));
        };
        let hand = || {
            wait_until::<SHIFT>(|| pager.held() == 1);
            linger::<SHIFT>();
            assert_eq!(cut.get(), None, "the frame was taken from under the pager");
            pager.unhold();
            pager.release(&rig.vm, Ok(()));
        };
        Baton::run(seed, vec![Box::new(other), Box::new(truncates), Box::new(hand)]);
        assert_eq!(cut.get(), Some(Ok(())));
        if !out {
            let seen = seen.get().expect("the fault came back");
            assert!([Ok(0x77), Err(FaultError::MemoryError)].contains(&seen), "{seen:?}");
        }
        assert!(rig.vm.object_resident(&file) <= Pages(1));
        assert_eq!(rig.touch(0, &task, at + 2 * page, Access::Read), Err(FaultError::MemoryError));
        rig.end(task);
        rig.vm.object_release(file);
    }

    /// A task is taken down, and the last handle given up, while its fault waits for the pager: that goes
    /// on at once, and the object ends when the pager is done.
    fn a_kill_does_not_wait(rig, seed) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(page);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 1, CopyMode::Shared);
        let again = task.try_ref().expect("a reference");
        pager.asked();
        pager.hold();
        let gone = AtomicUsize::new(0);
        let faults = || {
            let seen = rig.vm.fault(&again, VirtAddr(at), Protection::READ);
            let (gone, failed) = (FaultError::InvalidAddress, FaultError::Pager(PagerError::Io));
            assert_eq!(seen, Err(if seed % 2 == 0 { gone } else { failed }));
        };
        let kills = || {
            wait_until::<SHIFT>(|| pager.held() == 1);
            rig.end(task);
            rig.vm.object_release(file);
            gone.store(1, SeqCst);
        };
        let hand = || {
            wait_until::<SHIFT>(|| gone.load(SeqCst) == 1);
            assert!(!pager.asked().contains(&Asked::Terminate), "the pager still works");
            let answer = if seed % 2 == 0 { Ok(()) } else { Err(PagerError::Io) };
            pager.unhold();
            pager.release(&rig.vm, answer);
        };
        Baton::run(seed, vec![Box::new(faults), Box::new(kills), Box::new(hand)]);
        assert_eq!(pager.asked().last(), Some(&Asked::Terminate));
        rig.vm.map_release(again);
    }

    /// A pager that vanishes with requests in its hands gives an error to those who wait for them, and
    /// hurts nobody else.
    fn a_vanished_pager_hurts_nobody_else(rig, seed) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(2 * page);
        let (other, _good) = rig.paged(page);
        let (task, bystander) = (rig.task(), rig.task());
        let at = rig.map_paged(&task, &file, 2, CopyMode::Shared);
        let beside = rig.map_paged(&bystander, &other, 1, CopyMode::Shared);
        rig.vm.object_write(&file, page, &vec![1; page as usize]).expect("room");
        pager.hold();
        let faults = || {
            let seen = rig.touch(0, &task, at, Access::Read);
            assert_eq!(seen, Err(FaultError::Pager(PagerError::Gone)));
        };
        let syncs = || assert_eq!(rig.sync(&file, SyncFlags::WAIT), Err(PagerError::Gone));
        let goes_on = || assert_eq!(rig.touch(2, &bystander, beside, Access::Read), Ok(byte(0)));
        let hand = || {
            wait_until::<SHIFT>(|| pager.held() == 2);
            pager.vanish();
        };
        Baton::run(seed, vec![Box::new(faults), Box::new(syncs), Box::new(goes_on), Box::new(hand)]);
        assert_eq!(rig.touch(0, &task, at + page, Access::Read), Ok(1), "what is in memory stays");
        rig.end(task);
        rig.end(bystander);
        rig.vm.object_release(file);
        rig.vm.object_release(other);
    }

    /// A page that is read while a copy is made of it is the copy's, too.
    fn a_copy_meets_a_page_in(rig, seed) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(2 * page);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 2, CopyMode::Shared);
        pager.hold();
        let faults = || assert_eq!(rig.touch(0, &task, at, Access::Read), Ok(byte(0)));
        let private = Got::new();
        let copies = || {
            wait_until::<SHIFT>(|| pager.held() == 1);
            private.set(rig.map_paged(&task, &file, 2, CopyMode::Private));
        };
        let hand = || {
            wait_until::<SHIFT>(|| pager.held() == 1);
            linger::<SHIFT>();
            pager.unhold();
            pager.release(&rig.vm, Ok(()));
        };
        Baton::run(seed, vec![Box::new(faults), Box::new(copies), Box::new(hand)]);
        rig.write(&task, at, 9);
        rig.write(&task, at + page, 9);
        let private = private.get().expect("mapped");
        assert_eq!((rig.read(&task, private), rig.read(&task, private + page)), (byte(0), byte(1)));
        rig.end(task);
        rig.vm.object_release(file);
    }
}
