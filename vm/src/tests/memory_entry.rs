//! `mach_vm_remap` and memory entries: the same memory at other addresses.

use super::*;
use abi::memory_entry::*;

const READ: u32 = 1;
const READ_WRITE: u32 = 3;
const ANYWHERE: UserFlags = UserFlags(1);

pub(super) fn remap<const SHIFT: u32>(
    rig: &Rig<SHIFT>,
    (from, at): (&Task<SHIFT>, u64),
    pages: u64,
    (into, copy): (&Task<SHIFT>, CopyMode),
) -> Result<Remapped, KernReturn> {
    let request = RemapRequest {
        flags: ANYWHERE,
        size: UserSize(pages * Rig::<SHIFT>::PAGE),
        source: UserAddr(at),
        copy,
        inherit: UserInherit(1),
        ..RemapRequest::default()
    };
    rig.vm.remap(into, from, &request)
}

fn named<const SHIFT: u32>(
    rig: &Rig<SHIFT>,
    task: &Task<SHIFT>,
    (at, bytes): (u64, u64),
    permission: u32,
) -> Result<MadeEntry<SimMachine<SHIFT>>, KernReturn> {
    let (size, at) = (UserSize(bytes), UserAddr(at));
    rig.vm.make_memory_entry(task, size, at, permission, None)
}

fn map<const SHIFT: u32>(
    rig: &Rig<SHIFT>,
    task: &Task<SHIFT>,
    entry: &MemoryEntry<SimMachine<SHIFT>>,
    (offset, bytes): (u64, u64),
    copy: CopyMode,
) -> Result<u64, KernReturn> {
    let request = MapRequest {
        size: UserSize(bytes),
        flags: ANYWHERE,
        current: UserProt(READ_WRITE),
        maximum: UserProt(READ_WRITE),
        inherit: UserInherit(1),
        ..MapRequest::default()
    };
    let at = rig.vm.map_entry(task, &request, entry, (offset, copy));
    at.map(|at| at.0)
}

both! {
    /// A shared view and a copied one of the same memory diverge just as they should.
    fn a_shared_and_a_copied_view_diverge(rig, 400) {
        let page = Rig::<SHIFT>::PAGE;
        let (task, other) = (rig.task(), rig.task());
        let at = rig.allocate(&task, 6);
        rig.write_pages(&task, at, 4, 1);
        let shared = remap(&rig, (&task, at), 6, (&other, CopyMode::Shared)).expect("mapped").at.0;
        let copied = remap(&rig, (&task, at), 6, (&other, CopyMode::Private)).expect("mapped").at.0;
        rig.write(&task, at, 2);
        rig.write(&other, shared + page, 3);
        rig.write(&other, copied + 2 * page, 4);
        rig.write(&task, at + 5 * page, 5);
        let see = |task: &Task<SHIFT>, at: u64| [0, 1, 2, 3, 5].map(|n| rig.read(task, at + n * page));
        assert_eq!(see(&task, at), [2, 3, 1, 1, 5]);
        assert_eq!(see(&other, shared), [2, 3, 1, 1, 5]);
        assert_eq!(see(&other, copied), [1, 1, 4, 1, 0]);
        rig.audit();
        rig.end(task);
        assert_eq!(see(&other, copied), [1, 1, 4, 1, 0]);
        rig.end(other);
    }
}

