//! How the CPUs of a machine end: a panic, programs that die at once, the power-off, whole lines each time; and one
//! that never begins.
//!
//! Owns nothing; the other CPUs print while it happens.

use super::{Check, Ran, command, compile, expect, says, vellum};
use libtest_mimic::{Failed, Trial};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

type Body = fn(&'static str) -> Check;

const BODIES: [(&str, Body); 3] = [
    ("a_panic_stops_the_other_cpus", panicked),
    ("programs_that_die_at_once_are_reported_one_by_one", crashed),
    ("the_end_cuts_no_line_of_another_cpu", powered_off),
];

/// The trials of one machine. Only where CPUs are started by firmware can it be made to refuse one.
pub fn on_machine(arch: &'static str) -> Vec<Trial> {
    let refused = ("a_cpu_that_does_not_come_up_is_left_out", left_out as Body);
    BODIES
        .into_iter()
        .chain((arch == "aarch64").then_some(refused))
        .map(|(name, body)| Trial::test(format!("{arch}::ends::{name}"), move || body(arch)))
        .collect()
}

/// What each of the printers' lines is.
const LINE: &str = "a line of some length, which nobody cuts";
/// How many programs die at once.
const DYING: usize = 8;

/// Runs the guest's part on four CPUs.
fn ends(arch: &str, arguments: &str) -> Result<Ran, Failed> {
    let folder = tempfile::tempdir()?;
    let (source, program) = (folder.path().join("ends.c"), folder.path().join("ends"));
    std::fs::write(&source, include_str!("ends.c"))?;
    compile(arch, &source, &program)?;
    let add = format!("{}:/bin/ends", program.display());
    let commands = format!("ends {arguments}");
    let more = [
        "run", "--arch", arch, "--smp", "4", "--add", &add, "--exec", &commands,
    ];
    Ok(vellum(&more))
}

/// Every line of the printers is whole, and there were some.
fn whole(out: &str) -> Check {
    if !out.ends_with('\n') {
        return Err(format!("the end: {:?}", out.lines().last()).into());
    }
    match out.lines().find(|&line| line != LINE) {
        Some(line) => Err(format!("one of {} lines: {line:?}", out.lines().count()).into()),
        None => Ok(()),
    }
}

fn panicked(arch: &'static str) -> Check {
    let ran = ends(arch, "panic 'on purpose'")?;
    whole(&ran.out)?;
    let said = ran
        .err
        .matches("debug.panic: on purpose at kernel/src/syscall/sysctl.rs:");
    if ran.code == 125 && said.count() == 1 {
        return Ok(());
    }
    Err(format!("{} and {:?}", ran.code, ran.err).into())
}

fn crashed(arch: &'static str) -> Check {
    let ran = ends(arch, "crash")?;
    expect(&ran, 0, "")?;
    let mut reports: Vec<Vec<&str>> = Vec::new();
    for line in ran.err.lines() {
        match reports.last_mut() {
            _ if line.starts_with("ends [") => reports.push(vec![line]),
            Some(report) => report.push(line),
            None => {}
        }
    }
    reports.sort_by_key(|report| address(report[0]));
    let wrong = reports.iter().zip(1..).find(|&(report, number)| {
        let at = 0x10000 * number;
        address(report[0]) != Some(at)
            || report
                .iter()
                .filter(|line| **line == format!("> {at:#018x} is not mapped"))
                .count()
                != 1
            || report.len() != reports[0].len()
    });
    match wrong {
        None if reports.len() == DYING => Ok(()),
        _ => Err(format!("{} reports: {}", reports.len(), ran.err).into()),
    }
}

/// Where the program wrote, by the first line of its report.
fn address(line: &str) -> Option<u64> {
    let (_, after) = line.split_once("write at 0x")?;
    u64::from_str_radix(after.split(',').next()?, 16).ok()
}

fn powered_off(arch: &'static str) -> Check {
    let ran = ends(arch, "end")?;
    whole(&ran.out)?;
    says(&ran, 3, "")
}

/// An emulator whose device tree names a third CPU, which the machine does not have.
const THREE_OF_TWO: &str = "#!/bin/sh
tree=${0%/*}/tree
qemu-system-aarch64 \"$@\" -smp 3 -machine dumpdtb=\"$tree\" > /dev/null 2>&1
exec qemu-system-aarch64 \"$@\" -dtb \"$tree\"
";

fn left_out(arch: &'static str) -> Check {
    let folder = tempfile::tempdir()?;
    let emulator = folder.path().join("emulator");
    std::fs::write(&emulator, THREE_OF_TWO)?;
    std::fs::set_permissions(&emulator, Permissions::from_mode(0o755))?;
    let ran = command(&[
        "run",
        "--arch",
        arch,
        "--smp",
        "2",
        "--exec",
        "sysctl hw.ncpu",
    ])
    .env("VELLUM_QEMU", &emulator)
    .output()?;
    let ran = Ran::from(ran);
    expect(&ran, 0, "hw.ncpu: 2\n")?;
    says(
        &ran,
        0,
        "cpu 2 (hardware id 0x2) is left out: the firmware refused with -2",
    )
}
