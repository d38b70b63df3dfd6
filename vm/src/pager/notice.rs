//! What a pager is told of its object: it is mapped, nothing maps it any more, it has ended.
//!
//! Owns: the objects whose pagers are to be told, in a list; the order of what they are told.
//! Does not own: when an object ends (`object::pages`).
//! Locks: the list's, then one object's paging; none while a pager is told. Whoever finds the last mapping
//! gone may hold a map, so it only puts the object into the list; who ends an operation and holds nothing
//! empties it, and so does a kernel's pageout thread.

use super::Pager;
use super::paging::Paging;
use crate::machine::Machine;
use crate::object::{ObjRef, ObjectState};
use crate::ranks::NoticeRank;
use crate::vm::Vm;
use core::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Release};
use sync::SpinLock;

/// Objects whose pagers are to be told something.
pub(crate) struct Notices<M: Machine> {
    /// Looked at without the lock: whether there are any.
    any: AtomicBool,
    list: SpinLock<M, NoticeRank, List<M>>,
}

struct List<M: Machine> {
    first: Option<ObjRef<M>>,
    /// Threads that tell one of those that were in the list.
    telling: u32,
}

/// What a pager has been told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// `map`, and no `last_unmap` since.
    mapped: bool,
    /// `terminate`.
    ended: bool,
    /// It is being told something.
    now: bool,
    /// It is in the list.
    listed: bool,
}

impl Told {
    pub(super) const fn new() -> Self {
        Self {
            mapped: false,
            ended: false,
            now: false,
            listed: false,
        }
    }

    /// Whether nobody tells it anything now. What is in the list the pageout thread will tell.
    pub(super) const fn is_quiet(&self) -> bool {
        !self.now
    }
}

/// The next thing to tell.
enum News {
    Map,
    LastUnmap,
    Terminate,
}

impl<M: Machine> Notices<M> {
    pub(crate) const fn new() -> Self {
        Self {
            any: AtomicBool::new(false),
            list: SpinLock::new(List {
                first: None,
                telling: 0,
            }),
        }
    }
}

impl<M: Machine> ObjectState<M> {
    /// Whether entries or shadows refer to the object.
    fn is_mapped(&self, paging: &Paging<M>) -> bool {
        let held = self.handles.saturating_add(paging.known().pins);
        self.refs > held
    }
}

impl<M: Machine> Vm<M> {
    /// A locked object has lost or got a reference. If its pager has not been told so, it will be.
    #[inline]
    pub(crate) fn notice(&self, object: &ObjRef<M>, state: &ObjectState<M>) {
        if let Some(paging) = &object.paging {
            self.notice_paged(object, state, paging);
        }
    }

    #[inline(never)]
    fn notice_paged(&self, object: &ObjRef<M>, state: &ObjectState<M>, paging: &Paging<M>) {
        let (mapped, ended) = (state.is_mapped(paging), state.refs == 0);
        let mut list = self.notices.list.lock();
        let mut known = paging.known();
        if known.told.listed || (known.told.mapped, known.told.ended) == (mapped, ended) {
            return;
        }
        // Without a reference more there are 2³¹ of them, and the object does not end.
        let Ok(again) = object.try_ref() else { return };
        known.told.listed = true;
        known.next = list.first.replace(again);
        self.notices.any.store(true, Release);
        drop((known, list));
        self.want_telling();
    }

    /// Whether a pager is to be told something.
    pub(crate) fn has_news(&self) -> bool {
        self.notices.any.load(Acquire)
    }

    /// Tells pagers what there is to tell. No lock is held; may sleep.
    #[inline]
    pub fn tell_pagers(&self) {
        if self.notices.any.load(Acquire) {
            self.tell_all();
        }
    }

    /// The same, and waits until others have told what they were about to tell. No lock is held.
    pub fn settle_pagers(&self) {
        loop {
            self.tell_pagers();
            let list = self.notices.list.lock();
            if list.telling == 0 {
                return;
            }
            sync::block::<M, _>(sync::Event::of(&self.notices), list);
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_all(&self) {
        loop {
            let object = {
                let mut list = self.notices.list.lock();
                let Some(object) = list.first.take() else {
                    self.notices.any.store(false, Release);
                    return;
                };
                if let Some(paging) = &object.paging {
                    let mut known = paging.known();
                    known.told.listed = false;
                    list.first = known.next.take();
                }
                list.telling = list.telling.saturating_add(1);
                object
            };
            self.tell(&object);
            drop(object);
            let mut list = self.notices.list.lock();
            list.telling = list.telling.saturating_sub(1);
            M::wakeup(sync::Event::of(&self.notices));
        }
    }

    /// Tells one pager all there is. Several threads do it one after the other.
    fn tell(&self, object: &ObjRef<M>) {
        let Some(paging) = &object.paging else { return };
        loop {
            let news = {
                let state = object.read();
                let (mapped, ended) = (state.is_mapped(paging), state.refs == 0);
                let mut known = paging.known();
                if known.told.now {
                    drop(state);
                    sync::block::<M, _>(sync::Event::of(&paging.pager), known);
                    continue;
                }
                let news = if known.told.mapped != mapped {
                    known.told.mapped = mapped;
                    if mapped { News::Map } else { News::LastUnmap }
                } else if known.told.ended != ended {
                    known.told.ended = ended;
                    News::Terminate
                } else {
                    return;
                };
                known.told.now = true;
                news
            };
            match news {
                News::Map => paging.pager.map(),
                News::LastUnmap => paging.pager.last_unmap(),
                News::Terminate => paging.pager.terminate(),
            }
            paging.known().told.now = false;
            M::wakeup(sync::Event::of(&paging.pager));
        }
    }
}
