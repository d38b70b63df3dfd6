//! Submaps: maps that entries of other maps show.

mod calls;

use super::*;

/// Pages of [`library`]: two readable and executable, two writable, a hole, two never written, and
/// one that is permanent.
const LIBRARY: u64 = 8;
const TEXT: u64 = 0;
const DATA: u64 = 2;
const HOLE: u64 = 4;
const ZEROS: u64 = 5;
const LAST: u64 = 7;

/// A submap like a small library: page `n` holds `10 + n`.
fn library<const SHIFT: u32>(rig: &Rig<SHIFT>) -> Task<SHIFT> {
    let page = Rig::<SHIFT>::PAGE;
    let range = Range::new(VirtAddr(MIN), VirtAddr(MIN + LIBRARY * page));
    let submap = rig.vm.map_create_submap(range).expect("memory for a map");
    rig.allocate_at(&submap, MIN, LIBRARY);
    rig.deallocate(&submap, MIN + HOLE * page, 1);
    for number in [0, 1, 2, 3, LAST] {
        rig.write(&submap, MIN + number * page, 10 + number as u8);
    }
    rig.deallocate(&submap, MIN + LAST * page, 1);
    let (addr, size) = (UserAddr(MIN + LAST * page), UserSize(page));
    let permanent = UserFlags(abi::vm_flags::VM_FLAGS_PERMANENT);
    assert!(rig.vm.allocate(&submap, addr, size, permanent).is_ok());
    rig.write(&submap, MIN + LAST * page, 10 + LAST as u8);
    let text = UserSize(2 * page);
    for set_max in [SetMax::No, SetMax::Yes] {
        let done = rig
            .vm
            .protect(&submap, UserAddr(MIN), text, set_max, UserProt(5));
        assert_eq!(done, Ok(()));
    }
    submap
}

fn all() -> Attributes {
    Attributes::with(Protection::ALL, Protection::ALL, Inherit::Copy, 7)
}

/// Enters `pages` pages of a submap from its page `first` on.
fn enter<const SHIFT: u32>(
    rig: &Rig<SHIFT>,
    task: &Task<SHIFT>,
    placement: Placement,
    submap: &Task<SHIFT>,
    (first, pages): (u64, u64),
) -> Result<u64, KernReturn> {
    let what = EnterSubmap {
        submap,
        offset: MIN + first * Rig::<SHIFT>::PAGE,
        attributes: all(),
    };
    let size = pages * Rig::<SHIFT>::PAGE;
    let at = rig.vm.enter_submap(task, placement, size, &what);
    at.map(|at| at.0)
}

const ANYWHERE: Placement = Placement::Anywhere(VirtAddr(0));

/// A task that shows all of a submap, and where.
fn shower<const SHIFT: u32>(rig: &Rig<SHIFT>, submap: &Task<SHIFT>) -> (Task<SHIFT>, u64) {
    let task = rig.task();
    let at = enter(rig, &task, ANYWHERE, submap, (0, LIBRARY)).expect("space");
    (task, at)
}

fn shows<const SHIFT: u32>(rig: &Rig<SHIFT>, task: &Task<SHIFT>, at: u64) -> Shows {
    rig.region(task, at).shows
}

fn execute<const SHIFT: u32>(
    rig: &Rig<SHIFT>,
    task: &Task<SHIFT>,
    at: u64,
) -> Result<(), FaultError> {
    rig.vm.fault(task, VirtAddr(at), Protection::EXECUTE)
}

