//! The host's tests: `vm`'s conformance suite over the tables, with a TLB; the demo on this kernel's
//! machine, and on the simulated one in both page sizes.

use crate::demo::demo;
use crate::failed::Failed;
use crate::hart::machine;
use crate::kernel::program;
use crate::machine::{Pmap, Sv39};
use crate::tables::USER;
use vm::conformance::{Cpu, Observer, agree, conform};
use vm::sim::SimMachine;
use vm::{BootMemory, Machine, Page, PageId, Pages, Range, VirtAddr, Vm, WriteExecute};

/// The lines after the first, which tells of the machine.
const LINES: &str = include_str!("../lines.txt");

fn simulated<const SHIFT: u32>() {
    const FRAMES: usize = 300;
    sync::host::enter(Some(0), None);
    let pages: Vec<Page> = (0..FRAMES).map(|_| Page::new()).collect();
    let kernel = 0xffff_c000_0000_0000;
    let memory = BootMemory {
        pages: Box::leak(pages.into_boxed_slice()),
        usable: &[(PageId(1), Pages(FRAMES as u64 - 1))],
        reserve: Pages(8),
        kernel_range: Range::new(VirtAddr(kernel), VirtAddr(kernel + (1 << 30))),
        write_execute: WriteExecute::Refused,
    };
    let vm = Vm::new(SimMachine::<SHIFT>::new(FRAMES), memory).expect("memory for a machine");
    let mut lines = String::new();
    demo(&vm, &mut lines).unwrap_or_else(|failed| panic!("{lines}{failed:?}"));
    assert_eq!(
        lines,
        format!("ram: 300 pages of {} bytes\n{LINES}", 1 << SHIFT)
    );
    vm.machine().audit_tlbs().expect("TLBs");
    vm.machine().audit_reverse().expect("reverse maps");
}

/// A program that touches every address, so that the hart remembers all it may.
struct Watch;

impl Observer<Sv39> for Watch {
    fn run(&mut self, machine: &Sv39, pmap: &Pmap, addresses: &mut dyn Iterator<Item = VirtAddr>) {
        for at in addresses {
            // A refusal is remembered by no hart that is played here.
            let _ = machine.load(pmap, at);
        }
    }

    fn changed(&mut self, _: &Sv39) -> Result<(), &'static str> {
        Ok(())
    }

    fn synced(&mut self, machine: &Sv39, pmap: &Pmap) -> Result<(), &'static str> {
        match machine.stale(pmap) {
            Some(_) => Err("a fence is missing"),
            None => Ok(()),
        }
    }
}

#[test]
fn the_tables_conform() {
    for seed in 1..=6 {
        let vm = machine(1000).expect("memory for a machine");
        let before = (vm.statistics().free_count, kernel_tables(&vm));
        let met = conform(&vm, &mut Watch, program(seed, 1500));
        let met = met.unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        let kept = kernel_tables(&vm) - before.1;
        let free = u64::from(vm.statistics().free_count);
        assert_eq!(
            free + kept,
            before.0.into(),
            "seed {seed}: frames were lost"
        );
        // A run that met too little proves nothing.
        assert!(
            met.entered > 100 && met.replaced > 30 && met.changed > 3,
            "{met:?}"
        );
        assert!(
            met.removed > 60 && met.lowered > 40 && met.disconnected > 20,
            "{met:?}"
        );
        assert!(
            met.accounted > 5 && met.stayed > 2 && met.destroyed > 2 && met.most_mappers > 5,
            "{met:?}"
        );
        vm.audit().expect("the audit");
    }
}

#[test]
fn tasks_agree() {
    for seed in 1..=6 {
        let vm = machine(1000).expect("memory for a machine");
        let done = agree(&vm, seed, 4000, USER);
        let done = done.unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        assert!(done.accesses > 1000 && done.refused > 100, "{done:?}");
        assert!(
            done.changes > 100 && done.wirings > 10 && done.forks > 50,
            "{done:?}"
        );
        assert_eq!(done.short, 0, "{done:?}");
    }
}

/// The same with too little memory: calls are refused, bytes stay.
#[test]
fn tasks_agree_in_little_memory() {
    let mut short = 0;
    for seed in 1..=6 {
        let vm = machine(70).expect("memory for a machine");
        let done = agree(&vm, seed, 4000, USER);
        short += done
            .unwrap_or_else(|failure| panic!("seed {seed}: {failure}"))
            .short;
    }
    assert!(short > 100, "memory was short {short} times");
}

fn kernel_tables(vm: &Vm<Sv39>) -> u64 {
    vm.machine().pmap_tables(vm.machine().kernel_pmap()).0
}

#[test]
fn the_demo_passes_on_sv39() {
    let vm = machine(1000).expect("memory for a machine");
    let mut lines = String::new();
    demo(&vm, &mut lines).unwrap_or_else(|failed| panic!("{lines}{failed:?}"));
    assert_eq!(lines, format!("ram: 1000 pages of 4096 bytes\n{LINES}"));
}

#[test]
fn the_demo_passes_on_the_simulated_machine() {
    simulated::<12>();
    simulated::<14>();
}

/// Too little RAM ends in a refusal, not in a panic; the audit finds nothing amiss after it.
#[test]
fn little_memory_is_refused() {
    let (mut refused, mut passed) = (0, 0);
    for frames in 24..80 {
        let Ok(vm) = machine(frames) else { continue };
        match demo(&vm, &mut String::new()) {
            Ok(()) => passed += 1,
            Err(Failed::Call(_) | Failed::Fault(_)) => refused += 1,
            Err(other) => panic!("{frames} pages: {other:?}"),
        }
        vm.audit().expect("the audit");
    }
    assert!(
        refused > 10 && passed > 10,
        "{refused} refused, {passed} passed"
    );
}
