//! What is special to pmap beyond the conformance suite (`conform`).

use super::format::{Aarch64Granule4K, Aarch64Granule16K, PteFormat, X86_64};
use super::hardware::{Beside, Hardware};
use super::simulated::{Frames, Simulated, machine, window};
use super::{Paging, Pmap, Reserve};
use crate::layout::{KERNEL_MAP_BASE, KERNEL_MAP_END, USER_END};
use abi::Protection;
use core::sync::atomic::Ordering::Relaxed;
use std::vec::Vec;
use vm::addr::{PageId, PhysAddr, Range, VirtAddr};
use vm::batch::TlbBatch;
use vm::machine::{CacheMode, FrameSource, Machine, Mapping, NotEntered, RefMod, Tracking, Wired};
use vm::page::{Page, PageArray};
use vm::residence::Account;

mod conform;
mod device;
mod nest;
mod superpage;

/// A machine with one pmap and an array for batches.
struct Bench<F: PteFormat> {
    paging: Paging<F, Simulated>,
    frames: Frames,
    storage: Vec<Page>,
}

const DATA: Mapping = Mapping {
    protection: Protection::DEFAULT,
    wired: Wired::No,
    cache: CacheMode::WriteBack,
    tracking: Tracking::Tracked,
    account: Account::Internal,
};

impl<F: PteFormat> Bench<F> {
    fn new(frames: usize) -> Self {
        let (paging, source) = machine::<F>(frames, 8);
        Self {
            paging,
            frames: source,
            storage: (0..frames).map(|_| Page::new()).collect(),
        }
    }

    fn enter(&mut self, pmap: &Pmap<Simulated>, at: u64, page: PageId, mapping: Mapping) {
        let mut batch = TlbBatch::new(PageArray::new(&self.storage));
        let mut reserve = Reserve::default();
        let at = VirtAddr(at);
        if self
            .paging
            .pmap_enter(pmap, at, page, mapping, &mut reserve, &mut batch)
            .is_err()
        {
            self.paging
                .pmap_refill(pmap, at, &mut reserve, &mut self.frames)
                .unwrap();
            self.paging
                .pmap_enter(pmap, at, page, mapping, &mut reserve, &mut batch)
                .unwrap();
        }
        self.paging.pmap_unreserve(&mut reserve, &mut self.frames);
        batch.sync(&self.paging, &mut self.frames);
    }