both! {
    /// Two tasks see the same pages, each at its own address; what was never written is zero.
    fn two_tasks_see_the_same_pages(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let pages = rig.audit().pages;
        let (a, at) = shower(&rig, &submap);
        let b = rig.task();
        let there = enter(&rig, &b, Placement::Fixed(VirtAddr(MIN + 77 * page)), &submap, (1, 6)).expect("space");
        assert_eq!(there, MIN + 77 * page);
        for number in [TEXT, TEXT + 1, DATA, DATA + 1, LAST] {
            assert_eq!(rig.read(&a, at + number * page), 10 + number as u8);
        }
        assert_eq!((rig.read(&b, there), rig.read(&b, there + page)), (11, 12));
        assert_eq!((rig.read(&a, at + ZEROS * page), rig.read(&b, there + 4 * page)), (0, 0));
        let frame = |task: &Task<SHIFT>, at| rig.vm.machine().pmap_extract(rig.vm.pmap(task), VirtAddr(at)).map(|(page, _)| page);
        assert_eq!(frame(&a, at + page), frame(&b, there));
        assert_eq!(rig.audit().pages, pages);
        assert_eq!(rig.touch(0, &a, at + HOLE * page, Access::Read), Err(FaultError::InvalidAddress));
        assert_eq!(rig.touch(0, &a, at + HOLE * page, Access::Write(1)), Err(FaultError::InvalidAddress));
        assert_eq!(execute(&rig, &a, at), Ok(()));
        assert_eq!(execute(&rig, &a, at + DATA * page), Err(FaultError::ProtectionFailure));
        assert_eq!(a.size(), LIBRARY * page);
        for task in [submap, a, b] {
            rig.end(task);
        }
    }
}

both! {
    /// A write gets the piece of the submap's entry, no more and no less, and nobody else sees it.
    fn a_write_copies_the_piece_up(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let (a, at) = shower(&rig, &submap);
        let (b, there) = shower(&rig, &submap);
        assert_eq!(rig.read(&a, at + DATA * page), 12);
        rig.write(&a, at + (DATA + 1) * page, 99);
        assert_eq!(rig.events(Event::CopyUp), 1);
        let own = rig.region(&a, at + DATA * page);
        assert_eq!((own.range.start.0, own.range.len(), own.shows), (at + DATA * page, 2 * page, Shows::Memory));
        assert_eq!((own.protection, own.max, own.tag), (Protection::DEFAULT, Protection::ALL, 7));
        assert_eq!((shows(&rig, &a, at), shows(&rig, &a, at + HOLE * page)), (Shows::Submap, Shows::Submap));
        assert_eq!((rig.read(&a, at + DATA * page), rig.read(&a, at + (DATA + 1) * page)), (12, 99));
        assert_eq!((rig.read(&b, there + (DATA + 1) * page), rig.read(&submap, MIN + (DATA + 1) * page)), (13, 13));
        rig.write(&b, there + (DATA + 1) * page, 98);
        rig.write(&b, there + ZEROS * page, 97);
        assert_eq!((rig.read(&a, at + (DATA + 1) * page), rig.read(&a, at + ZEROS * page)), (99, 0));
        rig.audit();
        for task in [a, b, submap] {
            rig.end(task);
        }
    }
}

both! {
    /// What an address allows is what both entries allow; a write to text is refused.
    fn both_entries_have_to_allow_an_access(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let (task, at) = shower(&rig, &submap);
        assert_eq!(rig.touch(0, &task, at, Access::Write(1)), Err(FaultError::ProtectionFailure));
        assert_eq!(rig.read(&task, at + DATA * page), 12);
        assert_eq!(rig.protect(&task, at + DATA * page, 1, 0), Ok(()));
        assert_eq!(rig.touch(1, &task, at + DATA * page, Access::Read), Err(FaultError::ProtectionFailure));
        assert_eq!(rig.read(&task, at + (DATA + 1) * page), 13);
        assert_eq!(rig.protect(&task, at + DATA * page, 1, 1), Ok(()));
        assert_eq!(rig.read(&task, at + DATA * page), 12);
        assert_eq!(rig.touch(0, &task, at + DATA * page, Access::Write(1)), Err(FaultError::ProtectionFailure));
        assert_eq!((rig.events(Event::CopyUp), shows(&rig, &task, at + DATA * page)), (0, Shows::Submap));
        for task in [task, submap] {
            rig.end(task);
        }
    }
}

