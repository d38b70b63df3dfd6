//! `run --gdb`: a machine that waits, the line to type, and a `.gdbinit` in the run's folder.

use crate::failure::{Context, Failure};
use crate::machine::Arch;
use std::path::Path;
use std::process::Command;

/// Lets QEMU wait on a socket in the run's folder, and says how to attach to it.
///
/// The breakpoint is a hardware one: the kernel's text is not mapped when the machine starts.
pub fn prepare(
    command: &mut Command,
    arch: Arch,
    symbols: &Path,
    folder: &Path,
) -> Result<(), Failure> {
    let socket = folder.join("gdb.sock");
    let script = folder.join(".gdbinit");
    let (architecture, debugger) = match arch {
        Arch::X86_64 => ("i386:x86-64", "gdb"),
        Arch::Aarch64 => ("aarch64", "gdb-multiarch"),
    };
    let text = format!(
        "set architecture {architecture}\nfile {}\ntarget remote {}\nhbreak kernel_main\n",
        symbols.display(),
        socket.display()
    );
    std::fs::write(&script, text).context(format_args!("cannot write {}", script.display()))?;
    command.arg("-S").arg("-chardev").arg(format!(
        "socket,path={},server=on,wait=off,id=gdb",
        socket.display()
    ));
    command.args(["-gdb", "chardev:gdb"]);
    eprintln!(
        "vellum: the machine waits; in another terminal type:\n    {debugger} -x {}",
        script.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_breaks_by_hardware_and_attaches_to_the_waiting_machine() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("qemu");
        prepare(
            &mut command,
            Arch::Aarch64,
            Path::new("/k.elf"),
            folder.path(),
        )
        .unwrap();
        let script = std::fs::read_to_string(folder.path().join(".gdbinit")).unwrap();
        assert!(script.contains("\nhbreak kernel_main\n") && script.contains("\nfile /k.elf\n"));
        let socket = folder.path().join("gdb.sock").display().to_string();
        assert!(script.contains(&format!("target remote {socket}\n")));
        let words: Vec<_> = command
            .get_args()
            .map(|word| word.to_string_lossy())
            .collect();
        assert!(words.contains(&"-S".into()) && words.iter().any(|word| word.contains(&socket)));
    }
}
