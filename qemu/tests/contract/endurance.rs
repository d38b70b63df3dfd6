//! Files under strain: a model beside them, memory that is too small for them, a machine that is killed.
//!
//! Owns: what the host's e2fsck and debugfs find on a disk afterwards. Does not own: what is done to the files
//! (`stress` in the guest).

use super::files::{disk, is_clean, tool};
use super::{Check, compile, exec, expect};
use libtest_mimic::{Failed, Trial};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

type Body = fn(&'static str) -> Check;

const BODIES: [(&str, Body); 3] = [
    ("a_file_on_a_disk_is_what_the_model_says", exercised),
    ("a_file_larger_than_memory_is_used_from_end_to_end", large),
    ("what_was_synced_survives_a_kill", killed),
];

/// The trials of one machine.
pub fn on_machine(arch: &'static str) -> Vec<Trial> {
    BODIES
        .map(|(name, body)| Trial::test(format!("{arch}::{name}"), move || body(arch)))
        .into()
}

/// The bytes of a file on a disk.
fn read(path: &str, file: &str) -> Result<Vec<u8>, Failed> {
    let read = tool("debugfs")
        .args(["-R", &format!("cat {file}"), path])
        .output()?;
    Ok(read.stdout)
}

/// FNV-1a, as the guest computes it.
fn sum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Two processes at one file, in a machine whose memory is small; once more on the RAM disk.
fn exercised(arch: &'static str) -> Check {
    let folder = tempfile::tempdir()?;
    let path = disk(folder.path(), "disk")?;
    let commands = "mkdir /m; mount /dev/vd0 /m && stress --files 3000 --processes 2 --bytes 1000000 --path /m/file && \
                    stress --files 1000 --seed 2 --path /file > /tmp/out || cat /tmp/out";
    let ran = exec(arch, commands, &["--disk", &path, "--memory", "32M"]);
    let bytes = read(&path, "/file")?;
    let line = format!(
        "stress: 3000 steps of 2 processes (seed 1); no difference; size {} sum {:016x}\n",
        bytes.len(),
        sum(&bytes)
    );
    expect(&ran, 0, &line)?;
    is_clean(&path)
}

/// A file twice as large as the memory is written, read, and written through a mapping; the cache grows with
/// it, gives way to a program that needs memory, and grows again.
fn large(arch: &'static str) -> Check {
    let folder = tempfile::tempdir()?;
    let path = disk(folder.path(), "disk")?;
    std::fs::OpenOptions::new()
        .write(true)
        .open(&path)?
        .set_len(80 << 20)?;
    let grown = tool("resize2fs").args(["-f", &path]).output()?;
    if !grown.status.success() {
        return Err(format!("{grown:?}").into());
    }
    let (source, program) = (folder.path().join("large.c"), folder.path().join("large"));
    std::fs::write(&source, include_str!("large.c"))?;
    compile(arch, &source, &program)?;
    let add = format!("{}:/bin/large", program.display());
    let ran = exec(
        arch,
        "mkdir /m; mount /dev/vd0 /m && large /m/file",
        &["--disk", &path, "--memory", "32M", "--add", &add],
    );
    expect(&ran, 0, "written, read, mapped, read again\n")?;
    is_clean(&path)
}

/// The program that runs the emulator for a `vellum`.
fn emulator_of(vellum: u32) -> Result<u32, Failed> {
    let children = format!("/proc/{vellum}/task/{vellum}/children");
    for child in std::fs::read_to_string(children)?.split_whitespace() {
        let name = std::fs::read_to_string(format!("/proc/{child}/comm"))?;
        if name.starts_with("qemu-system") {
            return Ok(child.parse()?);
        }
    }
    Err("no emulator runs".into())
}

/// The byte of mark `number` at `at`, as the guest makes it.
fn byte(seed: u64, number: u64, at: u64) -> u8 {
    let mixed = (seed ^ number.rotate_left(17) ^ at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as u8 | 1
}

/// The emulator is killed between two marks; repaired, the disk has every mark that was told and not removed.
fn killed(arch: &'static str) -> Check {
    let seed = match std::env::var("VELLUM_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => u64::from(std::process::id()),
    };
    println!("{arch}: the kills of seed {seed}");
    for round in 0..3u64 {
        // Between the 1st and the 60th.
        let last = seed.wrapping_add(round).wrapping_mul(0x9e37_79b9_7f4a_7c15) % 60 + 1;
        kill_after(arch, seed, last)
            .map_err(|why| format!("seed {seed}, killed after {last} marks: {why:?}"))?;
    }
    Ok(())
}

fn kill_after(arch: &str, seed: u64, last: u64) -> Check {
    let folder = tempfile::tempdir()?;
    let path = disk(folder.path(), "disk")?;
    let commands =
        format!("mkdir /m; mount /dev/vd0 /m && stress --marks 100000 --seed {seed} --path /m");
    let mut vellum = Command::new(env!("CARGO_BIN_EXE_vellum"))
        .args([
            "run", "--arch", arch, "--quiet", "--exec", &commands, "--disk", &path,
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = vellum.stdout.take().ok_or("no output")?;
    let mut marks = BTreeMap::new();
    let mut killed = false;
    for line in BufReader::new(output).lines() {
        let line = line?;
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["mark", number, size] => {
                marks.insert(number.parse::<u64>()?, size.parse::<u64>()?);
            }
            ["gone", number] => {
                marks.remove(&number.parse::<u64>()?);
            }
            // The last line may be cut off with the machine.
            _ if killed => {}
            _ => return Err(format!("the guest says {line:?}").into()),
        }
        let told = words.get(1).and_then(|number| number.parse::<u64>().ok());
        if !killed && told >= Some(last) {
            let emulator = emulator_of(vellum.id())?;
            let kill = Command::new("kill")
                .args(["-9", &emulator.to_string()])
                .status()?;
            killed = kill.success();
        }
    }
    vellum.wait()?;
    if !killed {
        return Err("the guest ended by itself".into());
    }
    holds(&path, seed, &marks)
}

/// Repairs the disk, and reads every mark.
fn holds(path: &str, seed: u64, marks: &BTreeMap<u64, u64>) -> Check {
    let repaired = tool("e2fsck").args(["-f", "-y", path]).output()?;
    // 1: errors were corrected.
    if !matches!(repaired.status.code(), Some(0 | 1)) {
        return Err(format!("{repaired:?}").into());
    }
    is_clean(path)?;
    for (&number, &size) in marks {
        let bytes = read(path, &format!("/mark-{number}"))?;
        let wanted: Vec<u8> = (0..size).map(|at| byte(seed, number, at)).collect();
        if bytes != wanted {
            let differs = bytes
                .iter()
                .zip(&wanted)
                .position(|(is, should)| is != should);
            let length = bytes.len();
            return Err(format!(
                "mark {number} has {length} of {size} bytes; the first that differs: {differs:?}"
            )
            .into());
        }
    }
    Ok(())
}
