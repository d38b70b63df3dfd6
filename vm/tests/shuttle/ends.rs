//! The end of a task against everything on the memory that it shares.

use super::bench::{Bench, Task, explore, explored};
use std::sync::Mutex;
use vm::counters::Event;
use vm::{UserAddr, UserSize};

/// Ends a task that a program was given.
fn end<const SHIFT: u32>(bench: &Bench<SHIFT>, task: &Mutex<Option<Task<SHIFT>>>) {
    let task = task.lock().expect("no panic").take();
    bench.end(task.expect("one ends it"));
}

mod teardown {
    use super::*;

    explored! {
        /// One sharer ends while the others fault on the same pages (vm-bugs M4, M5).
        fn a_task_ends_under_faults(bench) needs [Event::Hit] {
            let page = Bench::<SHIFT>::PAGE;
            let first = bench.task();
            let at = bench.filled(&first, 2, 1);
            let (second, third) = (bench.sharer(&first, at, 2), bench.sharer(&first, at, 2));
            let first = Mutex::new(Some(first));
            bench.at_once(&[
                &|_| end(bench, &first),
                &|cpu| {
                    bench.write(cpu, &second, at, 2);
                    assert!([1, 3].contains(&bench.read(cpu, &second, at + page)));
                },
                &|cpu| {
                    assert!([1, 2].contains(&bench.read(cpu, &third, at)));
                    bench.write(cpu, &third, at + page, 3);
                },
            ]);
            for task in [&second, &third] {
                assert_eq!((bench.read(0, task, at), bench.read(1, task, at + page)), (2, 3));
            }
            bench.audit();
            [second, third].into_iter().for_each(|task| bench.end(task));
        }
    }

    explored! {
        /// One sharer ends while another's memory is copied and written: the copy is whole.
        fn a_task_ends_under_a_copy(bench) needs [Event::DelayedCopy] {
            let page = Bench::<SHIFT>::PAGE;
            let first = bench.task();
            let at = bench.filled(&first, 2, 1);
            let second = bench.sharer(&first, at, 2);
            let target = bench.task();
            let to = bench.allocate(&target, 2);
            let first = Mutex::new(Some(first));
            bench.at_once(&[
                &|_| end(bench, &first),
                &|cpu| {
                    let child = bench.fork(&second);
                    assert!([1, 4].contains(&bench.read(cpu, &child, at + page)));
                    bench.end(child);
                },
                &|cpu| {
                    let (from, size) = (UserAddr(at), UserSize(page + 8));
                    let copied =
                        bench.vm.read_overwrite(&second, from, size, (&target, UserAddr(to)));
                    assert_eq!(copied, Ok(()));
                    assert_eq!(bench.read(cpu, &target, to), 1);
                    assert_eq!(bench.read(cpu, &target, to + page), 1);
                    bench.write(cpu, &second, at + page, 4);
                },
            ]);
            assert_eq!((bench.read(0, &second, at), bench.read(0, &second, at + page)), (1, 4));
            assert_eq!((bench.read(0, &target, to), bench.read(0, &target, to + page)), (1, 1));
            bench.audit();
            [second, target].into_iter().for_each(|task| bench.end(task));
        }
    }

    explored! {
        /// One sharer ends with its pages wired while another wires and unwires the same pages.
        fn a_task_ends_under_wiring(bench) needs [Event::Hit] {
            let page = Bench::<SHIFT>::PAGE;
            let first = bench.task();
            let at = bench.filled(&first, 2, 1);
            let (second, third) = (bench.sharer(&first, at, 2), bench.sharer(&first, at, 2));
            assert_eq!(bench.wire(&first, at, 2), Ok(()));
            let first = Mutex::new(Some(first));
            bench.at_once(&[
                &|_| end(bench, &first),
                &|cpu| {
                    assert_eq!(bench.wire(&second, at, 2), Ok(()));
                    let wired = bench.frame(&second, at);
                    assert!(wired.is_some(), "I-PAGE-3: a wired page is mapped");
                    bench.write(cpu, &second, at, 2);
                    assert_eq!(bench.frame(&second, at), wired, "I-PAGE-3: a wired page moved");
                    bench.unwire(&second, at, 2);
                },
                &|cpu| bench.write(cpu, &third, at + page, 3),
            ]);
            for task in [&second, &third] {
                assert_eq!((bench.read(0, task, at), bench.read(1, task, at + page)), (2, 3));
            }
            bench.audit();
            [second, third].into_iter().for_each(|task| bench.end(task));
        }
    }

    explored! {
        /// A task ends whose private memory is the lower part of others' chains.
        fn a_parent_ends_under_its_children(bench) needs [Event::CowFault] {
            let page = Bench::<SHIFT>::PAGE;
            let parent = bench.task();
            let at = bench.filled(&parent, 2, 1);
            let (one, two) = (bench.fork(&parent), bench.fork(&parent));
            let parent = Mutex::new(Some(parent));
            bench.at_once(&[
                &|_| end(bench, &parent),
                &|cpu| {
                    bench.write(cpu, &one, at, 2);
                    assert_eq!(bench.read(cpu, &one, at + page), 1);
                },
                &|cpu| {
                    assert_eq!(bench.read(cpu, &two, at), 1);
                    bench.write(cpu, &two, at + page, 3);
                },
            ]);
            assert_eq!((bench.read(0, &one, at), bench.read(0, &one, at + page)), (2, 1));
            assert_eq!((bench.read(0, &two, at), bench.read(0, &two, at + page)), (1, 3));
            bench.audit();
            [one, two].into_iter().for_each(|task| bench.end(task));
        }
    }
}
