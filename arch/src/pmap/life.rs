//! Pmaps begin, run and end.
//!
//! Owns: making and unmaking roots, which root each CPU walks. Locks: none, or the pmap's alone.

use super::hardware::{Hardware, Tag};
use super::record::PART_BITS;
use super::{Flush, Paging, Pmap, PteFormat, Shape, Space, control};
use core::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use sync::SpinLock;
use vm::Pager;
use vm::addr::PhysAddr;
use vm::machine::{FrameSource, Shortage};

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    pub(super) fn create(&self, frames: &mut dyn FrameSource) -> Result<Pmap<H>, Shortage> {
        let control = self.node_or_frame(frames)?;
        let Ok(more) = self.node_or_frame(frames) else {
            self.node_give(control);
            self.give_unused(frames);
            return Err(Shortage);
        };
        let Some(page) = frames.take() else {
            self.node_give(more);
            self.node_give(control);
            self.give_unused(frames);
            return Err(Shortage);
        };
        let root = self.address_of(page);
        // Where one root serves both halves, the upper half's entries are the kernel's for ever: boot
        // has made all their tables, and its lower half is empty (looked at in `from_plan`).
        // SAFETY: the source gave the frame to us; no CPU walks it.
        unsafe {
            if Self::SHARED_ROOT {
                self.hardware.copy_frame(self.kernel.root, root);
            } else {
                self.hardware.zero_frame(root);
            }
        }
        let tag = if self.hardware.asid_bits() == 0 {
            Tag(root.0)
        } else {
            Tag::NONE
        };
        self.control_init(control, more, tag);
        self.word(control.0 + control::TABLES).store(1, Relaxed);
        self.record(root).become_table(control.0, 0);
        Ok(Pmap {
            root,
            control,
            space: Space::User,
            shape: SpinLock::new(Shape::new()),
        })
    }

    /// A pmap whose leaf tables others may show. Its tag is for ever that of all address spaces.
    pub(super) fn create_nested(&self, frames: &mut dyn FrameSource) -> Result<Pmap<H>, Shortage> {
        let pmap = self.create(frames)?;
        self.word(pmap.control.0 + control::CONTEXT)
            .store(Tag::NESTED.0, Relaxed);
        Ok(pmap)
    }

    pub(super) fn destroy(&self, pmap: Pmap<H>, frames: &mut dyn FrameSource) {
        assert!(
            pmap.space == Space::User,
            "I-PMAP-4: the kernel's pmap stays"
        );
        assert_eq!(
            self.nestings(&pmap),
            0,
            "I-NEST-3: a pmap ends while others show its tables"
        );
        self.leave(&pmap);
        let mut doomed = 0;
        self.doom(pmap.root.0, F::LEVELS - 1, &mut doomed);
        let mut flush = Flush::default();
        flush.add_tables();
        flush.add_space(Tag(self
            .word(pmap.control.0 + control::CONTEXT)
            .load(Relaxed)));
        if !flush.is_empty() {
            self.hardware.invalidate(&flush);
        }
        while doomed != 0 {
            let record = self.record(PhysAddr(doomed));
            let next = record.more.load(Relaxed);
            record.become_page();
            frames.give(self.page_at(PhysAddr(doomed)));
            doomed = next;
        }
        self.control_give(pmap.control);
        self.give_unused(frames);
    }

    /// Chains a table and those below it through their records, after removing what they map.
    fn doom(&self, table: u64, level: usize, doomed: &mut u64) {
        let record = self.record(PhysAddr(table));
        let mut live = record.live();
        if level == 0 {
            let mut location = table;
            while live != 0 && location < table + Self::PAGE_SIZE {
                let entry = self.word(location).load(Relaxed);
                if F::is_present(entry) && self.remove_entry(location, entry).is_some() {
                    live -= 1;
                }
                location += 8;
            }
        } else {
            let size = Self::PAGE_SIZE >> PART_BITS;
            let mut used = record.used();
            while used != 0 {
                let start = table + u64::from(used.trailing_zeros()) * size;
                used &= used - 1;
                for location in (start..start + size).step_by(8) {
                    if live == 0 {
                        break;
                    }
                    let entry = self.word(location).load(Relaxed);
                    if F::is_table(entry, level) {
                        self.doom(F::address(entry).0, level - 1, doomed);
                        live -= 1;
                    } else if F::is_nested(entry) {
                        self.forget_nesting(self.record(F::address(entry)));
                        live -= 1;
                    } else if F::is_present(entry) {
                        self.forget_superpage(location);
                        live -= 1;
                    }
                }
            }
        }
        record.more.store(*doomed, Relaxed);
        *doomed = table;
    }

    /// Makes this CPU walk the pmap's tables for user addresses. Preemption is off.
    #[inline]
    pub fn activate(&self, pmap: &Pmap<H>) {
        debug_assert_ne!(
            self.tag(pmap),
            Tag::NESTED,
            "I-NEST-2: a CPU runs on a nested pmap"
        );
        let cpu = H::cpu();
        let active = &self.active[cpu].0;
        if active.load(Relaxed) == pmap.root.0 {
            return;
        }
        let context = self.word(pmap.control.0 + control::CONTEXT);
        let asid = if self.hardware.asid_bits() == 0 {
            0
        } else {
            self.asids
                .activate(cpu, context, || self.hardware.invalidate_spaces())
        };
        active.store(pmap.root.0, Release);
        self.hardware.load_root(pmap.root, asid);
    }

    /// Makes this CPU walk no user tables. Preemption is off.
    pub fn deactivate(&self) {
        let active = &self.active[H::cpu()].0;
        if active.swap(self.empty_root.0, AcqRel) != self.empty_root.0 {
            self.hardware.load_root(self.empty_root, 0);
        }
    }

    /// This CPU leaves a pmap that ends.
    fn leave(&self, pmap: &Pmap<H>) {
        let _here = sync::NoPreempt::<H>::new();
        if self.active[H::cpu()].0.load(Relaxed) == pmap.root.0 {
            self.deactivate();
        }
    }
}
