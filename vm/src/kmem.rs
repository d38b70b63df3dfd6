//! Memory of the kernel's own: wired, zeroed, in the kernel map.
//!
//! Owns: allocation by address range with guards: stacks, large buffers.
//! Does not own: small records (zones), the direct map. Locks: the kernel map alone; the pages are
//! taken and mapped with no lock held but the object's own.

use crate::addr::{Range, VirtAddr};
use crate::machine::{CacheMode, Machine, Mapping, NotEntered, Tracking, Wired};
use crate::map::Map;
use crate::map::enter::Placement;
use crate::map::entry::{Attributes, Entry, EntryFlags};
use crate::object::{ObjRef, ObjectKind};
use crate::residence::Account;
use crate::sanitize;
use crate::vm::Vm;
use abi::{Inherit, KernReturn, Protection};

/// Pages that are never mapped at the ends of an allocation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Guard {
    /// None.
    #[default]
    None,
    /// One before, one after.
    Both,
}

impl<M: Machine> Vm<M> {
    /// The kernel's map.
    ///
    /// # Errors
    /// `NOT_FOUND` while the `Vm` is being made.
    pub fn kernel_map(&self) -> Result<&Map<M>, KernReturn> {
        self.kernel_map.as_deref().ok_or(KernReturn::NOT_FOUND)
    }

    /// `size` bytes (rounded up to pages) of wired zeros at a new address of the kernel map.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for size 0, `NO_SPACE`, `RESOURCE_SHORTAGE`; nothing has changed then.
    pub fn kmem_alloc(&self, size: u64, guard: Guard, tag: u8) -> Result<VirtAddr, KernReturn> {
        self.relieved(|| self.kmem_try(size, guard, tag))
    }

    fn kmem_try(&self, size: u64, guard: Guard, tag: u8) -> Result<VirtAddr, KernReturn> {
        let size = sanitize::round_up::<M>(size).filter(|&size| size != 0);
        let size = size.ok_or(KernReturn::INVALID_ARGUMENT)?;
        let around = if guard == Guard::Both {
            M::PAGE_SIZE
        } else {
            0
        };
        let total = size.checked_add(around.saturating_mul(2));
        let total = total.ok_or(KernReturn::NO_SPACE)?;
        // Where there is no room, no memory is taken.
        let anywhere = Placement::Anywhere(VirtAddr(0));
        self.kernel_map()?.read().place(anywhere, total, 0)?;
        let object = self.new_object(ObjectKind::Kernel, total >> M::PAGE_SHIFT)?;
        let first = around >> M::PAGE_SHIFT;
        let count = size >> M::PAGE_SHIFT;
        let placed = self
            .kmem_pages(&object, first, count)
            .and_then(|()| self.kmem_place(&object, total, guard, tag));
        let start = match placed {
            Ok(start) => start,
            Err(code) => {
                self.give_object(object);
                return Err(code);
            }
        };
        let base = VirtAddr(start.0.saturating_add(around));
        if let Err(code) = self.kmem_map(&object, first, count, base) {
            self.kmem_remove(start)?;
            return Err(code);
        }
        Ok(base)
    }

    /// Frees what `kmem_alloc` gave at `at`.
    ///
    /// # Errors
    /// `INVALID_ADDRESS` if nothing was given there.
    pub fn kmem_free(&self, at: VirtAddr, size: u64) -> Result<(), KernReturn> {
        let start = {
            let state = self.kernel_map()?.read();
            let entry = state.tree.find(at).ok_or(KernReturn::INVALID_ADDRESS)?;
            let guarded = entry.attributes.flags.contains(EntryFlags::GUARDED);
            let around = if guarded { M::PAGE_SIZE } else { 0 };
            let size = sanitize::round_up::<M>(size).ok_or(KernReturn::INVALID_ARGUMENT)?;
            let length = entry.range().len().saturating_sub(around.saturating_mul(2));
            if entry.start.0.saturating_add(around) != at.0 || length != size {
                return Err(KernReturn::INVALID_ADDRESS);
            }
            entry.start
        };
        self.kmem_remove(start)
    }

