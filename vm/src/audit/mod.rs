//! The audit: everything that is counted is counted again, from the bottom up.
//!
//! Owns: the checks of the invariants that hold whenever no operation is under way; those of sums are in
//! `counts`.
//! Does not own: repair; a difference is a bug and is reported by the invariant's number.
//! Locks: one at a time, as they are needed. It must be quiet: no thread changes memory meanwhile.

mod counts;
mod paging;

use crate::addr::{Range, VirtAddr};
use crate::machine::Machine;
use crate::map::Map;
use crate::map::entry::Entry;
use crate::map::submap::Counted;
use crate::object::shadow::{Below, next_shown};
use crate::object::slot::Slot;
use crate::object::{ObjRef, Object, ObjectState};
use crate::page::PageState;
use crate::residence::ACCOUNTS;
use crate::vm::Vm;
use abi::Protection;
use core::sync::atomic::Ordering::Relaxed;

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Maps, the kernel's among them.
    pub maps: u64,
    /// Entries of all maps.
    pub entries: u64,
    /// Objects that entries, shadows and handles refer to.
    pub objects: u64,
    /// Pages of those objects.
    pub pages: u64,
    /// Tracked mappings of those pages.
    pub mappings: u64,
}

/// What was wrong: the invariant, and a number that helps to find the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditError {
    /// The invariant's number and what it says.
    pub what: &'static str,
    /// A page, an address or an object's number.
    pub place: u64,
}

const fn wrong(what: &'static str, place: u64) -> AuditError {
    AuditError { what, place }
}

/// The state of one audit.
struct Audit {
    epoch: u32,
    report: AuditReport,
    /// Purgeable objects.
    purgeable: u64,
    /// Pages that pagers have not got yet.
    dirty: u64,
    /// Mappings that were found in page tables.
    mapped: u64,
    /// Mappings of pages, by what the pages count as.
    accounts: [u64; ACCOUNTS],
    error: Option<AuditError>,
}

impl Audit {
    fn fail(&mut self, what: &'static str, place: u64) {
        self.error.get_or_insert(wrong(what, place));
    }
}

impl<M: Machine> Vm<M> {
    /// Recounts maps, entries, references, slots, queues, wirings and mappings.
    ///
    /// # Errors
    /// The first difference.
    pub fn audit(&self) -> Result<AuditReport, AuditError> {
        let mut audit = Audit {
            epoch: self.audits.fetch_add(1, Relaxed).wrapping_add(1),
            report: AuditReport::default(),
            purgeable: 0,
            dirty: 0,
            mapped: 0,
            accounts: [0; ACCOUNTS],
            error: None,
        };
        self.registry
            .each_object(|object| self.visit_object(object, &mut audit, Visit::Handle));
        self.registry
            .each_map(|map| self.audit_map(map, &mut audit));
        // Every reference has been counted: compare.
        self.registry.each_map(|map| {
            self.audit_naming(map, &mut audit);
            self.each_object_of(map, |object| check_references(object, &mut audit));
        });
        self.registry
            .each_object(|object| check_references(object, &mut audit));
        if let Some(error) = audit.error {
            return Err(error);
        }
        self.audit_counts(&audit)?;
        Ok(audit.report)
    }

    fn each_object_of(&self, map: &Map<M>, mut each: impl FnMut(&Object<M>)) {
        let all = Range::new(VirtAddr(0), VirtAddr(u64::MAX));
        map.read().tree.visit(all, |entry| {
            if let Some(object) = &entry.object {
                each_of_chain(object, &mut each);
            }
            None::<()>
        });
    }

