//! Advice: what goes, what stays, what is marked.

use super::*;
use abi::region::page_query;

const WILLNEED: i32 = 4;
const DONTNEED: i32 = 5;
const FREE: i32 = 6;
const ZERO_WIRED: i32 = 7;
const REUSABLE: i32 = 8;
const REUSE: i32 = 9;
const CAN_REUSE: i32 = 10;
const MALLOC: u32 = 1 << 24;

impl<const SHIFT: u32> Rig<SHIFT> {
    pub(super) fn advise(
        &self,
        task: &Task<SHIFT>,
        at: u64,
        pages: u64,
        what: i32,
    ) -> Result<(), KernReturn> {
        let size = UserSize(pages * Self::PAGE);
        self.vm
            .behavior(task, UserAddr(at), size, UserBehavior(what))
    }

    fn tagged(&self, task: &Task<SHIFT>, pages: u64, flags: u32) -> u64 {
        let size = UserSize(pages * Self::PAGE);
        let at = self
            .vm
            .allocate(task, UserAddr(0), size, UserFlags(1 | flags));
        at.expect("memory").0
    }

    fn bits(&self, task: &Task<SHIFT>, at: u64) -> i32 {
        self.vm
            .page_query(task, UserAddr(at))
            .expect("an address")
            .bits
    }
}

both! {
    /// Afterwards reads fault no more: neither of what is resident nor of what was never written.
    fn what_will_be_needed_is_mapped(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 40);
        rig.write(&task, at + 3 * page, 5);
        let child = rig.fork(&task);
        assert_eq!(rig.advise(&child, at, 40, WILLNEED), Ok(()));
        let faults = rig.events(Event::Fault);
        for n in 0..40 {
            assert_eq!(rig.read(&child, at + n * page), if n == 3 { 5 } else { 0 });
        }
        assert_eq!(rig.events(Event::Fault), faults);
        assert_eq!(rig.audit().pages, 1, "zeros are one frame");
        assert_eq!(rig.protect(&task, at, 1, 0), Ok(()));
        assert_eq!(rig.advise(&task, at, 2, WILLNEED), Ok(()));
        assert_eq!(rig.advise(&task, at + 39 * page, 2, WILLNEED), Err(KernReturn::INVALID_ADDRESS));
        rig.end(child);
        rig.end(task);
    }
}

both! {
    fn reusable_pages_are_counted_until_they_are_used_again(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.tagged(&task, 8, MALLOC);
        rig.write_pages(&task, at, 6, 1);
        assert_eq!(rig.advise(&task, at, 8, CAN_REUSE), Ok(()));
        assert_eq!(rig.region(&task, at).pages.reusable, 0, "only asked");
        assert_eq!(rig.advise(&task, at + page, 4, REUSABLE), Ok(()));
        let pages = rig.region(&task, at).pages;
        assert_eq!((pages.reusable, pages.resident, pages.dirtied), (4, 6, 2));
        assert_eq!(rig.bits(&task, at + page), page_query::PRESENT | page_query::REUSABLE);
        assert_eq!(rig.vm.statistics().inactive_count, 4);
        assert_eq!(rig.advise(&task, at + page, 2, REUSE), Ok(()));
        assert_eq!(rig.region(&task, at).pages.reusable, 2);
        assert_eq!(rig.vm.wire(&task, UserAddr(at), UserSize(6 * page), UserProt(1)), Ok(()));
        assert_eq!(rig.region(&task, at).pages.reusable, 0, "a wired page is in use");
        rig.end(task);
    }
}

both! {
    /// Memory with an allocator's tag must be plain; other memory is whatever it is.
    fn what_may_be_reused(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let odd = Err(KernReturn::INVALID_ADDRESS);
        let at = rig.tagged(&task, 4, MALLOC);
        rig.inherit(&task, at, 1, Inherit::None);
        for advice in [REUSABLE, REUSE, CAN_REUSE] {
            assert_eq!(rig.advise(&task, at, 2, advice), odd);
            assert_eq!(rig.advise(&task, at + page, 2, advice), Ok(()));
            assert_eq!(rig.advise(&task, at + page, 4, advice), odd, "a hole");
        }
        for flags in [0x10, 0x80, 2] {
            let special = rig.tagged(&task, 1, MALLOC | flags);
            assert_eq!(rig.advise(&task, special, 1, CAN_REUSE), odd, "{flags:#x}");
        }
        let plain = rig.tagged(&task, 1, 0x10);
        assert_eq!(rig.advise(&task, plain, 1, CAN_REUSE), Ok(()));
        assert_eq!(rig.protect(&task, plain, 1, 1), Ok(()));
        assert_eq!(rig.advise(&task, plain, 1, CAN_REUSE), Ok(()));
        assert_eq!(rig.advise(&task, plain, 1, REUSABLE), Err(KernReturn::PROTECTION_FAILURE));
        // A chain shows more than the object's own pages.
        rig.write_pages(&task, at + page, 2, 1);
        let child = rig.fork(&task);
        rig.write(&task, at + page, 2);
        assert_eq!(rig.advise(&task, at + page, 1, CAN_REUSE), odd);
        assert_eq!(rig.vm.behavior(&task, UserAddr(at), UserSize(page), UserBehavior(11)), Err(KernReturn::INVALID_ARGUMENT));
        rig.end(child);
        // A copy is owed what the original shows.
        let shared = rig.tagged(&task, 1, MALLOC);
        rig.write(&task, shared, 1);
        let made = rig.vm.make_memory_entry(&task, UserSize(page), UserAddr(shared), 3, None);
        let entry = made.expect("made").entry.expect("an entry");
        assert_eq!(rig.advise(&task, shared, 1, CAN_REUSE), Ok(()));
        let request = MapRequest { size: UserSize(page), flags: UserFlags(1), current: UserProt(3), maximum: UserProt(3), inherit: UserInherit(1), ..MapRequest::default() };
        let copy = rig.vm.map_entry(&task, &request, &entry, (0, CopyMode::Private)).expect("mapped");
        assert_eq!(rig.advise(&task, shared, 1, CAN_REUSE), odd);
        rig.deallocate(&task, copy.0, 1);
        assert_eq!(rig.advise(&task, shared, 1, CAN_REUSE), Ok(()));
        rig.vm.memory_entry_release(entry);
        rig.end(task);
    }
}

