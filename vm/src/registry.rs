//! All maps and all named objects of a `Vm`, for the audit and for whoever lists them.
//!
//! Owns: one reference to each, in chunks of slots.
//! Does not own: their lives; a map leaves at `map_terminate`, an object at its end.
//! Locks: a spin lock above the objects' rank; nothing is done while it is held but copying
//! references.

use crate::frames::Frames;
use crate::machine::Machine;
use crate::map::{Map, MapRef};
use crate::object::{ObjRef, Object};
use crate::ranks::RegistryRank;
use crate::vm::Vm;
use abi::KernReturn;
use sync::SpinLock;
use zalloc::{ZBox, Zone};

const SLOTS: usize = 31;

/// Slots for references, in a list of chunks.
pub struct Shelf<M: Machine> {
    slots: [Item<M>; SLOTS],
    next: Option<ZBox<Shelf<M>, Frames<M>>>,
}

enum Item<M: Machine> {
    Empty,
    Map(MapRef<M>),
    Object(ObjRef<M>),
}

/// The registry.
pub(crate) struct Registry<M: Machine> {
    shelves: Zone<Shelf<M>, Frames<M>>,
    first: SpinLock<M, RegistryRank, Option<ZBox<Shelf<M>, Frames<M>>>>,
}

impl<M: Machine> Registry<M> {
    pub(crate) const fn new(shelves: Zone<Shelf<M>, Frames<M>>) -> Self {
        Self {
            shelves,
            first: SpinLock::new(None),
        }
    }

    fn add(&self, vm: &Vm<M>, item: Item<M>) -> Result<(), KernReturn> {
        let mut spare = None;
        loop {
            let mut shelf = self.first.lock();
            if let Some(new) = spare.take() {
                let mut new: ZBox<Shelf<M>, Frames<M>> = new;
                new.next = shelf.take();
                *shelf = Some(new);
            }
            let mut at = shelf.as_mut();
            while let Some(here) = at {
                if let Some(slot) = here.slots.iter_mut().find(|s| matches!(s, Item::Empty)) {
                    *slot = item;
                    return Ok(());
                }
                at = here.next.as_mut();
            }
            drop(shelf);
            let empty = Shelf {
                slots: [const { Item::Empty }; SLOTS],
                next: None,
            };
            let new = self.shelves.alloc(&vm.frames, empty);
            spare = Some(new.map_err(|_| vm.shortage())?);
        }
    }

    fn remove(&self, is_it: impl Fn(&Item<M>) -> bool) {
        let mut found = Item::Empty;
        let mut shelf = self.first.lock();
        let mut at = shelf.as_mut();
        while let Some(here) = at {
            if let Some(slot) = here.slots.iter_mut().find(|item| is_it(item)) {
                core::mem::swap(slot, &mut found);
                break;
            }
            at = here.next.as_mut();
        }
        drop(shelf);
        drop(found);
    }

    pub(crate) fn add_map(&self, vm: &Vm<M>, map: &MapRef<M>) -> Result<(), KernReturn> {
        let map = map.try_ref().map_err(|_| KernReturn::FAILURE)?;
        self.add(vm, Item::Map(map))
    }

    pub(crate) fn remove_map(&self, map: &MapRef<M>) {
        self.remove(|item| matches!(item, Item::Map(other) if other.ptr_eq(map)));
    }

    pub(crate) fn add_object(&self, vm: &Vm<M>, object: &ObjRef<M>) -> Result<(), KernReturn> {
        let object = object.try_ref().map_err(|_| KernReturn::FAILURE)?;
        self.add(vm, Item::Object(object))
    }

    pub(crate) fn remove_object(&self, object: &Object<M>) {
        let serial = object.serial;
        self.remove(|item| matches!(item, Item::Object(other) if other.serial == serial));
    }

    /// Calls `each` with every map; for the audit, which runs while nothing changes.
    pub(crate) fn each_map(&self, mut each: impl FnMut(&Map<M>)) {
        self.each(|item| {
            if let Item::Map(map) = item {
                each(map);
            }
        });
    }

    /// Calls `each` with every named object.
    pub(crate) fn each_object(&self, mut each: impl FnMut(&Object<M>)) {
        self.each(|item| {
            if let Item::Object(object) = item {
                each(object);
            }
        });
    }

    fn each(&self, mut each: impl FnMut(&Item<M>)) {
        // References are copied out one by one, so that `each` may take any lock.
        let mut number = 0;
        loop {
            let item = {
                let shelf = self.first.lock();
                let mut at = shelf.as_ref();
                for _ in 0..number / SLOTS {
                    at = at.and_then(|here| here.next.as_ref());
                }
                let Some(here) = at else { return };
                match &here.slots[number % SLOTS] {
                    Item::Empty => Item::Empty,
                    Item::Map(map) => map.try_ref().map_or(Item::Empty, Item::Map),
                    Item::Object(object) => object.try_ref().map_or(Item::Empty, Item::Object),
                }
            };
            each(&item);
            number = number.saturating_add(1);
        }
    }
}
