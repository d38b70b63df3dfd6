//! What happens on the first tables, in order, until `kernel_main`.
//!
//! Owns: the order, and the memory of `BootInfo`. One CPU runs, interrupts masked, no locks.

use super::pvh::{PhysicalMemory, StartInfo, StartInfoError};
use super::tables::{Builder, LargestPage, OutOfMemory, TableMemory};
use super::{REACH, madt};
use crate::arguments::Arguments;
use crate::info::{BootInfo, CpuDescription, KernelImage, MemoryKind, PhysRange, VirtRange};
use crate::memory::{MapError, MemoryMap};
use crate::report::{fail, first_line, set_console};
use arch::cpu::{self, Features, MAX_CPUS};
use arch::layout::{DEVICE_WINDOW_BASE, DIRECT_MAP_BASE, IMAGE_BASE, direct_map};
use core::arch::global_asm;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

/// Where QEMU loads the image (`IMAGE_PHYS` in `kernel.ld`).
const IMAGE_PHYSICAL: u32 = 0x20_0000;
const PAGE: u64 = 4096;
/// The first pages of RAM: the BIOS's data, and the page on which other CPUs will start.
const LOW_RESERVED: u64 = 0x1_0000;
/// Bytes of a command line, the NUL included.
const COMMAND_LINE_SIZE: usize = 2048;

global_asm!(
    include_str!("entry.s"),
    image_phys = const IMAGE_PHYSICAL,
    image_base = const IMAGE_BASE,
    stack_size = const crate::BOOT_STACK_SIZE,
    exit_code = const (abi::record::EXIT_PANIC >> 1) as u32,
);

unsafe extern "C" {
    static image_text_start: u8;
    static image_text_end: u8;
    static image_rodata_start: u8;
    static image_rodata_end: u8;
    static image_data_start: u8;
    static image_data_end: u8;
}

unsafe extern "Rust" {
    /// What `kernel` provides.
    safe fn kernel_main(info: &'static BootInfo) -> !;
}

/// What `BootInfo` refers to.
struct Storage {
    command_line: [u8; COMMAND_LINE_SIZE],
    map: MemoryMap,
    cpus: [CpuDescription; MAX_CPUS],
    info: MaybeUninit<BootInfo>,
}

struct Cell(UnsafeCell<Storage>);
// SAFETY: `boot_main` is the only user, runs once, and gives out only shared references at its end.
unsafe impl Sync for Cell {}

static STORAGE: Cell = Cell(UnsafeCell::new(Storage {
    command_line: [0; COMMAND_LINE_SIZE],
    map: MemoryMap::new(PAGE),
    cpus: [CpuDescription { hardware_id: 0 }; MAX_CPUS],
    info: MaybeUninit::uninit(),
}));

/// Physical memory through the first tables' direct map.
struct FirstTables;

impl PhysicalMemory for FirstTables {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), StartInfoError> {
        match address.checked_add(into.len() as u64) {
            Some(end) if end <= REACH => {}
            _ => return Err(StartInfoError::OutOfReach),
        }
        // SAFETY: the first tables map these addresses; nothing has been written there yet.
        unsafe {
            let from = direct_map(address) as *const u8;
            core::ptr::copy_nonoverlapping(from, into.as_mut_ptr(), into.len());
        }
        Ok(())
    }
}

/// Table pages from the early allocator.
struct EarlyFrames<'a>(&'a mut MemoryMap);

impl TableMemory for EarlyFrames<'_> {
    fn take(&mut self) -> Result<u64, OutOfMemory> {
        self.0.take(PAGE, PAGE).map_err(|_| OutOfMemory)
    }

    fn table(&mut self, address: u64) -> &mut [u64; 512] {
        // SAFETY: the address is a frame that `take` gave to the tables alone; the first tables
        // reach it, because the pool lies below `REACH`.
        unsafe { &mut *(direct_map(address) as *mut [u64; 512]) }
    }
}