    fn with_batch<T>(
        &mut self,
        f: impl FnOnce(&Paging<F, Simulated>, &mut TlbBatch<'_, Paging<F, Simulated>>) -> T,
    ) -> T {
        let mut batch = TlbBatch::new(PageArray::new(&self.storage));
        let answer = f(&self.paging, &mut batch);
        batch.sync(&self.paging, &mut self.frames);
        answer
    }

    fn remove(&mut self, pmap: &Pmap<Simulated>, start: u64, end: u64) {
        let range = Range {
            start: VirtAddr(start),
            end: VirtAddr(end),
        };
        self.with_batch(|paging, batch| paging.pmap_remove(pmap, range, batch));
    }
}

fn sharers<F: PteFormat>() {
    const SHARERS: usize = if cfg!(miri) { 24 } else { 300 };
    let mut bench = Bench::<F>::new(6 * SHARERS + 60);
    let page = bench.frames.take().unwrap();
    let mut pmaps = Vec::new();
    for n in 0..SHARERS {
        let pmap = bench.paging.pmap_create(&mut bench.frames).unwrap();
        bench.enter(&pmap, 0x1000_0000, page, DATA);
        pmaps.push(pmap);
        assert_eq!(bench.paging.page_mappings(page), n + 1);
    }
    // Out of order, from both ends.
    for (n, index) in (0..SHARERS / 3)
        .map(|n| if n % 2 == 0 { n } else { SHARERS - n })
        .enumerate()
    {
        bench.remove(&pmaps[index], 0x1000_0000, 0x1001_0000);
        assert_eq!(bench.paging.page_mappings(page), SHARERS - n - 1);
    }
    bench.with_batch(|paging, batch| paging.page_protect(page, Protection::NONE, batch));
    assert_eq!(bench.paging.page_mappings(page), 0);
    assert!(
        pmaps
            .iter()
            .all(|pmap| bench.paging.pmap_resident(pmap).0 == 0)
    );
    for pmap in pmaps {
        bench.paging.pmap_destroy(pmap, &mut bench.frames);
    }
    bench.frames.give(page);
    assert!(bench.frames.complete());
}

#[test]
fn refcount_300_sharers() {
    sharers::<X86_64>();
    sharers::<Aarch64Granule16K>();
}

#[test]
fn wired_mappings_among_many_stay() {
    let mut bench = Bench::<X86_64>::new(300);
    let page = bench.frames.take().unwrap();
    let pmap = bench.paging.pmap_create(&mut bench.frames).unwrap();
    for n in 0..40 {
        let wired = if n % 3 == 0 { Wired::Yes } else { Wired::No };
        bench.enter(
            &pmap,
            0x1000_0000 + n * 0x1000,
            page,
            Mapping { wired, ..DATA },
        );
    }
    bench.with_batch(|paging, batch| paging.page_protect(page, Protection::NONE, batch));
    assert_eq!(bench.paging.page_mappings(page), 14);
    for n in 0..40 {
        let left = bench
            .paging
            .pmap_extract(&pmap, VirtAddr(0x1000_0000 + n * 0x1000));
        assert_eq!(left, (n % 3 == 0).then_some((page, Protection::READ)));
    }
    bench.paging.pmap_destroy(pmap, &mut bench.frames);
    bench.frames.give(page);
    assert!(bench.frames.complete());
}

#[test]
fn every_shortage_leaves_no_trace() {
    fn each<F: PteFormat>() {
        let mut bench = Bench::<F>::new(200);
        let page = bench.frames.take().unwrap();
        let mut created = 0;
        for k in 0..8 {
            let before = bench.frames.free.len();
            bench.frames.fail_in = Some(k);
            let made = bench.paging.pmap_create(&mut bench.frames);
            bench.frames.fail_in = None;
            match made {
                Err(_) => assert_eq!(bench.frames.free.len(), before),
                Ok(pmap) => {
                    created += 1;
                    let before = bench.frames.free.len();
                    bench.frames.fail_in = Some(k);
                    let mut reserve = Reserve::default();
                    let _ = bench.paging.pmap_refill(
                        &pmap,
                        VirtAddr(0),
                        &mut reserve,
                        &mut bench.frames,
                    );
                    bench.frames.fail_in = None;
                    bench.paging.pmap_unreserve(&mut reserve, &mut bench.frames);
                    assert_eq!(bench.frames.free.len(), before);
                    bench.enter(&pmap, 0x4000_0000, page, DATA);
                    bench.paging.pmap_destroy(pmap, &mut bench.frames);
                }
            }
        }
        assert!(created >= 6);
        bench.frames.give(page);
        assert!(bench.frames.complete());
    }
    each::<X86_64>();
    each::<Aarch64Granule16K>();
}

#[test]
fn a_missing_table_is_asked_for_and_nothing_happens() {
    let mut bench = Bench::<X86_64>::new(100);
    let pmap = bench.paging.pmap_create(&mut bench.frames).unwrap();
    let page = bench.frames.take().unwrap();
    let need = bench.with_batch(|paging, batch| {
        paging.pmap_enter(
            &pmap,
            VirtAddr(0x1000),
            page,
            DATA,
            &mut Reserve::default(),
            batch,
        )
    });
    assert_eq!(need, Err(NotEntered::Reserve));
    assert_eq!(bench.paging.pmap_extract(&pmap, VirtAddr(0x1000)), None);
    assert_eq!(bench.paging.pmap_tables(&pmap).0, 1);
    // With a table there, the first and second mapping of a page need nothing.
    bench.enter(&pmap, 0x2000, page, DATA);
    let second = bench.with_batch(|paging, batch| {
        paging.pmap_enter(
            &pmap,
            VirtAddr(0x1000),
            page,
            DATA,
            &mut Reserve::default(),
            batch,
        )
    });
    assert_eq!(second, Ok(()));
    assert_eq!(bench.paging.pmap_tables(&pmap).0, 4);
}

/// Another page is put where one is only when no CPU that must be asked can have seen the old one.
#[test]
fn a_page_that_other_cpus_may_see_is_not_replaced() {
    fn each<F: PteFormat>(tracking: Tracking) {
        let mut bench = Bench::<F>::new(100);
        let pmap = bench.paging.pmap_create(&mut bench.frames).unwrap();
        bench.paging.pmap_activate(&pmap);
        let at = VirtAddr(0x4000);
        let (old, new) = (bench.frames.take().unwrap(), bench.frames.take().unwrap());
        let first = Mapping {
            protection: Protection::READ,
            tracking,
            ..DATA
        };
        bench.enter(&pmap, at.0, old, first);
        let mapped = |bench: &Bench<F>| bench.paging.pmap_extract(&pmap, at).map(|(page, _)| page);
        for (answers, entered) in [
            (&[Beside::Now][..], false),
            // One took the address space up while the entry was absent.
            (&[Beside::Now, Beside::NotNow], false),
            (&[Beside::NotNow, Beside::NotNow], true),
        ] {
            *bench.paging.hardware().beside.lock().unwrap() = answers.to_vec();
            let result = bench.with_batch(|paging, batch| {
                paging.pmap_enter(&pmap, at, new, DATA, &mut Reserve::default(), batch)
            });
            let expected = if entered {
                Ok(())
            } else {
                Err(NotEntered::Occupied)
            };
            assert_eq!(result, expected, "{answers:?}");
            assert_eq!(mapped(&bench), Some(if entered { new } else { old }));
            let tracked = usize::from(tracking == Tracking::Tracked);
            let (of_old, of_new) = if entered { (0, 1) } else { (tracked, 0) };
            assert_eq!(bench.paging.page_mappings(old), of_old);
            assert_eq!(bench.paging.page_mappings(new), of_new);
            let residence = bench.paging.pmap_residence(&pmap);
            assert_eq!(residence.total().0, 1);
            let untracked = u64::from(tracking == Tracking::Untracked && !entered);
            assert_eq!(residence.untracked.0, untracked);
        }
    }
    for tracking in [Tracking::Tracked, Tracking::Untracked] {
        each::<X86_64>(tracking);
        each::<Aarch64Granule4K>(tracking);
        each::<Aarch64Granule16K>(tracking);
    }
}

#[test]
fn the_processors_notes_survive_unmapping() {
    let mut bench = Bench::<X86_64>::new(100);
    let pmap = bench.paging.pmap_create(&mut bench.frames).unwrap();
    let page = bench.frames.take().unwrap();
    bench.enter(&pmap, 0x1000, page, DATA);
    assert_eq!(bench.paging.page_refmod(page), RefMod::empty());
    // The processor sets A and D in the entry, whose address the reverse map knows.
    let location =
        bench.paging.records[page.0 as usize].head.load(Relaxed) & super::record::LOCATION;
    // SAFETY: the entry lies in a table.
    unsafe { bench.paging.hardware().word(PhysAddr(location)) }.fetch_or(0x60, Relaxed);
    assert_eq!(bench.paging.page_refmod(page), RefMod::all());
    bench.remove(&pmap, 0x1000, 0x2000);
    assert_eq!(bench.paging.page_refmod(page), RefMod::all());
    bench.with_batch(|paging, batch| paging.page_clear_refmod(page, RefMod::MODIFIED, batch));
    assert_eq!(bench.paging.page_refmod(page), RefMod::REFERENCED);
}

#[test]
fn raising_needs_no_batch() {
    fn each<F: PteFormat>() {
        let mut bench = Bench::<F>::new(100);
        let pmap = bench.paging.pmap_create(&mut bench.frames).unwrap();
        bench.paging.pmap_activate(&pmap);
        let page = bench.frames.take().unwrap();
        bench.enter(
            &pmap,
            0x4000,
            page,
            Mapping {
                protection: Protection::READ,
                ..DATA
            },
        );
        bench.with_batch(|paging, batch| {
            let at = VirtAddr(0x4000);
            paging
                .pmap_enter(&pmap, at, page, DATA, &mut Reserve::default(), batch)
                .unwrap();
            assert!(batch.flush_mut().is_empty());
            paging
                .pmap_enter(
                    &pmap,
                    at,
                    page,
                    Mapping {
                        protection: Protection::READ,
                        ..DATA
                    },
                    &mut Reserve::default(),
                    batch,
                )
                .unwrap();
            assert!(!batch.flush_mut().is_empty());
        });
        bench.paging.pmap_destroy(pmap, &mut bench.frames);
    }
    each::<X86_64>();
    each::<Aarch64Granule16K>();
}

#[test]
fn removing_everything_gives_tables_back() {
    fn each<F: PteFormat>() {
        let mut bench = Bench::<F>::new(300);
        let pmap = bench.paging.pmap_create(&mut bench.frames).unwrap();
        let page = bench.frames.take().unwrap();
        let span = 1u64 << F::shift(1);
        for leaf in 0..20 {
            bench.enter(&pmap, leaf * span, page, DATA);
        }
        let tables = bench.paging.pmap_tables(&pmap).0;
        assert!(tables >= 21);
        bench.remove(&pmap, 0, USER_END);
        // A few leaf tables are kept for the next small region.
        assert_eq!(bench.paging.pmap_tables(&pmap).0, tables - 16);
        bench.enter(&pmap, 7 * span, page, DATA);
        bench.paging.pmap_destroy(pmap, &mut bench.frames);
        bench.frames.give(page);
        assert!(bench.frames.complete());
    }
    each::<X86_64>();
    each::<Aarch64Granule4K>();
    each::<Aarch64Granule16K>();
}

/// Ranges whose upper tables are absent are stepped over, in both halves, to the right address.
#[test]
fn absent_tables_are_stepped_over() {
    fn each<F: PteFormat>() {
        let mut bench = Bench::<F>::new(200);
        let page = bench.frames.take().unwrap();
        let pmap = bench.paging.pmap_create(&mut bench.frames).unwrap();
        let span = 1u64 << F::shift(1);
        let size = 1u64 << F::PAGE_SHIFT;
        // Three far corners, and a neighbour of each that the range leaves out.
        let corners = [3 * span, 5 << 40, USER_END - 2 * size];
        for at in corners {
            bench.enter(&pmap, at, page, DATA);
            bench.enter(&pmap, at + size, page, DATA);
        }
        bench.remove(&pmap, 3 * span + size, USER_END - size);
        for (at, left) in [
            (corners[0], [true, false]),
            (corners[1], [false, false]),
            (corners[2], [false, true]),
        ] {
            let found =
                [at, at + size].map(|at| bench.paging.pmap_extract(&pmap, VirtAddr(at)).is_some());
            assert_eq!(found, left, "{} {at:#x}", F::NAME);
        }
        bench.paging.pmap_destroy(pmap, &mut bench.frames);

        // The same in the kernel's half, whose root boot made.
        let last = KERNEL_MAP_END - size;
        let mut reserve = Reserve::default();
        let kernel = bench.paging.kernel_pmap();
        bench
            .paging
            .pmap_refill(kernel, VirtAddr(last), &mut reserve, &mut bench.frames)
            .unwrap();
        let mut batch = TlbBatch::new(PageArray::new(&bench.storage));
        bench
            .paging
            .pmap_enter(kernel, VirtAddr(last), page, DATA, &mut reserve, &mut batch)
            .unwrap();
        for (end, resident) in [(last, 1), (KERNEL_MAP_END, 0)] {
            let range = Range {
                start: VirtAddr(KERNEL_MAP_BASE),
                end: VirtAddr(end),
            };
            bench
                .paging
                .pmap_protect(kernel, range, Protection::READ, &mut batch);
            bench.paging.pmap_remove(kernel, range, &mut batch);
            assert_eq!(
                bench.paging.pmap_resident(kernel).0,
                resident,
                "{}",
                F::NAME
            );
        }
        batch.sync(&bench.paging, &mut bench.frames);
        bench.paging.pmap_unreserve(&mut reserve, &mut bench.frames);
        bench.frames.give(page);
        assert!(bench.frames.complete());
    }
    each::<X86_64>();
    each::<Aarch64Granule4K>();
    each::<Aarch64Granule16K>();
}

#[test]
fn kernel_mappings_are_in_every_pmap_made_before() {
    let mut bench = Bench::<X86_64>::new(100);
    let pmap = bench.paging.pmap_create(&mut bench.frames).unwrap();
    let page = bench.frames.take().unwrap();
    let at = window::<X86_64>().start;
    let mut batch = TlbBatch::new(PageArray::new(&bench.storage));
    let mut reserve = Reserve::default();
    let kernel = bench.paging.kernel_pmap();
    bench
        .paging
        .pmap_refill(kernel, at, &mut reserve, &mut bench.frames)
        .unwrap();
    bench
        .paging
        .pmap_enter(kernel, at, page, DATA, &mut reserve, &mut batch)
        .unwrap();
    bench.paging.pmap_unreserve(&mut reserve, &mut bench.frames);
    batch.sync(&bench.paging, &mut bench.frames);
    assert_eq!(
        bench.paging.pmap_extract(&pmap, at).map(|(page, _)| page),
        Some(page)
    );
}

#[test]
fn memory_types_reach_the_entry() {
    let mut bench = Bench::<X86_64>::new(100);
    let pmap = bench.paging.pmap_create(&mut bench.frames).unwrap();
    let page = bench.frames.take().unwrap();
    for (cache, bits) in [
        (CacheMode::WriteBack, 0),
        (CacheMode::WriteCombining, 0x8),
        (CacheMode::Device, 0x18),
    ] {
        bench.enter(&pmap, 0x1000, page, Mapping { cache, ..DATA });
        let location =
            bench.paging.records[page.0 as usize].head.load(Relaxed) & super::record::LOCATION;
        // SAFETY: the entry lies in a table.
        let entry = unsafe { bench.paging.hardware().word(PhysAddr(location)) }.load(Relaxed);
        assert_eq!(entry & 0x18, bits);
        assert_eq!(bench.paging.page_mappings(page), 1);
    }
}

#[test]
fn bytes_go_through_frames() {
    let mut bench = Bench::<Aarch64Granule16K>::new(20);
    let (a, b) = (bench.frames.take().unwrap(), bench.frames.take().unwrap());
    bench.paging.zero_page(a);
    bench.paging.write_page(a, 16383, &[7]);
    bench.paging.write_page(a, 3, b"abc");
    bench.paging.copy_page(a, b);
    let mut bytes = [1; 16384];
    bench.paging.read_page(b, 0, &mut bytes);
    assert_eq!(&bytes[..8], b"\0\0\0abc\0\0");
    assert_eq!(bytes[16383], 7);
    assert!(bytes[6..16383].iter().all(|&byte| byte == 0));
}
