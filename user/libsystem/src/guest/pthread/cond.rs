//! Condition variables.
//!
//! Who waits remembers the sequence number, gives the mutex up and sleeps while the number is the same;
//! every signal counts it up first. So a signal between the unlocking and the sleep is not lost. A wait
//! may end without a signal, as POSIX allows.

use super::code;
use super::mutex::Mutex;
use crate::lock::{self, Waited};
use crate::time::clock_gettime;
use abi::Errno;
use abi::stat::Timespec;
use abi::thread::{UL_COMPARE_AND_WAIT, UL_COMPARE_AND_WAIT_SHARED};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// `__sig` of a condition variable.
const SIGNATURE: u64 = 0x3cb0_b1bb;
/// `__sig` of attributes.
const ATTRIBUTES_SIGNATURE: u64 = 0x434e_4441;
/// Nanoseconds of a second.
const BILLION: i64 = 1_000_000_000;
/// The longest single wait in microseconds.
const LONGEST: i128 = 1 << 31;

/// `pthread_cond_t`: 48 bytes.
#[repr(C)]
pub struct Condition {
    signature: u64,
    /// Counted up by every signal.
    sequence: AtomicU32,
    waiters: AtomicU32,
    /// Boolean: other processes use it too.
    shared: u32,
    pad: [u32; 7],
}

/// `pthread_condattr_t`: 16 bytes.
#[repr(C)]
pub struct Attributes {
    signature: u64,
    shared: u32,
    pad: u32,
}

const _: () = assert!(size_of::<Condition>() == 48 && size_of::<Attributes>() == 16);

/// Who is woken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    One,
    All,
}

/// Now, in nanoseconds since 1970.
fn now() -> i128 {
    let mut now = Timespec::default();
    // SAFETY: the record is ours; clock 0 is the wall clock.
    unsafe { clock_gettime(0, &mut now) };
    nanoseconds(&now)
}

fn nanoseconds(time: &Timespec) -> i128 {
    i128::from(time.sec) * i128::from(BILLION) + i128::from(time.nsec)
}

impl Condition {
    fn operation(&self) -> u32 {
        if self.shared == 0 {
            UL_COMPARE_AND_WAIT
        } else {
            UL_COMPARE_AND_WAIT_SHARED
        }
    }

    /// Waits until `deadline`, in nanoseconds since 1970, at most.
    fn wait(&self, mutex: &Mutex, deadline: Option<i128>) -> Result<(), Errno> {
        self.waiters.fetch_add(1, SeqCst);
        let sequence = self.sequence.load(SeqCst);
        if let Err(error) = mutex.unlock() {
            self.waiters.fetch_sub(1, SeqCst);
            return Err(error);
        }
        let outcome = self.sleep(sequence, deadline);
        self.waiters.fetch_sub(1, SeqCst);
        mutex.lock()?;
        outcome
    }

    fn sleep(&self, sequence: u32, deadline: Option<i128>) -> Result<(), Errno> {
        let Some(deadline) = deadline else {
            lock::wait(self.operation(), &self.sequence, sequence, 0);
            return Ok(());
        };
        loop {
            // Rounded up: not before the deadline.
            let left = (deadline - now() + 999) / 1000;
            if left <= 0 {
                return Err(Errno::ETIMEDOUT);
            }
            let timeout = left.min(LONGEST) as u32;
            if lock::wait(self.operation(), &self.sequence, sequence, timeout) == Waited::Perhaps {
                return Ok(());
            }
        }
    }

    fn wake(&self, whom: Whom) {
        if self.waiters.load(SeqCst) == 0 {
            return;
        }
        self.sequence.fetch_add(1, SeqCst);
        match whom {
            Whom::One => lock::wake_one(self.operation(), &self.sequence),
            Whom::All => lock::wake_all(self.operation(), &self.sequence),
        }
    }
}

fn condition<'a>(of: *const Condition) -> Result<&'a Condition, Errno> {
    // SAFETY: the caller's condition variable, or null.
    let found = unsafe { of.as_ref() }.ok_or(Errno::EINVAL)?;
    if found.signature == SIGNATURE {
        Ok(found)
    } else {
        Err(Errno::EINVAL)
    }
}

fn wait(of: *mut Condition, mutex: *mut Mutex, deadline: Option<i128>) -> c_int {
    // SAFETY: the caller's mutex, or null.
    let mutex = unsafe { mutex.as_ref() }.ok_or(Errno::EINVAL);
    code(condition(of).and_then(|condition| condition.wait(mutex?, deadline)))
}

fn checked(time: &Timespec) -> Result<i128, Errno> {
    if (0..BILLION).contains(&time.nsec) {
        Ok(nanoseconds(time))
    } else {
        Err(Errno::EINVAL)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_init(
    to: *mut Condition,
    attributes: *const Attributes,
) -> c_int {
    // SAFETY: the caller's attributes, or null.
    let attributes = unsafe { attributes.as_ref() };
    if attributes.is_some_and(|attributes| attributes.signature != ATTRIBUTES_SIGNATURE) {
        return Errno::EINVAL.0;
    }
    let made = Condition {
        signature: SIGNATURE,
        sequence: AtomicU32::new(0),
        waiters: AtomicU32::new(0),
        shared: attributes.map_or(0, |attributes| attributes.shared),
        pad: [0; 7],
    };
    // SAFETY: the caller's room for a condition variable.
    unsafe { to.write(made) };
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_destroy(of: *mut Condition) -> c_int {
    let checked = condition(of).and_then(|condition| {
        if condition.waiters.load(SeqCst) == 0 {
            Ok(())
        } else {
            Err(Errno::EBUSY)
        }
    });
    if checked.is_ok() {
        // SAFETY: the caller's condition variable, which nobody uses any more.
        unsafe { (*of).signature = 0 };
    }
    code(checked)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_wait(of: *mut Condition, mutex: *mut Mutex) -> c_int {
    wait(of, mutex, None)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_timedwait(
    of: *mut Condition,
    mutex: *mut Mutex,
    until: *const Timespec,
) -> c_int {
    // SAFETY: the caller's time.
    match checked(unsafe { &*until }) {
        Ok(deadline) => wait(of, mutex, Some(deadline)),
        Err(error) => error.0,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_timedwait_relative_np(
    of: *mut Condition,
    mutex: *mut Mutex,
    time: *const Timespec,
) -> c_int {
    // SAFETY: the caller's time.
    match checked(unsafe { &*time }) {
        Ok(time) => wait(of, mutex, Some(now() + time)),
        Err(error) => error.0,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_signal(of: *mut Condition) -> c_int {
    code(condition(of).map(|condition| condition.wake(Whom::One)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_cond_broadcast(of: *mut Condition) -> c_int {
    code(condition(of).map(|condition| condition.wake(Whom::All)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_condattr_init(to: *mut Attributes) -> c_int {
    let fresh = Attributes {
        signature: ATTRIBUTES_SIGNATURE,
        shared: 0,
        pad: 0,
    };
    // SAFETY: the caller's room for attributes.
    unsafe { to.write(fresh) };
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_condattr_destroy(to: *mut Attributes) -> c_int {
    // SAFETY: the caller's attributes.
    unsafe { (*to).signature = 0 };
    0
}

/// `PTHREAD_PROCESS_SHARED` is 1, `PTHREAD_PROCESS_PRIVATE` 2.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_condattr_setpshared(to: *mut Attributes, shared: c_int) -> c_int {
    if !(1..=2).contains(&shared) {
        return Errno::EINVAL.0;
    }
    // SAFETY: the caller's attributes.
    unsafe { (*to).shared = u32::from(shared == 1) };
    0
}
