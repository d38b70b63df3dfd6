//! The kernel's image: everything is in the library.
#![cfg_attr(target_os = "none", no_std)]
#![cfg_attr(target_os = "none", no_main)]

#[cfg(target_os = "none")]
use kernel as _;

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this is a kernel: build it for the machine, with `cargo vellum run`");
    std::process::exit(1);
}
