//! time.h, sys/time.h, mach/mach_time.h.
//!
//! Owns: the calendar (UTC; there are no time zones). Does not own: the clock (the kernel and the CPU's counter).

use crate::arch;
use abi::stat::Timespec;
use abi::sysctl::Timeval;
use core::ffi::{c_char, c_int, c_uint};

/// `struct mach_timebase_info`: nanoseconds per tick as a fraction.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Timebase {
    numer: u32,
    denom: u32,
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_absolute_time() -> u64 {
    arch::ticks()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mach_timebase_info(info: *mut Timebase) -> c_int {
    mach!(TIMEBASE_INFO, info)
}

#[unsafe(no_mangle)]
pub extern "C" fn mach_wait_until(deadline: u64) -> c_int {
    mach!(WAIT_UNTIL, deadline)
}

/// Ticks in nanoseconds.
fn nanoseconds(ticks: u64) -> u64 {
    let mut base = Timebase::default();
    // SAFETY: the record is ours.
    unsafe { mach_timebase_info(&mut base) };
    (u128::from(ticks) * u128::from(base.numer) / u128::from(base.denom.max(1))) as u64
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(to: *mut Timeval, _zone: *mut u8) -> c_int {
    unix!(SYS_GETTIMEOFDAY, to, 0, 0) as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(to: *mut i64) -> i64 {
    let mut now = Timeval::default();
    // SAFETY: the record is ours; the caller's place.
    unsafe {
        gettimeofday(&mut now, core::ptr::null_mut());
        if !to.is_null() {
            *to = now.sec;
        }
    }
    now.sec
}

/// `clock_gettime`: the wall clock.
const CLOCK_REALTIME: c_uint = 0;

const BILLION: u64 = 1_000_000_000;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_uint, to: *mut Timespec) -> c_int {
    let value = if clock == CLOCK_REALTIME {
        let mut now = Timeval::default();
        // SAFETY: the record is ours.
        unsafe { gettimeofday(&mut now, core::ptr::null_mut()) };
        Timespec {
            sec: now.sec,
            nsec: i64::from(now.usec) * 1000,
        }
    } else {
        let now = nanoseconds(arch::ticks());
        Timespec {
            sec: (now / BILLION) as i64,
            nsec: (now % BILLION) as i64,
        }
    };
    // SAFETY: the caller's record.
    unsafe { *to = value };
    0
}

#[unsafe(no_mangle)]
pub extern "C" fn clock_gettime_nsec_np(_clock: c_uint) -> u64 {
    nanoseconds(arch::ticks())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nanosleep(wanted: *const Timespec, left: *mut Timespec) -> c_int {
    // SAFETY: the caller's record.
    let wanted = unsafe { *wanted };
    if wanted.sec < 0 || !(0..BILLION as i64).contains(&wanted.nsec) {
        crate::errno::set(abi::Errno::EINVAL);
        return -1;
    }
    let start = nanoseconds(arch::ticks());
    let answer = unix!(SYS_SEMWAIT_SIGNAL, 0, 0, 1, 1, wanted.sec, wanted.nsec);
    if answer == 0 || crate::errno::get() == abi::Errno::ETIMEDOUT {
        return 0;
    }
    if !left.is_null() {
        let spent = nanoseconds(arch::ticks()).saturating_sub(start);
        let all = wanted.sec as u64 * BILLION + wanted.nsec as u64;
        let rest = all.saturating_sub(spent);
        // SAFETY: the caller's record.
        unsafe {
            *left = Timespec {
                sec: (rest / BILLION) as i64,
                nsec: (rest % BILLION) as i64,
            }
        };
    }
    -1
}

#[unsafe(no_mangle)]
pub extern "C" fn sleep(seconds: c_uint) -> c_uint {
    let wanted = Timespec {
        sec: i64::from(seconds),
        nsec: 0,
    };
    let mut left = Timespec::default();
    // SAFETY: both records are ours.
    if unsafe { nanosleep(&wanted, &mut left) } == 0 {
        0
    } else {
        left.sec as c_uint
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn usleep(microseconds: c_uint) -> c_int {
    let wanted = Timespec {
        sec: i64::from(microseconds / 1_000_000),
        nsec: i64::from(microseconds % 1_000_000) * 1000,
    };
    // SAFETY: the record is ours.
    unsafe { nanosleep(&wanted, core::ptr::null_mut()) }
}

#[unsafe(no_mangle)]
pub extern "C" fn sched_yield() -> c_int {
    mach!(SWTCH_PRI, 0);
    0
}

/// `struct tm`.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Tm {
    pub sec: c_int,
    pub min: c_int,
    pub hour: c_int,
    pub mday: c_int,
    pub mon: c_int,
    pub year: c_int,
    pub wday: c_int,
    pub yday: c_int,
    pub isdst: c_int,
    pub gmtoff: i64,
    pub zone: usize,
}

static mut RESULT: Tm = Tm {
    sec: 0,
    min: 0,
    hour: 0,
    mday: 0,
    mon: 0,
    year: 0,
    wday: 0,
    yday: 0,
    isdst: 0,
    gmtoff: 0,
    zone: 0,
};

/// Days from 1970-01-01 to the first of March of year 0 of the proleptic calendar, as a count back.
const EPOCH_SHIFT: i64 = 719_468;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gmtime_r(time: *const i64, to: *mut Tm) -> *mut Tm {
    // SAFETY: the caller's records.
    let time = unsafe { *time };
    let (days, rest) = (time.div_euclid(86400), time.rem_euclid(86400));
    // Years begin in March here, so that the leap day is the last one.
    let shifted = days + EPOCH_SHIFT;
    let era = shifted.div_euclid(146_097);
    let day = shifted.rem_euclid(146_097);
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let mday = day_of_year - (153 * month + 2) / 5 + 1;
    let mon = if month < 10 { month + 2 } else { month - 10 };
    let full = year + era * 400 + i64::from(mon <= 1);
    let leap = full % 4 == 0 && (full % 100 != 0 || full % 400 == 0);
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][mon as usize];
    let value = Tm {
        sec: (rest % 60) as c_int,
        min: (rest / 60 % 60) as c_int,
        hour: (rest / 3600) as c_int,
        mday: mday as c_int,
        mon: mon as c_int,
        year: (full - 1900) as c_int,
        wday: (days + 4).rem_euclid(7) as c_int,
        yday: (before + mday - 1 + i64::from(leap && mon > 1)) as c_int,
        isdst: 0,
        gmtoff: 0,
        zone: c"UTC".as_ptr() as usize,
    };
    // SAFETY: the caller's record.
    unsafe { *to = value };
    to
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn localtime_r(time: *const i64, to: *mut Tm) -> *mut Tm {
    // SAFETY: the caller's records.
    unsafe { gmtime_r(time, to) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gmtime(time: *const i64) -> *mut Tm {
    // SAFETY: the caller's time; as C has it, the next call overwrites the result.
    unsafe { gmtime_r(time, &raw mut RESULT) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn localtime(time: *const i64) -> *mut Tm {
    // SAFETY: as `gmtime`.
    unsafe { gmtime_r(time, &raw mut RESULT) }
}

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

#[unsafe(no_mangle)]
pub unsafe extern "C" fn strftime(
    to: *mut c_char,
    size: usize,
    template: *const c_char,
    tm: *const Tm,
) -> usize {
    use core::fmt::Write;
    // SAFETY: the caller's C string and record.
    let (template, tm) = unsafe { (core::ffi::CStr::from_ptr(template).to_bytes(), *tm) };
    let day = DAYS.get(tm.wday as usize).copied().unwrap_or("?");
    let month = MONTHS.get(tm.mon as usize).copied().unwrap_or("?");
    let mut text = crate::format::Fixed::<512>::new();
    let mut rest = template.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            text.push(&[byte]);
            continue;
        }
        let _ = match rest.next() {
            Some(b'a') => text.write_str(&day[..3.min(day.len())]),
            Some(b'A') => text.write_str(day),
            Some(b'b' | b'h') => text.write_str(&month[..3.min(month.len())]),
            Some(b'B') => text.write_str(month),
            Some(b'd') => write!(text, "{:02}", tm.mday),
            Some(b'e') => write!(text, "{:2}", tm.mday),
            Some(b'H') => write!(text, "{:02}", tm.hour),
            Some(b'j') => write!(text, "{:03}", tm.yday + 1),
            Some(b'm') => write!(text, "{:02}", tm.mon + 1),
            Some(b'M') => write!(text, "{:02}", tm.min),
            Some(b'S') => write!(text, "{:02}", tm.sec),
            Some(b'y') => write!(text, "{:02}", tm.year.rem_euclid(100)),
            Some(b'Y') => write!(text, "{}", i64::from(tm.year) + 1900),
            Some(b'F') => write!(
                text,
                "{}-{:02}-{:02}",
                i64::from(tm.year) + 1900,
                tm.mon + 1,
                tm.mday
            ),
            Some(b'T') => write!(text, "{:02}:{:02}:{:02}", tm.hour, tm.min, tm.sec),
            Some(b'Z') => text.write_str("UTC"),
            Some(b'z') => text.write_str("+0000"),
            Some(&other) => {
                text.push(&[other]);
                Ok(())
            }
            None => Ok(()),
        };
    }
    let bytes = text.bytes();
    if bytes.len() >= size {
        return 0;
    }
    // SAFETY: the caller's buffer holds `size` bytes.
    unsafe {
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), to.cast(), bytes.len());
        *to.add(bytes.len()) = 0;
    }
    bytes.len()
}
