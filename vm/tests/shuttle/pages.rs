//! A busy page, and references that come and go.

use super::bench::{Bench, explore, explored};
use vm::Inherit;
use vm::counters::Event;

mod busy {
    use super::*;

    explored! {
        /// vm-bugs 30: two write a page that a copy needs as it was; the first to come makes it busy
        /// and pushes it, who else comes waits. The reader of the copy sees the old byte throughout.
        fn two_faulters_and_one_that_waits(bench) needs [Event::Push, Event::BusyWait] {
            let first = bench.task();
            let at = bench.filled(&first, 2, 1);
            let second = bench.sharer(&first, at, 2);
            let copy = bench.fork(&first);
            bench.at_once(&[
                &|cpu| bench.write(cpu, &first, at, 2),
                &|cpu| bench.write(cpu, &second, at + 1, 3),
                &|cpu| assert_eq!(bench.read(cpu, &copy, at), 1, "the copy changed"),
            ]);
            for sharer in [&first, &second] {
                assert_eq!((bench.read(0, sharer, at), bench.read(1, sharer, at + 1)), (2, 3));
            }
            assert_eq!((bench.read(0, &copy, at), bench.read(0, &copy, at + 1)), (1, 0));
            bench.audit();
            [first, second, copy].into_iter().for_each(|task| bench.end(task));
        }
    }

    explored! {
        /// Two look at one page that is below a shared object, a third writes it: nobody keeps the old one.
        fn a_page_from_below_is_replaced_for_all(bench) needs [Event::CowFault] {
            let first = bench.task();
            let at = bench.filled(&first, 1, 1);
            let keeper = bench.fork(&first);
            bench.inherit(&first, at, 1, Inherit::Share);
            let second = bench.fork(&first);
            let third = bench.fork(&first);
            bench.at_once(&[
                &|cpu| assert!([1, 2].contains(&bench.read(cpu, &first, at))),
                &|cpu| assert!([1, 2].contains(&bench.read(cpu, &second, at))),
                &|cpu| bench.write(cpu, &third, at, 2),
            ]);
            for (cpu, task) in [&first, &second, &third].into_iter().enumerate() {
                assert_eq!(bench.read(cpu, task, at), 2);
            }
            assert_eq!(bench.read(0, &keeper, at), 1);
            bench.audit();
            [keeper, first, second, third].into_iter().for_each(|task| bench.end(task));
        }
    }
}

mod zeros {
    use super::*;

    explored! {
        /// Three fault in one new object: who finds it locked has its zeros ready, and gives them back where
        /// another one was first.
        fn two_pages_are_filled_by_three(bench) needs [Event::ZeroFill, Event::ZeroAhead] {
            let task = bench.task();
            let at = bench.allocate(&task, 3);
            bench.write(0, &task, at, 1);
            let page = Bench::<SHIFT>::PAGE;
            bench.at_once(&[
                &|cpu| bench.write(cpu, &task, at + page, 2),
                &|cpu| bench.write(cpu, &task, at + page + 1, 3),
                &|cpu| bench.write(cpu, &task, at + 2 * page, 4),
            ]);
            let seen = [0, page, page + 1, page + 2, 2 * page].map(|place| bench.read(0, &task, at + place));
            assert_eq!(seen, [1, 2, 3, 0, 4]);
            bench.audit();
            bench.end(task);
        }
    }
}

mod page {
    use super::*;

    explored! {
        /// vm-bugs 17: references of one object are taken by forks and given back by ends and by
        /// unmapping, all at once; the audit counts them again.
        fn ref_unref_races(bench) needs [Event::Clip] {
            let parent = bench.task();
            let at = bench.filled(&parent, 3, 1);
            let other = bench.fork(&parent);
            bench.at_once(&[
                &|cpu| {
                    let child = bench.fork(&parent);
                    assert_eq!(bench.read(cpu, &child, at), 1);
                    bench.end(child);
                },
                &|cpu| {
                    let child = bench.fork(&other);
                    bench.write(cpu, &child, at, 2);
                    bench.end(child);
                },
                &|_| bench.deallocate(&other, at + Bench::<SHIFT>::PAGE, 1),
            ]);
            assert_eq!((bench.read(0, &parent, at), bench.read(0, &other, at)), (1, 1));
            bench.audit();
            [parent, other].into_iter().for_each(|task| bench.end(task));
        }
    }
}
