//! The rules of `--add`.

use super::*;

/// Name, mode and content of everything.
fn entries(archive: &Archive) -> Vec<(String, u32, Vec<u8>)> {
    let mut all = Vec::new();
    archive
        .each(|name, item| {
            let (mode, bytes) = match item {
                Item::Folder { mode } => (0o040000 | mode, Vec::new()),
                Item::File { mode, bytes } => (0o100000 | mode, bytes.to_vec()),
            };
            all.push((name.to_string(), mode, bytes));
            Ok(())
        })
        .unwrap();
    all
}

fn host_tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a:b"), "colon").unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("sub/run"), "#!").unwrap();
    std::fs::set_permissions(
        folder.path().join("sub/run"),
        std::fs::Permissions::from_mode(0o751),
    )
    .unwrap();
    folder
}

#[test]
fn parents_are_made_before_their_children() {
    let mut archive = Archive::new();
    archive.file("/a/b/c", 0o644, "x").unwrap();
    let names: Vec<String> = entries(&archive).into_iter().map(|entry| entry.0).collect();
    assert_eq!(names, ["a", "a/b", "a/b/c"]);
}

#[test]
fn add_splits_at_the_last_colon() {
    let host = host_tree();
    let mut archive = Archive::new();
    archive
        .add(&format!("{}/a:b:/data/x", host.path().display()))
        .unwrap();
    assert_eq!(
        entries(&archive)[1],
        ("data/x".into(), 0o100644, b"colon".to_vec())
    );
}

#[test]
fn add_keeps_modes_and_walks_folders() {
    let host = host_tree();
    let mut archive = Archive::new();
    archive
        .add(&format!("{}:/t/", host.path().display()))
        .unwrap();
    let found = entries(&archive);
    let run = found.iter().find(|entry| entry.0 == "t/sub/run").unwrap();
    assert_eq!(run.1, 0o100751);
    assert!(found.iter().any(|entry| entry.0 == "t/a:b"));
}

#[test]
fn add_replaces_files_and_merges_folders() {
    let host = host_tree();
    let mut archive = Archive::new();
    archive.file("/sub/run", 0o600, "old").unwrap();
    archive.file("/sub/kept", 0o600, "kept").unwrap();
    archive
        .add(&format!("{}:/", host.path().display()))
        .unwrap();
    let found = entries(&archive);
    let content = |name: &str| {
        found
            .iter()
            .find(|entry| entry.0 == name)
            .unwrap()
            .2
            .clone()
    };
    assert_eq!(content("sub/run"), b"#!");
    assert_eq!(content("sub/kept"), b"kept");
}

#[test]
fn add_refuses_what_it_cannot_place() {
    let host = host_tree();
    let file = format!("{}/a:b", host.path().display());
    let mut archive = Archive::new();
    archive.folder("/bin", 0o755).unwrap();
    for (argument, why) in [
        ("nocolon".to_string(), "no colon"),
        (":/x".to_string(), "host path is empty"),
        (format!("{file}:relative"), "not absolute"),
        (format!("{file}:/bin"), "is a folder in the guest"),
        (format!("{file}:/new/"), "is a folder in the guest"),
        (format!("{file}:/x/../y"), "no `..`"),
        (format!("{file}-missing:/x"), "cannot read"),
    ] {
        let error = archive.add(&argument).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
