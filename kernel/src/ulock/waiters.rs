//! Who waits on which word.
//!
//! Owns: for every thread what it waits on, and the hashed queues, in fixed arrays, so that nothing
//! allocates or fails. Does not own: the lock around it, sleeping and waking (`ulock`). A thread waits on
//! one word at most; queues are in the order of arrival.

use crate::sched::queues::{MAXIMUM_THREADS, ThreadId};

const BUCKETS: usize = 256;
const NONE: u16 = u16::MAX;

/// What names a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Key {
    /// A process and an address in it.
    Private(i32, u64),
    /// An object's number, and bytes into the object.
    Shared(u64, u64),
}

/// Where a thread is in its wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// In no queue, and nobody woke it.
    Idle,
    /// In the queue of its key.
    Queued,
    /// Somebody took it out.
    Woken,
}

/// Whether somebody woke a thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// Somebody did.
    Yes,
    /// Nobody did.
    No,
}

#[derive(Clone, Copy)]
struct Slot {
    key: Key,
    phase: Phase,
    next: u16,
    previous: u16,
}

#[derive(Clone, Copy)]
struct List {
    first: u16,
    last: u16,
}

/// All who wait.
pub struct Waiters {
    slots: [Slot; MAXIMUM_THREADS],
    queues: [List; BUCKETS],
}

impl Waiters {
    /// Nobody.
    pub const fn new() -> Self {
        Self {
            slots: [Slot {
                key: Key::Private(0, 0),
                phase: Phase::Idle,
                next: NONE,
                previous: NONE,
            }; MAXIMUM_THREADS],
            queues: [List {
                first: NONE,
                last: NONE,
            }; BUCKETS],
        }
    }

    /// A thread that waits on nothing begins to, as the last.
    pub fn enter(&mut self, id: ThreadId, key: Key) {
        debug_assert!(self.slot(id).phase != Phase::Queued);
        let bucket = bucket(key);
        let last = core::mem::replace(&mut self.queues[bucket].last, id.0);
        self.slots[usize::from(id.0)] = Slot {
            key,
            phase: Phase::Queued,
            next: NONE,
            previous: last,
        };
        match last {
            NONE => self.queues[bucket].first = id.0,
            _ => self.slots[usize::from(last)].next = id.0,
        }
    }

    /// Whether somebody woke a thread that entered.
    pub fn is_woken(&self, id: ThreadId) -> Woken {
        match self.slot(id).phase {
            Phase::Woken => Woken::Yes,
            _ => Woken::No,
        }
    }

    /// A thread waits no more; whether somebody woke it before that.
    pub fn leave(&mut self, id: ThreadId) -> Woken {
        let woken = self.is_woken(id);
        if self.slot(id).phase == Phase::Queued {
            self.unlink(id);
        }
        self.slots[usize::from(id.0)].phase = Phase::Idle;
        woken
    }

    /// Takes the first who waits on `key` out.
    pub fn wake_first(&mut self, key: Key) -> Option<ThreadId> {
        let id = self.on(key).next()?;
        self.wake(id);
        Some(id)
    }

    /// Takes one thread out, if it waits on `key`.
    pub fn wake_thread(&mut self, key: Key, id: ThreadId) -> Option<ThreadId> {
        let slot = self.slot(id);
        if slot.phase != Phase::Queued || slot.key != key {
            return None;
        }
        self.wake(id);
        Some(id)
    }

    /// How many wait on `key`.
    pub fn count(&self, key: Key) -> usize {
        self.on(key).count()
    }

    fn on(&self, key: Key) -> impl Iterator<Item = ThreadId> {
        let mut at = self.queues[bucket(key)].first;
        let all = core::iter::from_fn(move || {
            let id = (at != NONE).then_some(ThreadId(at))?;
            at = self.slot(id).next;
            Some(id)
        });
        all.filter(move |&id| self.slot(id).key == key)
    }

    fn wake(&mut self, id: ThreadId) {
        self.unlink(id);
        self.slots[usize::from(id.0)].phase = Phase::Woken;
    }

    fn unlink(&mut self, id: ThreadId) {
        let Slot {
            key,
            next,
            previous,
            ..
        } = *self.slot(id);
        let queue = &mut self.queues[bucket(key)];
        match previous {
            NONE => queue.first = next,
            _ => self.slots[usize::from(previous)].next = next,
        }
        let queue = &mut self.queues[bucket(key)];
        match next {
            NONE => queue.last = previous,
            _ => self.slots[usize::from(next)].previous = previous,
        }
    }

