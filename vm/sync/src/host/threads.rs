//! What the host platform is made of: the system's threads, or shuttle's when it explores schedules.
//!
//! Owns: the choice, and what all threads of a run share. Shuttle's threads run in turns on one thread of
//! the system, so whatever is a thread's own or a run's own must be shuttle's too.

use crate::platform::Event;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[cfg(not(feature = "shuttle"))]
pub use std::{
    sync::{Condvar, Mutex},
    thread::yield_now,
    thread_local,
};

#[cfg(feature = "shuttle")]
pub use shuttle::{
    sync::{Condvar, Mutex},
    thread::yield_now,
    thread_local,
};

/// A thread that waits.
#[derive(Default)]
pub struct Waiter {
    pub waits: Mutex<bool>,
    pub changed: Condvar,
}

/// What the threads of a run share.
#[derive(Default)]
pub struct Shared {
    /// Which CPUs are occupied.
    pub occupied: [AtomicBool; super::CPUS],
    /// Threads that wait for events, where no scheduler is in place.
    pub waiters: Mutex<Vec<(Event, Arc<Waiter>)>>,
}

/// That of this run: with threads of the system there is one.
#[cfg(not(feature = "shuttle"))]
pub fn shared() -> &'static Shared {
    static SHARED: std::sync::LazyLock<Shared> = std::sync::LazyLock::new(Shared::default);
    &SHARED
}

/// That of this run: each execution has its own.
#[cfg(feature = "shuttle")]
pub fn shared() -> &'static Shared {
    shuttle::lazy_static! {
        static ref SHARED: Shared = Shared::default();
    }
    &SHARED
}

/// Another thread may come in between here: shuttle decides whether one does.
pub fn point() {
    #[cfg(feature = "shuttle")]
    shuttle::thread::sleep(std::time::Duration::ZERO);
}
