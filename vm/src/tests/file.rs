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
        // What others write after the mapping was made is not in it.
        assert_eq!((rig.read(&a, private + page), rig.read(&a, private + page + 1)), (99, 4));
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

/// Maps `pages` pages of a file from page `from` on.
fn enter<const SHIFT: u32>(
    rig: &Rig<SHIFT>,
    task: &Task<SHIFT>,
    file: &ObjectRef<SimMachine<SHIFT>>,
    (from, pages): (u64, u64),
    copy: CopyMode,
) -> u64 {
    let what = EnterObject {
        object: Some(file),
        offset: from * Rig::<SHIFT>::PAGE,
        attributes: attributes(Protection::DEFAULT, Inherit::Copy),
        copy,
    };
    let size = pages * Rig::<SHIFT>::PAGE;
    let anywhere = Placement::Anywhere(VirtAddr(0));
    let entered = rig.vm.enter_object(task, anywhere, size, &what);
    entered.expect("space").0
}

/// A file of `pages` pages whose first bytes are 1, 2, 3 ….
fn numbered<const SHIFT: u32>(rig: &Rig<SHIFT>, pages: u64) -> ObjectRef<SimMachine<SHIFT>> {
    let page = Rig::<SHIFT>::PAGE;
    let file = rig.vm.object_create(pages * page).expect("memory");
    for index in 0..pages {
        put(rig, &file, index, index as u8 + 1);
    }
    file
}

/// `write(2)` of a page's first byte.
fn put<const SHIFT: u32>(
    rig: &Rig<SHIFT>,
    file: &ObjectRef<SimMachine<SHIFT>>,
    index: u64,
    byte: u8,
) {
    let at = index * Rig::<SHIFT>::PAGE;
    assert_eq!(rig.vm.object_write(file, at, &[byte]), Ok(()));
}

impl<const SHIFT: u32> Rig<SHIFT> {
    /// The first byte of each page.
    fn first_bytes(&self, task: &Task<SHIFT>, at: u64, pages: u64) -> Vec<u8> {
        let byte = |page| self.read(task, at + page * Self::PAGE);
        (0..pages).map(byte).collect()
    }
}

both! {
    /// A private mapping shows the file of its moment, whichever way the file is written afterwards,
    /// whether it has looked before or not, and whether the file had a page there or a hole.
    fn a_private_mapping_keeps_its_moment(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let (writer, reader) = (rig.task(), rig.task());
        let file = numbered(&rig, 4);
        assert_eq!(rig.vm.object_resize(&file, 6 * page), Ok(()));
        let shared = enter(&rig, &writer, &file, (0, 6), CopyMode::Shared);
        // A page that is writable already must be asked about again.
        rig.write(&writer, shared + page, 22);
        let private = enter(&rig, &reader, &file, (0, 6), CopyMode::Private);
        assert_eq!((rig.read(&reader, private), rig.read(&reader, private + 4 * page)), (1, 0));
        rig.write(&writer, shared + page, 23);
        put(&rig, &file, 0, 24);
        put(&rig, &file, 4, 25);
        rig.write(&writer, shared + 5 * page, 26);
        let from = UserAddr(shared + page);
        let into = UserAddr(shared + 2 * page);
        let copy = rig.vm.copy_in(&writer, from, UserSize(page)).expect("memory");
        assert_eq!(rig.vm.copy_overwrite(&writer, into, copy), Ok(()));
        assert_eq!(rig.first_bytes(&reader, private, 6), [1, 22, 3, 4, 0, 0]);
        assert_eq!(rig.first_bytes(&writer, shared, 6), [24, 23, 23, 4, 25, 26]);
        let later = enter(&rig, &reader, &file, (0, 6), CopyMode::Private);
        let child = rig.fork(&reader);
        put(&rig, &file, 3, 27);
        rig.write(&child, later + 3 * page, 28);
        assert_eq!(rig.first_bytes(&reader, later, 6), [24, 23, 23, 4, 25, 26]);
        assert_eq!(rig.first_bytes(&child, private, 6), [1, 22, 3, 4, 0, 0]);
        assert_eq!(rig.first_bytes(&writer, shared, 6), [24, 23, 23, 27, 25, 26]);
        assert_eq!(rig.read(&child, later + 3 * page), 28);
        rig.audit();
        rig.vm.object_release(file);
        for task in [reader, child, writer] {
            rig.end(task);
        }
    }
}