    fn audit_map(&self, map: &Map<M>, audit: &mut Audit) {
        let state = map.read();
        audit.report.maps = audit.report.maps.saturating_add(1);
        if let Err(what) = state.tree.audit() {
            audit.fail(what, map.serial);
        }
        let all = Range::new(VirtAddr(0), VirtAddr(u64::MAX));
        let mut size = 0u64;
        state.tree.visit(all, |entry| {
            size = size.saturating_add(entry.range().len());
            audit.report.entries = audit.report.entries.saturating_add(1);
            let limits = state.limits;
            if entry.start < limits.start || entry.end > limits.end {
                audit.fail("I-MAP-1: an entry lies outside its map", entry.start.0);
            }
            if let Some(object) = &entry.object {
                self.visit_object(object, audit, Visit::Reference);
                if let Some(pmap) = self.shown_by(map) {
                    self.audit_mappings((pmap, Via::Entry), entry, object, audit);
                }
            }
            if entry.is_superpage() && !self.is_whole_superpage(entry) {
                audit.fail("I-SUPER-1: a superpage is not whole", entry.start.0);
            }
            if let Some(submap) = &entry.submap {
                self.audit_submap(map, entry, submap, audit);
            }
            if state.is_frozen() && entry.is_thawed() {
                audit.fail(
                    "I-SUB-2: an entry of a named submap can be written",
                    entry.start.0,
                );
            }
            None::<()>
        });
        if size != state.size {
            audit.fail("I-MAP-3: a map's size and its entries differ", map.serial);
        }
    }

    /// Counts one entry that names a submap, and looks at what it shows.
    fn audit_submap(&self, map: &Map<M>, entry: &Entry<M>, submap: &Map<M>, audit: &mut Audit) {
        if entry.object.is_some() || entry.wired != 0 {
            let what = "I-SUB-1: an entry with a submap has an object or is wired";
            audit.fail(what, entry.start.0);
        }
        let nestings = self.count_nestings(map, entry);
        let mut inside = submap.write();
        if let Some(naming) = &mut inside.naming {
            let before = naming.counted(audit.epoch);
            naming.audit = Counted {
                epoch: audit.epoch,
                entries: before.entries.saturating_add(1),
                nestings: before.nestings.saturating_add(nestings),
            };
        }
        let window = Range::new(entry.inside(entry.start), entry.inside(entry.end));
        inside.tree.visit(window, |inner| {
            if let Ok(Some(shown)) = entry.show(inner)
                && let Some(object) = &shown.object
                && let Some(pmap) = self.shown_by(map)
            {
                self.audit_mappings((pmap, Via::Submap), &shown, object, audit);
            }
            None::<()>
        });
    }

    /// How many tables a map shows by an entry that names a submap.
    fn count_nestings(&self, map: &Map<M>, entry: &Entry<M>) -> u32 {
        let mut count = 0u32;
        if let (Some(size), Some(pmap)) = (M::NESTING_SIZE, map.pmap()) {
            entry.each_nestable(size, |table| {
                let nested = self.machine().pmap_is_nested(pmap, table.start);
                count = count.saturating_add(nested.into());
                None::<()>
            });
        }
        count
    }

    fn audit_naming(&self, map: &Map<M>, audit: &mut Audit) {
        let Some(naming) = map.read().naming else {
            return;
        };
        let counted = naming.counted(audit.epoch);
        if counted.entries != naming.entries {
            audit.fail(
                "I-SUB-3: a submap's entries and their count differ",
                map.serial,
            );
        }
        if u64::from(counted.nestings) != self.machine().pmap_nestings(self.pmap(map)) {
            let what = "I-NEST-4: a table is nested where no entry shows all of it";
            audit.fail(what, map.serial);
        }
    }

    /// Counts one reference to an object; at the first one, looks at the object and what is below.
    fn visit_object(&self, object: &Object<M>, audit: &mut Audit, visit: Visit) {
        let mut state = object.write();
        let (count, epoch) = state.audit;
        let first = epoch != audit.epoch;
        let before = if first { 0 } else { count };
        let more = match visit {
            Visit::Reference => 1,
            Visit::Handle => state.handles,
        };
        state.audit = (before.saturating_add(more), audit.epoch);
        if !first {
            return;
        }
        audit.report.objects = audit.report.objects.saturating_add(1);
        self.audit_pages(object, &state, audit);
        self.audit_paging(object, &state, audit);
        let purgeable = u64::from(state.purge.is_some());
        audit.purgeable = audit.purgeable.saturating_add(purgeable);
        let below = state.shadow.as_ref().map(|shadow| shadow.object.try_ref());
        drop(state);
        if let Some(Ok(below)) = below {
            self.audit_link(object, &below, audit);
            self.visit_object(&below, audit, Visit::Reference);
        }
    }

