//! All maps and all objects with handles of a `Vm`, for the audit and for whoever lists them.
//!
//! Owns: one reference to each, in chunks of slots.
//! Does not own: their lives; a map leaves at `map_terminate`, an object with its last handle.
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
    /// A bit for each slot that is empty.
    free: u32,
    slots: [Item<M>; SLOTS],
    next: Link<M>,
}

type Link<M> = Option<ZBox<Shelf<M>, Frames<M>>>;

enum Item<M: Machine> {
    Empty,
    Map(MapRef<M>),
    Object(ObjRef<M>),
}

/// The registry.
pub(crate) struct Registry<M: Machine> {
    shelves: Zone<Shelf<M>, Frames<M>>,
    maps: SpinLock<M, RegistryRank, Link<M>>,
    objects: SpinLock<M, RegistryRank, Link<M>>,
}

type List<M> = SpinLock<M, RegistryRank, Link<M>>;

impl<M: Machine> Registry<M> {
    pub(crate) const fn new(shelves: Zone<Shelf<M>, Frames<M>>) -> Self {
        Self {
            shelves,
            maps: SpinLock::new(None),
            objects: SpinLock::new(None),
        }
    }

    fn add(&self, vm: &Vm<M>, list: &List<M>, item: Item<M>) -> Result<(), KernReturn> {
        let mut spare: Link<M> = None;
        loop {
            let mut first = list.lock();
            if let Some(mut new) = spare.take() {
                new.next = first.take();
                *first = Some(new);
            }
            let mut at = first.as_mut();
            while let Some(here) = at {
                if here.free != 0 {
                    let slot = here.free.trailing_zeros() as usize;
                    here.free &= here.free.wrapping_sub(1);
                    here.slots[slot] = item;
                    return Ok(());
                }
                at = here.next.as_mut();
            }
            drop(first);
            let empty = Shelf {
                free: (1 << SLOTS) - 1,
                slots: [const { Item::Empty }; SLOTS],
                next: None,
            };
            let new = self.shelves.alloc(&vm.frames, empty);
            spare = Some(new.map_err(|_| vm.shortage())?);
        }
    }

    fn remove(list: &List<M>, is_it: impl Fn(&Item<M>) -> bool) {
        let mut first = list.lock();
        let (mut steps, mut slot, mut seen) = (0usize, None, first.as_ref());
        while let Some(here) = seen {
            slot = here.slots.iter().position(&is_it);
            if slot.is_some() {
                break;
            }
            steps = steps.saturating_add(1);
            seen = here.next.as_ref();
        }
        let Some(slot) = slot else { return };
        let mut at = &mut *first;
        for _ in 0..steps {
            let Some(here) = at else { return };
            at = &mut here.next;
        }
        let Some(mut here) = at.take() else { return };
        let found = core::mem::replace(&mut here.slots[slot], Item::Empty);
        here.free |= 1 << slot;
        let unused = here.free == (1 << SLOTS) - 1;
        *at = if unused { here.next.take() } else { Some(here) };
        drop(first);
        drop(found);
    }

    pub(crate) fn add_map(&self, vm: &Vm<M>, map: &MapRef<M>) -> Result<(), KernReturn> {
        let map = map.try_ref().map_err(|_| KernReturn::FAILURE)?;
        self.add(vm, &self.maps, Item::Map(map))
    }

    /// A reference to a map.
    pub(crate) fn find_map(&self, map: &Map<M>) -> Option<MapRef<M>> {
        let first = self.maps.lock();
        let mut at = first.as_ref();
        while let Some(here) = at {
            for item in &here.slots {
                if let Item::Map(other) = item
                    && core::ptr::eq(&**other, map)
                {
                    return other.try_ref().ok();
                }
            }
            at = here.next.as_ref();
        }
        None
    }

    pub(crate) fn remove_map(&self, map: &MapRef<M>) {
        Self::remove(
            &self.maps,
            |item| matches!(item, Item::Map(other) if other.ptr_eq(map)),
        );
    }

    pub(crate) fn add_object(&self, vm: &Vm<M>, object: &ObjRef<M>) -> Result<(), KernReturn> {
        let object = object.try_ref().map_err(|_| KernReturn::FAILURE)?;
        self.add(vm, &self.objects, Item::Object(object))
    }

    pub(crate) fn remove_object(&self, object: &Object<M>) {
        let serial = object.serial;
        Self::remove(
            &self.objects,
            |item| matches!(item, Item::Object(other) if other.serial == serial),
        );
    }

    /// Calls `each` with every map; for the audit, which runs while nothing changes.
    pub(crate) fn each_map(&self, mut each: impl FnMut(&Map<M>)) {
        Self::each(&self.maps, |item| {
            if let Item::Map(map) = item {
                each(map);
            }
        });
    }

    /// Calls `each` with every object that has handles.
    pub(crate) fn each_object(&self, mut each: impl FnMut(&Object<M>)) {
        Self::each(&self.objects, |item| {
            if let Item::Object(object) = item {
                each(object);
            }
        });
    }

    fn each(list: &List<M>, mut each: impl FnMut(&Item<M>)) {
        // References are copied out one by one, so that `each` may take any lock.
        let mut number = 0;
        loop {
            let item = {
                let shelf = list.lock();
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
