//! Pages of files that come, go out, and leave, while programs use them.
//!
//! Owns: a file whose pages leave at each round of pageout, since memory is short.

use super::bench::{Bench, Task, explore, explored};
use vm::counters::Event;
use vm::fault::FaultError;
use vm::sim::{Access, SimMachine, SimPager};
use vm::{
    Attributes, CopyMode, EnterObject, Inherit, ObjectRef, Placement, Protection, SyncFlags,
    VirtAddr,
};

/// A file of two pages, in which every byte is 1, mapped; and a task that leaves it little memory.
struct Short<const SHIFT: u32> {
    file: ObjectRef<SimMachine<SHIFT>>,
    pager: SimPager<SHIFT, 0>,
    task: Task<SHIFT>,
    /// Where the file is mapped.
    at: u64,
    hoarder: Task<SHIFT>,
}

impl<const SHIFT: u32> Short<SHIFT> {
    fn new(bench: &Bench<SHIFT>) -> Self {
        let pager = SimPager::new(vec![1; 2 << SHIFT]);
        let made = bench.vm.object_create_paged(pager.clone(), 2 << SHIFT);
        let file = made.expect("memory for an object");
        let task = bench.task();
        let rights = Protection::READ.union(Protection::WRITE);
        let what = EnterObject {
            object: Some(&file),
            offset: 0,
            attributes: Attributes::with(rights, Protection::ALL, Inherit::Copy, 0),
            copy: CopyMode::Shared,
        };
        let place = Placement::Anywhere(VirtAddr(1 << 20));
        let at = bench.vm.enter_object(&task, place, 2 << SHIFT, &what);
        let at = at.expect("room").0;
        let hoarder = bench.task();
        let hoard = bench.allocate(&hoarder, 200);
        for page in 0..200 {
            if bench.vm.is_low() {
                break;
            }
            bench.write(0, &hoarder, hoard + (page << SHIFT), 1);
        }
        // Enough for three who fault at once, and less than pageout wants.
        bench.deallocate(&hoarder, hoard, 6);
        Self {
            file,
            pager,
            task,
            at,
            hoarder,
        }
    }

    /// All that was written is on the disk in the end: these first bytes of the two pages.
    fn finish(self, bench: &Bench<SHIFT>, first: [u8; 2], second: [u8; 2]) {
        let synced = bench
            .vm
            .object_sync(&self.file, (0, u64::MAX), SyncFlags::WAIT);
        assert_eq!(synced, Ok(()));
        let bytes = self.pager.bytes();
        let page = 1 << SHIFT;
        assert_eq!(
            (&bytes[..2], &bytes[page..page + 2]),
            (&first[..], &second[..])
        );
        bench.audit();
        bench.end(self.task);
        bench.end(self.hoarder);
        bench.vm.object_release(self.file);
    }
}

mod leaving {
    use super::*;

    explored! {
        /// A page is written while it is given to its pager, and taken: the write is in memory or on the disk.
        fn a_page_is_written_while_it_leaves(bench) needs [Event::Eviction, Event::PageOut, Event::PageIn] {
            let short = Short::new(bench);
            let (task, at) = (&short.task, short.at);
            bench.write(0, task, at, 2);
            bench.at_once(&[
                &|cpu| bench.write(cpu, task, at + 1, 3),
                &|_| {
                    bench.vm.pageout();
                },
                &|cpu| assert_eq!(bench.read(cpu, task, at), 2),
            ]);
            assert_eq!((bench.read(0, task, at), bench.read(0, task, at + 1)), (2, 3));
            short.finish(bench, [2, 3], [1, 1]);
        }
    }

    explored! {
        /// Two bring one page in while pageout takes it: each sees it whole.
        fn a_page_comes_for_two_while_it_leaves(bench) needs [Event::Eviction, Event::PageIn] {
            let short = Short::new(bench);
            let (task, at) = (&short.task, short.at);
            assert_eq!(bench.read(0, task, at), 1);
            let other = at + Bench::<SHIFT>::PAGE;
            bench.at_once(&[
                &|cpu| assert_eq!(bench.read(cpu, task, other), 1),
                &|_| {
                    bench.vm.pageout();
                    bench.vm.pageout();
                },
                &|cpu| bench.write(cpu, task, other + 1, 4),
            ]);
            assert_eq!((bench.read(0, task, other), bench.read(0, task, other + 1)), (1, 4));
            short.finish(bench, [1, 1], [1, 4]);
        }
    }

    explored! {
        /// A file is cut while a page beyond its new end comes, and while pageout takes pages.
        fn a_file_is_cut_while_its_page_comes(bench) needs [Event::PageIn] {
            let short = Short::new(bench);
            let (task, at) = (&short.task, short.at);
            let page = Bench::<SHIFT>::PAGE;
            let other = at + page;
            bench.at_once(&[
                &|cpu| {
                    let seen = bench.touch(cpu, task, other, Access::Read);
                    assert!([Ok(1), Err(FaultError::MemoryError)].contains(&seen), "{seen:?}");
                },
                &|_| {
                    bench.vm.pageout();
                },
                &|_| {
                    assert_eq!(bench.vm.object_resize(&short.file, page), Ok(()));
                    short.pager.set_size(page);
                },
            ]);
            assert_eq!(bench.touch(0, task, other, Access::Read), Err(FaultError::MemoryError));
            assert_eq!(bench.read(0, task, at), 1);
            bench.vm.object_resize(&short.file, 2 * page).expect("memory");
            short.pager.set_size(2 * page);
            assert_eq!(bench.read(0, task, other), 0, "what was cut off is back");
            bench.write(0, task, other, 5);
            short.finish(bench, [1, 1], [5, 0]);
        }
    }
}
