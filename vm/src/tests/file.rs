//! Objects of files.

use super::*;

fn attributes(prot: Protection, inherit: Inherit) -> Attributes {
    Attributes::with(prot, Protection::ALL, inherit, 0)
}

both! {
    /// vm-bugs 7: read, write, shared and private mappings meet in one object.
    fn one_cache(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let file = rig.vm.object_create(3 * page).expect("memory");
        assert_eq!(rig.vm.object_write(&file, page - 2, &[1, 2, 3, 4]), Ok(()));
        let (a, b) = (rig.task(), rig.task());
        let enter = |task: &Task<SHIFT>, copy| {
            let what = EnterObject { object: Some(&file), offset: 0, attributes: attributes(Protection::DEFAULT, Inherit::Copy), copy };
            rig.vm.enter_object(task, Placement::Anywhere(VirtAddr(0)), 3 * page, &what).expect("space").0
        };
        let shared_a = enter(&a, CopyMode::Shared);
        let shared_b = enter(&b, CopyMode::Shared);
        let private = enter(&a, CopyMode::Private);
        assert_eq!(rig.read(&a, shared_a + page), 3);
        rig.write(&b, shared_b + page, 30);
        rig.write(&a, shared_a + page + 1, 40);
        rig.write(&a, private + page, 99);
        let mut bytes = [0; 4];
        assert_eq!(rig.vm.object_read(&file, page - 2, &mut bytes), Ok(()));
        assert_eq!(bytes, [1, 2, 30, 40]);
        assert_eq!((rig.read(&a, private + page), rig.read(&a, private + page + 1)), (99, 40));
        assert_eq!(rig.region(&a, private).file, Some(rig.vm.object_id(&file)));
        rig.audit();
        // The end of the file: pages beyond it are gone from every mapping.
        assert_eq!(rig.vm.object_resize(&file, page + 1), Ok(()));
        assert_eq!(rig.touch(1, &b, shared_b + 2 * page, Access::Read), Err(FaultError::MemoryError));
        assert_eq!(rig.vm.object_resize(&file, 3 * page), Ok(()));
        assert_eq!((rig.read(&b, shared_b + page), rig.read(&b, shared_b + page + 1)), (30, 0));
        let child = rig.fork(&a);
        rig.write(&child, private + page, 98);
        assert_eq!(rig.read(&a, private + page), 99);
        rig.vm.object_release(file);
        for task in [a, b, child] {
            rig.end(task);
        }
    }
}

both! {
    /// Memory that tasks share by name: written by all, copied at once, and gone with the last of handle
    /// and mappings.
    fn shared_by_name(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let used = rig.used();
        let memory = rig.vm.object_create_shared().expect("memory");
        assert_eq!(rig.vm.object_resize(&memory, 2 * page), Ok(()));
        let (a, b) = (rig.task(), rig.task());
        let enter = |task: &Task<SHIFT>, inherit| {
            let attributes = attributes(Protection::DEFAULT, inherit);
            let what = EnterObject { object: Some(&memory), offset: 0, attributes, copy: CopyMode::Shared };
            rig.vm.enter_object(task, Placement::Anywhere(VirtAddr(0)), 2 * page, &what).expect("space").0
        };
        let (in_a, in_b) = (enter(&a, Inherit::Share), enter(&b, Inherit::Copy));
        rig.write(&a, in_a + page, 7);
        assert_eq!((rig.read(&b, in_b), rig.read(&b, in_b + page)), (0, 7));
        let (sharer, copier) = (rig.fork(&a), rig.fork(&b));
        rig.write(&b, in_b + page, 8);
        assert_eq!((rig.read(&sharer, in_a + page), rig.read(&copier, in_b + page)), (8, 7));
        rig.write(&sharer, in_a, 9);
        rig.audit();
        rig.vm.object_release(memory);
        rig.audit();
        assert_eq!(rig.read(&b, in_b), 9);
        for task in [a, b, sharer, copier] {
            rig.end(task);
        }
        rig.audit();
        assert_eq!(rig.used(), used);
    }
}
