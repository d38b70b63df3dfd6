//! The terminal's records and `ioctl` requests, with Darwin's values.

/// `ioctl`: reads [`Termios`].
pub const TIOCGETA: u64 = 0x4048_7413;
/// `ioctl`: sets [`Termios`] now.
pub const TIOCSETA: u64 = 0x8048_7414;
/// `ioctl`: sets it after the output has drained.
pub const TIOCSETAW: u64 = 0x8048_7415;
/// `ioctl`: sets it after the output has drained and drops input.
pub const TIOCSETAF: u64 = 0x8048_7416;
/// `ioctl`: reads [`WinSize`].
pub const TIOCGWINSZ: u64 = 0x4008_7468;
/// `ioctl`: sets [`WinSize`].
pub const TIOCSWINSZ: u64 = 0x8008_7467;
/// `ioctl`: reads the foreground process group (i32).
pub const TIOCGPGRP: u64 = 0x4004_7477;
/// `ioctl`: sets the foreground process group (i32).
pub const TIOCSPGRP: u64 = 0x8004_7476;
/// `ioctl`: waits until the output has drained.
pub const TIOCDRAIN: u64 = 0x2000_745e;
/// `ioctl`: makes this the controlling terminal.
pub const TIOCSCTTY: u64 = 0x2000_7461;
/// `ioctl`: bytes that a read would give at once (i32).
pub const FIONREAD: u64 = 0x4004_667f;

/// `struct termios` (72 bytes).
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Termios {
    /// Input modes.
    pub iflag: u64,
    /// Output modes.
    pub oflag: u64,
    /// Control modes.
    pub cflag: u64,
    /// Local modes.
    pub lflag: u64,
    /// Control characters, by `V*`.
    pub cc: [u8; 20],
    /// Padding of the C record.
    pub pad: [u8; 4],
    /// Baud.
    pub ispeed: u64,
    /// Baud.
    pub ospeed: u64,
}

/// `struct winsize`.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct WinSize {
    /// Lines.
    pub row: u16,
    /// Columns.
    pub col: u16,
    /// Pixels, 0.
    pub xpixel: u16,
    /// Pixels, 0.
    pub ypixel: u16,
}

/// `iflag`: carriage return becomes newline.
pub const ICRNL: u64 = 0x100;
/// `iflag`: flow control by ^S and ^Q (stored, without effect).
pub const IXON: u64 = 0x200;
/// `oflag`: output is processed.
pub const OPOST: u64 = 1;
/// `oflag`: newline becomes carriage return, newline.
pub const ONLCR: u64 = 2;
/// `cflag`: eight bits.
pub const CS8: u64 = 0x300;
/// `cflag`: the receiver is on.
pub const CREAD: u64 = 0x800;
/// `lflag`: erase wipes the character.
pub const ECHOE: u64 = 2;
/// `lflag`: kill wipes the line.
pub const ECHOK: u64 = 4;
/// `lflag`: input is echoed.
pub const ECHO: u64 = 8;
/// `lflag`: ^C and ^\ send signals.
pub const ISIG: u64 = 0x80;
/// `lflag`: input comes by lines.
pub const ICANON: u64 = 0x100;
/// `lflag`: extensions.
pub const IEXTEN: u64 = 0x400;

/// Control character: end of file (^D).
pub const VEOF: usize = 0;
/// Control character: end of line.
pub const VEOL: usize = 1;
/// Control character: erase (^? and, to this kernel, ^H).
pub const VERASE: usize = 3;
/// Control character: kill line (^U).
pub const VKILL: usize = 5;
/// Control character: interrupt (^C).
pub const VINTR: usize = 8;
/// Control character: quit (^\).
pub const VQUIT: usize = 9;
/// Control character: suspend (^Z).
pub const VSUSP: usize = 10;
/// Without `ICANON`: the fewest bytes that end a read.
pub const VMIN: usize = 16;
/// Without `ICANON`: tenths of a second that end a read.
pub const VTIME: usize = 17;

impl Termios {
    /// What a new terminal has: lines, echo, signals, CR and LF translated.
    pub const DEFAULT: Self = {
        let mut cc = [0xff; 20];
        cc[VEOF] = 4;
        cc[VERASE] = 0x7f;
        cc[VKILL] = 0x15;
        cc[VINTR] = 3;
        cc[VQUIT] = 0x1c;
        cc[VSUSP] = 0x1a;
        cc[VMIN] = 1;
        cc[VTIME] = 0;
        Self {
            iflag: ICRNL | IXON,
            oflag: OPOST | ONLCR,
            cflag: CS8 | CREAD,
            lflag: ECHOE | ECHOK | ECHO | ISIG | ICANON | IEXTEN,
            cc,
            pad: [0; 4],
            ispeed: 9600,
            ospeed: 9600,
        }
    };
}

const _: () = assert!(size_of::<Termios>() == 72);
