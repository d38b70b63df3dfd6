//! What mapped pages count as, and the most there ever was.

use super::*;

const RW: u32 = 3;

impl<const SHIFT: u32> Rig<SHIFT> {
    /// Internal, external, owned, reusable, untracked.
    fn counts(&self, task: &Task<SHIFT>) -> [u64; 5] {
        let Residence { by, untracked, .. } = self.vm.residence(task);
        let of = |account: Account| by[account as usize].0;
        [
            of(Account::Internal),
            of(Account::External),
            of(Account::Owned),
            of(Account::Reusable),
            untracked.0,
        ]
    }

    /// What a task weighs beyond its page tables.
    fn weight(&self, task: &Task<SHIFT>) -> u64 {
        let tables = self.vm.machine().pmap_tables(self.vm.pmap(task));
        self.vm.footprint(task).0 - tables.0
    }
}

both! {
    /// Zeros that are only read are no page; what is written is; what a child shares counts in both.
    fn memory_without_a_name_weighs_where_it_is_mapped(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 8);
        assert_eq!(rig.counts(&task), [0; 5]);
        rig.read(&task, at);
        assert_eq!((rig.counts(&task), rig.weight(&task)), ([0, 0, 0, 0, 1], 0));
        rig.write_pages(&task, at, 4, 1);
        assert_eq!((rig.counts(&task), rig.weight(&task)), ([4, 0, 0, 0, 0], 4));
        let child = rig.fork(&task);
        assert_eq!(rig.counts(&child), [0; 5]);
        for n in 0..4 {
            rig.read(&child, at + n * page);
        }
        assert_eq!((rig.weight(&task), rig.weight(&child)), (4, 4));
        rig.deallocate(&task, at, 3);
        assert_eq!((rig.weight(&task), rig.weight(&child)), (1, 4));
        let peaks = rig.vm.peaks(&task);
        assert_eq!((peaks.resident, peaks.internal, peaks.external), (Pages(4), Pages(4), Pages(0)));
        rig.end(child);
        rig.end(task);
    }
}

both! {
    /// A file's pages weigh nothing, a private copy of one does.
    fn a_files_pages_weigh_nothing(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let file = rig.vm.object_create(4 * page).expect("an object");
        for n in 0..4 {
            assert_eq!(rig.vm.object_write(&file, n * page, &[1]), Ok(()));
        }
        let what = EnterObject { object: Some(&file), offset: 0, attributes: Attributes::default(), copy: CopyMode::Private };
        let at = rig.vm.enter_object(&task, Placement::Anywhere(VirtAddr(0)), 4 * page, &what).expect("mapped").0;
        for n in 0..4 {
            assert_eq!(rig.read(&task, at + n * page), 1);
        }
        assert_eq!((rig.counts(&task), rig.weight(&task)), ([0, 4, 0, 0, 0], 0));
        rig.write(&task, at, 2);
        assert_eq!((rig.counts(&task), rig.weight(&task)), ([1, 3, 0, 0, 0], 1));
        assert_eq!(rig.vm.peaks(&task).external, Pages(4));
        rig.end(task);
        rig.vm.object_release(file);
    }
}