/// From `entry.s`: on the boot stack, on the first tables, relocated.
#[unsafe(no_mangle)]
extern "C" fn boot_main(start_info: u64, slide: u64) -> ! {
    // SAFETY: the first call, on the only CPU, interrupts masked since the entry.
    unsafe { arch::early_init() };
    arch::serial::init();
    // SAFETY: this is the only reference, made once.
    let storage = unsafe { &mut *STORAGE.0.get() };
    let Storage {
        command_line,
        map,
        cpus,
        info,
    } = storage;

    let loader = StartInfo::read(&FirstTables, start_info).unwrap_or_else(|error| refuse(error));
    let command_line = loader
        .command_line(&FirstTables, command_line)
        .unwrap_or_else(|error| refuse(error));
    set_console(Arguments::console_of(command_line));
    first_line(format_args!("x86_64 ({})", cpu::description()));
    if let Err(missing) = cpu::detect() {
        fail(format_args!("boot: this CPU has no {}", missing.0));
    }
    let arguments = match Arguments::parse(command_line) {
        Ok(arguments) => arguments,
        Err(unknown) => fail(format_args!("boot: unknown argument `{}`", unknown.0)),
    };

    let image = image(slide);
    let initrd = read_memory(&loader, map, &image);
    if map.usable() < crate::MINIMUM_MEMORY {
        fail(format_args!(
            "boot: too little memory: {} KiB usable, {} KiB needed",
            map.usable() / 1024,
            crate::MINIMUM_MEMORY / 1024
        ));
    }
    let (found, mut devices) = madt::read(loader.acpi_root, cpu::first_hardware_id());
    arch::pci::windows(|window| devices.add_virtio(window));
    let found = found.as_slice();
    cpus[..found.len()].copy_from_slice(found);

    // The first tables do not reach further: nothing is taken from there.
    let beyond = PhysRange {
        start: REACH,
        end: u64::MAX,
    };
    map.mark(beyond, MemoryKind::Reserved)
        .unwrap_or_else(|error| refuse_map(error));
    let windows = [devices.cpu_interface, devices.distributor];
    let windows = windows
        .into_iter()
        .flatten()
        .chain(devices.virtio_pages(PAGE));
    let root = build_tables(map, &image, windows)
        .unwrap_or_else(|OutOfMemory| fail(format_args!("boot: no memory for page tables")));
    map.finish()
        .and_then(|()| map.mark(beyond, MemoryKind::Usable))
        .unwrap_or_else(|error| refuse_map(error));

    // SAFETY: the image is still writable and no entry is in use; the tables map all that runs
    // from here on, at the same addresses; this is the boot CPU's only pass.
    unsafe {
        if cpu::features().contains(Features::SMAP) {
            arch::patch::enable_smap_sites();
        }
        cpu::enable_protections();
        core::arch::asm!("mov cr3, {}", in(reg) root, options(nostack, preserves_flags));
        arch::init(&devices);
    }

    kernel_main(info.write(BootInfo {
        memory: map.ranges(),
        initrd,
        command_line,
        arguments,
        entropy: entropy(arguments.seed),
        cpus: &cpus[..found.len()],
        image,
        devices,
        kernel_root: root,
    }))
}

fn refuse(error: StartInfoError) -> ! {
    fail(format_args!("boot: {}", error.text()))
}

fn refuse_map(error: MapError) -> ! {
    fail(format_args!(
        "boot: the memory map cannot be used: {error:?}"
    ))
}

fn image(slide: u64) -> KernelImage {
    let range = |start: *const u8, end: *const u8| VirtRange {
        start: start as u64,
        end: end as u64,
    };
    KernelImage {
        text: range(&raw const image_text_start, &raw const image_text_end),
        rodata: range(&raw const image_rodata_start, &raw const image_rodata_end),
        data: range(&raw const image_data_start, &raw const image_data_end),
        physical: IMAGE_PHYSICAL.into(),
        slide,
    }
}

/// Draws the map of RAM; returns the root archive's place.
fn read_memory(loader: &StartInfo, map: &mut MemoryMap, image: &KernelImage) -> Option<PhysRange> {
    for range in loader.ram(&FirstTables) {
        let range = range.unwrap_or_else(|error| refuse(error));
        map.add(range).unwrap_or_else(|error| refuse_map(error));
    }
    let size = image.data.end - image.text.start;
    let mut mark = |start, end, kind| {
        map.mark(PhysRange { start, end }, kind)
            .unwrap_or_else(|error| refuse_map(error));
    };
    mark(0, LOW_RESERVED, MemoryKind::Reserved);
    mark(image.physical, image.physical + size, MemoryKind::Reserved);
    let mut initrd = None;
    for index in 0..loader.module_count() {
        let module = loader
            .module(&FirstTables, index)
            .unwrap_or_else(|error| refuse(error));
        if let Some(module) = module {
            mark(module.start, module.end, MemoryKind::Module);
            initrd = initrd.or(Some(module));
        }
    }
    initrd
}

fn build_tables(
    map: &mut MemoryMap,
    image: &KernelImage,
    windows: impl Iterator<Item = arch::devices::DeviceRange>,
) -> Result<u64, OutOfMemory> {
    let largest = if cpu::features().contains(Features::GIB_PAGES) {
        LargestPage::Gibibyte
    } else {
        LargestPage::TwoMebibytes
    };
    let read_only = PhysRange {
        start: image.physical,
        end: image.physical + (image.rodata.end - image.text.start),
    };
    let mut ram = [PhysRange::default(); crate::memory::MAXIMUM_RANGES];
    let ranges = map.ranges();
    for (to, from) in ram.iter_mut().zip(ranges) {
        (to.start, to.end) = (from.start, from.end);
    }
    let ram = &ram[..ranges.len()];
    let mut tables = Builder::new(EarlyFrames(map), largest)?;
    tables.map_image(image)?;
    tables.map_direct(DIRECT_MAP_BASE, ram.iter().copied(), read_only)?;
    for window in windows {
        tables.map(
            DEVICE_WINDOW_BASE + window.start,
            window.start,
            window.size.next_multiple_of(PAGE),
            super::tables::Access::Device,
        )?;
    }
    Ok(tables.finish())
}

/// Random words: the CPU's where it has a generator, mixed with the cycle counter; all of them
/// from `seed=` if that is given.
fn entropy(seed: Option<u64>) -> [u64; 4] {
    let mut state = seed.unwrap_or_else(cpu::cycle_count);
    core::array::from_fn(|_| {
        // A step of SplitMix64 spreads the few bits that a counter has.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        match seed {
            Some(_) => word,
            None => word ^ cpu::random().unwrap_or_else(cpu::cycle_count),
        }
    })
}
