//! Block devices: RAM disks and virtio disks, by frames and by bytes.

use super::frames::{Memory, pattern};
use super::rig::{Rig, page};
use super::threads::{with_bound_threads, with_threads};
use super::{Outcome, Unmet, check, same, tests};
use crate::block::rule::{Fate, Rule, Rules, Where};
use crate::block::{
    self, BLOCK, BlockDevice, Operation, Part, Why, bytes, inject, special, virtio,
};
use crate::random;
use crate::sched::queues::Priority;
use crate::sched::run;
use abi::{Errno, test_disk};
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering::SeqCst};

tests!("block":
    rd0_holds_the_loaders_module,
    a_ram_disk_keeps_what_is_written,
    a_ram_disk_serves_several_threads,
    bytes_of_a_ram_disk_need_no_alignment,
    a_virtio_disk_keeps_what_is_written,
    a_virtio_disk_serves_several_threads,
    bytes_of_a_virtio_disk_need_no_alignment,
    a_virtio_disk_has_what_the_host_put_there,
    the_host_finds_what_a_virtio_disk_was_given,
    long_and_scattered_requests_of_a_virtio_disk,
    a_special_file_ends_where_its_device_does,
    requests_that_make_no_sense_fail,
    injected_errors_strike_and_end,
    a_request_without_an_answer_fails_in_time,
    an_answer_wakes_the_cpu_that_waits,
);

fn find(name: &str) -> Outcome<&'static dyn BlockDevice> {
    block::find(name).ok_or_else(|| Unmet::skipped(format_args!("this machine has no {name}")))
}

fn rd0_holds_the_loaders_module(_: &mut Rig<'_>) -> Outcome {
    let disk = block::find("rd0").ok_or_else(|| Unmet::failed("there is no rd0"))?;
    // The magic number of the file system that the root is on.
    const MAGIC: u64 = 1024 + 56;
    let mut magic = [0; 2];
    bytes::read(disk, MAGIC, &mut magic).map_err(Unmet::failed)?;
    same!(&magic, &[0x53, 0xef]);
    check!(disk.bytes().is_multiple_of(BLOCK) && disk.bytes() > 64 * 1024);
    // It can be written, in memory; a file system leaves its first 1024 bytes alone.
    bytes::write(disk, 1, b"!").map_err(Unmet::failed)?;
    bytes::read(disk, 0, &mut magic).map_err(Unmet::failed)?;
    same!(&magic, b"\0!");
    bytes::write(disk, 1, b"\0").map_err(Unmet::failed)
}

fn a_ram_disk_keeps_what_is_written(rig: &mut Rig<'_>) -> Outcome {
    keeps_what_is_written(find("rd1")?, rig)
}

/// Patterns through whole pages and through odd parts, at the start, in the middle, at the end.
fn keeps_what_is_written(disk: &dyn BlockDevice, rig: &mut Rig<'_>) -> Outcome {
    let before = disk.statistics();
    let memory = Memory::new(4)?;
    let size = 4 * page();
    for at in [
        0,
        7 * BLOCK,
        disk.bytes() / 2 / BLOCK * BLOCK,
        disk.bytes() - size,
    ] {
        let bytes = pattern(rig.below(u64::MAX), size as usize);
        memory.set(0, &bytes);
        disk.write(at, &memory.whole()).map_err(Unmet::failed)?;
        memory.set(0, &vec![0; size as usize]);
        disk.read(at, &memory.whole()).map_err(Unmet::failed)?;
        same!(memory.get(0, size as usize) == bytes, true);
        // The same blocks in odd parts and another order of frames.
        let odd = [
            memory.part(3, 3, 100),
            memory.part(0, 1000, 1),
            memory.part(2, 77, 923),
        ];
        disk.read(at, &odd).map_err(Unmet::failed)?;
        same!(memory.get(3 * page() + 3, 100), bytes[..100]);
        same!(memory.get(1000, 1), bytes[100..101]);
        same!(memory.get(2 * page() + 77, 923), bytes[101..1024]);
        memory.set(3 * page() + 3, &[1; 100]);
        disk.write(at + BLOCK, &odd).map_err(Unmet::failed)?;
        disk.read(at, &memory.whole()).map_err(Unmet::failed)?;
        same!(memory.get(0, 512), bytes[..512]);
        same!(memory.get(512, 100), [1; 100]);
        same!(memory.get(612, 924), bytes[100..1024]);
        same!(
            memory.get(1536, size as usize - 1536) == bytes[1536..],
            true
        );
    }
    disk.flush().map_err(Unmet::failed)?;
    let after = disk.statistics();
    same!(after.writes - before.writes, 8);
    same!(after.reads - before.reads, 12);
    same!(
        after.bytes_written - before.bytes_written,
        4 * (size + 1024)
    );
    same!(after.bytes_read - before.bytes_read, 4 * (2 * size + 1024));
    same!(after.flushes - before.flushes, 1);
    same!(after.errors, before.errors);
    Ok(())
}

