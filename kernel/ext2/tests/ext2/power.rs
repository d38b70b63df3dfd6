//! Power cuts: any subset of the writes since the disk's last flush is lost. `e2fsck -fy` repairs what is left, and
//! then every byte that was synced is there, under a name that the file had since, and no file has another's bytes.

use crate::disk::{Cuts, SimulatedDisk};
use crate::files::{Fs, mount, read, tree};
use crate::model::{Modelled, Sync, World};
use crate::random::{Random, rounds};
use crate::tools::{Image, OnFile};
use ext2::{Access, InodeNumber, Kind};
use std::collections::BTreeSet;

/// What a cut before event `position` may leave of a file: `since` is the version that is there for certain.
fn agrees(
    file: &Modelled,
    bytes: &[u8],
    since: usize,
    position: usize,
    block: usize,
) -> Result<(), String> {
    let versions: Vec<&[u8]> = file.versions[since..]
        .iter()
        .enumerate()
        .filter(|(index, (begun, _))| *index == 0 || *begun < position)
        .map(|(_, (_, content))| content.as_slice())
        .collect();
    let shortest = versions.iter().map(|version| version.len()).min().unwrap();
    // e2fsck makes a file as long as its blocks when a truncation is on the disk by half.
    let longest = versions.iter().map(|version| version.len()).max().unwrap();
    if bytes.len() < shortest || bytes.len() > longest.next_multiple_of(block) {
        return Err(format!(
            "{} bytes, not {shortest} to {longest}",
            bytes.len()
        ));
    }
    for (at, &byte) in bytes.iter().enumerate() {
        let fits = versions
            .iter()
            .any(|version| version.get(at).map_or(byte == 0, |&there| there == byte));
        if !fits {
            return Err(format!(
                "byte {at} of {} is {byte:#x}, and of {} versions none has it",
                bytes.len(),
                versions.len()
            ));
        }
    }
    Ok(())
}

/// The last sync of a file that returned before `position`.
fn last_sync(file: &Modelled, position: usize) -> Option<Sync> {
    file.syncs
        .iter()
        .rev()
        .find(|sync| sync.position <= position)
        .copied()
}

/// A name in a directory. Directories may be renamed too: a path is not enough.
type InDirectory = (InodeNumber, String);

fn in_directory(path: &str, inode: impl Fn(&str) -> InodeNumber) -> InDirectory {
    let (above, name) = path.rsplit_once('/').unwrap();
    let directory = if above.is_empty() {
        InodeNumber::ROOT
    } else {
        inode(above)
    };
    (directory, name.to_string())
}

/// The names that a file may have after a cut, or `None` if it may have none.
fn may_have(
    world: &World<'_>,
    file: usize,
    sync: Sync,
    position: usize,
) -> Option<BTreeSet<InDirectory>> {
    let mut all = BTreeSet::new();
    let history = world.history[sync.names..].iter().enumerate();
    for (_, (_, names)) in history.filter(|(index, (begun, _))| *index == 0 || *begun < position) {
        let own: Vec<&String> = names
            .iter()
            .filter(|(_, named)| **named == file)
            .map(|(path, _)| path)
            .collect();
        if own.is_empty() {
            return None;
        }
        all.extend(
            own.iter()
                .map(|path| in_directory(path, |above| world.files[names[above]].inode)),
        );
    }
    Some(all)
}

