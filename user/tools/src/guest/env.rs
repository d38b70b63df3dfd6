//! `env`.

use super::options::program;
use super::out::{Out, fail};
use super::{c, sys};
use abi::Errno;
use alloc::string::String;
use alloc::vec::Vec;

program!(env_main, env);

fn env(args: &[Vec<u8>]) -> i32 {
    let mut args = args;
    if args.first().is_some_and(|first| first == b"-i") {
        for entry in sys::environment() {
            let name = entry.split(|&byte| byte == b'=').next().unwrap_or_default();
            sys::unset_variable(&String::from_utf8_lossy(name));
        }
        args = &args[1..];
    }
    while let Some((first, rest)) = args.split_first() {
        let Some(equals) = first.iter().position(|&byte| byte == b'=') else {
            break;
        };
        sys::set_variable(
            &String::from_utf8_lossy(&first[..equals]),
            &first[equals + 1..],
        );
        args = rest;
    }
    let Some(command) = args.first() else {
        let mut out = Out::new();
        for entry in sys::environment() {
            out.bytes(&entry);
            out.bytes(b"\n");
        }
        return 0;
    };
    let strings: Vec<_> = args.iter().map(|arg| sys::c_string(arg)).collect();
    let mut argv: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
    argv.push(core::ptr::null());
    // SAFETY: a vector of C strings that ends with a null pointer.
    unsafe { c::execvp(argv[0], argv.as_ptr()) };
    let error = sys::errno();
    fail("env", command, error);
    if error == Errno::ENOENT { 127 } else { 126 }
}
