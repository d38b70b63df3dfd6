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
}
