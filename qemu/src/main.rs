//! The host command `vellum`: how a person drives the kernel.
//!
//! Owns: the command line, the exit codes, what is printed where.
//! Does not own: how a guest is built (`build`), booted (`guest`), judged (`outcome`, `test`).

mod archive;
#[cfg(test)]
mod baseline;
mod bench;
mod build;
mod check;
mod cli;
mod disk;
mod doctor;
mod failure;
mod gdb;
mod guest;
mod image;
mod machine;
mod mutants;
mod outcome;
mod progress;
mod project;
mod record;
mod run;
mod soak;
mod test;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let command = match cli::Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => {
            // Help and version are answers, everything else is a mistake in the command line.
            let asked = !error.use_stderr();
            let _ = error.print();
            return ExitCode::from(if asked { 0 } else { failure::NOT_STARTED });
        }
    };
    if let Err(failure) = guest::catch_interrupts() {
        return failure.report();
    }
    let result = match command {
        cli::Command::Run(options) => run::run(&options),
        cli::Command::Test(options) => test::run(&options),
        cli::Command::Cc(options) => build::cc::run(&options),
        cli::Command::Bench(options) => bench::run(&options),
        cli::Command::Doctor(options) => doctor::run(&options),
        cli::Command::Check => check::run(),
        cli::Command::Mutants(options) => mutants::run(&options),
        cli::Command::Soak(options) => soak::run(&options),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.report(),
    }
}
