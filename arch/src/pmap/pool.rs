//! Nodes of 64 bytes: lists of further mappings, and the control blocks of pmaps.
//!
//! Owns: which frames are cut into nodes and which nodes are free. A frame comes in through a reserve
//! and goes out, when all its nodes are free, through whoever has a `FrameSource` in hand.
//! Does not own: what a node holds (`pv`, `Pmap`). Locks: its own, of a rank after `pv`.

use super::hardware::Hardware;
use super::record::POOL;
use super::{Paging, PteFormat};
use core::sync::atomic::Ordering::Relaxed;
use sync::rank::{PV, Rank};
use vm::Pager;
use vm::addr::PhysAddr;

/// Bytes of a node.
pub(super) const NODE_SIZE: u64 = 64;
/// Words of a node.
pub(super) const NODE_WORDS: u64 = NODE_SIZE / 8;

/// The rank of the pool's lock.
pub struct PoolRank;

impl Rank for PoolRank {
    const RANK: u8 = PV + 2;
    const NAME: &'static str = "pv pool";
}

/// Whether a frame may leave the pool again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasting {
    No,
    Yes,
}

/// The frames with a free node, chained through their records.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// First frame with room, or 0.
    first: u64,
    /// Frames in the pool.
    frames: u32,
    /// Frames without a node in use; they are in the chain.
    empty: u32,
    /// Nodes in use.
    nodes: u32,
}

/// What a pool frame's `more` says.
#[derive(Clone, Copy)]
struct Cut {
    /// 1 + index of the first free node, or 0.
    free: u64,
    /// Nodes ever made: those at and after this index were never used.
    made: u64,
    /// Nodes in use.
    used: u64,
}

impl Cut {
    const fn unpack(word: u64) -> Self {
        Self {
            free: word & 0xffff,
            made: word >> 16 & 0xffff,
            used: word >> 32,
        }
    }

    const fn pack(self) -> u64 {
        self.free | self.made << 16 | self.used << 32
    }
}

impl<F: PteFormat, H: Hardware, P: Pager<Self>> Paging<F, H, P> {
    const NODES: u64 = (1 << F::PAGE_SHIFT) / NODE_SIZE;

    /// Makes a frame the pool's. One that boot gave stays for ever: it counts a node too many.
    pub(super) fn pool_add(&self, frame: PhysAddr, lasting: Lasting) {
        let record = self.record(frame);
        let mut pool = self.pool.lock();
        let cut = match lasting {
            Lasting::No => Cut {
                free: 0,
                made: 0,
                used: 0,
            },
            Lasting::Yes => Cut {
                free: 0,
                made: 1,
                used: 1,
            },
        };
        record.head.store(POOL | pool.first, Relaxed);
        record.more.store(cut.pack(), Relaxed);
        pool.first = frame.0;
        pool.frames += 1;
        pool.empty += u32::from(cut.used == 0);
    }

    /// A node with undefined contents, or `None` if the pool has no room.
    pub(super) fn node_take(&self) -> Option<PhysAddr> {
        let mut pool = self.pool.lock();
        if pool.first == 0 {
            return None;
        }
        let frame = pool.first;
        let record = self.record(PhysAddr(frame));
        let mut cut = Cut::unpack(record.more.load(Relaxed));
        let node = if cut.free != 0 {
            let node = frame + (cut.free - 1) * NODE_SIZE;
            cut.free = self.word(node).load(Relaxed);
            node
        } else {
            cut.made += 1;
            frame + (cut.made - 1) * NODE_SIZE
        };
        if cut.used == 0 {
            pool.empty -= 1;
        }
        cut.used += 1;
        pool.nodes += 1;
        record.more.store(cut.pack(), Relaxed);
        if cut.used == Self::NODES {
            pool.first = record.head.load(Relaxed) & !POOL;
        }
        Some(PhysAddr(node))
    }

    /// Takes a node back.
    pub(super) fn node_give(&self, node: PhysAddr) {
        let frame = node.0 & !((1 << F::PAGE_SHIFT) - 1);
        let record = self.record(PhysAddr(frame));
        let mut pool = self.pool.lock();
        let mut cut = Cut::unpack(record.more.load(Relaxed));
        self.word(node.0).store(cut.free, Relaxed);
        cut.free = 1 + (node.0 - frame) / NODE_SIZE;
        if cut.used == Self::NODES {
            record.head.store(POOL | pool.first, Relaxed);
            pool.first = frame;
        }
        cut.used -= 1;
        pool.nodes -= 1;
        if cut.used == 0 {
            pool.empty += 1;
        }
        record.more.store(cut.pack(), Relaxed);
    }

    /// Takes frames without a node in use out of the pool, as a chain through their first words;
    /// 0 is its end. The caller gives them back with no lock held.
    pub(super) fn pool_trim(&self) -> u64 {
        let mut pool = self.pool.lock();
        let mut chain = 0;
        let (mut before, mut at) = (None, pool.first);
        while at != 0 && pool.empty > 0 {
            let record = self.record(PhysAddr(at));
            let next = record.head.load(Relaxed) & !POOL;
            if Cut::unpack(record.more.load(Relaxed)).used == 0 {
                match before {
                    None => pool.first = next,
                    Some(before) => self
                        .record(PhysAddr(before))
                        .head
                        .store(POOL | next, Relaxed),
                }
                record.become_page();
                pool.frames -= 1;
                pool.empty -= 1;
                self.word(at).store(chain, Relaxed);
                chain = at;
            } else {
                before = Some(at);
            }
            at = next;
        }
        chain
    }

    /// Frames in the pool, and nodes in use.
    pub fn pool_usage(&self) -> (u32, u32) {
        let pool = self.pool.lock();
        (pool.frames, pool.nodes)
    }
}