struct Crowd {
    disk: &'static dyn BlockDevice,
    wrong: AtomicUsize,
    seed: u64,
}

const THREADS: usize = 6;
const ROUNDS: u64 = 12;

fn a_ram_disk_serves_several_threads(rig: &mut Rig<'_>) -> Outcome {
    serves_several_threads(find("rd1")?, rig)
}

/// Each thread has a part of the disk for itself; what it reads is what it wrote.
fn serves_several_threads(disk: &'static dyn BlockDevice, rig: &mut Rig<'_>) -> Outcome {
    let crowd = Crowd {
        disk,
        wrong: AtomicUsize::new(0),
        seed: rig.below(u64::MAX),
    };
    let work = |crowd: &Crowd, index: usize| {
        if work_alone(crowd, index as u64).is_err() {
            crowd.wrong.fetch_add(1, SeqCst);
        }
    };
    with_threads(&crowd, THREADS, Priority::USER, work, || Ok(()))?;
    same!(crowd.wrong.load(SeqCst), 0);
    Ok(())
}

fn work_alone(crowd: &Crowd, index: u64) -> Outcome {
    let (disk, size) = (crowd.disk, 2 * page());
    let memory = Memory::new(2)?;
    let share = disk.bytes() / THREADS as u64 / BLOCK * BLOCK;
    let mut state = random::mix(crowd.seed ^ index);
    let mut written = Vec::new();
    for _ in 0..ROUNDS {
        state = random::mix(state);
        let at = share * index + state % ((share - size) / BLOCK) * BLOCK;
        let bytes = pattern(state, size as usize);
        memory.set(0, &bytes);
        disk.write(at, &memory.whole()).map_err(Unmet::failed)?;
        written.push((at, bytes));
        // What came later wins where they overlap: the last one is surely whole.
        let Some((at, bytes)) = written.last() else {
            continue;
        };
        memory.set(0, &vec![0; size as usize]);
        disk.read(*at, &memory.whole()).map_err(Unmet::failed)?;
        check!(memory.get(0, size as usize) == *bytes);
    }
    Ok(())
}

fn bytes_of_a_ram_disk_need_no_alignment(rig: &mut Rig<'_>) -> Outcome {
    bytes_need_no_alignment(find("rd1")?, rig)
}

fn bytes_need_no_alignment(disk: &dyn BlockDevice, rig: &mut Rig<'_>) -> Outcome {
    let size = 5 * page() as usize;
    let mut model = pattern(rig.below(u64::MAX), size);
    bytes::write(disk, 512, &model).map_err(Unmet::failed)?;
    for _ in 0..40 {
        let at = rig.below(size as u64 - 1) as usize;
        let length = 1 + rig.below((size - at) as u64 - 1) as usize;
        let piece = pattern(rig.below(u64::MAX), length);
        bytes::write(disk, 512 + at as u64, &piece).map_err(Unmet::failed)?;
        model[at..at + length].copy_from_slice(&piece);
    }
    let mut all = vec![0; size];
    bytes::read(disk, 512, &mut all).map_err(Unmet::failed)?;
    same!(all == model, true);
    let at = 700;
    let mut some = vec![0; 3000];
    bytes::read(disk, 512 + at as u64, &mut some).map_err(Unmet::failed)?;
    same!(some == model[at..at + 3000], true);
    Ok(())
}

fn a_virtio_disk_keeps_what_is_written(rig: &mut Rig<'_>) -> Outcome {
    keeps_what_is_written(find("vd0")?, rig)
}

fn a_virtio_disk_serves_several_threads(rig: &mut Rig<'_>) -> Outcome {
    serves_several_threads(find("vd0")?, rig)
}

fn bytes_of_a_virtio_disk_need_no_alignment(rig: &mut Rig<'_>) -> Outcome {
    bytes_need_no_alignment(find("vd0")?, rig)
}

fn a_virtio_disk_has_what_the_host_put_there(_: &mut Rig<'_>) -> Outcome {
    let disk = find("vd1")?;
    same!(disk.bytes(), test_disk::BYTES);
    let mut found = vec![0; test_disk::GUEST as usize];
    bytes::read(disk, 0, &mut found).map_err(Unmet::failed)?;
    check!(
        (0..)
            .zip(&found)
            .all(|(at, &byte)| byte == test_disk::byte(at))
    );
    Ok(())
}

