//! The serial line between guest and host: data bytes and line records.
//!
//! A record is `ESC` (0x01), a JSON object, and LF. In data, an `ESC` byte is sent twice, so nothing
//! that a program writes can forge a record. The kernel wraps its own log lines in records
//! (`{"ev":"log","msg":"…"}`) whenever the boot argument `console=record` is given; without it the
//! line carries plain text for a person.

/// The byte that begins a record; doubled in data.
pub const ESC: u8 = 1;

/// Exit status "ended in order", as QEMU's own exit code on both machines.
pub const EXIT_ORDERLY: u8 = 33;
/// Exit status of a panic, as QEMU's own exit code on both machines.
pub const EXIT_PANIC: u8 = 35;

/// Events (`ev`) of the records.
pub mod ev {
    /// `{"ev":"log","msg":TEXT}`: a line of the kernel's log.
    pub const LOG: &str = "log";
    /// `{"ev":"exec"}`: from here on data bytes are the output of the commands.
    pub const EXEC: &str = "exec";
    /// `{"ev":"exit","status":N}`: the commands ended; N is a shell status (128+signal).
    pub const EXIT: &str = "exit";
    /// `{"ev":"panic","msg":TEXT}`: the kernel panicked.
    pub const PANIC: &str = "panic";
    /// `{"ev":"fail","msg":TEXT}`: the machine cannot run (too little memory, bad boot argument …).
    pub const FAIL: &str = "fail";
    /// `{"ev":"plan","count":N,"seed":N,"tests":[NAME…]}`.
    pub const PLAN: &str = "plan";
    /// `{"ev":"start","test":NAME}`.
    pub const START: &str = "start";
    /// `{"ev":"end","test":NAME,"result":"ok"|"fail"|"skip","why":TEXT,"insns":N,"pages":N,"elems":N}`.
    pub const END: &str = "end";
    /// `{"ev":"done","ran":N,"passed":N,"failed":N,"skipped":N}`.
    pub const DONE: &str = "done";
    /// `{"ev":"bench","name":NAME,"value":N,"unit":TEXT}`: one measured figure.
    pub const BENCH: &str = "bench";
}
