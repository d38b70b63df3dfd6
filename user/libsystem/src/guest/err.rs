//! err.h and assert.h: messages that end a program.

use crate::arch::VaList;
use crate::stdio::{self, FILE};
use crate::{environment, errno, process};
use core::ffi::{c_char, c_int};

/// Writes `program: message[: sentence]` to standard error.
unsafe fn message(template: *const c_char, args: VaList, number: Option<c_int>) {
    let out: *mut FILE = stdio::stderr();
    // SAFETY: the caller's template and arguments.
    unsafe {
        stdio::fputs(environment::getprogname(), out);
        stdio::fputs(c": ".as_ptr(), out);
        if !template.is_null() {
            stdio::vfprintf(out, template, args);
        }
        if let Some(number) = number {
            if !template.is_null() {
                stdio::fputs(c": ".as_ptr(), out);
            }
            stdio::fputs(errno::strerror(number), out);
        }
        stdio::fputs(c"\n".as_ptr(), out);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn verrc(
    status: c_int,
    number: c_int,
    template: *const c_char,
    args: VaList,
) -> ! {
    // SAFETY: the caller's template and arguments.
    unsafe { message(template, args, Some(number)) };
    process::exit(status)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn verr(status: c_int, template: *const c_char, args: VaList) -> ! {
    // SAFETY: the caller's template and arguments.
    unsafe { verrc(status, errno::get().0, template, args) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn verrx(status: c_int, template: *const c_char, args: VaList) -> ! {
    // SAFETY: the caller's template and arguments.
    unsafe { message(template, args, None) };
    process::exit(status)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vwarnc(number: c_int, template: *const c_char, args: VaList) {
    // SAFETY: the caller's template and arguments.
    unsafe { message(template, args, Some(number)) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vwarn(template: *const c_char, args: VaList) {
    // SAFETY: the caller's template and arguments.
    unsafe { message(template, args, Some(errno::get().0)) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn vwarnx(template: *const c_char, args: VaList) {
    // SAFETY: the caller's template and arguments.
    unsafe { message(template, args, None) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn __assert_rtn(
    function: *const c_char,
    file: *const c_char,
    line: c_int,
    what: *const c_char,
) -> ! {
    let out = stdio::stderr();
    let number = crate::number_text(i64::from(line));
    // SAFETY: C strings from the macro.
    unsafe {
        for part in [
            c"Assertion failed: (".as_ptr(),
            what,
            c"), function ".as_ptr(),
            function,
            c", file ".as_ptr(),
            file,
        ] {
            stdio::fputs(part, out);
        }
        stdio::fputs(c", line ".as_ptr(), out);
        stdio::fwrite(number.bytes().as_ptr().cast(), 1, number.bytes().len(), out);
        stdio::fputs(c".\n".as_ptr(), out);
    }
    process::abort()
}
