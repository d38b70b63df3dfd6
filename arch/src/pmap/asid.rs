//! Address-space identifiers with generations.
//!
//! Owns: which identifier a pmap has, and when all are taken away at once. An address space's
//! *context* is generation × 2^16 + identifier, 0 before it first runs. Identifiers are handed out in
//! order and never one by one given back; when they are used up, the generation rises, every TLB forgets
//! all user mappings, and only the address spaces that CPUs run on keep theirs.
//! Does not own: TLBs (the caller's `invalidate`). Locks: its own spin lock, in the slow path only.
//!
//! | meets | how |
//! |---|---|
//! | a CPU switches while another raises the generation | `active[cpu]` is swapped to 0; the switch's compare-and-swap fails and it takes the lock |
//! | a CPU raced through just before | its `stale` bit makes its next switch forget its user mappings |

use core::sync::atomic::{AtomicU64, Ordering::*};
use sync::rank::{PMAP, Rank};
use sync::{Platform, SpinLock};

/// CPUs that there is room for.
pub const MAX_CPUS: usize = 8;
const ASID_BITS: u32 = 16;
const ASID_MASK: u64 = (1 << ASID_BITS) - 1;

/// The rank of the allocator's lock: no pmap is locked under it, nor it under a pmap.
pub struct AsidRank;

impl Rank for AsidRank {
    const RANK: u8 = PMAP + 1;
    const NAME: &'static str = "asid";
}

struct Next {
    /// The next identifier to hand out. 0 is nobody's: it belongs to CPUs without an address space.
    asid: u64,
    /// What each CPU ran on when the generation last rose, or ran on since.
    reserved: [u64; MAX_CPUS],
    /// CPUs that must forget their user mappings at their next switch.
    stale: u64,
}

/// Hands out identifiers of `bits` bits.
pub struct Asids<P> {
    generation: AtomicU64,
    active: [AtomicU64; MAX_CPUS],
    next: SpinLock<P, AsidRank, Next>,
    limit: u64,
}

impl<P: Platform> Asids<P> {
    /// All identifiers are free. `bits` is at most 16; 0 is a machine without identifiers, on
    /// which [`Asids::activate`] is not called.
    pub fn new(bits: u32) -> Self {
        Self {
            generation: AtomicU64::new(1 << ASID_BITS),
            active: [const { AtomicU64::new(0) }; MAX_CPUS],
            next: SpinLock::new(Next {
                asid: 1,
                reserved: [0; MAX_CPUS],
                stale: 0,
            }),
            limit: 1 << bits.min(ASID_BITS),
        }
    }

    /// The identifier under which CPU `cpu` shall run the address space whose context this is, from
    /// now on. Calls `invalidate` if all CPUs must forget all user mappings first. Preemption is off.
    #[inline]
    pub fn activate(&self, cpu: usize, context: &AtomicU64, invalidate: impl FnMut()) -> u16 {
        let wanted = context.load(Relaxed);
        let active = &self.active[cpu];
        let ran = active.load(Relaxed);
        if ran != 0
            && (wanted ^ self.generation.load(Acquire)) >> ASID_BITS == 0
            && active
                .compare_exchange(ran, wanted, AcqRel, Relaxed)
                .is_ok()
        {
            return (wanted & ASID_MASK) as u16;
        }
        self.activate_slow(cpu, context, invalidate)
    }

    #[cold]
    fn activate_slow(&self, cpu: usize, context: &AtomicU64, mut invalidate: impl FnMut()) -> u16 {
        let mut next = self.next.lock();
        let mut wanted = context.load(Relaxed);
        if (wanted ^ self.generation.load(Relaxed)) >> ASID_BITS != 0 {
            wanted = self.renew(&mut next, wanted);
            context.store(wanted, Release);
        }
        if next.stale & 1 << cpu != 0 {
            next.stale &= !(1 << cpu);
            invalidate();
        }
        self.active[cpu].store(wanted, Release);
        (wanted & ASID_MASK) as u16
    }

    /// A context of this generation, or of the next if this one's identifiers are used up.
    fn renew(&self, next: &mut Next, old: u64) -> u64 {
        if old != 0 && next.reserved.contains(&old) {
            // Some CPU runs on it, under the identifier that it had: it keeps that everywhere.
            let kept = self.generation.load(Relaxed) | old & ASID_MASK;
            for reserved in next
                .reserved
                .iter_mut()
                .filter(|reserved| **reserved == old)
            {
                *reserved = kept;
            }
            return kept;
        }
        loop {
            while next.asid < self.limit {
                let asid = next.asid;
                next.asid += 1;
                if !next
                    .reserved
                    .iter()
                    .any(|&reserved| reserved & ASID_MASK == asid && reserved != 0)
                {
                    return self.generation.load(Relaxed) | asid;
                }
            }
            self.generation.fetch_add(1 << ASID_BITS, AcqRel);
            for (active, reserved) in self.active.iter().zip(&mut next.reserved) {
                match active.swap(0, AcqRel) {
                    0 => {}
                    ran => *reserved = ran,
                }
            }
            next.stale = (1 << MAX_CPUS) - 1;
            next.asid = 1;
        }
    }
}
