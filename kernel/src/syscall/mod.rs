//! System calls: from a number to the function that does it.
//!
//! Owns: the two tables, the way of results and errors back into the frame. Does not own: what the
//! calls do (the other files here, `mach`). Hot: a null call must pass in a few instructions, so
//! there is one bounds check, one indirect call and one look at the thread's pending work.

mod block;
mod file;
mod information;
#[cfg(feature = "lock-statistics")]
mod locks;
mod memory;
mod mount;
mod name;
mod owner;
mod process;
mod refused;
mod shared_region;
mod shm;
mod signal;
mod sysctl;
mod thread;
mod time;
mod ulock;

use crate::mach;
use crate::sched::{Ast, Thread, run};
use crate::shared::{NoMemory, Shared};
use crate::task::Task;
use crate::task::threads::Counters;
use abi::syscall::*;
use abi::{Errno, KernReturn};
use arch::cause::SyscallClass;
use arch::preempt;
use arch::trap::TrapFrame;

pub use file::open_path;
pub use memory::write_execute_policy;
pub use process::inherit as process_heritage;
pub use sysctl::write_process_arguments;

/// A call on its way.
pub struct Call<'a> {
    /// The arguments in registers.
    pub args: [u64; 8],
    /// The caller's registers.
    pub frame: &'a mut TrapFrame,
    /// The calling thread.
    pub thread: &'static Thread,
    /// Its task.
    pub task: &'a Shared<Task>,
}

/// Why a call has no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// It failed.
    Error(Errno),
    /// A signal came before it did anything: it starts again, or fails with `EINTR`.
    Interrupted,
    /// The registers are set already (`execve`, `sigreturn`).
    FrameIsSet,
}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Self {
        Self::Error(error)
    }
}

impl From<NoMemory> for Failure {
    fn from(_: NoMemory) -> Self {
        Self::Error(Errno::ENOMEM)
    }
}

/// The two result registers, or why not.
pub type Answer = Result<(u64, u64), Failure>;

/// The answer of calls that only succeed.
pub const DONE: Answer = Ok((0, 0));

