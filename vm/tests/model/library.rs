//! The library: a submap of the system, whose pages tasks show.
//!
//! Owns: what its pages allow and hold, both sides of entering it, and the reference's notion of which
//! pages a submap shows still.

use super::op::{LIBRARY, LIBRARY_AT};
use super::reference::{Page, Rules, Span};
use super::system::{Failure, Outcome, Sim, System};
use std::cell::RefCell;
use std::rc::Rc;
use vm::map::MapRef;
use vm::map::protect::SetMax;
use vm::sanitize::{UserAddr, UserFlags, UserProt};
use vm::{Attributes, EnterSubmap, Machine, Placement, Protection, Range, Shows, VirtAddr};

impl<const SHIFT: u32> System<SHIFT> {
    /// A submap with two pages to execute, three to write and three to read; some were never written.
    /// It is all that one page table maps.
    pub fn new_library(&mut self) {
        let first = self.rules.first + LIBRARY_AT;
        let range = Range::new(
            VirtAddr(first << SHIFT),
            VirtAddr((first + LIBRARY) << SHIFT),
        );
        let submap = self.vm.map_create_submap(range).expect("a submap");
        let pages = |from: u64, count: u64| Span {
            addr: (first + from) << SHIFT,
            size: count << SHIFT,
        };
        let (addr, size) = pages(0, LIBRARY).user();
        let made = self.vm.allocate(&submap, addr, size, UserFlags(0));
        made.expect("memory of a submap");
        let read = Protection::READ;
        let parts = [
            (0, 2, read | Protection::EXECUTE),
            (2, 3, Protection::DEFAULT),
            (5, 3, read),
        ];
        for (from, count, protection) in parts {
            for page in from..from + count {
                let mut bytes = vec![0; 1 << SHIFT];
                if page != 1 && page != 4 && page != 7 {
                    bytes.fill(0xa0 + page as u8);
                    let at = VirtAddr((first + page) << SHIFT);
                    let filled = self.vm.fault(&submap, at, Protection::WRITE);
                    filled.expect("a page of a submap");
                    let pmap = self.vm.pmap(&submap);
                    let (frame, _) = self.vm.machine().pmap_extract(pmap, at).expect("mapped");
                    self.vm.machine().write_page(frame, 0, &bytes);
                }
                self.library.push((protection, bytes));
            }
            let (addr, size) = pages(from, count).user();
            let prot = UserProt(u32::from(protection.bits()));
            for set in [SetMax::No, SetMax::Yes] {
                let done = self.vm.protect(&submap, addr, size, set, prot);
                done.expect("rights of a submap");
            }
        }
        self.submap = Some(submap);
    }

    pub fn enter_submap(
        &mut self,
        n: usize,
        span: Span,
        from: u64,
        overwrite: bool,
    ) -> Result<Outcome, Failure> {
        let Some(submap) = &self.submap else {
            return Err("there is no submap".into());
        };
        let what = library_from(self.rules, submap, from);
        let at = VirtAddr(span.addr);
        let placement = match overwrite {
            true => Placement::Overwrite(at),
            false => Placement::Fixed(at),
        };
        let task = &self.tasks[n];
        let answer = self.vm.enter_submap(&task.map, placement, span.size, &what);
        let answer = answer.map(|at| at.0);
        let start = span.addr >> SHIFT;
        let range = start..start + (span.size >> SHIFT);
        let expected = task.model.check_fixed(self.rules, range, overwrite, 0);
        let library = self.library.clone();
        self.settle_place(answer, expected, n, |n| {
            let (protection, bytes) = library[(from + n) as usize].clone();
            Page {
                protection,
                maximum: protection,
                over: true,
                ..Page::of(Rc::new(RefCell::new(bytes)))
            }
        })
    }

    /// Whether a submap shows a page of a task still. The reference does not know entries, and so not
    /// how much became the task's own with a write.
    pub fn is_over(&self, n: usize, page: u64) -> bool {
        let region = self.vm.region(&self.tasks[n].map, UserAddr(page << SHIFT));
        region.is_ok_and(|region| region.shows == Shows::Submap)
    }

    /// Tells the reference what has become the task's own.
    pub fn observe(&mut self, n: usize) {
        let pages = self.tasks[n].model.pages.iter();
        let over: Vec<u64> = pages
            .filter(|(_, p)| p.over)
            .map(|(page, _)| *page)
            .collect();
        for page in over {
            if !self.is_over(n, page) {
                self.tasks[n].model.came_up(page);
            }
        }
    }
}

/// A library from its page `from` on, to be entered.
pub fn library_from<const SHIFT: u32>(
    rules: Rules,
    submap: &MapRef<Sim<SHIFT>>,
    from: u64,
) -> EnterSubmap<'_, Sim<SHIFT>> {
    EnterSubmap {
        submap,
        offset: (rules.first + LIBRARY_AT + from) << SHIFT,
        attributes: Attributes {
            protection: Protection::ALL,
            ..Attributes::default()
        },
    }
}
