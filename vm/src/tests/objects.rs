//! What an entry shows, as the records of `VM_OBJECTS` tell it.

use super::*;
use crate::map::objects::ObjectsRoom;
use abi::memory_entry::*;
use abi::objects::*;
use abi::purgable::*;

/// An entry and its chain.
struct Chain {
    entry: VmEntryRecord,
    objects: Vec<VmObjectRecord>,
    runs: Vec<VmPageRun>,
    depth: u32,
}

impl Chain {
    /// Its pages, object by object: `R`esident, `O`wed, `W`ired, `B`usy.
    fn pages(&self, page: u64) -> Vec<String> {
        let mut runs = self.runs.iter();
        let picture = |object: &VmObjectRecord| {
            let mut text = ".".repeat((object.size / page) as usize);
            for run in runs.by_ref().take(object.runs as usize) {
                let letter = match run.state {
                    VM_PAGE_RUN_RESIDENT => "R",
                    state if state & VM_PAGE_RUN_WIRED != 0 => "W",
                    state if state & VM_PAGE_RUN_BUSY != 0 => "B",
                    state if state & VM_PAGE_RUN_OWED != 0 => "O",
                    state => panic!("state {state}"),
                };
                let (from, to) = (run.first as usize, run.first as usize + run.pages as usize);
                text.replace_range(from..to, &letter.repeat(run.pages as usize));
            }
            text
        };
        self.objects.iter().map(picture).collect()
    }

    fn numbers(&self) -> Vec<u64> {
        self.objects.iter().map(|object| object.number).collect()
    }

    fn refs(&self) -> Vec<u32> {
        self.objects.iter().map(|object| object.ref_count).collect()
    }

    fn needs_copy(&self) -> bool {
        self.entry.flags & VM_ENTRY_NEEDS_COPY != 0
    }
}

/// The chain at an address; what the links say is what follows.
fn chain_at<const SHIFT: u32>(rig: &Rig<SHIFT>, task: &Task<SHIFT>, at: u64, depth: u32) -> Chain {
    let asked = rig
        .vm
        .objects(task, UserAddr(at), depth, ObjectsRoom::default());
    let (entry, _) = asked.expect("an entry");
    let mut objects = vec![VmObjectRecord::default(); entry.objects as usize];
    let mut runs = vec![VmPageRun::default(); entry.runs as usize];
    let room = ObjectsRoom {
        objects: &mut objects,
        runs: &mut runs,
    };
    let again = rig.vm.objects(task, UserAddr(at), depth, room);
    let (again, depth) = again.expect("an entry");
    assert_eq!(again, entry);
    for pair in objects.windows(2) {
        assert_eq!(pair[0].shadow, pair[1].number);
    }
    if let Some(last) = objects.last() {
        assert_eq!(last.shadow, 0);
    }
    for object in &objects {
        assert!(object.wired <= object.resident);
    }
    let pages: u32 = runs.iter().map(|run| run.pages).sum();
    let resident: u32 = objects.iter().map(|object| object.resident).sum();
    assert_eq!(pages, resident);
    Chain {
        entry,
        objects,
        runs,
        depth,
    }
}

fn chain<const SHIFT: u32>(rig: &Rig<SHIFT>, task: &Task<SHIFT>, at: u64) -> Chain {
    chain_at(rig, task, at, 1)
}

both! {
    /// Memory that nobody touched is an entry and nothing else; a write makes its object.
    fn fresh_memory_has_an_object_with_its_first_write(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 4);
        let fresh = chain(&rig, &task, at + page);
        assert_eq!((fresh.entry.start, fresh.entry.end), (at, at + 4 * page));
        assert_eq!((fresh.entry.protection, fresh.entry.max_protection), (3, 7));
        assert_eq!((fresh.entry.objects, fresh.entry.submap, fresh.entry.flags), (0, 0, 0));
        assert_eq!(rig.read(&task, at), 0);
        assert_eq!(chain(&rig, &task, at).entry.objects, 0, "a read takes the zero frame");
        rig.write(&task, at, 1);
        rig.write(&task, at + 2 * page, 1);
        let written = chain(&rig, &task, at);
        assert_eq!(written.pages(page), ["R.R."]);
        let want = VmObjectRecord {
            number: rig.region(&task, at).object_id,
            size: 4 * page,
            ref_count: 1,
            resident: 2,
            copy_strategy: MEMORY_OBJECT_COPY_SYMMETRIC,
            purgable: VM_PURGABLE_DENY as u32,
            flags: VM_OBJECT_INTERNAL,
            runs: 2,
            ..VmObjectRecord::default()
        };
        assert_eq!(written.objects, [want]);
        rig.end(task);
    }
}