both! {
    /// A change to writable makes the range the task's own, as far as it goes; text only with COPY.
    fn protect_to_writable_copies_up(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let (task, at) = shower(&rig, &submap);
        assert_eq!(rig.read(&task, at + page), 11);
        assert_eq!(rig.protect(&task, at, 2, 3), Err(KernReturn::PROTECTION_FAILURE));
        assert_eq!(rig.protect(&task, at + page, 2, 3), Err(KernReturn::PROTECTION_FAILURE));
        assert_eq!((rig.events(Event::CopyUp), task.entry_count()), (0, 1));
        assert_eq!(rig.protect(&task, at + page, 1, 0x13), Ok(()));
        let own = rig.region(&task, at + page);
        assert_eq!((own.range.len(), own.shows, own.protection), (page, Shows::Memory, Protection::DEFAULT));
        assert!(own.max.contains(Protection::WRITE));
        rig.write(&task, at + page, 1);
        assert_eq!((rig.read(&task, at), shows(&rig, &task, at)), (10, Shows::Submap));
        assert_eq!(rig.protect(&task, at + DATA * page, 2, 3), Ok(()));
        assert_eq!(shows(&rig, &task, at + DATA * page), Shows::Memory);
        assert_eq!(rig.protect(&task, at + (HOLE - 1) * page, 2, 0x13), Err(KernReturn::INVALID_ADDRESS));
        let fresh = rig.task();
        let there = enter(&rig, &fresh, ANYWHERE, &submap, (0, LIBRARY)).expect("space");
        assert_eq!((rig.read(&fresh, there + page), rig.read(&fresh, there + DATA * page)), (11, 12));
        for task in [fresh, task, submap] {
            rig.end(task);
        }
    }
}

both! {
    /// A child shows the submap too, and has copies of what the parent has copied up.
    fn fork_shares_the_submap(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let (parent, at) = shower(&rig, &submap);
        rig.write(&parent, at + DATA * page, 50);
        let child = rig.fork(&parent);
        assert_eq!((shows(&rig, &child, at), shows(&rig, &child, at + DATA * page)), (Shows::Submap, Shows::Memory));
        assert_eq!((rig.read(&child, at), rig.read(&child, at + DATA * page)), (10, 50));
        rig.write(&child, at + DATA * page, 51);
        rig.write(&child, at + LAST * page, 52);
        assert_eq!((rig.read(&parent, at + DATA * page), rig.read(&parent, at + LAST * page)), (50, 17));
        rig.end(parent);
        rig.audit();
        rig.end(submap);
        assert_eq!((rig.read(&child, at + page), rig.read(&child, at + LAST * page)), (11, 52));
        rig.inherit(&child, at, 2, Inherit::None);
        let grandchild = rig.fork(&child);
        assert_eq!(rig.touch(0, &grandchild, at, Access::Read), Err(FaultError::InvalidAddress));
        rig.end(child);
        rig.end(grandchild);
    }
}

both! {
    /// Wiring wires pages of the task's own.
    fn wiring_copies_up(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let (task, at) = shower(&rig, &submap);
        assert_eq!(rig.read(&task, at), 10);
        let wire = |page_number: u64, pages, prot| {
            let (addr, size) = (UserAddr(at + page_number * page), UserSize(pages * page));
            rig.vm.wire(&task, addr, size, UserProt(prot))
        };
        assert_eq!(wire(TEXT, 2, 3), Err(KernReturn::PROTECTION_FAILURE));
        assert_eq!(wire(DATA, 3, 1), Err(KernReturn::INVALID_ADDRESS));
        assert_eq!(rig.events(Event::CopyUp), 0);
        assert_eq!(wire(TEXT, 4, 1), Ok(()));
        assert_eq!((rig.events(Event::CopyUp), rig.vm.queues.counts().wired), (2, Pages(4)));
        assert_eq!((rig.read(&task, at), rig.read(&task, at + DATA * page)), (10, 12));
        rig.audit();
        assert_eq!(rig.vm.unwire(&task, UserAddr(at), UserSize(LIBRARY * page)), Ok(()));
        assert_eq!(rig.vm.queues.counts().wired, Pages(0));
        for task in [task, submap] {
            rig.end(task);
        }
    }
}

