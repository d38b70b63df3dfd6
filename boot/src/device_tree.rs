//! What the device tree says (Devicetree Specification 0.4; bindings as QEMU's `virt` writes them).
//!
//! Owns: the questions that `boot` asks it. Does not own: the format's parsing (`dtoolkit`, which
//! checks the whole tree before it answers), what is done with the answers.

use crate::info::PhysRange;
use arch::devices::{DeviceRange, Devices, VirtioWindow};
use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::{Node, Property};

/// The interrupt controller's cells: kind, number, flags.
const INTERRUPT_CELLS: usize = 3;
/// First number of shared and of private interrupts in the GIC.
const SHARED_BASE: u32 = 32;
const PRIVATE_BASE: u32 = 16;
/// Devices above are out of reach: their windows have 40 bits.
const DEVICES_END: u64 = 1 << 40;
/// Place of the virtual timer among the timer's interrupts.
const VIRTUAL_TIMER: usize = 2;

/// A valid tree.
#[derive(Clone, Copy)]
pub struct DeviceTree<'a> {
    tree: Fdt<'a>,
}

/// What is wrong with a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadTree(pub &'static str);

impl<'a> DeviceTree<'a> {
    /// Checks a tree in memory.
    ///
    /// # Safety
    /// `at` is 8-aligned and readable for as many bytes as the tree's header says, or for a header
    /// that says something else; nothing writes there during `'a`.
    ///
    /// Errors: the bytes are no device tree.
    pub unsafe fn at(at: *const u8) -> Result<Self, BadTree> {
        // SAFETY: the caller's promise.
        match unsafe { Fdt::from_raw(at) } {
            Ok(tree) => Ok(Self { tree }),
            Err(_) => Err(BadTree("no valid device tree")),
        }
    }

    /// The bytes of the tree itself.
    pub fn bytes(&self) -> &'a [u8] {
        self.tree.data()
    }

    /// The command line, trimmed; empty if there is none.
    ///
    /// Errors: it is not UTF-8.
    pub fn command_line(&self) -> Result<&'a str, BadTree> {
        let Some(line) = self.chosen().and_then(|chosen| chosen.property("bootargs")) else {
            return Ok("");
        };
        match line.value_as::<&'a str>() {
            Ok(line) => Ok(line.trim()),
            Err(_) => Err(BadTree("the command line is not valid UTF-8")),
        }
    }

    /// The module that the loader placed.
    ///
    /// Errors: only one of its bounds is there, or they are out of order.
    pub fn initrd(&self) -> Result<Option<PhysRange>, BadTree> {
        let bound = |name| self.chosen().and_then(|chosen| number(chosen, name));
        match (bound("linux,initrd-start"), bound("linux,initrd-end")) {
            (Some(start), Some(end)) if start < end => Ok(Some(PhysRange { start, end })),
            (None, None) => Ok(None),
            _ => Err(BadTree("the module's bounds make no sense")),
        }
    }

    /// Every range of RAM, in the tree's order.
    pub fn memory(&self) -> impl Iterator<Item = PhysRange> + 'a {
        self.tree
            .root()
            .children()
            .filter(|node| node.name_without_address() == "memory")
            .flat_map(ranges)
    }

    /// Every range that the tree keeps for others.
    pub fn reserved(&self) -> impl Iterator<Item = PhysRange> + 'a {
        let block = self.tree.memory_reservations().filter_map(|reserved| {
            let end = reserved.address().checked_add(reserved.size())?;
            Some(PhysRange {
                start: reserved.address(),
                end,
            })
        });
        let nodes = self.tree.find_node("/reserved-memory");
        block.chain(
            nodes
                .into_iter()
                .flat_map(|node| node.children())
                .flat_map(ranges),
        )
    }

    /// MPIDR of every CPU that is not disabled.
    pub fn cpus(&self) -> impl Iterator<Item = u64> + 'a {
        self.tree
            .find_node("/cpus")
            .into_iter()
            .flat_map(|cpus| cpus.children())
            .filter(|node| text(*node, "device_type") == Some("cpu"))
            .filter(|node| !matches!(text(*node, "status"), Some("disabled" | "fail")))
            .filter_map(|node| node.reg().ok()??.next()?.address::<u64>().ok())
    }

    /// Random words that the loader left: up to eight.
    pub fn seeds(&self) -> impl Iterator<Item = u64> + 'a {
        let chosen = self.chosen();
        ["rng-seed", "kaslr-seed"]
            .into_iter()
            .filter_map(move |name| chosen?.property(name))
            .flat_map(|seed| {
                let (words, _) = property_value(&seed).as_chunks::<8>();
                words.iter().map(|word| u64::from_be_bytes(*word)).take(4)
            })
    }

    /// The devices that `arch` drives.
    ///
    /// Errors: one without which the machine cannot run is missing.
    pub fn devices(&self) -> Result<Devices, BadTree> {
        let mut devices = Devices {
            psci_by_hvc: true,
            ..Devices::default()
        };
        for node in self.tree.root().children() {
            let is = |wanted: &str| {
                node.compatible()
                    .is_some_and(|mut names| names.any(|name| name == wanted))
            };
            if is("arm,pl011") && devices.serial.is_none() {
                devices.serial = registers(node, 0);
                devices.serial_interrupt = interrupt(node, 0);
            } else if is("arm,cortex-a15-gic") || is("arm,gic-400") {
                devices.distributor = registers(node, 0);
                devices.cpu_interface = registers(node, 1);
            } else if is("arm,armv8-timer") {
                devices.timer_interrupt = interrupt(node, VIRTUAL_TIMER);
            } else if is("arm,pl031") {
                devices.clock = registers(node, 0);
            } else if is("virtio,mmio") {
                if let Some(registers) = registers(node, 0) {
                    let interrupt = interrupt(node, 0);
                    devices.add_virtio(VirtioWindow {
                        registers,
                        interrupt,
                    });
                }
            } else if is("arm,psci-0.2") || is("arm,psci-1.0") {
                devices.psci_by_hvc = text(node, "method") != Some("smc");
            }
        }
        if devices.serial.is_none() || devices.serial_interrupt.is_none() {
            return Err(BadTree("the device tree names no PL011"));
        }
        if devices.distributor.is_none() || devices.cpu_interface.is_none() {
            return Err(BadTree(
                "the device tree names no GICv2 (use -M virt,gic-version=2)",
            ));
        }
        if devices.timer_interrupt.is_none() {
            return Err(BadTree("the device tree names no generic timer"));
        }
        Ok(devices)
    }

    fn chosen(&self) -> Option<FdtNode<'a>> {
        self.tree.find_node("/chosen")
    }
}

