//! The kernel's two ways in: a board, or the host.
//!
//! Owns: `main` of the host program. Does not own: the steps (`demo`), the board's entry (`virt`).
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod virt;

#[cfg(not(target_os = "none"))]
fn main() -> std::process::ExitCode {
    use example_kernel::{hart::machine, kernel::run};
    let mut lines = String::new();
    let result = machine(1 << 12).map_err(Into::into);
    let result = result.and_then(|vm| run(&vm, &mut lines));
    print!("{lines}");
    match result {
        Ok(()) => {
            println!("example kernel: passed");
            std::process::ExitCode::SUCCESS
        }
        Err(failed) => {
            println!("example kernel: FAILED: {failed:?}");
            std::process::ExitCode::FAILURE
        }
    }
}
