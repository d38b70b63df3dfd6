//! From a page to its object: the objects that have pagers, by the number that their pages name.
//!
//! Owns: one reference to each, in buckets. Does not own: their lives; an object leaves when it ends.
//! Locks: a bucket's, then one object's paging at a time. Numbers come again after 2²⁴ objects, so there
//! may be several of one number: who looks for a page's object looks whether the object has the page.

use crate::machine::Machine;
use crate::object::{ObjRef, Object};
use crate::ranks::TableRank;
use sync::SpinLock;

const BUCKETS: usize = 64;

type Bucket<M> = SpinLock<M, TableRank, Option<ObjRef<M>>>;

/// Objects by number.
pub(crate) struct Table<M: Machine>([Bucket<M>; BUCKETS]);

impl<M: Machine> Table<M> {
    pub(crate) const fn new() -> Self {
        Self([const { SpinLock::new(None) }; BUCKETS])
    }

    fn bucket(&self, number: u32) -> &Bucket<M> {
        &self.0[number as usize % BUCKETS]
    }

    /// Adds an object that is not in the table. No lock is held.
    pub(crate) fn add(&self, number: u32, object: ObjRef<M>) {
        let mut first = self.bucket(number).lock();
        if let Some(paging) = &object.paging {
            paging.known().beside = first.take();
        }
        *first = Some(object);
    }

    /// Takes an object out. Its own lock is not held.
    pub(crate) fn remove(&self, number: u32, object: &Object<M>) {
        let mut first = self.bucket(number).lock();
        let is_it = |other: &ObjRef<M>| core::ptr::eq(&**other, object);
        let Some(own) = &object.paging else { return };
        if first.as_ref().is_some_and(is_it) {
            let next = own.known().beside.take();
            let found = core::mem::replace(&mut *first, next);
            drop(first);
            return drop(found);
        }
        let mut at = again(&*first);
        while let Some(here) = at {
            let Some(paging) = &here.paging else { return };
            let next = again(&paging.known().beside);
            if next.as_ref().is_some_and(is_it) {
                let after = own.known().beside.take();
                let found = core::mem::replace(&mut paging.known().beside, after);
                drop(first);
                return drop(found);
            }
            at = next;
        }
    }

    /// The first object for which `is_it` holds, of those with this number. No lock is held while it is
    /// asked.
    pub(crate) fn find(
        &self,
        number: u32,
        mut is_it: impl FnMut(&ObjRef<M>) -> bool,
    ) -> Option<ObjRef<M>> {
        let mut at = again(&*self.bucket(number).lock());
        while let Some(here) = at {
            if here.read().number == number && is_it(&here) {
                return Some(here);
            }
            at = self.after(number, &here);
        }
        None
    }

    /// Calls `each` with every object. No lock is held meanwhile; what comes or goes then may be missed.
    pub(crate) fn each(&self, mut each: impl FnMut(&ObjRef<M>)) {
        for number in 0..BUCKETS as u32 {
            let mut at = again(&*self.bucket(number).lock());
            while let Some(here) = at {
                each(&here);
                at = self.after(number, &here);
            }
        }
    }

    fn after(&self, number: u32, here: &Object<M>) -> Option<ObjRef<M>> {
        let _bucket = self.bucket(number).lock();
        again(&here.paging.as_ref()?.known().beside)
    }
}

fn again<M: Machine>(link: &Option<ObjRef<M>>) -> Option<ObjRef<M>> {
    link.as_ref().and_then(|object| object.try_ref().ok())
}
