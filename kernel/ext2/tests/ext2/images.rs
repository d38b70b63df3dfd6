//! Images that `mke2fs -d` filled, read by us; trees that we made, read by `debugfs`.

use crate::disk::SimulatedDisk;
use crate::files::{at, find, mount, names, read, tree};
use crate::tools::Image;
use ext2::*;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

const SIZES: [u32; 3] = [1024, 2048, 4096];

/// Bytes that tell their place.
fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length)
        .map(|at| (at as u8).wrapping_mul(31) ^ (at >> 8) as u8 ^ seed)
        .collect()
}

#[test]
fn a_tree_of_mke2fs_is_read_back() {
    let folder = tempfile::TempDir::new().unwrap();
    let root = folder.path();
    let long = "n".repeat(255);
    std::fs::create_dir_all(root.join("a/b/c")).unwrap();
    std::fs::write(root.join("a/empty"), b"").unwrap();
    std::fs::write(root.join("a/small"), pattern(10, 1)).unwrap();
    // Direct, indirect and, with blocks of 1 KiB, double indirect blocks.
    std::fs::write(root.join("a/b/large"), pattern(700_001, 2)).unwrap();
    std::fs::write(root.join("a/b").join(&long), pattern(3000, 3)).unwrap();
    std::fs::hard_link(root.join("a/small"), root.join("a/b/c/again")).unwrap();
    symlink("small", root.join("a/short")).unwrap();
    symlink("x/".repeat(200), root.join("a/long")).unwrap();
    symlink("y".repeat(59), root.join("a/59")).unwrap();
    symlink("y".repeat(60), root.join("a/60")).unwrap();
    std::fs::set_permissions(root.join("a/small"), PermissionsExt::from_mode(0o4751)).unwrap();
    for number in 0..200 {
        std::fs::write(
            root.join(format!("a/b/c/file-{number}")),
            pattern(number, 4),
        )
        .unwrap();
    }
    for size in SIZES {
        let image = Image::new(size, 4096)
            .with(&["-d", root.to_str().unwrap()])
            .make();
        let disk = SimulatedDisk::new(image.clone());
        let fs = mount(&disk, Access::ReadOnly, 64).unwrap();
        assert_eq!(fs.condition(), Condition::Clean);
        assert_eq!(fs.statistics().block_size, size);
        for (path, inode, kind) in tree(&fs).unwrap() {
            if path == "/lost+found" {
                continue;
            }
            let host = root.join(&path[1..]);
            let metadata = std::fs::symlink_metadata(&host).unwrap();
            let attributes = find(&fs, &path).unwrap();
            assert_eq!(attributes.inode, inode);
            assert_eq!(attributes.kind, kind);
            assert_eq!(
                u32::from(attributes.permissions | kind.mode()),
                metadata.mode(),
                "{path}"
            );
            assert_eq!(
                (attributes.uid, attributes.gid),
                (metadata.uid(), metadata.gid())
            );
            assert_eq!(attributes.mtime.sec, metadata.mtime(), "{path}");
            match kind {
                Kind::File => {
                    assert_eq!(
                        read(&fs, inode).unwrap(),
                        std::fs::read(&host).unwrap(),
                        "{path}"
                    );
                    assert_eq!(u64::from(attributes.links), metadata.nlink(), "{path}");
                }
                Kind::Symlink => {
                    let target = std::fs::read_link(&host).unwrap();
                    let mut text = [0; 4096];
                    let text = fs.readlink(inode, &mut text).unwrap();
                    assert_eq!(text, target.to_str().unwrap().as_bytes());
                }
                _ => assert_eq!(kind, Kind::Directory),
            }
        }
        assert_eq!(
            names(&fs, find(&fs, "/a/b/c").unwrap().inode, 1000)
                .unwrap()
                .len(),
            201
        );
        assert_eq!(find(&fs, "/a/none"), Err(Error::NotFound));
        assert_eq!(find(&fs, "/a/small/x"), Err(Error::NotDirectory));
        assert_eq!(
            fs.truncate(find(&fs, "/a/small").unwrap().inode, 0, at(1)),
            Err(Error::ReadOnly)
        );
        drop(fs);
        assert!(disk.bytes() == image, "a mount for reading wrote");
    }
}
