//! Mutexes.
//!
//! The first word says what kind it is, so that an initializer needs nothing else; the lock itself is one
//! word (`lock::Word`), and a mutex that nobody else wants is locked and unlocked without a system call.

use super::{code, current};
use crate::lock::Word;
use abi::Errno;
use abi::thread::{UL_COMPARE_AND_WAIT, UL_COMPARE_AND_WAIT_SHARED};
use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

/// `PTHREAD_MUTEX_NORMAL`, also the default: who locks it again waits for ever.
const NORMAL: c_int = 0;
/// `PTHREAD_MUTEX_ERRORCHECK`: who does that is told.
const ERRORCHECK: c_int = 1;
/// `PTHREAD_MUTEX_RECURSIVE`: who does that has it twice.
const RECURSIVE: c_int = 2;
/// `PTHREAD_PROCESS_SHARED`.
const SHARED: c_int = 1;
/// `PTHREAD_PROCESS_PRIVATE`.
const PRIVATE: c_int = 2;
/// `__sig` of a normal mutex.
const NORMAL_SIGNATURE: u64 = 0x32aa_aba7;
/// `__sig` of one that checks for errors.
const ERRORCHECK_SIGNATURE: u64 = 0x32aa_aba1;
/// `__sig` of a recursive one.
const RECURSIVE_SIGNATURE: u64 = 0x32aa_aba2;
/// `__sig` of attributes.
const ATTRIBUTES_SIGNATURE: u64 = 0x4d54_5841;

/// `pthread_mutex_t`: 64 bytes.
#[repr(C)]
pub struct Mutex {
    signature: u64,
    word: Word,
    /// Boolean: other processes use it too.
    shared: u32,
    /// Who has it: its `pthread_t`. Only of the kinds that must know.
    owner: AtomicUsize,
    /// How often the owner has it, less one.
    again: AtomicU32,
    pad: [u32; 9],
}

/// `pthread_mutexattr_t`: 16 bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Attributes {
    signature: u64,
    kind: u32,
    shared: u32,
}

const _: () = assert!(size_of::<Mutex>() == 64 && size_of::<Attributes>() == 16);

/// What a mutex does when its owner locks it again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Errorcheck,
    Recursive,
}

impl Mutex {
    fn kind(&self) -> Result<Kind, Errno> {
        match self.signature {
            NORMAL_SIGNATURE => Ok(Kind::Normal),
            ERRORCHECK_SIGNATURE => Ok(Kind::Errorcheck),
            RECURSIVE_SIGNATURE => Ok(Kind::Recursive),
            _ => Err(Errno::EINVAL),
        }
    }

    fn operation(&self) -> u32 {
        if self.shared == 0 {
            UL_COMPARE_AND_WAIT
        } else {
            UL_COMPARE_AND_WAIT_SHARED
        }
    }

    fn is_mine(&self) -> bool {
        self.owner.load(Relaxed) == current() as usize
    }

    /// The owner locks it again.
    fn lock_again(&self, kind: Kind, otherwise: Errno) -> Result<(), Errno> {
        if kind != Kind::Recursive {
            return Err(otherwise);
        }
        let again = self
            .again
            .load(Relaxed)
            .checked_add(1)
            .ok_or(Errno::EAGAIN)?;
        self.again.store(again, Relaxed);
        Ok(())
    }

    pub(super) fn lock(&self) -> Result<(), Errno> {
        let kind = self.kind()?;
        if kind == Kind::Normal {
            self.word.lock_by(self.operation());
            return Ok(());
        }
        if self.is_mine() {
            return self.lock_again(kind, Errno::EDEADLK);
        }
        self.word.lock_by(self.operation());
        self.owner.store(current() as usize, Relaxed);
        Ok(())
    }

    fn try_lock(&self) -> Result<(), Errno> {
        let kind = self.kind()?;
        if kind != Kind::Normal && self.is_mine() {
            return self.lock_again(kind, Errno::EBUSY);
        }
        if !self.word.try_lock() {
            return Err(Errno::EBUSY);
        }
        if kind != Kind::Normal {
            self.owner.store(current() as usize, Relaxed);
        }
        Ok(())
    }