both! {
    /// Part of a submap's range leaves like any other; permanent content stays as a whole.
    fn deallocation_spares_permanent_content(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let (task, at) = shower(&rig, &submap);
        assert_eq!(rig.read(&task, at), 10);
        rig.deallocate(&task, at, LIBRARY);
        assert_eq!(task.size(), 0);
        let mut attributes = all();
        attributes.flags = EntryFlags::PERMANENT;
        let what = EnterSubmap { submap: &submap, offset: MIN, attributes };
        let at = rig.vm.enter_submap(&task, ANYWHERE, LIBRARY * page, &what).expect("space").0;
        let (addr, size) = (UserAddr(at + DATA * page), UserSize((LIBRARY - DATA) * page));
        assert_eq!(rig.vm.deallocate(&task, addr, size), Err(KernReturn::PROTECTION_FAILURE));
        let over = rig.vm.allocate(&task, addr, size, UserFlags(0x4000));
        assert_eq!(over, Err(KernReturn::PROTECTION_FAILURE));
        assert_eq!((task.entry_count(), rig.read(&task, at + LAST * page)), (1, 17));
        // Without permanent content the entry leaves its placeholder.
        rig.deallocate(&task, at + DATA * page, 2);
        assert_eq!(rig.touch(1, &task, at + DATA * page, Access::Read), Err(FaultError::ProtectionFailure));
        rig.end(submap);
        rig.end(task);
    }
}

both! {
    /// While entries name it nothing in a submap changes; new entries may come, and all see them.
    fn a_named_submap_is_frozen(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let (task, at) = shower(&rig, &submap);
        let denied = Err(KernReturn::PROTECTION_FAILURE);
        let data = (UserAddr(MIN + DATA * page), UserSize(page));
        assert_eq!(rig.touch(0, &submap, data.0.0, Access::Write(1)), Err(FaultError::ProtectionFailure));
        assert_eq!(rig.touch(0, &submap, MIN + ZEROS * page, Access::Write(1)), Err(FaultError::ProtectionFailure));
        assert_eq!(rig.vm.deallocate(&submap, data.0, data.1), denied);
        assert_eq!(rig.protect(&submap, data.0.0, 1, 1), denied);
        assert_eq!(rig.vm.wire(&submap, data.0, data.1, UserProt(1)), denied);
        assert_eq!(rig.vm.unwire(&submap, data.0, data.1), denied);
        assert_eq!(rig.vm.behavior(&submap, data.0, data.1, UserBehavior(6)), Ok(()));
        assert_eq!(rig.vm.map_fork(&submap).map(|_| ()), denied);
        let file = rig.vm.object_create(page).expect("memory");
        assert_eq!(rig.vm.object_write(&file, 0, &[66]), Ok(()));
        let attributes = Attributes::with(Protection::DEFAULT, Protection::ALL, Inherit::Copy, 0);
        let what = EnterObject { object: Some(&file), offset: 0, attributes, copy: CopyMode::Private };
        let hole = Placement::Fixed(VirtAddr(MIN + HOLE * page));
        assert!(rig.vm.enter_object(&submap, hole, page, &what).is_ok());
        assert_eq!(rig.read(&task, at + HOLE * page), 66);
        rig.write(&task, at + HOLE * page + 1, 67);
        let mut bytes = [0; 2];
        assert_eq!(rig.vm.object_read(&file, 0, &mut bytes), Ok(()));
        assert_eq!((bytes, rig.read(&task, at + HOLE * page)), ([66, 0], 66));
        rig.audit();
        rig.end(task);
        // Nobody names it any more: the creator may change it again.
        rig.write(&submap, MIN + DATA * page, 1);
        rig.deallocate(&submap, MIN, 2);
        rig.vm.object_release(file);
        rig.end(submap);
    }
}

