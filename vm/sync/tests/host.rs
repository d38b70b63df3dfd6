//! The locks with real threads; small enough for Miri.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use sync::host::{Host, enter, preempt_count};
use sync::{Event, PerCpu, Platform, Rank, SeqLock, SleepRwLock, SpinLock, SpinRwLock};

struct Map;
impl Rank for Map {
    const RANK: u8 = sync::rank::MAP;
    const NAME: &'static str = "map";
    const NESTS: bool = true;
}
struct Zone;
impl Rank for Zone {
    const RANK: u8 = sync::rank::ZONE;
    const NAME: &'static str = "zone";
}

const ROUNDS: u64 = if cfg!(miri) { 20 } else { 20_000 };

#[test]
fn spin_lock_counts_to_the_sum() {
    let lock = SpinLock::<Host, Zone, u64>::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..ROUNDS).for_each(|_| *lock.lock() += 1));
        }
    });
    assert_eq!(lock.into_inner(), 3 * ROUNDS);
}

#[test]
fn spin_rw_lock_counts_to_the_sum() {
    let lock = SpinRwLock::<Host, Zone, [u64; 2]>::new([0; 2]);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let mut pair = lock.write();
                    pair[0] += 1;
                    pair[1] += 1;
                }
            });
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let pair = lock.read();
                    assert_eq!(pair[0], pair[1]);
                }
            });
        }
    });
    assert_eq!(lock.into_inner(), [2 * ROUNDS; 2]);
}

#[test]
fn sleep_rw_lock_counts_to_the_sum() {
    let lock = SleepRwLock::<Host, Map, [u64; 2]>::new([0; 2]);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let mut pair = lock.write();
                    pair[0] += 1;
                    pair[1] += 1;
                    let pair = pair.downgrade();
                    assert_eq!(pair[0], pair[1]);
                }
            });
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    let pair = lock.read();
                    assert_eq!(pair[0], pair[1]);
                    if let Ok(mut pair) = SleepRwLock::try_upgrade(pair) {
                        *pair = [pair[0], pair[1]];
                    }
                }
            });
        }
    });
    assert_eq!(lock.into_inner(), [2 * ROUNDS; 2]);
}

#[test]
fn a_guard_turns_preemption_off() {
    let lock = SpinLock::<Host, Zone, ()>::new(());
    assert_eq!(preempt_count(), 0);
    let guard = lock.lock();
    assert_eq!(preempt_count(), 1);
    assert!(lock.try_lock().is_none());
    assert_eq!(preempt_count(), 1);
    drop(guard);
    assert_eq!(preempt_count(), 0);
    assert!(lock.try_lock().is_some());
}

#[test]
fn a_spin_lock_is_held_by_readers_and_by_a_writer() {
    let lock = SpinRwLock::<Host, Zone, u32>::new(3);
    assert!(!lock.is_held());
    let reader = lock.read();
    assert!(lock.is_held());
    drop(reader);
    let writer = lock.write();
    assert!(lock.is_held());
    drop(writer);
    assert!(!lock.is_held());
}

#[test]
fn a_writer_keeps_everyone_out_and_a_reader_writers() {
    let lock = SleepRwLock::<Host, Map, u32>::new(3);
    let reader = lock.read();
    assert!(lock.try_write().is_none());
    assert_eq!(*lock.try_read().expect("shared"), 3);
    drop(reader);
    let mut writer = lock.try_write().expect("free");
    *writer = 4;
    assert!(lock.try_read().is_none());
    let reader = writer.downgrade();
    assert_eq!(*lock.try_read().expect("shared") + *reader, 8);
    assert!(lock.try_write().is_none());
}

#[test]
fn an_upgrade_beside_another_reader_lets_go() {
    let lock = SleepRwLock::<Host, Map, u32>::new(3);
    let (one, two) = (lock.read(), lock.try_read().expect("shared"));
    assert!(SleepRwLock::try_upgrade(one).is_err());
    let writer = SleepRwLock::try_upgrade(two).expect("the only reader");
    assert!(lock.try_read().is_none());
    drop(writer);
    assert!(lock.try_write().is_some());
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "the order is checked in debug builds")]
fn the_lock_order_is_checked() {
    let (map, zone) = (
        SleepRwLock::<Host, Map, ()>::new(()),
        SpinLock::<Host, Zone, ()>::new(()),
    );
    {
        let _map = map.read();
        let _zone = zone.lock();
    }
    let caught = thread::spawn(move || {
        let _zone = zone.lock();
        assert!(
            map.try_read().is_some(),
            "trying is allowed against the order"
        );
        let _map = map.read();
    });
    assert!(caught.join().is_err());
}

#[test]
fn sleeping_waits_for_the_wakeup() {
    let lock = Arc::new(SpinLock::<Host, Zone, bool>::new(false));
    let sleeper = {
        let lock = lock.clone();
        thread::spawn(move || {
            let mut done = lock.lock();
            while !*done {
                sync::block::<Host, _>(Event::of(&*lock), done);
                done = lock.lock();
            }
        })
    };
    *lock.lock() = true;
    Host::wakeup(Event::of(&*lock));
    sleeper.join().expect("woken");
}

#[test]
fn per_cpu_slots_add_up() {
    let slots = PerCpu::<Host, u64, { sync::host::CPUS }, AtomicU64>::default();
    thread::scope(|scope| {
        for cpu in [0, 1, 1] {
            let slots = &slots;
            scope.spawn(move || {
                enter(Some(cpu), None);
                for _ in 0..ROUNDS {
                    slots.with(|local, shared| {
                        *local += 1;
                        shared.store(*local, Ordering::Relaxed);
                    });
                }
            });
        }
    });
    let shared: Vec<u64> = slots
        .shared()
        .map(|count| count.load(Ordering::Relaxed))
        .collect();
    assert_eq!(shared[..3], [ROUNDS, 2 * ROUNDS, 0]);
}

#[test]
#[should_panic(expected = "I-CPU-1")]
fn a_slot_is_not_used_twice_at_once() {
    let slots = PerCpu::<Host, u64, { sync::host::CPUS }>::default();
    enter(Some(7), None);
    slots.with(|_, ()| slots.with(|_, ()| ()));
}

#[test]
fn seq_lock_reads_no_torn_value() {
    let lock = SeqLock::<Host, [u64; 3], 3>::new([1, 2, 3]);
    thread::scope(|scope| {
        scope.spawn(|| (0..ROUNDS).for_each(|_| lock.update(|v| v.map(|word| word + 1))));
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                let [a, b, c] = lock.read();
                assert_eq!((b - a, c - b), (1, 1));
            }
        });
    });
    assert_eq!(lock.read(), [1 + ROUNDS, 2 + ROUNDS, 3 + ROUNDS]);
}
