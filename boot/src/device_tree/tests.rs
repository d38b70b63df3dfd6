//! Trees made by hand, and what they answer.

use super::*;
use dtoolkit::model::{DeviceTree as Model, DeviceTreeNode, DeviceTreeProperty};
use std::vec::Vec;

fn cells(values: &[u32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect()
}

fn node(name: &str, properties: &[(&str, Vec<u8>)]) -> DeviceTreeNode {
    let mut builder = DeviceTreeNode::builder(name).unwrap();
    for (name, value) in properties {
        builder = builder.property(DeviceTreeProperty::new(*name, value.clone()).unwrap());
    }
    builder.build()
}

fn names(list: &str) -> Vec<u8> {
    list.as_bytes().to_vec()
}

/// A tree as `virt` has it, of the given nodes below the root.
fn blob(children: Vec<DeviceTreeNode>) -> Vec<u8> {
    let mut tree = Model::new();
    for name in ["#address-cells", "#size-cells"] {
        tree.root
            .add_property(DeviceTreeProperty::new(name, cells(&[2])).unwrap());
    }
    for child in children {
        tree.root.add_child(child);
    }
    tree.to_dtb()
}

fn parse(blob: &[u8]) -> DeviceTree<'_> {
    DeviceTree {
        tree: Fdt::new(blob).unwrap(),
    }
}

fn virt_devices() -> Vec<DeviceTreeNode> {
    std::vec![
        node(
            "pl011@9000000",
            &[
                ("compatible", names("arm,pl011\0arm,primecell\0")),
                ("reg", cells(&[0, 0x900_0000, 0, 0x1000])),
                ("interrupts", cells(&[0, 1, 4])),
            ],
        ),
        node(
            "intc@8000000",
            &[
                ("compatible", names("arm,cortex-a15-gic\0")),
                (
                    "reg",
                    cells(&[0, 0x800_0000, 0, 0x1_0000, 0, 0x801_0000, 0, 0x2_0000])
                ),
            ],
        ),
        node(
            "timer",
            &[
                ("compatible", names("arm,armv8-timer\0arm,armv7-timer\0")),
                (
                    "interrupts",
                    cells(&[1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4])
                ),
            ],
        ),
        node(
            "psci",
            &[
                ("compatible", names("arm,psci-0.2\0")),
                ("method", names("smc\0"))
            ]
        ),
    ]
}

#[test]
fn devices_of_virt_are_found() {
    let blob = blob(virt_devices());
    let devices = parse(&blob).devices().unwrap();
    assert_eq!(
        devices,
        Devices {
            serial: Some(DeviceRange {
                start: 0x900_0000,
                size: 0x1000
            }),
            serial_interrupt: Some(33),
            distributor: Some(DeviceRange {
                start: 0x800_0000,
                size: 0x1_0000
            }),
            cpu_interface: Some(DeviceRange {
                start: 0x801_0000,
                size: 0x2_0000
            }),
            timer_interrupt: Some(27),
            clock: None,
            psci_by_hvc: false,
            acpi_root: None,
            virtio: Devices::default().virtio,
        }
    );
}

#[test]
fn virtio_transports_are_found_and_sorted() {
    let mut nodes = virt_devices();
    for (name, start, line) in [
        ("virtio_mmio@a000200", 0xa00_0200, 17),
        ("virtio_mmio@a000000", 0xa00_0000, 16),
    ] {
        let properties = [
            ("compatible", names("virtio,mmio\0")),
            ("reg", cells(&[0, start, 0, 0x200])),
            ("interrupts", cells(&[0, line, 1])),
        ];
        nodes.push(node(name, &properties));
    }
    let blob = blob(nodes);
    let devices = parse(&blob).devices().unwrap();
    let window = |start, interrupt| VirtioWindow {
        registers: DeviceRange { start, size: 0x200 },
        interrupt: Some(interrupt),
    };
    let found: Vec<_> = devices.virtio.iter().flatten().copied().collect();
    assert_eq!(found, [window(0xa00_0000, 48), window(0xa00_0200, 49)]);
}

#[test]
fn a_missing_device_is_named() {
    for (left_out, complaint) in [
        ("pl011@9000000", "PL011"),
        ("intc@8000000", "GICv2"),
        ("timer", "timer"),
    ] {
        let mut nodes = virt_devices();
        nodes.retain(|node| node.name() != left_out);
        let blob = blob(nodes);
        let BadTree(why) = parse(&blob).devices().unwrap_err();
        assert!(why.contains(complaint), "{left_out}: {why}");
    }
}

