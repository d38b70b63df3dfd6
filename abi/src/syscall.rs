//! BSD system-call numbers (Darwin's) and the calls' small constants.
//!
//! x86_64: `syscall` with RAX = class << 24 | number (1 Mach, 2 BSD); arguments RDI RSI RDX R10 R8
//! R9; BSD errors set the carry flag. aarch64: `svc #0x80` with the number in x16 (negative: Mach);
//! arguments x0–x7; BSD errors set PSTATE.C.

/// x86_64: the Mach class in RAX.
pub const CLASS_MACH: u32 = 1;
/// x86_64: the BSD class in RAX.
pub const CLASS_UNIX: u32 = 2;

macro_rules! numbers {
    ($($name:ident = $value:literal;)*) => {
        $(#[doc = concat!("`", stringify!($name), "`.")] pub const $name: u32 = $value;)*
        /// The call's name for reports, or `"?"`.
        pub const fn name(number: u32) -> &'static str {
            match number { $($value => stringify!($name),)* _ => "?" }
        }
    };
}

numbers! {
    SYS_EXIT = 1; SYS_FORK = 2; SYS_READ = 3; SYS_WRITE = 4; SYS_OPEN = 5; SYS_CLOSE = 6; SYS_WAIT4 = 7;
    SYS_LINK = 9; SYS_UNLINK = 10; SYS_CHDIR = 12; SYS_FCHDIR = 13; SYS_MKNOD = 14; SYS_CHMOD = 15; SYS_CHOWN = 16;
    SYS_GETPID = 20;
    SYS_SETUID = 23; SYS_GETUID = 24; SYS_GETEUID = 25; SYS_ACCESS = 33; SYS_SYNC = 36; SYS_KILL = 37; SYS_GETPPID = 39; SYS_DUP = 41;
    SYS_PIPE = 42; SYS_GETEGID = 43; SYS_SIGACTION = 46; SYS_GETGID = 47; SYS_SIGPROCMASK = 48;
    SYS_SIGALTSTACK = 53; SYS_IOCTL = 54; SYS_SYMLINK = 57; SYS_READLINK = 58; SYS_EXECVE = 59; SYS_UMASK = 60;
    SYS_MSYNC = 65; SYS_MUNMAP = 73; SYS_MPROTECT = 74; SYS_MADVISE = 75; SYS_MINCORE = 78;
    SYS_GETPGRP = 81; SYS_SETPGID = 82; SYS_SWAPON = 85; SYS_DUP2 = 90; SYS_FCNTL = 92; SYS_FSYNC = 95;
    SYS_SIGSUSPEND = 111; SYS_GETTIMEOFDAY = 116; SYS_GETRUSAGE = 117; SYS_READV = 120; SYS_WRITEV = 121; SYS_FCHOWN = 123;
    SYS_FCHMOD = 124; SYS_RENAME = 128;
    SYS_MKDIR = 136; SYS_RMDIR = 137; SYS_UTIMES = 138; SYS_FUTIMES = 139; SYS_SETSID = 147; SYS_PREAD = 153; SYS_PWRITE = 154; SYS_UNMOUNT = 159; SYS_MOUNT = 167;
    SYS_SIGRETURN = 184; SYS_FDATASYNC = 187; SYS_GETRLIMIT = 194; SYS_SETRLIMIT = 195; SYS_MMAP = 197; SYS_LSEEK = 199;
    SYS_TRUNCATE = 200; SYS_FTRUNCATE = 201; SYS_SYSCTL = 202; SYS_MLOCK = 203; SYS_MUNLOCK = 204;
    SYS_POSIX_SPAWN = 244; SYS_MINHERIT = 250; SYS_SHM_OPEN = 266; SYS_SHM_UNLINK = 267; SYS_SYSCTLBYNAME = 274;
    SYS_SHARED_REGION_CHECK_NP = 294; SYS_MLOCKALL = 324; SYS_MUNLOCKALL = 325; SYS_ISSETUGID = 327;
    SYS_PTHREAD_KILL = 328; SYS_PTHREAD_SIGMASK = 329; SYS_SEMWAIT_SIGNAL = 334; SYS_PROC_INFO = 336;
    SYS_STAT64 = 338; SYS_FSTAT64 = 339; SYS_LSTAT64 = 340; SYS_GETDIRENTRIES64 = 344; SYS_STATFS64 = 345;
    SYS_FSTATFS64 = 346; SYS_GETFSSTAT64 = 347;
    SYS_BSDTHREAD_CREATE = 360; SYS_BSDTHREAD_TERMINATE = 361; SYS_LCHOWN = 364; SYS_BSDTHREAD_REGISTER = 366;
    SYS_THREAD_SELFID = 372; SYS_KAS_INFO = 439; SYS_MREMAP_ENCRYPTED = 489; SYS_GETENTROPY = 500;
    SYS_ULOCK_WAIT = 515; SYS_ULOCK_WAKE = 516; SYS_SHARED_REGION_MAP_AND_SLIDE_2_NP = 536;
}

