//! Memory is short: which pages go, and that nothing is lost.

use super::*;
use crate::sim::Baton;
use ::sync::Platform;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// A generator of numbers, the same for each seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

/// Reads, writes and faults at random in a file of `pages` pages, with all that is done compared with
/// `model`, byte by byte.
fn storm<const SHIFT: u32>(
    (rig, cpu, seed): (&Rig<SHIFT>, usize, u64),
    (task, at): (&Task<SHIFT>, u64),
    file: &File<SHIFT>,
    model: &mut [u8],
    steps: u64,
) {
    let mut dice = Dice(seed);
    for step in 0..steps {
        let place = dice.roll(model.len() as u64 - 64);
        let value = (step % 250) as u8;
        match dice.roll(6) {
            0 => {
                let got = rig.touch_within(50, cpu, task, at + place, Access::Write(value));
                assert_eq!(got, Ok(value));
                model[place as usize] = value;
            }
            1 => {
                rig.vm
                    .object_write(file, place, &[value; 60])
                    .expect("room");
                model[place as usize..place as usize + 60].fill(value);
            }
            2 => {
                let page = place >> SHIFT << SHIFT;
                rig.vm
                    .object_write(file, page, &vec![value; 1 << SHIFT])
                    .expect("room");
                model[page as usize..page as usize + (1 << SHIFT)].fill(value);
            }
            3 => {
                let got = rig.touch_within(50, cpu, task, at + place, Access::Read);
                assert_eq!(got, Ok(model[place as usize]));
            }
            _ => {
                let got = rig.read_file(file, place, 60);
                assert_eq!(got[..], model[place as usize..place as usize + 60]);
            }
        }
    }
}

both! {
    /// A file of several times the memory is read and written from end to end and at random; afterwards the
    /// disk has what was written.
    fn eviction_loses_nothing(rig, 320) {
        let (file, pager) = rig.paged(900 << SHIFT);
        let mut model = pager.bytes();
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 900, CopyMode::Shared);
        storm((&rig, 0, 7), (&task, at), &file, &mut model, 6000);
        assert!(rig.events(Event::Eviction) > 900, "nothing was evicted");
        assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(()));
        assert!(pager.bytes() == model, "the disk lacks something");
        rig.end(task);
        rig.vm.object_release(file);
    }

    /// Anonymous memory stays, and all there is besides it goes before an allocation fails.
    fn anonymous_memory_stays(rig, 400) {
        let (file, _pager) = rig.paged(300 << SHIFT);
        let task = rig.task();
        for page in 0..250 {
            rig.read_file(&file, page << SHIFT, 1);
        }
        let at = rig.allocate(&task, 400);
        let mut written = 0;
        while rig.touch(0, &task, at + (written << SHIFT), Access::Write(written as u8)).is_ok() {
            written += 1;
        }
        assert!(written > 300, "only {written} pages while {} of a file stay", rig.vm.object_resident(&file).0);
        assert_eq!(rig.vm.object_resident(&file), Pages(0));
        for page in 0..written {
            assert_eq!(rig.read(&task, at + (page << SHIFT)), page as u8);
        }
        rig.end(task);
        rig.vm.object_release(file);
    }

    /// What was read ahead and never used goes first; then what was not used lately, the oldest first.
    fn the_oldest_go_first(rig, 1024) {
        let (file, _pager) = rig.paged(64 << SHIFT);
        let (ahead, _behind) = rig.paged(64 << SHIFT);
        for page in 0..8 {
            rig.vm.object_write(&file, page << SHIFT, &vec![1; 1 << SHIFT]).expect("room");
        }
        assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(()));
        rig.read_file(&ahead, 0, 1);
        let read = rig.vm.object_resident(&ahead).0;
        assert!(read > 1);
        let taken = rig.vm.take_back_clean(Pages(read - 1));
        assert_eq!(taken, Pages(read - 1));
        assert_eq!(rig.vm.object_resident(&ahead), Pages(1), "what was read ahead goes first");
        assert_eq!(rig.vm.object_resident(&file), Pages(8));
        // All have been used once: a first look takes that from them, and the next takes the oldest.
        rig.vm.take_back_clean(Pages(1));
        let oldest = rig.vm.object_resident(&file).0;
        assert!(oldest < 8, "the oldest is the first that was written");
        assert_eq!(rig.vm.object_resident(&ahead), Pages(1));
        rig.vm.object_release(file);
        rig.vm.object_release(ahead);
    }

    /// A page that was used since it became inactive is active again, and counted.
    fn a_used_page_has_a_second_chance(rig, 1024) {
        let (file, _pager) = rig.paged(1 << SHIFT);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 1, CopyMode::Shared);
        rig.read(&task, at);
        let advise = |task: &Task<SHIFT>| {
            let (addr, size) = (UserAddr(at), UserSize(1 << SHIFT));
            rig.vm.behavior(task, addr, size, UserBehavior(5)).expect("mapped");
        };
        advise(&task);
        assert_eq!(rig.vm.queues.counts().inactive_file, Pages(1));
        rig.vm.machine().access(0, rig.vm.pmap(&task), VirtAddr(at), Access::Read).expect("mapped");
        // The TLB still has it; a fresh walk notes the use.
        rig.touch(1, &task, at, Access::Read).expect("mapped");
        let before = rig.events(Event::Reactivation);
        let (other, _disk) = rig.paged(40 << SHIFT);
        rig.vm.object_write(&other, 0, &vec![1; 20 << SHIFT]).expect("room");
        rig.vm.take_back_clean(Pages(1));
        assert!(rig.events(Event::Reactivation) > before);
        assert_eq!(rig.vm.object_resident(&file), Pages(1));
        rig.end(task);
        rig.vm.object_release(file);
        rig.vm.object_release(other);
    }

    /// A file without a pager stays, whatever is short.
    fn a_file_in_memory_stays(rig, 400) {
        let memory = rig.vm.object_create(100 << SHIFT).expect("room");
        rig.vm.object_write(&memory, 0, &vec![3; 100 << SHIFT]).expect("room");
        let (file, _pager) = rig.paged(600 << SHIFT);
        for page in 0..600 {
            assert_eq!(rig.read_file(&file, page << SHIFT, 1), [byte(page)]);
        }
        assert_eq!(rig.vm.object_resident(&memory), Pages(100));
        assert_eq!(rig.read_file(&memory, 99 << SHIFT, 1), [3]);
        rig.vm.object_release(file);
        rig.vm.object_release(memory);
    }

    /// One round of pageout frees what should be free, dirty pages by way of the laundry.
    fn a_round_frees_what_should_be_free(rig, 640) {
        let (file, pager) = rig.paged(600 << SHIFT);
        for page in 0..600 {
            rig.vm.object_write(&file, (page << SHIFT) + 1, &[page as u8]).expect("room");
        }
        let task = rig.task();
        let at = rig.allocate(&task, 640);
        for page in 0.. {
            if rig.vm.frames.free_count() < rig.vm.targets().free_min {
                break;
            }
            rig.write(&task, at + (page << SHIFT), 1);
        }
        let page = rig.vm.object_resident(&file).0 / 2;
        rig.vm.object_write(&file, page << SHIFT, &vec![1; 1 << SHIFT]).expect("room");
        pager.asked();
        assert!(rig.vm.pageout().0 > 0);
        assert!(rig.vm.frames.free_count() >= rig.vm.targets().free_target);
        assert_eq!(rig.vm.queues.counts().laundry, Pages(0));
        assert_eq!(rig.vm.pageout(), Pages(0), "enough is free");
        assert!(rig.vm.object_resident(&file) > Pages(0));
        rig.end(task);
        rig.vm.object_release(file);
    }

    /// A sequential writer has what is behind it written, and one that makes too much dirty writes its own
    /// first.
    fn writers_write_behind(rig, 2048) {
        let (file, pager) = rig.paged(1000 << SHIFT);
        for page in 0..1000 {
            rig.vm.object_write(&file, page << SHIFT, &vec![9; 1 << SHIFT]).expect("room");
            assert!(rig.vm.dirty_pages() <= rig.vm.targets().dirty_limit);
        }
        let (_, written) = moved::<SHIFT>(&pager.asked());
        assert!(written.iter().all(|run| run.1 == (256 << 10) >> SHIFT), "{written:?}");
        // At random, only the limit makes it write.
        let (other, disk) = rig.paged(1000 << SHIFT);
        for page in (0..1000).map(|n| n * 7 % 1000) {
            rig.vm.object_write(&other, page << SHIFT, &vec![9; 1 << SHIFT]).expect("room");
            assert!(rig.vm.dirty_pages() <= rig.vm.targets().dirty_limit);
        }
        assert!(!moved::<SHIFT>(&disk.asked()).1.is_empty());
        rig.vm.object_release(file);
        rig.vm.object_release(other);
    }
}

