//! Nesting: maps that show a submap show its page tables.

use super::*;

/// Tables of [`library`]: text in the first, data across the border to the second, nothing in the third,
/// memory that was never written in the fourth.
const TABLES: u64 = 4;

/// Addresses of a table, and of the library, which has the same in all tasks.
const fn size<const SHIFT: u32>() -> u64 {
    1 << (2 * SHIFT - 3)
}

const fn base<const SHIFT: u32>() -> u64 {
    8 * size::<SHIFT>()
}

struct Library<const SHIFT: u32> {
    submap: Task<SHIFT>,
    /// Two pages; page `n` holds `10 + n`.
    text: u64,
    /// Four pages, two in each table; page `n` holds `20 + n`.
    data: u64,
    /// One page of zeros.
    zeros: u64,
}

fn library<const SHIFT: u32>(rig: &Rig<SHIFT>) -> Library<SHIFT> {
    let page = Rig::<SHIFT>::PAGE;
    let (base, size) = (base::<SHIFT>(), size::<SHIFT>());
    let range = Range::new(VirtAddr(base), VirtAddr(base + TABLES * size));
    let library = Library {
        submap: rig.vm.map_create_submap(range).expect("memory for a map"),
        text: base + 5 * page,
        data: base + size - 2 * page,
        zeros: base + 3 * size + page,
    };
    for (at, pages, first) in [(library.text, 2, 10), (library.data, 4, 20)] {
        rig.allocate_at(&library.submap, at, pages);
        for n in 0..pages {
            rig.write(&library.submap, at + n * page, (first + n) as u8);
        }
    }
    rig.allocate_at(&library.submap, library.zeros, 1);
    let (addr, text) = (UserAddr(library.text), UserSize(2 * page));
    let execute = rig
        .vm
        .protect(&library.submap, addr, text, SetMax::No, UserProt(5));
    assert_eq!(execute, Ok(()));
    library
}

fn enter_as<const SHIFT: u32>(
    rig: &Rig<SHIFT>,
    library: &Library<SHIFT>,
    allowed: Protection,
) -> Task<SHIFT> {
    let task = rig.task();
    let what = EnterSubmap {
        submap: &library.submap,
        offset: base::<SHIFT>(),
        attributes: Attributes::with(allowed, Protection::ALL, Inherit::Copy, 7),
    };
    let at = Placement::Fixed(VirtAddr(base::<SHIFT>()));
    let entered = rig
        .vm
        .enter_submap(&task, at, TABLES * size::<SHIFT>(), &what);
    assert_eq!(entered, Ok(VirtAddr(base::<SHIFT>())));
    task
}

/// A task that shows all of the library.
fn shower<const SHIFT: u32>(rig: &Rig<SHIFT>, library: &Library<SHIFT>) -> Task<SHIFT> {
    enter_as(rig, library, Protection::ALL)
}

/// Which of the library's tables a task shows.
fn nested<const SHIFT: u32>(rig: &Rig<SHIFT>, task: &Task<SHIFT>) -> Vec<u64> {
    let starts = |table: &u64| VirtAddr(base::<SHIFT>() + table * size::<SHIFT>());
    let machine = rig.vm.machine();
    let shows = |table: &u64| machine.pmap_is_nested(rig.vm.pmap(task), starts(table));
    (0..TABLES).filter(shows).collect()
}

fn tables<const SHIFT: u32>(rig: &Rig<SHIFT>, task: &Task<SHIFT>) -> u64 {
    rig.vm.machine().pmap_tables(rig.vm.pmap(task)).0
}

/// Faults that the reads took.
fn faults<const SHIFT: u32>(rig: &Rig<SHIFT>, task: &Task<SHIFT>, reads: &[(u64, u8)]) -> u64 {
    let before = rig.events(Event::Fault);
    for &(at, value) in reads {
        assert_eq!(rig.read(task, at), value, "at {at:#x}");
    }
    rig.events(Event::Fault) - before
}