both! {
    /// Shared memory loses its pages for all who share it, on every CPU; copied memory keeps them.
    fn what_is_free_goes_only_where_nobody_has_a_copy_to_come(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let (shared, copied) = (rig.allocate(&task, 2), rig.allocate(&task, 2));
        rig.inherit(&task, shared, 2, Inherit::Share);
        rig.write_pages(&task, shared, 2, 1);
        rig.write_pages(&task, copied, 2, 1);
        let child = rig.fork(&task);
        for cpu in 0..2 {
            assert_eq!(rig.touch(cpu, &child, shared, Access::Read), Ok(1));
        }
        assert_eq!(rig.advise(&task, shared, 1, FREE), Ok(()));
        assert_eq!(rig.advise(&task, copied, 1, FREE), Ok(()));
        rig.audit();
        for cpu in 0..2 {
            assert_eq!(rig.touch(cpu, &child, shared, Access::Read), Ok(0));
            assert_eq!(rig.touch(cpu, &child, shared + page, Access::Read), Ok(1));
        }
        assert_eq!((rig.read(&task, copied), rig.read(&child, copied)), (1, 1));
        assert_eq!(rig.events(Event::SharedKill), 1);
        rig.end(child);
        rig.end(task);
    }
}

both! {
    /// `madvise(ZERO_WIRED_PAGES)`: pages that go wired are zeros for who else has them.
    fn wired_pages_are_zeroed_when_their_entry_goes(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let file = rig.vm.object_create(2 * page).expect("memory");
        rig.vm.object_write(&file, 0, &[7]).expect("memory");
        rig.vm.object_write(&file, page, &[8]).expect("memory");
        let task = rig.task();
        let what = EnterObject {
            object: Some(&file),
            offset: 0,
            attributes: Attributes::default(),
            copy: CopyMode::Shared,
        };
        let at = rig.vm.enter_object(&task, Placement::Anywhere(VirtAddr(0)), 2 * page, &what).expect("room").0;
        assert_eq!(rig.advise(&task, at, 1, ZERO_WIRED), Ok(()));
        assert_eq!(rig.vm.wire(&task, UserAddr(at), UserSize(2 * page), UserProt(3)), Ok(()));
        rig.deallocate(&task, at, 2);
        let mut seen = [9; 2];
        for (n, byte) in seen.iter_mut().enumerate() {
            rig.vm.object_read(&file, n as u64 * page, core::slice::from_mut(byte)).expect("resident");
        }
        assert_eq!(seen, [0, 8]);
        rig.end(task);
        rig.vm.object_release(file);
    }
}

both! {
    /// `msync`'s bits: what is deactivated is unused, and reusable if it is said so.
    fn sync_kills_deactivates_and_marks(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 4);
        rig.write_pages(&task, at, 4, 3);
        let sync = |from: u64, flags| rig.vm.msync(&task, UserAddr(at + from * page), UserSize(page), UserFlags(flags));
        assert_eq!(sync(0, 2 | 0x10), Ok(()));
        assert_eq!(rig.bits(&task, at) & page_query::REF, 0);
        assert_eq!(sync(1, 1 | 0x50), Ok(()));
        assert_eq!(rig.region(&task, at).pages.reusable, 1);
        assert_eq!(sync(2, 8), Ok(()));
        assert_eq!(sync(3, 4 | 0x40 | 0x8000_0000), Ok(()), "unknown bits are ignored");
        let seen = [0, 1, 2, 3].map(|n| rig.read(&task, at + n * page));
        assert_eq!(seen, [3, 3, 0, 3]);
        assert_eq!(rig.advise(&task, at, 4, DONTNEED), Ok(()));
        assert_eq!(rig.vm.statistics().active_count, 0);
        rig.end(task);
    }
}