/// Two programs and a pageout thread at one file of twice the memory, each in a half of its own.
#[test]
fn a_thread_takes_back_while_others_write() {
    fn run<const SHIFT: u32>() {
        for seed in 0..4 {
            let rig = Rig::<SHIFT>::new(400);
            let before = rig.used();
            let files = [rig.paged(400 << SHIFT), rig.paged(400 << SHIFT)];
            let mut models = files.each_ref().map(|(_, pager)| pager.bytes());
            let tasks = [rig.task(), rig.task()];
            let ends = [AtomicBool::new(false), AtomicBool::new(false)];
            let over = AtomicBool::new(false);
            let [first, second] = &mut models;
            let program = |cpu: usize, model: &mut Vec<u8>| {
                let (file, _) = &files[cpu];
                let at = rig.map_paged(&tasks[cpu], file, 400, CopyMode::Shared);
                storm(
                    (&rig, cpu, seed + cpu as u64),
                    (&tasks[cpu], at),
                    file,
                    model,
                    700,
                );
                ends[cpu].store(true, SeqCst);
                while cpu == 1 && !over.load(SeqCst) {
                    rig.vm.want_telling();
                    SimMachine::<SHIFT>::relax();
                }
            };
            let thread = || {
                while !ends.iter().all(|end| end.load(SeqCst)) {
                    rig.vm.pageout();
                    rig.vm.pageout_wait();
                }
                over.store(true, SeqCst);
            };
            Baton::run(
                seed,
                vec![
                    Box::new(|| program(0, first)),
                    Box::new(|| program(1, second)),
                    Box::new(thread),
                ],
            );
            assert!(rig.events(Event::Eviction) > 0);
            for ((file, pager), model) in files.into_iter().zip(models) {
                assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(()));
                assert!(
                    pager.bytes() == model,
                    "the disk lacks something, seed {seed}"
                );
                rig.vm.object_release(file);
            }
            tasks.into_iter().for_each(|task| rig.end(task));
            rig.audit();
            assert_eq!(rig.used(), before);
        }
    }
    run::<12>();
    run::<14>();
}