both! {
    /// A fork shares the object; the first write of each side puts one in front; with the last sharer
    /// gone they are one again.
    fn a_fork_shares_and_a_write_puts_an_object_in_front(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let parent = rig.task();
        let at = rig.allocate(&parent, 4);
        rig.write_pages(&parent, at, 3, 1);
        let below = chain(&rig, &parent, at).numbers()[0];
        let child = rig.fork(&parent);
        for task in [&parent, &child] {
            let shared = chain(&rig, task, at);
            assert!(shared.needs_copy());
            assert_eq!((shared.numbers(), shared.refs()), (vec![below], vec![2]));
        }
        assert_ne!(chain(&rig, &parent, at).entry.map, chain(&rig, &child, at).entry.map);
        rig.write(&parent, at + page, 2);
        let written = chain(&rig, &parent, at);
        assert!(!written.needs_copy());
        assert_eq!((written.numbers()[1], written.refs()), (below, vec![1, 2]));
        assert_eq!(written.pages(page), [".R..", "RRR."]);
        // The child shows the second page on: what it puts in front begins there.
        rig.deallocate(&child, at, 1);
        rig.write(&child, at + 3 * page, 3);
        let clipped = chain(&rig, &child, at + page);
        assert_eq!(clipped.pages(page), ["..R", "RRR."]);
        assert_eq!((clipped.entry.offset, clipped.objects[0].shadow_offset), (0, page));
        assert_eq!(clipped.numbers()[1], below);
        rig.end(child);
        rig.write(&parent, at, 4);
        let alone = chain(&rig, &parent, at);
        assert_eq!((alone.pages(page), alone.refs()), (vec!["RRR.".to_string()], vec![1]));
        rig.end(parent);
    }
}

both! {
    /// Memory that others go on writing gets a copy object, which gets the pages before they change.
    fn a_delayed_copy_is_linked_both_ways(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let first = rig.task();
        let at = rig.allocate(&first, 4);
        rig.write_pages(&first, at, 3, 1);
        rig.inherit(&first, at, 4, Inherit::Share);
        let second = rig.fork(&first);
        let shared = chain(&rig, &second, at);
        assert_eq!((shared.refs(), shared.objects[0].copy), (vec![2], 0));
        assert_eq!(shared.objects[0].copy_strategy, MEMORY_OBJECT_COPY_DELAY);
        assert_eq!(shared.objects[0].flags, VM_OBJECT_INTERNAL | VM_OBJECT_TRUE_SHARE);
        assert_eq!(shared.entry.flags, VM_ENTRY_SHARED);
        rig.inherit(&first, at, 4, Inherit::Copy);
        let third = rig.fork(&first);
        let copy = chain(&rig, &third, at);
        let original = shared.numbers()[0];
        assert!(copy.needs_copy());
        assert_eq!((copy.numbers()[1], copy.refs()), (original, vec![1, 3]));
        assert_eq!(copy.objects[1].copy, copy.objects[0].number);
        assert_eq!(copy.pages(page), ["....", "OOO."]);
        rig.write(&second, at + page, 2);
        rig.write(&first, at + 3 * page, 2);
        assert_eq!(chain(&rig, &third, at).pages(page), [".R.R", "OROR"]);
        assert_eq!(chain(&rig, &first, at).objects[0].copy, copy.objects[0].number);
        assert_eq!(chain(&rig, &first, at).numbers(), [original]);
        for task in [third, second, first] {
            rig.end(task);
        }
    }
}

both! {
    /// A large `vm_copy` is the same object twice in one map; over shared memory it is a copy object.
    fn a_vm_copy_is_twins(rig, 400) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let (from, to) = (rig.allocate(&task, 20), rig.allocate(&task, 20));
        rig.write_pages(&task, from, 20, 7);
        rig.write_pages(&task, to, 20, 8);
        let copy = || rig.vm.read_overwrite(&task, UserAddr(from), UserSize(20 * page), (&task, UserAddr(to)));
        assert_eq!(copy(), Ok(()));
        let (source, twin) = (chain(&rig, &task, from), chain(&rig, &task, to));
        assert_eq!((source.numbers(), source.refs()), (twin.numbers(), vec![2]));
        assert!(source.needs_copy() && twin.needs_copy());
        rig.write(&task, to, 9);
        let written = chain(&rig, &task, to);
        assert_eq!(written.refs(), [1, 2]);
        assert_eq!(written.pages(page), [format!("R{}", ".".repeat(19)), "R".repeat(20)]);
        let size = UserSize(20 * page);
        let made = rig.vm.make_memory_entry(&task, size, UserAddr(from), 3, None);
        let entry = made.expect("made").entry.expect("an entry");
        assert_eq!(copy(), Ok(()));
        let (source, copied) = (chain(&rig, &task, from), chain(&rig, &task, to));
        let original = source.objects[0];
        assert_eq!(copied.numbers(), [original.copy, original.number].into_iter().chain(source.numbers().into_iter().skip(1)).collect::<Vec<_>>());
        assert_eq!((original.ref_count, copied.refs()[0]), (3, 1));
        assert_ne!(original.flags & VM_OBJECT_TRUE_SHARE, 0);
        rig.vm.memory_entry_release(entry);
        rig.end(task);
    }
}