both! {
    /// What is cut off stays in private mappings, holes and the rest of the last page too. Shared
    /// mappings lose it, and what the file gets back reads as zeros.
    fn truncation_keeps_what_private_mappings_show(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let (writer, reader) = (rig.task(), rig.task());
        let file = numbered(&rig, 3);
        assert_eq!(rig.vm.object_resize(&file, 5 * page), Ok(()));
        assert_eq!(rig.vm.object_write(&file, page + 9, &[99]), Ok(()));
        let shared = enter(&rig, &writer, &file, (0, 5), CopyMode::Shared);
        let private = enter(&rig, &reader, &file, (0, 7), CopyMode::Private);
        assert_eq!(rig.read(&reader, private + 2 * page), 3);
        assert_eq!(rig.vm.object_resize(&file, page + 5), Ok(()));
        rig.audit();
        assert_eq!(rig.first_bytes(&reader, private, 5), [1, 2, 3, 0, 0]);
        assert_eq!((rig.read(&reader, private + page + 9), rig.read(&writer, shared + page + 9)), (99, 0));
        let beyond = Err(FaultError::MemoryError);
        for lost in [2, 3, 4] {
            assert_eq!(rig.touch(1, &writer, shared + lost * page, Access::Read), beyond);
        }
        for access in [Access::Read, Access::Write(1)] {
            assert_eq!(rig.touch(1, &reader, private + 5 * page, access), beyond);
        }
        let short = enter(&rig, &reader, &file, (0, 5), CopyMode::Private);
        assert_eq!(rig.touch(1, &reader, short + 2 * page, Access::Read), beyond);
        // The file grows again.
        assert_eq!(rig.vm.object_resize(&file, 6 * page), Ok(()));
        assert_eq!(rig.first_bytes(&writer, shared, 5), [1, 2, 0, 0, 0]);
        put(&rig, &file, 4, 7);
        put(&rig, &file, 5, 8);
        assert_eq!(rig.first_bytes(&reader, private, 6), [1, 2, 3, 0, 0, 0]);
        assert_eq!(rig.first_bytes(&reader, short, 5), [1, 2, 0, 0, 0]);
        rig.audit();
        rig.vm.object_release(file);
        for task in [reader, writer] {
            rig.end(task);
        }
    }
}

both! {
    /// A truncation or a private mapping that finds no memory changes nothing that shows.
    fn no_memory_leaves_files_as_they_were(rig, 1024) {
        let page = Rig::<SHIFT>::PAGE;
        let (writer, reader) = (rig.task(), rig.task());
        let file = numbered(&rig, 70);
        assert_eq!(rig.vm.object_resize(&file, 72 * page), Ok(()));
        let shared = enter(&rig, &writer, &file, (0, 72), CopyMode::Shared);
        let used = rig.used();
        let mut failures = 0;
        let private = loop {
            let what = EnterObject { object: Some(&file), offset: 0, attributes: attributes(Protection::DEFAULT, Inherit::Copy), copy: CopyMode::Private };
            rig.vm.frames().injector().fail_once(failures + 1);
            let entered = rig.vm.enter_object(&reader, Placement::Anywhere(VirtAddr(0)), 72 * page, &what);
            if rig.vm.frames().injector().disarm() {
                break entered.expect("nothing failed").0;
            }
            failures += 1;
            assert_eq!(entered, Err(KernReturn::RESOURCE_SHORTAGE));
            assert_eq!(rig.used(), used);
            rig.audit();
        };
        assert!(failures > 0);
        failures = 0;
        loop {
            rig.vm.frames().injector().fail_once(failures + 1);
            let cut = rig.vm.object_resize(&file, page);
            if rig.vm.frames().injector().disarm() {
                assert_eq!(cut, Ok(()));
                break;
            }
            failures += 1;
            assert_eq!(cut, Err(KernReturn::RESOURCE_SHORTAGE));
            for (task, at) in [(&writer, shared), (&reader, private)] {
                assert_eq!(rig.read(task, at + (failures % 72) * page), if failures % 72 < 70 { failures as u8 % 72 + 1 } else { 0 });
            }
            rig.audit();
        }
        // What was pushed in vain is not pushed again.
        assert!(failures >= 10, "only {failures} allocations");
        assert_eq!(rig.read(&reader, private + 69 * page), 70);
        rig.vm.object_release(file);
        for task in [reader, writer] {
            rig.end(task);
        }
    }
}

