//! The house stands as it was drawn: `user → abi`, `kernel → boot → arch → vm → abi`, `qemu → abi`.
//!
//! Reads `cargo metadata` and the sources; an arrow that turns round, or an architecture check outside the
//! folders that may have one, fails here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Who may depend on whom inside the workspace, in any kind of dependency. A crate may name itself (its own
/// features in its tests).
const ARROWS: &[(&str, &[&str])] = &[
    ("abi", &[]),
    ("sync", &["abi"]),
    ("zalloc", &["abi", "sync"]),
    ("vm", &["abi", "sync", "zalloc"]),
    ("example-kernel", &["sync", "zalloc", "vm"]),
    ("arch", &["abi", "sync", "zalloc", "vm"]),
    ("boot", &["abi", "sync", "zalloc", "vm", "arch"]),
    ("ext2", &["abi", "sync"]),
    (
        "kernel",
        &["abi", "sync", "zalloc", "vm", "arch", "boot", "ext2"],
    ),
    ("libsystem", &["abi"]),
    ("tools", &["abi", "libsystem"]),
    ("vellum", &["abi"]),
];

/// Where the machine may be asked for.
const MACHINE_FOLDERS: &[&str] = &["arch/", "boot/"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

/// The dependencies inside the workspace, as cargo sees them.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_string();
    let packages = metadata["packages"].as_array().unwrap();
    let names: Vec<String> = packages
        .iter()
        .map(|package| text(&package["name"]))
        .collect();
    let ours = |package: &serde_json::Value| -> Vec<String> {
        let all = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|dependency| text(&dependency["name"]));
        all.filter(|name| names.contains(name)).collect()
    };
    packages
        .iter()
        .map(|package| (text(&package["name"]), ours(package)))
        .collect()
}

/// Every source file below a folder, with its path from the top.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") {
            let shown = path
                .strip_prefix(root())
                .unwrap()
                .to_string_lossy()
                .into_owned();
            found.push((shown, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

fn may_ask_for_the_machine(path: &str) -> bool {
    MACHINE_FOLDERS.iter().any(|folder| path.starts_with(folder))
        || (path.starts_with("user/") && path.contains("/arch/"))
        // A build script may hand the linker script of its target on.
        || path.ends_with("/build.rs")
        || path == "qemu/tests/arrows.rs"
}

#[test]
fn no_arrow_turns_round() {
    let dependencies = dependencies();
    for (name, on) in &dependencies {
        let (_, allowed) = ARROWS
            .iter()
            .find(|(known, _)| known == name)
            .unwrap_or_else(|| {
                panic!("{name} is not in the drawing: add it to ARROWS and to DESIGN's house");
            });
        for other in on {
            assert!(
                other == name || allowed.contains(&other.as_str()),
                "{name} depends on {other}"
            );
        }
    }
    for (name, _) in ARROWS {
        assert!(dependencies.contains_key(*name), "{name} has gone");
    }
}

#[test]
fn the_drawing_itself_has_no_circle() {
    for (place, (name, on)) in ARROWS.iter().enumerate() {
        for other in *on {
            let below = ARROWS.iter().position(|(known, _)| known == other).unwrap();
            assert!(below < place, "{name} stands before {other}");
        }
    }
}

#[test]
fn the_machine_is_asked_for_in_its_folders_only() {
    let mut found = Vec::new();
    sources(&root(), &mut found);
    assert!(found.len() > 50, "the sources were not found");
    let strangers: Vec<String> = found
        .iter()
        .filter(|(path, text)| !may_ask_for_the_machine(path) && text.contains("target_arch"))
        .map(|(path, _)| path.clone())
        .collect();
    assert!(
        strangers.is_empty(),
        "target_arch outside arch, boot and user's arch folders: {strangers:?}"
    );
}

#[test]
fn vm_keeps_its_promises() {
    let mut found = Vec::new();
    sources(&root().join("vm/src"), &mut found);
    let lib = &found
        .iter()
        .find(|(path, _)| path == "vm/src/lib.rs")
        .unwrap()
        .1;
    assert!(
        lib.contains("forbid(unsafe_code)"),
        "vm does not forbid unsafe code"
    );
    for (path, text) in &found {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        assert!(
            !code.clone().any(|line| line.contains("static mut")),
            "{path} has a mutable static"
        );
    }
}
