//! Files: the root, what is added below mounts, and what the host's tools find on a disk afterwards.

use super::{Check, compile, exec, expect, says};
use libtest_mimic::Trial;
use std::path::Path;
use std::process::Command;

type Body = fn(&'static str) -> Check;

const BODIES: [(&str, Body); 5] = [
    ("added_files_show_where_memory_is_mounted", added),
    ("a_root_that_cannot_be_mounted_is_125", no_root),
    ("a_disk_is_clean_after_the_end", clean),
    ("a_disk_can_be_the_root", other_root),
    ("a_file_is_mapped_as_the_seed_shows", mapped),
];

/// The trials of one machine.
pub fn on_machine(arch: &'static str) -> Vec<Trial> {
    BODIES
        .map(|(name, body)| Trial::test(format!("{arch}::{name}"), move || body(arch)))
        .into()
}

/// A program of e2fsprogs.
pub fn tool(name: &str) -> Command {
    let places = ["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).join(name));
    let found = places.into_iter().find(|path| path.is_file());
    Command::new(found.unwrap_or(name.into()))
}

fn added(arch: &'static str) -> Check {
    let folder = tempfile::tempdir()?;
    std::fs::create_dir(folder.path().join("sub"))?;
    std::fs::write(folder.path().join("sub/file"), "below\n")?;
    let add = format!("{}:/tmp/data", folder.path().display());
    let ran = exec(
        arch,
        "cat /tmp/data/sub/file; echo new > /tmp/new; cat /tmp/new; mount | grep /tmp",
        &["--add", &add],
    );
    expect(&ran, 0, "below\nnew\ntmpfs on /tmp (tmpfs, local)\n")
}

fn no_root(arch: &'static str) -> Check {
    let ran = exec(arch, "true", &["--append", "root=vd0"]);
    says(&ran, 125, "the root, vd0: there is no such block device")?;
    let ran = exec(arch, "true", &["--append", "root=rd1 ramdisk=1M"]);
    says(&ran, 125, "the root, rd1: not an ext2 file system")
}

/// An empty file system.
pub fn disk(folder: &Path, name: &str) -> Result<String, std::io::Error> {
    let path = folder.join(name).display().to_string();
    let made = tool("mke2fs")
        .args(["-q", "-t", "ext2", &path, "8M"])
        .output()?;
    if made.status.success() {
        Ok(path)
    } else {
        Err(std::io::Error::other(format!("{made:?}")))
    }
}

pub fn is_clean(path: &str) -> Check {
    let checked = tool("e2fsck").args(["-f", "-n", path]).output()?;
    if checked.status.success() {
        Ok(())
    } else {
        Err(format!("{checked:?}").into())
    }
}

fn clean(arch: &'static str) -> Check {
    let folder = tempfile::tempdir()?;
    let path = disk(folder.path(), "disk")?;
    let commands = "mkdir /m; mount /dev/vd0 /m && cp -R /etc /m/etc && cp /bin/sh /m/sh && rm /m/etc/motd && \
                    mv /m/sh /m/etc/shell && ln -s etc/shell /m/link && umount /m && mount /dev/vd0 /m && \
                    dd if=/dev/zero of=/m/hole bs=1k seek=500 count=1 2>/dev/null && echo last > /m/last";
    expect(&exec(arch, commands, &["--disk", &path]), 0, "")?;
    is_clean(&path)?;
    let read = tool("debugfs")
        .args(["-R", "cat /last", &path])
        .output()?
        .stdout;
    let hole = tool("debugfs")
        .args(["-R", "stat /hole", &path])
        .output()?
        .stdout;
    let hole = String::from_utf8_lossy(&hole).into_owned();
    // A page of 16 KiB is written whole, and the blocks that lead to it.
    const MOST: u32 = (16 + 3) * 2;
    let blocks = hole.split("Blockcount: ").nth(1).unwrap_or_default();
    let blocks = blocks
        .split_whitespace()
        .next()
        .and_then(|count| count.parse().ok());
    let is_sparse = blocks.is_some_and(|blocks: u32| blocks <= MOST);
    if read != b"last\n" || !hole.contains("Size: 513024") || !is_sparse {
        return Err(format!("{read:?}; {hole}").into());
    }
    // The same bytes come back on a later day.
    let commands = "mkdir /m; mount -r /dev/vd0 /m && cat /m/last && wc -c < /m/link && touch /m/x";
    let ran = exec(arch, commands, &["--disk", &path]);
    let sizes = exec(arch, "wc -c < /bin/sh", &[]);
    expect(
        &ran,
        1,
        &format!("last\n{}touch: /m/x: Read-only file system\n", sizes.out),
    )
}

fn other_root(arch: &'static str) -> Check {
    let folder = tempfile::tempdir()?;
    let path = disk(folder.path(), "root")?;
    let commands = "mkdir /m; mount /dev/vd0 /m && mkdir /m/etc && cp -R /bin /m/bin && \
                    echo 'df / | tail -1 | grep -c /dev/vd0; echo new > /new' > /m/etc/exec";
    expect(&exec(arch, commands, &["--disk", &path]), 0, "")?;
    // The commands are those of that root.
    let ran = exec(arch, "true", &["--disk", &path, "--append", "root=vd0"]);
    expect(&ran, 0, "1\n")?;
    is_clean(&path)
}

fn mapped(arch: &'static str) -> Check {
    let folder = tempfile::tempdir()?;
    let (source, program) = (folder.path().join("m.c"), folder.path().join("m"));
    std::fs::write(
        &source,
        r#"// Memory-mapped file example
#include <sys/mman.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
int fd = open("data.bin", O_RDONLY);
struct stat st;
fstat(fd, &st);
// Map file into virtual memory
void *mapped = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
// Access file data through memory operations
char first_byte = *((char*)mapped);
// Unmap when done
munmap(mapped, st.st_size);
close(fd);
printf("%c\n", first_byte);
}
"#,
    )?;
    compile(arch, &source, &program)?;
    let add = format!("{}:/bin/m", program.display());
    expect(
        &exec(arch, "echo Q > data.bin; m", &["--add", &add]),
        0,
        "Q\n",
    )
}
