//! Images, read back by the tools that check them.

use super::*;

fn archive(order: [&str; 2]) -> Archive {
    let mut archive = Archive::new();
    for name in order {
        archive.file(name, 0o751, name).unwrap();
    }
    archive.folder("/tmp", 0o1777).unwrap();
    archive.file("/big", 0o644, vec![7; 3 << 20]).unwrap();
    archive
}

fn image(archive: &Archive) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root");
    write(archive, &path).unwrap();
    (folder, path)
}

fn asked(path: &Path, request: &str) -> String {
    let output = program("debugfs").args(["-R", request]).arg(path).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[test]
fn an_image_is_clean_and_everything_is_roots() {
    let (_folder, path) = image(&archive(["/a/b/run", "/x"]));
    let checked = program("e2fsck").args(["-f", "-n"]).arg(&path).output();
    let checked = checked.unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(asked(&path, "cat /a/b/run"), "/a/b/run");
    let run = asked(&path, "stat /a/b/run");
    assert!(run.contains("Mode:  0751"), "{run}");
    for name in ["/", "/a/b", "/a/b/run", "/tmp"] {
        let stat = asked(&path, &format!("stat {name}"));
        let words: Vec<&str> = stat.split_whitespace().collect();
        let of = |key| words[words.iter().position(|word| *word == key).unwrap() + 1];
        assert_eq!((of("User:"), of("Group:")), ("0", "0"), "{name}: {stat}");
    }
    assert!(asked(&path, "stat /tmp").contains("Mode:  01777"));
}

#[test]
fn equal_trees_are_one_image() {
    let (first, second) = (archive(["/x", "/y/z"]), archive(["/y/z", "/x"]));
    let hash = |archive| Contents::of(archive).unwrap().hash;
    assert_eq!(hash(&first), hash(&second));
    let mut other = archive(["/x", "/y/z"]);
    other.file("/x", 0o750, "/x").unwrap();
    assert_ne!(hash(&first), hash(&other), "a mode is a difference");
}

#[test]
fn there_is_room_in_an_image() {
    let (_folder, path) = image(&archive(["/x", "/y"]));
    let shown = asked(&path, "stats -h");
    let of = |key: &str| -> u64 {
        let line = shown.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().last().unwrap().parse().unwrap()
    };
    assert!(of("Free blocks:") * BLOCK >= FREE, "{shown}");
    assert!(of("Free inodes:") >= FREE_FILES, "{shown}");
}
