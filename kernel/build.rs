//! Gives the linker the machine's script.

use std::env;
use std::path::PathBuf;

fn main() {
    let of = |name: &str| env::var(name).unwrap_or_default();
    if of("CARGO_CFG_TARGET_OS") != "none" {
        return;
    }
    let machine = of("CARGO_CFG_TARGET_ARCH");
    let script: PathBuf = [
        &of("CARGO_MANIFEST_DIR"),
        "..",
        "boot",
        "src",
        &machine,
        "kernel.ld",
    ]
    .iter()
    .collect();
    println!("cargo::rustc-link-arg-bins=-T{}", script.display());
    if machine == "aarch64" {
        // The prebuilt `core` keeps pointers in constants; `boot` relocates before they become
        // read-only.
        for argument in [
            "-pie",
            "--no-dynamic-linker",
            "-znotext",
            "--apply-dynamic-relocs",
        ] {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
    println!("cargo::rerun-if-changed={}", script.display());
}
