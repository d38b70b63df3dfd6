//! The file tree over VM objects.

use super::rig::{Rig, page};
use super::{Outcome, Unmet, check, same, tests};
use crate::files::{self, Node, parent, tree};
use crate::vfs::{New, What};
use abi::Errno;
use alloc::vec::Vec;

tests!("files":
    bytes_agree_with_a_model,
    holes_read_as_zeros_and_what_was_cut_stays_cut,
    an_unlinked_file_lives_while_it_is_open,
    names_come_and_go,
    rename_replaces_at_one_stroke,
    a_thousand_names_are_listed_once,
);

/// A new file that has the name `path` while `test` runs.
fn with_file(path: &[u8], test: impl FnOnce(&Node) -> Outcome) -> Outcome {
    let file = make(path, What::File)?;
    let outcome = test(&file);
    match remove(path) {
        Ok(()) | Err(Errno::ENOENT) => outcome,
        Err(error) => outcome.and(Err(error.into())),
    }
}

fn make(path: &[u8], what: What<'_>) -> Result<Node, Errno> {
    files::create(path, &New::of_root(what, 0o755))
}

fn enter(path: &[u8], node: &Node) -> Result<(), Errno> {
    tree().link(node, &parent(path)?)
}

fn remove(path: &[u8]) -> Result<(), Errno> {
    tree().unlink(&parent(path)?)
}

fn remove_directory(path: &[u8]) -> Result<(), Errno> {
    tree().remove_directory(&parent(path)?)
}

fn find(path: &[u8]) -> Result<Node, Errno> {
    tree().at(path)
}

fn bytes_agree_with_a_model(rig: &mut Rig<'_>) -> Outcome {
    with_file(b"/tmp/model", |file| {
        let mut model: Vec<u8> = Vec::new();
        let most = 9 * page();
        let mut buffer = [0; 3000];
        for step in 0..600 {
            let offset = rig.below(most);
            let count = rig.below(3000) as usize;
            match rig.below(8) {
                0 => {
                    file.truncate(offset)?;
                    model.resize(offset as usize, 0);
                }
                1..4 => {
                    let byte = rig.below(256) as u8;
                    buffer[..count].fill(byte);
                    let place = (rig.below(4) > 0).then_some(offset);
                    let begin = file.write(place, &buffer[..count])? as usize;
                    same!(begin as u64, place.unwrap_or(model.len() as u64));
                    if count > 0 {
                        model.resize(model.len().max(begin + count), 0);
                    }
                    let end = (begin + count).min(model.len());
                    if begin < end {
                        model[begin..end].fill(byte);
                    }
                }
                _ => {
                    let got = file.read(offset, &mut buffer[..count])?;
                    let expected = model.get(offset as usize..).unwrap_or_default();
                    let expected = &expected[..expected.len().min(count)];
                    check!(
                        buffer[..got] == *expected,
                        "step {step}: {count} bytes at {offset}"
                    );
                }
            }
            same!(file.size(), model.len() as u64);
        }
        Ok(())
    })
}

fn holes_read_as_zeros_and_what_was_cut_stays_cut(_: &mut Rig<'_>) -> Outcome {
    with_file(b"/tmp/holes", |file| {
        file.write(Some(5 * page() + 1), b"end")?;
        let mut bytes = [1; 16];
        same!(file.read(2 * page(), &mut bytes), Ok(16));
        same!(bytes, [0; 16]);
        // Inside a page: the tail does not come back.
        file.truncate(5 * page() + 2)?;
        file.truncate(6 * page())?;
        same!(file.read(5 * page(), &mut bytes[..4]), Ok(4));
        same!(&bytes[..4], &[0, b'e', 0, 0]);
        same!(file.read(6 * page(), &mut bytes), Ok(0));
        same!(file.write(Some(u64::MAX - 1), b"xx"), Err(Errno::EFBIG));
        same!(file.truncate(1 << 62), Err(Errno::EFBIG));
        same!(file.size(), 6 * page());
        Ok(())
    })
}

