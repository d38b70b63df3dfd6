//! The machines that the kernel runs on, as QEMU command lines.
//!
//! Owns: architectures, granules, the devices and flags of each machine, what `--cpu`, `--memory` and `--smp` accept.
//! Does not own: what is booted (`build`), for how long and how it ends (`guest`).

use crate::disk;
use crate::failure::Failure;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

/// An architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Arch {
    /// q35, booted by PVH.
    #[value(name = "x86_64")]
    X86_64,
    /// virt, booted by the Image header.
    #[value(name = "aarch64", alias = "arm64")]
    Aarch64,
}

impl Arch {
    /// Both, in the order in which they are tested.
    pub const ALL: [Arch; 2] = [Arch::X86_64, Arch::Aarch64];

    /// Its name on the command line and in the names of files.
    pub fn name(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64",
            Arch::Aarch64 => "aarch64",
        }
    }

    /// The target of the kernel.
    pub fn kernel_target(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64-unknown-none",
            Arch::Aarch64 => "aarch64-unknown-none-softfloat",
        }
    }

    /// The Rust target of user programs.
    pub fn user_target(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64-apple-darwin",
            Arch::Aarch64 => "aarch64-apple-darwin",
        }
    }

    /// Apple's name of the architecture, which clang and the linker take.
    pub fn apple_name(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64",
            Arch::Aarch64 => "arm64",
        }
    }

    /// The program that plays it.
    pub fn qemu(self) -> &'static str {
        match self {
            Arch::X86_64 => "qemu-system-x86_64",
            Arch::Aarch64 => "qemu-system-aarch64",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The size of a page table's page on aarch64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Granule {
    /// 4 KiB.
    #[value(name = "4k")]
    Small,
    /// 16 KiB, aarch64's default.
    #[value(name = "16k")]
    Large,
}

/// An amount of memory as QEMU takes it: `256M`, `1G`, `65536K`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory(String);

impl FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| "kKmMgG".contains(c));
        let suffix = &text[digits.len()..];
        match digits.parse::<u32>() {
            Ok(1..) if suffix.len() <= 1 => {
                // Without a suffix it is MiB, as QEMU has it; said aloud so that nobody has to know.
                let suffix = if suffix.is_empty() {
                    "M".into()
                } else {
                    suffix.to_uppercase()
                };
                Ok(Self(format!("{digits}{suffix}")))
            }
            _ => Err("an amount such as 256M or 1G is wanted".into()),
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where the serial line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// To this program, through pipes; the guest's input is empty.
    Records,
    /// To the person's terminal, which QEMU puts into raw mode; Ctrl-A X leaves.
    Terminal,
}

/// A machine to boot, without what is booted.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its architecture.
    pub arch: Arch,
    /// Its RAM.
    pub memory: Memory,
    /// How many CPUs.
    pub smp: u32,
    /// QEMU's CPU model and its options, `max` where nothing is asked.
    pub cpu: String,
    /// The page size of the kernel's page tables.
    pub granule: Granule,
    /// What the guest's clock follows.
    pub clock: Clock,
    /// The images of its disks: `vd0` …
    pub disks: Vec<PathBuf>,
    /// The QEMU that plays it: the architecture's, or what `VELLUM_QEMU` names.
    pub program: OsString,
}

/// What the guest's clock follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The host's time.
    Host,
    /// One nanosecond per guest instruction: repeatable.
    Instructions,
}

impl Machine {
    /// The granule for an architecture, checked against what was asked.
    pub fn granule(arch: Arch, asked: Option<Granule>) -> Result<Granule, Failure> {
        match (arch, asked) {
            (Arch::X86_64, Some(Granule::Large)) => Err(Failure::not_started(
                "--granule 16k: x86_64 has pages of 4 KiB only; leave the option out or say --arch aarch64",
            )),
            (Arch::X86_64, _) => Ok(Granule::Small),
            (Arch::Aarch64, asked) => Ok(asked.unwrap_or(Granule::Large)),
        }
    }

