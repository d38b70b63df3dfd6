//! Gives the linker the script of QEMU's `virt` board.

use std::{env, path::Path};

fn main() {
    let of = |name: &str| env::var(name).unwrap_or_default();
    let script = Path::new(&of("CARGO_MANIFEST_DIR")).join("kernel.ld");
    println!("cargo::rerun-if-changed={}", script.display());
    if of("CARGO_CFG_TARGET_OS") == "none" {
        println!("cargo::rustc-link-arg-bins=-T{}", script.display());
    }
}