/// The value outlives the property that names it; the trait's signature does not say so.
fn property_value<'a>(property: &dtoolkit::fdt::FdtProperty<'a>) -> &'a [u8] {
    property.value_as::<&'a [u8]>().unwrap_or_default()
}

/// A property of one or two cells.
fn number(node: FdtNode<'_>, name: &str) -> Option<u64> {
    let property = node.property(name)?;
    match *property.value() {
        [a, b, c, d] => Some(u64::from(u32::from_be_bytes([a, b, c, d]))),
        [a, b, c, d, e, f, g, h] => Some(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => None,
    }
}

fn text<'a>(node: FdtNode<'a>, name: &str) -> Option<&'a str> {
    node.property(name)?.value_as::<&'a str>().ok()
}

/// The `reg` property as ranges; entries that wrap are left out.
fn ranges<'a>(node: FdtNode<'a>) -> impl Iterator<Item = PhysRange> + 'a {
    node.reg()
        .ok()
        .flatten()
        .into_iter()
        .flatten()
        .filter_map(|reg| {
            let start = reg.address::<u64>().ok()?;
            let end = start.checked_add(reg.size::<u64>().ok()?)?;
            Some(PhysRange { start, end })
        })
}

fn registers(node: FdtNode<'_>, index: usize) -> Option<DeviceRange> {
    let range = ranges(node)
        .nth(index)
        .filter(|range| range.end <= DEVICES_END)?;
    Some(DeviceRange {
        start: range.start,
        size: range.end - range.start,
    })
}

/// The `index`th interrupt as the GIC numbers it.
fn interrupt(node: FdtNode<'_>, index: usize) -> Option<u32> {
    let property = node.property("interrupts")?;
    let (cells, _) = property.value().as_chunks::<4>();
    let cells = cells.chunks_exact(INTERRUPT_CELLS).nth(index)?;
    let number = u32::from_be_bytes(cells[1]);
    match u32::from_be_bytes(cells[0]) {
        0 => number.checked_add(SHARED_BASE).filter(|&line| line < 1020),
        1 => number
            .checked_add(PRIVATE_BASE)
            .filter(|&line| line < SHARED_BASE),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