both! {
    /// A program that runs many times has one copy object per file, whichever parts it maps first.
    fn a_thousand_private_mappings_share_one_copy_object(rig, 1024) {
        let file = numbered(&rig, 6);
        let mut tasks = Vec::new();
        let before = rig.audit().objects;
        for round in 0..40 {
            let task = rig.task();
            let mut at = [0; 3];
            for part in [[1, 2, 0], [0, 1, 2]][round % 2] {
                at[part] = enter(&rig, &task, &file, (2 * part as u64, 2), CopyMode::Private);
            }
            assert_eq!(rig.first_bytes(&task, at[0], 2), [1, 2]);
            rig.write(&task, at[1], 100 + round as u8);
            let region = rig.region(&task, at[2]);
            assert_eq!((region.shadow_depth, region.offset), (1, 4 * Rig::<SHIFT>::PAGE));
            assert_eq!(region.file, Some(rig.vm.object_id(&file)));
            assert_eq!(rig.region(&task, at[1]).shadow_depth, 2);
            tasks.push((task, at));
        }
        // One copy object, and one of its own for each task's part that it wrote.
        assert_eq!(rig.audit().objects, before + 1 + 40);
        for (round, (task, at)) in tasks.iter().enumerate() {
            assert_eq!(rig.first_bytes(task, at[1], 2), [100 + round as u8, 4]);
        }
        put(&rig, &file, 5, 77);
        assert_eq!(rig.read(&tasks[9].0, tasks[9].1[2] + Rig::<SHIFT>::PAGE), 6);
        for (task, _) in tasks {
            rig.end(task);
        }
        assert_eq!(rig.audit().objects, before);
        rig.vm.object_release(file);
    }
}

both! {
    /// Mappings of as many moments as there are: each keeps its own, and the chain stays short.
    fn private_mappings_of_many_moments_stay_shallow(rig, 2048) {
        let file = numbered(&rig, 2);
        let task = rig.task();
        let mut made = Vec::new();
        for moment in 1..=60 {
            put(&rig, &file, 1, moment);
            made.push((moment, enter(&rig, &task, &file, (0, 2), CopyMode::Private)));
        }
        put(&rig, &file, 1, 200);
        for (moment, at) in &made {
            assert_eq!(rig.first_bytes(&task, *at, 2), [1, *moment]);
            assert!(rig.region(&task, *at).shadow_depth <= 17);
        }
        // With the old ones the reason for copies at once is gone.
        for (_, at) in made.drain(..) {
            rig.deallocate(&task, at, 2);
        }
        let at = enter(&rig, &task, &file, (0, 2), CopyMode::Private);
        assert_eq!(rig.region(&task, at).shadow_depth, 1);
        rig.end(task);
        rig.vm.object_release(file);
    }
}

both! {
    /// A part of a written private mapping becomes shared with a child: both parts keep their moment.
    fn a_shared_part_of_a_private_mapping_keeps_its_moment(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let file = numbered(&rig, 4);
        let task = rig.task();
        let at = enter(&rig, &task, &file, (0, 5), CopyMode::Private);
        rig.write(&task, at, 50);
        rig.inherit(&task, at + 2 * page, 3, Inherit::Share);
        let child = rig.fork(&task);
        for index in 0..4 {
            put(&rig, &file, index, 90);
        }
        rig.write(&child, at + 2 * page, 51);
        assert_eq!(rig.first_bytes(&task, at, 4), [50, 2, 51, 4]);
        assert_eq!(rig.first_bytes(&child, at, 4), [50, 2, 51, 4]);
        let beyond = Err(FaultError::MemoryError);
        assert_eq!(rig.touch(1, &child, at + 4 * page, Access::Read), beyond);
        rig.audit();
        rig.vm.object_release(file);
        rig.end(task);
        rig.end(child);
    }
}