/// How many synced files were looked for.
fn judge(world: &World<'_>, fs: &Fs<'_>, position: usize, block: usize) -> Result<u64, String> {
    let found = tree(fs).map_err(|error| format!("the tree cannot be read: {error}"))?;
    let mut looked = 0;
    for (index, file) in world.files.iter().enumerate() {
        let Some(sync) = last_sync(file, position) else {
            continue;
        };
        let Some(names) = may_have(world, index, sync, position) else {
            continue;
        };
        if file.kind != Kind::File {
            continue;
        }
        looked += 1;
        let own: Vec<&String> = found
            .iter()
            .filter(|(_, inode, _)| *inode == file.inode)
            .map(|(path, _, _)| path)
            .collect();
        let named = own.iter().any(|path| {
            let name = in_directory(path, |above| {
                let there = found.iter().find(|(path, _, _)| path == above);
                there.map_or(InodeNumber(0), |(_, inode, _)| *inode)
            });
            !path.starts_with("/lost+found") && names.contains(&name)
        });
        if !named {
            return Err(format!(
                "inode {}: none of {names:?}, but {own:?}",
                file.inode.0
            ));
        }
        let attributes = fs
            .attributes(file.inode)
            .map_err(|error| format!("{names:?}: {error}"))?;
        let mut owners = file.owners[sync.owner..].iter().enumerate();
        let owned = owners.any(|(index, (begun, permissions, uid))| {
            (index == 0 || *begun < position)
                && (*permissions, *uid) == (attributes.permissions, attributes.uid)
        });
        if !owned {
            return Err(format!(
                "{names:?} has none of its owners and permissions: {attributes:?}"
            ));
        }
        let bytes = read(fs, file.inode).map_err(|error| format!("{names:?}: {error}"))?;
        agrees(file, &bytes, sync.version, position, block).map_err(|why| {
            format!(
                "inode {}, synced at {}: {names:?}: {why}",
                file.inode.0, sync.position
            )
        })?;
    }
    for (path, inode, kind) in &found {
        if *kind != Kind::File {
            continue;
        }
        let bytes = read(fs, *inode).map_err(|error| format!("{path}: {error}"))?;
        let same = world
            .files
            .iter()
            .filter(|file| file.inode == *inode && file.kind == Kind::File);
        let verdicts: Vec<_> = same
            .map(|file| agrees(file, &bytes, 0, position, block))
            .collect();
        if !verdicts.iter().any(Result::is_ok) {
            return Err(format!(
                "{path}, inode {}: no file ever had this: {verdicts:?}",
                inode.0
            ));
        }
    }
    Ok(looked)
}

/// A storm of `steps` operations and `cuts` power cuts in it; how often a synced file was looked for.
fn storm(seed: u64, block_size: u32, kibibytes: u64, largest: u64, steps: u64, cuts: u64) -> u64 {
    let image = Image::new(block_size, kibibytes).with(&["-N", "64"]).make();
    let disk = SimulatedDisk::new(image.clone());
    disk.record();
    let fs = mount(&disk, Access::ReadWrite, 48).unwrap();
    let mut world = World::new(fs, &disk, seed, largest);
    // Every second storm meets errors of the disk too.
    world.failing = !seed.is_multiple_of(2);
    for _ in 0..steps {
        world.step();
    }
    let events = disk.events();
    let mut random = Random(seed ^ 0x5eed);
    let marks: Vec<usize> = world
        .files
        .iter()
        .flat_map(|file| &file.syncs)
        .map(|sync| sync.position)
        .collect();
    let mut positions: Vec<usize> = (0..cuts)
        .map(|cut| {
            // Half of the cuts come soon after a sync returned, when most depends on its flushes.
            if cut % 2 == 0 && !marks.is_empty() {
                let after = random.pick(&marks) + random.below(12) as usize;
                after.min(events.len())
            } else {
                random.below(events.len() as u64 + 1) as usize
            }
        })
        .collect();
    positions.sort_unstable();
    let mut state = Cuts::new(image);
    let mut looked = 0;
    for position in positions {
        state.advance(&events, position);
        let kept = random.below(5);
        let why = format!(
            "seed {seed}, blocks of {block_size}, cut before event {position}, {kept} of 4 kept"
        );
        let (repaired, said) = OnFile::new(&state.cut(&mut random, kept)).repair(&why);
        // A bit is on the disk before the name of its block: what is left has leaks, not gaps.
        assert!(!OnFile::says_used_but_free(&said), "{why}: {said}");
        let disk = SimulatedDisk::new(repaired);
        let fs =
            mount(&disk, Access::ReadOnly, 64).unwrap_or_else(|error| panic!("{why}: {error}"));
        looked += judge(&world, &fs, position, block_size as usize)
            .unwrap_or_else(|error| panic!("{why}: {error}\n{said}"));
    }
    looked
}

#[test]
fn what_was_synced_survives() {
    let mut looked = 0;
    for round in 0..6 * rounds() {
        looked += storm(1000 + round, 1024, 300, 60_000, 400, 40);
        looked += storm(2000 + round, 4096, 1200, 150_000, 400, 20);
    }
    println!("{looked} synced files were looked for");
    assert!(
        looked > 1000 * rounds(),
        "only {looked} synced files were looked for"
    );
}