both! {
    /// What an allocator needs nothing of weighs nothing until it is used again, or wired.
    fn reusable_memory_weighs_nothing(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 4);
        rig.write_pages(&task, at, 4, 1);
        let advise = |pages: u64, what| rig.vm.behavior(&task, UserAddr(at), UserSize(pages * page), UserBehavior(what));
        assert_eq!(advise(3, 8), Ok(()));
        assert_eq!((rig.counts(&task), rig.weight(&task)), ([1, 0, 0, 3, 0], 1));
        // Mapped anew they are what they were.
        assert_eq!(rig.protect(&task, at, 4, 0), Ok(()));
        assert_eq!(rig.counts(&task), [0; 5]);
        assert_eq!(rig.protect(&task, at, 4, RW), Ok(()));
        for n in 0..4 {
            rig.read(&task, at + n * page);
        }
        assert_eq!(rig.counts(&task), [1, 0, 0, 3, 0]);
        assert_eq!(advise(1, 9), Ok(()));
        assert_eq!(rig.counts(&task), [2, 0, 0, 2, 0]);
        assert_eq!(rig.vm.wire(&task, UserAddr(at), UserSize(2 * page), UserProt(RW)), Ok(()));
        assert_eq!((rig.counts(&task), rig.weight(&task)), ([3, 0, 0, 1, 0], 3));
        assert_eq!(rig.vm.unwire(&task, UserAddr(at), UserSize(2 * page)), Ok(()));
        assert_eq!(rig.vm.peaks(&task).reusable, Pages(3));
        rig.end(task);
    }
}

both! {
    /// Purgeable memory weighs on its owner while it is needed, and where it is mapped it weighs nothing.
    fn purgeable_memory_weighs_on_its_owner(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let (task, other) = (rig.task(), rig.task());
        let size = UserSize(3 * page);
        let at = rig.vm.allocate(&task, UserAddr(0), size, UserFlags(3)).expect("memory").0;
        rig.write_pages(&task, at, 3, 1);
        assert_eq!((rig.counts(&task), rig.weight(&task)), ([0, 0, 3, 0, 0], 3));
        let most = rig.vm.footprint(&task);
        let entry = rig.vm.make_memory_entry(&task, size, UserAddr(at), RW, None);
        let entry = entry.expect("made").entry.expect("an entry");
        let request = MapRequest { size, flags: UserFlags(1), current: UserProt(RW), maximum: UserProt(RW), inherit: UserInherit(1), ..MapRequest::default() };
        let there = rig.vm.map_entry(&other, &request, &entry, (0, CopyMode::Shared)).expect("mapped").0;
        rig.read(&other, there);
        assert_eq!((rig.counts(&other)[2] > 0, rig.weight(&other)), (true, 0));
        assert_eq!(rig.vm.purgable_control(&task, UserAddr(at), 0, 1), Ok(0));
        assert_eq!((rig.counts(&task), rig.weight(&task)), ([0, 0, 3, 0, 0], 0));
        assert_eq!(rig.vm.purgable_control(&task, UserAddr(at), 0, 0), Ok(1));
        rig.deallocate(&task, at, 3);
        assert_eq!((rig.counts(&task), rig.weight(&task)), ([0; 5], 3));
        rig.vm.memory_entry_release(entry);
        rig.end(other);
        assert_eq!(rig.weight(&task), 0);
        // The most there was: not both at once.
        assert_eq!(rig.vm.peaks(&task).footprint, most);
        let plain = rig.allocate(&task, 2);
        rig.write_pages(&task, plain, 2, 1);
        let at = rig.vm.allocate(&task, UserAddr(0), size, UserFlags(3)).expect("memory").0;
        rig.write_pages(&task, at, 3, 1);
        assert_eq!(rig.weight(&task), 5);
        let most = rig.vm.footprint(&task);
        rig.deallocate(&task, plain, 2);
        assert_eq!(rig.weight(&task), 3);
        assert_eq!(rig.vm.wire(&task, UserAddr(at), UserSize(page), UserProt(RW)), Ok(()));
        assert_eq!(rig.vm.purgable_control(&task, UserAddr(at), 0, 1), Ok(0));
        assert_eq!(rig.weight(&task), 1, "what is wired is needed");
        rig.vm.purge(Pages(9), 8);
        assert_eq!(rig.weight(&task), 1);
        assert_eq!(rig.vm.unwire(&task, UserAddr(at), UserSize(page)), Ok(()));
        assert_eq!(rig.weight(&task), 0);
        assert_eq!(rig.vm.peaks(&task).footprint, most);
        rig.end(task);
    }
}
