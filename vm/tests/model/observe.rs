//! What is told of pages and regions: queries that change nothing.
//!
//! Owns: the comparison of each with the reference, as far as the reference can know: it has no objects.

use super::reference::{Page, Span};
use super::superpage::SUPERPAGE;
use super::system::{Failure, Outcome, System};
use super::verdict::{self, always};
use abi::region::page_query::{DIRTY, EXTERNAL, PRESENT};
use abi::region::share_mode::LARGE_PAGE;
use std::collections::BTreeMap;
use vm::sanitize::UserAddr;
use vm::{Disposition, Inherit, KernReturn, Machine, PageId, Region, Shows, VirtAddr};

/// Pages of a range that are looked at.
const MOST: usize = 100;

impl<const SHIFT: u32> System<SHIFT> {
    /// What is told of a page, and of a range of pages.
    pub fn query(&mut self, n: usize, span: Span) -> Result<Outcome, Failure> {
        let (addr, size) = span.user();
        let map = &self.tasks[n].map;
        let told = self.vm.page_query(map, addr);
        let info = self.vm.page_info(map, addr);
        let last = span.addr >> SHIFT == u64::MAX >> SHIFT;
        let failed = Some(KernReturn::INVALID_ADDRESS).filter(|_| last);
        if (told.err(), info.err()) != (failed, failed) {
            return Err(format!("page query: {told:?}, {info:?}"));
        }
        if let (Ok(told), Ok(info)) = (told, info) {
            self.check_page(n, span.addr >> SHIFT, told)?;
            let shown = self.tasks[n].model.pages.get(&(span.addr >> SHIFT));
            let over = shown.is_some_and(|page| page.over);
            let placed = shown.is_some() || (info.object, info.offset, info.depth) == (0, 0, 0);
            if !placed || !over && info.page != told {
                return Err(format!("page info: {info:?}, page query: {told:?}"));
            }
        }
        let mut pages = Vec::new();
        let ranged = self.vm.page_range_query(map, addr, size, |told| {
            pages.push(told);
            match pages.len() {
                MOST => Err(KernReturn::ABORTED),
                _ => Ok(()),
            }
        });
        let range = match span.size {
            0 => Ok(verdict::NOTHING),
            _ => self.rules.pages(span),
        };
        let range = range.map_err(always(KernReturn::INVALID_ARGUMENT));
        let (expected, count) = match &range {
            Err(code) => (Err(*code), 0),
            Ok(range) if range.end - range.start >= MOST as u64 => (Err(KernReturn::ABORTED), MOST),
            Ok(range) => (Ok(()), (range.end - range.start) as usize),
        };
        if (ranged, pages.len()) != (expected, count) {
            let seen = pages.len();
            return Err(format!("{seen} pages: {ranged:?}, {count}: {expected:?}"));
        }
        for (page, told) in range.unwrap_or(verdict::NOTHING).zip(pages) {
            let alone = self.vm.page_query(map, UserAddr(page << SHIFT));
            if alone != Ok(told) {
                return Err(format!("page {page:#x}: {told:?}, alone {alone:?}"));
            }
            self.check_page(n, page, told)?;
        }
        self.count(told.err());
        self.call = "page_range_query";
        self.count(ranged.err().filter(|code| *code != KernReturn::ABORTED));
        Ok(Outcome::Agreed)
    }

    /// Whether a page's disposition may be so: what is not mapped has none; what holds anything but
    /// zeros is in memory; what a page table shows is, too.
    fn check_page(&self, n: usize, page: u64, told: Disposition) -> Result<(), Failure> {
        let task = &self.tasks[n];
        let wrong = |what| Err(format!("page {page:#x}, {what}: {told:?}"));
        let Some(known) = task.model.pages.get(&page) else {
            return match told {
                Disposition {
                    bits: 0,
                    ref_count: 0,
                } => Ok(()),
                _ => wrong("which is not mapped"),
            };
        };
        let volatile = known.group.as_ref().is_some_and(|g| g.state.get() != 0);
        let unsure = volatile || known.over || known.paged || self.is_doubted(&known.cell);
        let holds = known.cell.borrow().iter().any(|byte| *byte != 0);
        if !unsure && holds && told.bits & PRESENT == 0 {
            return wrong("which holds something");
        }
        if known.superpage.is_some() && told.bits & PRESENT == 0 {
            return wrong("which is of a superpage");
        }
        if !known.over && (told.bits & EXTERNAL != 0) != known.is_files() {
            return wrong("which is or is no file's");
        }
        if told.bits & !(PRESENT | EXTERNAL) != 0 && told.bits & PRESENT == 0 {
            return wrong("which is not there");
        }
        let at = VirtAddr(page << SHIFT);
        let mapped = self.vm.machine().pmap_extract(self.vm.pmap(&task.map), at);
        // Zeros may be the shared zero frame, over memory that was given up.
        let shown = !known.over && mapped.is_some_and(|(frame, _)| self.holds_bytes(frame));
        if shown && told.bits & PRESENT == 0 {
            return wrong("which is mapped");
        }
        Ok(())
    }

    fn holds_bytes(&self, frame: PageId) -> bool {
        let mut bytes = vec![0; 1 << SHIFT];
        self.vm.machine().read_page(frame, 0, &mut bytes);
        bytes.iter().any(|byte| *byte != 0)
    }

