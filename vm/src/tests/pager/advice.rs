//! Advice and `msync` through a mapping of a file that has a pager.

use super::*;

/// `VM_SYNC_*`.
const ASYNCHRONOUS: u32 = 1;
const SYNCHRONOUS: u32 = 2;
const INVALIDATE: u32 = 4;
const RANDOM: i32 = 1;
const SEQUENTIAL: i32 = 2;
const WILLNEED: i32 = 4;
const DONTNEED: i32 = 5;
const FREE: i32 = 6;

impl<const SHIFT: u32> Rig<SHIFT> {
    fn msync(&self, task: &Task<SHIFT>, at: u64, pages: u64, flags: u32) {
        let size = UserSize(pages * Self::PAGE);
        assert_eq!(
            self.vm.msync(task, UserAddr(at), size, UserFlags(flags)),
            Ok(())
        );
    }
}

both! {
    /// `msync` writes what is dirty of its range and nothing else, waiting or not; with INVALIDATE the pages
    /// leave memory, and the next look asks the pager.
    fn msync_writes_its_range(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let (file, pager) = rig.paged(8 * page);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 8, CopyMode::Shared);
        for index in [1, 2, 6] {
            rig.write(&task, at + index * page, 0xa0 + index as u8);
        }
        pager.asked();
        rig.msync(&task, at, 4, SYNCHRONOUS);
        assert_eq!(moved::<SHIFT>(&pager.asked()).1, [(1, 2)]);
        assert_eq!(rig.vm.dirty_pages(), Pages(1));
        rig.msync(&task, at + 4 * page, 4, ASYNCHRONOUS);
        assert_eq!(moved::<SHIFT>(&pager.asked()).1, [(6, 1)]);
        assert_eq!(rig.vm.dirty_pages(), Pages(0));
        rig.write(&task, at + page, 0xb1);
        rig.msync(&task, at, 8, SYNCHRONOUS | INVALIDATE);
        assert_eq!(moved::<SHIFT>(&pager.asked()).1, [(1, 1)]);
        assert_eq!(rig.vm.object_resident(&file), Pages(0));
        assert_eq!(rig.read(&task, at + page), 0xb1);
        assert!(!moved::<SHIFT>(&pager.asked()).0.is_empty(), "the pager is asked again");
        rig.audit();
        rig.end(task);
        rig.vm.object_release(file);
    }
}

both! {
    /// WILLNEED brings the range in; DONTNEED and FREE lose nothing of a file; what was written stays.
    fn advice_loses_nothing_of_a_file(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let (file, pager) = rig.paged(16 * page);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 16, CopyMode::Shared);
        assert_eq!(rig.advise(&task, at, 16, WILLNEED), Ok(()));
        assert_eq!(rig.vm.object_resident(&file), Pages(16));
        pager.asked();
        rig.write(&task, at + 3 * page, 0xcc);
        for advice in [DONTNEED, FREE] {
            assert_eq!(rig.advise(&task, at, 16, advice), Ok(()));
            assert_eq!(rig.read(&task, at + 3 * page), 0xcc);
            assert_eq!(rig.read(&task, at + 4 * page), byte(4));
        }
        assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(()));
        assert_eq!(pager.bytes()[3 * page as usize], 0xcc);
        rig.audit();
        rig.end(task);
        rig.vm.object_release(file);
    }
}

both! {
    /// A mapping that is read at random gets the page alone; one that is read in order gets more at once.
    fn advice_decides_how_much_is_read(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        for (advice, alone) in [(RANDOM, true), (SEQUENTIAL, false)] {
            let (file, pager) = rig.paged(32 * page);
            let task = rig.task();
            let at = rig.map_paged(&task, &file, 32, CopyMode::Shared);
            assert_eq!(rig.advise(&task, at, 32, advice), Ok(()));
            pager.asked();
            assert_eq!(rig.read(&task, at + 8 * page), byte(8));
            let (read, _) = moved::<SHIFT>(&pager.asked());
            assert_eq!(read.len(), 1);
            assert_eq!(read[0].1 == 1, alone, "advice {advice}: {read:?}");
            rig.end(task);
            rig.vm.object_release(file);
        }
    }
}
