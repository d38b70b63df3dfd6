//! Wire against copy; copies against changes of rights and of mappings.

use super::bench::{Bench, explore, explored};
use vm::counters::Event;
use vm::sim::Access;
use vm::{
    CopyMode, Inherit, KernReturn, Protection, RemapRequest, UserAddr, UserFlags, UserInherit,
    UserSize,
};

mod wire {
    use super::*;

    explored! {
        /// Memory is wired, written and unwired while a child is made of it: the wired page stays
        /// where it is and the child has its own (vm-bugs M2).
        fn a_wired_page_stays_under_copies(bench) needs [Event::ForkCopy] {
            let page = Bench::<SHIFT>::PAGE;
            let task = bench.task();
            let at = bench.filled(&task, 2, 1);
            bench.at_once(&[
                &|cpu| {
                    assert_eq!(bench.wire(&task, at, 2), Ok(()));
                    let wired = bench.frame(&task, at);
                    assert!(wired.is_some(), "I-PAGE-3: a wired page is mapped");
                    bench.write(cpu, &task, at, 2);
                    bench.write(cpu, &task, at, 3);
                    assert_eq!(bench.frame(&task, at), wired, "I-PAGE-3: a wired page moved");
                    bench.unwire(&task, at, 2);
                },
                &|cpu| {
                    let child = bench.fork(&task);
                    let seen = bench.read(cpu, &child, at);
                    assert!([1, 2, 3].contains(&seen));
                    bench.write(cpu, &task, at + page, 4);
                    assert_eq!(bench.read(cpu, &child, at), seen, "the child's bytes changed");
                    assert_eq!(bench.read(cpu, &child, at + page), 1);
                    bench.end(child);
                },
            ]);
            assert_eq!((bench.read(0, &task, at), bench.read(0, &task, at + page)), (3, 4));
            bench.audit();
            bench.end(task);
        }
    }

    explored! {
        /// The same with memory that is shared, whose copy is put off until a wiring forbids it.
        fn a_shared_wired_page_stays_under_copies(bench) needs [Event::Push] {
            let first = bench.task();
            let at = bench.filled(&first, 2, 1);
            let second = bench.sharer(&first, at, 2);
            bench.at_once(&[
                &|cpu| {
                    assert_eq!(bench.wire(&first, at, 2), Ok(()));
                    let wired = bench.frame(&first, at);
                    assert!(wired.is_some(), "I-PAGE-3: a wired page is mapped");
                    bench.write(cpu, &first, at, 2);
                    assert_eq!(bench.frame(&first, at), wired, "I-PAGE-3: a wired page moved");
                    bench.unwire(&first, at, 2);
                },
                &|cpu| {
                    let copy = bench.fork(&second);
                    let seen = bench.read(cpu, &copy, at);
                    assert!([1, 2].contains(&seen));
                    bench.write(cpu, &second, at + 1, 4);
                    assert_eq!(bench.read(cpu, &copy, at), seen, "the copy's bytes changed");
                    assert_eq!(bench.read(cpu, &copy, at + 1), 0);
                    bench.end(copy);
                },
            ]);
            for task in [&first, &second] {
                assert_eq!((bench.read(0, task, at), bench.read(1, task, at + 1)), (2, 4));
            }
            bench.audit();
            [first, second].into_iter().for_each(|task| bench.end(task));
        }
    }
}

mod xnu {
    use super::*;

    explored! {
        /// XNU's test of this name: bytes are copied, unaligned, over a page whose rights change
        /// meanwhile. While it is read-only not one of its bytes changes.
        fn vm_unaligned_copy_protection_race(bench) needs [Event::Fault] {
            let page = Bench::<SHIFT>::PAGE;
            let (source, target) = (bench.task(), bench.task());
            let from = bench.filled(&source, 2, 7);
            let to = bench.filled(&target, 2, 1);
            bench.at_once(&[
                &|_| {
                    // From the middle of a page over the border of two.
                    let from = UserAddr(from + page - 1);
                    let to = (&*target, UserAddr(to + page - 1));
                    let answer = bench.vm.read_overwrite(&source, from, UserSize(3), to);
                    let refused = Err(KernReturn::INVALID_ADDRESS);
                    assert!(answer == Ok(()) || answer == refused, "{answer:?}");
                },
                &|cpu| {
                    bench.protect(&target, to, 2, Protection::READ);
                    let look = || [page - 1, page, page + 1].map(|at| bench.read(cpu, &target, to + at));
                    let seen = look();
                    assert_eq!(look(), seen, "read-only memory was written");
                    assert_eq!(look(), seen, "read-only memory was written");
                    bench.protect(&target, to, 2, Protection::DEFAULT);
                },
            ]);
            bench.audit();
            [source, target].into_iter().for_each(|task| bench.end(task));
        }
    }

    explored! {
        /// XNU's test of this name: while bytes are copied over a page, unaligned, other memory that
        /// may only be read takes its place. It is never written.
        fn vm_unaligned_copy_switch_race(bench) needs [Event::Fault] {
            let page = Bench::<SHIFT>::PAGE;
            let (owner, target) = (bench.task(), bench.task());
            let precious = bench.filled(&owner, 2, 1);
            let from = bench.filled(&target, 2, 7);
            let to = bench.filled(&target, 2, 3);
            bench.at_once(&[
                &|_| {
                    let from = UserAddr(from + page - 1);
                    let to = (&*target, UserAddr(to + page - 1));
                    let answer = bench.vm.read_overwrite(&target, from, UserSize(3), to);
                    let refused = Err(KernReturn::INVALID_ADDRESS);
                    assert!(answer == Ok(()) || answer == refused, "{answer:?}");
                },
                &|_| {
                    // The place of the target is taken by a shared view that may not be written.
                    let request = RemapRequest {
                        addr: UserAddr(to),
                        size: UserSize(2 * page),
                        flags: UserFlags(0x4000),
                        source: UserAddr(precious),
                        copy: CopyMode::Shared,
                        inherit: UserInherit(Inherit::Copy as u32),
                        ..RemapRequest::default()
                    };
                    bench.protect(&owner, precious, 2, Protection::READ);
                    let done = bench.vm.remap(&target, &owner, &request);
                    assert_eq!(done.map(|done| done.at.0), Ok(to));
                },
            ]);
            for at in [precious, precious + page - 1, precious + page, precious + page + 1] {
                let value = if at % page == 0 { 1 } else { 0 };
                assert_eq!(bench.touch(0, &owner, at, Access::Read), Ok(value), "read-only memory was written");
                assert_eq!(bench.read(1, &target, to + (at - precious)), value);
            }
            bench.audit();
            [owner, target].into_iter().for_each(|task| bench.end(task));
        }
    }
}