both! {
    /// What the first task has read the second reads without a fault; tables count once.
    fn what_one_task_brought_in_is_there_for_all(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let library = library(&rig);
        // The root, and a table of text, of data, and for what nobody has read.
        assert_eq!(tables(&rig, &library.submap), 3);
        let (a, b) = (shower(&rig, &library), shower(&rig, &library));
        assert_eq!((nested(&rig, &a), nested(&rig, &b)), (vec![0, 1, 3], vec![0, 1, 3]));
        assert_eq!(rig.vm.machine().pmap_nestings(rig.vm.pmap(&library.submap)), 6);
        assert_eq!((tables(&rig, &library.submap), tables(&rig, &a), tables(&rig, &b)), (4, 1, 1));
        // Pages that the creator wrote are in the tables already; zeros are not.
        let reads = [(library.text, 10), (library.text + page, 11), (library.data, 20), (library.data + 3 * page, 23)];
        assert_eq!((faults(&rig, &a, &reads), faults(&rig, &b, &reads)), (0, 0));
        let zeros = [(library.zeros, 0)];
        assert_eq!((faults(&rig, &a, &zeros), faults(&rig, &b, &zeros)), (1, 0));
        assert_eq!((rig.events(Event::Nested), rig.vm.resident(&a)), (1, Pages(0)));
        rig.audit();
        let hole = base::<SHIFT>() + 2 * size::<SHIFT>();
        assert_eq!(rig.touch(0, &a, hole, Access::Read), Err(FaultError::InvalidAddress));
        assert_eq!(rig.touch(0, &a, library.text, Access::Write(1)), Err(FaultError::ProtectionFailure));
        for task in [library.submap, a, b] {
            rig.end(task);
        }
    }
}

both! {
    /// A write ends nesting in the tables that its piece meets, for the writer alone.
    fn a_write_unnests_the_piece(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let library = library(&rig);
        let (a, b) = (shower(&rig, &library), shower(&rig, &library));
        assert_eq!((rig.read(&a, library.data), rig.read(&a, library.data + 2 * page)), (20, 22));
        assert_eq!(rig.touch(1, &a, library.data, Access::Read), Ok(20));
        rig.write(&a, library.data + 2 * page, 99);
        // The piece lies in both tables.
        assert_eq!((nested(&rig, &a), nested(&rig, &b)), (vec![3], vec![0, 1, 3]));
        assert_eq!(rig.region(&a, library.data).range.len(), 4 * page);
        let seen = |task: &Task<SHIFT>, n: u64| rig.touch(1, task, library.data + n * page, Access::Read);
        assert_eq!((seen(&a, 0), seen(&a, 2), seen(&b, 0), seen(&b, 2)), (Ok(20), Ok(99), Ok(20), Ok(22)));
        rig.write(&a, library.data, 98);
        assert_eq!((seen(&a, 0), seen(&b, 0)), (Ok(98), Ok(20)));
        assert_eq!(faults(&rig, &b, &[(library.text, 10), (library.data, 20), (library.data + 2 * page, 22)]), 0);
        // What is left in the tables is mapped by the task's own.
        assert_eq!((faults(&rig, &a, &[(library.text, 10)]), tables(&rig, &a)), (1, 3));
        assert_eq!(rig.events(Event::Nested), 0);
        rig.audit();
        for task in [library.submap, a, b] {
            rig.end(task);
        }
    }
}

both! {
    /// A piece that is all of a table splits nothing, and ends its nesting all the same.
    fn a_piece_of_a_whole_table_is_unnested(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let (base, size) = (base::<SHIFT>(), size::<SHIFT>());
        let range = Range::new(VirtAddr(base), VirtAddr(base + 2 * size));
        let submap = rig.vm.map_create_submap(range).expect("memory for a map");
        rig.allocate_at(&submap, base, size / page);
        rig.write(&submap, base, 10);
        rig.write(&submap, base + size - page, 11);
        let what = EnterSubmap {
            submap: &submap,
            offset: base,
            attributes: Attributes::with(Protection::ALL, Protection::ALL, Inherit::Copy, 7),
        };
        let (a, b) = (rig.task(), rig.task());
        for task in [&a, &b] {
            let at = Placement::Fixed(VirtAddr(base));
            assert!(rig.vm.enter_submap(task, at, 2 * size, &what).is_ok());
            assert_eq!((nested(&rig, task), rig.read(task, base)), (vec![0], 10));
        }
        rig.write(&a, base + page, 12);
        assert_eq!((nested(&rig, &a), rig.region(&a, base).range.len()), (vec![], size));
        assert_eq!((rig.read(&a, base), rig.read(&a, base + size - page)), (10, 11));
        assert_eq!((rig.read(&a, base + page), rig.read(&b, base + page)), (12, 0));
        let (addr, length) = (UserAddr(base), UserSize(size));
        let to_own = rig.vm.protect(&b, addr, length, SetMax::No, UserProt(3));
        assert_eq!((to_own, nested(&rig, &b)), (Ok(()), vec![]));
        rig.write(&b, base, 13);
        assert_eq!((rig.read(&b, base), rig.read(&a, base), rig.read(&submap, base)), (13, 10, 10));
        rig.audit();
        for task in [submap, a, b] {
            rig.end(task);
        }
    }
}