    /// Fills and wires the pages of a new object.
    fn kmem_pages(&self, object: &ObjRef<M>, first: u64, count: u64) -> Result<(), KernReturn> {
        for index in first..first.saturating_add(count) {
            let mut guard = object.write();
            let state = &mut *guard;
            let zero = |machine: &M, page| machine.zero_page(page);
            let added = self.add_page(
                object.kind.content(),
                &mut state.slots,
                state.number,
                index,
                zero,
            );
            let page = added.map_err(|_| self.shortage())?;
            self.wire_page(page);
        }
        Ok(())
    }

    fn kmem_place(
        &self,
        object: &ObjRef<M>,
        total: u64,
        guard: Guard,
        tag: u8,
    ) -> Result<VirtAddr, KernReturn> {
        let attributes = Attributes {
            protection: Protection::DEFAULT,
            max: Protection::DEFAULT,
            inherit: Inherit::None,
            tag,
            flags: if guard == Guard::Both {
                EntryFlags::GUARDED
            } else {
                EntryFlags::empty()
            },
            ..Attributes::default()
        };
        let object = object
            .try_ref()
            .map_err(|_| KernReturn::RESOURCE_SHORTAGE)?;
        let entry = Entry::new(Range::default(), attributes);
        let entry = self.zones.entries.alloc(&self.frames, entry);
        let mut entry = entry.map_err(|_| self.shortage())?;
        let mut state = self.kernel_map()?.write();
        let range = state.place(Placement::Anywhere(VirtAddr(0)), total, 0)?;
        (entry.start, entry.end) = (range.start, range.end);
        // The one reference of the new object becomes the entry's.
        entry.object = Some(object);
        entry.wired = 1;
        state.size = state.size.saturating_add(total);
        state.tree.insert(entry);
        Ok(range.start)
    }

    fn kmem_map(
        &self,
        object: &ObjRef<M>,
        first: u64,
        count: u64,
        base: VirtAddr,
    ) -> Result<(), KernReturn> {
        let machine = self.machine();
        let pmap = machine.kernel_pmap();
        let mapping = Mapping {
            protection: Protection::DEFAULT,
            wired: Wired::Yes,
            cache: CacheMode::WriteBack,
            tracking: Tracking::Tracked,
            account: Account::Internal,
        };
        let mut reserve = M::Reserve::default();
        let mut batch = self.frames.batch();
        let mut result = Ok(());
        let (mut index, mut at) = (first, base);
        while index < first.saturating_add(count) {
            let entered = {
                let state = object.read();
                let Some(page) = state.slots.get(index).page() else {
                    result = Err(KernReturn::MEMORY_ERROR);
                    break;
                };
                machine.pmap_enter(pmap, at, page, mapping, &mut reserve, &mut batch)
            };
            match entered {
                Ok(()) => {
                    index = index.saturating_add(1);
                    at = VirtAddr(at.0.saturating_add(M::PAGE_SIZE));
                    continue;
                }
                Err(NotEntered::Reserve) => {}
                Err(NotEntered::Occupied) => panic!("I-TLB-6: a new entry's address is mapped"),
            }
            let filled = machine.pmap_refill(pmap, at, &mut reserve, &mut self.tables());
            if filled.is_err() {
                result = Err(self.shortage());
                break;
            }
        }
        machine.pmap_unreserve(&mut reserve, &mut self.tables_back());
        self.frames.finish(batch);
        result
    }

    /// Takes the entry at `start` out of the kernel map, and its memory back.
    fn kmem_remove(&self, start: VirtAddr) -> Result<(), KernReturn> {
        let mut batch = self.frames.batch();
        let removed = {
            let mut state = self.kernel_map()?.write();
            let entry = state.tree.remove(start);
            if let Some(entry) = &entry {
                state.size = state.size.saturating_sub(entry.range().len());
                let pmap = self.machine().kernel_pmap();
                self.machine().pmap_remove(pmap, entry.range(), &mut batch);
            }
            batch.flush_now(self.machine());
            entry
        };
        if let Some(object) = removed.and_then(|mut entry| entry.object.take()) {
            self.release_object(object, &mut batch);
        }
        self.frames.finish(batch);
        Ok(())
    }
}
