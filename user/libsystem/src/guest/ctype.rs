//! ctype.h for the C locale.

use core::ffi::c_int;

macro_rules! tests {
    ($($name:ident $test:ident;)*) => {$(
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(c: c_int) -> c_int {
            c_int::from(u8::try_from(c).is_ok_and(|byte| byte.$test()))
        }
    )*};
}

tests! {
    isalpha is_ascii_alphabetic; isdigit is_ascii_digit; isalnum is_ascii_alphanumeric; isupper is_ascii_uppercase;
    islower is_ascii_lowercase; ispunct is_ascii_punctuation; isxdigit is_ascii_hexdigit; isgraph is_ascii_graphic;
    iscntrl is_ascii_control;
}

#[unsafe(no_mangle)]
pub extern "C" fn isspace(c: c_int) -> c_int {
    c_int::from(c == 32 || (9..=13).contains(&c))
}

#[unsafe(no_mangle)]
pub extern "C" fn isblank(c: c_int) -> c_int {
    c_int::from(c == 32 || c == 9)
}

#[unsafe(no_mangle)]
pub extern "C" fn isprint(c: c_int) -> c_int {
    c_int::from((32..127).contains(&c))
}

#[unsafe(no_mangle)]
pub extern "C" fn isascii(c: c_int) -> c_int {
    c_int::from((0..128).contains(&c))
}

#[unsafe(no_mangle)]
pub extern "C" fn toupper(c: c_int) -> c_int {
    if islower(c) != 0 { c - 32 } else { c }
}

#[unsafe(no_mangle)]
pub extern "C" fn tolower(c: c_int) -> c_int {
    if isupper(c) != 0 { c + 32 } else { c }
}