    /// The QEMU command that boots `image` with the root archive, these boot arguments and this console.
    ///
    /// `folder` is the run's own: QEMU's log (resets and triple faults) goes to `qemu.log` in it.
    pub fn command(
        &self,
        image: &Path,
        archive: &Path,
        arguments: &str,
        console: Console,
        folder: &Path,
    ) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.devices());
        command.args([
            "-m",
            &self.memory.to_string(),
            "-smp",
            &self.smp.to_string(),
        ]);
        command.args([
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
            "-display",
            "none",
        ]);
        command.args(disk::arguments(self.arch, &self.disks));
        match console {
            Console::Records => {
                command.args([
                    "-monitor",
                    "none",
                    "-chardev",
                    "stdio,id=line,signal=off",
                    "-serial",
                    "chardev:line",
                ]);
            }
            Console::Terminal => {
                command.args(["-chardev", "stdio,id=line,signal=off,mux=on"]);
                command.args([
                    "-serial",
                    "chardev:line",
                    "-mon",
                    "chardev=line,mode=readline",
                ]);
            }
        }
        if self.clock == Clock::Instructions {
            command.args([
                "-accel",
                "tcg,thread=single",
                "-icount",
                "shift=0,sleep=off",
            ]);
            command.args(["-rtc", "clock=vm,base=2026-01-01", "-seed", "1"]);
        }
        command
            .arg("-d")
            .arg("cpu_reset")
            .arg("-D")
            .arg(folder.join("qemu.log"));
        command
            .arg("-kernel")
            .arg(image)
            .arg("-initrd")
            .arg(archive)
            .args(["-append", arguments]);
        command
    }

    fn devices(&self) -> Vec<OsString> {
        let clock = match self.clock {
            // One tick of the counter per instruction.
            Clock::Instructions if self.arch == Arch::Aarch64 => ",cntfrq=1000000000",
            _ => "",
        };
        let cpu = format!("{}{clock}", self.cpu);
        let list: &[&str] = match self.arch {
            Arch::X86_64 => &[
                "-M",
                "q35",
                "-device",
                "isa-debug-exit,iobase=0xf4,iosize=4",
                "-cpu",
                &cpu,
            ],
            Arch::Aarch64 => &["-M", "virt,gic-version=2", "-semihosting", "-cpu", &cpu],
        };
        list.iter().map(OsString::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arch: Arch, clock: Clock, console: Console) -> String {
        let machine = Machine {
            arch,
            memory: "64m".parse().unwrap(),
            smp: 2,
            cpu: "max".into(),
            granule: Granule::Small,
            clock,
            disks: vec!["D".into()],
            program: "qemu".into(),
        };
        let command = machine.command(
            Path::new("K"),
            Path::new("R"),
            "mode=test",
            console,
            Path::new("/t"),
        );
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        words.join(" ")
    }

    #[test]
    fn the_exit_status_has_its_way_out_on_both_machines() {
        let x86 = line(Arch::X86_64, Clock::Host, Console::Records);
        assert!(x86.contains("-device isa-debug-exit,iobase=0xf4,iosize=4"));
        let arm = line(Arch::Aarch64, Clock::Host, Console::Records);
        assert!(arm.contains("-M virt,gic-version=2 -semihosting"));
        for text in [x86, arm] {
            assert!(
                text.contains("-no-reboot") && text.contains("-m 64M -smp 2"),
                "{text}"
            );
            assert!(
                text.contains("-kernel K -initrd R -append mode=test"),
                "{text}"
            );
            assert!(
                text.contains("file.filename=D -device virtio-blk-"),
                "{text}"
            );
        }
    }

    #[test]
    fn instructions_are_counted_one_a_tick() {
        let arm = line(Arch::Aarch64, Clock::Instructions, Console::Records);
        assert!(arm.contains("-icount shift=0,sleep=off") && arm.contains("max,cntfrq=1000000000"));
        let x86 = line(Arch::X86_64, Clock::Instructions, Console::Records);
        assert!(x86.contains("-icount shift=0,sleep=off") && !x86.contains("cntfrq"));
        assert!(!line(Arch::Aarch64, Clock::Host, Console::Records).contains("icount"));
    }

    #[test]
    fn ctrl_c_belongs_to_the_guest() {
        let text = line(Arch::X86_64, Clock::Host, Console::Terminal);
        assert!(text.contains("stdio,id=line,signal=off,mux=on"), "{text}");
    }

    #[test]
    fn memory_and_granules_are_checked() {
        assert_eq!("256".parse::<Memory>().unwrap().to_string(), "256M");
        assert_eq!("1g".parse::<Memory>().unwrap().to_string(), "1G");
        for wrong in ["", "0", "-1", "1T", "1MM", "M", "1.5G"] {
            assert!(wrong.parse::<Memory>().is_err(), "{wrong}");
        }
        assert!(Machine::granule(Arch::X86_64, Some(Granule::Large)).is_err());
        assert_eq!(
            Machine::granule(Arch::Aarch64, None).unwrap(),
            Granule::Large
        );
        assert_eq!(
            Machine::granule(Arch::X86_64, None).unwrap(),
            Granule::Small
        );
    }
}
