//! Where `boot` found the devices that `arch` itself drives.
//!
//! Owns: the record that `boot` hands to `init`. Does not own: drivers.

/// A device's registers: a physical range.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeviceRange {
    /// The first byte's physical address.
    pub start: u64,
    /// Bytes.
    pub size: u64,
}

/// Register windows of virtio devices that the record has room for.
pub const MAX_VIRTIO: usize = 32;

/// A window of virtio registers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct VirtioWindow {
    /// Where they are. aarch64: one transport's. x86_64: what one BAR decodes.
    pub registers: DeviceRange,
    /// aarch64: the transport's interrupt (GIC number).
    pub interrupt: Option<u32>,
}

/// What the firmware's tables named; a field that a machine has no use for is `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Devices {
    /// The serial line (aarch64: PL011; x86_64 uses ports).
    pub serial: Option<DeviceRange>,
    /// The serial line's interrupt (aarch64: GIC number; x86_64: IOAPIC line).
    pub serial_interrupt: Option<u32>,
    /// aarch64: GICv2 distributor. x86_64: IOAPIC.
    pub distributor: Option<DeviceRange>,
    /// aarch64: GICv2 CPU interface. x86_64: local APIC.
    pub cpu_interface: Option<DeviceRange>,
    /// aarch64: the virtual timer's interrupt (GIC number).
    pub timer_interrupt: Option<u32>,
    /// aarch64: PL031 real-time clock.
    pub clock: Option<DeviceRange>,
    /// aarch64: PSCI is called by `hvc` (otherwise `smc`).
    pub psci_by_hvc: bool,
    /// x86_64: physical address of ACPI's root pointer.
    pub acpi_root: Option<u64>,
    /// Virtio devices, or places for them, by address; from the first empty one on all are.
    pub virtio: [Option<VirtioWindow>; MAX_VIRTIO],
}

impl Devices {
    /// Adds a window of virtio registers in its place by address. One for which there is no room is left out.
    pub fn add_virtio(&mut self, window: VirtioWindow) {
        let is_before = |slot: &Option<VirtioWindow>| {
            slot.is_some_and(|other| other.registers.start < window.registers.start)
        };
        let at = self
            .virtio
            .iter()
            .take_while(|slot| is_before(slot))
            .count();
        if self.virtio[MAX_VIRTIO - 1].is_none() {
            self.virtio[at..].rotate_right(1);
            self.virtio[at] = Some(window);
        }
    }

    /// The pages of `page` bytes that hold virtio registers, as ranges in order that do not overlap.
    pub fn virtio_pages(&self, page: u64) -> impl Iterator<Item = DeviceRange> + '_ {
        let mut from = 0;
        self.virtio.iter().flatten().filter_map(move |window| {
            let DeviceRange { start, size } = window.registers;
            let first = (start & !(page - 1)).max(from);
            from = (start + size).next_multiple_of(page).max(from);
            (first < from).then_some(DeviceRange {
                start: first,
                size: from - first,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn window(start: u64, size: u64) -> VirtioWindow {
        VirtioWindow {
            registers: DeviceRange { start, size },
            interrupt: None,
        }
    }

    #[test]
    fn virtio_windows_are_sorted_and_their_pages_mapped_once() {
        let mut devices = Devices::default();
        for start in [0xa000400, 0xa000000, 0xa004000, 0xa000200] {
            devices.add_virtio(window(start, 0x200));
        }
        devices.add_virtio(window(0xb003000, 0x2000));
        let starts: Vec<_> = devices
            .virtio
            .iter()
            .flatten()
            .map(|window| window.registers.start)
            .collect();
        assert_eq!(
            starts,
            [0xa000000, 0xa000200, 0xa000400, 0xa004000, 0xb003000]
        );
        let pages: Vec<_> = devices
            .virtio_pages(0x4000)
            .map(|range| (range.start, range.size))
            .collect();
        assert_eq!(
            pages,
            [
                (0xa000000, 0x4000),
                (0xa004000, 0x4000),
                (0xb000000, 0x8000)
            ]
        );
    }

    #[test]
    fn windows_beyond_the_room_are_left_out() {
        let mut devices = Devices::default();
        for index in 0..MAX_VIRTIO as u64 + 3 {
            devices.add_virtio(window(index << 12, 1 << 12));
        }
        assert!(
            devices
                .virtio
                .iter()
                .flatten()
                .map(|window| window.registers.start >> 12)
                .eq(0..MAX_VIRTIO as u64)
        );
    }
}
