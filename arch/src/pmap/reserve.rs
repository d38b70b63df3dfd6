//! What an operation holds in hand, so that it need not allocate under a lock.
//!
//! Owns: [`Reserve`], cleared table frames chained through their first words, and one node; filling
//! and emptying it. Does not own: where frames come from (`FrameSource`). Locks: none but the pool's.

use super::hardware::Hardware;
use super::pool::Lasting;
use super::{Paging, PteFormat};
use core::sync::atomic::Ordering::Relaxed;
use vm::Pager;
use vm::addr::PhysAddr;
use vm::machine::{FrameSource, Shortage};

/// Table frames and a node. An empty one costs two words.
#[derive(Debug, Default)]
pub struct Reserve {
    /// The first cleared frame, or 0.
    tables: u64,
    /// A node, or 0.
    node: u64,
}

impl Reserve {
    /// The node, if it holds one.
    #[inline]
    pub(super) fn take_node(&mut self) -> Option<PhysAddr> {
        match core::mem::take(&mut self.node) {
            0 => None,
            node => Some(PhysAddr(node)),
        }
    }

    /// Puts a node in; answers it back if there is one already.
    pub(super) fn put_node(&mut self, node: PhysAddr) -> Option<PhysAddr> {
        if self.node != 0 {
            return Some(node);
        }
        self.node = node.0;
        None
    }
}

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    /// A cleared table frame from the reserve.
    pub(super) fn reserve_table(&self, reserve: &mut Reserve) -> Option<PhysAddr> {
        let table = reserve.tables;
        if table == 0 {
            return None;
        }
        reserve.tables = self.word(table).swap(0, Relaxed);
        Some(PhysAddr(table))
    }

    /// Fills the reserve with what one `enter` may need at most: every table below the root, and a
    /// node. Errors: the source ran dry; the reserve keeps what it got.
    pub(super) fn fill(
        &self,
        reserve: &mut Reserve,
        frames: &mut dyn FrameSource,
    ) -> Result<(), Shortage> {
        let mut tables = 0;
        let mut at = reserve.tables;
        while at != 0 {
            tables += 1;
            at = self.word(at).load(Relaxed);
        }
        while tables < F::LEVELS - 1 {
            let frame = self.address_of(frames.take().ok_or(Shortage)?);
            // SAFETY: the source gave the frame to us; no entry leads to it.
            unsafe { self.hardware.zero_frame(frame) };
            self.word(frame.0).store(reserve.tables, Relaxed);
            reserve.tables = frame.0;
            tables += 1;
        }
        if reserve.node == 0 {
            reserve.node = self.node_or_frame(frames)?.0;
        }
        Ok(())
    }

    /// A node from the pool, which grows by a frame if it must.
    pub(super) fn node_or_frame(&self, frames: &mut dyn FrameSource) -> Result<PhysAddr, Shortage> {
        loop {
            if let Some(node) = self.node_take() {
                return Ok(node);
            }
            let frame = self.address_of(frames.take().ok_or(Shortage)?);
            self.pool_add(frame, Lasting::No);
        }
    }

    /// Gives back what the reserve holds, and what the pool does not need.
    pub(super) fn empty(&self, reserve: &mut Reserve, frames: &mut dyn FrameSource) {
        while let Some(table) = self.reserve_table(reserve) {
            frames.give(self.page_at(table));
        }
        if let Some(node) = reserve.take_node() {
            self.node_give(node);
        }
        self.give_unused(frames);
    }

    /// Gives back pool frames without a node in use.
    pub(super) fn give_unused(&self, frames: &mut dyn FrameSource) {
        let mut at = self.pool_trim();
        while at != 0 {
            let next = self.word(at).load(Relaxed);
            frames.give(self.page_at(PhysAddr(at)));
            at = next;
        }
    }
}
