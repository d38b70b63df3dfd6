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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::vec::Vec;
    use sync::host::Host;

    fn contexts(count: usize) -> Vec<AtomicU64> {
        (0..count).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn identifiers_are_kept_while_they_last() {
        let asids = Asids::<Host>::new(8);
        let all = contexts(255);
        let mut seen = [false; 256];
        for context in &all {
            let asid = asids.activate(0, context, || panic!("nothing is used twice yet"));
            assert!(asid != 0 && !seen[usize::from(asid)]);
            seen[usize::from(asid)] = true;
        }
        for context in &all {
            let asid = asids.activate(0, context, || panic!("nothing is used twice yet"));
            assert_eq!(u64::from(asid), context.load(Relaxed) & ASID_MASK);
        }
    }

    #[test]
    fn the_last_identifier_is_followed_by_a_new_generation() {
        let asids = Asids::<Host>::new(8);
        let all = contexts(257);
        let mut forgot = 0;
        for context in &all {
            asids.activate(0, context, || forgot += 1);
        }
        assert_eq!(forgot, 1);
        // What the CPU ran on when the generation rose keeps its number.
        let running = &all[254];
        let before = running.load(Relaxed) & ASID_MASK;
        assert_eq!(u64::from(asids.activate(0, running, || {})), before);
        // What has an identifier of the old generation gets another.
        assert_ne!(
            all[3].load(Relaxed) >> ASID_BITS,
            running.load(Relaxed) >> ASID_BITS
        );
    }

    /// Eight CPUs switch at random among more address spaces than there are identifiers. A TLB entry is
    /// (identifier, who put it there); no CPU may ever find one of another address space.
    fn never_shared(bits: u32, spaces: usize, switches: u32) {
        let asids = Asids::<Host>::new(bits);
        let all = contexts(spaces);
        let mut tlb: HashMap<u16, usize> = HashMap::new();
        let mut running: [Option<(usize, u16)>; MAX_CPUS] = [None; MAX_CPUS];
        let mut state = 0x0123_4567_89ab_cdef_u64;
        let mut forgot = 0;
        for _ in 0..switches {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let (cpu, space) = (state as usize % MAX_CPUS, (state >> 8) as usize % spaces);
            let mut flush = false;
            let asid = asids.activate(cpu, &all[space], || flush = true);
            assert!(asid != 0 && u32::from(asid) < 1 << bits);
            running[cpu] = Some((space, asid));
            if flush {
                // The TLBs forget all; what runs goes on filling them.
                forgot += 1;
                tlb.clear();
            }
            for (space, asid) in running.iter().flatten() {
                let owner = *tlb.entry(*asid).or_insert(*space);
                assert_eq!(
                    owner, *space,
                    "identifier {asid} belongs to two address spaces"
                );
            }
            // One address space has one identifier on all CPUs: a broadcast reaches all of it.
            for (other, known) in running.iter().flatten() {
                assert!(
                    *other != space || *known == asid,
                    "{space} runs under {known} and {asid}"
                );
            }
        }
        assert!(forgot > 3, "the generation rose too seldom: {forgot}");
    }

    #[test]
    fn no_two_spaces_share_an_identifier_8_bits() {
        never_shared(8, 700, 20_000);
    }

    #[test]
    fn no_two_spaces_share_an_identifier_5_bits() {
        never_shared(5, 40, 20_000);
    }

    #[test]
    fn sixteen_bits_are_all_used() {
        let asids = Asids::<Host>::new(16);
        let all = contexts(65_535);
        for context in &all {
            asids.activate(0, context, || panic!("65,535 identifiers exist"));
        }
        let mut forgot = false;
        asids.activate(0, &AtomicU64::new(0), || forgot = true);
        assert!(forgot);
    }
}
