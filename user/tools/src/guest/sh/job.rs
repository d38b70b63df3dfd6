//! Children: starting, waiting, reporting.
//!
//! Owns: process groups, the terminal's owner, what a death by signal prints. Does not own: what children run.

use super::super::{c, sys};
use super::Shell;
use crate::guest::out::complain;
use abi::Errno;
use abi::signal::{OldAction, SIG_DFL, SIG_IGN};
use abi::syscall::signal::{self, SIGINT, SIGPIPE, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
use alloc::format;
use alloc::vec::Vec;

/// Processes of a pipeline.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its number, from 1.
    pub number: usize,
    /// Those that run, in the pipeline's order.
    pub pids: Vec<i32>,
    /// The last process of the pipeline.
    pub last: i32,
}

/// Signals that an interactive shell does not take itself.
const SHIELDED: [u32; 5] = [SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU];

/// Sets the action of the signals that matter to jobs.
pub fn shield(handler: u64) {
    for number in SHIELDED {
        let action = OldAction {
            handler,
            mask: 0,
            flags: 0,
        };
        // SAFETY: the record is ours.
        unsafe { c::sigaction(number as i32, &action, core::ptr::null_mut()) };
    }
}

/// What waiting answered.
pub enum Ended {
    /// This process, with this status of `wait`.
    Process(i32, i32),
    /// There is none (left).
    None,
}

/// Waits for a child; `pid` -1 means any.
pub fn wait(pid: i32, options: i32) -> Ended {
    loop {
        let mut status = 0;
        // SAFETY: the place is ours.
        match unsafe { c::wait4(pid, &mut status, options, core::ptr::null_mut()) } {
            0 => return Ended::None,
            ended if ended > 0 => return Ended::Process(ended, status),
            _ if sys::errno() == Errno::EINTR => {}
            _ => return Ended::None,
        }
    }
}

/// A shell's status for a status of `wait`.
pub fn shell_status(status: i32) -> i32 {
    match status & 0x7f {
        0 => status >> 8 & 0xff,
        signal => 128 + signal,
    }
}

/// Prints what killed a child, as far as a person wants to know.
fn report(status: i32) {
    let number = (status & 0x7f) as u32;
    if number != 0 && number != 0x7f && number != SIGINT && number != SIGPIPE {
        complain(&format!("{}: {number}", signal::text(number)));
    }
}

impl Shell {
    /// Forks; the child joins `group` (0: its own) if the shell is interactive. Answers nothing in the child.
    pub fn fork(&mut self, group: &mut i32, foreground: bool) -> Result<Option<i32>, Errno> {
        // SAFETY: one thread; output buffers are empty between commands.
        let pid = unsafe { c::fork() };
        if pid < 0 {
            return Err(sys::errno());
        }
        if self.interactive {
            // Both sides do it, so that neither runs before it is done.
            // SAFETY: no memory is involved.
            unsafe {
                let child = if pid == 0 { c::getpid() } else { pid };
                if *group == 0 {
                    *group = child;
                }
                c::setpgid(child, *group);
                if foreground {
                    c::tcsetpgrp(0, *group);
                }
            }
        }
        if pid != 0 {
            return Ok(Some(pid));
        }
        if self.interactive {
            shield(SIG_DFL);
        }
        self.interactive = false;
        self.jobs.clear();
        Ok(None)
    }

    /// Waits for all `pids`; `$?` becomes that of `last`.
    pub fn wait_foreground(&mut self, pids: &[i32], last: i32) {
        for &pid in pids {
            if let Ended::Process(_, status) = wait(pid, 0) {
                if pid == last {
                    self.status = shell_status(status);
                }
                if self.interactive && (status & 0x7f) as u32 == SIGINT && pid == last {
                    let _ = sys::write(2, b"\n");
                }
                report(status);
            }
        }
        self.take_terminal();
    }

    /// Makes the shell the terminal's owner again.
    pub fn take_terminal(&self) {
        if self.interactive {
            // SAFETY: no memory is involved.
            unsafe { c::tcsetpgrp(0, c::getpgrp()) };
        }
    }

    /// Remembers a job that is not waited for.
    pub fn add_job(&mut self, pids: Vec<i32>, last: i32) {
        let number = self.jobs.last().map_or(1, |job| job.number + 1);
        if self.interactive {
            complain(&format!("[{number}] {last}"));
        }
        self.last_background = Some(last);
        self.jobs.push(Job { number, pids, last });
    }

    /// Collects background children that have ended.
    pub fn reap(&mut self) {
        while let Ended::Process(pid, status) = wait(-1, abi::proc::WNOHANG) {
            self.ended(pid, status);
        }
    }

    /// Takes a background child out of the jobs.
    fn ended(&mut self, pid: i32, status: i32) {
        for job in &mut self.jobs {
            job.pids.retain(|&other| other != pid);
        }
        if let Some(at) = self.jobs.iter().position(|job| job.pids.is_empty()) {
            let job = self.jobs.remove(at);
            if self.interactive {
                let how = match status & 0x7f {
                    0 => format!("Done({})", status >> 8 & 0xff),
                    number => format!("{}: {number}", signal::text(number as u32)),
                };
                complain(&format!("[{}] {how}  {}", job.number, job.last));
            }
        }
    }

    /// `wait`: for all jobs, or for those named.
    pub fn wait_jobs(&mut self, pids: &[i32]) {
        self.status = 0;
        if pids.is_empty() {
            while let Ended::Process(pid, status) = wait(-1, 0) {
                self.ended(pid, status);
            }
        }
        for &pid in pids {
            match wait(pid, 0) {
                Ended::Process(pid, status) => {
                    self.status = shell_status(status);
                    self.ended(pid, status);
                }
                Ended::None => {
                    self.complain(&format!("wait: pid {pid} is not a child of this shell"));
                    self.status = 127;
                }
            }
        }
    }

    /// Ignores what an interactive shell must not die of.
    pub fn shield(&self) {
        shield(SIG_IGN);
    }
}
