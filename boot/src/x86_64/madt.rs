//! ACPI's MADT: which CPUs there are, and where the interrupt controllers lie.
//!
//! Owns: the walk from the root pointer. Does not own: table formats (crate `acpi`). Runs on the
//! first tables, whose direct map reaches 4 GiB; the firmware's tables lie below.

use super::REACH;
use crate::info::CpuDescription;
use acpi::madt::{Madt, MadtEntry};
use acpi::{AcpiHandler, AcpiTables, PhysicalMapping};
use arch::cpu::MAX_CPUS;
use arch::devices::{DeviceRange, Devices};
use arch::layout::direct_map;
use core::ptr::NonNull;

/// Bytes of the registers' page.
const PAGE: u64 = 4096;
/// A processor that may be used.
const ENABLED: u32 = 1;
/// COM1 on the ISA bus.
const SERIAL_ISA_LINE: u8 = 4;

#[derive(Clone)]
struct FirstTables;

impl AcpiHandler for FirstTables {
    unsafe fn map_physical_region<T>(&self, start: usize, size: usize) -> PhysicalMapping<Self, T> {
        let end = start.checked_add(size).map(|end| end as u64);
        let Some(address) = end
            .filter(|&end| end <= REACH)
            .and_then(|_| NonNull::new(direct_map(start as u64) as *mut T))
        else {
            crate::report::fail(format_args!(
                "boot: an ACPI table lies above 4 GiB, at {start:#x}"
            ));
        };
        // SAFETY: the range is mapped, and stays so while boot reads tables.
        unsafe { PhysicalMapping::new(start, address, size, size, Self) }
    }

    fn unmap_physical_region<T>(_: &PhysicalMapping<Self, T>) {}
}

/// CPUs by hardware number, the one that runs first.
pub struct Cpus {
    list: [CpuDescription; MAX_CPUS],
    length: usize,
}

impl Cpus {
    fn only(boot_cpu: u32) -> Self {
        let mut list = [CpuDescription::default(); MAX_CPUS];
        list[0].hardware_id = boot_cpu.into();
        Self { list, length: 1 }
    }

    fn add(&mut self, hardware_id: u32) {
        let hardware_id = hardware_id.into();
        let known = self
            .as_slice()
            .iter()
            .any(|cpu| cpu.hardware_id == hardware_id);
        if !known && self.length < MAX_CPUS {
            self.list[self.length] = CpuDescription { hardware_id };
            self.length += 1;
        }
    }

    /// The CPUs found; those beyond `MAX_CPUS` are left out.
    pub fn as_slice(&self) -> &[CpuDescription] {
        &self.list[..self.length]
    }
}

/// Reads the MADT that `root` leads to. Without tables the PC's usual places stand.
pub fn read(root: u64, boot_cpu: u32) -> (Cpus, Devices) {
    let mut cpus = Cpus::only(boot_cpu);
    let page = |start: u32| {
        Some(DeviceRange {
            start: start.into(),
            size: PAGE,
        })
    };
    let mut devices = Devices {
        acpi_root: (root != 0).then_some(root),
        cpu_interface: page(0xfee0_0000),
        distributor: page(0xfec0_0000),
        serial_interrupt: Some(SERIAL_ISA_LINE.into()),
        ..Devices::default()
    };
    if root == 0 {
        return (cpus, devices);
    }
    // SAFETY: the loader names the root pointer; the crate checks signatures and sums.
    let Ok(tables) = (unsafe { AcpiTables::from_rsdp(FirstTables, root as usize) }) else {
        return (cpus, devices);
    };
    let Ok(madt) = tables.find_table::<Madt>() else {
        return (cpus, devices);
    };
    devices.cpu_interface = page(madt.get().local_apic_address);
    for entry in madt.get().entries() {
        match entry {
            MadtEntry::LocalApic(cpu) if cpu.flags & ENABLED != 0 => cpus.add(cpu.apic_id.into()),
            MadtEntry::LocalX2Apic(cpu) if cpu.flags & ENABLED != 0 => cpus.add(cpu.x2apic_id),
            MadtEntry::IoApic(chip) if chip.global_system_interrupt_base == 0 => {
                devices.distributor = page(chip.io_apic_address);
            }
            MadtEntry::InterruptSourceOverride(line) if line.irq == SERIAL_ISA_LINE => {
                devices.serial_interrupt = Some(line.global_system_interrupt);
            }
            _ => {}
        }
    }
    (cpus, devices)
}