    pub(super) fn unlock(&self) -> Result<(), Errno> {
        if self.kind()? != Kind::Normal {
            if !self.is_mine() {
                return Err(Errno::EPERM);
            }
            let again = self.again.load(Relaxed);
            if again != 0 {
                self.again.store(again - 1, Relaxed);
                return Ok(());
            }
            self.owner.store(0, Relaxed);
        }
        self.word.unlock_by(self.operation());
        Ok(())
    }
}

fn mutex<'a>(mutex: *const Mutex) -> Result<&'a Mutex, Errno> {
    // SAFETY: the caller's mutex, or null.
    unsafe { mutex.as_ref() }.ok_or(Errno::EINVAL)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_init(
    to: *mut Mutex,
    attributes: *const Attributes,
) -> c_int {
    // SAFETY: the caller's attributes, or null.
    let attributes = unsafe { attributes.as_ref() };
    if attributes.is_some_and(|attributes| attributes.signature != ATTRIBUTES_SIGNATURE) {
        return Errno::EINVAL.0;
    }
    let made = Mutex {
        signature: match attributes.map_or(NORMAL, |attributes| attributes.kind as c_int) {
            ERRORCHECK => ERRORCHECK_SIGNATURE,
            RECURSIVE => RECURSIVE_SIGNATURE,
            _ => NORMAL_SIGNATURE,
        },
        word: Word::new(),
        shared: attributes.map_or(0, |attributes| attributes.shared),
        owner: AtomicUsize::new(0),
        again: AtomicU32::new(0),
        pad: [0; 9],
    };
    // SAFETY: the caller's room for a mutex.
    unsafe { to.write(made) };
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_destroy(to: *mut Mutex) -> c_int {
    let checked = mutex(to).and_then(|mutex| {
        mutex.kind()?;
        if mutex.word.is_held() {
            Err(Errno::EBUSY)
        } else {
            Ok(())
        }
    });
    if checked.is_ok() {
        // SAFETY: the caller's mutex, which nobody uses any more.
        unsafe { (*to).signature = 0 };
    }
    code(checked)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_lock(of: *mut Mutex) -> c_int {
    code(mutex(of).and_then(Mutex::lock))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_trylock(of: *mut Mutex) -> c_int {
    code(mutex(of).and_then(Mutex::try_lock))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutex_unlock(of: *mut Mutex) -> c_int {
    code(mutex(of).and_then(Mutex::unlock))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_init(to: *mut Attributes) -> c_int {
    let fresh = Attributes {
        signature: ATTRIBUTES_SIGNATURE,
        kind: NORMAL as u32,
        shared: 0,
    };
    // SAFETY: the caller's room for attributes.
    unsafe { to.write(fresh) };
    0
}

fn change(to: *mut Attributes, valid: bool, change: impl FnOnce(&mut Attributes)) -> c_int {
    // SAFETY: the caller's attributes, or null.
    match unsafe { to.as_mut() } {
        Some(attributes) if valid && attributes.signature == ATTRIBUTES_SIGNATURE => {
            change(attributes);
            0
        }
        _ => Errno::EINVAL.0,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_destroy(to: *mut Attributes) -> c_int {
    change(to, true, |attributes| attributes.signature = 0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_settype(to: *mut Attributes, kind: c_int) -> c_int {
    let valid = (NORMAL..=RECURSIVE).contains(&kind);
    change(to, valid, |attributes| attributes.kind = kind as u32)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_gettype(of: *mut Attributes, to: *mut c_int) -> c_int {
    // SAFETY: the caller's place.
    change(of, true, |attributes| unsafe {
        *to = attributes.kind as c_int
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_setpshared(to: *mut Attributes, shared: c_int) -> c_int {
    let valid = shared == SHARED || shared == PRIVATE;
    change(to, valid, |attributes| {
        attributes.shared = u32::from(shared == SHARED)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pthread_mutexattr_getpshared(
    of: *mut Attributes,
    to: *mut c_int,
) -> c_int {
    // SAFETY: the caller's place.
    change(of, true, |attributes| unsafe {
        *to = if attributes.shared == 0 {
            PRIVATE
        } else {
            SHARED
        };
    })
}
