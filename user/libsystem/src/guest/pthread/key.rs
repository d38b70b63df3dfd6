//! Thread-specific data.

use super::{Thread, WORDS, current, slot};
use crate::lock::Lock;
use abi::Errno;
use core::ffi::{c_int, c_ulong, c_void};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The most keys of a program.
pub const PTHREAD_KEYS_MAX: usize = 512;
/// How often a thread that ends calls destructors that set values again.
const DESTRUCTOR_ITERATIONS: usize = 4;

/// `pthread_key_t`. Keys are numbers of words from `slot::KEYS` on, so 0 is none.
type Key = c_ulong;
type Destructor = extern "C" fn(*mut c_void);

/// In `DESTRUCTORS`: the key is not in use.
const UNUSED: usize = 0;
/// In `DESTRUCTORS`: the key has no destructor. No function has this address.
const NONE: usize = 1;

/// What each key's destructor is.
static DESTRUCTORS: [AtomicUsize; PTHREAD_KEYS_MAX] =
    [const { AtomicUsize::new(UNUSED) }; PTHREAD_KEYS_MAX];
/// Held while keys are made and deleted.
pub(crate) static KEYS: Lock = Lock::new();

/// The word of a key that is in use.
fn index(key: Key) -> Option<usize> {
    let at = usize::try_from(key).ok()?.checked_sub(slot::KEYS)?;
    let destructor = DESTRUCTORS.get(at)?.load(Relaxed);
    (destructor != UNUSED).then_some(at)
}

fn word(key: Key) -> Option<*mut *mut c_void> {
    let at = slot::KEYS + index(key)?;
    let me: *mut Thread = current();
    // SAFETY: the running thread's own record; the word is one of its array.
    Some(unsafe { (&raw mut (*me).specific).cast::<*mut c_void>().add(at) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_key_create(to: *mut Key, destructor: Option<Destructor>) -> c_int {
    let _held = KEYS.hold();
    let free = DESTRUCTORS
        .iter()
        .position(|used| used.load(Relaxed) == UNUSED);
    let Some(at) = free else {
        return Errno::EAGAIN.0;
    };
    let address = destructor.map_or(NONE, |destructor| destructor as usize);
    DESTRUCTORS[at].store(address, Relaxed);
    // SAFETY: the caller's place.
    unsafe { *to = (slot::KEYS + at) as Key };
    0
}

/// The threads' values stay until the key is made again; POSIX leaves them to the program.
#[unsafe(no_mangle)]
pub extern "C" fn pthread_key_delete(key: Key) -> c_int {
    let _held = KEYS.hold();
    match index(key) {
        Some(at) => {
            DESTRUCTORS[at].store(UNUSED, Relaxed);
            0
        }
        None => Errno::EINVAL.0,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn pthread_setspecific(key: Key, value: *const c_void) -> c_int {
    match word(key) {
        Some(word) => {
            // SAFETY: the running thread's own word.
            unsafe { *word = value.cast_mut() };
            0
        }
        None => Errno::EINVAL.0,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn pthread_getspecific(key: Key) -> *mut c_void {
    // SAFETY: the running thread's own word.
    word(key).map_or(null_mut(), |word| unsafe { *word })
}

/// Calls the destructors of a thread that ends, as often as they set values again.
pub(super) fn destroy(specific: &mut [*mut c_void; WORDS]) {
    for _ in 0..DESTRUCTOR_ITERATIONS {
        let mut called = 0;
        for (at, destructor) in DESTRUCTORS.iter().enumerate() {
            let address = destructor.load(Relaxed);
            let value = specific[slot::KEYS + at];
            if value.is_null() || address == UNUSED || address == NONE {
                continue;
            }
            specific[slot::KEYS + at] = null_mut();
            // SAFETY: `pthread_key_create` stored a function of this type.
            let destructor = unsafe { core::mem::transmute::<usize, Destructor>(address) };
            destructor(value);
            called += 1;
        }
        if called == 0 {
            return;
        }
    }
}