both! {
    /// A memory entry shares the object, or holds a copy of it.
    fn a_memory_entry_shares_or_copies(rig, 400) {
        let page = Rig::<SHIFT>::PAGE;
        let (task, other) = (rig.task(), rig.task());
        let at = rig.allocate(&task, 4);
        rig.write_pages(&task, at, 2, 1);
        let named = |permission| {
            let made = rig.vm.make_memory_entry(&task, UserSize(4 * page), UserAddr(at), permission, None);
            made.expect("made").entry.expect("an entry")
        };
        let map = |entry: &MemoryEntry<SimMachine<SHIFT>>, copy| {
            let request = MapRequest {
                size: UserSize(4 * page),
                flags: UserFlags(1),
                current: UserProt(3),
                maximum: UserProt(3),
                inherit: UserInherit(1),
                ..MapRequest::default()
            };
            rig.vm.map_entry(&other, &request, entry, (0, copy)).expect("mapped").0
        };
        let shared = named(3);
        assert_eq!(chain(&rig, &task, at).refs(), [2]);
        assert_ne!(chain(&rig, &task, at).objects[0].flags & VM_OBJECT_TRUE_SHARE, 0);
        let there = map(&shared, CopyMode::Shared);
        let (ours, theirs) = (chain(&rig, &task, at), chain(&rig, &other, there));
        assert_eq!((ours.numbers(), ours.refs()), (theirs.numbers(), vec![3]));
        assert!(!ours.needs_copy() && !theirs.needs_copy());
        let moment = named(3 | MAP_MEM_VM_COPY);
        let original = chain(&rig, &task, at);
        assert_ne!(original.objects[0].copy, 0, "the entry holds the copy object");
        assert_eq!((original.refs(), original.pages(page)), (vec![4], vec!["OO..".to_string()]));
        let copied = map(&moment, CopyMode::Shared);
        let copied = chain(&rig, &other, copied);
        assert!(copied.needs_copy());
        assert_eq!(copied.numbers(), [original.objects[0].copy, original.objects[0].number]);
        assert_eq!(copied.refs(), [2, 4]);
        rig.vm.memory_entry_release(shared);
        rig.vm.memory_entry_release(moment);
        assert_eq!(chain(&rig, &task, at).refs(), [3]);
        rig.end(task);
        rig.end(other);
    }
}

both! {
    /// A submap's name at depth 0, what it shows at depth 1, each at the addresses of the map.
    fn submaps_are_followed(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let submap = rig.vm.map_create_submap(Range::new(VirtAddr(MIN), VirtAddr(MIN + 8 * page))).expect("memory");
        rig.allocate_at(&submap, MIN + page, 2);
        rig.allocate_at(&submap, MIN + 5 * page, 1);
        rig.write(&submap, MIN + 2 * page, 7);
        assert_eq!(rig.protect(&submap, MIN + 5 * page, 1, 1), Ok(()));
        let task = rig.task();
        let attributes = Attributes::with(Protection::ALL, Protection::ALL, Inherit::Copy, 7);
        let what = EnterSubmap { submap: &submap, offset: MIN, attributes };
        let at = rig.vm.enter_submap(&task, Placement::Anywhere(VirtAddr(0)), 8 * page, &what).expect("space").0;
        let behind = rig.allocate(&task, 1);
        assert!(behind > at);
        let name = chain_at(&rig, &task, at, 0);
        assert_eq!((name.entry.submap, name.entry.objects, name.depth), (submap.serial, 0, 0));
        assert_eq!((name.entry.map, name.entry.offset), (task.serial, MIN));
        let first = chain(&rig, &task, at);
        assert_eq!((first.entry.start, first.entry.end), (at + page, at + 3 * page));
        assert_eq!((first.entry.map, first.entry.submap, first.depth), (submap.serial, 0, 1));
        assert_eq!((first.pages(page), first.needs_copy()), (vec![".R".to_string()], true));
        let second = chain(&rig, &task, first.entry.end);
        assert_eq!((second.entry.start, second.entry.protection), (at + 5 * page, 1));
        let third = chain(&rig, &task, second.entry.end);
        assert_eq!((third.entry.start, third.entry.map, third.depth), (behind, task.serial, 0));
        rig.end(task);
        rig.end(submap);
    }
}

