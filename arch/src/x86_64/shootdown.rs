//! Invalidations on other CPUs: x86_64 has no broadcast, so each CPU is asked.
//!
//! Owns: which root each CPU has loaded, and for each CPU how many requests it has had and how many it has
//! served. Does not own: the instructions (`tlb`), the interrupt that carries a request (`apic`).
//!
//! A request says only "something": the CPU that is asked forgets everything, so that no list can overflow
//! and one answer serves all who asked before it began. Locks: none. Nobody waits with a spin lock held, and
//! who waits goes on serving, so two CPUs that ask each other do not wait for ever.
//!
//! | meets | how |
//! |---|---|
//! | a switch to the address space | the root is published before it is loaded: a CPU that the scan missed walks the new tables |
//! | a switch away from it | loading CR3 forgot it: the waiter looks at the root again |
//! | a request while one is served | the served number is read before forgetting; the newer request stays open |
//! | a CPU that rests | it is not interrupted: either it is seen to rest, or it sees the request when it wakes |

use crate::pmap::Flush;
use crate::pmap::hardware::{Beside, Tag};
use sync::atomic::{AtomicU32, AtomicU64, Ordering::*, fence};
use vm::addr::PhysAddr;

/// CPUs that there is room for.
pub const CPUS: usize = 8;

/// One CPU's part, alone in its cache line.
#[repr(align(64))]
struct Cpu {
    /// The root in CR3, or 0 while the CPU is not up.
    loaded: AtomicU64,
    /// Requests made of this CPU.
    asked: AtomicU64,
    /// Requests that it has served.
    served: AtomicU64,
    /// What the interrupt controller calls it.
    hardware: AtomicU32,
    /// 1 while it rests: it uses no translation but those of its idle loop until it has looked at `asked`.
    resting: AtomicU32,
}

/// All CPUs.
pub struct Shootdown {
    cpus: [Cpu; CPUS],
    /// One bit for each CPU that is up.
    up: AtomicU64,
}

impl Default for Shootdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shootdown {
    /// No CPU is up.
    pub const fn new() -> Self {
        Self {
            cpus: [const {
                Cpu {
                    loaded: AtomicU64::new(0),
                    asked: AtomicU64::new(0),
                    served: AtomicU64::new(0),
                    hardware: AtomicU32::new(0),
                    resting: AtomicU32::new(0),
                }
            }; CPUS],
            up: AtomicU64::new(0),
        }
    }

    /// The calling CPU comes up. Before it loads a root whose entries others may change.
    pub fn join(&self, cpu: usize, hardware: u32) {
        self.cpus[cpu].hardware.store(hardware, Relaxed);
        self.up.fetch_or(1 << cpu, SeqCst);
    }

    /// Publishes the root that the calling CPU loads next.
    #[inline]
    pub fn publish(&self, cpu: usize, root: PhysAddr) {
        let own = &self.cpus[cpu].loaded;
        if self.up.load(Relaxed) & !(1 << cpu) == 0 {
            own.store(root.0, Relaxed);
        } else {
            own.store(root.0, SeqCst);
            fence(SeqCst);
        }
    }

    /// The root that a CPU has published.
    #[inline]
    pub fn loaded(&self, cpu: usize) -> PhysAddr {
        PhysAddr(self.cpus[cpu].loaded.load(Relaxed))
    }

    /// Whether other CPUs are up.
    #[inline]
    pub fn others(&self, cpu: usize) -> bool {
        self.up.load(Relaxed) & !(1 << cpu) != 0
    }

    /// Which other CPUs may hold translations of an address space.
    #[inline]
    pub fn beside(&self, cpu: usize, tag: Tag) -> Beside {
        if !self.others(cpu) {
            return Beside::Never;
        }
        // Entries were changed before; the roots are read after.
        fence(SeqCst);
        let up = self.up.load(Relaxed) & !(1 << cpu);
        let loads =
            |index: usize| tag.is_everywhere() || self.cpus[index].loaded.load(SeqCst) == tag.0;
        if (0..CPUS).any(|index| up & 1 << index != 0 && loads(index)) {
            Beside::Now
        } else {
            Beside::NotNow
        }
    }

