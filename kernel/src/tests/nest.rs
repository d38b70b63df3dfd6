//! Nested page tables on the machine: what one task has brought in is there for all.

use super::rig::{Rig, Space, page};
use super::{Outcome, check, same, tests};
use crate::memory::vm;
use crate::platform::Machine as Tables;
use vm::counters::Event;
use vm::{
    Attributes, CopyMode, EnterObject, EnterSubmap, Inherit, KernReturn, Machine, MapRef,
    Placement, Protection, Range, UserAddr, VirtAddr,
};

tests!("nest":
    what_one_task_brought_in_is_there_for_all,
    a_write_ends_it_for_the_writer_alone,
    what_leaves_is_gone_from_the_tlb,
    a_child_shows_the_tables_too,
);

/// Pages of the library's text and of its data; page `n` of either begins with `n`.
const PAGES: u64 = 20;

/// Bytes of a last-level table.
const SIZE: u64 = match Tables::NESTING_SIZE {
    Some(size) => size,
    None => panic!("this machine can nest"),
};

/// Where the library is, in the submap and in every task: text in the first table, data in the second.
const TEXT: u64 = 64 * SIZE;
const DATA: u64 = TEXT + SIZE;

/// A submap of a file's pages.
struct Library(Option<MapRef<Tables>>);

impl Drop for Library {
    fn drop(&mut self) {
        self.0
            .take()
            .into_iter()
            .for_each(|map| vm().map_terminate(map));
    }
}

impl Library {
    fn new() -> Result<Self, KernReturn> {
        let range = Range::new(VirtAddr(TEXT), VirtAddr(DATA + SIZE));
        let library = Self(Some(vm().map_create_submap(range)?));
        let file = vm().object_create(PAGES * page())?;
        let filled = (0..PAGES).try_for_each(|n| vm().object_write(&file, n * page(), &[n as u8]));
        let text = Protection::READ | Protection::EXECUTE;
        let parts = [(TEXT, text), (DATA, Protection::DEFAULT)];
        let entered = parts.iter().try_for_each(|&(at, allowed)| {
            let what = EnterObject {
                object: Some(&file),
                offset: 0,
                attributes: Attributes::with(allowed, Protection::ALL, Inherit::Copy, 0),
                copy: CopyMode::Private,
            };
            let at = Placement::Fixed(VirtAddr(at));
            vm().enter_object(library.map(), at, PAGES * page(), &what)
                .map(|_| ())
        });
        vm().object_release(file);
        filled.map_err(KernReturn::from).and(entered)?;
        Ok(library)
    }

    fn map(&self) -> &MapRef<Tables> {
        match &self.0 {
            Some(map) => map,
            None => unreachable!("the map goes when the library is dropped"),
        }
    }

    /// Shows all of it.
    fn enter(&self, space: &Space<'_>) -> Result<(), KernReturn> {
        let what = EnterSubmap {
            submap: self.map(),
            offset: TEXT,
            attributes: Attributes::with(Protection::ALL, Protection::ALL, Inherit::Copy, 0),
        };
        let at = Placement::Fixed(VirtAddr(TEXT));
        vm().enter_submap(space.map(), at, 2 * SIZE, &what)
            .map(|_| ())
    }

    /// How often its tables are shown.
    fn nestings(&self) -> u64 {
        vm().machine().pmap_nestings(vm().pmap(self.map()))
    }
}

fn tables(map: &MapRef<Tables>) -> u64 {
    vm().machine().pmap_tables(vm().pmap(map)).0
}

/// Whether a task shows the library's tables of text and of data.
fn nested(space: &Space<'_>) -> [bool; 2] {
    let pmap = vm().pmap(space.map());
    [TEXT, DATA].map(|at| vm().machine().pmap_is_nested(pmap, VirtAddr(at)))
}

/// Reads all of the library; answers how many faults that took.
fn faults_of_reading(space: &Space<'_>) -> Outcome<u64> {
    // The space is made the thread's before faults are counted.
    let _ = space.read(TEXT - page());
    let before = vm().counters().get(Event::Fault);
    for n in 0..PAGES {
        same!(space.read(TEXT + n * page()), Ok(n as u8));
        same!(space.read(DATA + n * page()), Ok(n as u8));
    }
    Ok(vm().counters().get(Event::Fault) - before)
}