both! {
    /// A wired page of the file forbids that a copy is put off; `VM_PROT_COPY` makes a copy of its
    /// moment of a shared mapping.
    fn copies_of_shared_mappings(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let file = numbered(&rig, 3);
        let (writer, reader) = (rig.task(), rig.task());
        let shared = enter(&rig, &writer, &file, (0, 3), CopyMode::Shared);
        let (addr, size) = (UserAddr(shared), UserSize(page));
        assert_eq!(rig.vm.wire(&writer, addr, size, UserProt(3)), Ok(()));
        let at_once = enter(&rig, &reader, &file, (0, 4), CopyMode::Private);
        assert_eq!(rig.region(&reader, at_once).shadow_depth, 0);
        rig.write(&writer, shared, 60);
        put(&rig, &file, 1, 61);
        assert_eq!(rig.first_bytes(&reader, at_once, 3), [1, 2, 3]);
        assert_eq!(rig.touch(1, &reader, at_once + 3 * page, Access::Read), Err(FaultError::MemoryError));
        assert_eq!(rig.vm.unwire(&writer, addr, size), Ok(()));
        let second = enter(&rig, &reader, &file, (0, 3), CopyMode::Shared);
        assert_eq!(rig.read(&reader, second), 60);
        let copy = UserProt(abi::prot::VM_PROT_COPY | 3);
        let done = rig.vm.protect(&reader, UserAddr(second), UserSize(3 * page), SetMax::No, copy);
        assert_eq!(done, Ok(()));
        put(&rig, &file, 0, 62);
        rig.write(&writer, shared + 2 * page, 63);
        rig.write(&reader, second + page, 64);
        assert_eq!(rig.first_bytes(&reader, second, 3), [60, 64, 3]);
        assert_eq!(rig.first_bytes(&writer, shared, 3), [62, 61, 63]);
        rig.audit();
        rig.vm.object_release(file);
        rig.end(reader);
        rig.end(writer);
    }
}

both! {
    /// A page of a file comes with its neighbours, also where it shows through a copy object.
    fn neighbours_come_through_a_copy_object(rig, 256) {
        let file = numbered(&rig, 16);
        let task = rig.task();
        let at = enter(&rig, &task, &file, (0, 16), CopyMode::Private);
        let aligned = at.next_multiple_of(16 * Rig::<SHIFT>::PAGE);
        rig.deallocate(&task, at, 16);
        let what = EnterObject { object: Some(&file), offset: 0, attributes: attributes(Protection::READ, Inherit::Copy), copy: CopyMode::Private };
        let placed = rig.vm.enter_object(&task, Placement::Fixed(VirtAddr(aligned)), 16 * Rig::<SHIFT>::PAGE, &what);
        assert_eq!(placed, Ok(VirtAddr(aligned)));
        let before = rig.events(Event::Fault);
        assert_eq!(rig.read(&task, aligned + 5 * Rig::<SHIFT>::PAGE), 6);
        // The first two pages of an object are in no node.
        assert_eq!(rig.first_bytes(&task, aligned, 16), (1..=16).collect::<Vec<u8>>());
        assert!(rig.events(Event::Fault) - before <= 3);
        rig.end(task);
        rig.vm.object_release(file);
    }
}