both! {
    /// The answers are what all entries allow; a hole is an error, and so is an occupied place.
    fn remap_answers_what_all_entries_allow(rig, 400) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 4);
        assert_eq!(rig.protect(&task, at + page, 1, READ), Ok(()));
        let got = remap(&rig, (&task, at), 4, (&task, CopyMode::Shared)).expect("mapped");
        assert_eq!((got.current, got.maximum), (Protection::READ, Protection::ALL));
        rig.deallocate(&task, at + 2 * page, 1);
        let hole = remap(&rig, (&task, at), 4, (&task, CopyMode::Shared));
        assert_eq!(hole, Err(KernReturn::INVALID_ADDRESS));
        let fixed = RemapRequest {
            addr: UserAddr(at),
            size: UserSize(page),
            source: UserAddr(at),
            inherit: UserInherit(1),
            ..RemapRequest::default()
        };
        assert_eq!(rig.vm.remap(&task, &task, &fixed), Err(KernReturn::NO_SPACE));
        for flags in [2, 4, 0x10, 0x80, 0x1_0000, 0x0100_0000] {
            let request = RemapRequest { flags: UserFlags(flags | 1), ..fixed };
            let refused = rig.vm.remap(&task, &task, &request);
            assert_eq!(refused, Err(KernReturn::INVALID_ARGUMENT), "{flags:#x}");
        }
        let new = |current, maximum| RemapRequest {
            flags: ANYWHERE,
            wanted: Some((UserProt(current), UserProt(maximum))),
            ..fixed
        };
        let remap_new = |current, maximum| rig.vm.remap(&task, &task, &new(current, maximum)).map(|_| ());
        assert_eq!(remap_new(READ_WRITE, READ), Err(KernReturn::INVALID_ARGUMENT));
        assert_eq!(remap_new(READ, 7), Err(KernReturn::PROTECTION_FAILURE));
        assert_eq!(remap_new(READ, READ_WRITE), Ok(()));
        rig.audit();
        rig.end(task);
    }
}

both! {
    /// A plain entry shares; `VM_COPY` keeps the moment; `NAMED_CREATE` is memory of its own.
    fn each_mode_gives_what_it_says(rig, 400) {
        let page = Rig::<SHIFT>::PAGE;
        let (task, other) = (rig.task(), rig.task());
        let at = rig.allocate(&task, 3);
        rig.write_pages(&task, at, 3, 1);
        let plain = named(&rig, &task, (at, 3 * page), READ_WRITE).expect("made");
        let moment = named(&rig, &task, (at, 3 * page), READ_WRITE | MAP_MEM_VM_COPY).expect("made");
        let fresh = named(&rig, &task, (0, 2 * page), READ_WRITE | MAP_MEM_NAMED_CREATE).expect("made");
        assert_eq!((plain.size, moment.size, fresh.size), (3 * page, 3 * page, 2 * page));
        let entries = [plain, moment, fresh].map(|made| made.entry.expect("an entry"));
        rig.write(&task, at, 2);
        let [shared, copied, created] =
            [0, 1, 2].map(|n| map(&rig, &other, &entries[n], (0, 2 * page), CopyMode::Shared).expect("mapped"));
        assert_eq!([shared, copied, created].map(|at| rig.read(&other, at)), [2, 1, 0]);
        rig.write(&other, shared + page, 3);
        rig.write(&other, copied + page, 4);
        assert_eq!(rig.read(&task, at + page), 3);
        let second = map(&rig, &task, &entries[2], (page, page), CopyMode::Shared).expect("mapped");
        rig.write(&task, second, 5);
        assert_eq!(rig.read(&other, created + page), 5);
        let private = map(&rig, &task, &entries[2], (page, page), CopyMode::Private).expect("mapped");
        rig.write(&task, second, 6);
        assert_eq!(rig.read(&task, private), 5);
        rig.audit();
        rig.end(task);
        rig.audit();
        assert_eq!(rig.read(&other, shared), 2);
        rig.end(other);
        for entry in entries {
            rig.vm.memory_entry_release(entry);
        }
    }
}

