//! AArch64: EL1 on QEMU's `virt` machine: GICv2, generic timer, PL011, PL031.
//!
//! Owns: the machine's registers and exception entry. Encodings (`esr`) compile on every host; the
//! rest is the machine's. Does not own: page tables (`pmap`), how the machine came
//! up (`boot`).

pub mod esr;
pub mod tlb;

macro_rules! machine {
    ($($(#[$doc:meta])* $module:ident;)*) => {
        $(
            #[cfg(all(target_os = "none", target_arch = "aarch64"))]
            pub mod $module;
        )*
    };
}

machine! {
    cache;
    context;
    cpu;
    frames;
    gic;
    interrupts;
    memory;
    power;
    preempt;
    serial;
    timer;
    trap;
    user;
    virtio;
}

/// Installs the exception vectors and this CPU's block. The first thing after the MMU is on:
/// before it, an exception cannot be reported.
#[cfg(all(target_os = "none", target_arch = "aarch64"))]
pub fn early_init() {
    context::init_cpu(0);
    trap::install();
}

/// The same on CPU `id`, which came up later.
#[cfg(all(target_os = "none", target_arch = "aarch64"))]
pub fn early_init_cpu(id: usize) {
    context::init_cpu(id);
    trap::install();
}

/// Sets up what each CPU has for itself, on a CPU that came up later: it can be interrupted by its timer
/// and by other CPUs.
#[cfg(all(target_os = "none", target_arch = "aarch64"))]
pub fn init_cpu() {
    cpu::init();
    gic::init_cpu();
    timer::init_cpu();
    gic::enable_timer();
}

/// Brings up the devices that `arch` drives, from their windows at
/// `layout::DEVICE_WINDOW_BASE`. Once, on the boot CPU, interrupts masked.
///
/// Errors: the name of a device without which the kernel cannot run.
#[cfg(all(target_os = "none", target_arch = "aarch64"))]
pub fn init(devices: &crate::devices::Devices) -> Result<(), MissingDevice> {
    serial::init(devices.serial.ok_or(MissingDevice("PL011"))?);
    power::init(devices.psci_by_hvc);
    cpu::init();
    let distributor = devices
        .distributor
        .ok_or(MissingDevice("GICv2 distributor"))?;
    let interface = devices
        .cpu_interface
        .ok_or(MissingDevice("GICv2 CPU interface"))?;
    gic::init(distributor, interface);
    let timer_line = devices
        .timer_interrupt
        .ok_or(MissingDevice("generic timer"))?;
    timer::init(devices.clock);
    gic::enable(timer_line, gic::Use::Timer);
    gic::enable(
        devices
            .serial_interrupt
            .ok_or(MissingDevice("PL011 interrupt"))?,
        gic::Use::Serial,
    );
    Ok(())
}

/// A device that the device tree does not name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MissingDevice(pub &'static str);