    /// A shared object is the shadow of its copy object only, and owes it what it shows.
    fn audit_link(&self, object: &Object<M>, below: &ObjRef<M>, audit: &mut Audit) {
        let front = object.read();
        let state = below.read();
        let newest = state.copy.as_ref();
        let is_newest = newest.is_some_and(|copy| core::ptr::eq(&**copy, object));
        if front.receives != is_newest {
            audit.fail(
                "I-OBJ-7: a copy object and its original differ",
                object.serial,
            );
        }
        if state.true_share && !is_newest {
            audit.fail("I-OBJ-3: a truly shared object is a shadow", below.serial);
        }
        let window = front.window();
        for (index, slot) in state.slots.range(window.from, window.end()) {
            let owed = slot
                .page()
                .is_some_and(|page| self.frames.pages().get(page).is_owed());
            if is_newest && shows_below(&front, index) && !owed {
                audit.fail("I-OBJ-7: a page may change before it is pushed", index);
            }
        }
    }

    fn audit_pages(&self, object: &Object<M>, state: &ObjectState<M>, audit: &mut Audit) {
        let mut pages = 0u64;
        for (index, slot) in state.slots.range(0, u64::MAX) {
            pages = pages.saturating_add(1);
            let Slot::Resident(page) = slot else {
                audit.fail("I-PAGE-2: a page is busy and nobody works on it", index);
                continue;
            };
            let record = self.frames.pages().get(page);
            let owner = record.owner();
            if owner.object != state.number || owner.index != index {
                audit.fail("I-PAGE-5: a page names another owner", u64::from(page.0));
            }
            let wired = record.state() == PageState::Wired;
            let queued = matches!(
                record.state(),
                PageState::Active
                    | PageState::Inactive
                    | PageState::InactiveFile
                    | PageState::Speculative
            );
            if wired != (record.wirings() != 0) || (!wired && !queued) {
                audit.fail(
                    "I-PAGE-4: a page's wirings and its queue differ",
                    u64::from(page.0),
                );
            }
            if wired && record.is_owed() {
                audit.fail("I-OBJ-7: a wired page is owed", u64::from(page.0));
            }
            let mappings = self.machine().page_mappings(page) as u64;
            audit.report.mappings = audit.report.mappings.saturating_add(mappings);
            if let Some(count) = audit.accounts.get_mut(record.account() as usize) {
                *count = count.saturating_add(mappings);
            }
        }
        if pages != state.slots.len() {
            audit.fail("I-OBJ-6: slots and their count differ", object.serial);
        }
        if object.is_device() && (pages != 0 || state.size != 0) {
            audit.fail("I-DEV-1: a device's memory has pages", object.serial);
        }
        audit.report.pages = audit.report.pages.saturating_add(pages);
    }

