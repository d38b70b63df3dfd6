//! Locks that count: `cargo test -p sync --features host,statistics --test statistics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use sync::host::Host;
use sync::statistics::{reset, rows};
use sync::{Rank, SleepRwLock, SpinLock};

struct Spinning;
impl Rank for Spinning {
    const RANK: u8 = 40;
    const NAME: &'static str = "spinning";
}

struct Sleeping;
impl Rank for Sleeping {
    const RANK: u8 = 12;
    const NAME: &'static str = "sleeping";
}

/// One test: the table is everybody's.
#[test]
fn acquisitions_and_waits_are_counted_by_rank() {
    let spin = Arc::new(SpinLock::<Host, Spinning, u32>::new(0));
    let sleep = SleepRwLock::<Host, Sleeping, u32>::new(0);
    for _ in 0..10 {
        *spin.lock() += 1;
        *sleep.write() += 1;
        assert!(*sleep.read() > 0);
    }
    let seen: Vec<_> = rows().collect();
    let names: Vec<_> = seen.iter().map(|row| row.name).collect();
    assert_eq!(names, ["sleeping", "spinning"]);
    assert_eq!((seen[0].acquisitions, seen[0].contended), (20, 0));
    assert_eq!((seen[1].acquisitions, seen[1].contended), (10, 0));

    let waits = Arc::new(AtomicBool::new(false));
    let held = spin.lock();
    let other = {
        let (spin, waits) = (spin.clone(), waits.clone());
        std::thread::spawn(move || {
            waits.store(true, SeqCst);
            *spin.lock() += 1;
        })
    };
    while !waits.load(SeqCst) {
        std::thread::yield_now();
    }
    // It has nothing else to do than to find the lock held; how soon is the host's affair.
    std::thread::sleep(std::time::Duration::from_millis(50));
    drop(held);
    other.join().unwrap();
    let row = rows().find(|row| row.name == "spinning").unwrap();
    assert_eq!((row.acquisitions, row.contended), (12, 1));
    reset();
    assert_eq!(rows().count(), 0);
}
