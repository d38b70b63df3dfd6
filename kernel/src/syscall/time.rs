//! Calls about time and chance.

use super::{Answer, Call, DONE};
use crate::clock::{self, SECOND};
use crate::random;
use crate::sched::queues::{Interruptible, WaitResult};
use crate::sched::run;
use crate::user_memory::{put_bytes, put_optional};
use abi::Errno;

/// `gettimeofday(*timeval, *zone, *mach_time)`.
pub fn gettimeofday(call: &mut Call<'_>) -> Answer {
    let (seconds, microseconds) = clock::precise();
    put_optional(call.args[0], &[seconds, microseconds])?;
    put_optional(call.args[2], &arch::cpu::cycle_count())?;
    DONE
}

/// `__semwait_signal(cond, mutex, timeout, relative, seconds, nanoseconds)`: only as the sleep that
/// it is without semaphores.
pub fn semwait_signal(call: &mut Call<'_>) -> Answer {
    let [condition, mutex, timeout, relative, seconds, nanoseconds, ..] = call.args;
    if condition != 0 || mutex != 0 || timeout == 0 || relative == 0 {
        return Err(Errno::EINVAL.into());
    }
    let nanoseconds = u64::from(nanoseconds as u32);
    if (seconds as i64) < 0 || nanoseconds >= SECOND {
        return Err(Errno::EINVAL.into());
    }
    let wait = seconds.saturating_mul(SECOND).saturating_add(nanoseconds);
    let deadline = arch::timer::now().saturating_add(wait);
    let event = core::ptr::from_ref(call.thread) as usize + 2;
    match run::wait(event, (), Some(deadline), Interruptible::Yes) {
        WaitResult::TimedOut => Err(Errno::ETIMEDOUT.into()),
        WaitResult::Interrupted | WaitResult::Woken => Err(Errno::EINTR.into()),
    }
}

/// `getentropy(to, length)`.
pub fn getentropy(call: &mut Call<'_>) -> Answer {
    const MOST: u64 = 256;
    let [to, length, ..] = call.args;
    if length > MOST {
        return Err(Errno::EINVAL.into());
    }
    let mut bytes = [0; MOST as usize];
    random::fill(&mut bytes[..length as usize]);
    put_bytes(to, &bytes[..length as usize])?;
    DONE
}