both! {
    /// A change by a file's other users is seen through the submap, until the piece is the task's own.
    fn a_files_pages_show_through(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let file = rig.vm.object_create(2 * page).expect("memory");
        assert_eq!(rig.vm.object_write(&file, 0, &[1]), Ok(()));
        let range = Range::new(VirtAddr(MIN), VirtAddr(MIN + 2 * page));
        let submap = rig.vm.map_create_submap(range).expect("memory");
        let attributes = Attributes::with(Protection::DEFAULT, Protection::ALL, Inherit::Copy, 0);
        let what = EnterObject { object: Some(&file), offset: 0, attributes, copy: CopyMode::Shared };
        assert!(rig.vm.enter_object(&submap, Placement::Fixed(VirtAddr(MIN)), 2 * page, &what).is_ok());
        let task = rig.task();
        let at = enter(&rig, &task, ANYWHERE, &submap, (0, 2)).expect("space");
        assert_eq!((rig.read(&task, at), rig.read(&task, at + page)), (1, 0));
        assert_eq!(rig.vm.object_write(&file, 0, &[2]), Ok(()));
        assert_eq!(rig.vm.object_write(&file, page, &[3]), Ok(()));
        assert_eq!((rig.read(&task, at), rig.read(&task, at + page)), (2, 3));
        rig.write(&task, at, 9);
        let mut bytes = [0; 1];
        assert_eq!(rig.vm.object_read(&file, 0, &mut bytes), Ok(()));
        assert_eq!((bytes, rig.read(&task, at)), ([2], 9));
        rig.vm.object_release(file);
        for task in [task, submap] {
            rig.end(task);
        }
    }
}

both! {
    /// Wired and truly shared memory of a submap is copied at once.
    fn wired_and_shared_pieces_are_copied_at_once(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let (addr, size) = (UserAddr(MIN + DATA * page), UserSize(2 * page));
        assert_eq!(rig.vm.wire(&submap, addr, size, UserProt(3)), Ok(()));
        rig.inherit(&submap, MIN + LAST * page, 1, Inherit::Share);
        let peer = rig.fork(&submap);
        let (task, at) = shower(&rig, &submap);
        assert_eq!((rig.read(&task, at + DATA * page), rig.read(&task, at + LAST * page)), (12, 17));
        assert_eq!(rig.read(&task, at + (DATA + 1) * page), 13);
        rig.write(&peer, MIN + LAST * page, 71);
        assert_eq!(rig.read(&task, at + LAST * page), 71);
        let copies = rig.events(Event::ForkCopy);
        rig.write(&task, at + DATA * page + 1, 1);
        rig.write(&task, at + LAST * page + 1, 1);
        assert_eq!(rig.events(Event::ForkCopy) - copies, 2);
        rig.write(&peer, MIN + LAST * page, 72);
        assert_eq!((rig.read(&task, at + DATA * page), rig.read(&task, at + LAST * page)), (12, 71));
        rig.audit();
        for task in [peer, task, submap] {
            rig.end(task);
        }
    }
}

both! {
    /// A failure at any allocation of an operation over a submap leaves nothing.
    fn rollback_at_every_allocation(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = library(&rig);
        let keeper = rig.task();
        let mut failures = 0;
        let mut each = |operation: &dyn Fn(&Task<SHIFT>, u64) -> Result<(), KernReturn>| {
            for k in 1.. {
                let (task, at) = shower(&rig, &submap);
                rig.read(&task, at);
                let before = (rig.used(), rig.audit());
                rig.vm.frames().injector().fail_once(k);
                let done = operation(&task, at);
                let spared = rig.vm.frames().injector().disarm();
                if done.is_err() {
                    assert_eq!(done, Err(KernReturn::RESOURCE_SHORTAGE));
                    assert_eq!((rig.used(), rig.audit()), before, "allocation {k}");
                    failures += 1;
                }
                rig.end(task);
                if done.is_ok() && spared {
                    break;
                }
            }
        };
        let size = UserSize(2 * page);
        each(&|task, at| rig.vm.protect(task, UserAddr(at + page), size, SetMax::No, UserProt(0x13)));
        each(&|task, at| rig.vm.deallocate(task, UserAddr(at + page), size));
        each(&|task, at| rig.vm.inherit(task, UserAddr(at + page), size, UserInherit(0)));
        each(&|task, _| rig.vm.map_fork(task).map(|child| rig.end(child)));
        each(&|_, _| enter(&rig, &keeper, Placement::Overwrite(VirtAddr(MIN)), &submap, (0, 2)).map(|_| ()));
        each(&|task, at| rig.vm.copy_submap_up(task, Range::new(VirtAddr(at + page), VirtAddr(at + 3 * page)), Protection::READ));
        assert!(failures > 5, "only {failures} failures");
        rig.end(keeper);
        rig.end(submap);
    }
}