both! {
    /// An entry of an entry, ranges beyond it, rights that it has not.
    fn entries_give_no_more_than_they_have(rig, 400) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 4);
        rig.write_pages(&task, at, 4, 1);
        let parent = named(&rig, &task, (at, 4 * page), READ).expect("made").entry.expect("an entry");
        let beyond = map(&rig, &task, &parent, (2 * page, 3 * page), CopyMode::Shared);
        assert_eq!(beyond, Err(KernReturn::INVALID_ARGUMENT));
        let rights = map(&rig, &task, &parent, (0, page), CopyMode::Shared);
        assert_eq!(rights, Err(KernReturn::INVALID_RIGHT));
        let part = |size, offset, permission| {
            let made = rig.vm.make_memory_entry(&task, UserSize(size), UserAddr(offset), permission, Some(&parent));
            made.map(|made| made.entry)
        };
        assert_eq!(part(page, 4 * page, READ).err(), Some(KernReturn::INVALID_ARGUMENT));
        assert_eq!(part(page, page, READ_WRITE).err(), Some(KernReturn::PROTECTION_FAILURE));
        assert_eq!(part(page, page, READ | 0x100).err(), Some(KernReturn::INVALID_VALUE));
        let child = part(page, page, READ).expect("made").expect("an entry");
        assert_eq!(child.size(), page);
        let none = named(&rig, &task, (at, 0), READ);
        assert_eq!(none.err(), Some(KernReturn::INVALID_ARGUMENT));
        let hole = named(&rig, &task, (MIN + (1 << 40), page), READ);
        assert_eq!(hole.err(), Some(KernReturn::INVALID_ADDRESS));
        rig.audit();
        rig.vm.memory_entry_release(parent);
        rig.vm.memory_entry_release(child);
        rig.end(task);
    }
}

both! {
    /// Whatever allocation fails while an entry is made and mapped, nothing is left.
    fn a_failure_leaves_no_trace(rig, 400) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 6);
        rig.write_pages(&task, at, 6, 1);
        for permission in [READ_WRITE, READ_WRITE | MAP_MEM_VM_COPY, READ_WRITE | MAP_MEM_NAMED_CREATE] {
            for k in 1.. {
                rig.vm.frames().injector().fail_once(k);
                let made = named(&rig, &task, (at + page, 4 * page), permission);
                let mapped = made.map(|made| {
                    let entry = made.entry.expect("an entry");
                    let mapped = map(&rig, &task, &entry, (page, 2 * page), CopyMode::Shared);
                    rig.vm.memory_entry_release(entry);
                    mapped
                });
                let struck = !rig.vm.frames().injector().disarm();
                rig.audit();
                match mapped {
                    Ok(Ok(at)) => rig.deallocate(&task, at, 2),
                    Ok(Err(code)) | Err(code) => assert_eq!(code, KernReturn::RESOURCE_SHORTAGE),
                }
                if !struck {
                    break;
                }
            }
        }
        rig.end(task);
    }
}

/// `mach_vm_map` of all of an entry, as purgeable memory.
fn map_purgable<const SHIFT: u32>(
    rig: &Rig<SHIFT>,
    task: &Task<SHIFT>,
    entry: &MemoryEntry<SimMachine<SHIFT>>,
    (offset, bytes): (u64, u64),
    copy: CopyMode,
) -> Result<u64, KernReturn> {
    let request = MapRequest {
        size: UserSize(bytes),
        flags: UserFlags(1 | abi::vm_flags::VM_FLAGS_PURGABLE),
        current: UserProt(READ_WRITE),
        maximum: UserProt(READ_WRITE),
        inherit: UserInherit(1),
        ..MapRequest::default()
    };
    let at = rig.vm.map_entry(task, &request, entry, (offset, copy));
    at.map(|at| at.0)
}

