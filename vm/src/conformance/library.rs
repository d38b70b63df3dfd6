//! The library that the tasks of a run show: a submap of a file's pages, in a page table of its own.
//!
//! Owns: where it is, and what it holds. Does not own: who shows it (`tasks`).

use super::cpu::Cpu;
use super::leaf_size;
use super::tasks::SHOWN;
use crate::EnterObject;
use crate::addr::{Range, VirtAddr};
use crate::map::MapRef;
use crate::map::enter::CopyMode;
use crate::map::enter::Placement;
use crate::map::entry::Attributes;
use crate::object::ObjectRef;
use crate::vm::Vm;
use abi::{Inherit, KernReturn, Protection};

/// The addresses of the library, in itself and in the tasks: all of a table beyond their other pages.
pub(super) fn home<M: Cpu>(window: Range) -> Range {
    let start = window.start.0.next_multiple_of(leaf_size::<M>()) + 3 * leaf_size::<M>();
    Range::new(VirtAddr(start), VirtAddr(start + leaf_size::<M>()))
}

/// What every byte of a page of the library is: in every other one nothing was ever written.
pub(super) const fn library_byte(page: usize) -> u8 {
    if page.is_multiple_of(2) {
        0xb0 + page as u8
    } else {
        0
    }
}

/// A submap whose first pages hold something; the rest of it is a hole.
pub(super) fn library<M: Cpu>(vm: &Vm<M>, home: Range) -> Result<MapRef<M>, KernReturn> {
    let file = vm.object_create(SHOWN as u64 * M::PAGE_SIZE)?;
    let made = vm.map_create_submap(home).and_then(|submap| {
        let what = EnterObject {
            object: Some(&file),
            offset: 0,
            attributes: Attributes::with(Protection::DEFAULT, Protection::ALL, Inherit::Copy, 0),
            copy: CopyMode::Private,
        };
        let mut filled = fill(vm, &file);
        if filled.is_ok() {
            let at = Placement::Fixed(home.start);
            let size = SHOWN as u64 * M::PAGE_SIZE;
            filled = vm.enter_object(&submap, at, size, &what).map(|_| ());
        }
        match filled {
            Ok(()) => Ok(submap),
            Err(code) => {
                vm.map_terminate(submap);
                Err(code)
            }
        }
    });
    vm.object_release(file);
    made
}

fn fill<M: Cpu>(vm: &Vm<M>, file: &ObjectRef<M>) -> Result<(), KernReturn> {
    for page in (0..SHOWN).filter(|&page| library_byte(page) != 0) {
        let bytes = [library_byte(page); 64];
        for at in (0..M::PAGE_SIZE).step_by(bytes.len()) {
            vm.object_write(file, page as u64 * M::PAGE_SIZE + at, &bytes)?;
        }
    }
    Ok(())
}
