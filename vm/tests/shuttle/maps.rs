//! Changes of a map against faults in it.

use super::bench::{Bench, explore, explored};
use vm::counters::Event;
use vm::fault::FaultError;
use vm::sim::Access;
use vm::{Protection, UserAddr, UserFlags, UserSize};

mod map {
    use super::*;

    explored! {
        /// vm-bugs 11: memory goes and other memory comes to the same place while others touch it.
        /// What they write is in the old memory, in the new one, or refused; never in both.
        fn unmap_remap_race(bench) needs [Event::Clip] {
            let page = Bench::<SHIFT>::PAGE;
            let task = bench.task();
            let at = bench.filled(&task, 3, 1);
            let middle = at + page;
            bench.at_once(&[
                &|cpu| {
                    bench.deallocate(&task, middle, 1);
                    let (addr, size) = (UserAddr(middle), UserSize(page));
                    let again = bench.vm.allocate(&task, addr, size, UserFlags(0));
                    again.expect("the hole is free");
                    // Nothing of the old memory comes back, and what is written stays.
                    assert_eq!(bench.read(cpu, &task, middle), 0);
                    bench.write(cpu, &task, middle, 5);
                    assert_eq!(bench.read(cpu, &task, middle), 5);
                },
                &|cpu| match bench.touch(cpu, &task, middle + 1, Access::Write(7)) {
                    Ok(7) | Err(FaultError::InvalidAddress) => {}
                    other => panic!("a write to what goes and comes: {other:?}"),
                },
                &|cpu| match bench.touch(cpu, &task, middle, Access::Read) {
                    Ok(0 | 1 | 5) | Err(FaultError::InvalidAddress) => {}
                    other => panic!("a look at what goes and comes: {other:?}"),
                },
            ]);
            assert_eq!(bench.read(0, &task, middle), 5);
            assert!([0, 7].contains(&bench.read(0, &task, middle + 1)));
            assert_eq!((bench.read(1, &task, at), bench.read(2, &task, at + 2 * page)), (1, 1));
            bench.audit();
            bench.end(task);
        }
    }

    explored! {
        /// Memory grows into the hole of what has gone, with the same object: it is zeros.
        fn regrown_memory_is_zero_under_faults(bench) needs [Event::Coalesce] {
            let page = Bench::<SHIFT>::PAGE;
            let task = bench.task();
            let at = bench.filled(&task, 2, 1);
            bench.at_once(&[
                &|cpu| {
                    bench.deallocate(&task, at + page, 1);
                    let (addr, size) = (UserAddr(at + page), UserSize(page));
                    let again = bench.vm.allocate(&task, addr, size, UserFlags(0));
                    again.expect("the hole is free");
                    assert_eq!(bench.read(cpu, &task, at + page), 0);
                },
                &|cpu| bench.write(cpu, &task, at, 2),
                &|cpu| match bench.touch(cpu, &task, at + page, Access::Read) {
                    Ok(0 | 1) | Err(FaultError::InvalidAddress) => {}
                    other => panic!("a look at what goes and comes: {other:?}"),
                },
            ]);
            assert_eq!((bench.read(1, &task, at), bench.read(2, &task, at + page)), (2, 0));
            bench.audit();
            bench.end(task);
        }
    }
}

mod protect {
    use super::*;

    explored! {
        /// A page in the middle loses a right: from then on nobody writes it, on no CPU, and its
        /// neighbours do not notice (clip, protect, flush).
        fn a_lowered_protection_holds_everywhere(bench) needs [Event::Clip] {
            let page = Bench::<SHIFT>::PAGE;
            let task = bench.task();
            let at = bench.filled(&task, 3, 1);
            let middle = at + page;
            bench.at_once(&[
                &|cpu| {
                    bench.protect(&task, middle, 1, Protection::READ);
                    let seen = bench.read(cpu, &task, middle);
                    for _ in 0..2 {
                        assert_eq!(bench.read(cpu, &task, middle), seen, "a write through no right");
                    }
                    let refused = bench.touch(cpu, &task, middle, Access::Write(9));
                    assert_eq!(refused, Err(FaultError::ProtectionFailure));
                    bench.protect(&task, middle, 1, Protection::DEFAULT);
                },
                &|cpu| match bench.touch(cpu, &task, middle, Access::Write(2)) {
                    Ok(2) | Err(FaultError::ProtectionFailure) => {}
                    other => panic!("{other:?}"),
                },
                &|cpu| {
                    bench.write(cpu, &task, at, 3);
                    bench.write(cpu, &task, at + 2 * page, 4);
                },
            ]);
            assert!([1, 2].contains(&bench.read(0, &task, middle)));
            assert_eq!((bench.read(0, &task, at), bench.read(0, &task, at + 2 * page)), (3, 4));
            bench.audit();
            bench.end(task);
        }
    }
}
