//! `echo`, `true`, `false`.

use super::options::program;
use super::out::Out;
use alloc::vec::Vec;

program!(echo_main, echo);
program!(true_main, succeed);
program!(false_main, fail);

fn echo(args: &[Vec<u8>]) -> i32 {
    let no_newline = args.first().is_some_and(|first| first == b"-n");
    let words = &args[usize::from(no_newline)..];
    let mut out = Out::new();
    out.bytes(&words.join(&b' '));
    if !no_newline {
        out.bytes(b"\n");
    }
    i32::from(!out.flush())
}

fn succeed(_args: &[Vec<u8>]) -> i32 {
    0
}

fn fail(_args: &[Vec<u8>]) -> i32 {
    1
}
