//! What both ways in do with a `Vm`: `vm`'s conformance suite over this machine's tables, then the demo.
//!
//! Owns: the program of the suite. Does not own: the suite (`vm::conformance`), the demo.

use crate::demo::demo;
use crate::failed::Failed;
use crate::machine::Sv39;
use crate::tables::{KERNEL, USER};
use core::fmt::Write;
use vm::Vm;
use vm::conformance::{Blind, Notes, Program, agree, conform};

/// A program of the suite: the kernel's map, and all that programs may have.
pub const fn program(seed: u64, steps: u32) -> Program {
    Program {
        seed,
        steps,
        kernel_window: KERNEL,
        user_window: USER,
        run: None,
        notes: Notes::Hardware,
    }
}

/// Runs both, with a line for each step.
///
/// # Errors
/// The first thing that is not as it should be.
pub fn run(vm: &Vm<Sv39>, out: &mut dyn Write) -> Result<(), Failed> {
    let met = conform(vm, &mut Blind, program(1, 1000))?;
    writeln!(
        out,
        "page tables: {} pages entered, {} replaced, {} removed, {} disconnected, as the model says",
        met.entered, met.replaced, met.removed, met.disconnected
    )?;
    let done = agree(vm, 1, 2000, USER)?;
    writeln!(
        out,
        "tasks: {} accesses, {} refused, {} forks, as the model says",
        done.accesses, done.refused, done.forks
    )?;
    demo(vm, out)
}
