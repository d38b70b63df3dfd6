//! Where things are: the source tree, the target folder, a run's own folder.
//!
//! Owns: the paths. Does not own: what is in them.

use crate::failure::{Context, Failure};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The top of the source tree.
pub fn root() -> PathBuf {
    // Cargo tells a program that it runs where its package is; a copied binary remembers where it was built.
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .filter(|path| path.ends_with("qemu"))
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    package.parent().map(Path::to_path_buf).unwrap_or(package)
}

/// Cargo's target folder: `CARGO_TARGET_DIR`, or `target` at the top.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR").filter(|value| !value.is_empty()) {
        Some(path) => root().join(path),
        None => root().join("target"),
    }
}

/// The folder for what the host command makes out of cargo's output: kernel images, linked programs.
pub fn products() -> PathBuf {
    target().join("vellum")
}

/// A folder of its own for one run, removed when the value is dropped.
pub fn run_folder() -> Result<tempfile::TempDir, Failure> {
    tempfile::Builder::new()
        .prefix("vellum-")
        .tempdir()
        .context("cannot make a temporary folder")
}

/// The program for `name`, which the environment variable `variable` replaces.
pub fn program(variable: &str, name: &str) -> OsString {
    std::env::var_os(variable)
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| name.into())
}
