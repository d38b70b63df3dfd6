//! From the first code at link addresses to `kernel_main`.
//!
//! Owns: the order of events, and what outlives `boot`. Does not own: what came before (`early`),
//! the tables' contents (`kernel_tables`), the tree's (`device_tree`).

use super::early;
use super::kernel_tables;
use super::tables::{NoFrame, PAGE_SIZE};
use crate::cell::BootCell;
use crate::device_tree::DeviceTree;
use crate::info::{BootInfo, CpuDescription, KernelImage, MemoryKind, PhysRange, VirtRange};
use crate::memory::{MapError, MemoryMap};
use crate::{Arguments, BOOT_STACK_SIZE, MINIMUM_MEMORY, report};
use aarch64_cpu::asm::barrier;
use aarch64_cpu::registers::{MPIDR_EL1, Readable, TTBR0_EL1, Writeable};
use arch::cpu::MAX_CPUS;
use arch::layout;
use core::arch::global_asm;

global_asm!(
    include_str!("entry.s"),
    SCTLR_OFF = const early::SCTLR_OFF,
    IMAGE_BASE = const layout::IMAGE_BASE,
    STACK = const BOOT_STACK_SIZE,
);

unsafe extern "C" {
    static image_start: [u8; 0];
    static text_end: [u8; 0];
    static rodata_end: [u8; 0];
    static image_end: [u8; 0];
    fn switch_kernel_tables(root: u64, physical_delta: u64);
}

