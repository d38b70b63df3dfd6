//! Requests to a pager: a run of pages, and its answer.
//!
//! Owns: what a pager sees of a request, and how it answers later.
//! Does not own: the pages; who made the request keeps them until the answer is there, and waits for it.
//! Locks: an answer's own, which nothing is taken under.

use super::PagerError;
use crate::addr::PageId;
use crate::frames::Frames;
use crate::machine::Machine;
use crate::ranks::AnswerRank;
use crate::vm::Vm;
use sync::SpinLock;
use zalloc::ZRef;

/// The answer to a request, once there is one.
pub struct Answer<M: Machine>(SpinLock<M, AnswerRank, Option<Result<(), PagerError>>>);

type AnswerRef<M> = ZRef<Answer<M>, Frames<M>>;

/// Pages that follow each other, on their way between an object and its pager.
struct Run<'a, M: Machine> {
    vm: &'a Vm<M>,
    at: u64,
    pages: &'a [PageId],
    answer: Option<AnswerRef<M>>,
}

impl<'a, M: Machine> Run<'a, M> {
    fn defer(&mut self) -> Result<Later<M>, PagerError> {
        let answer = Answer(SpinLock::new(None));
        let answer = self.vm.zones.answers.alloc_ref(&self.vm.frames, answer);
        let answer = answer.map_err(|_| PagerError::NoMemory)?;
        let theirs = answer.try_ref().map_err(|_| PagerError::NoMemory)?;
        self.answer = Some(answer);
        Ok(Later(Some(theirs)))
    }

    /// The pager has returned: its answer, waited for if it is to come later.
    fn end(self, returned: Result<(), PagerError>) -> Result<(), PagerError> {
        let Some(answer) = self.answer.filter(|_| returned.is_ok()) else {
            return returned;
        };
        loop {
            let guard = answer.0.lock();
            if let Some(answer) = *guard {
                return answer;
            }
            sync::block::<M, _>(sync::Event::of(&*answer), guard);
        }
    }
}

macro_rules! request {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<'a, M: Machine>(Run<'a, M>);

        impl<'a, M: Machine> $name<'a, M> {
            pub(super) const fn new(vm: &'a Vm<M>, at: u64, pages: &'a [PageId]) -> Self {
                Self(Run { vm, at, pages, answer: None })
            }

            /// The memory system that asks.
            pub const fn vm(&self) -> &'a Vm<M> {
                self.0.vm
            }

            /// Where the first page begins, in bytes from the object's beginning.
            pub const fn at(&self) -> u64 {
                self.0.at
            }

            /// The frames, in the order of the object.
            pub const fn pages(&self) -> &'a [PageId] {
                self.0.pages
            }

            /// The answer comes later, by whoever holds the value. The call returns `Ok` then; an
            /// error that it returns counts at once, so nobody may work on the frames any more.
            ///
            /// # Errors
            /// [`PagerError::NoMemory`]: the request must be answered by the return.
            pub fn defer(&mut self) -> Result<Later<M>, PagerError> {
                self.0.defer()
            }

            pub(super) fn end(self, returned: Result<(), PagerError>) -> Result<(), PagerError> {
                self.0.end(returned)
            }
        }
    };
}

request! {
    /// Pages that shall be filled. They are busy: nobody else reads, writes, maps or frees them.
    PageIn
}

request! {
    /// Pages that shall be written. They are being cleaned: programs may read and write them, and their
    /// frames stay.
    PageOut
}

/// An answer that is still to come. Whoever drops it has given the request up: an error.
#[must_use = "a request that is dropped has failed"]
pub struct Later<M: Machine>(Option<AnswerRef<M>>);

impl<M: Machine> Later<M> {
    /// All pages are filled, or written.
    pub fn commit(mut self) {
        self.answer(Ok(()));
    }

    /// They are not.
    pub fn abort(mut self, error: PagerError) {
        self.answer(Err(error));
    }

    fn answer(&mut self, answer: Result<(), PagerError>) {
        if let Some(theirs) = self.0.take() {
            *theirs.0.lock() = Some(answer);
            M::wakeup(sync::Event::of(&*theirs));
        }
    }
}

impl<M: Machine> Drop for Later<M> {
    fn drop(&mut self) {
        self.answer(Err(PagerError::Gone));
    }
}
