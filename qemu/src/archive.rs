//! What the guest finds in its root folder.
//!
//! Owns: the tree, the rules of `--add`, the modes of files.
//! Does not own: where the programs come from (`build`), the file system that it becomes (`image`).

use crate::failure::{Context, Failure};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A folder deeper than this is a symbolic link that leads back to itself.
const DEEPEST: usize = 64;

enum Node {
    Folder { mode: u32 },
    Bytes { mode: u32, bytes: Vec<u8> },
    HostFile { mode: u32, path: PathBuf },
}

/// What is at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item<'a> {
    /// A folder.
    Folder {
        /// Its permissions.
        mode: u32,
    },
    /// A file.
    File {
        /// Its permissions.
        mode: u32,
        /// What it holds.
        bytes: &'a [u8],
    },
}

/// A tree of folders and files by their guest path without the leading slash.
pub struct Archive {
    nodes: BTreeMap<String, Node>,
}

impl Archive {
    /// An archive with nothing in it.
    pub fn new() -> Self {
        Self {
            nodes: BTreeMap::new(),
        }
    }

    /// Puts a file with these bytes at the absolute guest path, replacing what is there.
    pub fn file(
        &mut self,
        guest: &str,
        mode: u32,
        bytes: impl Into<Vec<u8>>,
    ) -> Result<(), Failure> {
        let name = self.place(guest)?;
        self.nodes.insert(
            name,
            Node::Bytes {
                mode,
                bytes: bytes.into(),
            },
        );
        Ok(())
    }

    /// Makes a folder, and its parents.
    pub fn folder(&mut self, guest: &str, mode: u32) -> Result<(), Failure> {
        let name = normal(guest)?;
        self.parents(&name)?;
        self.make_folder(name, mode)
    }

    /// Puts a host file or folder at the absolute guest path: modes kept, parents made, existing files replaced,
    /// folders merged. Symbolic links on the host are followed.
    pub fn host(&mut self, host: &Path, guest: &str) -> Result<(), Failure> {
        let name = normal(guest)?;
        self.add_tree(host, name, guest.ends_with('/'), 0)
    }

    /// Puts a program of ours at the absolute guest path.
    ///
    /// Its bytes are read at once: another build may replace the file before the archive is written.
    pub fn program(&mut self, host: &Path, guest: &str) -> Result<(), Failure> {
        let bytes = std::fs::read(host).context(format_args!("cannot read {}", host.display()))?;
        self.file(guest, 0o755, bytes)
    }

    /// One `--add` argument: `HOST:GUEST`, split at the last colon.
    pub fn add(&mut self, argument: &str) -> Result<(), Failure> {
        let wrong = |why: &str| {
            Failure::not_started(format_args!(
                "--add {argument}: {why}; write --add HOST:/absolute/path"
            ))
        };
        let Some((host, guest)) = argument.rsplit_once(':') else {
            return Err(wrong("there is no colon"));
        };
        if host.is_empty() {
            return Err(wrong("the host path is empty"));
        }
        if !guest.starts_with('/') {
            return Err(wrong("the guest path is not absolute"));
        }
        self.host(Path::new(host), guest)
            .map_err(|error| Failure::not_started(format_args!("--add {argument}: {error}")))
    }

    /// Calls `visit` with everything in the tree: parents before children, names sorted.
    pub fn each(
        &self,
        mut visit: impl FnMut(&str, Item<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for (name, node) in &self.nodes {
            match node {
                Node::Folder { mode } => visit(name, Item::Folder { mode: *mode })?,
                Node::Bytes { mode, bytes } => visit(name, Item::File { mode: *mode, bytes })?,
                Node::HostFile { mode, path } => {
                    let bytes = std::fs::read(path)
                        .context(format_args!("cannot read {}", path.display()))?;
                    visit(
                        name,
                        Item::File {
                            mode: *mode,
                            bytes: &bytes,
                        },
                    )?;
                }
            }
        }
        Ok(())
    }

    fn add_tree(
        &mut self,
        host: &Path,
        name: String,
        wants_folder: bool,
        depth: usize,
    ) -> Result<(), Failure> {
        if depth > DEEPEST {
            return Err(Failure::not_started(format_args!(
                "{} is nested too deeply",
                host.display()
            )));
        }
        let metadata =
            std::fs::metadata(host).context(format_args!("cannot read {}", host.display()))?;
        let mode = metadata.permissions().mode() & 0o7777;
        if metadata.is_dir() {
            self.parents(&name)?;
            if !name.is_empty() {
                self.make_folder(name.clone(), mode)?;
            }
            for entry in
                std::fs::read_dir(host).context(format_args!("cannot read {}", host.display()))?
            {
                let entry = entry.context(format_args!("cannot read {}", host.display()))?;
                let file_name = entry.file_name();
                let Some(leaf) = file_name.to_str() else {
                    return Err(Failure::not_started(format_args!(
                        "{}: the name is not UTF-8",
                        entry.path().display()
                    )));
                };
                let child = if name.is_empty() {
                    leaf.to_string()
                } else {
                    format!("{name}/{leaf}")
                };
                self.add_tree(&entry.path(), child, false, depth + 1)?;
            }
            return Ok(());
        }
        if !metadata.is_file() {
            return Err(Failure::not_started(format_args!(
                "{} is neither a file nor a folder",
                host.display()
            )));
        }
        if wants_folder
            || name.is_empty()
            || matches!(self.nodes.get(&name), Some(Node::Folder { .. }))
        {
            return Err(Failure::not_started(format_args!(
                "/{name} is a folder in the guest and {} is a file; give the file's full path",
                host.display()
            )));
        }
        // Read at once: a file that cannot be read is an error before anything starts.
        std::fs::File::open(host).context(format_args!("cannot read {}", host.display()))?;
        self.parents(&name)?;
        self.nodes.insert(
            name,
            Node::HostFile {
                mode,
                path: host.to_path_buf(),
            },
        );
        Ok(())
    }

    fn place(&mut self, guest: &str) -> Result<String, Failure> {
        let name = normal(guest)?;
        self.parents(&name)?;
        Ok(name)
    }

    fn parents(&mut self, name: &str) -> Result<(), Failure> {
        for (slash, _) in name.match_indices('/') {
            let parent = &name[..slash];
            if !matches!(self.nodes.get(parent), Some(Node::Folder { .. })) {
                self.make_folder(parent.to_string(), 0o755)?;
            }
        }
        Ok(())
    }

    /// A folder where a file stands replaces the file.
    fn make_folder(&mut self, name: String, mode: u32) -> Result<(), Failure> {
        self.nodes.insert(name, Node::Folder { mode });
        Ok(())
    }
}

/// An absolute guest path without slashes at its ends, doubled slashes and dots.
fn normal(guest: &str) -> Result<String, Failure> {
    let parts: Vec<&str> = guest
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if parts.contains(&"..") {
        return Err(Failure::not_started(format_args!(
            "{guest}: a guest path has no `..`"
        )));
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests;