both! {
    /// Purgeable memory by name: its state is one, whether the name or a mapping is asked; a purge empties
    /// it for all, also while nobody maps it; a copy is not purgeable.
    fn purgeable_memory_by_name(rig, 400) {
        use abi::purgable::*;
        let page = Rig::<SHIFT>::PAGE;
        let (task, other) = (rig.task(), rig.task());
        let permission = READ_WRITE | MAP_MEM_NAMED_CREATE | MAP_MEM_PURGABLE;
        let made = named(&rig, &task, (0, 3 * page), permission).expect("made");
        let entry = made.entry.expect("an entry");
        let control = |control, state| rig.vm.memory_entry_purgable_control(&entry, control, state);
        let state_at = |task: &Task<SHIFT>, at| rig.vm.purgable_control(task, UserAddr(at), VM_PURGABLE_GET_STATE, 0);
        assert_eq!(control(VM_PURGABLE_GET_STATE, 77), Ok(VM_PURGABLE_NONVOLATILE));
        let at = map_purgable(&rig, &task, &entry, (0, 3 * page), CopyMode::Shared).expect("mapped");
        let part = map(&rig, &other, &entry, (page, page), CopyMode::Shared).expect("mapped");
        let copy = map(&rig, &other, &entry, (0, 3 * page), CopyMode::Private).expect("mapped");
        rig.write_pages(&task, at, 3, 7);
        assert_eq!(rig.read(&other, part), 7);
        assert_eq!(control(VM_PURGABLE_SET_STATE, VM_PURGABLE_VOLATILE), Ok(VM_PURGABLE_NONVOLATILE));
        assert_eq!((state_at(&task, at), state_at(&other, part)), (Ok(VM_PURGABLE_VOLATILE), Ok(VM_PURGABLE_VOLATILE)));
        assert_eq!(state_at(&other, copy), Err(KernReturn::INVALID_ARGUMENT));
        assert_eq!(rig.vm.purge(Pages(100), 8), Pages(3));
        assert_eq!(control(VM_PURGABLE_SET_STATE, VM_PURGABLE_NONVOLATILE), Ok(VM_PURGABLE_EMPTY));
        assert_eq!((rig.read(&task, at), rig.read(&other, part)), (0, 0));
        rig.write(&other, part, 8);
        assert_eq!(rig.read(&task, at + page), 8);
        rig.audit();
        rig.end(task);
        rig.end(other);
        // Only the name is left.
        assert_eq!(control(VM_PURGABLE_SET_STATE, VM_PURGABLE_VOLATILE), Ok(VM_PURGABLE_NONVOLATILE));
        // The page that was written, and one that was read: shared memory has what was looked at.
        assert_eq!(rig.vm.purge(Pages(100), 8), Pages(2));
        assert_eq!(control(VM_PURGABLE_GET_STATE, 0), Ok(VM_PURGABLE_EMPTY));
        rig.vm.memory_entry_release(entry);
    }
}