#[test]
fn a_device_with_broken_registers_is_missing() {
    for reg in [
        cells(&[0, 0x900_0000, 0]),
        cells(&[u32::MAX, u32::MAX, 1, 0]),
        cells(&[]),
    ] {
        let mut nodes = virt_devices();
        nodes[0] = node(
            "pl011@9000000",
            &[
                ("compatible", names("arm,pl011\0")),
                ("reg", reg),
                ("interrupts", cells(&[0, 1, 4])),
            ],
        );
        let blob = blob(nodes);
        assert!(parse(&blob).devices().is_err());
    }
}

#[test]
fn memory_is_every_memory_node() {
    let blob = blob(std::vec![
        node(
            "memory@40000000",
            &[("reg", cells(&[0, 0x4000_0000, 0, 0x1000_0000]))]
        ),
        node("memoryless", &[("reg", cells(&[0, 0, 0, 0x1000]))]),
        node(
            "memory@100000000",
            &[("reg", cells(&[1, 0, 0, 0x2000, 2, 0, 0, 0x3000]))]
        ),
        node(
            "memory@bad",
            &[("reg", cells(&[u32::MAX, u32::MAX, 0, 0x1000]))]
        ),
    ]);
    let found: Vec<_> = parse(&blob)
        .memory()
        .map(|range| (range.start, range.end))
        .collect();
    assert_eq!(
        found,
        [
            (0x4000_0000, 0x5000_0000),
            (0x1_0000_0000, 0x1_0000_2000),
            (0x2_0000_0000, 0x2_0000_3000),
        ]
    );
}

#[test]
fn the_command_line_is_trimmed_and_may_be_missing() {
    let with = |bytes: &[u8]| blob(std::vec![node("chosen", &[("bootargs", bytes.to_vec())])]);
    assert_eq!(
        parse(&with(b" mode=test \0")).command_line(),
        Ok("mode=test")
    );
    assert!(parse(&with(b"\xff\xfe\0")).command_line().is_err());
    assert_eq!(parse(&blob(std::vec![])).command_line(), Ok(""));
}

#[test]
fn the_module_needs_both_bounds_in_order() {
    let with = |properties: &[(&str, Vec<u8>)]| blob(std::vec![node("chosen", properties)]);
    let (start, end) = ("linux,initrd-start", "linux,initrd-end");
    let good = with(&[
        (start, cells(&[0x4800_0000])),
        (end, cells(&[0, 0x4800_1001])),
    ]);
    assert_eq!(
        parse(&good).initrd(),
        Ok(Some(PhysRange {
            start: 0x4800_0000,
            end: 0x4800_1001
        }))
    );
    assert_eq!(parse(&with(&[])).initrd(), Ok(None));
    for bad in [
        with(&[(start, cells(&[0x4800_0000]))]),
        with(&[(start, cells(&[2])), (end, cells(&[1]))]),
        with(&[(start, cells(&[1, 2, 3])), (end, cells(&[4]))]),
    ] {
        assert!(parse(&bad).initrd().is_err());
    }
}

#[test]
fn cpus_that_run_are_listed() {
    let cpu = |id: u32, status: &str| {
        node(
            &std::format!("cpu@{id}"),
            &[
                ("device_type", names("cpu\0")),
                ("reg", cells(&[id])),
                ("status", names(status)),
            ],
        )
    };
    let mut cpus = node(
        "cpus",
        &[
            ("#address-cells", cells(&[1])),
            ("#size-cells", cells(&[0])),
        ],
    );
    cpus.add_child(node("cpu-map", &[]));
    for (id, status) in [(0, "okay\0"), (1, "disabled\0"), (0x101, "okay\0")] {
        cpus.add_child(cpu(id, status));
    }
    let blob = blob(std::vec![cpus]);
    assert_eq!(parse(&blob).cpus().collect::<Vec<_>>(), [0, 0x101]);
}

#[test]
fn seeds_are_words() {
    let chosen = node(
        "chosen",
        &[
            ("kaslr-seed", cells(&[1, 2])),
            ("rng-seed", cells(&[0, 7, 0, 8, 9])),
        ],
    );
    let blob = blob(std::vec![chosen]);
    assert_eq!(
        parse(&blob).seeds().collect::<Vec<_>>(),
        [7, 8, 1 << 32 | 2]
    );
}
