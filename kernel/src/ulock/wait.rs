//! Waiting and waking.

use super::waiters::{Key, Waiters, Woken};
use crate::memory::vm;
use crate::platform::{SpinLock, UlockRank};
use crate::sched::queues::{Interruptible, ThreadId, WaitResult};
use crate::sched::{Thread, run};
use crate::task::Task;
use crate::user_memory::{get, get_word};
use abi::Errno;
use abi::Protection;
use vm::{UserAddr, VirtAddr};

static WAITERS: SpinLock<UlockRank, Waiters> = SpinLock::new(Waiters::new());

/// What a thread sleeps on.
fn event(id: ThreadId) -> usize {
    (&raw const WAITERS as usize).wrapping_add(usize::from(id.0))
}

/// A word of the running program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Word {
    /// Where it is: a multiple of its size.
    pub address: u64,
    /// How large it is.
    pub width: Width,
    /// Who can wait on it.
    pub reach: Reach,
}

/// How large a word is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    /// 32 bits.
    Four,
    /// 64 bits.
    Eight,
}

/// Who can wait on a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// The process's own threads.
    Private,
    /// Everybody who has the memory.
    Shared,
}

/// Who is to wake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whom {
    /// Who came first.
    First,
    /// Everybody.
    All,
    /// One thread.
    Thread(ThreadId),
}

impl Word {
    fn read(self) -> Result<u64, Errno> {
        match self.width {
            Width::Four => get_word(self.address).map(u64::from),
            Width::Eight => get(self.address),
        }
    }

    /// What names it. A shared word's page is made the object's own first, so that it has a place; memory
    /// without an object is nobody else's.
    fn key(self, task: &Task) -> Result<Key, Errno> {
        let private = Key::Private(task.pid.0, self.address);
        if self.reach == Reach::Private {
            return Ok(private);
        }
        let map = task.own_map().ok_or(Errno::EINVAL)?;
        let at = VirtAddr(self.address);
        let touched = vm().fault(map, at, Protection::WRITE);
        touched
            .or_else(|_| vm().fault(map, at, Protection::READ))
            .map_err(|_| Errno::EINVAL)?;
        let info = vm()
            .page_info(map, UserAddr(self.address))
            .map_err(|_| Errno::EINVAL)?;
        if info.object == 0 {
            return Ok(private);
        }
        let in_page = self.address & (vm().page_size() - 1);
        Ok(Key::Shared(info.object, info.offset + in_page))
    }
}

/// The running thread waits while the word is `expected`, until `deadline` (nanoseconds) at most. Answers
/// how many others wait on it still. `EFAULT`, `EINVAL`, `EINTR`, `ETIMEDOUT`.
pub fn wait(
    me: &Thread,
    task: &Task,
    word: Word,
    expected: u64,
    deadline: Option<u64>,
) -> Result<usize, Errno> {
    let key = word.key(task)?;
    WAITERS.lock().enter(me.id, key);
    let outcome = match word.read() {
        Ok(value) if value == expected => sleep(me, deadline),
        other => {
            if WAITERS.lock().leave(me.id) == Woken::Yes {
                wake_key(key, Whom::First);
            }
            return other.map(|_| WAITERS.lock().count(key));
        }
    };
    let mut waiters = WAITERS.lock();
    match (waiters.leave(me.id), outcome) {
        (Woken::Yes, _) | (_, WaitResult::Woken) => Ok(waiters.count(key)),
        (Woken::No, WaitResult::Interrupted) => Err(Errno::EINTR),
        (Woken::No, WaitResult::TimedOut) => Err(Errno::ETIMEDOUT),
    }
}

/// Sleeps until somebody takes the thread out of its queue, or something else ends the wait.
fn sleep(me: &Thread, deadline: Option<u64>) -> WaitResult {
    loop {
        run::assert_wait(event(me.id), deadline, Interruptible::Yes);
        if WAITERS.lock().is_woken(me.id) == Woken::Yes {
            run::clear_wait();
            return WaitResult::Woken;
        }
        match run::block_for_result() {
            WaitResult::Woken => {}
            result => return result,
        }
    }
}

/// Wakes who waits on a word of the running program. `ENOENT` if nobody does, `EALREADY` if the thread
/// that is named does not, `EINVAL`.
pub fn wake(task: &Task, word: Word, whom: Whom) -> Result<(), Errno> {
    let woken = wake_key(word.key(task)?, whom);
    match (woken, whom) {
        (0, Whom::Thread(_)) => Err(Errno::EALREADY),
        (0, _) => Err(Errno::ENOENT),
        _ => Ok(()),
    }
}

/// A thread ended: wakes who waits for that at `address`.
pub fn wake_joiner(task: &Task, address: u64) {
    wake_key(Key::Private(task.pid.0, address), Whom::All);
}

/// Wakes those who wait at this moment: who is woken may run at once, and must not be met again when it
/// waits for the next thing at the same address. So the lock is held until all are.
fn wake_key(key: Key, whom: Whom) -> usize {
    let mut waiters = WAITERS.lock();
    let mut take = || match whom {
        Whom::First | Whom::All => waiters.wake_first(key),
        Whom::Thread(id) => waiters.wake_thread(key, id),
    };
    let mut woken = 0;
    while let Some(id) = take() {
        run::wakeup(event(id));
        woken += 1;
        if whom != Whom::All {
            break;
        }
    }
    woken
}