fn the_host_finds_what_a_virtio_disk_was_given(_: &mut Rig<'_>) -> Outcome {
    // The host knows the test by its name.
    check!(TESTS.iter().any(|test| test.name == test_disk::WRITER));
    let disk = find("vd1")?;
    let bytes: Vec<u8> = (test_disk::GUEST..test_disk::BYTES)
        .map(test_disk::byte)
        .collect();
    bytes::write(disk, test_disk::GUEST, &bytes).map_err(Unmet::failed)?;
    disk.flush().map_err(Unmet::failed)
}

/// More pieces than one request of the device has, so that it becomes several; then too many for one block.
fn long_and_scattered_requests_of_a_virtio_disk(rig: &mut Rig<'_>) -> Outcome {
    let disk = find("vd0")?;
    let memory = Memory::new(4)?;
    let size = 4 * page();
    let bytes = pattern(rig.below(u64::MAX), size as usize);
    memory.set(0, &bytes);
    // Every second part is one byte: no two are neighbours.
    let mut parts = Vec::new();
    let mut expected = Vec::new();
    for index in 0..250 {
        let at = index * 60;
        let length = if index % 2 == 0 { 51 } else { 1 };
        parts.push(memory.part(at / page(), at % page(), length.min(page() - at % page())));
    }
    let total: u64 = parts.iter().map(|part| u64::from(part.length)).sum();
    parts.push(memory.part(3, page() - 600, BLOCK - total % BLOCK));
    for part in &parts {
        let index = (0..4)
            .find(|&index| memory.page(index) == part.page)
            .unwrap_or_default();
        let start = (index * page()) as usize + part.offset as usize;
        expected.extend_from_slice(&bytes[start..start + part.length as usize]);
    }
    disk.write(64 * BLOCK, &parts).map_err(Unmet::failed)?;
    let mut found = vec![0; expected.len()];
    bytes::read(disk, 64 * BLOCK, &mut found).map_err(Unmet::failed)?;
    check!(found == expected);
    // And back the same way.
    memory.set(0, &vec![0; size as usize]);
    disk.read(64 * BLOCK, &parts).map_err(Unmet::failed)?;
    let mut at = 0;
    for part in &parts {
        let index = (0..4)
            .find(|&index| memory.page(index) == part.page)
            .unwrap_or_default();
        let length = part.length as usize;
        check!(
            memory.get(index * page() + u64::from(part.offset), length)
                == expected[at..at + length]
        );
        at += length;
    }
    let crumbs: Vec<Part> = (0..BLOCK)
        .map(|index| memory.part(0, 2 * index, 1))
        .collect();
    same!(
        disk.read(0, &crumbs).map_err(|error| error.why),
        Err(Why::Scattered)
    );
    Ok(())
}

fn a_request_without_an_answer_fails_in_time(rig: &mut Rig<'_>) -> Outcome {
    let disk = find("vd0")?;
    virtio::set_patience(Some(200_000_000));
    let outcome = without_an_answer(disk, rig);
    virtio::set_patience(None);
    inject::set(Rules::NONE);
    outcome
}

fn without_an_answer(disk: &'static dyn BlockDevice, rig: &mut Rig<'_>) -> Outcome {
    let memory = Memory::new(1)?;
    let why = |result: Result<(), block::BlockError>| result.err().map(|error| error.why);
    for operation in [Operation::Read, Operation::Write, Operation::Flush] {
        rule(disk, operation, Where::After(0), Fate::Lost)?;
        let began = arch::timer::now();
        let result = match operation {
            Operation::Read => disk.read(0, &memory.whole()),
            Operation::Write => disk.write(0, &memory.whole()),
            Operation::Flush => disk.flush(),
        };
        same!(why(result), Some(Why::NoAnswer));
        check!(arch::timer::now() - began >= 200_000_000);
        // The device works again.
        keeps_what_is_written(disk, rig)?;
    }
    Ok(())
}

struct Sleepers {
    disk: &'static dyn BlockDevice,
    done: [AtomicUsize; 8],
}

const READS: usize = 25;

/// Each CPU has one thread, which sleeps while the device works; the answer's interrupt comes to the first CPU.
/// Not among the tests named smp: those repeat exactly where the clock counts instructions, and with several CPUs a
/// disk does not.
fn an_answer_wakes_the_cpu_that_waits(_: &mut Rig<'_>) -> Outcome {
    let sleepers = Sleepers {
        disk: find("vd0")?,
        done: [const { AtomicUsize::new(0) }; 8],
    };
    let work = |sleepers: &Sleepers, index: usize| {
        let Ok(memory) = Memory::new(1) else { return };
        for _ in 0..READS {
            if sleepers.disk.read(0, &memory.whole()).is_ok() {
                sleepers.done[index].fetch_add(1, SeqCst);
            }
        }
    };
    let cpus = run::cpu_count();
    with_bound_threads(&sleepers, cpus, Priority::USER, work, || Ok(()))?;
    for (index, done) in sleepers.done.iter().enumerate() {
        same!(done.load(SeqCst), if index < cpus { READS } else { 0 });
    }
    Ok(())
}