both! {
    /// Whatever splits an entry unnests the table that it is split in; what is whole stays.
    fn a_clip_unnests_its_table(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let library = library(&rig);
        let (base, size) = (base::<SHIFT>(), size::<SHIFT>());
        type Change<'a, const SHIFT: u32> = &'a dyn Fn(&Task<SHIFT>, u64, u64);
        let inherit: Change<'_, SHIFT> = &|task, at, pages| rig.inherit(task, at, pages, Inherit::None);
        let advise: Change<'_, SHIFT> = &|task, at, pages| {
            let (addr, size) = (UserAddr(at), UserSize(pages * page));
            assert_eq!(rig.vm.behavior(task, addr, size, UserBehavior(1)), Ok(()));
        };
        let protect: Change<'_, SHIFT> = &|task, at, pages| assert_eq!(rig.protect(task, at, pages, 1), Ok(()));
        let remove: Change<'_, SHIFT> = &|task, at, pages| rig.deallocate(task, at, pages);
        for (change, keeps) in [(inherit, true), (advise, true), (protect, false), (remove, false)] {
            let task = shower(&rig, &library);
            let whole = size / page;
            assert_eq!(rig.read(&task, library.text), 10);
            // At the borders of tables nothing is split that is nested.
            change(&task, base + size, whole);
            assert_eq!(nested(&rig, &task), if keeps { vec![0, 1, 3] } else { vec![0, 3] });
            rig.audit();
            change(&task, base + page, 1);
            assert_eq!(nested(&rig, &task), if keeps { vec![1, 3] } else { vec![3] });
            rig.audit();
            assert_eq!(rig.read(&task, library.text), 10);
            rig.end(task);
        }
        rig.end(library.submap);
    }
}

both! {
    /// What other CPUs have of a table is gone when a part of it leaves, or loses a right.
    fn no_cpu_keeps_what_was_unnested(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let library = library(&rig);
        let (a, b) = (shower(&rig, &library), shower(&rig, &library));
        for cpu in 0..4 {
            assert_eq!(rig.touch(cpu, &a, library.text, Access::Read), Ok(10));
            assert_eq!(rig.touch(cpu, &a, library.data, Access::Read), Ok(20));
        }
        rig.deallocate(&a, library.text, 1);
        for cpu in 0..4 {
            assert_eq!(rig.touch(cpu, &a, library.text, Access::Read), Err(FaultError::InvalidAddress));
            assert_eq!(rig.touch(cpu, &b, library.text, Access::Read), Ok(10));
        }
        assert_eq!(rig.protect(&b, library.text, 1, 0), Ok(()));
        for cpu in 0..4 {
            assert_eq!(rig.touch(cpu, &b, library.text, Access::Read), Err(FaultError::ProtectionFailure));
            assert_eq!(rig.touch(cpu, &a, library.text + page, Access::Read), Ok(11));
        }
        rig.audit();
        for task in [library.submap, a, b] {
            rig.end(task);
        }
    }
}

both! {
    /// A child shows the tables that its parent's whole entries cover; the last of them ends the submap.
    fn fork_nests_again(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let library = library(&rig);
        let parent = shower(&rig, &library);
        assert_eq!(rig.protect(&parent, library.text, 1, 1), Ok(()));
        assert_eq!(rig.protect(&parent, library.text, 1, 5), Ok(()));
        assert_eq!(nested(&rig, &parent), [1, 3]);
        rig.inherit(&parent, base::<SHIFT>() + 3 * size::<SHIFT>(), size::<SHIFT>() / page, Inherit::None);
        let child = rig.fork(&parent);
        assert_eq!(nested(&rig, &child), [1]);
        assert_eq!(faults(&rig, &child, &[(library.data + 2 * page, 22)]), 0);
        rig.end(parent);
        rig.end(library.submap);
        rig.audit();
        assert_eq!(rig.read(&child, library.data), 20);
        assert_eq!(faults(&rig, &child, &[(library.data + 3 * page, 23)]), 0);
        rig.write(&child, library.data, 1);
        let grandchild = rig.fork(&child);
        assert_eq!((rig.read(&grandchild, library.data), rig.read(&grandchild, library.text)), (1, 10));
        rig.end(child);
        rig.end(grandchild);
    }
}