    /// A page that was just written is there and dirty. It need not be referenced: the CPU whose TLB has
    /// the entry still may not look at the page table.
    pub fn check_written(&self, n: usize, page: u64) -> Result<(), Failure> {
        let told = self
            .vm
            .page_query(&self.tasks[n].map, UserAddr(page << SHIFT));
        match told {
            Ok(told) if told.bits & (PRESENT | DIRTY) == PRESENT | DIRTY => Ok(()),
            told => Err(format!("page {page:#x} was written: {told:?}")),
        }
    }

    /// The region at an address, or the next one, asked for in both ways.
    pub fn region(&mut self, n: usize, addr: u64) -> Result<Outcome, Failure> {
        let task = &self.tasks[n];
        let told = self.vm.region(&task.map, UserAddr(addr));
        let flat = self.vm.region_recurse(&task.map, UserAddr(addr), 0);
        let next = task.model.pages.range(addr >> SHIFT..).next();
        let answer = match (told, flat, next) {
            (Ok(told), Ok((flat, 0)), Some((page, known))) => {
                if told.range != flat.range {
                    return Err(format!("region {told:?}, with depth 0 {flat:?}"));
                }
                self.check_region(n, &told, (*page, known))?;
                None
            }
            (Err(one), Err(other), None) if one == other => Some(one),
            (told, flat, next) => {
                let next = next.map(|(page, _)| page);
                return Err(format!(
                    "region {told:?}, {flat:?}, the reference {next:x?}"
                ));
            }
        };
        self.count(answer);
        Ok(Outcome::Agreed)
    }

    /// Whether a region has a page and is all alike.
    fn check_region(
        &self,
        n: usize,
        told: &Region,
        (page, known): (u64, &Page),
    ) -> Result<(), Failure> {
        let pages = told.range.start.0 >> SHIFT..told.range.end.0 >> SHIFT;
        let model = &self.tasks[n].model;
        let alike = |page: u64| {
            let other = model.pages.get(&page);
            other.is_some_and(|other| other.over || known.over || known.is_like(other))
        };
        let wired = known.over || u32::from(told.user_wired) == known.wired;
        let whole = known.superpage.map(|n| page - n..page - n + SUPERPAGE);
        let whole = whole.is_none_or(|whole| whole == pages);
        if !pages.contains(&page) || !whole || !wired || !pages.clone().all(alike) {
            return Err(format!("region {told:?} at page {page:#x}"));
        }
        Ok(())
    }

    /// Compares the attributes of every page with the regions of the map.
    pub fn check_regions(&self, n: usize) -> Result<(), Failure> {
        let task = &self.tasks[n];
        let mut next = 0;
        let mut seen = BTreeMap::new();
        while let Ok(region) = self.vm.region(&task.map, UserAddr(next)) {
            let range = region.range;
            if range.start.0 < next || range.is_empty() {
                return Err(format!("region {range:?} comes after {next:#x}"));
            }
            for page in range.start.0 >> SHIFT..range.end.0 >> SHIFT {
                let (mut protection, mut max) = (region.protection, region.max);
                if region.shows == Shows::Submap {
                    let inside = self
                        .vm
                        .region_recurse(&task.map, UserAddr(page << SHIFT), 5);
                    let (inside, depth) = inside.map_err(|code| format!("depth: {code:?}"))?;
                    if depth != 1 || !inside.range.contains(VirtAddr(page << SHIFT)) {
                        return Err(format!("page {page:#x}: depth {depth}, {inside:?}"));
                    }
                    protection &= inside.protection;
                    max &= inside.max;
                }
                let wired = u32::from(region.user_wired);
                let large = region.share_mode == LARGE_PAGE;
                let marks = (region.tag, region.behavior as u8, large);
                let what = (protection, max, region.inherit, wired, region.shows, marks);
                seen.insert(page, what);
            }
            next = range.end.0;
        }
        let known: BTreeMap<u64, _> = task
            .model
            .pages
            .iter()
            .map(|(page, p)| {
                let shown = seen.get(page).map_or(Shows::Memory, |known| known.4);
                let marks = seen.get(page).map(|known| known.5);
                let came_up = p.over && shown == Shows::Memory;
                let inherit = match p.inherit {
                    Inherit::Share if came_up => Inherit::Copy,
                    other => other,
                };
                let shows = if p.over { shown } else { Shows::Memory };
                // What a submap shows has marks of its own.
                let own = (p.tag, p.behavior, p.superpage.is_some());
                let marks = marks.filter(|_| p.over).unwrap_or(own);
                let what = (p.protection, p.maximum, inherit, p.wired, shows, marks);
                (*page, what)
            })
            .collect();
        let differs = |page: &u64| seen.get(page) != known.get(page);
        match seen.keys().chain(known.keys()).copied().find(differs) {
            Some(page) => Err(format!(
                "page {page:#x}: region {:?}, the reference {:?}",
                seen.get(&page),
                known.get(&page)
            )),
            None if task.map.size() != (known.len() as u64) << SHIFT => {
                Err(format!("the map's size is {:#x}", task.map.size()))
            }
            None => Ok(()),
        }
    }
}
