//! The demo on the host: on this kernel's machine, and on the simulated one in both page sizes.

use crate::cpu::{Cpu, PageFault};
use crate::demo::demo;
use crate::failed::Failed;
use crate::hart::machine;
use vm::sim::{Access, SimMachine, SimPmap};
use vm::{BootMemory, Page, PageId, Pages, Range, VirtAddr, Vm, WriteExecute};

/// The lines after the first, which tells of the machine.
const LINES: &str = include_str!("../lines.txt");

impl<const SHIFT: u32> Cpu for SimMachine<SHIFT> {
    fn load(&self, pmap: &SimPmap, at: VirtAddr) -> Result<u8, PageFault> {
        let byte = self.access(0, pmap, at, Access::Read);
        byte.map(|(byte, _)| byte).map_err(|_| PageFault)
    }

    fn store(&self, pmap: &SimPmap, at: VirtAddr, byte: u8) -> Result<(), PageFault> {
        let stored = self.access(0, pmap, at, Access::Write(byte));
        stored.map(|_| ()).map_err(|_| PageFault)
    }
}

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
