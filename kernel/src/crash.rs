//! The report of a program that dies by its own fault.
//!
//! Owns: what it says: exception, address, registers, the map around the address. Bounded in length, and
//! written as one: the reports of two CPUs are not mixed.
//! Does not own: the decision that the program dies (`signals`).

use crate::console::output;
use crate::memory::vm;
use crate::shortage::Name;
use crate::task::Task;
use abi::Protection;
use abi::syscall::signal;
use arch::trap::{Access, Cause, TrapFrame};
use core::fmt::{self, Write};
use vm::UserAddr;

/// Bytes of a report.
const ROOM: usize = 3072;
/// Registers in a line.
const COLUMNS: usize = 4;
/// Map regions that are shown before and after the address.
const AROUND: usize = 2;
/// Map regions that are looked at to find them.
const LOOKED_AT: usize = 4096;

/// Writes the report to the log.
pub fn report(task: &Task, frame: &TrapFrame, cause: Cause, number: u32, address: u64) {
    let mut text = Text::new();
    task.with_identity(|identity| {
        let _ = writeln!(
            text,
            "{} [{}]: {} ({}): {} at {address:#x}, pc {:#x}",
            Name(&identity.command),
            task.pid.0,
            signal::text(number),
            signal::name(number),
            Exception(cause),
            frame.pc()
        );
    });
    for (index, (name, value)) in frame.registers().enumerate() {
        let end = if index % COLUMNS == COLUMNS - 1 { "\n" } else { "" };
        let _ = write!(text, "  {name:>4} {value:016x}{end}");
    }
    text.end_line();
    regions(&mut text, task, address);
    output::log_lines(text.as_str());
}

/// The map around an address, in the manner of `vmmap`.
fn regions(text: &mut Text, task: &Task, address: u64) {
    let Some(map) = task.own_map() else { return };
    let mut before: [Option<vm::Region>; AROUND] = [const { None }; AROUND];
    let mut after = 0;
    let mut at = 0;
    let mut missing = true;
    for _ in 0..LOOKED_AT {
        let Ok(region) = vm().region(map, UserAddr(at)) else { break };
        at = region.range.end.0;
        if region.range.end.0 <= address {
            before.rotate_left(1);
            before[AROUND - 1] = Some(region);
            continue;
        }
        for region in before.iter_mut().filter_map(Option::take) {
            show(text, &region, ' ');
        }
        if region.range.start.0 <= address {
            missing = false;
            show(text, &region, '>');
        } else {
            if core::mem::take(&mut missing) {
                let _ = writeln!(text, "> {address:#018x} is not mapped");
            }
            show(text, &region, ' ');
            after += 1;
        }
        if after == AROUND {
            return;
        }
    }
    for region in before.iter_mut().filter_map(Option::take) {
        show(text, &region, ' ');
    }
    if missing {
        let _ = writeln!(text, "> {address:#018x} is not mapped");
    }
}

fn show(text: &mut Text, region: &vm::Region, mark: char) {
    let _ = writeln!(
        text,
        "{mark} {:016x}-{:016x} {}/{}",
        region.range.start.0,
        region.range.end.0,
        Letters(region.protection),
        Letters(region.max)
    );
}

/// `rwx`.
struct Letters(Protection);

impl fmt::Display for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, letter) in [(Protection::READ, 'r'), (Protection::WRITE, 'w'), (Protection::EXECUTE, 'x')] {
            f.write_char(if self.0.contains(bit) { letter } else { '-' })?;
        }
        Ok(())
    }
}

struct Exception(Cause);

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Cause::PageFault { access: Access::Read, .. } => "EXC_BAD_ACCESS, read",
            Cause::PageFault { access: Access::Write, .. } => "EXC_BAD_ACCESS, write",
            Cause::PageFault { access: Access::Execute, .. } => "EXC_BAD_ACCESS, execute",
            Cause::NonCanonical | Cause::Alignment { .. } => "EXC_BAD_ACCESS",
            Cause::IllegalInstruction => "EXC_BAD_INSTRUCTION",
            Cause::Breakpoint => "EXC_BREAKPOINT",
            Cause::DivideError | Cause::FloatingPoint => "EXC_ARITHMETIC",
            Cause::Other(_) => "EXC_SOFTWARE",
        })
    }
}

/// The report in the making. What is beyond its room is left out.
struct Text {
    bytes: [u8; ROOM],
    length: usize,
}

impl Text {
    const fn new() -> Self {
        Self {
            bytes: [0; ROOM],
            length: 0,
        }
    }

    fn as_str(&self) -> &str {
        // Whole pieces of text were written, one after the other.
        core::str::from_utf8(&self.bytes[..self.length]).unwrap_or("")
    }

    fn end_line(&mut self) {
        if !self.as_str().ends_with('\n') {
            let _ = self.write_char('\n');
        }
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
