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

both! {
    /// A copy of memory that goes on being shared keeps the bytes of its moment, page by page.
    fn a_copy_of_shared_memory_is_put_off(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let first = rig.task();
        let at = rig.allocate(&first, 4);
        rig.write_pages(&first, at, 3, 1);
        rig.inherit(&first, at, 4, Inherit::Share);
        let second = rig.fork(&first);
        rig.inherit(&first, at, 4, Inherit::Copy);
        let before = rig.vm.statistics().internal_page_count;
        let copy = rig.fork(&first);
        assert_eq!(rig.vm.statistics().internal_page_count, before, "nothing is copied yet");
        assert_eq!(rig.read(&second, at), 1, "mapped, and not to be written");
        rig.write(&second, at, 2);
        assert_eq!(rig.events(Event::Push), 1);
        assert_eq!((rig.read(&first, at), rig.read(&copy, at)), (2, 1));
        rig.write(&first, at + page, 3);
        assert_eq!((rig.read(&second, at + page), rig.read(&copy, at + page)), (3, 1));
        rig.write(&copy, at + 2 * page, 4);
        assert_eq!((rig.read(&first, at + 2 * page), rig.read(&second, at + 2 * page)), (1, 1));
        rig.audit();
        for task in [copy, second, first] {
            rig.end(task);
        }
    }
}

both! {
    /// What was never written when the copy was taken reads zero in it for ever.
    fn a_copy_taken_before_the_page_exists_reads_zero(rig, 256) {
        let first = rig.task();
        let at = rig.allocate(&first, 2);
        rig.inherit(&first, at, 2, Inherit::Share);
        let second = rig.fork(&first);
        rig.inherit(&first, at, 2, Inherit::Copy);
        let copy = rig.fork(&first);
        assert_eq!(rig.touch(1, &copy, at, Access::Read), Ok(0));
        rig.write(&second, at, 7);
        rig.write(&first, at + Rig::<SHIFT>::PAGE, 8);
        assert_eq!(rig.touch(1, &copy, at, Access::Read), Ok(0));
        assert_eq!(rig.read(&copy, at + Rig::<SHIFT>::PAGE), 0);
        assert_eq!(rig.read(&first, at), 7);
        for task in [first, second, copy] {
            rig.end(task);
        }
    }
}

both! {
    /// Copies of one original at different moments: the newer one stands between the older and it.
    fn copies_of_different_moments_stay_apart(rig, 256) {
        let first = rig.task();
        let at = rig.allocate(&first, 2);
        rig.inherit(&first, at, 2, Inherit::Share);
        let second = rig.fork(&first);
        rig.inherit(&first, at, 2, Inherit::Copy);
        let mut copies = Vec::new();
        for moment in 1..=5 {
            rig.write(&second, at, moment);
            copies.push((moment, rig.fork(&first)));
        }
        rig.write(&second, at, 9);
        for (moment, copy) in &copies {
            assert_eq!(rig.read(copy, at), *moment);
        }
        let unused = rig.events(Event::DelayedCopy);
        let again = rig.fork(&first);
        let twice = rig.fork(&first);
        assert_eq!(rig.events(Event::DelayedCopy), unused + 2);
        rig.audit();
        for task in copies.into_iter().map(|(_, copy)| copy).chain([again, twice, second, first]) {
            rig.end(task);
        }
    }
}

both! {
    /// A part of a copy goes, which had been pushed and written: the rest stays what it was (model test,
    /// seed 156).
    fn a_part_of_a_written_copy_goes(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let first = rig.task();
        let at = rig.allocate(&first, 7);
        rig.inherit(&first, at, 7, Inherit::Share);
        let second = rig.fork(&first);
        rig.inherit(&first, at, 7, Inherit::Copy);
        let copy = rig.fork(&first);
        rig.write(&first, at + page, 109);
        rig.write(&copy, at + page, 93);
        rig.deallocate(&copy, at, 3);
        rig.audit();
        rig.write(&first, at + 5 * page, 7);
        assert_eq!((rig.read(&copy, at + 5 * page), rig.read(&second, at + page)), (0, 109));
        for task in [copy, second, first] {
            rig.end(task);
        }
    }
}

both! {
    /// The mark of a page that was owed to a copy stays when the copy ends; it means nothing any more.
    fn what_no_copy_needs_is_writable_again(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let first = rig.task();
        let at = rig.allocate(&first, 8);
        rig.inherit(&first, at, 8, Inherit::Share);
        let second = rig.fork(&first);
        rig.write_pages(&first, at, 8, 1);
        rig.inherit(&first, at, 8, Inherit::Copy);
        let copy = rig.fork(&first);
        rig.end(copy);
        // The neighbours are mapped for writing again, as they were.
        rig.write(&first, at + 2 * page, 2);
        rig.audit();
        // Another copy needs the second half only, and gets it.
        rig.inherit(&first, at, 4, Inherit::None);
        let half = rig.fork(&first);
        rig.audit();
        rig.write(&second, at + 5 * page, 4);
        assert_eq!(rig.read(&half, at + 5 * page), 1);
        assert_eq!(rig.read(&first, at + 5 * page), 4);
        rig.audit();
        for task in [half, second, first] {
            rig.end(task);
        }
    }
}

both! {
    /// A private mapping of a file becomes shared, and a child gets a copy of it: what the file pushes when it
    /// is cut and written is owed to the child (I-OBJ-7).
    fn what_is_pushed_into_shared_memory_is_owed_to_its_copy(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let file = rig.vm.object_create(3 * page).expect("memory");
        assert_eq!(rig.vm.object_write(&file, 0, &[7]), Ok(()));
        let what = EnterObject {
            object: Some(&file),
            offset: 0,
            attributes: Attributes::default(),
            copy: CopyMode::Private,
        };
        let entered = rig.vm.enter_object(&task, Placement::Anywhere(VirtAddr(0)), 3 * page, &what);
        let at = entered.expect("space").0;
        let other = memory_entry::remap(&rig, (&task, at), 3, (&task, CopyMode::Shared));
        let other = other.expect("space").at.0;
        let child = rig.fork(&task);
        assert_eq!(rig.vm.object_write(&file, 0, &[8]), Ok(()));
        rig.audit();
        assert_eq!(rig.vm.object_resize(&file, page), Ok(()));
        rig.audit();
        for index in [0, 2] {
            rig.write(&task, other + index * page, 9);
            assert_eq!(rig.read(&task, at + index * page), 9);
            assert_eq!(rig.read(&child, at + index * page), if index == 0 { 7 } else { 0 });
        }
        rig.end(child);
        rig.end(task);
        rig.vm.object_release(file);
    }
}
