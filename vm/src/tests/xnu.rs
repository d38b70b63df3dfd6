//! What XNU's own tests of these names are about. Its races of unaligned copies run under shuttle
//! (`tests/shuttle/copies.rs`).

use super::*;
use abi::memory_entry::MAP_MEM_VM_SHARE;

const READ_WRITE: u32 = 3;

fn remap<const SHIFT: u32>(rig: &Rig<SHIFT>, task: &Task<SHIFT>, at: u64, copy: CopyMode) -> u64 {
    let request = RemapRequest {
        flags: UserFlags(1),
        size: UserSize(2 * Rig::<SHIFT>::PAGE),
        source: UserAddr(at),
        copy,
        inherit: UserInherit(1),
        ..RemapRequest::default()
    };
    rig.vm.remap(task, task, &request).expect("room").at.0
}

fn frame<const SHIFT: u32>(rig: &Rig<SHIFT>, task: &Task<SHIFT>, at: u64) -> Option<PageId> {
    let mapped = rig
        .vm
        .machine()
        .pmap_extract(rig.vm.pmap(task), VirtAddr(at));
    mapped.map(|(page, _)| page)
}

fn wire<const SHIFT: u32>(rig: &Rig<SHIFT>, task: &Task<SHIFT>, at: u64) {
    let size = UserSize(2 * Rig::<SHIFT>::PAGE);
    let done = rig.vm.wire(task, UserAddr(at), size, UserProt(READ_WRITE));
    assert_eq!(done, Ok(()));
}

/// The kernel writes three bytes of another page, the last of which is 9, at `to`.
fn write_directly<const SHIFT: u32>(rig: &Rig<SHIFT>, task: &Task<SHIFT>, to: u64) {
    let from = rig.allocate(task, 1);
    rig.write(task, from + 2, 9);
    let target = (&**task, UserAddr(to));
    let done = rig
        .vm
        .read_overwrite(task, UserAddr(from), UserSize(3), target);
    assert_eq!(done, Ok(()));
    rig.deallocate(task, from, 1);
}

both! {
    /// Memory is copied before anybody has looked at it: it reads zero on both sides, also when one
    /// side was written before the other looked.
    fn vm_test_cow_before_zf_read(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 2);
        let (child, copy) = (rig.fork(&task), remap(&rig, &task, at, CopyMode::Private));
        rig.write(&task, at, 1);
        assert_eq!((rig.read(&child, at), rig.read(&task, copy)), (0, 0));
        rig.write(&task, copy + page, 2);
        assert_eq!((rig.read(&task, at + page), rig.read(&child, at + page)), (0, 0));
        rig.write(&child, at, 3);
        assert_eq!((rig.read(&task, at), rig.read(&task, copy)), (1, 0));
        rig.audit();
        rig.end(task);
        rig.end(child);
    }
}

both! {
    /// Wired memory is copied, then shared: the copy keeps its moment, the sharer sees everything, and
    /// the wired page stays where it is.
    fn vm_wire_copy_share(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 2);
        rig.write_pages(&task, at, 2, 1);
        wire(&rig, &task, at);
        let wired = frame(&rig, &task, at);
        let copied = remap(&rig, &task, at, CopyMode::Private);
        let shared = remap(&rig, &task, at, CopyMode::Shared);
        rig.write(&task, at, 2);
        rig.write(&task, shared + page, 3);
        assert_eq!((rig.read(&task, shared), rig.read(&task, copied)), (2, 1));
        assert_eq!((rig.read(&task, at + page), rig.read(&task, copied + page)), (3, 1));
        assert_eq!(frame(&rig, &task, at), wired, "I-PAGE-3: a wired page moved");
        assert_eq!(frame(&rig, &task, shared), wired);
        rig.audit();
        rig.end(task);
    }
}

both! {
    /// The kernel writes memory that is still to be copied: the child keeps what it had.
    fn vm_direct_write_cow(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 2);
        rig.write_pages(&task, at, 2, 1);
        let child = rig.fork(&task);
        write_directly(&rig, &task, at + page - 2);
        assert_eq!((rig.read(&task, at + page), rig.read(&child, at + page)), (9, 1));
        assert_eq!((rig.read(&task, at), rig.read(&child, at)), (1, 1));
        write_directly(&rig, &child, at + 5);
        assert_eq!((rig.read(&task, at + 7), rig.read(&child, at + 7)), (0, 9));
        rig.audit();
        rig.end(task);
        rig.end(child);
    }
}

both! {
    /// The kernel writes wired memory: in place, whatever copies there are.
    fn vm_direct_write_wired(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 2);
        rig.write_pages(&task, at, 2, 1);
        wire(&rig, &task, at);
        let wired = [at, at + page].map(|at| frame(&rig, &task, at));
        let child = rig.fork(&task);
        write_directly(&rig, &task, at + page - 2);
        assert_eq!((rig.read(&task, at + page), rig.read(&child, at + page)), (9, 1));
        let now = [at, at + page].map(|at| frame(&rig, &task, at));
        assert_eq!(now, wired, "I-PAGE-3: a wired page moved");
        rig.audit();
        rig.end(task);
        rig.end(child);
    }
}

both! {
    /// An entry made of an entry names part of the same memory, with no more rights and no more bytes.
    fn vm_memory_entry_parent_test(rig, 400) {
        let page = Rig::<SHIFT>::PAGE;
        let (task, other) = (rig.task(), rig.task());
        let at = rig.allocate(&task, 4);
        for n in 0..4 {
            rig.write(&task, at + n * page, n as u8 + 1);
        }
        let size = UserSize(4 * page);
        let whole = rig.vm.make_memory_entry(&task, size, UserAddr(at), READ_WRITE | MAP_MEM_VM_SHARE, None);
        let whole = whole.expect("made").entry.expect("an entry");
        let part = |offset, pages, permission| {
            let size = UserSize(pages * page);
            rig.vm.make_memory_entry(&other, size, UserAddr(offset), permission, Some(&whole))
        };
        let made = part(page, 2, READ_WRITE).expect("made");
        assert_eq!(made.size, 2 * page);
        let entry = made.entry.expect("an entry");
        let request = MapRequest {
            size: UserSize(2 * page),
            flags: UserFlags(1),
            current: UserProt(READ_WRITE),
            maximum: UserProt(READ_WRITE),
            inherit: UserInherit(1),
            ..MapRequest::default()
        };
        let mapped = rig.vm.map_entry(&other, &request, &entry, (0, CopyMode::Shared));
        let mapped = mapped.expect("room").0;
        assert_eq!((rig.read(&other, mapped), rig.read(&other, mapped + page)), (2, 3));
        rig.write(&other, mapped, 9);
        assert_eq!(rig.read(&task, at + page), 9);
        assert!(part(3 * page, 2, READ_WRITE).is_err(), "more than the parent has");
        assert!(part(4 * page, 1, READ_WRITE).is_err(), "behind the parent");
        rig.vm.memory_entry_release(whole);
        rig.end(task);
        assert_eq!(rig.read(&other, mapped), 9);
        rig.vm.memory_entry_release(entry);
        rig.audit();
        rig.end(other);
    }
}