    /// Every mapping of an entry shows what the entry shows, and no more than it allows.
    fn audit_mappings(
        &self,
        (pmap, via): (&M::Pmap, Via),
        entry: &Entry<M>,
        object: &ObjRef<M>,
        audit: &mut Audit,
    ) {
        let (from, to) = (entry.offset, entry.offset.saturating_add(entry.pages()));
        let mut at = from;
        while let Some(index) = next_shown(&object.read(), at).filter(|&index| index < to) {
            at = index.wrapping_add(1);
            if entry.wired != 0 && !self.is_wired(&object.read(), index) {
                audit.fail("I-WIRE-1: a page of a wired entry is not wired", index);
            }
            let inside = index.wrapping_sub(from) << M::PAGE_SHIFT;
            let address = VirtAddr(entry.start.0.wrapping_add(inside));
            let Some((page, protection)) = self.machine().pmap_extract(pmap, address) else {
                continue;
            };
            if page == self.zero_frame {
                // A page of zeros may have been pushed since.
                if !self.shows_zeros(&object.read(), index) {
                    audit.fail("I-PTE-2: the zero frame hides a page", address.0);
                }
                continue;
            }
            // A nested table's mappings are the submap's, and counted there.
            let own = via == Via::Entry || !self.machine().pmap_is_nested(pmap, address);
            audit.mapped = audit.mapped.saturating_add(own.into());
            let top = object.read();
            let (shown, on_top) = match (top.slots.get(index), &top.shadow) {
                (Slot::Empty, Some(shadow)) => {
                    let page = self.look_below(shadow, index, |below| match below {
                        Below::Page(page, ..) => Some(page),
                        _ => None,
                    });
                    (page, false)
                }
                (slot, _) => (slot.page(), true),
            };
            if shown != Some(page) {
                audit.fail(
                    "I-PTE-2: a mapping shows another page than its entry",
                    address.0,
                );
            }
            if !entry.attributes.protection.contains(protection) {
                audit.fail("I-PTE-1: a mapping allows more than its entry", address.0);
            }
            let writable = protection.contains(Protection::WRITE);
            if writable && on_top && object.is_paged() && !top.slots.is_dirty(index) {
                audit.fail("I-DIRTY-2: a page that is not dirty is writable", address.0);
            }
            let copy = top.copy.as_ref().map(|copy| copy.try_ref());
            drop(top);
            let owed = matches!(&copy, Some(Ok(copy)) if shows_below(&copy.read(), index));
            let exclusive = on_top && !entry.needs_copy && !owed;
            if writable && !exclusive {
                audit.fail("I-PTE-1: a page that must be copied is writable", address.0);
            }
        }
    }

    /// Whether what shows at `index` is a page of zeros.
    fn shows_zeros(&self, state: &ObjectState<M>, index: u64) -> bool {
        let page = match (state.slots.get(index), &state.shadow) {
            (Slot::Empty, Some(shadow)) => self.look_below(shadow, index, |below| match below {
                Below::Page(page, ..) => Some(page),
                _ => None,
            }),
            (slot, _) => slot.page(),
        };
        let mut bytes = [0; 64];
        page.is_some_and(|page| {
            (0..M::PAGE_SIZE as usize).step_by(bytes.len()).all(|at| {
                self.machine().read_page(page, at, &mut bytes);
                bytes == [0; 64]
            })
        })
    }

    /// Whether the page that shows at `index` is in this object and has a wiring.
    fn is_wired(&self, state: &ObjectState<M>, index: u64) -> bool {
        let page = state.slots.get(index).page();
        page.is_some_and(|page| self.frames.pages().get(page).wirings() != 0)
    }
}

/// How an object was reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    Reference,
    Handle,
}

/// How a mapping came to be where it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Via {
    /// The map's own entry shows it.
    Entry,
    /// An entry of a submap that the map shows.
    Submap,
}

fn each_of_chain<M: Machine>(object: &ObjRef<M>, each: &mut impl FnMut(&Object<M>)) {
    each(object);
    if let Some(shadow) = &object.read().shadow {
        each_of_chain(&shadow.object, each);
    }
}

fn check_references<M: Machine>(object: &Object<M>, audit: &mut Audit) {
    let state = object.read();
    if state.audit != (state.refs, audit.epoch) {
        audit.fail(
            "I-OBJ-1: an object's references and their count differ",
            object.serial,
        );
    }
}

/// Whether a copy object shows the page `index` of its original.
fn shows_below<M: Machine>(copy: &ObjectState<M>, index: u64) -> bool {
    let offset = copy.shadow.as_ref().map_or(0, |shadow| shadow.offset);
    let at = index.wrapping_sub(offset);
    copy.window().contains_page(index) && copy.slots.get(at) == Slot::Empty
}