    /// Asks every other CPU that may hold what `flush` names, and waits until none does. `interrupt` is
    /// given the hardware's number; `forget` forgets everything on the calling CPU, which is served
    /// meanwhile; `give_way` is told, again and again, for which CPU it waits, and ends a wait that is too
    /// long. Preemption is off, no spin lock is held.
    pub fn ask(
        &self,
        cpu: usize,
        flush: &Flush,
        mut interrupt: impl FnMut(u32),
        mut forget: impl FnMut(),
        mut give_way: impl FnMut(usize),
    ) {
        // The entries were changed before; the roots are read after.
        fence(SeqCst);
        let mut waiting = [0; CPUS];
        for (index, other) in self.cpus.iter().enumerate() {
            let up = self.up.load(Relaxed) & 1 << index != 0;
            if index != cpu && up && concerns(flush, other.loaded.load(SeqCst)) {
                let request = other.asked.fetch_add(1, SeqCst) + 1;
                if other.resting.load(SeqCst) == 0 {
                    waiting[index] = request;
                    interrupt(other.hardware.load(Relaxed));
                }
            }
        }
        for (index, (other, wanted)) in self.cpus.iter().zip(waiting).enumerate() {
            while other.served.load(Acquire) < wanted && concerns(flush, other.loaded.load(Acquire))
            {
                if other.resting.load(Acquire) != 0 {
                    break;
                }
                self.serve(cpu, &mut forget);
                give_way(index);
            }
        }
    }

    /// The calling CPU is going to rest until an interrupt: whoever asks meanwhile does not wait for it.
    #[inline]
    pub fn rest(&self, cpu: usize) {
        if self.others(cpu) {
            self.cpus[cpu].resting.store(1, SeqCst);
        }
    }

    /// An interrupt came to the calling CPU. If it rested, it forgets what it was asked to meanwhile, before it uses
    /// anything else.
    #[inline]
    pub fn wake(&self, cpu: usize, forget: impl FnOnce()) {
        let own = &self.cpus[cpu];
        if own.resting.load(Relaxed) != 0 {
            own.resting.store(0, SeqCst);
            fence(SeqCst);
            self.serve(cpu, forget);
        }
    }

    /// Serves what the calling CPU is asked. Called by the interrupt, and by who waits.
    #[inline]
    pub fn serve(&self, cpu: usize, forget: impl FnOnce()) {
        let own = &self.cpus[cpu];
        let asked = own.asked.load(Acquire);
        if asked != own.served.load(Relaxed) {
            forget();
            // Not backwards: an interrupt may have served a newer request since `asked` was read.
            own.served.fetch_max(asked, Release);
        }
    }
}

