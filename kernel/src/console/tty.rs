//! The terminal: the serial line as programs see it.
//!
//! Owns: the line discipline's state, the foreground group, readers that wait. Does not own: the
//! discipline's rules (`line`), output framing (`output`). Received bytes go from the interrupt
//! handler through a small ring to a kernel thread, because signals need locks that handlers do not
//! take. Locks: the ring's is taken by the handler; the terminal's is not.

use super::line::{Discipline, Read, Wake};
use super::output;
use crate::platform::{SpinLock, TaskStateRank, TerminalRank};
use crate::sched::queues::{Interruptible, Priority, WaitResult};
use crate::sched::{Thread, Work, run};
use crate::shared::NoMemory;
use crate::signals;
use crate::syscall::{Answer, Failure};
use crate::user_memory::{get, put};
use abi::Errno;
use abi::termios::{
    FIONREAD, ICANON, TIOCDRAIN, TIOCGETA, TIOCGPGRP, TIOCGWINSZ, TIOCSCTTY, TIOCSETA, TIOCSETAF,
    TIOCSETAW, TIOCSPGRP, TIOCSWINSZ, Termios, VMIN, VTIME, WinSize,
};

const RING: usize = 1024;

struct Ring {
    bytes: [u8; RING],
    first: usize,
    count: usize,
}

static RECEIVED: SpinLock<TerminalRank, Ring> = SpinLock::new(Ring {
    bytes: [0; RING],
    first: 0,
    count: 0,
});

struct Terminal {
    discipline: Discipline,
    /// Process group that gets the keyboard's signals, or 0.
    foreground: i32,
    size: WinSize,
}

static TERMINAL: SpinLock<TaskStateRank, Terminal> = SpinLock::new(Terminal {
    discipline: Discipline::new(),
    foreground: 0,
    size: WinSize {
        row: 24,
        col: 80,
        xpixel: 0,
        ypixel: 0,
    },
});

fn readers() -> usize {
    (&raw const TERMINAL) as usize
}

fn receiver() -> usize {
    (&raw const RECEIVED) as usize
}

/// Starts the thread that looks at what was typed.
pub fn start() -> Result<(), NoMemory> {
    let work = Work {
        run: |_| listen(),
        argument: 0,
    };
    run::start(&Thread::kernel(work, Priority::KERNEL)?);
    arch::serial::enable_receive_interrupt();
    Ok(())
}

/// The serial line's interrupt.
pub fn interrupt() {
    let mut ring = RECEIVED.lock();
    while let Some(byte) = arch::serial::read() {
        if ring.count < RING {
            let at = (ring.first + ring.count) % RING;
            ring.bytes[at] = byte;
            ring.count += 1;
        }
    }
    drop(ring);
    run::wakeup(receiver());
}

fn listen() {
    loop {
        let mut ring = RECEIVED.lock();
        if ring.count == 0 {
            run::wait(receiver(), ring, None, Interruptible::No);
            continue;
        }
        let byte = ring.bytes[ring.first];
        ring.first = (ring.first + 1) % RING;
        ring.count -= 1;
        drop(ring);
        typed(byte);
    }
}

fn typed(byte: u8) {
    let mut terminal = TERMINAL.lock();
    let effect = terminal.discipline.input(byte);
    let foreground = terminal.foreground;
    drop(terminal);
    for piece in effect.echo.pieces() {
        output::data(piece, false);
    }
    if effect.wake == Wake::Yes {
        run::wakeup(readers());
    }
    if let (Some(signal), 1..) = (effect.signal, foreground) {
        signals::send_to_group(foreground, signal, None);
    }
}

/// Writes what a program wrote.
pub fn write(bytes: &[u8]) {
    let translates = TERMINAL.lock().discipline.translates_output();
    output::data(bytes, translates);
}

/// Reads at least a byte, unless the terminal's modes or an end of file say otherwise.
pub fn read(into: &mut [u8]) -> Result<usize, Failure> {
    let mut deadline = None;
    loop {
        let mut terminal = TERMINAL.lock();
        if let Read::Bytes(count) = terminal.discipline.read(into) {
            return Ok(count);
        }
        let modes = terminal.discipline.termios;
        if modes.lflag & ICANON == 0 && modes.cc[VMIN] == 0 {
            let tenths = u64::from(modes.cc[VTIME]);
            if tenths == 0 {
                return Ok(0);
            }
            deadline.get_or_insert_with(|| arch::timer::now() + tenths * 100_000_000);
        }
        match run::wait(readers(), terminal, deadline, Interruptible::Yes) {
            WaitResult::Woken => {}
            WaitResult::TimedOut => return Ok(0),
            WaitResult::Interrupted => return Err(Failure::Interrupted),
        }
    }
}

/// Whether a read would give something at once.
pub fn available() -> usize {
    TERMINAL.lock().discipline.available()
}

/// The terminal's foreground group, or 0.
pub fn foreground() -> i32 {
    TERMINAL.lock().foreground
}

/// Makes a group the one that gets the keyboard's signals.
pub fn set_foreground(group: i32) {
    TERMINAL.lock().foreground = group;
}

/// `ioctl` on the terminal.
pub fn control(request: u64, argument: u64) -> Answer {
    match request {
        TIOCGETA => {
            let modes = TERMINAL.lock().discipline.termios;
            put(argument, &modes)?;
        }
        TIOCSETA | TIOCSETAW | TIOCSETAF => {
            let modes: Termios = get(argument)?;
            let mut terminal = TERMINAL.lock();
            if request == TIOCSETAF {
                terminal.discipline.drop_input();
            }
            terminal.discipline.set_modes(modes);
            drop(terminal);
            run::wakeup(readers());
        }
        TIOCGWINSZ => {
            let size = TERMINAL.lock().size;
            put(argument, &size)?;
        }
        TIOCSWINSZ => {
            let size: WinSize = get(argument)?;
            TERMINAL.lock().size = size;
        }
        TIOCGPGRP => put(argument, &foreground())?,
        TIOCSPGRP => {
            let group: i32 = get(argument)?;
            if group <= 0 {
                return Err(Errno::EINVAL.into());
            }
            set_foreground(group);
        }
        FIONREAD => put(argument, &(available() as i32))?,
        TIOCDRAIN | TIOCSCTTY => {}
        _ => return Err(Errno::ENOTTY.into()),
    }
    Ok((0, 0))
}
