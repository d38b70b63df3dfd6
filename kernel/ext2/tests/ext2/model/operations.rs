//! The operations of a random program, each on the file system and on the model.

use super::{Modelled, Sync, World, last};
use crate::files::{at, plain, write_unreported};
use ext2::*;
use std::collections::BTreeSet;

impl World<'_> {
    /// One operation. Only a full disk may refuse what the model can do.
    pub fn step(&mut self) {
        self.may_fail();
        match self.random.below(100) {
            0..12 => self.create(),
            12..34 => self.write(),
            34..42 => self.truncate(),
            42..52 => self.write_some_back(),
            52..60 => self.sync_one(),
            60..62 => self.sync_everything(),
            62..67 => self.link(),
            67..76 => self.remove(),
            76..90 => self.rename(),
            90..95 => self.change(),
            _ => self.close(),
        }
    }

    fn create(&mut self) {
        let (path, directory) = self.some_path();
        let text = vec![b'x'; 1 + self.random.below(200) as usize];
        let device = DeviceNumber {
            major: self.random.below(600) as u32,
            minor: self.random.below(600) as u32,
        };
        let node = match self.random.below(12) {
            0..3 => Node::Directory,
            3 => Node::Symlink(&text),
            4 if self.random.once_in(2) => Node::Character(device),
            5 if self.random.once_in(3) => Node::Fifo,
            _ => Node::File,
        };
        let now = self.now();
        let position = self.disk.position();
        let made = self.op(|fs| fs.create(directory, last(&path), &plain(node), at(now)));
        if self.names.contains_key(&path) {
            assert_eq!(made, Err(Error::Exists), "{path}");
            return;
        }
        let made = match made {
            Err(Error::NoSpace) => return self.full += 1,
            made => made.unwrap_or_else(|error| panic!("create {path}: {error}")),
        };
        if let Node::Character(_) = node {
            assert_eq!(made.device, device);
        }
        self.files.push(Modelled {
            inode: made.inode,
            kind: made.kind,
            text: if made.kind == Kind::Symlink {
                text
            } else {
                Vec::new()
            },
            content: Vec::new(),
            permissions: made.permissions,
            uid: 0,
            mtime: now,
            dirty: BTreeSet::new(),
            unreported: Vec::new(),
            open: false,
            gone: false,
            versions: vec![(position, Vec::new())],
            owners: vec![(position, made.permissions, 0)],
            syncs: Vec::new(),
        });
        self.names.insert(path, self.files.len() - 1);
        self.named(position);
    }

    fn write(&mut self) {
        let Some(file) = self.some_file() else { return };
        let size = self.files[file].content.len() as u64;
        // Mostly at the end or inside, sometimes far behind.
        let from = match self.random.below(8) {
            0 => self.random.below(self.largest),
            1..4 => size.min(self.largest - 1),
            _ => self.random.below(size + 1).min(self.largest - 1),
        };
        let most = if self.random.once_in(6) {
            self.largest / 3
        } else {
            3000
        };
        let length = (1 + self.random.below(most)).min(self.largest - from);
        let bytes: Vec<u8> = (0..length).map(|_| self.random.next() as u8).collect();
        let position = self.disk.position();
        let now = self.now();
        if from + length > size {
            let inode = self.files[file].inode;
            let grown = self.op(|fs| fs.truncate(inode, from + length, at(now)));
            grown.unwrap_or_else(|error| panic!("grow: {error}"));
            self.files[file].mtime = now;
        }
        let modelled = &mut self.files[file];
        let end = (from + length) as usize;
        if end > modelled.content.len() {
            modelled.content.resize(end, 0);
        }
        modelled.content[from as usize..end].copy_from_slice(&bytes);
        modelled
            .dirty
            .extend(from / self.block..(end as u64).div_ceil(self.block));
        modelled.version(position);
    }

    fn truncate(&mut self) {
        let Some(file) = self.some_file() else { return };
        let size = self.files[file].content.len() as u64;
        let to = match self.random.below(4) {
            0 => 0,
            1 => self.random.below(self.largest),
            _ => self.random.below(size + 1),
        };
        self.truncate_to(file, to);
    }

    /// Says that what was written is written.
    fn report(&mut self, file: usize) {
        let modelled = &mut self.files[file];
        for block in modelled.unreported.drain(..) {
            self.fs
                .written(modelled.inode, block * self.block, self.block);
        }
    }

    fn truncate_to(&mut self, file: usize, to: u64) {
        self.report(file);
        let position = self.disk.position();
        let now = self.now();
        let inode = self.files[file].inode;
        let cut = self.op(|fs| fs.truncate(inode, to, at(now)));
        cut.unwrap_or_else(|error| panic!("truncate: {error}"));
        let block = self.block;
        let modelled = &mut self.files[file];
        let shorter = to < modelled.content.len() as u64;
        modelled.content.resize(to as usize, 0);
        if shorter {
            modelled.dirty.retain(|&dirty| dirty < to.div_ceil(block));
            // The tail of the last block is zeros from now on, where the file has that block.
            if !to.is_multiple_of(block) && self.is_mapped(file, to / block) {
                self.files[file].dirty.insert(to / block);
            }
        }
        let modelled = &mut self.files[file];
        modelled.mtime = now;
        modelled.version(position);
    }

    fn is_mapped(&self, file: usize, block: u64) -> bool {
        let inode = self.files[file].inode;
        let place = self.op(|fs| {
            let mut runs = [Run::EMPTY];
            let runs = fs.map(inode, block * self.block, 1, Allocate::No, &mut runs)?;
            Ok(runs[0].place)
        });
        matches!(place.unwrap(), Place::Disk(_))
    }

    /// Writes up to `most` dirty blocks. On a full disk the file loses its bytes, here and in the model.
    fn write_dirty(&mut self, file: usize, most: usize) {
        let blocks: Vec<u64> = self.files[file].dirty.iter().copied().take(most).collect();
        let inode = self.files[file].inode;
        for block in blocks {
            let from = block * self.block;
            let content = &self.files[file].content;
            match self.op(|fs| write_unreported(fs, inode, content, from, self.block)) {
                Ok(()) => {}
                Err(Error::NoSpace) => {
                    self.full += 1;
                    return self.truncate_to(file, 0);
                }
                Err(error) => panic!("write: {error}"),
            }
            // Who moves pages says so, sooner or later.
            self.files[file].unreported.push(block);
            if self.random.once_in(2) {
                self.report(file);
            }
            self.files[file].dirty.remove(&block);
        }
    }

    fn write_some_back(&mut self) {
        let Some(file) = self.some_file() else { return };
        let most = 1 + self.random.below(20) as usize;
        if self.random.once_in(3) {
            // Places now, bytes later: what comes in between must not show what the disk had there.
            let inode = self.files[file].inode;
            for &block in self.files[file].dirty.iter().take(most) {
                let from = block * self.block;
                let allocated = self.op(|fs| {
                    let mut runs = [Run::EMPTY];
                    let runs = fs.map(inode, from, self.block, Allocate::Yes, &mut runs)?;
                    Ok(runs.len())
                });
                match allocated {
                    Ok(runs) => assert_eq!(runs, 1),
                    Err(Error::NoSpace) => {}
                    Err(error) => panic!("allocate: {error}"),
                }
            }
        } else {
            self.write_dirty(file, most);
        }
    }

    fn sync_one(&mut self) {
        let Some(file) = self.some_file() else { return };
        self.write_dirty(file, usize::MAX);
        self.report(file);
        let inode = self.files[file].inode;
        let synced = self.op(|fs| fs.sync(inode));
        synced.unwrap_or_else(|error| panic!("sync: {error}"));
        self.mark(file);
    }

    fn mark(&mut self, file: usize) {
        let names = self.history.len() - 1;
        let modelled = &mut self.files[file];
        assert!(modelled.dirty.is_empty());
        modelled.syncs.push(Sync {
            position: self.disk.position(),
            version: modelled.versions.len() - 1,
            names,
            owner: modelled.owners.len() - 1,
        });
    }

    /// Writes all dirty bytes and syncs all files.
    pub fn sync_everything(&mut self) {
        let living: Vec<usize> = (0..self.files.len())
            .filter(|&file| !self.files[file].gone)
            .collect();
        for &file in &living {
            self.write_dirty(file, usize::MAX);
            self.report(file);
        }
        self.op(|fs| fs.sync_all())
            .unwrap_or_else(|error| panic!("sync all: {error}"));
        for file in living {
            self.mark(file);
        }
    }

    fn link(&mut self) {
        let Some((_, file)) = self.some(|_| true) else {
            return;
        };
        let (path, directory) = self.some_path();
        let now = self.now();
        let position = self.disk.position();
        let inode = self.files[file].inode;
        let linked = self.op(|fs| fs.link(inode, directory, last(&path), at(now)));
        if self.files[file].kind == Kind::Directory {
            assert_eq!(linked, Err(Error::IsDirectory));
            return;
        }
        if self.names.contains_key(&path) {
            assert_eq!(linked, Err(Error::Exists));
            return;
        }
        match linked {
            Err(Error::NoSpace) => return self.full += 1,
            linked => linked.unwrap_or_else(|error| panic!("link {path}: {error}")),
        }
        self.names.insert(path, file);
        self.named(position);
    }

    fn has_children(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.names.keys().any(|name| name.starts_with(&below))
    }

    /// A name is gone: the file goes, now or when it is closed.
    fn unnamed(&mut self, file: usize, unlinked: Unlinked) {
        assert_eq!(unlinked.inode, self.files[file].inode);
        let links = self.links(file);
        if self.files[file].kind != Kind::Directory {
            assert_eq!(usize::from(unlinked.links), links);
        }
        if links == 0 {
            if self.random.once_in(3) {
                self.files[file].open = true;
            } else {
                self.end(file);
            }
        }
    }

    fn end(&mut self, file: usize) {
        self.report(file);
        let now = self.now();
        let inode = self.files[file].inode;
        let released = self.op(|fs| fs.release(inode, at(now)));
        released.unwrap_or_else(|error| panic!("release: {error}"));
        let modelled = &mut self.files[file];
        (modelled.open, modelled.gone) = (false, true);
        modelled.dirty.clear();
    }

    fn remove(&mut self) {
        let Some((path, file)) = self.some(|_| true) else {
            return;
        };
        let directory = self.directory_of(&path);
        let now = self.now();
        let position = self.disk.position();
        let is_directory = self.files[file].kind == Kind::Directory;
        if is_directory {
            let wrong = self.op(|fs| fs.unlink(directory, last(&path), at(now)));
            assert_eq!(wrong, Err(Error::IsDirectory));
        }
        let removed = match is_directory {
            true => self.op(|fs| fs.rmdir(directory, last(&path), at(now))),
            false => self.op(|fs| fs.unlink(directory, last(&path), at(now))),
        };
        if is_directory && self.has_children(&path) {
            assert_eq!(removed, Err(Error::NotEmpty));
            return;
        }
        let removed = removed.unwrap_or_else(|error| panic!("remove {path}: {error}"));
        self.names.remove(&path);
        self.named(position);
        self.unnamed(file, removed);
    }

    fn rename(&mut self) {
        let Some((from, file)) = self.some(|_| true) else {
            return;
        };
        let (to, directory) = self.some_path();
        let old = Name {
            directory: self.directory_of(&from),
            name: last(&from),
        };
        let new = Name {
            directory,
            name: last(&to),
        };
        let now = self.now();
        let position = self.disk.position();
        let renamed = self.op(|fs| fs.rename(old, new, at(now)));
        let is_directory = self.files[file].kind == Kind::Directory;
        let target = self.names.get(&to).copied();
        let expected = match target {
            _ if target == Some(file) => {
                assert_eq!(renamed, Ok(None));
                return;
            }
            Some(target) if (self.files[target].kind == Kind::Directory) != is_directory => {
                Some(if is_directory {
                    Error::NotDirectory
                } else {
                    Error::IsDirectory
                })
            }
            Some(_) if is_directory && self.has_children(&to) => Some(Error::NotEmpty),
            _ if is_directory && to.starts_with(&format!("{from}/")) => Some(Error::Invalid),
            _ => None,
        };
        if let Some(expected) = expected {
            assert_eq!(renamed, Err(expected), "{from} to {to}");
            return;
        }
        let renamed = match renamed {
            Err(Error::NoSpace) => return self.full += 1,
            renamed => renamed.unwrap_or_else(|error| panic!("rename {from} to {to}: {error}")),
        };
        self.names.remove(&to);
        let below = format!("{from}/");
        let moved: Vec<String> = self
            .names
            .keys()
            .filter(|name| name.starts_with(&below))
            .cloned()
            .collect();
        for path in moved {
            let file = self.names.remove(&path).unwrap();
            self.names
                .insert(format!("{to}/{}", &path[below.len()..]), file);
        }
        self.names.remove(&from);
        self.names.insert(to, file);
        self.named(position);
        match (target, renamed) {
            (Some(target), Some(unlinked)) => self.unnamed(target, unlinked),
            (None, None) => {}
            other => panic!("rename answered {other:?}"),
        }
    }

    fn change(&mut self) {
        let Some((_, file)) = self.some(|_| true) else {
            return;
        };
        let permissions = self.random.below(0o10000) as u16;
        let uid = self.random.next() as u32;
        let now = self.now();
        let changes = Changes {
            permissions: Some(permissions),
            uid: Some(uid),
            mtime: Some(at(now)),
            ..Changes::default()
        };
        let position = self.disk.position();
        let inode = self.files[file].inode;
        self.op(|fs| fs.set_attributes(inode, &changes)).unwrap();
        let modelled = &mut self.files[file];
        modelled.owners.push((position, permissions, uid));
        (modelled.permissions, modelled.uid, modelled.mtime) = (permissions, uid, now);
    }

    fn close(&mut self) {
        let open: Vec<usize> = (0..self.files.len())
            .filter(|&file| self.files[file].open)
            .collect();
        if !open.is_empty() {
            let file = *self.random.pick(&open);
            self.end(file);
        }
    }

    /// Removes every name, from the longest path on.
    pub fn remove_everything(&mut self) {
        while let Some((path, file)) = self
            .names
            .iter()
            .max_by_key(|(path, _)| path.matches('/').count())
        {
            let (path, file) = (path.clone(), *file);
            let directory = self.directory_of(&path);
            let removed = match self.files[file].kind {
                Kind::Directory => self.fs.rmdir(directory, last(&path), at(self.clock)),
                _ => self.fs.unlink(directory, last(&path), at(self.clock)),
            };
            self.names.remove(&path);
            self.unnamed(file, removed.unwrap());
        }
        for file in 0..self.files.len() {
            if self.files[file].open {
                self.end(file);
            }
        }
    }
}
