//! Virtio block devices behind memory-mapped transports: their registers, their interrupts.
//!
//! Owns: which of the transports that the device tree names has a block device behind it. Does not own: rings and requests
//! (`kernel`). Source: Virtio 1.2, §4.2.

use super::gic;
use crate::devices::{Devices, VirtioWindow};
use crate::layout::DEVICE_WINDOW_BASE;
use core::ptr::NonNull;
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::{DeviceType, Transport as _};

/// How a driver talks to a device.
pub type Transport = MmioTransport<'static>;

/// A block device that was found.
#[derive(Debug)]
pub struct Disk {
    window: VirtioWindow,
    interrupt: u32,
}

/// A device that cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unusable(pub &'static str);

/// The block devices, by address. Called once, on the boot CPU, while no other runs.
pub fn disks(devices: &Devices) -> impl Iterator<Item = Result<Disk, Unusable>> + '_ {
    let here = |window: &&VirtioWindow| transport(window).is_ok_and(|found| found.device_type() == DeviceType::Block);
    devices.virtio.iter().flatten().filter(here).map(|&window| {
        let interrupt = window.interrupt.ok_or(Unusable("no interrupt"))?;
        Ok(Disk { window, interrupt })
    })
}

fn transport(window: &VirtioWindow) -> Result<Transport, Unusable> {
    let registers = (DEVICE_WINDOW_BASE + window.registers.start) as *mut VirtIOHeader;
    let header = NonNull::new(registers).ok_or(Unusable("no registers"))?;
    // SAFETY: `boot` mapped the window, for ever; the device tree says that a virtio transport lies there.
    unsafe { MmioTransport::new(header, window.registers.size as usize) }
        .map_err(|_| Unusable("its registers make no sense"))
}

impl Disk {
    /// The way to the device.
    pub fn transport(&self) -> Result<Transport, Unusable> {
        transport(&self.window)
    }

    /// The number of its `Interrupt::Device`.
    pub fn interrupt(&self) -> u32 {
        self.interrupt
    }

    /// Lets the device interrupt. After each reset, before its queue is made.
    pub fn route(&self) {
        gic::enable(self.interrupt, gic::Use::Device);
    }
}
