//! `getopt`.

use core::ffi::{c_char, c_int};
use core::ptr::null_mut;

#[unsafe(no_mangle)]
pub static mut optarg: *mut c_char = null_mut();
#[unsafe(no_mangle)]
pub static mut optind: c_int = 1;
#[unsafe(no_mangle)]
pub static mut opterr: c_int = 1;
#[unsafe(no_mangle)]
pub static mut optopt: c_int = 0;
#[unsafe(no_mangle)]
pub static mut optreset: c_int = 0;
/// What is left of the argument under way.
static mut PLACE: *mut c_char = null_mut();

fn complain(what: &[u8], option: u8) {
    // SAFETY: the program's name is a C string.
    let name = unsafe { core::ffi::CStr::from_ptr(crate::environment::getprogname()) };
    let mut text = crate::format::Fixed::<256>::new();
    text.push(name.to_bytes());
    text.push(what);
    text.push(&[option, b'\n']);
    crate::unistd::write_all(2, text.bytes());
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn getopt(
    argc: c_int,
    argv: *const *mut c_char,
    options: *const c_char,
) -> c_int {
    // SAFETY: one thread; the caller's vector and C string.
    unsafe {
        if optreset != 0 {
            optreset = 0;
            PLACE = null_mut();
        }
        if PLACE.is_null() || *PLACE == 0 {
            if optind >= argc {
                return -1;
            }
            let argument = *argv.add(optind as usize);
            if argument.is_null() || *argument != b'-' as c_char || *argument.add(1) == 0 {
                return -1;
            }
            if *argument.add(1) == b'-' as c_char && *argument.add(2) == 0 {
                optind += 1;
                PLACE = null_mut();
                return -1;
            }
            PLACE = argument.add(1);
        }
        let option = *PLACE as u8;
        PLACE = PLACE.add(1);
        optopt = c_int::from(option);
        let quiet = opterr == 0 || *options == b':' as c_char;
        let found = crate::string::strchr(options, c_int::from(option));
        if option == b':' || found.is_null() {
            if *PLACE == 0 {
                optind += 1;
            }
            if !quiet {
                complain(b": illegal option -- ", option);
            }
            return c_int::from(b'?');
        }
        if *found.add(1) != b':' as c_char {
            optarg = null_mut();
            if *PLACE == 0 {
                optind += 1;
            }
            return c_int::from(option);
        }
        optind += 1;
        if *PLACE != 0 {
            optarg = PLACE;
        } else if optind < argc {
            optarg = *argv.add(optind as usize);
            optind += 1;
        } else {
            PLACE = null_mut();
            if !quiet {
                complain(b": option requires an argument -- ", option);
            }
            return if *options == b':' as c_char {
                c_int::from(b':')
            } else {
                c_int::from(b'?')
            };
        }
        PLACE = null_mut();
        c_int::from(option)
    }
}
