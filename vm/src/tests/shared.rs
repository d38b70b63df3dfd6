//! Truly shared memory.

use super::*;

both! {
    /// vm-bugs 6: what one writes first, all see, also who looked before.
    fn first_touch_visible_to_peers(rig, 256) {
        let parent = rig.task();
        let at = rig.allocate(&parent, 2);
        assert_eq!(rig.read(&parent, at), 0);
        rig.inherit(&parent, at, 2, Inherit::Share);
        let child = rig.fork(&parent);
        assert_eq!((rig.read(&parent, at), rig.read(&child, at)), (0, 0));
        rig.write(&child, at, 4);
        assert_eq!(rig.touch(1, &parent, at, Access::Read), Ok(4));
        rig.write(&parent, at + Rig::<SHIFT>::PAGE, 5);
        assert_eq!(rig.read(&child, at + Rig::<SHIFT>::PAGE), 5);
        rig.end(child);
        rig.end(parent);
    }
}

both! {
    /// A page from below the shared object, seen by one, is replaced for all when one writes it.
    fn copy_under_sharers_replaces_the_page_for_all(rig, 256) {
        let first = rig.task();
        let at = rig.allocate(&first, 2);
        rig.write_pages(&first, at, 2, 1);
        let keeper = rig.fork(&first);
        rig.inherit(&first, at, 2, Inherit::Share);
        let second = rig.fork(&first);
        assert_eq!((rig.read(&first, at), rig.read(&second, at)), (1, 1));
        rig.write(&second, at, 2);
        assert_eq!(rig.read(&first, at), 2);
        assert_eq!(rig.read(&keeper, at), 1);
        for task in [keeper, second, first] {
            rig.end(task);
        }
    }
}

both! {
    /// Share mode as `vmmap` shows it.
    fn share_modes(rig, 256) {
        use abi::region::share_mode;
        let task = rig.task();
        let at = rig.allocate(&task, 1);
        assert_eq!(rig.region(&task, at).share_mode, share_mode::EMPTY);
        rig.write(&task, at, 1);
        assert_eq!(rig.region(&task, at).share_mode, share_mode::PRIVATE);
        let child = rig.fork(&task);
        assert_eq!(rig.region(&task, at).share_mode, share_mode::COW);
        rig.end(child);
        rig.write(&task, at, 1);
        assert_eq!(rig.region(&task, at).share_mode, share_mode::PRIVATE);
        rig.inherit(&task, at, 1, Inherit::Share);
        let child = rig.fork(&task);
        assert_eq!(rig.region(&child, at).share_mode, share_mode::TRUESHARED);
        rig.end(child);
        rig.end(task);
    }
}
