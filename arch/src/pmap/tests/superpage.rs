//! Superpages: what the conformance suite does not look at.

use super::*;

type Format = X86_64;
/// Pages of one.
const RUN: u64 = 512;
/// Its first page: the second superpage of RAM.
const FIRST: PageId = PageId(RUN as u32);
/// Where it is mapped.
const AT: VirtAddr = VirtAddr(0x1_4020_0000);
const END: VirtAddr = VirtAddr(AT.0 + (RUN << 12));
const WIRED: Mapping = Mapping {
    wired: Wired::Yes,
    ..DATA
};

/// A bench whose source does not give the run away, and an empty pmap.
fn bench() -> (Bench<Format>, Pmap<Simulated>) {
    let mut bench = Bench::<Format>::new(3 * RUN as usize);
    bench
        .frames
        .free
        .retain(|page| u64::from(page.0) / RUN != 1);
    bench.frames.total = bench.frames.free.len();
    let pmap = bench.paging.pmap_create(&mut bench.frames).unwrap();
    (bench, pmap)
}

fn run() -> impl Iterator<Item = PageId> {
    (0..RUN as u32).map(|number| PageId(FIRST.0 + number))
}

impl Bench<Format> {
    fn enter_run(&mut self, pmap: &Pmap<Simulated>, mapping: Mapping) -> Result<usize, NotEntered> {
        let mut batch = TlbBatch::new(PageArray::new(&self.storage));
        let mut reserve = Reserve::default();
        let refilled = self
            .paging
            .pmap_refill(pmap, AT, &mut reserve, &mut self.frames);
        refilled.unwrap();
        let entered =
            self.paging
                .pmap_enter_superpage(pmap, AT, FIRST, mapping, &mut reserve, &mut batch);
        self.paging.pmap_unreserve(&mut reserve, &mut self.frames);
        let waiting = batch.waiting();
        batch.sync(&self.paging, &mut self.frames);
        entered.map(|()| waiting)
    }

    fn end(mut self, pmap: Pmap<Simulated>) {
        self.paging.pmap_destroy(pmap, &mut self.frames);
        assert!(run().all(|page| !self.paging.page_is_mapped(page)));
        assert!(self.frames.complete());
    }
}

/// A leaf table without mappings makes way, and is free only after the flush.
#[test]
fn a_vacant_table_makes_way() {
    let (mut bench, pmap) = bench();
    let single = bench.frames.take().unwrap();
    bench.enter(&pmap, AT.0 + 0x5000, single, DATA);
    assert_eq!(bench.enter_run(&pmap, WIRED), Err(NotEntered::Occupied));
    bench.remove(&pmap, AT.0, END.0);
    let tables = bench.paging.pmap_tables(&pmap).0;
    assert_eq!(
        bench.enter_run(&pmap, WIRED),
        Ok(1),
        "the table waits for the flush"
    );
    assert_eq!(bench.paging.pmap_tables(&pmap).0, tables - 1);
    assert_eq!(bench.paging.pmap_resident(&pmap).0, RUN);
    // The place is a leaf table's again once it is gone.
    bench.remove(&pmap, AT.0 + 0x7000, AT.0 + 0x8000);
    assert_eq!(bench.paging.pmap_resident(&pmap).0, 0);
    bench.enter(&pmap, AT.0, single, DATA);
    assert_eq!(bench.paging.pmap_resident(&pmap).0, 1);
    bench.frames.give(single);
    bench.end(pmap);
}

/// With the last superpage go the tables that led to it.
#[test]
fn upper_tables_go_with_it() {
    let (mut bench, pmap) = bench();
    let before = bench.paging.pmap_tables(&pmap).0;
    assert_eq!(bench.enter_run(&pmap, WIRED), Ok(0));
    assert_eq!(bench.paging.pmap_tables(&pmap).0, before + 2);
    bench.remove(&pmap, AT.0, AT.0 + 0x1000);
    assert_eq!(bench.paging.pmap_tables(&pmap).0, before);
    bench.end(pmap);
}

/// Without memory for its tables nothing is mapped.
#[test]
fn an_empty_reserve_leaves_nothing() {
    let (mut bench, pmap) = bench();
    let entered = bench.with_batch(|paging, batch| {
        let mut reserve = Reserve::default();
        paging.pmap_enter_superpage(&pmap, AT, FIRST, WIRED, &mut reserve, batch)
    });
    assert_eq!(entered, Err(NotEntered::Reserve));
    assert!(run().all(|page| bench.paging.page_mappings(page) == 0));
    bench.end(pmap);
}

/// What the processor notes of the entry is said of every page, and stays when the mapping goes.
#[test]
fn use_and_writes_are_noted_for_every_page() {
    let (mut bench, pmap) = bench();
    assert_eq!(bench.enter_run(&pmap, WIRED), Ok(0));
    assert!(run().all(|page| bench.paging.page_refmod(page).is_empty()));
    let noted = RefMod::REFERENCED | RefMod::MODIFIED;
    let bits = <Format as PteFormat>::forget(noted).clear;
    bench.word_of(&pmap).fetch_or(bits, Relaxed);
    assert!(run().all(|page| bench.paging.page_refmod(page) == noted));
    // Other rights do not forget it, nor is it forgotten for one page.
    let read = Mapping {
        protection: Protection::READ,
        ..WIRED
    };
    assert_eq!(bench.enter_run(&pmap, read), Ok(0));
    bench.with_batch(|paging, batch| paging.page_clear_refmod(FIRST, noted, batch));
    assert!(run().all(|page| bench.paging.page_refmod(page) == noted));
    bench.remove(&pmap, AT.0, END.0);
    assert!(run().all(|page| bench.paging.page_refmod(page) == noted));
    bench.end(pmap);
}

impl Bench<Format> {
    /// The superpage's entry.
    fn word_of(&self, pmap: &Pmap<Simulated>) -> &core::sync::atomic::AtomicU64 {
        let mut table = pmap.root();
        for level in [3, 2] {
            let at = PhysAddr(table.0 + 8 * Format::index(AT.0, level) as u64);
            // SAFETY: the walk follows entries in RAM.
            let entry = unsafe { self.paging.hardware().word(at) }.load(Relaxed);
            table = <Format as PteFormat>::address(entry);
        }
        let at = PhysAddr(table.0 + 8 * Format::index(AT.0, 1) as u64);
        // SAFETY: as above.
        unsafe { self.paging.hardware().word(at) }
    }
}

/// A page of it is lowered with all others, and is not disconnected.
#[test]
fn it_is_lowered_whole() {
    let (mut bench, pmap) = bench();
    assert_eq!(bench.enter_run(&pmap, WIRED), Ok(0));
    let last = VirtAddr(END.0 - 0x1000);
    for (kept, from) in [(Protection::READ, 100), (Protection::NONE, 7)] {
        let page = PageId(FIRST.0 + from);
        bench.with_batch(|paging, batch| paging.page_protect(page, kept, batch));
        let seen = bench.paging.pmap_extract(&pmap, last);
        assert_eq!(seen, Some((PageId(FIRST.0 + 511), Protection::READ)));
    }
    bench.end(pmap);
}
