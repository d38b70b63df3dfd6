//! The command line: its words and their defaults.
//!
//! Owns: what `--help` says. The forms are a contract; other things are built on them.

use crate::build::cc::CcOptions;
use crate::failure::Failure;
use crate::machine::{Arch, Clock, Granule, Machine, Memory};
use crate::project;
use crate::test::report::Format;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

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
    /// Run the in-kernel and user-mode tests; with --all everything there is to test
    #[command(after_help = TEST_HELP)]
    Test(TestOptions),
    /// Compile C against the SDK to a Mach-O program for the guest
    #[command(after_help = CC_HELP)]
    Cc(CcOptions),
    /// Run the benchmarks, in guest instructions, beside Linux's figures; `bench smp`: what several CPUs gain
    #[command(after_help = BENCH_HELP)]
    Bench(BenchOptions),
    /// Say what this machine has and what it lacks
    Doctor(DoctorOptions),
    /// Format, lints, documentation, the direction of the arrows
    Check,
    /// Break the code in known ways; each breakage must make its named test fail
    Mutants(MutantsOptions),
    /// Run the model tests for long, with new seeds
    Soak(SoakOptions),
}

const TEST_HELP: &str = "\
Exit code: 0 all passed, 1 a test failed, 125 the machine failed before it could plan its tests, 126 it never started.
Every failure names its seed and the one command that repeats it.";

const BENCH_HELP: &str = "\
`bench smp` boots with 1, 2 and 4 CPUs on the host's clock and prints what as many workers as CPUs gain over one, \
beside the gain of a loop that never faults in the same boot; then what one CPU pays in instructions since first \
light. Its rates are those of this host at this time; only the ratios mean something, and only if the loop gains.";

const CC_HELP: &str = "\
Put the program into the guest with: cargo vellum run --add PROG:/bin/PROG --exec PROG";

const RUN_HELP: &str = "\
Exit code with --exec: that of CMDS (killed by a signal: 128+n); 124 timeout; 125 the machine failed \
(panic, triple fault, hang); 126 the guest never started (usage, build, QEMU, --add, --disk).
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
    pub fn machine(&self, arch: Arch, clock: Clock) -> Result<Machine, Failure> {
        Ok(Machine {
            arch,
            memory: self.memory.clone(),
            smp: self.smp,
            cpu: self.cpu.clone(),
            granule: Machine::granule(arch, self.granule)?,
            clock,
            disks: Vec::new(),
            program: project::program("VELLUM_QEMU", arch.qemu()),
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
    /// Give the guest a disk with the bytes of this raw image, which it may change; the n-th is vdN, from 0
    #[arg(long, value_name = "IMAGE")]
    pub disk: Vec<PathBuf>,
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

/// Options of `test`.
#[derive(Args)]
pub struct TestOptions {
    /// Run only tests whose name contains this
    pub filter: Option<String>,
    /// Architecture [default: both]
    #[arg(long, value_name = "A")]
    pub arch: Option<Arch>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub machine: MachineOptions,
    /// Print the names of the tests instead of running them
    #[arg(long)]
    pub list: bool,
    /// How results are printed
    #[arg(long, value_name = "FORMAT", default_value = "pretty")]
    pub format: Format,
    /// Seed of the order and of the guest's random numbers [default: a new one, printed]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Boot once for each test
    #[arg(long)]
    pub isolate: bool,
    /// Let the clock count instructions: the same seed gives the same run, with several CPUs too
    #[arg(long)]
    pub icount: bool,
    /// Let threads lose their CPU after a random time of N microseconds at most, by the seed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub jitter: Option<u64>,
    /// Also whether faults of two threads gain 0.8 of what a loop gains from a second CPU: wall time, so on an idle
    /// host with two cores or more
    #[arg(long)]
    pub scaling: bool,
    /// Also the host's tests, aarch64 with the 4 KiB granule, and several CPUs: everything
    #[arg(long, conflicts_with_all = ["filter", "arch", "list", "format", "isolate", "granule", "smp", "icount", "jitter"])]
    pub all: bool,
}

/// Options of `bench`.
#[derive(Args)]
pub struct BenchOptions {
    /// Run only the group of benchmarks of this name; `smp` is what several CPUs gain, in wall time
    pub name: Option<String>,
    /// Architecture [default: both]
    #[arg(long, value_name = "A")]
    pub arch: Option<Arch>,
    /// Also write the figures to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// With `smp`: build a kernel that counts its locks and print how often they were taken and found held
    #[arg(long)]
    pub locks: bool,
    /// Instead of our figures make those of another kernel again
    #[arg(long, value_name = "KERNEL")]
    pub peer: Option<Peer>,
}

/// Another kernel whose figures can be made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Peer {
    /// Debian's Linux.
    Linux,
}

/// Options of `doctor`.
#[derive(Args)]
pub struct DoctorOptions {
    /// Install what is missing
    #[arg(long)]
    pub fix: bool,
}

/// Options of `mutants`.
#[derive(Args)]
pub struct MutantsOptions {
    /// Only mutants whose name contains this
    pub filter: Option<String>,
    /// Print the mutants and their tests instead of trying them
    #[arg(long)]
    pub list: bool,
}

/// Options of `soak`.
#[derive(Args)]
pub struct SoakOptions {
    /// For how many minutes at least; a million steps in each page size are made in any case
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub minutes: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}