both! {
    /// An entry that takes a right away, or is elsewhere, shows by the map's own tables.
    fn only_what_is_the_same_is_nested(rig, 256) {
        let library = library(&rig);
        let reader = enter_as(&rig, &library, Protection::READ);
        assert_eq!(nested(&rig, &reader), []);
        assert_eq!(rig.read(&reader, library.text), 10);
        let executed = rig.vm.fault(&reader, VirtAddr(library.text), Protection::EXECUTE);
        assert_eq!(executed, Err(FaultError::ProtectionFailure));
        let elsewhere = rig.task();
        let what = EnterSubmap {
            submap: &library.submap,
            offset: base::<SHIFT>(),
            attributes: Attributes::with(Protection::ALL, Protection::ALL, Inherit::Copy, 7),
        };
        let at = Placement::Fixed(VirtAddr(base::<SHIFT>() + 9 * size::<SHIFT>()));
        assert!(rig.vm.enter_submap(&elsewhere, at, TABLES * size::<SHIFT>(), &what).is_ok());
        assert_eq!(rig.read(&elsewhere, library.text + 9 * size::<SHIFT>()), 10);
        assert_eq!(rig.vm.machine().pmap_nestings(rig.vm.pmap(&library.submap)), 0);
        for task in [library.submap, reader, elsewhere] {
            rig.end(task);
        }
    }
}

both! {
    /// What is truly shared changes for all who show it, and nobody writes it through the submap.
    fn shared_memory_shows_and_is_not_written(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let library = library(&rig);
        rig.inherit(&library.submap, library.data, 4, Inherit::Share);
        let peer = rig.fork(&library.submap);
        let (a, b) = (shower(&rig, &library), shower(&rig, &library));
        let refused = Err(FaultError::ProtectionFailure);
        assert_eq!(rig.touch(0, &library.submap, library.data, Access::Write(1)), refused);
        assert_eq!((rig.read(&a, library.data), rig.read(&b, library.data)), (20, 20));
        rig.write(&peer, library.data, 71);
        assert_eq!((rig.read(&a, library.data), rig.read(&b, library.data)), (71, 71));
        rig.write(&a, library.data + page, 1);
        assert_eq!((rig.read(&b, library.data + page), rig.read(&peer, library.data + page)), (21, 21));
        assert_eq!(nested(&rig, &a), [3]);
        rig.audit();
        for task in [peer, library.submap, a, b] {
            rig.end(task);
        }
    }
}

both! {
    /// Without memory for a table the submap is shown all the same.
    fn a_shortage_costs_the_nesting_only(rig, 256) {
        let library = library(&rig);
        let mut plain = 0;
        for k in 1..12 {
            rig.vm.frames().injector().fail_once(k);
            let task = rig.vm.map_create(VirtAddr(MIN), VirtAddr(MAX));
            let Ok(task) = task else { continue };
            let what = EnterSubmap {
                submap: &library.submap,
                offset: base::<SHIFT>(),
                attributes: Attributes::with(Protection::ALL, Protection::ALL, Inherit::Copy, 7),
            };
            let at = Placement::Fixed(VirtAddr(base::<SHIFT>()));
            let entered = rig.vm.enter_submap(&task, at, TABLES * size::<SHIFT>(), &what);
            rig.vm.frames().injector().disarm();
            if entered.is_ok() {
                plain += u32::from(nested(&rig, &task) != [0, 1, 3]);
                assert_eq!((rig.read(&task, library.text), rig.read(&task, library.zeros)), (10, 0));
                rig.audit();
            }
            rig.end(task);
        }
        assert!(plain > 0, "no table was ever short");
        rig.end(library.submap);
    }
}
