//! Calls that Darwin has and that nobody is allowed, here or there.
//!
//! Owns: the refusals and the checks that come before them. Does not own: calls that are absent; the
//! tables answer those.

use super::{Answer, Call};
use crate::mach::Trap;
use abi::{Errno, KernReturn};

/// `mlockall`, `munlockall`: Darwin has them not.
pub fn no_call(_: &mut Call<'_>) -> Answer {
    Err(Errno::ENOSYS.into())
}

/// `swapon(name)`: the kernel makes its swap files itself.
pub fn swapon(_: &mut Call<'_>) -> Answer {
    Err(Errno::ENOTSUP.into())
}

/// `kas_info(selector, *value, *size)`: where the kernel lies is told to nobody, and only the superuser
/// learns that it is not.
pub fn kas_info(call: &mut Call<'_>) -> Answer {
    if !call.task.is_root() {
        return Err(Errno::EPERM.into());
    }
    Err(Errno::ENOTSUP.into())
}

/// `macx_swapon` and its kin: the traps of a pager outside the kernel. They answer an errno.
pub fn macx(_: &mut Call<'_>) -> Trap {
    Err(KernReturn(Errno::ENOTSUP.0))
}