type UnixCall = fn(&mut Call<'_>) -> Answer;
type MachTrap = fn(&mut Call<'_>) -> Result<u32, KernReturn>;

const UNIX_COUNT: usize = 560;
const MACH_COUNT: usize = 640;

macro_rules! table {
    ($name:ident, $type:ty, $count:expr, $($number:expr => $function:expr;)*) => {
        static $name: [Option<$type>; $count] = {
            let mut table: [Option<$type>; $count] = [None; $count];
            $(table[$number as usize] = Some($function);)*
            table
        };
    };
}

table! { UNIX, UnixCall, UNIX_COUNT,
    SYS_EXIT => process::exit; SYS_FORK => process::fork; SYS_WAIT4 => process::wait4;
    SYS_EXECVE => process::execve; SYS_POSIX_SPAWN => process::posix_spawn;
    SYS_GETPID => process::getpid; SYS_GETPPID => process::getppid;
    SYS_SETUID => process::setuid; SYS_GETUID => process::getuid; SYS_GETEUID => process::getuid; SYS_GETGID => process::zero;
    SYS_GETEGID => process::zero; SYS_ISSETUGID => process::zero;
    SYS_GETPGRP => process::getpgrp; SYS_SETPGID => process::setpgid; SYS_SETSID => process::setsid;
    SYS_GETRLIMIT => process::getrlimit; SYS_SETRLIMIT => process::setrlimit;
    SYS_GETRUSAGE => process::getrusage; SYS_THREAD_SELFID => thread::selfid;
    SYS_BSDTHREAD_REGISTER => thread::register; SYS_BSDTHREAD_CREATE => thread::create;
    SYS_BSDTHREAD_TERMINATE => thread::terminate; SYS_ULOCK_WAIT => ulock::wait; SYS_ULOCK_WAKE => ulock::wake;
    SYS_READ => file::read; SYS_WRITE => file::write; SYS_OPEN => file::open; SYS_CLOSE => file::close;
    SYS_READV => file::readv; SYS_WRITEV => file::writev; SYS_PREAD => file::pread;
    SYS_PWRITE => file::pwrite; SYS_LSEEK => file::lseek; SYS_DUP => file::dup; SYS_DUP2 => file::dup2;
    SYS_PIPE => file::pipe; SYS_FCNTL => file::fcntl; SYS_IOCTL => file::ioctl;
    SYS_FSTAT64 => file::fstat; SYS_FTRUNCATE => file::ftruncate; SYS_FSYNC => file::fsync; SYS_FDATASYNC => file::fsync;
    SYS_GETDIRENTRIES64 => file::getdirentries; SYS_FCHDIR => file::fchdir;
    SYS_STAT64 => name::stat; SYS_LSTAT64 => name::lstat; SYS_ACCESS => name::access;
    SYS_LINK => name::link; SYS_UNLINK => name::unlink; SYS_RENAME => name::rename;
    SYS_MKDIR => name::mkdir; SYS_RMDIR => name::rmdir; SYS_CHDIR => name::chdir;
    SYS_SYMLINK => name::symlink; SYS_MKNOD => name::mknod; SYS_READLINK => name::readlink; SYS_TRUNCATE => name::truncate;
    SYS_UMASK => name::umask;
    SYS_CHMOD => owner::chmod; SYS_FCHMOD => owner::fchmod; SYS_CHOWN => owner::chown; SYS_LCHOWN => owner::lchown;
    SYS_FCHOWN => owner::fchown; SYS_UTIMES => owner::utimes; SYS_FUTIMES => owner::futimes;
    SYS_STATFS64 => mount::statfs; SYS_FSTATFS64 => mount::fstatfs; SYS_GETFSSTAT64 => mount::getfsstat;
    SYS_MOUNT => mount::mount; SYS_UNMOUNT => mount::unmount; SYS_SYNC => mount::sync;
    SYS_KILL => signal::kill; SYS_SIGACTION => signal::sigaction; SYS_SIGPROCMASK => signal::sigprocmask;
    SYS_PTHREAD_KILL => signal::pthread_kill; SYS_PTHREAD_SIGMASK => signal::sigprocmask;
    SYS_SIGALTSTACK => signal::sigaltstack; SYS_SIGSUSPEND => signal::sigsuspend;
    SYS_SIGRETURN => signal::sigreturn;
    SYS_MMAP => memory::mmap; SYS_MUNMAP => memory::munmap; SYS_MPROTECT => memory::mprotect;
    SYS_MADVISE => memory::madvise; SYS_MINCORE => memory::mincore; SYS_MINHERIT => memory::minherit;
    SYS_MSYNC => memory::msync; SYS_MLOCK => memory::mlock; SYS_MUNLOCK => memory::munlock;
    SYS_SHM_OPEN => shm::open; SYS_SHM_UNLINK => shm::unlink;
    SYS_MREMAP_ENCRYPTED => memory::mremap_encrypted;
    SYS_MLOCKALL => refused::no_call; SYS_MUNLOCKALL => refused::no_call;
    SYS_SWAPON => refused::swapon; SYS_KAS_INFO => refused::kas_info;
    SYS_SHARED_REGION_CHECK_NP => shared_region::check;
    SYS_SHARED_REGION_MAP_AND_SLIDE_2_NP => shared_region::map_and_slide;
    SYS_GETTIMEOFDAY => time::gettimeofday; SYS_SEMWAIT_SIGNAL => time::semwait_signal;
    SYS_GETENTROPY => time::getentropy;
    SYS_SYSCTL => sysctl::sysctl; SYS_SYSCTLBYNAME => sysctl::sysctlbyname;
    SYS_PROC_INFO => information::proc_info;
}

table! { MACH, MachTrap, MACH_COUNT,
    abi::trap::VM_ALLOCATE => mach::vm::allocate; abi::trap::VM_DEALLOCATE => mach::vm::deallocate;
    abi::trap::VM_PROTECT => mach::vm::protect; abi::trap::VM_MAP => mach::vm::map_anonymous;
    abi::trap::PORT_DEALLOCATE => mach::port::deallocate; abi::trap::THREAD_SELF => mach::port::thread_self;
    abi::trap::TASK_SELF => mach::port::task_self; abi::trap::HOST_SELF => mach::port::host_self;
    abi::trap::TASK_FOR_PID => mach::port::task_for_pid;
    abi::trap::CPU_NUMBER => mach::host::cpu_number;
    abi::trap::MACX_SWAPON => refused::macx; abi::trap::MACX_SWAPOFF => refused::macx;
    abi::trap::MACX_TRIGGERS => refused::macx; abi::trap::MACX_BACKING_STORE_SUSPEND => refused::macx;
    abi::trap::MACX_BACKING_STORE_RECOVERY => refused::macx;
    abi::trap::SWTCH_PRI => mach::host::yield_now; abi::trap::THREAD_SWITCH => mach::host::yield_now;
    abi::trap::TIMEBASE_INFO => mach::host::timebase_info; abi::trap::WAIT_UNTIL => mach::host::wait_until;
    abi::trap::MACH_VM_INHERIT => mach::vm::inherit; abi::trap::MACH_VM_MAP => mach::vm::map;
    abi::trap::MACH_VM_PAGE_QUERY => mach::region::page_query;
    abi::trap::MACH_VM_REGION_RECURSE => mach::region::region_recurse;
    abi::trap::MACH_VM_REGION => mach::region::region;
    abi::trap::MACH_VM_PAGE_RANGE_QUERY => mach::region::page_range_query;
    abi::trap::MACH_VM_BEHAVIOR_SET => mach::vm::behavior_set; abi::trap::MACH_VM_MSYNC => mach::vm::msync;
    abi::trap::MACH_VM_WIRE => mach::vm::wire; abi::trap::VM_MAP_EXEC_LOCKDOWN => mach::vm::exec_lockdown;
    abi::trap::MACH_VM_READ => mach::transfer::read; abi::trap::MACH_VM_READ_LIST => mach::transfer::read_list;
    abi::trap::MACH_VM_WRITE => mach::transfer::write; abi::trap::MACH_VM_COPY => mach::transfer::copy;
    abi::trap::MACH_VM_READ_OVERWRITE => mach::transfer::read_overwrite;
    abi::trap::MACH_VM_REMAP => mach::share::remap; abi::trap::MACH_VM_REMAP_NEW => mach::share::remap_new;
    abi::trap::MACH_MAKE_MEMORY_ENTRY => mach::share::make_memory_entry;
    abi::trap::MEMORY_OBJECT_MEMORY_ENTRY => mach::share::memory_object_memory_entry;
    abi::trap::MEMORY_ENTRY_MAP_SIZE => mach::share::memory_entry_map_size;
    abi::trap::MEMORY_ENTRY_OWNERSHIP => mach::share::memory_entry_ownership;
    abi::trap::MEMORY_ENTRY_ACCESS_TRACKING => mach::share::memory_entry_access_tracking;
    abi::trap::HOST_STATISTICS64 => mach::host::statistics; abi::trap::HOST_INFO => mach::host::info;
    abi::trap::HOST_PAGE_SIZE => mach::host::page_size; abi::trap::MACH_ZONE_INFO => mach::host::zone_info;
    abi::trap::VM_PURGABLE_CONTROL => mach::purgable::control;
    abi::trap::MEMORY_ENTRY_PURGABLE_CONTROL => mach::purgable::entry_control;
    abi::trap::MACH_VM_MACHINE_ATTRIBUTE => mach::purgable::machine_attribute;
    abi::trap::MACH_VM_PAGE_INFO => mach::purgable::page_info;
    abi::trap::MACH_MEMORY_INFO => mach::host::memory_info; abi::trap::TASK_WIRE => mach::task::wire;
    abi::trap::MACH_VM_RECLAIM_ALLOCATE => mach::task::reclaim_allocate;
    abi::trap::MACH_VM_RECLAIM_FLUSH => mach::task::reclaim; abi::trap::MACH_VM_RECLAIM_UPDATE => mach::task::reclaim;
    abi::trap::MACH_VM_RECLAIM_RESIZE => mach::task::reclaim; abi::trap::MACH_ZONE_FORCE_GC => mach::host::zone_force_gc;
    abi::trap::MACH_VM_RANGE_CREATE => mach::task::range_create; abi::trap::VM_OBJECTS => mach::objects::objects;
    abi::trap::TASK_INFO => mach::task::task_info; abi::trap::AUDIT => mach::host::audit;
}

/// Upcall: a system call.
#[unsafe(no_mangle)]
fn kernel_syscall(frame: &mut TrapFrame) {
    let me = run::current();
    let Some(task) = &me.task else { return };
    let asked = frame.syscall();
    let number = asked.number as usize;
    let mut call = Call {
        args: asked.args,
        frame,
        thread: me,
        task,
    };
    match asked.class {
        SyscallClass::Unix => {
            Counters::count(&me.counters.unix_calls);
            let answer = match UNIX.get(number) {
                Some(Some(function)) => function(&mut call),
                _ => Err(Errno::ENOSYS.into()),
            };
            match answer {
                Ok((first, second)) => frame.set_result(first, second),
                Err(Failure::Error(error)) => frame.set_error(error.0 as u32),
                Err(Failure::Interrupted) => me.set_ast(Ast::RESTART),
                Err(Failure::FrameIsSet) => {}
            }
        }
        SyscallClass::Mach => {
            Counters::count(&me.counters.mach_calls);
            let answer = match MACH.get(number) {
                Some(Some(function)) => function(&mut call),
                _ => Err(KernReturn::INVALID_ARGUMENT),
            };
            frame.set_kern_return(answer.unwrap_or_else(|code| code.0 as u32));
        }
        SyscallClass::Machine => match thread::machine_call(me, asked.number, asked.args[0]) {
            Ok(()) => frame.set_result(0, 0),
            Err(error) => frame.set_error(error.0 as u32),
        },
        SyscallClass::Other => frame.set_error(Errno::ENOSYS.0 as u32),
    }
    if me.has_ast() {
        preempt::request_ast();
    }
}