fn an_unlinked_file_lives_while_it_is_open(_: &mut Rig<'_>) -> Outcome {
    with_file(b"/tmp/open", |file| {
        file.write(Some(0), b"still here")?;
        remove(b"/tmp/open")?;
        same!(find(b"/tmp/open").map(drop), Err(Errno::ENOENT));
        same!(file.links(), 0);
        let mut bytes = [0; 10];
        same!(file.read(0, &mut bytes), Ok(10));
        same!(&bytes, b"still here");
        // The name can be somebody else's.
        let other = make(b"/tmp/open", What::File)?;
        same!(other.size(), 0);
        Ok(())
    })
}

fn names_come_and_go(_: &mut Rig<'_>) -> Outcome {
    make(b"/tmp/folder", What::Directory)?;
    let outcome = with_file(b"/tmp/folder/one", |file| {
        same!(enter(b"/tmp/folder/one", file), Err(Errno::EEXIST));
        same!(enter(b"/tmp/nowhere/one", file), Err(Errno::ENOENT));
        same!(enter(b"/tmp/folder/one/two", file), Err(Errno::ENOTDIR));
        enter(b"/tmp/folder/two", file)?;
        same!(file.links(), 2);
        check!(find(b"/tmp/../tmp/./folder//two")?.same(file));
        same!(remove_directory(b"/tmp/folder"), Err(Errno::ENOTEMPTY));
        same!(remove(b"/tmp/folder"), Err(Errno::EPERM));
        remove(b"/tmp/folder/two")?;
        same!(file.links(), 1);
        Ok(())
    });
    outcome.and(remove_directory(b"/tmp/folder").map_err(Unmet::from))
}

fn rename_replaces_at_one_stroke(_: &mut Rig<'_>) -> Outcome {
    with_file(b"/tmp/from", |from| {
        from.write(Some(0), b"new")?;
        with_file(b"/tmp/to", |to| {
            tree().rename(&parent(b"/tmp/from")?, &parent(b"/tmp/to")?)?;
            same!(find(b"/tmp/from").map(drop), Err(Errno::ENOENT));
            check!(find(b"/tmp/to")?.same(from));
            same!((to.links(), from.links()), (0, 1));
            Ok(())
        })
    })
}

fn a_thousand_names_are_listed_once(_: &mut Rig<'_>) -> Outcome {
    const COUNT: usize = 1000;
    let folder = make(b"/tmp/many", What::Directory)?;
    let name = |index: usize| alloc::format!("/tmp/many/{index}").into_bytes();
    let mut outcome = Ok(());
    let file = make(b"/tmp/many/file", What::File)?;
    for index in 0..COUNT {
        outcome = outcome.and(enter(&name(index), &file).map_err(Unmet::from));
    }
    let mut seen = [0u8; COUNT];
    // In portions, as getdirentries does, while names go away behind the reader.
    let (mut cookie, mut more) = (0, true);
    while more {
        let mut portion = 0;
        more = false;
        tree().list(&folder, cookie, |entry| {
            if portion == 7 {
                more = true;
                return false;
            }
            let number = core::str::from_utf8(entry.name)
                .ok()
                .and_then(|name| name.parse::<usize>().ok());
            if let Some(count) = number.and_then(|number| seen.get_mut(number)) {
                *count += 1;
            }
            (portion, cookie) = (portion + 1, entry.next);
            true
        })?;
    }
    for index in 0..COUNT {
        outcome = outcome.and(remove(&name(index)).map_err(Unmet::from));
    }
    drop((file, folder));
    remove(b"/tmp/many/file")?;
    outcome = outcome.and(remove_directory(b"/tmp/many").map_err(Unmet::from));
    check!(
        seen.iter().all(|&count| count == 1),
        "a name is listed twice or not at all"
    );
    outcome
}