/// `open`: read only.
pub const O_RDONLY: u32 = 0;
/// `open`: write only.
pub const O_WRONLY: u32 = 1;
/// `open`: both.
pub const O_RDWR: u32 = 2;
/// `open`: the access field.
pub const O_ACCMODE: u32 = 3;
/// `open`: do not block.
pub const O_NONBLOCK: u32 = 4;
/// `open`: append.
pub const O_APPEND: u32 = 8;
/// `open`: writes return when they are durable.
pub const O_SYNC: u32 = 0x80;
/// `open`: fail with `ELOOP` at a symbolic link.
pub const O_NOFOLLOW: u32 = 0x100;
/// `open`: create.
pub const O_CREAT: u32 = 0x200;
/// `open`: truncate.
pub const O_TRUNC: u32 = 0x400;
/// `open`: fail if it exists.
pub const O_EXCL: u32 = 0x800;
/// `open`: fail unless a directory.
pub const O_DIRECTORY: u32 = 0x10_0000;
/// `open`: the same for the bytes alone.
pub const O_DSYNC: u32 = 0x40_0000;
/// `open`: close on exec.
pub const O_CLOEXEC: u32 = 0x100_0000;

/// Signals, Darwin's numbers.
pub mod signal {
    macro_rules! signals {
        ($($name:ident = $value:literal, $text:literal;)*) => {
            $(#[doc = $text] pub const $name: u32 = $value;)*
            /// The sentence a shell prints for a death by this signal.
            pub const fn text(signal: u32) -> &'static str {
                match signal { $($value => $text,)* _ => "Unknown signal" }
            }
            /// The name without `SIG`.
            pub const fn name(signal: u32) -> &'static str {
                match signal { $($value => stringify!($name),)* _ => "?" }
            }
        };
    }
    signals! {
        SIGHUP = 1, "Hangup"; SIGINT = 2, "Interrupt"; SIGQUIT = 3, "Quit"; SIGILL = 4, "Illegal instruction";
        SIGTRAP = 5, "Trace/BPT trap"; SIGABRT = 6, "Abort trap"; SIGEMT = 7, "EMT trap";
        SIGFPE = 8, "Floating point exception"; SIGKILL = 9, "Killed"; SIGBUS = 10, "Bus error";
        SIGSEGV = 11, "Segmentation fault"; SIGSYS = 12, "Bad system call"; SIGPIPE = 13, "Broken pipe";
        SIGALRM = 14, "Alarm clock"; SIGTERM = 15, "Terminated"; SIGURG = 16, "Urgent I/O condition";
        SIGSTOP = 17, "Suspended (signal)"; SIGTSTP = 18, "Suspended"; SIGCONT = 19, "Continued";
        SIGCHLD = 20, "Child exited"; SIGTTIN = 21, "Stopped (tty input)"; SIGTTOU = 22, "Stopped (tty output)";
        SIGIO = 23, "I/O possible"; SIGXCPU = 24, "Cputime limit exceeded"; SIGXFSZ = 25, "Filesize limit exceeded";
        SIGVTALRM = 26, "Virtual timer expired"; SIGPROF = 27, "Profiling timer expired"; SIGWINCH = 28, "Window size changes";
        SIGINFO = 29, "Information request"; SIGUSR1 = 30, "User defined signal 1"; SIGUSR2 = 31, "User defined signal 2";
    }
}
