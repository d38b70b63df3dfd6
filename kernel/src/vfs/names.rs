//! Names that were looked up before.
//!
//! Owns: a table of a fixed size; a name that needs the place of another takes it. Does not own: the
//! truth. Locks: its own, a leaf. Entries are made with the directory locked shared and taken out with
//! it locked alone, so what is here is right for whoever has the directory locked.

use super::LeafRank;
use super::store::Store;
use super::vnode::Vnode;
use crate::shared::NoMemory;
use alloc::vec::Vec;
use sync::SpinLock;

/// Places of the table.
const PLACES: usize = 512;
/// Longer names are not remembered.
const LONGEST: usize = 31;

#[derive(Clone, Copy)]
struct Known {
    mount: u32,
    directory: u64,
    number: u64,
    length: u8,
    name: [u8; LONGEST],
}

/// The table.
pub struct Names<S: Store> {
    places: SpinLock<S::Platform, LeafRank, Vec<Option<Known>>>,
}

impl<S: Store> Names<S> {
    /// An empty one.
    pub fn new() -> Result<Self, NoMemory> {
        let mut places = Vec::new();
        places.try_reserve_exact(PLACES).map_err(|_| NoMemory)?;
        places.resize(PLACES, None);
        Ok(Self {
            places: SpinLock::new(places),
        })
    }

    /// The number of the file with that name, if it is known.
    pub fn find(&self, directory: &Vnode<S>, name: &[u8]) -> Option<u64> {
        let at = place(directory, name)?;
        let places = self.places.lock();
        let known = places[at].as_ref()?;
        known.is(directory, name).then_some(known.number)
    }

    /// Remembers a name.
    pub fn enter(&self, directory: &Vnode<S>, name: &[u8], number: u64) {
        let Some(at) = place(directory, name) else {
            return;
        };
        let mut known = Known {
            mount: directory.mount().number,
            directory: directory.number,
            number,
            length: name.len() as u8,
            name: [0; LONGEST],
        };
        known.name[..name.len()].copy_from_slice(name);
        self.places.lock()[at] = Some(known);
    }

    /// Forgets a name.
    pub fn remove(&self, directory: &Vnode<S>, name: &[u8]) {
        let Some(at) = place(directory, name) else {
            return;
        };
        let mut places = self.places.lock();
        if places[at]
            .as_ref()
            .is_some_and(|known| known.is(directory, name))
        {
            places[at] = None;
        }
    }

    /// Forgets all names of a mount.
    pub fn remove_all(&self, mount: u32) {
        for place in self.places.lock().iter_mut() {
            if place.as_ref().is_some_and(|known| known.mount == mount) {
                *place = None;
            }
        }
    }
}

impl Known {
    fn is<S: Store>(&self, directory: &Vnode<S>, name: &[u8]) -> bool {
        self.directory == directory.number
            && self.mount == directory.mount().number
            && self.name[..usize::from(self.length)] == *name
    }
}

/// Where a name is, if it is short enough (FNV-1a).
fn place<S: Store>(directory: &Vnode<S>, name: &[u8]) -> Option<usize> {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x100_0000_01b3;
    if name.len() > LONGEST {
        return None;
    }
    let start = BASIS ^ directory.number ^ u64::from(directory.mount().number) << 32;
    let hash = name.iter().fold(start.wrapping_mul(PRIME), |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    });
    Some((hash ^ hash >> 32) as usize % PLACES)
}