fn what_one_task_brought_in_is_there_for_all(rig: &mut Rig<'_>) -> Outcome {
    let library = Library::new()?;
    let spaces = [rig.space()?, rig.space()?, rig.space()?];
    for space in &spaces {
        library.enter(space)?;
        same!(nested(space), [true, true]);
    }
    same!(library.nestings(), 6);
    let [a, b, c] = &spaces;
    let (own, shared) = (tables(a.map()), tables(library.map()));
    check!(faults_of_reading(a)? >= 2);
    same!((faults_of_reading(b)?, faults_of_reading(c)?), (0, 0));
    // Their last-level tables are counted once, where they belong.
    for space in &spaces {
        same!(
            (tables(space.map()), vm().resident(space.map()).0),
            (own, 0)
        );
    }
    same!(tables(library.map()), shared);
    same!(vm().resident(library.map()).0, 2 * PAGES);
    let frame = |space: &Space<'_>| space.mapped(TEXT).map(|(frame, _)| frame);
    same!(frame(a), frame(b));
    let mapped = frame(a).map_or(0, |frame| vm().machine().page_mappings(frame));
    same!(mapped, 2);
    Ok(())
}

fn a_write_ends_it_for_the_writer_alone(rig: &mut Rig<'_>) -> Outcome {
    let library = Library::new()?;
    let (a, b) = (rig.space()?, rig.space()?);
    library.enter(&a)?;
    library.enter(&b)?;
    faults_of_reading(&a)?;
    check!(a.write(DATA + page(), 99).is_ok());
    same!((nested(&a), nested(&b)), ([true, false], [true, true]));
    same!(
        (a.read(DATA + page()), a.read(DATA + 2 * page())),
        (Ok(99), Ok(2))
    );
    same!(faults_of_reading(&b)?, 0);
    check!(a.write(TEXT, 1).is_err() && b.write(TEXT, 1).is_err());
    same!((nested(&a), library.nestings()), ([true, false], 3));
    drop(a);
    same!((faults_of_reading(&b)?, library.nestings()), (0, 2));
    Ok(())
}

fn what_leaves_is_gone_from_the_tlb(rig: &mut Rig<'_>) -> Outcome {
    let library = Library::new()?;
    let (a, b) = (rig.space()?, rig.space()?);
    library.enter(&a)?;
    library.enter(&b)?;
    faults_of_reading(&a)?;
    check!(a.deallocate(TEXT, 1).is_ok());
    check!(a.read(TEXT).is_err());
    same!(a.read(TEXT + page()), Ok(1));
    same!(nested(&a), [false, true]);
    check!(a.protect(DATA, PAGES, Protection::NONE).is_ok());
    check!(a.read(DATA).is_err() && a.read(DATA + page()).is_err());
    same!((faults_of_reading(&b)?, library.nestings()), (0, 2));
    // The same addresses, and other memory.
    check!(a.deallocate(TEXT, 2 * SIZE / page()).is_ok());
    let zeros = vm().allocate(
        a.map(),
        UserAddr(TEXT),
        vm::UserSize(SIZE),
        vm::UserFlags(0),
    );
    same!(zeros, Ok(VirtAddr(TEXT)));
    for n in 0..PAGES {
        same!(a.read(TEXT + n * page()), Ok(0));
    }
    check!(a.write(TEXT + page(), 5).is_ok());
    same!(
        (a.read(TEXT + page()), b.read(TEXT + page())),
        (Ok(5), Ok(1))
    );
    Ok(())
}

fn a_child_shows_the_tables_too(rig: &mut Rig<'_>) -> Outcome {
    let library = Library::new()?;
    let parent = rig.space()?;
    library.enter(&parent)?;
    faults_of_reading(&parent)?;
    check!(parent.write(DATA, 77).is_ok());
    let child = parent.fork()?;
    same!(nested(&child), [true, false]);
    let before = vm().counters().get(Event::Fault);
    for n in 0..PAGES {
        same!(child.read(TEXT + n * page()), Ok(n as u8));
    }
    same!(vm().counters().get(Event::Fault), before);
    same!(child.read(DATA), Ok(77));
    drop(parent);
    drop(library);
    same!(
        (child.read(TEXT + page()), child.read(DATA + page())),
        (Ok(1), Ok(1))
    );
    let grandchild = child.fork()?;
    same!(
        (nested(&grandchild), grandchild.read(TEXT)),
        ([true, false], Ok(0))
    );
    Ok(())
}
