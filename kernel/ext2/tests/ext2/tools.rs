//! e2fsprogs: `mke2fs` makes images, `e2fsck` checks and repairs them, `debugfs` reads them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Runs one of the tools.
///
/// # Panics
/// It is not installed.
fn run(tool: &str, arguments: &[&str]) -> Output {
    let places = ["/usr/sbin", "/sbin", "/usr/local/sbin"];
    let path = places
        .iter()
        .map(|folder| Path::new(folder).join(tool))
        .find(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from(tool));
    Command::new(path)
        .args(arguments)
        .stdin(Stdio::null())
        .env("MKE2FS_CONFIG", "/dev/null")
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot start {tool}: {error}; install e2fsprogs (`make setup` does it)")
        })
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// An image being made.
pub struct Image {
    pub block_size: u32,
    pub kibibytes: u64,
    /// Further options of `mke2fs`.
    pub options: Vec<String>,
    /// What the free blocks hold.
    pub filler: u8,
}

impl Image {
    pub fn new(block_size: u32, kibibytes: u64) -> Self {
        Image {
            block_size,
            kibibytes,
            options: Vec::new(),
            filler: 0xee,
        }
    }

    pub fn with(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(ToString::to_string));
        self
    }

    /// Makes it: the image's bytes.
    pub fn make(&self) -> Vec<u8> {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("image");
        std::fs::write(&path, vec![self.filler; self.kibibytes as usize * 1024]).unwrap();
        let block_size = self.block_size.to_string();
        let name = path.to_str().unwrap();
        let mut arguments = vec![
            "-q",
            "-F",
            "-t",
            "ext2",
            "-O",
            "none,filetype,sparse_super,large_file",
        ];
        arguments.extend(["-b", &block_size, "-E", "nodiscard"]);
        arguments.extend(self.options.iter().map(String::as_str));
        arguments.push(name);
        let output = run("mke2fs", &arguments);
        assert!(output.status.success(), "mke2fs: {}", text(&output));
        std::fs::read(&path).unwrap()
    }
}

/// An image in a file, for the tools.
pub struct OnFile {
    _folder: TempDir,
    path: PathBuf,
}

impl OnFile {
    pub fn new(bytes: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("image");
        std::fs::write(&path, bytes).unwrap();
        OnFile {
            _folder: folder,
            path,
        }
    }

    fn name(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Panics unless `e2fsck -fn` finds nothing.
    #[track_caller]
    pub fn assert_clean(&self, why: &str) {
        let output = run("e2fsck", &["-f", "-n", self.name()]);
        assert!(
            output.status.success(),
            "{why}: e2fsck -fn: {}",
            text(&output)
        );
    }

    /// Repairs it: the bytes afterwards, and what e2fsck said.
    #[track_caller]
    pub fn repair(&self, why: &str) -> (Vec<u8>, String) {
        let output = run("e2fsck", &["-f", "-y", self.name()]);
        let said = text(&output);
        let code = output.status.code().unwrap_or(-1);
        assert!(
            (0..=3).contains(&code),
            "{why}: e2fsck -fy ended with {code}: {said}"
        );
        (std::fs::read(&self.path).unwrap(), said)
    }

    /// Whether what e2fsck said of a repair has blocks or inodes in use that the bitmaps called free.
    pub fn says_used_but_free(said: &str) -> bool {
        let bitmaps = said
            .lines()
            .filter(|line| line.contains("bitmap differences"));
        bitmaps.into_iter().any(|line| line.contains('+'))
    }

    /// The image as it is now.
    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    /// Gives every large directory a hash tree.
    pub fn index_directories(&self) {
        let output = run("e2fsck", &["-f", "-y", "-D", self.name()]);
        assert!(
            output.status.code() <= Some(1),
            "e2fsck -D: {}",
            text(&output)
        );
    }

    /// Lets debugfs change the image.
    pub fn change(&self, request: &str) {
        run("debugfs", &["-w", "-R", request, self.name()]);
    }

    /// What debugfs says of a request.
    pub fn ask(&self, request: &str) -> String {
        let output = run("debugfs", &["-R", request, self.name()]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
