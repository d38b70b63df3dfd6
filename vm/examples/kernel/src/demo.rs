//! The kernel proper: what a kernel does with `vm`, on any machine.
//!
//! Owns: the steps, and a line for each. Does not own: page tables (`Machine`), how a program's loads
//! and stores are made ([`Cpu`]). It knows neither page size nor processor.

use crate::failed::{Failed, same};
use core::fmt::Write;
use vm::conformance::{Cpu, load, store};
use vm::counters::Event;
use vm::{FaultError, Guard, Machine, Map, MapRef, UserAddr, UserFlags, UserSize, VirtAddr, Vm};

/// The addresses that programs may have.
const USER: (VirtAddr, VirtAddr) = (VirtAddr(1 << 36), VirtAddr(1 << 37));
/// Pages of the memory in play.
const PAGES: u64 = 8;
/// `VM_FLAGS_ANYWHERE`.
const ANYWHERE: UserFlags = UserFlags(1);

/// Frames in use, without those that zones only keep at hand.
fn used<M: Machine>(vm: &Vm<M>) -> u64 {
    vm.zone_registry().gc(vm.frames());
    vm.total_pages().0 - u64::from(vm.statistics().free_count)
}

/// Runs all steps.
///
/// # Errors
/// The first thing that is not as it should be.
pub fn demo<M: Cpu>(vm: &Vm<M>, out: &mut dyn Write) -> Result<(), Failed> {
    writeln!(
        out,
        "ram: {} pages of {} bytes",
        vm.total_pages().0,
        vm.page_size()
    )?;
    kernel_memory(vm, out)?;
    // A machine may keep the tables of the kernel's map.
    let before = used(vm);

    let (parent, other) = (
        vm.map_create(USER.0, USER.1)?,
        vm.map_create(USER.0, USER.1)?,
    );
    let size = UserSize(PAGES * vm.page_size());
    let at = vm.allocate(&parent, UserAddr(0), size, ANYWHERE)?;
    same(
        "the other map's address",
        vm.allocate(&other, UserAddr(0), size, ANYWHERE)?.0,
        at.0,
    )?;
    writeln!(out, "maps: two, each with {PAGES} pages at {:#x}", at.0)?;

    zero_fill(vm, out, (&parent, &other), at)?;
    let child = fork(vm, out, &parent, at)?;

    vm.deallocate(&child, UserAddr(at.0), size)?;
    match load(vm, &child, at) {
        Err(FaultError::InvalidAddress) => {}
        _ => {
            return Err(Failed::Differs(
                "memory is there after it was unmapped",
                at.0,
                0,
            ));
        }
    }
    same(
        "the parent's byte, the child's gone",
        load(vm, &parent, at)?,
        b'p',
    )?;
    writeln!(out, "unmap: the child's memory is gone, the parent's stays")?;

    let report = vm.audit()?;
    writeln!(
        out,
        "audit: {} maps, {} entries, {} objects, {} pages, {} mappings",
        report.maps, report.entries, report.objects, report.pages, report.mappings
    )?;
    for map in [child, other, parent] {
        vm.map_terminate(map);
    }
    vm.audit()?;
    same("pages in use at the end", used(vm), before)?;
    writeln!(out, "end: every page is back")?;
    Ok(())
}

/// Memory is zero until it is written, and each map's own.
fn zero_fill<M: Cpu>(
    vm: &Vm<M>,
    out: &mut dyn Write,
    (first, second): (&Map<M>, &Map<M>),
    at: VirtAddr,
) -> Result<(), Failed> {
    let filled = vm.counters().get(Event::ZeroFill);
    for page in 0..PAGES {
        same(
            "new memory",
            load(vm, first, VirtAddr(at.0 + page * M::PAGE_SIZE))?,
            0u8,
        )?;
    }
    same(
        "pages taken by reading",
        vm.counters().get(Event::ZeroFill),
        filled,
    )?;
    store(vm, first, at, b'p')?;
    same("what was written", load(vm, first, at)?, b'p')?;
    same(
        "pages taken by writing",
        vm.counters().get(Event::ZeroFill),
        filled + 1,
    )?;
    same(
        "the same address in another map",
        load(vm, second, at)?,
        0u8,
    )?;
    writeln!(
        out,
        "zero fill: reads take no page, the first write takes one"
    )?;
    Ok(())
}

/// A child sees what its parent wrote; after that each sees only its own.
fn fork<M: Cpu>(
    vm: &Vm<M>,
    out: &mut dyn Write,
    parent: &Map<M>,
    at: VirtAddr,
) -> Result<MapRef<M>, Failed> {
    let second = VirtAddr(at.0 + M::PAGE_SIZE);
    store(vm, parent, second, b'q')?;
    let child = vm.map_fork(parent)?;
    same("the child's first page", load(vm, &child, at)?, b'p')?;
    same("the child's second page", load(vm, &child, second)?, b'q')?;
    same("pages copied by reading", child.cow_faults(), 0u8)?;
    writeln!(
        out,
        "fork: the child reads its parent's two pages, none was copied"
    )?;

    store(vm, &child, at, b'c')?;
    store(vm, parent, second, b'P')?;
    let bytes = [
        (parent, at, b'p'),
        (parent, second, b'P'),
        (&child, at, b'c'),
        (&child, second, b'q'),
    ];
    for (map, at, byte) in bytes {
        same("a byte after both wrote", load(vm, map, at)?, byte)?;
    }
    same("pages that the child copied", child.cow_faults(), 1u8)?;
    same("pages that the parent copied", parent.cow_faults(), 1u8)?;
    writeln!(
        out,
        "copy on write: child and parent wrote a page each, both keep both"
    )?;
    Ok(child)
}

/// Wired memory of the kernel's own, by the kernel's tables.
fn kernel_memory<M: Cpu>(vm: &Vm<M>, out: &mut dyn Write) -> Result<(), Failed> {
    let size = 2 * M::PAGE_SIZE;
    let at = vm.kmem_alloc(size, Guard::Both, 0)?;
    let (cpu, pmap) = (vm.machine(), vm.machine().kernel_pmap());
    let last = VirtAddr(at.0 + size - 1);
    let refused = |_| Failed::Differs("wired memory faults", last.0, 0);
    cpu.store(pmap, last, b'k').map_err(refused)?;
    same(
        "the kernel's byte",
        cpu.load(pmap, last).map_err(refused)?,
        b'k',
    )?;
    let guard = VirtAddr(at.0 + size);
    same(
        "the guard can be read",
        u8::from(cpu.load(pmap, guard).is_ok()),
        0u8,
    )?;
    vm.kmem_free(at, size)?;
    writeln!(
        out,
        "kernel memory: two wired pages between guards, given and taken back"
    )?;
    Ok(())
}
