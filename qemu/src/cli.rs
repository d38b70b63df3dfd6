//! The command line: its words and their defaults.
//!
//! Owns: what `--help` says. The forms are a contract; other things are built on them.

use crate::failure::Failure;
use crate::machine::{Arch, Clock, Granule, Machine, Memory};
use clap::{Args, Parser, Subcommand};

/// Builds, boots, tests and measures the Vellum kernel in QEMU.
#[derive(Parser)]
#[command(
    name = "vellum",
    bin_name = "cargo vellum",
    version,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Boot the kernel: to the shell on a terminal, through the tour without one, or through CMDS
    #[command(after_help = RUN_HELP)]
    Run(RunOptions),
}

const RUN_HELP: &str = "\
Exit code with --exec: that of CMDS (killed by a signal: 128+n); 124 timeout; 125 the machine failed \
(panic, triple fault, hang); 126 the guest never started (usage, build, QEMU, --add).
In the interactive shell Ctrl-C goes to the guest; Ctrl-A X leaves QEMU.";

/// The machine, where one architecture is meant.
#[derive(Args)]
pub struct MachineOptions {
    /// RAM of the machine
    #[arg(long, value_name = "SIZE", default_value = "256M")]
    pub memory: Memory,
    /// Number of CPUs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=8))]
    pub smp: u32,
    /// QEMU's CPU model, such as max or cortex-a76
    #[arg(long, value_name = "MODEL", default_value = "max")]
    pub cpu: String,
    /// Page size of the kernel's page tables; aarch64 has 16k unless told, x86_64 only 4k
    #[arg(long, value_name = "SIZE")]
    pub granule: Option<Granule>,
}

impl MachineOptions {
    /// The machine of this architecture.
    pub fn machine(&self, arch: Arch, icount: Clock) -> Result<Machine, Failure> {
        Ok(Machine {
            arch,
            memory: self.memory.clone(),
            smp: self.smp,
            cpu: self.cpu.clone(),
            granule: Machine::granule(arch, self.granule)?,
            icount,
        })
    }
}

/// Options of `run`.
#[derive(Args)]
pub struct RunOptions {
    /// Architecture
    #[arg(long, value_name = "A", default_value = "x86_64")]
    pub arch: Arch,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub machine: MachineOptions,
    /// Put a host file or folder into the guest; split at the last colon
    #[arg(long, value_name = "HOST:GUEST")]
    pub add: Vec<String>,
    /// Let the guest's shell run CMDS, then power off
    #[arg(long, value_name = "CMDS")]
    pub exec: Option<String>,
    /// Print what CMDS printed and nothing else
    #[arg(long)]
    pub quiet: bool,
    /// Seconds until the machine is stopped, counted after the build [default: 300 with --exec, else none]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: Option<u64>,
    /// More boot arguments, separated by spaces
    #[arg(long, value_name = "ARGS", default_value = "")]
    pub append: String,
    /// Seed of the guest's random numbers
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Wait for gdb before the first instruction, and print the line to type
    #[arg(long)]
    pub gdb: bool,
    /// Let the clock count instructions: 1 ns each, the same in every run
    #[arg(long)]
    pub icount: bool,
}
