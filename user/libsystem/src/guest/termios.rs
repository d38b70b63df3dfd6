//! termios.h.

use abi::termios::{TIOCDRAIN, TIOCGETA, TIOCSETA, Termios};
use core::ffi::c_int;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcgetattr(fd: c_int, to: *mut Termios) -> c_int {
    unix!(SYS_IOCTL, fd, TIOCGETA, to) as c_int
}

/// `tcsetattr`'s actions are consecutive, as the requests are: now, drain, flush.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcsetattr(fd: c_int, action: c_int, from: *const Termios) -> c_int {
    if !(0..=2).contains(&action) {
        crate::errno::set(abi::Errno::EINVAL);
        return -1;
    }
    unix!(SYS_IOCTL, fd, TIOCSETA + action as u64, from) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn tcdrain(fd: c_int) -> c_int {
    unix!(SYS_IOCTL, fd, TIOCDRAIN, 0) as c_int
}

/// `lflag`, `iflag`, `oflag` bits that `cfmakeraw` clears.
const RAW_LFLAG: u64 =
    abi::termios::ECHO | abi::termios::ICANON | abi::termios::ISIG | abi::termios::IEXTEN;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfmakeraw(settings: *mut Termios) {
    // SAFETY: the caller's record.
    let settings = unsafe { &mut *settings };
    settings.iflag &= !(abi::termios::ICRNL | abi::termios::IXON);
    settings.oflag &= !abi::termios::OPOST;
    settings.lflag &= !RAW_LFLAG;
    settings.cc[abi::termios::VMIN] = 1;
    settings.cc[abi::termios::VTIME] = 0;
}
