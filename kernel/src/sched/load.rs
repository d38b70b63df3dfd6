//! Load averages: how many threads ran or wanted to, over the last 1, 5 and 15 minutes (`vm.loadavg`).
//!
//! Owns: the averages. Does not own: who is ready (`queues`), when it is looked at (`files::flusher`).
//! Locks: none; one thread takes the samples.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Seconds between two samples.
pub const PERIOD: u64 = 5;
/// One ready thread.
pub const SCALE: u32 = 2048;

/// What is left of an average after a period, in 65,536ths: e to the power of -5/60, -5/300, -5/900.
const LEFT: [u32; 3] = [60_296, 64_453, 65_173];
const WHOLE: u64 = 1 << 16;

/// The averages of 1, 5 and 15 minutes.
struct Averages([AtomicU32; 3]);

/// Those of the machine.
static LOAD: Averages = Averages::new();

/// Takes a sample of the machine. The thread that does it is not counted.
#[cfg(target_os = "none")]
pub fn sample() {
    let ready = super::run::BOOKS.lock().ready_count();
    LOAD.sample(ready.saturating_sub(1));
}

/// Over 1, 5 and 15 minutes, in units of 1 / [`SCALE`].
pub fn averages() -> [u32; 3] {
    LOAD.read()
}

impl Averages {
    /// Of a machine that did nothing so far.
    const fn new() -> Self {
        Self([const { AtomicU32::new(0) }; 3])
    }

    /// So many threads are ready; [`PERIOD`] is over since the last call.
    fn sample(&self, ready: usize) {
        let now = (ready as u64).saturating_mul(SCALE.into());
        for (average, left) in self.0.iter().zip(LEFT) {
            let left = u64::from(left);
            let next = (u64::from(average.load(Relaxed)) * left)
                .saturating_add(now.saturating_mul(WHOLE - left))
                / WHOLE;
            average.store(u32::try_from(next).unwrap_or(u32::MAX), Relaxed);
        }
    }

    fn read(&self) -> [u32; 3] {
        self.0.each_ref().map(|average| average.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After its time an average has come as far as 1 - 1/e, 63.2 %, of the way.
    #[test]
    fn each_average_follows_in_its_time() {
        for (index, minutes) in [1, 5, 15].into_iter().enumerate() {
            let load = Averages::new();
            for _ in 0..minutes * 60 / PERIOD {
                load.sample(3);
            }
            let part = f64::from(load.read()[index]) / f64::from(3 * SCALE);
            assert!((part - 0.632).abs() < 0.01, "{minutes} minutes: {part}");
        }
    }

    #[test]
    fn a_machine_that_rests_has_no_load_in_the_end() {
        let load = Averages::new();
        (0..100).for_each(|_| load.sample(8));
        (0..10_000).for_each(|_| load.sample(0));
        assert_eq!(load.read(), [0; 3]);
        load.sample(usize::MAX);
        assert!(load.read()[0] > 0);
    }
}
