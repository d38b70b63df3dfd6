//! A device's memory: mapped as it is, with its caching, never a page of `vm`'s.

use super::*;

/// Pages of the device, and frames that `vm` manages; the device's follow them, without records.
const PAGES: u64 = 4;
const FRAMES: usize = 256;

struct Device<const SHIFT: u32> {
    rig: Rig<SHIFT>,
    first: PhysAddr,
}

impl<const SHIFT: u32> Device<SHIFT> {
    fn new() -> Self {
        let rig = Rig::<SHIFT>::beside(FRAMES, PAGES as usize, WriteExecute::Allowed);
        for page in 0..PAGES {
            let bytes = vec![page as u8 + 1; 1 << SHIFT];
            rig.vm.machine().write_page(Self::page(page), 0, &bytes);
        }
        let first = PhysAddr((FRAMES as u64) << SHIFT);
        Self { rig, first }
    }

    fn page(index: u64) -> PageId {
        PageId(FRAMES as u32 + index as u32)
    }

    /// What the device has at the beginning of a page.
    fn byte(&self, page: u64) -> u8 {
        let mut byte = [0];
        self.rig
            .vm
            .machine()
            .read_page(Self::page(page), 0, &mut byte);
        byte[0]
    }

    fn object(&self) -> ObjectRef<SimMachine<SHIFT>> {
        let pages = Pages(PAGES);
        let made = self
            .rig
            .vm
            .object_create_device(self.first, pages, CacheMode::Device);
        made.expect("memory for an object")
    }

    /// Maps `pages` pages of it from `offset` pages on.
    fn enter(
        &self,
        task: &Task<SHIFT>,
        object: &ObjectRef<SimMachine<SHIFT>>,
        (offset, pages): (u64, u64),
        (inherit, copy): (Inherit, CopyMode),
    ) -> Result<u64, KernReturn> {
        let what = EnterObject {
            object: Some(object),
            offset: offset << SHIFT,
            attributes: Attributes::with(Protection::DEFAULT, Protection::ALL, inherit, 0),
            copy,
        };
        let place = Placement::Anywhere(VirtAddr(0));
        let at = self
            .rig
            .vm
            .enter_object(task, place, pages << SHIFT, &what)?;
        Ok(at.0)
    }

    fn share(&self, task: &Task<SHIFT>, object: &ObjectRef<SimMachine<SHIFT>>) -> u64 {
        self.enter(task, object, (0, PAGES), (Inherit::Share, CopyMode::Shared))
            .expect("room")
    }
}

/// Runs each test in both page sizes; afterwards nothing may be left, and no queue may have got anything.
macro_rules! devices {
    ($($(#[$meta:meta])* fn $name:ident($device:ident) $body:block)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            fn run<const SHIFT: u32>() {
                let $device = Device::<SHIFT>::new();
                let before = $device.rig.used();
                $body
                $device.rig.audit();
                assert_eq!($device.rig.used(), before, "pages were lost");
            }
            run::<12>();
            run::<14>();
        }
    )*};
}