both! {
    /// Wired and busy pages, and the states of purgeable memory.
    fn pages_and_purgeable_states_show(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 6);
        rig.write(&task, at, 1);
        rig.write(&task, at + 5 * page, 1);
        assert_eq!(rig.vm.wire(&task, UserAddr(at + 2 * page), UserSize(2 * page), UserProt(3)), Ok(()));
        let wired = chain(&rig, &task, at + 2 * page);
        assert_eq!((wired.entry.wired_count, wired.entry.user_wired_count), (1, 1));
        assert_eq!((wired.objects[0].resident, wired.objects[0].wired), (4, 2));
        assert_eq!(wired.pages(page), ["R.WW.R"]);
        {
            let state = task.read();
            let object = state.tree.find(VirtAddr(at)).and_then(|entry| entry.object.as_ref());
            let object = object.expect("an object");
            let slot = object.read().slots.get(5);
            let busy = crate::object::slot::Slot::Busy(slot.page().expect("a page"));
            object.write().slots.replace(5, busy);
        }
        assert_eq!(chain(&rig, &task, at).pages(page), ["R.WW.B"]);
        {
            let state = task.read();
            let object = state.tree.find(VirtAddr(at)).and_then(|entry| entry.object.as_ref());
            let object = object.expect("an object");
            object.unbusy(&mut object.write(), 5);
        }
        let flags = UserFlags(abi::vm_flags::VM_FLAGS_PURGABLE | 1);
        let pool = rig.vm.allocate(&task, UserAddr(0), UserSize(2 * page), flags).expect("memory").0;
        rig.write(&task, pool, 1);
        for state in [VM_PURGABLE_VOLATILE, VM_PURGABLE_EMPTY, VM_PURGABLE_NONVOLATILE] {
            let set = rig.vm.purgable_control(&task, UserAddr(pool), VM_PURGABLE_SET_STATE, state);
            assert!(set.is_ok());
            assert_eq!(chain(&rig, &task, pool).objects[0].purgable, state as u32);
        }
        rig.end(task);
    }
}

both! {
    /// Whatever room there is, the counts are the same, and nothing is written beyond it; asked again
    /// from each end on, the answers are all the entries.
    fn the_answer_is_bounded_and_goes_on_from_an_address(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let parent = rig.task();
        let at = rig.allocate(&parent, 5);
        rig.write(&parent, at, 1);
        rig.write(&parent, at + 2 * page, 1);
        let task = rig.fork(&parent);
        rig.write(&task, at + 4 * page, 1);
        let whole = chain(&rig, &task, at);
        assert_eq!(whole.pages(page), ["....R", "R.R.."]);
        let mark = VmPageRun { first: 99, pages: 99, state: 99 };
        for (objects, runs) in [(0, 0), (1, 0), (0, 2), (2, 3), (5, 5)] {
            let mut some = vec![VmObjectRecord::default(); objects];
            let mut pieces = vec![mark; runs];
            let room = ObjectsRoom { objects: &mut some, runs: &mut pieces };
            let answer = rig.vm.objects(&task, UserAddr(at), 1, room);
            assert_eq!(answer, Ok((whole.entry, 0)));
            let fit = objects.min(2);
            assert_eq!(some[..fit], whole.objects[..fit]);
            assert_eq!(pieces[..runs.min(3)], whole.runs[..runs.min(3)]);
            assert!(pieces.iter().skip(3).all(|run| *run == mark));
        }
        assert_eq!(whole.entry.answer_size(), 72 + 2 * 72 + 3 * 16);
        rig.allocate_at(&task, at + 9 * page, 1);
        assert_eq!(rig.protect(&task, at + page, 1, 1), Ok(()));
        let (mut from, mut starts) = (0, Vec::new());
        while let Ok((entry, _)) = rig.vm.objects(&task, UserAddr(from), 1, ObjectsRoom::default()) {
            starts.push(entry.start);
            from = entry.end;
        }
        assert_eq!(starts, [at, at + page, at + 2 * page, at + 9 * page]);
        let past = rig.vm.objects(&task, UserAddr(from), 1, ObjectsRoom::default());
        assert_eq!(past, Err(KernReturn::INVALID_ADDRESS));
        rig.end(task);
        rig.end(parent);
    }
}