both! {
    /// Two private mappings share a copy object that shows what lies between them, too: a third one of
    /// the gap sees no byte that is written after it was made (I-OBJ-7).
    fn what_lies_between_two_copies_is_owed(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let file = numbered(&rig, 3);
        let (task, writer) = (rig.task(), rig.task());
        let shared = enter(&rig, &writer, &file, (0, 3), CopyMode::Shared);
        rig.write(&writer, shared + page, 20);
        let first = enter(&rig, &task, &file, (0, 1), CopyMode::Private);
        let last = enter(&rig, &task, &file, (2, 1), CopyMode::Private);
        rig.audit();
        let between = enter(&rig, &task, &file, (1, 1), CopyMode::Private);
        for (at, value) in [(shared, 101), (shared + page, 102), (shared + 2 * page, 103)] {
            rig.write(&writer, at, value);
        }
        let seen = [first, between, last].map(|at| rig.read(&task, at));
        assert_eq!(seen, [1, 20, 3]);
        rig.vm.object_release(file);
        for task in [task, writer] {
            rig.end(task);
        }
    }
}

both! {
    /// A wired page in such a gap cannot be owed: the second copy is made at once.
    fn a_wired_page_between_two_copies_forbids_one_copy_object(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let file = numbered(&rig, 3);
        let (task, writer) = (rig.task(), rig.task());
        let shared = enter(&rig, &writer, &file, (0, 3), CopyMode::Shared);
        let wired = rig.vm.wire(&writer, UserAddr(shared + page), UserSize(page), UserProt(3));
        assert_eq!(wired, Ok(()));
        let first = enter(&rig, &task, &file, (0, 1), CopyMode::Private);
        let last = enter(&rig, &task, &file, (2, 1), CopyMode::Private);
        rig.audit();
        rig.write(&writer, shared + page, 20);
        let between = enter(&rig, &task, &file, (1, 1), CopyMode::Private);
        rig.write(&writer, shared + page, 102);
        let seen = [first, between, last].map(|at| rig.read(&task, at));
        assert_eq!(seen, [1, 20, 3]);
        rig.vm.object_release(file);
        for task in [task, writer] {
            rig.end(task);
        }
    }
}

both! {
    /// What lies beyond the file's end is an error to all that come of a private mapping: copies made at
    /// once, what forks put in front of them, what is left when chains get shorter, and flat copies.
    fn a_chain_ends_where_its_file_did(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let file = numbered(&rig, 2);
        let mut tasks = vec![rig.task()];
        let shared = enter(&rig, &tasks[0], &file, (1, 1), CopyMode::Shared);
        let wired = rig.vm.wire(&tasks[0], UserAddr(shared), UserSize(page), UserProt(3));
        assert_eq!(wired, Ok(()));
        // A wired page between two copies: the second one is made at once.
        let first = enter(&rig, &tasks[0], &file, (0, 1), CopyMode::Private);
        let beyond = enter(&rig, &tasks[0], &file, (2, 2), CopyMode::Private);
        let ends = Err(FaultError::MemoryError);
        for generation in 0..40 {
            let last = tasks.len() - 1;
            assert_eq!(rig.touch(0, &tasks[last], beyond, Access::Write(1)), ends);
            rig.write(&tasks[last], first, generation);
            tasks.push(rig.fork(&tasks[last]));
            if generation % 3 == 0 {
                rig.end(tasks.swap_remove(1));
            }
        }
        rig.audit();
        for task in &tasks {
            assert_eq!(rig.touch(0, task, beyond + page, Access::Read), ends);
        }
        rig.vm.object_release(file);
        for task in tasks {
            rig.end(task);
        }
    }
}

both! {
    /// A private mapping that kept what was cut off still ends there when a part of it becomes shared.
    fn what_was_kept_does_not_hide_the_end(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let file = numbered(&rig, 3);
        let task = rig.task();
        let at = enter(&rig, &task, &file, (0, 6), CopyMode::Private);
        rig.write(&task, at, 50);
        assert_eq!(rig.vm.object_resize(&file, 2 * page), Ok(()));
        rig.inherit(&task, at + 5 * page, 1, Inherit::Share);
        rig.end(rig.fork(&task));
        assert_eq!(rig.first_bytes(&task, at, 3), [50, 2, 3]);
        for index in 3..6 {
            assert_eq!(rig.touch(0, &task, at + index * page, Access::Read), Err(FaultError::MemoryError));
        }
        rig.end(task);
        rig.vm.object_release(file);
    }
}