unsafe extern "Rust" {
    safe fn kernel_main(info: &'static BootInfo) -> !;
}

/// MPIDR_EL1's affinity fields: what the device tree and PSCI call a CPU.
pub(super) const AFFINITY: u64 = 0xff_00ff_ffff;

/// Bytes that a command line may have.
const COMMAND_LINE_SIZE: usize = 2048;

/// What outlives `boot`, in one place.
struct Kept {
    memory: MemoryMap,
    command_line: [u8; COMMAND_LINE_SIZE],
    cpus: [CpuDescription; MAX_CPUS],
    info: Option<BootInfo>,
}

static KEPT: BootCell<Kept> = BootCell::new(Kept {
    memory: MemoryMap::new(PAGE_SIZE),
    command_line: [0; COMMAND_LINE_SIZE],
    cpus: [CpuDescription { hardware_id: 0 }; MAX_CPUS],
    info: None,
});

/// Whether a loader's pointer can be a device tree's: what the first tables map, 8-aligned.
pub(super) fn is_plausible(device_tree: *const u8) -> bool {
    let address = device_tree as u64;
    address != 0 && address.is_multiple_of(8) && address < early::IDENTITY_END
}

/// The first code at link addresses. `device_tree` and `image` are physical.
#[unsafe(no_mangle)]
extern "C" fn boot_main(device_tree: *const u8, image: u64) -> ! {
    arch::early_init();
    // SAFETY: this runs once, before there is anything else that runs.
    let kept = unsafe { KEPT.take() };

    // The first line, framed as the command line asks.
    let tree = is_plausible(device_tree).then(|| {
        // SAFETY: the address is mapped; that a tree lies there is what the loader promised, and
        // nothing has been written outside the image.
        unsafe { DeviceTree::at(device_tree) }
    });
    let line = match tree {
        Some(Ok(tree)) => tree.command_line(),
        _ => Ok(""),
    };
    report::set_console(Arguments::console_of(line.unwrap_or("")));
    report::first_line(format_args!(
        "aarch64, {} KiB pages, {}",
        PAGE_SIZE / 1024,
        arch::cpu::description()
    ));
    let Some(Ok(tree)) = tree else {
        report::fail(format_args!(
            "boot: no valid device tree at {:#x} (x0)",
            device_tree as u64
        ));
    };

    let command_line = match line {
        Ok(line) => keep_line(&mut kept.command_line, line),
        Err(bad) => report::fail(format_args!("boot: {}", bad.0)),
    };
    let arguments = match Arguments::parse(command_line) {
        Ok(arguments) => arguments,
        Err(unknown) => report::fail(format_args!("{unknown}")),
    };
    let (devices, initrd) = match (tree.devices(), tree.initrd()) {
        (Ok(devices), Ok(initrd)) => (devices, initrd),
        (Err(bad), _) | (_, Err(bad)) => report::fail(format_args!("boot: {}", bad.0)),
    };
    if let Some(serial) = devices.serial {
        arch::serial::use_early(serial);
    }

    let image = kernel_image(image);
    let map = &mut kept.memory;
    let built = draw_map(map, &tree, &image, initrd).and_then(|()| {
        if map.usable() < MINIMUM_MEMORY {
            report::fail(format_args!(
                "boot: too little memory: {} KiB usable, {} KiB needed",
                map.usable() / 1024,
                MINIMUM_MEMORY / 1024
            ));
        }
        let ram = map.clone();
        let take = || map.take(PAGE_SIZE, PAGE_SIZE).ok();
        // SAFETY: the map's frames are nobody's, and mapped to themselves.
        let roots = unsafe { kernel_tables::build(take, &ram, &image, &devices) };
        roots.map_err(|NoFrame| MapError::OutOfMemory)
    });
    let built = built.and_then(|roots| {
        if tree.cpus().count() > 1 {
            let take = || map.take(PAGE_SIZE, PAGE_SIZE).ok();
            // SAFETY: as above.
            let prepared = unsafe { super::secondary::prepare(take, &image, roots.1) };
            prepared.map_err(|NoFrame| MapError::OutOfMemory)?;
        }
        Ok(roots)
    });
    let (kernel_root, empty_root) = match built {
        Ok(roots) => roots,
        Err(MapError::TooManyRanges) => {
            report::fail(format_args!("boot: too many memory ranges"));
        }
        Err(MapError::OutOfMemory) => report::fail(format_args!("boot: no memory for page tables")),
    };
    let entropy = match arguments.seed {
        Some(seed) => super::entropy::from_seed(seed),
        None => super::entropy::gather(tree.seeds()),
    };
    let cpus = list_cpus(&mut kept.cpus, tree.cpus());
    // The tree has been read: its pages are memory like any other.
    let given_up = map
        .finish()
        .and_then(|()| release_tree(map, &tree, &image, initrd));
    if given_up.is_err() {
        report::fail(format_args!("boot: too many memory ranges"));
    }

    let delta = image.physical.wrapping_sub(layout::IMAGE_BASE);
    // SAFETY: the tables map the image where it runs, and the routine is mapped to itself.
    unsafe { switch_kernel_tables(kernel_root, delta) };
    if let Some(serial) = devices.serial {
        arch::serial::use_window(serial);
    }
    leave_identity(empty_root);
    if let Err(missing) = arch::init(&devices) {
        report::fail(format_args!("boot: no {}", missing.0));
    }
    kernel_main(kept.info.insert(BootInfo {
        memory: map.ranges(),
        initrd,
        command_line,
        arguments,
        entropy,
        cpus,
        image,
        devices,
        kernel_root,
    }))
}

/// Copies the command line to where it stays.
fn keep_line(to: &'static mut [u8; COMMAND_LINE_SIZE], line: &str) -> &'static str {
    let Some(room) = to.get_mut(..line.len()) else {
        report::fail(format_args!(
            "boot: the command line is longer than {COMMAND_LINE_SIZE} bytes"
        ));
    };
    room.copy_from_slice(line.as_bytes());
    // What was copied was a `str`.
    core::str::from_utf8(room).unwrap_or("")
}

/// Where the image lies: the linker's symbols, seen from link addresses.
fn kernel_image(physical: u64) -> KernelImage {
    let text = VirtRange {
        start: (&raw const image_start) as u64,
        end: (&raw const text_end) as u64,
    };
    let rodata = VirtRange {
        start: text.end,
        end: (&raw const rodata_end) as u64,
    };
    let data = VirtRange {
        start: rodata.end,
        end: (&raw const image_end) as u64,
    };
    KernelImage {
        text,
        rodata,
        data,
        physical,
        slide: text.start - layout::IMAGE_BASE,
    }
}

/// The physical range of the whole image.
fn image_range(image: &KernelImage) -> PhysRange {
    let size = image.data.end - image.text.start;
    PhysRange {
        start: image.physical,
        end: image.physical + size,
    }
}

fn tree_range(tree: &DeviceTree<'_>) -> PhysRange {
    let bytes = tree.bytes().as_ptr_range();
    PhysRange {
        start: bytes.start as u64,
        end: bytes.end as u64,
    }
}

/// RAM and what of it is taken. RAM that the first tables do not reach is left out.
fn draw_map(
    map: &mut MemoryMap,
    tree: &DeviceTree<'_>,
    image: &KernelImage,
    initrd: Option<PhysRange>,
) -> Result<(), MapError> {
    for ram in tree.memory() {
        map.add(PhysRange {
            start: ram.start,
            end: ram.end.min(early::IDENTITY_END),
        })?;
    }
    mark_taken(map, tree, image, initrd)?;
    map.mark(tree_range(tree), MemoryKind::Reserved)
}

fn mark_taken(
    map: &mut MemoryMap,
    tree: &DeviceTree<'_>,
    image: &KernelImage,
    initrd: Option<PhysRange>,
) -> Result<(), MapError> {
    if let Some(initrd) = initrd {
        map.mark(initrd, MemoryKind::Module)?;
    }
    for reserved in tree.reserved() {
        map.mark(reserved, MemoryKind::Reserved)?;
    }
    map.mark(image_range(image), MemoryKind::Reserved)
}

/// Gives the device tree's pages back, save those that something else lies in.
fn release_tree(
    map: &mut MemoryMap,
    tree: &DeviceTree<'_>,
    image: &KernelImage,
    initrd: Option<PhysRange>,
) -> Result<(), MapError> {
    map.mark(tree_range(tree), MemoryKind::Usable)?;
    mark_taken(map, tree, image, initrd)
}

/// Lists CPUs, the running one first; what there is no room for is left out.
fn list_cpus(
    to: &'static mut [CpuDescription; MAX_CPUS],
    found: impl Iterator<Item = u64>,
) -> &'static [CpuDescription] {
    let own = MPIDR_EL1.get() & AFFINITY;
    to[0].hardware_id = own;
    let mut count = 1;
    for (slot, hardware_id) in to[1..].iter_mut().zip(found.filter(|&id| id != own)) {
        slot.hardware_id = hardware_id;
        count += 1;
    }
    &to[..count]
}

/// Ends the first tables' life: the user half becomes empty. PAN goes on where there is PAN.
pub(super) fn leave_identity(empty_root: u64) {
    use aarch64_cpu::registers::ID_AA64MMFR1_EL1;
    TTBR0_EL1.set(empty_root);
    barrier::isb(barrier::SY);
    // SAFETY: nothing uses the identity mapping any more. `msr pan, #1` only on a CPU that has it
    // (the assembler would want to know that, hence its encoding).
    unsafe {
        core::arch::asm!("tlbi vmalle1", "dsb nsh", "isb", options(nostack));
        if ID_AA64MMFR1_EL1.get() >> 20 & 0xf != 0 {
            core::arch::asm!(".inst 0xd500419f", options(nostack));
        }
    }
}