fn a_special_file_ends_where_its_device_does(_: &mut Rig<'_>) -> Outcome {
    for (number, name) in special::numbers().filter(|(_, name)| ["rd1", "vd0"].contains(name)) {
        let disk = find(name)?;
        let end = disk.bytes();
        same!(special::write(number, end - 3, b"last"), Ok(3));
        same!(special::write(number, end, b"!"), Err(Errno::ENOSPC));
        same!(special::write(number, end, b""), Ok(0));
        let mut bytes = [0; 8];
        same!(special::read(number, end - 3, &mut bytes), Ok(3));
        same!(&bytes[..3], b"las");
        same!(special::read(number, end, &mut bytes), Ok(0));
        same!(special::read(number, u64::MAX, &mut bytes), Ok(0));
        let before = disk.statistics().flushes;
        same!(special::flush(number), Ok(()));
        same!(disk.statistics().flushes, before + 1);
        rule(disk, Operation::Read, Where::After(0), Fate::Fails)?;
        same!(special::read(number, 0, &mut bytes), Err(Errno::EIO));
    }
    same!(special::read(200, 0, &mut [0]), Err(Errno::ENXIO));
    Ok(())
}

fn requests_that_make_no_sense_fail(_: &mut Rig<'_>) -> Outcome {
    let memory = Memory::new(2)?;
    for disk in block::all() {
        let end = disk.bytes();
        let before = disk.statistics();
        let block = [memory.part(0, 0, BLOCK)];
        let why = |result: Result<(), block::BlockError>| result.err().map(|error| error.why);
        same!(why(disk.read(end, &block)), Some(Why::Beyond));
        same!(why(disk.write(end, &block)), Some(Why::Beyond));
        same!(
            why(disk.read(end - BLOCK, &[block[0], block[0]])),
            Some(Why::Beyond)
        );
        same!(why(disk.read(u64::MAX - 511, &block)), Some(Why::Beyond));
        same!(why(disk.read(1, &block)), Some(Why::Unaligned));
        same!(
            why(disk.read(0, &[memory.part(0, 0, 511)])),
            Some(Why::Unaligned)
        );
        same!(
            why(disk.read(0, &[memory.part(0, page() - 1, BLOCK)])),
            Some(Why::Unaligned)
        );
        same!(why(disk.read(0, &[])), None);
        let Err(error) = disk.read(end, &block) else {
            return Err(Unmet::failed("beyond the end"));
        };
        same!(
            (error.device, error.operation, error.block),
            (disk.name(), Operation::Read, end / BLOCK)
        );
        let after = disk.statistics();
        same!(after.errors - before.errors, 8);
        same!(after.bytes_read, before.bytes_read);
    }
    Ok(())
}

fn injected_errors_strike_and_end(_: &mut Rig<'_>) -> Outcome {
    let outcome = injected_errors();
    inject::set(Rules::NONE);
    outcome
}

fn rule(disk: &dyn BlockDevice, operation: Operation, place: Where, fate: Fate) -> Outcome {
    let mut rules = Rules::NONE;
    let rule = Rule::new(disk.name(), operation, place, fate);
    rule.and_then(|rule| rules.add(rule))
        .ok_or_else(|| Unmet::failed("no rule"))?;
    inject::set(rules);
    Ok(())
}

fn injected_errors() -> Outcome {
    let memory = Memory::new(1)?;
    let why = |result: Result<(), block::BlockError>| result.err().map(|error| error.why);
    for disk in ["rd1", "vd0"].into_iter().filter_map(block::find) {
        let two = [memory.part(0, 0, 2 * BLOCK)];
        rule(
            disk,
            Operation::Write,
            Where::Bytes(4 * BLOCK, 5 * BLOCK),
            Fate::Fails,
        )?;
        same!(why(disk.write(3 * BLOCK, &two)), Some(Why::Injected));
        same!(why(disk.write(4 * BLOCK, &two)), Some(Why::Injected));
        same!(why(disk.write(5 * BLOCK, &two)), None);
        same!(why(disk.write(2 * BLOCK, &two)), None);
        same!(why(disk.read(4 * BLOCK, &two)), None);
        rule(disk, Operation::Read, Where::After(2), Fate::Fails)?;
        let read = || why(disk.read(0, &two));
        same!(
            [read(), read(), read(), read()],
            [None, None, Some(Why::Injected), None]
        );
        rule(disk, Operation::Flush, Where::After(0), Fate::Fails)?;
        same!(why(disk.flush()), Some(Why::Injected));
        same!(why(disk.flush()), None);
    }
    Ok(())
}
