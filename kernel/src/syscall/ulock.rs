//! Calls on `ulock`s.

use super::{Answer, Call};
use crate::task::ports::Port;
use crate::ulock::{self, Reach, Whom, Width, Word};
use abi::Errno;
use abi::thread::*;

/// Nanoseconds of a microsecond.
const MICROSECOND: u64 = 1000;

/// The word of an operation. `EINVAL` for one that there is not.
fn word(operation: u32, address: u64) -> Result<Word, Errno> {
    let (width, reach) = match operation & UL_OPCODE_MASK {
        UL_COMPARE_AND_WAIT => (Width::Four, Reach::Private),
        UL_COMPARE_AND_WAIT_SHARED => (Width::Four, Reach::Shared),
        UL_COMPARE_AND_WAIT64 => (Width::Eight, Reach::Private),
        UL_COMPARE_AND_WAIT64_SHARED => (Width::Eight, Reach::Shared),
        _ => return Err(Errno::EINVAL),
    };
    if address == 0 {
        return Err(Errno::EINVAL);
    }
    Ok(Word {
        address,
        width,
        reach,
    })
}

/// An error is answered as its negative if the caller wants no `errno`.
fn answer(operation: u32, result: Result<u64, Errno>) -> Answer {
    match result {
        Err(error) if operation & ULF_NO_ERRNO != 0 => Ok((i64::from(-error.0) as u64, 0)),
        result => Ok((result?, 0)),
    }
}

/// `ulock_wait(operation, *word, value, timeout)`: the timeout in microseconds, 0 for none. Answers how many
/// others wait still.
pub fn wait(call: &mut Call<'_>) -> Answer {
    let [operation, address, value, timeout, ..] = call.args;
    let (operation, timeout) = (operation as u32, timeout as u32);
    let result = checked_wait(call, operation, address, value, timeout);
    answer(operation, result)
}

fn checked_wait(call: &Call<'_>, operation: u32, address: u64, value: u64, timeout: u32) -> Result<u64, Errno> {
    if operation & !UL_OPCODE_MASK & !ULF_WAIT_MASK != 0 {
        return Err(Errno::EINVAL);
    }
    let word = word(operation, address)?;
    let (size, value) = match word.width {
        Width::Four => (4, value & u64::from(u32::MAX)),
        Width::Eight => (8, value),
    };
    if !address.is_multiple_of(size) {
        return Err(Errno::EINVAL);
    }
    let wait = u64::from(timeout) * MICROSECOND;
    let deadline = (timeout != 0).then(|| arch::timer::now().saturating_add(wait));
    let left = ulock::wait(call.thread, call.task, word, value, deadline)?;
    Ok(left as u64)
}

/// `ulock_wake(operation, *word, wake_value)`.
pub fn wake(call: &mut Call<'_>) -> Answer {
    let [operation, address, wake_value, ..] = call.args;
    let operation = operation as u32;
    let result = checked_wake(call, operation, address, wake_value as u32);
    answer(operation, result.map(|()| 0))
}

fn checked_wake(call: &Call<'_>, operation: u32, address: u64, port: u32) -> Result<(), Errno> {
    let word = word(operation, address)?;
    let has = |flag| operation & flag != 0;
    if operation & !UL_OPCODE_MASK & !ULF_WAKE_MASK != 0 || has(ULF_WAKE_THREAD) && has(ULF_WAKE_ALL) {
        return Err(Errno::EINVAL);
    }
    let whom = if has(ULF_WAKE_THREAD) {
        let known = call.task.ports.lock().lookup(port);
        let named = matches!(known, Some(Port::Thread));
        let thread = call.task.threads.find(|thread| named && thread.port() == port);
        Whom::Thread(thread.filter(|thread| thread.id != call.thread.id).ok_or(Errno::ESRCH)?.id)
    } else if has(ULF_WAKE_ALL) {
        Whom::All
    } else {
        Whom::First
    };
    ulock::wake(call.task, word, whom)
}
