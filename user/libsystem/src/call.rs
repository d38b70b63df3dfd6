//! The one way to make a system call from C's functions.
//!
//! Owns: packing arguments, turning the carry flag into `errno`. Does not own: the instruction (`arch`).

/// Six argument words from up to six values.
#[allow(unused_macros, reason = "the host compiles only the pure parts")]
macro_rules! words {
    () => {
        [0; 6]
    };
    ($a:expr) => {
        [$a as u64, 0, 0, 0, 0, 0]
    };
    ($a:expr, $b:expr) => {
        [$a as u64, $b as u64, 0, 0, 0, 0]
    };
    ($a:expr, $b:expr, $c:expr) => {
        [$a as u64, $b as u64, $c as u64, 0, 0, 0]
    };
    ($a:expr, $b:expr, $c:expr, $d:expr) => {
        [$a as u64, $b as u64, $c as u64, $d as u64, 0, 0]
    };
    ($a:expr, $b:expr, $c:expr, $d:expr, $e:expr) => {
        [$a as u64, $b as u64, $c as u64, $d as u64, $e as u64, 0]
    };
    ($a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr) => {
        [
            $a as u64, $b as u64, $c as u64, $d as u64, $e as u64, $f as u64,
        ]
    };
}

/// A BSD call: its first result, or -1 with `errno` set.
#[allow(unused_macros, reason = "the host compiles only the pure parts")]
macro_rules! unix {
    ($number:ident $(, $arg:expr)*) => {{
        let words = words!($($arg),*);
        // SAFETY: the arguments are the C caller's, who keeps the call's contract; the kernel checks them.
        #[allow(unused_unsafe, reason = "some callers are inside an unsafe block")]
        let answer = unsafe { $crate::arch::unix(abi::syscall::$number, words) };
        $crate::errno::answer(answer)
    }};
}

/// A Mach trap: its result.
#[allow(unused_macros, reason = "the host compiles only the pure parts")]
macro_rules! mach {
    ($number:ident $(, $arg:expr)*) => {{
        let words = words!($($arg),*);
        // SAFETY: the arguments are the C caller's, who keeps the trap's contract; the kernel checks them.
        #[allow(unused_unsafe, reason = "some callers are inside an unsafe block")]
        let answer = unsafe { $crate::arch::mach(abi::trap::$number, words) };
        answer as i32
    }};
}
