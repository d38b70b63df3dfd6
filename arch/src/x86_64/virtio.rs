//! Virtio block devices on PCI: their registers, their interrupts.
//!
//! Owns: turning a device on, and its one MSI-X vector: a message goes straight to the boot CPU's local APIC, so no
//! routing by chipset or firmware tables has to be known. Does not own: rings and requests (`kernel`). Sources: Virtio
//! 1.2, §4.1.4; PCI Local Bus Specification 3.0, §6.8.2.

use super::pci::{self, Ports};
use super::{apic, vectors};
use crate::devices::Devices;
use crate::dma::Coherent;
use crate::layout::DEVICE_WINDOW_BASE;
use virtio_drivers::transport::pci::bus::{Command, ConfigurationAccess, DeviceFunction, PCI_CAP_ID_VNDR, PciRoot};
use virtio_drivers::transport::pci::{PciTransport, VIRTIO_PCI_CAP_COMMON_CFG};

/// How a driver talks to a device.
pub type Transport = PciTransport;

const CAPABILITY_MSI_X: u8 = 0x11;
/// Message control: the function uses MSI-X.
const MSI_X_ENABLE: u32 = 1 << 31;
/// Message control: all vectors are masked.
const MSI_X_MASK_ALL: u32 = 1 << 30;
/// Where messages to local APICs go.
const MESSAGE_ADDRESS: u32 = 0xfee0_0000;
/// Registers of the common configuration (byte offsets).
const QUEUE_SELECT: u64 = 0x16;
const QUEUE_VECTOR: u64 = 0x1a;

/// A block device that was found.
#[derive(Debug)]
pub struct Disk {
    function: DeviceFunction,
    /// The common configuration in its window.
    common: u64,
    number: u8,
}

/// A device that cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unusable(pub &'static str);

/// The block devices, in order; each is turned on. Called once, on the boot CPU, while no other runs.
pub fn disks(_: &Devices) -> impl Iterator<Item = Result<Disk, Unusable>> {
    (0..vectors::DEVICES_END - vectors::DEVICES).zip(pci::disks()).map(|(number, function)| Disk::new(function, number))
}

impl Disk {
    fn new(function: DeviceFunction, number: u8) -> Result<Self, Unusable> {
        let mut root = PciRoot::new(Ports);
        let command = Command::MEMORY_SPACE | Command::BUS_MASTER | Command::INTERRUPT_DISABLE;
        root.set_command(function, command);
        let (mut table, mut common) = (None, None);
        for capability in root.capabilities(function) {
            let word = |offset: u8| Ports.read_word(function, capability.offset + offset);
            match capability.id {
                CAPABILITY_MSI_X => table = place(function, word(4) & 7, word(4) & !7).map(|at| (at, capability.offset)),
                PCI_CAP_ID_VNDR if (capability.private_header >> 8) as u8 == VIRTIO_PCI_CAP_COMMON_CFG => {
                    common = common.or(place(function, word(4) & 0xff, word(8)));
                }
                _ => {}
            }
        }
        let common = common.ok_or(Unusable("no virtio 1 registers"))?;
        let (table, capability) = table.ok_or(Unusable("no MSI-X"))?;
        let entry = [
            MESSAGE_ADDRESS | apic::hardware_id() << 12,
            0,
            u32::from(vectors::DEVICES + number),
            0,
        ];
        for (offset, word) in (0..).step_by(4).zip(entry) {
            // SAFETY: `boot` mapped the device's windows; the first entry of the table lies there, and nobody else
            // uses it.
            unsafe { ((table + offset) as *mut u32).write_volatile(word) };
        }
        let control = Ports.read_word(function, capability);
        Ports.write_word(function, capability, control & !MSI_X_MASK_ALL | MSI_X_ENABLE);
        Ok(Self {
            function,
            common,
            number,
        })
    }

    /// The way to the device.
    pub fn transport(&self) -> Result<Transport, Unusable> {
        let transport = PciTransport::new::<Coherent, _>(&mut PciRoot::new(Ports), self.function);
        transport.map_err(|_| Unusable("its registers make no sense"))
    }

    /// The number of its `Interrupt::Device`.
    pub fn interrupt(&self) -> u32 {
        self.number.into()
    }

    /// Lets the device's queue 0 interrupt. After each reset, before the queue is made.
    pub fn route(&self) {
        // SAFETY: the common configuration lies in a window that `boot` mapped; the caller sets the device up, so
        // nobody else does.
        unsafe {
            ((self.common + QUEUE_SELECT) as *mut u16).write_volatile(0);
            ((self.common + QUEUE_VECTOR) as *mut u16).write_volatile(0);
        }
    }
}

/// Where `boot` mapped what lies `offset` bytes into a BAR.
fn place(function: DeviceFunction, bar: u32, offset: u32) -> Option<u64> {
    let (_, range) = pci::memory(function).find(|(number, _)| u32::from(*number) == bar)?;
    (u64::from(offset) < range.size).then(|| DEVICE_WINDOW_BASE + range.start + u64::from(offset))
}
