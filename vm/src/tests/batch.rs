//! Batches of invalidations that wait at the same time.

use super::*;

both! {
    /// I-TLB-5: the batch that took the mapping has not flushed it yet; another one frees the page.
    fn who_frees_a_page_makes_the_flush_of_others(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 1);
        rig.write(&task, at, 1);
        assert_eq!(rig.touch(2, &task, at, Access::Read), Ok(1));

        let range = Range::new(VirtAddr(at), VirtAddr(at + page));
        let mut slow = rig.vm.frames.batch();
        rig.vm.machine().pmap_remove(rig.vm.pmap(&task), range, &mut slow);
        let stale = rig.vm.machine().access(2, rig.vm.pmap(&task), VirtAddr(at), Access::Read);
        assert!(stale.is_ok(), "the TLB still has what the batch is to invalidate");
        // The simulator refuses to free a frame that a TLB has.
        rig.deallocate(&task, at, 1);
        let after = rig.vm.machine().access(2, rig.vm.pmap(&task), VirtAddr(at), Access::Read);
        assert!(after.is_err(), "the page is free and was flushed");
        rig.vm.frames.finish(slow);
        rig.end(task);
    }
}
