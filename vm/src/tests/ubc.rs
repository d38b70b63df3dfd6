//! One cache for files: the bugs of others.

use super::pager::byte;
use super::*;

both! {
    /// vm-bugs 7: two programs write one page of a shared file in turns, and it is written back between
    /// any two of their writes. Each write succeeds with one fault at most, and reaches the disk.
    fn dirty_by_peer_then_write(rig, 512) {
        let (file, pager) = rig.paged(1 << SHIFT);
        let tasks = [rig.task(), rig.task()];
        let at = tasks.each_ref().map(|task| rig.map_paged(task, &file, 1, CopyMode::Shared));
        for (who, task) in tasks.iter().enumerate() {
            assert_eq!(rig.touch(who, task, at[who], Access::Read), Ok(byte(0)));
        }
        for round in 0..6u8 {
            for (who, task) in tasks.iter().enumerate() {
                let value = round * 2 + who as u8;
                let before = rig.events(Event::Fault);
                let got = rig.touch_within(2, who, task, at[who] + who as u64, Access::Write(value));
                assert_eq!(got, Ok(value));
                assert!(rig.events(Event::Fault) <= before + 1);
                if round % 2 == 0 {
                    assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(()));
                    assert_eq!(pager.bytes()[who], value);
                }
            }
        }
        assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(()));
        assert_eq!(pager.bytes()[..2], [10, 11]);
        tasks.into_iter().for_each(|task| rig.end(task));
        rig.vm.object_release(file);
    }
}
