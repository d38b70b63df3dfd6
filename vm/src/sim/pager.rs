//! A pager whose requests a test answers by hand, and that fails when it is told to.
//!
//! Owns: the bytes of one file, as a disk would have them; what was asked of it.
//! Locks: one host mutex, never held across a call out.

use super::SimMachine;
use crate::addr::PageId;
use crate::pager::{Later, PageIn, PageOut, Pager, PagerError};
use crate::vm::Vm;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// More requests than any test makes before it looks at them: pages go as fast as they come.
const PATIENCE: usize = 1 << 18;

/// What a pager was called for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// `initialize`.
    Initialize,
    /// `data_request`: first byte and pages.
    In(u64, u64),
    /// `data_return`: first byte and pages.
    Out(u64, u64),
    /// `synchronize`.
    Synchronize,
    /// `map`.
    Map,
    /// `last_unmap`.
    LastUnmap,
    /// `terminate`.
    Terminate,
}

/// A request that waits for the test.
struct Held<const SHIFT: u32, const LEAF: u32> {
    later: Later<SimMachine<SHIFT, LEAF>>,
    way: Way,
    at: u64,
    pages: Vec<PageId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

struct File<const SHIFT: u32, const LEAF: u32> {
    bytes: Vec<u8>,
    asked: Vec<Asked>,
    held: Vec<Held<SHIFT, LEAF>>,
    holds: bool,
    gone: bool,
    /// Requests until one fails.
    fails_in: Option<u64>,
    /// Pages that can be neither read nor written.
    bad: BTreeSet<u64>,
}

/// A file on a simulated disk.
pub struct SimPager<const SHIFT: u32, const LEAF: u32>(Arc<Mutex<File<SHIFT, LEAF>>>);

impl<const SHIFT: u32, const LEAF: u32> Clone for SimPager<SHIFT, LEAF> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<const SHIFT: u32, const LEAF: u32> SimPager<SHIFT, LEAF> {
    /// A file with these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(File {
            bytes,
            asked: Vec::new(),
            held: Vec::new(),
            holds: false,
            gone: false,
            fails_in: None,
            bad: BTreeSet::new(),
        })))
    }

    fn file(&self) -> MutexGuard<'_, File<SHIFT, LEAF>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bytes on the disk.
    pub fn bytes(&self) -> Vec<u8> {
        self.file().bytes.clone()
    }

    /// The file system cuts the file off, or makes it longer, after the object was resized.
    pub fn set_size(&self, bytes: u64) {
        self.file().bytes.resize(bytes as usize, 0);
    }

    /// What was asked since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.file().asked)
    }

    /// From now on requests wait for [`SimPager::release`].
    pub fn hold(&self) {
        self.file().holds = true;
    }

    /// Requests that wait.
    pub fn held(&self) -> usize {
        self.file().held.len()
    }

    /// From now on requests are answered at once.
    pub fn unhold(&self) {
        self.file().holds = false;
    }

    /// Answers the oldest request that waits.
    pub fn release(&self, vm: &Vm<SimMachine<SHIFT, LEAF>>, answer: Result<(), PagerError>) {
        let held = self.file().held.remove(0);
        let answer = answer.and_then(|()| self.file().carry(vm, held.way, held.at, &held.pages));
        match answer {
            Ok(()) => held.later.commit(),
            Err(error) => held.later.abort(error),
        }
    }

    /// The pager vanishes: what waits is dropped, and everything fails from now on.
    pub fn vanish(&self) {
        self.file().gone = true;
        let held = std::mem::take(&mut self.file().held);
        drop(held);
    }

    /// The `request`-th request from now on fails, counted from 1.
    pub fn fail_in(&self, request: u64) {
        self.file().fails_in = Some(request);
    }

    /// The page at this byte can be neither read nor written, until `mend`.
    pub fn spoil(&self, at: u64) {
        self.file().bad.insert(at);
    }

    /// No page is bad any more.
    pub fn mend(&self) {
        self.file().bad.clear();
    }

    fn begin(&self, asked: Asked) -> Result<bool, PagerError> {
        let mut file = self.file();
        assert!(
            file.asked.len() < PATIENCE,
            "{PATIENCE} requests, and nobody looked: an operation goes on for ever"
        );
        file.asked.push(asked);
        if file.gone {
            return Err(PagerError::Gone);
        }
        if let Some(left) = &mut file.fails_in {
            *left -= 1;
            if *left == 0 {
                file.fails_in = None;
                return Err(PagerError::Io);
            }
        }
        Ok(file.holds)
    }
}

impl<const SHIFT: u32, const LEAF: u32> File<SHIFT, LEAF> {
    /// Moves the bytes.
    fn carry(
        &mut self,
        vm: &Vm<SimMachine<SHIFT, LEAF>>,
        way: Way,
        at: u64,
        pages: &[PageId],
    ) -> Result<(), PagerError> {
        let machine = vm.machine();
        for (number, &page) in pages.iter().enumerate() {
            let at = at + ((number as u64) << SHIFT);
            if self.bad.contains(&at) {
                return Err(PagerError::Io);
            }
            let size = self.bytes.len();
            let part = (at as usize).min(size)..(at as usize + (1 << SHIFT)).min(size);
            match way {
                Way::In => machine.fill_busy(page, &self.bytes[part]),
                Way::Out => {
                    let part = &mut self.bytes[part];
                    crate::Machine::read_page(machine, page, 0, part);
                }
            }
        }
        Ok(())
    }
}

impl<const SHIFT: u32, const LEAF: u32> Pager<SimMachine<SHIFT, LEAF>> for SimPager<SHIFT, LEAF> {
    fn initialize(&self, _: u64) {
        self.file().asked.push(Asked::Initialize);
    }

    fn data_request(
        &self,
        pages: &mut PageIn<'_, SimMachine<SHIFT, LEAF>>,
    ) -> Result<(), PagerError> {
        let count = pages.pages().len() as u64;
        if self.begin(Asked::In(pages.at(), count))? {
            let held = Held {
                later: pages.defer()?,
                way: Way::In,
                at: pages.at(),
                pages: pages.pages().to_vec(),
            };
            self.file().held.push(held);
            return Ok(());
        }
        let (vm, at) = (pages.vm(), pages.at());
        self.file().carry(vm, Way::In, at, pages.pages())
    }

    fn data_return(
        &self,
        pages: &mut PageOut<'_, SimMachine<SHIFT, LEAF>>,
    ) -> Result<(), PagerError> {
        let count = pages.pages().len() as u64;
        if self.begin(Asked::Out(pages.at(), count))? {
            let held = Held {
                later: pages.defer()?,
                way: Way::Out,
                at: pages.at(),
                pages: pages.pages().to_vec(),
            };
            self.file().held.push(held);
            return Ok(());
        }
        let (vm, at) = (pages.vm(), pages.at());
        self.file().carry(vm, Way::Out, at, pages.pages())
    }

    fn synchronize(&self) -> Result<(), PagerError> {
        self.begin(Asked::Synchronize).map(|_| ())
    }

    fn map(&self) {
        self.file().asked.push(Asked::Map);
    }

    fn last_unmap(&self) {
        self.file().asked.push(Asked::LastUnmap);
    }

    fn terminate(&self) {
        self.file().asked.push(Asked::Terminate);
    }
}