/// Whether a CPU that has `loaded` may hold what a flush names.
fn concerns(flush: &Flush, loaded: u64) -> bool {
    flush.everything()
        || flush
            .stale()
            .iter()
            .any(|stale| stale.tag.is_everywhere() || stale.tag == Tag(loaded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::vec::Vec;
    use vm::addr::{Range, VirtAddr};

    fn give_way(_: usize) {
        std::thread::yield_now();
    }

    fn flush_of(root: u64) -> Flush {
        let mut flush = Flush::default();
        flush.add(
            Tag(root),
            Range {
                start: VirtAddr(0),
                end: VirtAddr(0x1000),
            },
        );
        flush
    }

    #[test]
    fn who_uses_a_space_is_known() {
        let all = Shootdown::new();
        all.join(0, 10);
        all.publish(0, PhysAddr(0x1000));
        assert_eq!(all.beside(0, Tag(0x1000)), Beside::Never);
        all.join(1, 11);
        all.publish(1, PhysAddr(0x2000));
        assert_eq!(all.beside(0, Tag(0x1000)), Beside::NotNow);
        assert_eq!(all.beside(0, Tag(0x2000)), Beside::Now);
        assert_eq!(all.beside(1, Tag(0x2000)), Beside::NotNow);
        assert_eq!(all.beside(1, Tag::KERNEL), Beside::Now);
        assert_eq!(all.beside(1, Tag::NESTED), Beside::Now);
    }

    #[test]
    fn only_cpus_that_run_the_space_are_asked() {
        let all = Shootdown::new();
        for (cpu, root) in [(0, 0x1000), (1, 0x1000), (2, 0x2000), (3, 0x1000)] {
            all.join(cpu, 10 + cpu as u32);
            all.publish(cpu, PhysAddr(root));
        }
        let mut asked = Vec::new();
        all.ask(
            0,
            &flush_of(0x1000),
            |hardware| {
                asked.push(hardware);
                // It answers at once.
                all.serve(hardware as usize - 10, || {});
            },
            || {},
            give_way,
        );
        assert_eq!(asked, [11, 13]);
        let mut asked = 0;
        all.ask(
            2,
            &flush_of(u64::MAX),
            |hardware| {
                asked += 1;
                all.serve(hardware as usize - 10, || {});
            },
            || {},
            give_way,
        );
        assert_eq!(asked, 3, "the kernel's mappings are on every CPU");
        let mut asked = 0;
        all.ask(
            2,
            &flush_of(Tag::NESTED.0),
            |hardware| {
                asked += 1;
                all.serve(hardware as usize - 10, || {});
            },
            || {},
            give_way,
        );
        assert_eq!(asked, 3, "every CPU may show a nested pmap's mappings");
    }

    /// vm-bugs 14: a CPU that switches away while it is asked.
    #[test]
    fn shootdown_vs_switch() {
        let all = Shootdown::new();
        for cpu in 0..2 {
            all.join(cpu, cpu as u32);
            all.publish(cpu, PhysAddr(0x1000));
        }
        // The interrupt finds the CPU on its way to another address space.
        all.ask(
            0,
            &flush_of(0x1000),
            |_| all.publish(1, PhysAddr(0x2000)),
            || {},
            give_way,
        );
    }

    #[test]
    fn who_rests_is_not_asked_and_forgets_when_it_wakes() {
        let all = Shootdown::new();
        for cpu in 0..2 {
            all.join(cpu, cpu as u32);
            all.publish(cpu, PhysAddr(0x1000));
        }
        all.rest(1);
        all.ask(
            0,
            &flush_of(0x1000),
            |_| panic!("a CPU that rests is interrupted"),
            || {},
            |_| panic!("a CPU that rests is waited for"),
        );
        let mut forgot = 0;
        all.wake(1, || forgot += 1);
        assert_eq!(forgot, 1);
        all.wake(1, || forgot += 1);
        assert_eq!(forgot, 1, "it did not rest");
        // Nobody asked.
        all.rest(1);
        all.wake(1, || forgot += 1);
        assert_eq!(forgot, 1);
    }

    #[test]
    #[should_panic(expected = "CPU 1 hangs")]
    fn a_cpu_that_never_answers_is_named() {
        let all = Shootdown::new();
        for cpu in 0..2 {
            all.join(cpu, cpu as u32);
            all.publish(cpu, PhysAddr(0x1000));
        }
        let mut rounds = 0;
        all.ask(
            0,
            &flush_of(0x1000),
            |_| {},
            || {},
            |index| {
                rounds += 1;
                assert!(rounds < 100, "CPU {index} hangs");
            },
        );
    }

    #[test]
    fn an_unasked_cpu_forgets_nothing() {
        let all = Shootdown::new();
        all.join(0, 0);
        all.serve(0, || panic!("nobody asked"));
    }

    /// vm-bugs 13: four CPUs change one entry in turn, ask each other, and look at what they keep of it; a CPU whose
    /// request was answered must never see an older value kept anywhere.
    #[test]
    fn cross_shootdown() {
        const ROUNDS: u64 = if cfg!(miri) { 10 } else { 300 };
        let all = Arc::new(Shootdown::new());
        // The entry's generation, and what each CPU's TLB keeps of it (0: nothing).
        let entry = Arc::new(AtomicU64::new(1));
        let kept: Arc<[AtomicU64; 4]> = Arc::new([const { AtomicU64::new(0) }; 4]);
        let done = Arc::new([const { AtomicBool::new(false) }; 4]);
        for cpu in 0..4 {
            all.join(cpu, cpu as u32);
            all.publish(cpu, PhysAddr(0x1000));
        }
        let threads: Vec<_> = (0..4)
            .map(|cpu| {
                let (all, entry, kept, done) =
                    (all.clone(), entry.clone(), kept.clone(), done.clone());
                std::thread::spawn(move || {
                    let forget = || kept[cpu].store(0, SeqCst);
                    for _ in 0..ROUNDS {
                        // A walk keeps what it finds.
                        kept[cpu].store(entry.load(SeqCst), SeqCst);
                        let new = entry.fetch_add(1, SeqCst) + 1;
                        forget();
                        all.ask(cpu, &flush_of(0x1000), |_| {}, forget, give_way);
                        for other in kept.iter() {
                            let other = other.load(SeqCst);
                            assert!(other == 0 || other >= new, "kept {other}, asked for {new}");
                        }
                        all.serve(cpu, forget);
                    }
                    done[cpu].store(true, SeqCst);
                    while !done.iter().all(|done| done.load(SeqCst)) {
                        all.serve(cpu, forget);
                        std::thread::yield_now();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }
}
