//! Superpages: what they are, and what happens to a part of one.

use super::*;
use crate::counters::Event;
use abi::region::{page_query, share_mode};
use abi::vm_flags::{VM_FLAGS_ANYWHERE, VM_FLAGS_OVERWRITE, VM_FLAGS_PERMANENT, VM_FLAGS_PURGABLE};

/// `VM_FLAGS_SUPERPAGE_SIZE_ANY`.
const ANY: u32 = 1 << 16;
/// `VM_FLAGS_SUPERPAGE_SIZE_2MB`.
const TWO_MIB: u32 = 2 << 16;
const ANYWHERE: u32 = VM_FLAGS_ANYWHERE;

/// Pages of a superpage of eight pages.
const PAGES: u64 = 8;
/// log2 of that.
const LEAF: u32 = 3;

impl<const SHIFT: u32, const LEAF: u32> RigOf<SHIFT, LEAF> {
    const SUPERPAGE: u64 = 1 << (SHIFT + LEAF);

    fn super_at(
        &self,
        task: &TaskOf<SHIFT, LEAF>,
        at: u64,
        bytes: u64,
        flags: u32,
    ) -> Result<u64, KernReturn> {
        let got = self
            .vm
            .allocate(task, UserAddr(at), UserSize(bytes), UserFlags(flags));
        got.map(|at| at.0)
    }

    /// So many superpages somewhere.
    fn superpages(&self, task: &TaskOf<SHIFT, LEAF>, count: u64) -> u64 {
        let bytes = count * Self::SUPERPAGE;
        let at = self.super_at(task, 0, bytes, ANYWHERE | ANY);
        at.expect("superpages")
    }

    fn wired(&self) -> u64 {
        self.vm.queues.wired().0
    }
}

