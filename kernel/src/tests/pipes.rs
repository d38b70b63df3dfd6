//! Pipes between threads.

use super::rig::{Rig, sleep};
use super::threads::with_threads;
use super::{Outcome, check, same, tests};
use crate::files::pipe::{ATOMIC, Blocks, CAPACITY, End, pipe};
use crate::random;
use crate::sched::queues::Priority;
use crate::syscall::Failure;
use abi::Errno;
use alloc::vec;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};

tests!("pipes":
    bytes_come_out_as_they_went_in,
    a_full_pipe_and_an_empty_one_answer_eagain,
    the_last_writer_ends_the_file,
    the_last_reader_breaks_the_pipe,
    small_writes_are_not_mixed,
);

struct Ends {
    read: End,
    write: End,
    sum: AtomicU64,
    seed: u64,
}

const TOTAL: usize = 200_000;

fn bytes_come_out_as_they_went_in(rig: &mut Rig<'_>) -> Outcome {
    let (read, write) = pipe()?;
    let ends = Ends {
        read,
        write,
        sum: AtomicU64::new(0),
        seed: rig.below(u64::MAX),
    };
    let work = |ends: &Ends, _: usize| {
        // Pieces of all sizes, numbered bytes.
        let (mut sent, mut state) = (0, ends.seed);
        let mut bytes = [0; 7000];
        while sent < TOTAL {
            state = random::mix(state);
            let count = (1 + state as usize % 7000).min(TOTAL - sent);
            for (index, byte) in bytes[..count].iter_mut().enumerate() {
                *byte = ((sent + index) % 251) as u8;
            }
            match ends.write.write(&bytes[..count], Blocks::Yes) {
                Ok(wrote) if wrote == count => sent += count,
                _ => {
                    ends.sum.store(u64::MAX, SeqCst);
                    return;
                }
            }
        }
    };
    with_threads(&ends, 1, Priority::USER, work, || {
        let mut bytes = [0; 5000];
        let mut got = 0;
        while got < TOTAL {
            let want = 1 + rig.below(5000) as usize;
            let count = ends.read.read(&mut bytes[..want], Blocks::Yes)?;
            check!(count > 0 && count <= want);
            for (index, &byte) in bytes[..count].iter().enumerate() {
                same!(usize::from(byte), (got + index) % 251);
            }
            got += count;
        }
        same!(got, TOTAL);
        Ok(())
    })?;
    same!(ends.sum.load(SeqCst), 0);
    same!(ends.read.available(), 0);
    Ok(())
}

fn a_full_pipe_and_an_empty_one_answer_eagain(_: &mut Rig<'_>) -> Outcome {
    let again = Failure::Error(Errno::EAGAIN);
    let (read, write) = pipe()?;
    let mut bytes = [0; 64];
    same!(read.read(&mut bytes, Blocks::No), Err(again));
    let full = vec![1; 3 * CAPACITY];
    let wrote = write.write(&full, Blocks::No)?;
    check!(
        wrote > CAPACITY - ATOMIC && wrote <= CAPACITY,
        "{wrote} bytes went in"
    );
    same!(write.write(&[1; ATOMIC], Blocks::No), Err(again));
    same!(read.available(), wrote);
    let mut left = wrote;
    while left > 0 {
        left -= read.read(&mut bytes, Blocks::No)?;
    }
    same!(read.read(&mut bytes, Blocks::No), Err(again));
    Ok(())
}

fn the_last_writer_ends_the_file(_: &mut Rig<'_>) -> Outcome {
    let (read, write) = pipe()?;
    write.write(b"end", Blocks::Yes)?;
    drop(write);
    let mut bytes = [0; 8];
    same!(read.read(&mut bytes, Blocks::Yes), Ok(3));
    same!(read.read(&mut bytes, Blocks::Yes), Ok(0));
    same!(read.read(&mut bytes, Blocks::No), Ok(0));
    Ok(())
}

fn the_last_reader_breaks_the_pipe(_: &mut Rig<'_>) -> Outcome {
    let (read, write) = pipe()?;
    // A writer that waits for room hears of it too.
    struct Waiting {
        write: End,
        result: AtomicUsize,
    }
    let waiting = Waiting {
        write,
        result: AtomicUsize::new(0),
    };
    let work = |waiting: &Waiting, _: usize| {
        let full = [1; 2 * CAPACITY];
        let broken = waiting.write.write(&full, Blocks::Yes) == Err(Errno::EPIPE.into());
        waiting.result.store(1 + usize::from(broken), SeqCst);
    };
    with_threads(&waiting, 1, Priority::KERNEL, work, || {
        sleep(1_000_000);
        same!(waiting.result.load(SeqCst), 0);
        drop(read);
        Ok(())
    })?;
    same!(waiting.result.load(SeqCst), 2);
    same!(
        waiting.write.write(b"x", Blocks::Yes),
        Err(Errno::EPIPE.into())
    );
    Ok(())
}

fn small_writes_are_not_mixed(_: &mut Rig<'_>) -> Outcome {
    const WRITERS: usize = 6;
    const PIECES: usize = 60;
    let (read, write) = pipe()?;
    let work = |write: &End, index: usize| {
        for _ in 0..PIECES {
            // A failed write shows as missing bytes.
            let _ = write.write(&[index as u8; ATOMIC], Blocks::Yes);
        }
    };
    with_threads(&write, WRITERS, Priority::USER, work, || {
        let mut counts = [0; WRITERS];
        let mut bytes = [0; ATOMIC];
        for _ in 0..WRITERS * PIECES {
            let mut got = 0;
            while got < ATOMIC {
                got += read.read(&mut bytes[got..], Blocks::Yes)?;
            }
            check!(
                bytes.iter().all(|&byte| byte == bytes[0]),
                "two writers' bytes are mixed"
            );
            counts[usize::from(bytes[0])] += 1;
        }
        same!(counts, [PIECES; WRITERS]);
        Ok(())
    })
}
