//! Calls that change a map, on the real page tables.

use super::rig::{HIGHEST, LOWEST, Rig, page};
use super::{Outcome, check, same, tests};
use crate::memory::vm;
use vm::{
    Inherit, KernReturn, MapRequest, Placement, Protection, UserAddr, UserFlags, UserInherit,
    UserProt, UserSize, VirtAddr,
};

tests!("map":
    a_hole_in_the_middle_faults_and_the_rest_stays,
    neighbours_become_one_entry,
    protection_is_cut_where_it_changes,
    wired_pages_stay_and_are_counted,
    wild_arguments_are_refused,
    write_and_execute_follow_the_machines_policy,
    files_are_seen_through_private_and_shared_mappings,
    thousands_of_entries_are_found,
);

fn a_hole_in_the_middle_faults_and_the_rest_stays(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    let at = space.allocate(9)?;
    check!(space.write_pages(at, 9, 4).is_ok());
    let free = vm().statistics().free_count;
    space.deallocate(at + 3 * page(), 3)?;
    check!(vm().statistics().free_count >= free + 3);
    for index in 0..9 {
        let expected = (!(3..6).contains(&index)).then_some(4);
        same!(space.read(at + index * page()).ok(), expected);
    }
    same!(space.map().entry_count(), 2);
    same!(space.map().size(), 6 * page());
    // What comes there next is empty.
    let size = UserSize(3 * page());
    vm().allocate(space.map(), UserAddr(at + 3 * page()), size, UserFlags(0))?;
    for index in 3..6 {
        same!(space.read(at + index * page()).ok(), Some(0));
    }
    Ok(())
}

fn neighbours_become_one_entry(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    // XNU's limit of an entry that grows by itself is 128 KiB.
    let most = (128 << 10) / page() - 1;
    let at = space.allocate(1)?;
    for index in 1..most {
        let here = UserAddr(at + index * page());
        vm().allocate(space.map(), here, UserSize(page()), UserFlags(0))?;
    }
    same!(space.map().entry_count(), 1);
    same!(space.region(at)?.range.len(), most * page());
    check!(space.write_pages(at, most, 1).is_ok());
    // What fills a hole is empty, whatever it joins.
    space.deallocate(at + page(), 1)?;
    let size = UserSize(page());
    vm().allocate(space.map(), UserAddr(at + page()), size, UserFlags(0))?;
    same!(space.read(at + page()).ok(), Some(0));
    same!(space.read(at + 2 * page()).ok(), Some(1));
    Ok(())
}

fn protection_is_cut_where_it_changes(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    let at = space.allocate(6)?;
    check!(space.write_pages(at, 6, 1).is_ok());
    space.protect(at + 2 * page(), 2, Protection::READ)?;
    for index in 0..6 {
        let writes = !(2..4).contains(&index);
        same!(space.write(at + index * page(), 2).is_ok(), writes);
        same!(
            space.read(at + index * page()).ok(),
            Some(if writes { 2 } else { 1 })
        );
    }
    same!(space.map().entry_count(), 3);
    same!(space.region(at + 2 * page())?.protection, Protection::READ);
    space.protect(at, 6, Protection::DEFAULT)?;
    check!(space.write_pages(at, 6, 3).is_ok());
    Ok(())
}

fn wired_pages_stay_and_are_counted(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    let at = space.allocate(8)?;
    same!(space.read(at).ok(), Some(0));
    check!(space.write(at + page(), 1).is_ok());
    let wired = || u64::from(vm().statistics().wire_count);
    let before = wired();
    space.wire(at, 8)?;
    check!(
        wired() >= before + 8,
        "{} wired, {} before",
        wired(),
        before
    );
    for index in 0..8 {
        let seen = space.mapped(at + index * page());
        check!(
            seen.is_some_and(|(_, seen)| seen.contains(Protection::DEFAULT)),
            "page {index}: {seen:?}"
        );
    }
    // Twice wired, once unwired: still wired.
    space.wire(at + 2 * page(), 2)?;
    space.unwire(at, 8)?;
    check!(wired() >= before + 2);
    space.unwire(at + 2 * page(), 2)?;
    check!(
        wired() <= before + 2,
        "{} wired, {} before",
        wired(),
        before
    );
    same!(
        (space.read(at).ok(), space.read(at + page()).ok()),
        (Some(0), Some(1))
    );
    // Memory that goes while it is wired goes all the same.
    space.wire(at, 4)?;
    space.deallocate(at, 8)?;
    Ok(())
}

