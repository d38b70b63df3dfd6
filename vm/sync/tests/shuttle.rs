//! The lock algorithms under every schedule that shuttle's random and PCT schedulers find.
//!
//! Run with `cargo test -p sync --features shuttle --test shuttle`.

use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::thread;
use std::cell::{Cell, UnsafeCell};
use sync::{
    Event, InterruptState, Platform, Rank, RankStack, SeqLock, SleepRwLock, SpinLock, SpinRwLock,
};

/// Threads of the explored program. A thread is its own CPU here: the tests use no per-CPU slots.
struct Explored;

struct Waiter {
    event: Mutex<Option<Event>>,
    changed: Condvar,
}

shuttle::lazy_static! {
    static ref WAITERS: Mutex<Vec<Arc<Waiter>>> = Mutex::new(Vec::new());
}
shuttle::thread_local! {
    static ME: Arc<Waiter> = {
        let waiter = Arc::new(Waiter { event: Mutex::new(None), changed: Condvar::new() });
        WAITERS.lock().unwrap().push(waiter.clone());
        waiter
    };
    static RANKS: RankStack = RankStack::new();
    static DEPTH: Cell<u32> = Cell::new(0);
}

// SAFETY: `cpu` is never used to reach data here.
unsafe impl Platform for Explored {
    const MAX_CPUS: usize = 1;
    const LOOKS: u32 = 2;
    fn preempt_disable() {
        DEPTH.with(|depth| depth.set(depth.get() + 1));
    }
    unsafe fn preempt_enable() {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
    fn cpu() -> usize {
        0
    }
    fn interrupts_disable() -> InterruptState {
        InterruptState(0)
    }
    fn interrupts_restore(_: InterruptState) {}
    fn relax() {
        thread::yield_now();
    }
    fn assert_wait(event: Event) {
        let me = ME.with(Arc::clone);
        *me.event.lock().unwrap() = Some(event);
    }
    fn clear_wait() {
        let me = ME.with(Arc::clone);
        *me.event.lock().unwrap() = None;
    }
    fn block() {
        DEPTH.with(|depth| assert_eq!(depth.get(), 0));
        let me = ME.with(Arc::clone);
        let mut event = me.event.lock().unwrap();
        while event.is_some() {
            event = me.changed.wait(event).unwrap();
        }
    }
    fn wakeup(event: Event) {
        let waiters = WAITERS.lock().unwrap().clone();
        for waiter in waiters {
            let mut waits = waiter.event.lock().unwrap();
            if *waits == Some(event) {
                *waits = None;
                waiter.changed.notify_all();
            }
        }
    }
    fn with_ranks(f: impl FnOnce(&RankStack)) {
        RANKS.with(f);
    }
}

struct Low;
impl Rank for Low {
    const RANK: u8 = 1;
    const NAME: &'static str = "low";
}

/// Two words that are equal whenever nobody writes; a yield between the stores gives others a chance.
#[derive(Default)]
struct Pair(UnsafeCell<(u32, u32)>);
// SAFETY: the locks under test are what makes this true.
unsafe impl Sync for Pair {}
impl Pair {
    fn bump(&mut self) {
        let pair = self.0.get_mut();
        pair.0 += 1;
        thread::yield_now();
        pair.1 += 1;
    }
    fn check(&self) -> u32 {
        // SAFETY: called under the lock; a race here is the failure that the test looks for.
        let first = unsafe { (*self.0.get()).0 };
        thread::yield_now();
        // SAFETY: as above.
        let second = unsafe { (*self.0.get()).1 };
        assert_eq!(first, second);
        first
    }
}

fn explore(program: impl Fn() + Send + Sync + Clone + 'static) {
    let runs = std::env::var("VELLUM_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok())
        .unwrap_or(2_000);
    shuttle::check_random(program.clone(), runs);
    shuttle::check_pct(program, runs, 3);
}

#[test]
fn spin_lock_excludes() {
    explore(|| {
        let lock = Arc::new(SpinLock::<Explored, Low, Pair>::default());
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let lock = lock.clone();
                thread::spawn(move || {
                    lock.lock().bump();
                    if let Some(mut pair) = lock.try_lock() {
                        pair.bump();
                        pair.0.get_mut().0 -= 1;
                        pair.0.get_mut().1 -= 1;
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(lock.lock().check(), 3);
    });
}

#[test]
fn spin_rw_lock_excludes_writers() {
    explore(|| {
        let lock = Arc::new(SpinRwLock::<Explored, Low, Pair>::default());
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let lock = lock.clone();
                thread::spawn(move || {
                    if n < 2 {
                        lock.write().bump();
                    } else {
                        lock.read().check();
                        if let Some(pair) = lock.try_read() {
                            pair.check();
                        }
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(lock.read().check(), 2);
    });
}

/// Nobody sleeps for ever: shuttle reports a deadlock if a wake-up is lost.
#[test]
fn sleep_rw_lock_wakes_everyone() {
    explore(|| {
        let lock = Arc::new(SleepRwLock::<Explored, Low, Pair>::default());
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let lock = lock.clone();
                thread::spawn(move || match n {
                    0 | 1 => lock.write().bump(),
                    2 => {
                        lock.read().check();
                        lock.read().check();
                    }
                    _ => {
                        let mut guard = lock.write();
                        guard.bump();
                        let guard = guard.downgrade();
                        let seen = guard.check();
                        thread::yield_now();
                        assert_eq!(guard.check(), seen);
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(lock.read().check(), 3);
    });
}

#[test]
fn sleep_rw_lock_upgrades_one_reader() {
    explore(|| {
        let lock = Arc::new(SleepRwLock::<Explored, Low, Pair>::default());
        let threads: Vec<_> = (0..3)
            .map(|n| {
                let lock = lock.clone();
                thread::spawn(move || {
                    if n == 2 {
                        lock.write().bump();
                        return true;
                    }
                    let guard = lock.read();
                    let seen = guard.check();
                    match SleepRwLock::try_upgrade(guard) {
                        Ok(mut guard) => {
                            assert_eq!(guard.check(), seen);
                            guard.bump();
                            true
                        }
                        Err(_) => false,
                    }
                })
            })
            .collect();
        let writes: u32 = threads
            .into_iter()
            .map(|thread| u32::from(thread.join().unwrap()))
            .sum();
        assert_eq!(lock.try_read().expect("free").check(), writes);
        assert!(lock.try_write().is_some());
    });
}

/// A writer that waits comes in before readers that arrive later.
#[test]
fn sleep_rw_lock_prefers_writers() {
    explore(|| {
        let lock = Arc::new(SleepRwLock::<Explored, Low, u32>::new(0));
        let first = lock.read();
        let writer = {
            let lock = lock.clone();
            thread::spawn(move || *lock.write() = 1)
        };
        // Once a new reader is kept out, the writer waits; it then goes before us.
        let kept_out = lock.try_read().is_none();
        drop(first);
        let seen = *lock.read();
        assert!(seen == 1 || !kept_out);
        writer.join().unwrap();
    });
}

#[test]
fn block_loses_no_wakeup() {
    explore(|| {
        let lock = Arc::new(SpinLock::<Explored, Low, bool>::new(false));
        let event = Event(77);
        let sleeper = {
            let lock = lock.clone();
            thread::spawn(move || {
                let mut done = lock.lock();
                while !*done {
                    sync::block::<Explored, _>(event, done);
                    done = lock.lock();
                }
            })
        };
        *lock.lock() = true;
        Explored::wakeup(event);
        sleeper.join().unwrap();
    });
}

#[test]
fn seq_lock_reads_no_torn_value() {
    explore(|| {
        let lock = Arc::new(SeqLock::<Explored, [u64; 2], 2>::new([0, 0]));
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let lock = lock.clone();
                thread::spawn(move || lock.update(|[a, b]| [a + 1, b + 1]))
            })
            .collect();
        let [a, b] = lock.read();
        assert_eq!(a, b);
        writers
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert_eq!(lock.read(), [2, 2]);
    });
}
