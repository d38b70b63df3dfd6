//! An empty slot of the top object gets a page: zeros, or a copy of what shows from below.
//!
//! Owns: zero-fill, the copy of copy-on-write, and when the chain is worth a look after it.
//! Does not own: shortening the chain (`object::collapse`).
//! Locks: the top object alone, the chain below it shared; held by the caller or the walk.

use super::FaultError;
use super::{Step, Try, paged, wait};
use crate::addr::PageId;
use crate::counters::Event;
use crate::frames::Need;
use crate::machine::Machine;
use crate::object::pages::NoMemory;
use crate::object::shadow::Below;
use crate::object::slot::Slot;
use crate::object::tree::Slots;
use crate::object::{ObjRef, ObjectKind, ObjectState};
use crate::page::Content;
use crate::vm::Vm;

/// The empty slot.
struct Target<'a, M: Machine> {
    content: Content,
    slots: &'a mut Slots<M>,
    number: u32,
    index: u64,
}

impl<M: Machine> Vm<M> {
    /// Fills the empty slot `index` of the locked top object.
    #[inline]
    pub(super) fn fill(
        &self,
        object: &ObjRef<M>,
        top: &mut ObjectState<M>,
        index: u64,
        this: &mut Try<'_, M>,
    ) -> Result<PageId, Step<M>> {
        let (share, size) = (top.true_share, top.size);
        let target = Target {
            content: object.content(top),
            slots: &mut top.slots,
            number: top.number,
            index,
        };
        let copied = top.copy.is_some();
        let Some(shadow) = &top.shadow else {
            if object.is_paged() {
                return Err(paged(object, index));
            }
            let page = self.zero_fill(target, this)?;
            if copied {
                self.frames.pages().get(page).set_owed();
            }
            if top.purge.is_some() {
                self.page_charged(top);
            }
            return Ok(page);
        };
        let mut hidden = None;
        let page = self.look_below(shadow, index, |below| match below {
            Below::Nothing => self.zero_fill(target, this),
            Below::Beyond => Err(Step::Failed(FaultError::MemoryError)),
            Below::Busy(object, index) => Err(wait(object, index)),
            Below::Paged(object, index) => Err(paged(object, index)),
            Below::Page(from, below, place, state) => {
                let after = target.slots.len().wrapping_add(1);
                let hides =
                    (share && self.machine().page_is_mapped(from)).then(|| object.try_ref());
                let hides = hides.transpose().map_err(|_| self.fault_shortage())?;
                let page = self.copy_up(target, from, this, below, place)?;
                this.kept.worth = Worth::of(after, size, state);
                let Some(hides) = hides else {
                    return Ok(page);
                };
                // Who shares the object must not see the page below any more.
                self.disconnect(from, &mut this.batch);
                hidden = Some(page);
                Err(Step::Hides(hides, index))
            }
        });
        if let Some(page) = hidden {
            top.slots.replace(index, Slot::Busy(page));
        }
        if let (true, Some(page)) = (copied, hidden.or(page.as_ref().ok().copied())) {
            // What the copy object shows through this one is what is there now.
            self.frames.pages().get(page).set_owed();
        }
        page
    }

    /// The object is locked by somebody else: the page that it may need is zeroed meanwhile, and not while the
    /// lock is held. Threads of one task fault in one object all the time.
    #[cold]
    #[inline(never)]
    pub(super) fn zero_ahead(&self, object: &ObjRef<M>, this: &mut Try<'_, M>) {
        if object.kind == ObjectKind::Anonymous
            && let Some(page) = self.frames.take(Need::Normal)
        {
            self.machine().zero_page(page);
            self.counters.count(Event::ZeroAhead);
            this.zeros = Some(page);
        }
    }

    /// A new page of zeros.
    #[inline]
    fn zero_fill(&self, target: Target<'_, M>, this: &mut Try<'_, M>) -> Result<PageId, Step<M>> {
        let Target {
            content,
            slots,
            number,
            index,
        } = target;
        let zero = |machine: &M, page| machine.zero_page(page);
        let page = match this.zeros {
            None => self.add_page(content, slots, number, index, zero),
            Some(page) => self
                .add_filled(content, slots, number, index, page)
                .map(|()| {
                    this.zeros = None;
                    page
                }),
        };
        let page = page.map_err(|NoMemory| self.fault_shortage())?;
        self.counters.count(Event::ZeroFill);
        Ok(page)
    }

    /// A copy of the page `from`, which is at index `place` of the locked object `below`. Nobody
    /// writes an anonymous page there; a file's page that others may write is copied apart first.
    #[inline]
    fn copy_up(
        &self,
        target: Target<'_, M>,
        from: PageId,
        this: &mut Try<'_, M>,
        below: &ObjRef<M>,
        place: u64,
    ) -> Result<PageId, Step<M>> {
        let Target {
            content,
            slots,
            number,
            index,
        } = target;
        let made = this.kept.snapshot.filter(|made| made.page == from);
        let added = match made {
            Some(made) => {
                let added = self.add_filled(content, slots, number, index, made.copy);
                if added.is_ok() {
                    this.kept.snapshot = None;
                }
                added.map(|()| made.copy)
            }
            None if self.frames.pages().get(from).is_written_to() => {
                return Err(apart(below, place));
            }
            None => {
                let copy = |machine: &M, page| machine.copy_page(from, page);
                self.add_page(content, slots, number, index, copy)
            }
        };
        let page = added.map_err(|NoMemory| self.fault_shortage())?;
        self.counters.count(Event::CowFault);
        this.copied = true;
        Ok(page)
    }

    #[cold]
    fn fault_shortage(&self) -> Step<M> {
        self.shortage();
        Step::Failed(FaultError::Shortage)
    }
}

/// Whether a look at the chain is worth its cost after a copy fault.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Worth {
    #[default]
    Nothing,
    Trying,
}

impl Worth {
    /// `pages` are in the top object of `size` pages; `below` had the page.
    #[inline]
    fn of<M: Machine>(pages: u64, size: u64, below: &ObjectState<M>) -> Self {
        let covered = pages >= below.slots.len() || size < below.size;
        if below.refs == 1 || covered || below.shadow.is_some() {
            Self::Trying
        } else {
            Self::Nothing
        }
    }
}

#[cold]
fn apart<M: Machine>(object: &ObjRef<M>, index: u64) -> Step<M> {
    match object.try_ref() {
        Ok(object) => Step::Snapshot(object, index),
        Err(_) => Step::Failed(FaultError::Shortage),
    }
}
