//! Files with a pager: pages come in, go out, leave; requests fail, wait, vanish.
//!
//! Owns: what the tests below share: a file with known bytes, and a mapping of it.

mod advice;
mod basics;
mod errors;
mod held;
mod marks;
mod pageout;
mod wired;

use super::*;
use crate::sim::{Asked, SimPager};

pub(crate) type File<const SHIFT: u32> = ObjectRef<SimMachine<SHIFT>>;

/// The byte that the disk has in page `page`.
pub(crate) const fn byte(page: u64) -> u8 {
    (page % 251) as u8 + 1
}

impl<const SHIFT: u32> Rig<SHIFT> {
    /// A file of so many bytes, and its pager.
    pub(crate) fn paged(&self, bytes: u64) -> (File<SHIFT>, SimPager<SHIFT, 0>) {
        let bytes = (0..bytes).map(|at| byte(at >> SHIFT)).collect::<Vec<u8>>();
        let pager = SimPager::new(bytes.clone());
        let file = self
            .vm
            .object_create_paged(pager.clone(), bytes.len() as u64);
        let file = file.expect("memory for an object");
        assert_eq!(pager.asked(), [Asked::Initialize]);
        (file, pager)
    }

    pub(crate) fn map_paged(
        &self,
        task: &Task<SHIFT>,
        file: &File<SHIFT>,
        pages: u64,
        copy: CopyMode,
    ) -> u64 {
        self.try_map_paged(task, file, pages, copy).expect("room")
    }

    pub(crate) fn try_map_paged(
        &self,
        task: &Task<SHIFT>,
        file: &File<SHIFT>,
        pages: u64,
        copy: CopyMode,
    ) -> Result<u64, KernReturn> {
        let attributes = Attributes {
            protection: Protection::DEFAULT,
            max: Protection::ALL,
            ..Attributes::default()
        };
        let what = EnterObject {
            object: Some(file),
            offset: 0,
            attributes,
            copy,
        };
        let at = self.vm.enter_object(
            task,
            Placement::Anywhere(VirtAddr(MIN)),
            pages * Self::PAGE,
            &what,
        );
        at.map(|at| at.0)
    }

    pub(crate) fn read_file(&self, file: &File<SHIFT>, at: u64, count: usize) -> Vec<u8> {
        let mut bytes = vec![0xee; count];
        self.vm.object_read(file, at, &mut bytes).expect("readable");
        bytes
    }

    pub(crate) fn sync(&self, file: &File<SHIFT>, flags: SyncFlags) -> Result<(), PagerError> {
        self.vm.object_sync(file, (0, u64::MAX), flags)
    }
}

/// Runs of pages: the first one, and how many.
pub(super) type Runs = Vec<(u64, u64)>;

/// Runs of pages that were read, and written, among what was asked.
pub(super) fn moved<const SHIFT: u32>(asked: &[Asked]) -> (Runs, Runs) {
    let (mut read, mut written) = (Vec::new(), Vec::new());
    for call in asked {
        match *call {
            Asked::In(at, pages) => read.push((at >> SHIFT, pages)),
            Asked::Out(at, pages) => written.push((at >> SHIFT, pages)),
            _ => {}
        }
    }
    (read, written)
}