devices! {
    /// Two tasks, a child and the device see each other's stores; no frame was taken, none is queued.
    fn what_is_stored_is_the_devices(device) {
        let rig = &device.rig;
        let page = Rig::<SHIFT>::PAGE;
        let object = device.object();
        let (task, other) = (rig.task(), rig.task());
        let (at, there) = (device.share(&task, &object), device.share(&other, &object));
        let queued = |rig: &Rig<SHIFT>| {
            let counts = rig.vm.statistics();
            (counts.active_count, counts.inactive_count, counts.internal_page_count, counts.external_page_count)
        };
        let before = queued(rig);
        for n in 0..PAGES {
            assert_eq!(rig.read(&task, at + n * page), n as u8 + 1);
            rig.write(&task, at + n * page, 0x40 + n as u8);
            assert_eq!((device.byte(n), rig.read(&other, there + n * page)), (0x40 + n as u8, 0x40 + n as u8));
        }
        let child = rig.fork(&task);
        rig.write(&child, at + page, 0x77);
        assert_eq!((device.byte(1), rig.read(&task, at + page)), (0x77, 0x77));
        assert_eq!(queued(rig), before);
        assert_eq!(rig.vm.object_resident(&object), Pages(0));
        let mut modes = Vec::new();
        rig.vm.machine().for_each_mapping(|seen| {
            if seen.page.0 >= FRAMES as u32 {
                modes.push((seen.cache, seen.tracking));
            }
        });
        assert_eq!(modes, vec![(CacheMode::Device, Tracking::Untracked); 2 * PAGES as usize + 1]);
        // Ending it all leaves the device's bytes.
        rig.end(child);
        rig.end(task);
        rig.end(other);
        rig.vm.object_release(object);
        assert_eq!(device.byte(1), 0x77);
    }

    /// Beyond the device there is nothing, and a part of it begins where it was asked for.
    fn it_ends_where_the_device_does(device) {
        let rig = &device.rig;
        let page = Rig::<SHIFT>::PAGE;
        let object = device.object();
        let task = rig.task();
        let at = device.enter(&task, &object, (2, PAGES), (Inherit::Share, CopyMode::Shared)).expect("room");
        assert_eq!((rig.read(&task, at), rig.read(&task, at + page)), (3, 4));
        for access in [Access::Read, Access::Write(1)] {
            assert_eq!(rig.touch(0, &task, at + 2 * page, access), Err(FaultError::MemoryError));
        }
        rig.end(task);
        rig.vm.object_release(object);
    }

    /// Rights are the entry's at every moment; instructions are not fetched from a device.
    fn rights_are_the_entrys(device) {
        let rig = &device.rig;
        let object = device.object();
        let task = rig.task();
        let at = device.share(&task, &object);
        rig.write(&task, at, 9);
        assert_eq!(rig.protect(&task, at, PAGES, 1), Ok(()));
        assert_eq!(rig.touch(0, &task, at, Access::Write(1)), Err(FaultError::ProtectionFailure));
        assert_eq!(rig.read(&task, at), 9);
        assert_eq!(rig.protect(&task, at, PAGES, 7), Ok(()));
        rig.write(&task, at, 10);
        assert_eq!(rig.vm.fault(&task, VirtAddr(at), Protection::EXECUTE), Err(FaultError::ProtectionFailure));
        assert_eq!(device.byte(0), 10);
        rig.end(task);
        rig.vm.object_release(object);
    }

    /// Wiring finds nothing to do, and undoes nothing.
    fn wiring_is_no_work(device) {
        let rig = &device.rig;
        let page = Rig::<SHIFT>::PAGE;
        let object = device.object();
        let task = rig.task();
        let at = device.share(&task, &object);
        let size = UserSize(PAGES * page);
        rig.read(&task, at);
        let before = rig.vm.statistics().wire_count;
        assert_eq!(rig.vm.wire(&task, UserAddr(at), size, UserProt(3)), Ok(()));
        assert_eq!(rig.vm.statistics().wire_count, before);
        rig.audit();
        rig.write(&task, at, 5);
        assert_eq!(rig.vm.unwire(&task, UserAddr(at), size), Ok(()));
        assert_eq!(rig.vm.wire(&task, UserAddr(at), size, UserProt(3)), Ok(()));
        rig.deallocate(&task, at, PAGES);
        rig.end(task);
        rig.vm.object_release(object);
        assert_eq!(device.byte(0), 5);
    }

    /// Nothing copies it: not a private mapping, not a copy of either size, nor a write over it; a child
    /// of a task that would give it a copy gets none.
    fn nothing_copies_it(device) {
        let rig = &device.rig;
        let page = Rig::<SHIFT>::PAGE;
        let object = device.object();
        let task = rig.task();
        let refused = Err(KernReturn::PROTECTION_FAILURE);
        let private = device.enter(&task, &object, (0, PAGES), (Inherit::Copy, CopyMode::Private));
        assert_eq!(private, refused);
        let at = device.enter(&task, &object, (0, PAGES), (Inherit::Copy, CopyMode::Shared)).expect("room");
        let plain = rig.allocate(&task, PAGES);
        for size in [8, PAGES * page] {
            let read = rig.vm.read(&task, UserAddr(at), UserSize(size), &task);
            assert!(read.is_err(), "{read:?}");
            let onto = rig.vm.read_overwrite(&task, UserAddr(plain), UserSize(size), (&task, UserAddr(at)));
            assert!(onto.is_err(), "{onto:?}");
        }
        assert_eq!((0..PAGES).map(|n| device.byte(n)).collect::<Vec<_>>(), [1, 2, 3, 4]);
        let child = rig.fork(&task);
        assert_eq!(rig.touch(0, &child, at, Access::Read), Err(FaultError::InvalidAddress));
        assert_eq!(rig.read(&task, at), 1);
        rig.end(child);
        rig.end(task);
        rig.vm.object_release(object);
    }

    /// Pageout, a purge of what nobody needs and advice leave it where it is.
    fn pageout_leaves_it(device) {
        let rig = &device.rig;
        let page = Rig::<SHIFT>::PAGE;
        let object = device.object();
        let task = rig.task();
        let at = device.share(&task, &object);
        rig.write(&task, at, 0x33);
        for behavior in 0..=12 {
            let _ = rig.vm.behavior(&task, UserAddr(at), UserSize(PAGES * page), UserBehavior(behavior));
        }
        for flags in [1, 2, 6, 8] {
            let _ = rig.vm.msync(&task, UserAddr(at), UserSize(PAGES * page), UserFlags(flags));
        }
        rig.vm.pageout();
        assert_eq!((rig.read(&task, at), device.byte(0)), (0x33, 0x33));
        rig.end(task);
        rig.vm.object_release(object);
    }

    /// A range that is no range of pages is refused.
    fn a_range_is_whole_pages(device) {
        let vm = &device.rig.vm;
        for (first, pages) in [(1, 1), (0, u64::MAX), (0u64.wrapping_sub(Rig::<SHIFT>::PAGE), 2)] {
            let made = vm.object_create_device(PhysAddr(first), Pages(pages), CacheMode::Device);
            assert_eq!(made.err(), Some(KernReturn::INVALID_ARGUMENT));
        }
    }
}
