//! stdlib.h: numbers, sorting, searching, random numbers.
//!
//! Does not own: memory (`malloc`), the environment, the end of a process (`process`).

use crate::{errno, number, process, sort};
use abi::Errno;
use core::ffi::{c_char, c_double, c_int, c_long, c_uint, c_void};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

unsafe fn parse(text: *const c_char, end: *mut *mut c_char, base: c_int) -> number::Integer {
    if base < 0 || base == 1 || base > 36 {
        errno::set(Errno::EINVAL);
        // SAFETY: the caller's place, or null.
        unsafe { finish(text, end, 0) };
        return number::Integer::default();
    }
    // SAFETY: a C string; the reader stops at its NUL.
    let value = number::integer(|i| unsafe { *text.add(i) as u8 }, base as u32);
    // SAFETY: the caller's place, or null.
    unsafe { finish(text, end, value.length) };
    value
}

unsafe fn finish(text: *const c_char, end: *mut *mut c_char, length: usize) {
    if !end.is_null() {
        // SAFETY: the caller's place; the length lies within the text.
        unsafe { *end = text.add(length).cast_mut() };
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtoll(text: *const c_char, end: *mut *mut c_char, base: c_int) -> i64 {
    // SAFETY: the caller's C string.
    let value = unsafe { parse(text, end, base) };
    let limit = i64::MAX as u64 + u64::from(value.negative);
    if value.overflow || value.magnitude > limit {
        errno::set(Errno::ERANGE);
        return if value.negative { i64::MIN } else { i64::MAX };
    }
    if value.negative {
        (value.magnitude as i64).wrapping_neg()
    } else {
        value.magnitude as i64
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtoull(text: *const c_char, end: *mut *mut c_char, base: c_int) -> u64 {
    // SAFETY: the caller's C string.
    let value = unsafe { parse(text, end, base) };
    if value.overflow {
        errno::set(Errno::ERANGE);
        return u64::MAX;
    }
    if value.negative {
        value.magnitude.wrapping_neg()
    } else {
        value.magnitude
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtol(text: *const c_char, end: *mut *mut c_char, base: c_int) -> c_long {
    // SAFETY: the caller's C string.
    unsafe { strtoll(text, end, base) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtoul(text: *const c_char, end: *mut *mut c_char, base: c_int) -> u64 {
    // SAFETY: the caller's C string.
    unsafe { strtoull(text, end, base) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtoimax(text: *const c_char, end: *mut *mut c_char, base: c_int) -> i64 {
    // SAFETY: the caller's C string.
    unsafe { strtoll(text, end, base) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtoumax(text: *const c_char, end: *mut *mut c_char, base: c_int) -> u64 {
    // SAFETY: the caller's C string.
    unsafe { strtoull(text, end, base) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtod(text: *const c_char, end: *mut *mut c_char) -> c_double {
    // SAFETY: a C string; the reader stops at its NUL.
    let (value, length) = number::float(|i| unsafe { *text.add(i) as u8 });
    // SAFETY: the caller's place, or null.
    unsafe { finish(text, end, length) };
    if value.is_infinite() && length != 0 {
        // "inf" itself is no overflow; only digits overflow.
        // SAFETY: the number lies within the text.
        let digits = (0..length).any(|i| unsafe { *text.add(i) as u8 }.is_ascii_digit());
        if digits {
            errno::set(Errno::ERANGE);
        }
    }
    value
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtof(text: *const c_char, end: *mut *mut c_char) -> f32 {
    // SAFETY: the caller's C string.
    unsafe { strtod(text, end) as f32 }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn atof(text: *const c_char) -> c_double {
    // SAFETY: the caller's C string.
    unsafe { strtod(text, core::ptr::null_mut()) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn atoi(text: *const c_char) -> c_int {
    // SAFETY: the caller's C string.
    unsafe { strtoll(text, core::ptr::null_mut(), 10) as c_int }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn atol(text: *const c_char) -> c_long {
    // SAFETY: the caller's C string.
    unsafe { strtoll(text, core::ptr::null_mut(), 10) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn atoll(text: *const c_char) -> i64 {
    // SAFETY: the caller's C string.
    unsafe { strtoll(text, core::ptr::null_mut(), 10) }
}

#[unsafe(no_mangle)]
pub extern "C" fn abs(value: c_int) -> c_int {
    value.wrapping_abs()
}

#[unsafe(no_mangle)]
pub extern "C" fn labs(value: c_long) -> c_long {
    value.wrapping_abs()
}

#[unsafe(no_mangle)]
pub extern "C" fn llabs(value: i64) -> i64 {
    value.wrapping_abs()
}

/// Elements of a C array for `sort`.
struct Row<F> {
    base: *mut u8,
    width: usize,
    compare: F,
}

impl<F: Fn(*const c_void, *const c_void) -> c_int> sort::Items for Row<F> {
    fn less(&mut self, a: usize, b: usize) -> bool {
        // SAFETY: both numbers are below the array's count.
        unsafe {
            (self.compare)(
                self.base.add(a * self.width).cast(),
                self.base.add(b * self.width).cast(),
            ) < 0
        }
    }
    fn swap(&mut self, a: usize, b: usize) {
        if a != b {
            // SAFETY: two different elements of the array.
            unsafe {
                core::ptr::swap_nonoverlapping(
                    self.base.add(a * self.width),
                    self.base.add(b * self.width),
                    self.width,
                )
            };
        }
    }
}

type Compare = unsafe extern "C" fn(*const c_void, *const c_void) -> c_int;
type CompareWith = unsafe extern "C" fn(*mut c_void, *const c_void, *const c_void) -> c_int;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn qsort(base: *mut c_void, count: usize, width: usize, compare: Compare) {
    // SAFETY: the caller's function takes elements of the caller's array.
    let compare = move |a, b| unsafe { compare(a, b) };
    sort::sort(
        &mut Row {
            base: base.cast(),
            width,
            compare,
        },
        count,
    );
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn qsort_r(
    base: *mut c_void,
    count: usize,
    width: usize,
    context: *mut c_void,
    compare: CompareWith,
) {
    // SAFETY: the caller's function takes its context and elements of the caller's array.
    let compare = move |a, b| unsafe { compare(context, a, b) };
    sort::sort(
        &mut Row {
            base: base.cast(),
            width,
            compare,
        },
        count,
    );
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn bsearch(
    key: *const c_void,
    base: *const c_void,
    count: usize,
    width: usize,
    compare: Compare,
) -> *mut c_void {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        // SAFETY: `middle` is below the count of the caller's sorted array.
        unsafe {
            let element = base.byte_add(middle * width);
            match compare(key, element) {
                0 => return element.cast_mut(),
                n if n < 0 => high = middle,
                _ => low = middle + 1,
            }
        }
    }
    core::ptr::null_mut()
}

/// State of `rand` and `random`.
static STATE: AtomicU64 = AtomicU64::new(1);

/// The next value of a 64-bit linear congruential generator, its high bits.
fn next_random() -> u32 {
    let next = |state: u64| {
        state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407)
    };
    let before = STATE.fetch_update(Relaxed, Relaxed, |state| Some(next(state)));
    (next(before.unwrap_or(1)) >> 33) as u32
}

#[unsafe(no_mangle)]
pub extern "C" fn srand(seed: c_uint) {
    STATE.store(u64::from(seed), Relaxed);
}

#[unsafe(no_mangle)]
pub extern "C" fn rand() -> c_int {
    next_random() as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn srandom(seed: c_uint) {
    srand(seed);
}

#[unsafe(no_mangle)]
pub extern "C" fn random() -> c_long {
    c_long::from(next_random())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rand_r(state: *mut c_uint) -> c_int {
    // SAFETY: the caller's state.
    unsafe {
        *state = (*state).wrapping_mul(1_103_515_245).wrapping_add(12345);
        (*state >> 1) as c_int
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn arc4random_buf(buffer: *mut c_void, size: usize) {
    let mut done = 0;
    while done < size {
        let n = (size - done).min(256);
        // SAFETY: within the caller's buffer.
        if crate::unistd::getentropy(unsafe { buffer.byte_add(done) }, n) != 0 {
            process::abort();
        }
        done += n;
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn arc4random() -> u32 {
    let mut value = 0u32;
    // SAFETY: the buffer is ours.
    unsafe { arc4random_buf((&raw mut value).cast(), 4) };
    value
}

#[unsafe(no_mangle)]
pub extern "C" fn arc4random_uniform(bound: u32) -> u32 {
    if bound < 2 {
        return 0;
    }
    // Values below 2^32 mod bound would make small results likelier.
    let least = bound.wrapping_neg() % bound;
    loop {
        let value = arc4random();
        if value >= least {
            return value % bound;
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn system(command: *const c_char) -> c_int {
    if command.is_null() {
        return 1;
    }
    let pid = process::fork();
    if pid == 0 {
        let argv = [c"sh".as_ptr(), c"-c".as_ptr(), command, core::ptr::null()];
        // SAFETY: a vector of C strings.
        unsafe { process::execv(c"/bin/sh".as_ptr(), argv.as_ptr()) };
        process::_exit(127);
    }
    let mut status = -1;
    // SAFETY: the status is ours.
    if pid > 0 && unsafe { process::waitpid(pid, &mut status, 0) } < 0 {
        status = -1;
    }
    status
}