    fn slot(&self, id: ThreadId) -> &Slot {
        &self.slots[usize::from(id.0)]
    }
}

impl Default for Waiters {
    fn default() -> Self {
        Self::new()
    }
}

/// Spreads words, whose addresses are alike, over the queues.
fn bucket(key: Key) -> usize {
    let mixed = match key {
        Key::Private(pid, address) => address ^ (pid as u64) << 48,
        Key::Shared(object, offset) => offset ^ object << 32,
    };
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::boxed::Box;
    use std::vec::Vec;

    const A: Key = Key::Private(7, 0x1000);
    const B: Key = Key::Shared(7, 0x1000);

    fn waiters() -> Box<Waiters> {
        Box::new(Waiters::new())
    }

    #[test]
    fn who_came_first_is_woken_first() {
        let mut waiters = waiters();
        for id in [5, 3, 9] {
            waiters.enter(ThreadId(id), A);
        }
        assert_eq!(waiters.count(A), 3);
        assert_eq!(waiters.wake_first(A), Some(ThreadId(5)));
        assert_eq!(waiters.is_woken(ThreadId(5)), Woken::Yes);
        assert_eq!(waiters.is_woken(ThreadId(3)), Woken::No);
        assert_eq!(waiters.leave(ThreadId(3)), Woken::No);
        assert_eq!(waiters.wake_first(A), Some(ThreadId(9)));
        assert_eq!(waiters.wake_first(A), None);
        assert_eq!(waiters.leave(ThreadId(5)), Woken::Yes);
        // Once.
        assert_eq!(waiters.leave(ThreadId(5)), Woken::No);
    }

    #[test]
    fn words_are_told_apart_even_in_one_queue() {
        let mut waiters = waiters();
        let keys: Vec<Key> = (0..1000u64)
            .map(|n| Key::Private((n % 3) as i32, n * 4))
            .collect();
        for (n, &key) in keys.iter().enumerate() {
            waiters.enter(ThreadId(n as u16), key);
        }
        for (n, &key) in keys.iter().enumerate().rev() {
            assert_eq!(waiters.count(key), 1);
            assert_eq!(waiters.wake_first(key), Some(ThreadId(n as u16)));
            assert_eq!(waiters.count(key), 0);
        }
        waiters.enter(ThreadId(1), A);
        assert_eq!(waiters.wake_first(B), None);
        assert_eq!(waiters.wake_first(Key::Private(8, 0x1000)), None);
        assert_eq!(waiters.wake_first(Key::Private(7, 0x1004)), None);
    }

    #[test]
    fn one_thread_is_woken_only_from_its_word() {
        let mut waiters = waiters();
        for id in 0..4 {
            waiters.enter(ThreadId(id), A);
        }
        assert_eq!(waiters.wake_thread(B, ThreadId(2)), None);
        assert_eq!(waiters.wake_thread(A, ThreadId(4)), None);
        assert_eq!(waiters.wake_thread(A, ThreadId(2)), Some(ThreadId(2)));
        assert_eq!(waiters.wake_thread(A, ThreadId(2)), None);
        assert_eq!(waiters.count(A), 3);
    }

    #[test]
    fn queues_survive_any_order() {
        let mut waiters = waiters();
        let mut expected: Vec<(u16, Key)> = Vec::new();
        let mut state = 1u64;
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let id = (state >> 40) as u16 % 32;
            let key = Key::Private(1, (state >> 33) % 5 * 4);
            match expected.iter().position(|&(other, _)| other == id) {
                None => {
                    waiters.leave(ThreadId(id));
                    waiters.enter(ThreadId(id), key);
                    expected.push((id, key));
                }
                Some(at) if state >> 63 == 0 => {
                    expected.remove(at);
                    assert_eq!(waiters.leave(ThreadId(id)), Woken::No);
                }
                Some(_) => {
                    let first = expected.iter().position(|&(_, other)| other == key);
                    let first = first.map(|at| expected.remove(at).0);
                    assert_eq!(waiters.wake_first(key), first.map(ThreadId));
                }
            }
            let count = expected.iter().filter(|&&(_, other)| other == key).count();
            assert_eq!(waiters.count(key), count);
        }
    }
}