fn wild_arguments_are_refused(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    let at = space.allocate(2)?;
    check!(space.write_pages(at, 2, 6).is_ok());
    let entries = space.map().entry_count();
    let wired = vm().statistics().wire_count;
    let kernel = arch::layout::KERNEL_BASE;
    let direct = arch::layout::DIRECT_MAP_BASE;
    for addr in [
        kernel,
        direct,
        HIGHEST,
        u64::MAX,
        u64::MAX - page(),
        1 << 63,
        0,
        LOWEST - 1,
    ] {
        for size in [
            1,
            page(),
            u64::MAX,
            u64::MAX - page(),
            1 << 63,
            (u64::MAX - addr).max(1),
        ] {
            let (address, bytes) = (UserAddr(addr), UserSize(size));
            let got = vm().allocate(space.map(), address, bytes, UserFlags(0));
            check!(
                got.is_err(),
                "allocate({addr:#x}, {size:#x}) answers {got:x?}"
            );
            // These may succeed where there is nothing to do; they must not do anything.
            let _ = vm().deallocate(space.map(), UserAddr(addr | kernel), bytes);
            let _ = vm().protect(
                space.map(),
                UserAddr(addr | kernel),
                bytes,
                vm::SetMax::Yes,
                UserProt(0),
            );
            let _ = vm().inherit(space.map(), UserAddr(addr | kernel), bytes, UserInherit(2));
            let _ = vm().wire(space.map(), UserAddr(addr | kernel), bytes, UserProt(1));
            let _ = vm().unwire(space.map(), UserAddr(addr | kernel), bytes);
            let _ = vm().msync(space.map(), address, bytes, UserFlags(1));
        }
    }
    check!(
        vm().statistics().wire_count <= wired + 8,
        "something was wired"
    );
    for flags in [u32::MAX, 0x8000_0000 | 0x40, 1 << 10] {
        let got = vm().allocate(space.map(), UserAddr(0), UserSize(page()), UserFlags(flags));
        same!(got, Err(KernReturn::INVALID_ARGUMENT));
    }
    check!(space.inherit(at, 2, Inherit::Copy).is_ok());
    let got = vm().inherit(space.map(), UserAddr(at), UserSize(page()), UserInherit(7));
    same!(got, Err(KernReturn::INVALID_ARGUMENT));
    same!(space.map().entry_count(), entries);
    same!(
        (space.read(at).ok(), space.read(at + page()).ok()),
        (Some(6), Some(6))
    );
    Ok(())
}

fn write_and_execute_follow_the_machines_policy(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    let at = space.allocate(1)?;
    let got = space.protect(at, 1, Protection::ALL);
    match crate::syscall::write_execute_policy() {
        vm::WriteExecute::Allowed => same!(got, Ok(())),
        vm::WriteExecute::Refused => {
            same!(got, Err(KernReturn::PROTECTION_FAILURE));
            check!(space.write(at, 1).is_ok());
        }
    }
    space.protect(at, 1, Protection::READ | Protection::EXECUTE)?;
    let got = vm().fault(space.map(), VirtAddr(at), Protection::EXECUTE);
    same!(got, Ok(()));
    let seen = space.mapped(at).map(|(_, seen)| seen);
    check!(seen.is_some_and(
        |seen| seen.contains(Protection::EXECUTE) && !seen.contains(Protection::WRITE)
    ));
    Ok(())
}

fn files_are_seen_through_private_and_shared_mappings(rig: &mut Rig<'_>) -> Outcome {
    let object = vm().object_create(3 * page())?;
    let outcome = file_mappings(rig, &object);
    vm().object_release(object);
    outcome
}

fn file_mappings(rig: &Rig<'_>, object: &vm::ObjectRef<crate::platform::Machine>) -> Outcome {
    vm().object_write(object, 0, &[1; 64])?;
    vm().object_write(object, page(), &[2; 64])?;
    let space = rig.space()?;
    let enter = |copy| {
        let what = vm::EnterObject {
            object: Some(object),
            offset: 0,
            attributes: vm::Attributes::default(),
            copy,
        };
        vm().enter_object(
            space.map(),
            Placement::Anywhere(VirtAddr(0)),
            3 * page(),
            &what,
        )
    };
    let private = enter(vm::CopyMode::Private)?.0;
    let shared = enter(vm::CopyMode::Shared)?.0;
    same!(
        (space.read(private).ok(), space.read(shared + page()).ok()),
        (Some(1), Some(2))
    );
    check!(space.write(private, 8).is_ok());
    check!(space.write(shared + page() + 3, 9).is_ok());
    same!(
        (space.read(private).ok(), space.read(shared).ok()),
        (Some(8), Some(1))
    );
    // What is written through a shared mapping is in the file, and not in a private one.
    let mut bytes = [0; 4];
    vm().object_read(object, page(), &mut bytes)?;
    same!(bytes, [2, 2, 2, 9]);
    same!(space.read(private + page() + 3).ok(), Some(2));
    // What is written by `write` is in the mapping at once.
    vm().object_write(object, 2 * page(), &[5])?;
    same!(space.read(shared + 2 * page()).ok(), Some(5));
    // What is cut off is gone from shared mappings.
    vm().object_resize(object, page())?;
    check!(space.read(shared + page()).is_err());
    same!(space.read(private + page() + 3).ok(), Some(2));
    same!(space.read(shared).ok(), Some(1));
    Ok(())
}

fn thousands_of_entries_are_found(rig: &mut Rig<'_>) -> Outcome {
    const ENTRIES: u64 = 4000;
    let space = rig.space()?;
    let base = 1 << 33;
    let place = |index| base + 2 * index * page();
    for index in 0..ENTRIES {
        let size = UserSize(page());
        vm().allocate(space.map(), UserAddr(place(index)), size, UserFlags(0))?;
    }
    same!(space.map().entry_count() as u64, ENTRIES);
    for _ in 0..200 {
        let index = rig.below(ENTRIES);
        check!(space.write(place(index), index as u8).is_ok());
        same!(space.read(place(index)).ok(), Some(index as u8));
        check!(space.read(place(index) + page()).is_err());
        let region = space.region(place(index) + page());
        match region {
            Ok(region) => same!(region.range.start.0, place(index + 1)),
            Err(error) => same!((error, index), (KernReturn::INVALID_ADDRESS, ENTRIES - 1)),
        }
    }
    // A hole between them is found, and one that is too small is passed over.
    let request = MapRequest {
        addr: UserAddr(base),
        size: UserSize(2 * page()),
        mask: 0,
        flags: UserFlags(1),
        current: UserProt(3),
        maximum: UserProt(7),
        inherit: UserInherit(1),
    };
    let got = vm().map(space.map(), &request)?;
    same!(got.0, place(ENTRIES - 1) + page());
    Ok(())
}
