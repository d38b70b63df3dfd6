//! The interrupt controller, GICv2 (Arm IHI 0048B).
//!
//! Owns: the distributor and this CPU's interface. Does not own: what an interrupt does.
//! `arm-gic`'s version 2 driver holds the shared distributor and the banked interface in one exclusive value and writes
//! priorities by whole words; every CPU needs the interface without a lock, hence these few registers here.

use super::cpu::{self, MAX_CPUS};
use super::timer;
use crate::cause::Interrupt;
use crate::devices::DeviceRange;
use crate::layout::DEVICE_WINDOW_BASE;
use aarch64_cpu::asm::barrier;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Distributor registers (byte offsets).
mod d {
    pub const CTLR: usize = 0x000;
    pub const TYPER: usize = 0x004;
    pub const ISENABLER: usize = 0x100;
    pub const ICENABLER: usize = 0x180;
    pub const IPRIORITYR: usize = 0x400;
    pub const ITARGETSR: usize = 0x800;
    pub const SGIR: usize = 0xf00;
}

/// CPU interface registers (byte offsets).
mod c {
    pub const CTLR: usize = 0x00;
    pub const PMR: usize = 0x04;
    pub const IAR: usize = 0x0c;
    pub const EOIR: usize = 0x10;
}

/// One priority for everything: interrupts do not nest.
const PRIORITY: u8 = 0x80;
/// The first number that means "none" (1023: spurious).
const FIRST_SPECIAL: u32 = 1020;
/// Below: software-generated interrupts.
const SGI_COUNT: u32 = 16;
/// Below: private to a CPU.
const PRIVATE_COUNT: u32 = 32;
/// The software-generated interrupt that carries a request for attention.
const IPI: u32 = 0;

static DISTRIBUTOR: AtomicUsize = AtomicUsize::new(0);
static INTERFACE: AtomicUsize = AtomicUsize::new(0);
/// Numbers that `arch` itself knows; no device has the number `u32::MAX`.
static TIMER: AtomicU32 = AtomicU32::new(u32::MAX);
static SERIAL: AtomicU32 = AtomicU32::new(u32::MAX);

/// What an interrupt is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// The generic timer.
    Timer,
    /// The serial line.
    Serial,
    /// A device that `kernel` drives.
    Device,
}

fn read(base: &AtomicUsize, offset: usize) -> u32 {
    let address = base.load(Ordering::Relaxed) + offset;
    // SAFETY: `init` set the base to the device's window, which stays mapped; offsets lie in it.
    unsafe { (address as *const u32).read_volatile() }
}

fn write(base: &AtomicUsize, offset: usize, value: u32) {
    let address = base.load(Ordering::Relaxed) + offset;
    // SAFETY: as in `read`.
    unsafe { (address as *mut u32).write_volatile(value) };
}

fn write_byte(base: &AtomicUsize, offset: usize, value: u8) {
    let address = base.load(Ordering::Relaxed) + offset;
    // SAFETY: as in `read`; priority and target registers are byte-accessible.
    unsafe { (address as *mut u8).write_volatile(value) };
}

/// Brings up distributor and interface with every shared interrupt disabled.
pub(super) fn init(distributor: DeviceRange, interface: DeviceRange) {
    DISTRIBUTOR.store(
        (DEVICE_WINDOW_BASE + distributor.start) as usize,
        Ordering::Relaxed,
    );
    INTERFACE.store(
        (DEVICE_WINDOW_BASE + interface.start) as usize,
        Ordering::Relaxed,
    );
    write(&DISTRIBUTOR, d::CTLR, 0);
    let lines = 32 * (read(&DISTRIBUTOR, d::TYPER) as usize % 32 + 1);
    for first in (PRIVATE_COUNT as usize..lines).step_by(32) {
        write(&DISTRIBUTOR, d::ICENABLER + first / 8, u32::MAX);
    }
    write(&DISTRIBUTOR, d::CTLR, 1);
    init_cpu();
}

/// The bit by which the distributor knows each CPU.
static TARGETS: [AtomicU32; MAX_CPUS] = [const { AtomicU32::new(0) }; MAX_CPUS];

/// Brings up this CPU's interface, with its private interrupts disabled but for the IPI.
pub(super) fn init_cpu() {
    // The registers of private interrupts name the CPU that reads them; a GIC of one CPU reads as 0.
    let own = read(&DISTRIBUTOR, d::ITARGETSR) & 0xff;
    TARGETS[cpu::id()].store(own.max(1), Ordering::Relaxed);
    write(&DISTRIBUTOR, d::ICENABLER, !(1 << IPI));
    for line in 0..PRIVATE_COUNT as usize {
        write_byte(&DISTRIBUTOR, d::IPRIORITYR + line, PRIORITY);
    }
    write(&DISTRIBUTOR, d::ISENABLER, 1 << IPI);
    write(&INTERFACE, c::PMR, 0xff);
    write(&INTERFACE, c::CTLR, 1);
}

/// Lets the timer's line through on a CPU that came up later.
pub(super) fn enable_timer() {
    write(&DISTRIBUTOR, d::ISENABLER, 1 << TIMER.load(Ordering::Relaxed));
}

/// Lets interrupt `line` through: a private one on this CPU, a shared one on CPU 0.
pub fn enable(line: u32, used_as: Use) {
    match used_as {
        Use::Timer => TIMER.store(line, Ordering::Relaxed),
        Use::Serial => SERIAL.store(line, Ordering::Relaxed),
        Use::Device => {}
    }
    write_byte(&DISTRIBUTOR, d::IPRIORITYR + line as usize, PRIORITY);
    if line >= PRIVATE_COUNT {
        write_byte(&DISTRIBUTOR, d::ITARGETSR + line as usize, 1);
    }
    write(
        &DISTRIBUTOR,
        d::ISENABLER + line as usize / 32 * 4,
        1 << (line % 32),
    );
}

/// Stops interrupt `line`.
pub fn disable(line: u32) {
    write(
        &DISTRIBUTOR,
        d::ICENABLER + line as usize / 32 * 4,
        1 << (line % 32),
    );
}

/// Asks CPU `index`, which is up, for attention.
pub fn send_ipi(index: usize) {
    // What was written before is seen by who is interrupted.
    barrier::dsb(barrier::ISHST);
    let target = TARGETS[index].load(Ordering::Relaxed);
    write(&DISTRIBUTOR, d::SGIR, target << 16 | IPI);
}

/// Takes the pending interrupt and ends it: from here on only PSTATE.I keeps it from coming
/// again. `None` if it went away.
#[inline]
pub(super) fn acknowledge() -> Option<Interrupt> {
    let acknowledged = read(&INTERFACE, c::IAR);
    let line = acknowledged & 0x3ff;
    if line >= FIRST_SPECIAL {
        return None;
    }
    let which = if line == TIMER.load(Ordering::Relaxed) {
        timer::quiet();
        Interrupt::Timer
    } else if line == SERIAL.load(Ordering::Relaxed) {
        Interrupt::Serial
    } else if line < SGI_COUNT {
        Interrupt::Ipi
    } else {
        Interrupt::Device(line)
    };
    write(&INTERFACE, c::EOIR, acknowledged);
    Some(which)
}