both! {
    /// What the control of a memory entry and a purgeable mapping refuse.
    fn purgeable_memory_by_name_is_whole(rig, 400) {
        use abi::purgable::*;
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let argument = Err(KernReturn::INVALID_ARGUMENT);
        let flags = MAP_MEM_NAMED_CREATE | MAP_MEM_PURGABLE;
        assert_eq!(named(&rig, &task, (0, page), 1 | flags).map(|_| 0), argument);
        let entry = |permission, (at, bytes)| {
            let made = named(&rig, &task, (at, bytes), permission).expect("made");
            made.entry.expect("an entry")
        };
        let whole = entry(READ_WRITE | flags, (0, 2 * page));
        let kernels = entry(READ_WRITE | flags | MAP_MEM_PURGABLE_KERNEL_ONLY, (0, page));
        let plain = entry(READ_WRITE | MAP_MEM_NAMED_CREATE, (0, page));
        let at = map(&rig, &task, &whole, (0, 2 * page), CopyMode::Shared).expect("mapped");
        let all = entry(READ, (at, 2 * page));
        let first = entry(READ_WRITE, (at, page));
        let second = entry(READ_WRITE, (at + page, page));
        let copied = entry(READ_WRITE | MAP_MEM_VM_COPY, (at, 2 * page));
        let set = |entry, state| rig.vm.memory_entry_purgable_control(entry, VM_PURGABLE_SET_STATE, state);
        let get = |entry| rig.vm.memory_entry_purgable_control(entry, VM_PURGABLE_GET_STATE, 4);
        for part in [&plain, &first, &second, &copied] {
            assert_eq!((set(part, 0), get(part)), (argument, argument));
        }
        assert_eq!((get(&kernels), set(&kernels, 1)), (Ok(0), Err(KernReturn::PROTECTION_FAILURE)));
        assert_eq!(set(&kernels, 4), argument);
        // Its protection does not matter, and refused faults change no size.
        assert_eq!(set(&all, VM_PURGABLE_VOLATILE | VM_PURGABLE_DEBUG_FAULT), Ok(0));
        assert_eq!(rig.touch(0, &task, at, Access::Read), Err(FaultError::MemoryError));
        assert_eq!(set(&whole, VM_PURGABLE_NONVOLATILE), Ok(VM_PURGABLE_VOLATILE));
        assert_eq!(rig.read(&task, at), 0);
        assert_eq!(set(&whole, VM_PURGABLE_DENY), argument);
        for control in [VM_PURGABLE_PURGE_ALL, 3, 4] {
            assert_eq!(rig.vm.memory_entry_purgable_control(&whole, control, 0), argument);
        }
        let purgable = |entry, range, copy| map_purgable(&rig, &task, entry, range, copy).map(|_| 0);
        assert_eq!(purgable(&whole, (0, 2 * page), CopyMode::Shared), Ok(0));
        assert_eq!(purgable(&whole, (0, page), CopyMode::Shared), argument);
        assert_eq!(purgable(&whole, (page, page), CopyMode::Shared), argument);
        assert_eq!(purgable(&whole, (0, 2 * page), CopyMode::Private), argument);
        assert_eq!(purgable(&plain, (0, page), CopyMode::Shared), argument);
        assert_eq!(purgable(&copied, (0, 2 * page), CopyMode::Shared), argument);
        rig.end(task);
        for entry in [whole, kernels, plain, all, first, second, copied] {
            rig.vm.memory_entry_release(entry);
        }
    }
}

both! {
    /// Memory of a name alone is copied at once, that of a memory object when it is written.
    fn a_memory_object_is_copied_when_it_is_written(rig, 256) {
        use abi::memory_entry::MAP_MEM_NAMED_CREATE;
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let size = UserSize(4 * page);
        let object = rig.vm.memory_object_memory_entry(size, 3 | 0xff00).expect("made").entry.expect("an entry");
        let named = rig.vm.make_memory_entry(&task, size, UserAddr(0), 3 | MAP_MEM_NAMED_CREATE, None);
        let named = named.expect("made").entry.expect("an entry");
        for (entry, delayed) in [(&object, 1), (&named, 0)] {
            let map_it = |copy| {
                let request = MapRequest { size, flags: UserFlags(1), current: UserProt(3), maximum: UserProt(3), inherit: UserInherit(1), ..MapRequest::default() };
                rig.vm.map_entry(&task, &request, entry, (0, copy)).expect("mapped").0
            };
            let at = map_it(CopyMode::Shared);
            rig.write_pages(&task, at, 4, 1);
            let before = rig.events(Event::DelayedCopy);
            let copy = map_it(CopyMode::Private);
            assert_eq!(rig.events(Event::DelayedCopy) - before, delayed);
            rig.write(&task, at, 2);
            assert_eq!((rig.read(&task, copy), rig.read(&task, copy + page)), (1, 1));
        }
        let code = |bytes| rig.vm.memory_object_memory_entry(UserSize(bytes), 3).map(|_| ());
        assert_eq!(code(0), Err(KernReturn::INVALID_ARGUMENT));
        assert_eq!(code(u64::MAX), Err(KernReturn::INVALID_ARGUMENT));
        assert_eq!(code(page << 32), Err(KernReturn::FAILURE));
        rig.end(task);
        rig.vm.memory_entry_release(object);
        rig.vm.memory_entry_release(named);
    }
}