/// Runs `test` in both page sizes with superpages of eight pages; afterwards nothing may be left.
macro_rules! superpages {
    ($(#[$meta:meta])* fn $name:ident($rig:ident, $frames:expr) $body:block) => {
        $(#[$meta])*
        #[test]
        fn $name() {
            fn run<const SHIFT: u32>() {
                let $rig = RigOf::<SHIFT, LEAF>::new($frames);
                let before = $rig.used();
                $body
                $rig.audit();
                assert_eq!($rig.used(), before, "pages were lost");
                assert_eq!($rig.wired(), 0, "wirings were lost");
            }
            run::<12>();
            run::<14>();
        }
    };
}

superpages! {
    /// All of it is there, zero, wired, in one run, and mapped by one entry before the first access.
    fn a_superpage_is_there_at_once(rig, 256) {
        let page = 1u64 << SHIFT;
        let task = rig.task();
        let faults = rig.events(Event::Fault);
        let at = rig.superpages(&task, 2);
        assert_eq!(at % (PAGES * page), 0);
        assert_eq!((task.size(), rig.wired()), (2 * PAGES * page, 2 * PAGES));
        assert_eq!(rig.vm.machine().counts().superpages, 2);
        assert_eq!(rig.vm.resident(&task), Pages(2 * PAGES));
        for n in 0..2 * PAGES {
            assert_eq!(rig.read(&task, at + n * page), 0);
            rig.write(&task, at + n * page + 5, n as u8 + 1);
        }
        for n in 0..2 * PAGES {
            assert_eq!(rig.read(&task, at + n * page + 5), n as u8 + 1);
        }
        assert_eq!(rig.events(Event::Fault), faults);
        for start in [at, at + PAGES * page] {
            let first = rig.vm.machine().pmap_extract(rig.vm.pmap(&task), VirtAddr(start));
            let first = u64::from(first.expect("mapped").0.0);
            assert_eq!(first % PAGES, 0);
            for n in 0..PAGES {
                let here = VirtAddr(start + n * page);
                let here = rig.vm.machine().pmap_extract(rig.vm.pmap(&task), here);
                assert_eq!(here, Some((PageId((first + n) as u32), Protection::DEFAULT)));
            }
        }
        rig.end(task);
    }
}

superpages! {
    /// Regions, single pages and statistics say what it is.
    fn a_superpage_shows(rig, 256) {
        let page = 1u64 << SHIFT;
        let task = rig.task();
        let at = rig.superpages(&task, 1);
        let region = rig.region(&task, at + page);
        assert_eq!(region.range, Range::new(VirtAddr(at), VirtAddr(at + PAGES * page)));
        assert_eq!((region.share_mode, region.inherit), (share_mode::LARGE_PAGE, Inherit::None));
        assert_eq!((region.user_wired, region.ref_count, region.shadow_depth), (0, 1, 0));
        assert_eq!(region.pages.resident, PAGES as u32);
        let kernel = rig.vm.frames.kernel_count().0;
        assert_eq!(u64::from(rig.vm.statistics().wire_count), kernel + PAGES);
        rig.write(&task, at + page, 1);
        let seen = rig.vm.page_query(&task, UserAddr(at + page)).expect("an answer").bits;
        let all = page_query::PRESENT | page_query::REF | page_query::DIRTY;
        assert_eq!(seen & all, all);
        rig.deallocate(&task, at, PAGES);
        rig.end(task);
    }
}

superpages! {
    /// Who removes a part removes the whole superpage, and no other.
    fn a_part_is_removed_whole(rig, 256) {
        let page = 1u64 << SHIFT;
        let task = rig.task();
        let at = rig.superpages(&task, 4);
        let size = PAGES * page;
        rig.deallocate(&task, at + size + page, 1);
        assert_eq!((task.size(), rig.wired()), (3 * size, 3 * PAGES));
        let gone = rig.touch(0, &task, at + size, Access::Read);
        assert_eq!(gone, Err(FaultError::InvalidAddress));
        rig.write(&task, at, 1);
        rig.write(&task, at + 2 * size, 2);
        // From the end of one to the beginning of the next.
        rig.deallocate(&task, at + 3 * size - page, 2);
        assert_eq!((task.size(), rig.wired()), (size, PAGES));
        assert_eq!(rig.read(&task, at), 1);
        // The place is free again, for single pages too.
        rig.allocate_at(&task, at + size, 3 * PAGES);
        rig.write_pages(&task, at + size, 3 * PAGES, 7);
        rig.end(task);
    }
}

superpages! {
    /// A protection is that of the whole superpage; one fault brings it back.
    fn a_part_is_protected_whole(rig, 256) {
        let page = 1u64 << SHIFT;
        let task = rig.task();
        let at = rig.superpages(&task, 2);
        rig.write_pages(&task, at, 2 * PAGES, 9);
        assert_eq!(rig.protect(&task, at + 2 * page, 1, 1), Ok(()));
        for n in [0, 2, PAGES - 1] {
            let refused = rig.touch(0, &task, at + n * page, Access::Write(1));
            assert_eq!(refused, Err(FaultError::ProtectionFailure));
        }
        rig.write(&task, at + PAGES * page, 8);
        assert_eq!(rig.region(&task, at).protection, Protection::READ);
        assert_eq!(rig.protect(&task, at + page, 1, 0), Ok(()));
        let refused = rig.touch(1, &task, at, Access::Read);
        assert_eq!(refused, Err(FaultError::ProtectionFailure));
        assert_eq!(rig.protect(&task, at + 3 * page, 2, 3), Ok(()));
        let faults = rig.events(Event::Fault);
        for n in 0..PAGES {
            assert_eq!(rig.read(&task, at + n * page), 9);
            rig.write(&task, at + n * page, n as u8);
        }
        assert_eq!(rig.events(Event::Fault), faults + 1);
        assert_eq!(rig.wired(), 2 * PAGES);
        rig.end(task);
    }
}

superpages! {
    /// A child gets nothing of it, whatever was asked, unless `minherit` asks later: then a copy.
    fn a_child_gets_none(rig, 256) {
        let page = 1u64 << SHIFT;
        let task = rig.task();
        let request = MapRequest {
            size: UserSize(PAGES * page),
            flags: UserFlags(ANYWHERE | ANY),
            current: UserProt(3),
            maximum: UserProt(7),
            inherit: UserInherit(Inherit::Share as u32),
            ..MapRequest::default()
        };
        let at = rig.vm.map(&task, &request).expect("a superpage").0;
        rig.write_pages(&task, at, PAGES, 4);
        let child = rig.fork(&task);
        assert_eq!(child.size(), 0);
        rig.end(child);
        let set = |inherit: Inherit| {
            let inherit = UserInherit(inherit as u32);
            rig.vm.inherit(&task, UserAddr(at + page), UserSize(page), inherit)
        };
        assert_eq!(set(Inherit::Share), Err(KernReturn::NOT_SUPPORTED));
        assert_eq!(rig.region(&task, at).inherit, Inherit::None);
        assert_eq!(set(Inherit::Copy), Ok(()));
        let child = rig.fork(&task);
        assert_eq!((child.size(), rig.wired()), (PAGES * page, PAGES));
        assert_ne!(rig.region(&child, at).share_mode, share_mode::LARGE_PAGE);
        rig.write(&child, at + page, 5);
        rig.write(&task, at + 2 * page, 6);
        assert_eq!((rig.read(&task, at + page), rig.read(&child, at + page)), (4, 5));
        assert_eq!(rig.read(&child, at + 2 * page), 4);
        rig.deallocate(&child, at + page, 2);
        rig.end(task);
        assert_eq!(rig.read(&child, at), 4);
        rig.end(child);
    }
}

superpages! {
    /// It is copied, whole or in part, and not shared; what is refused changes nothing.
    fn it_is_copied_and_not_shared(rig, 512) {
        let page = 1u64 << SHIFT;
        let task = rig.task();
        let at = rig.superpages(&task, 2);
        for n in 0..2 * PAGES {
            rig.write(&task, at + n * page, n as u8);
        }
        let remap = |copy| RemapRequest {
            source: UserAddr(at + page),
            size: UserSize(3 * page),
            flags: UserFlags(ANYWHERE),
            inherit: UserInherit(1),
            copy,
            ..RemapRequest::default()
        };
        let shared = rig.vm.remap(&task, &task, &remap(CopyMode::Shared));
        assert_eq!(shared.map(drop), Err(KernReturn::NOT_SUPPORTED));
        let entry = rig.vm.make_memory_entry(&task, UserSize(page), UserAddr(at), 3, None);
        assert_eq!(entry.map(drop), Err(KernReturn::NOT_SUPPORTED));
        let copying = rig.vm.protect(
            &task,
            UserAddr(at),
            UserSize(page),
            SetMax::No,
            UserProt(abi::prot::VM_PROT_COPY | 3),
        );
        assert_eq!(copying, Err(KernReturn::NOT_SUPPORTED));
        assert_eq!((task.entry_count(), task.size()), (2, 2 * PAGES * page));
        rig.audit();
        let used = rig.used();
        let copy = rig.vm.remap(&task, &task, &remap(CopyMode::Private)).expect("a copy").at.0;
        // Three pages, and perhaps a table; not a superpage.
        assert!(rig.used() <= used + 3, "a part is not copied whole");
        let copied = rig.region(&task, copy);
        assert_eq!(copied.range.len(), 3 * page);
        assert_ne!(copied.share_mode, share_mode::LARGE_PAGE);
        for n in 0..3 {
            assert_eq!(rig.read(&task, copy + n * page), n as u8 + 1);
        }
        rig.write(&task, at + page, 99);
        assert_eq!(rig.read(&task, copy), 1);
        // Across both, by `vm_read`, and back over the first of them by `vm_copy`.
        let whole = UserSize((2 * PAGES - 2) * page);
        let read = rig.vm.copy_in(&task, UserAddr(at + page), whole).expect("a copy");
        let read = rig.vm.copy_out(&task, read).expect("room").0;
        for n in 1..2 * PAGES - 2 {
            assert_eq!(rig.read(&task, read + n * page), n as u8 + 1);
        }
        let over = rig.vm.copy_in(&task, UserAddr(read + page), UserSize(5 * page)).expect("a copy");
        assert_eq!(rig.vm.copy_overwrite(&task, UserAddr(at), over), Ok(()));
        for n in 0..5 {
            assert_eq!(rig.read(&task, at + n * page), n as u8 + 2);
        }
        assert_eq!(rig.region(&task, at).share_mode, share_mode::LARGE_PAGE);
        rig.end(task);
    }
}

superpages! {
    /// Its own wiring stays whatever the user wires and unwires.
    fn wirings_by_the_user_come_on_top(rig, 256) {
        let page = 1u64 << SHIFT;
        let task = rig.task();
        let at = rig.superpages(&task, 1);
        let part = (UserAddr(at + page), UserSize(page));
        assert_eq!(rig.vm.unwire(&task, part.0, part.1), Ok(()));
        assert_eq!(rig.vm.wire(&task, part.0, part.1, UserProt(3)), Ok(()));
        assert_eq!((rig.region(&task, at).user_wired, task.read().user_wired), (1, PAGES * page));
        assert_eq!(rig.vm.unwire(&task, part.0, part.1), Ok(()));
        assert_eq!((rig.region(&task, at).user_wired, task.read().user_wired), (0, 0));
        assert_eq!(rig.wired(), PAGES);
        // Nor does advice take anything away but the bytes.
        rig.write_pages(&task, at, PAGES, 3);
        for advice in [2, 5, 6, 8] {
            let given = rig.vm.behavior(&task, part.0, part.1, UserBehavior(advice));
            assert_eq!((given, rig.read(&task, at + page)), (Ok(()), 3), "advice {advice}");
        }
        assert_eq!(rig.vm.behavior(&task, part.0, part.1, UserBehavior(12)), Ok(()));
        let seen = [0, 1, 2].map(|n| rig.read(&task, at + n * page));
        assert_eq!((seen, rig.wired(), task.entry_count()), ([3, 0, 3], PAGES, 1));
        rig.end(task);
    }
}

superpages! {
    /// New memory over a part takes the place of all of it; over its neighbours superpages can go too.
    fn overwriting(rig, 256) {
        let page = 1u64 << SHIFT;
        let task = rig.task();
        let at = rig.superpages(&task, 2);
        let over = |at, pages, flags| {
            let flags = UserFlags(VM_FLAGS_OVERWRITE | flags);
            rig.vm.allocate(&task, UserAddr(at), UserSize(pages * page), flags)
        };
        rig.write_pages(&task, at, 2 * PAGES, 1);
        assert_eq!(over(at + page, 1, 0), Ok(VirtAddr(at + page)));
        assert_eq!(task.size(), PAGES * page + page);
        rig.write(&task, at + page, 2);
        // Single pages were there, and the table that mapped them.
        assert_eq!(over(at, PAGES, ANY), Ok(VirtAddr(at)));
        for n in 0..PAGES {
            for cpu in 0..2 {
                assert_eq!(rig.touch(cpu, &task, at + n * page, Access::Read), Ok(0));
            }
        }
        assert_eq!((task.size(), rig.wired()), (2 * PAGES * page, 2 * PAGES));
        rig.audit();
        rig.end(task);
    }
}

superpages! {
    /// A placeholder is all that stays of a permanent one.
    fn a_permanent_one(rig, 256) {
        let page = 1u64 << SHIFT;
        let task = rig.task();
        let flags = ANYWHERE | ANY | VM_FLAGS_PERMANENT;
        let at = rig.super_at(&task, 0, PAGES * page, flags).expect("a superpage");
        rig.deallocate(&task, at + page, 1);
        assert_eq!((rig.wired(), task.size()), (0, PAGES * page));
        let refused = rig.touch(0, &task, at, Access::Read);
        assert_eq!(refused, Err(FaultError::ProtectionFailure));
        rig.audit();
        rig.end(task);
    }
}

superpages! {
    /// What is asked for wrongly leaves nothing.
    fn arguments(rig, 256) {
        let page = 1u64 << SHIFT;
        let size = PAGES * page;
        let task = rig.task();
        let argument = Err(KernReturn::INVALID_ARGUMENT);
        for flags in 0..8 {
            let got = rig.super_at(&task, 0, size, ANYWHERE | flags << 16);
            match flags {
                0 | 1 => assert!(got.is_ok()),
                _ => assert_eq!(got, argument, "size {flags}"),
            }
        }
        assert_eq!(rig.super_at(&task, 0, size, ANYWHERE | ANY | VM_FLAGS_PURGABLE), argument);
        assert_eq!(rig.super_at(&task, MAX - page, size, ANY), Err(KernReturn::NO_SPACE));
        assert_eq!(rig.super_at(&task, MAX, size, ANY), Err(KernReturn::INVALID_ADDRESS));
        assert_eq!(rig.super_at(&task, 0, 0, ANYWHERE | ANY), Ok(0));
        assert_eq!(rig.super_at(&task, 0, u64::MAX - size, ANYWHERE | ANY), Err(KernReturn::NO_SPACE));
        // A size is filled up to whole superpages.
        let before = task.size();
        let one = rig.super_at(&task, 0, page, ANYWHERE | ANY).expect("a superpage");
        assert_eq!(task.size(), before + size);
        rig.write(&task, one + size - 1, 1);
        assert_eq!(rig.super_at(&task, one, page, ANY), Err(KernReturn::NO_SPACE));
        rig.end(task);
    }
}

superpages! {
    /// Whichever allocation fails, nothing is left, or it is there.
    fn rollback_at_every_allocation(rig, 512) {
        let page = 1u64 << SHIFT;
        let task = rig.task();
        rig.write(&task, rig.allocate(&task, 1), 1);
        let used = rig.used();
        let mut failures = 0;
        for k in 1.. {
            rig.vm.frames().injector().fail_once(k);
            let got = rig.super_at(&task, 0, 3 * PAGES * page, ANYWHERE | ANY);
            let spared = rig.vm.frames().injector().disarm();
            rig.audit();
            let Ok(at) = got else {
                assert_eq!(got, Err(KernReturn::RESOURCE_SHORTAGE));
                assert_eq!((rig.used(), task.entry_count()), (used, 1), "after failure {k}");
                assert_eq!(rig.wired(), 0);
                failures += 1;
                continue;
            };
            rig.write_pages(&task, at, 3 * PAGES, 2);
            rig.deallocate(&task, at, 3 * PAGES);
            assert_eq!(rig.wired(), 0);
            if spared {
                break;
            }
        }
        assert!(failures >= 9, "only {failures} allocations");
        rig.end(task);
    }
}

superpages! {
    /// Without a run of free frames there is none, however many are free; with one there is.
    fn fragments_are_no_superpage(rig, 125) {
        let page = 1u64 << SHIFT;
        let task = rig.task();
        let at = rig.allocate(&task, 125);
        let mut end = at;
        while rig.touch(0, &task, end, Access::Write(1)).is_ok() {
            end += page;
        }
        // Every other frame is free again; the last eight, which are kept, are not aligned.
        let pmap = rig.vm.pmap(&task);
        let mut freed = 0;
        for here in (at..end).step_by(page as usize) {
            let frame = rig.vm.machine().pmap_extract(pmap, VirtAddr(here));
            if frame.is_some_and(|(frame, _)| frame.0 % 2 == 0) {
                let given = rig.vm.behavior(&task, UserAddr(here), UserSize(page), UserBehavior(6));
                assert_eq!(given, Ok(()));
                freed += 1;
            }
        }
        assert!(freed > 3 * PAGES, "{freed}");
        let (used, size) = (rig.used(), task.size());
        let got = rig.super_at(&task, 0, PAGES * page, ANYWHERE | ANY);
        assert_eq!(got, Err(KernReturn::RESOURCE_SHORTAGE));
        assert_eq!((rig.used(), task.size()), (used, size));
        rig.audit();
        rig.end(task);
        // The CPUs' magazines are given up for one.
        let task = rig.task();
        let at = rig.superpages(&task, 3);
        rig.write(&task, at, 1);
        rig.end(task);
    }
}

superpages! {
    /// Volatile memory goes before a superpage is refused.
    fn volatile_memory_makes_room(rig, 128) {
        let page = 1u64 << SHIFT;
        let task = rig.task();
        let flags = UserFlags(ANYWHERE | VM_FLAGS_PURGABLE);
        let size = UserSize(64 * page);
        let volatile = rig.vm.allocate(&task, UserAddr(0), size, flags).expect("memory").0;
        rig.write_pages(&task, volatile, 64, 1);
        let at = rig.allocate(&task, 100);
        let mut next = at;
        while rig.touch(0, &task, next, Access::Write(1)).is_ok() {
            next += page;
        }
        assert!(rig.super_at(&task, 0, PAGES * page, ANYWHERE | ANY).is_err());
        let state = rig.vm.purgable_control(&task, UserAddr(volatile), 0, 1);
        assert!(state.is_ok(), "{state:?}");
        rig.superpages(&task, 1);
        rig.end(task);
    }
}

/// Two MiB are asked for by name where the machine has just that, and a size must be right then.
#[test]
fn two_mib_by_name() {
    fn run<const SHIFT: u32, const LEAF: u32>() {
        let rig = RigOf::<SHIFT, LEAF>::new(4 << LEAF);
        let task = rig.task();
        let at = rig.super_at(&task, 0, 2 << 20, ANYWHERE | TWO_MIB);
        let at = at.expect("a superpage");
        assert_eq!((at % (2 << 20), rig.wired()), (0, 1 << LEAF));
        rig.write(&task, at + (1 << 20), 7);
        let argument = Err(KernReturn::INVALID_ARGUMENT);
        for size in [1, 1 << 20, 3 << 20, (2 << 20) + 1] {
            let got = rig.super_at(&task, 0, size, ANYWHERE | TWO_MIB);
            assert_eq!(got, argument, "{size:#x}");
        }
        rig.end(task);
        assert_eq!(rig.wired(), 0);
        rig.audit();
    }
    run::<12, 9>();
    run::<14, 7>();
}

both! {
    /// A machine without superpages says so.
    fn a_machine_without(rig, 256) {
        let task = rig.task();
        for flags in [ANY, TWO_MIB, ANY | TWO_MIB] {
            for size in [1, 2 << 20] {
                let (at, size) = (UserAddr(0), UserSize(size));
                let got = rig.vm.allocate(&task, at, size, UserFlags(ANYWHERE | flags));
                assert_eq!(got, Err(KernReturn::INVALID_ARGUMENT));
            }
        }
        assert_eq!(task.size(), 0);
        rig.end(task);
    }
}
