//! PCI's configuration space, by the ports of the first host bridge.
//!
//! Owns: the two ports, and the search of bus 0 for virtio devices. Does not own: the space's layout
//! (`virtio-drivers`' `bus`), what a device does (`virtio`). Locks: none: one CPU runs while devices are looked for.
//! Source: PCI Local Bus Specification 3.0, §3.2.2.3.2.

use crate::devices::{DeviceRange, VirtioWindow};
use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction, PciRoot};
use virtio_drivers::transport::pci::virtio_device_type;
use x86::instructions::port::Port;

const ADDRESS: u16 = 0xcf8;
const DATA: u16 = 0xcfc;
const ENABLE: u32 = 1 << 31;
/// Windows beyond have no place among the devices' (40 bits).
const WINDOWS_END: u64 = 1 << 40;

/// The way to configuration space.
pub(super) struct Ports;

impl Ports {
    fn select(function: DeviceFunction, offset: u8) -> Port<u32> {
        let DeviceFunction {
            bus,
            device,
            function,
        } = function;
        let place = u32::from(bus) << 16 | u32::from(device) << 11 | u32::from(function) << 8;
        // SAFETY: the port is the host bridge's on every PC with PCI, and only selects.
        unsafe { Port::new(ADDRESS).write(ENABLE | place | u32::from(offset & !3)) };
        Port::new(DATA)
    }
}

impl ConfigurationAccess for Ports {
    fn read_word(&self, function: DeviceFunction, offset: u8) -> u32 {
        // SAFETY: reading configuration space has no effect; where nothing is, all bits read as 1.
        unsafe { Self::select(function, offset).read() }
    }

    fn write_word(&mut self, function: DeviceFunction, offset: u8, data: u32) {
        // SAFETY: writers change registers of virtio devices only, which this crate drives.
        unsafe { Self::select(function, offset).write(data) };
    }

    unsafe fn unsafe_clone(&self) -> Self {
        Self
    }
}

/// The block devices on bus 0, by place.
pub(super) fn disks() -> impl Iterator<Item = DeviceFunction> {
    PciRoot::new(Ports)
        .enumerate_bus(0)
        .filter(|(_, info)| virtio_device_type(info) == Some(DeviceType::Block))
        .map(|(function, _)| function)
}

/// The memory that a device's BARs decode, by number.
pub(super) fn memory(function: DeviceFunction) -> impl Iterator<Item = (u8, DeviceRange)> {
    let bars = PciRoot::new(Ports).bars(function).unwrap_or_default();
    (0..).zip(bars).filter_map(|(number, bar)| {
        let (start, size) = bar?.memory_address_size()?;
        let end = start.checked_add(size)?;
        (start != 0 && end <= WINDOWS_END).then_some((number, DeviceRange { start, size }))
    })
}

/// Calls `add` with each window of registers that `boot` is to map. The firmware has given the BARs their addresses.
pub fn windows(mut add: impl FnMut(VirtioWindow)) {
    for (_, registers) in disks().flat_map(memory) {
        add(VirtioWindow {
            registers,
            interrupt: None,
        });
    }
}
