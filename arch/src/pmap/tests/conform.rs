//! The conformance suite over the three formats.

use crate::pmap::Paging;
use crate::pmap::format::{Aarch64Granule4K, Aarch64Granule16K, PteFormat, X86_64};
use crate::pmap::simulated::{Simulated, Watch, machine, window};
use std::vec::Vec;
use vm::addr::PageId;
use vm::conformance::{Blind, Met, run};
use vm::page::{Page, PageArray};

const FRAMES: usize = if cfg!(miri) { 130 } else { 400 };

fn conform<F: PteFormat>(seed: u64, steps: u32) -> Met {
    // A superpage's run is the second part of RAM, so that it is aligned.
    let size = 1 << F::LEVEL_BITS;
    let first = F::SUPERPAGE_LEVEL.map(|_| size);
    let count = first.map_or(FRAMES, |first| first + size + FRAMES);
    let (paging, mut frames) = machine::<F>(count, 8);
    let storage: Vec<Page> = (0..count).map(|_| Page::new()).collect();
    let mut program = Paging::<F, Simulated>::conformance(seed, steps, window::<F>());
    program.run = first.map(|first| PageId(first as u32));
    let is_other = |page: PageId| first != Some(page.0 as usize / size * size);
    frames.free.retain(|page| is_other(*page));
    frames.total = frames.free.len();
    let met = run(
        &paging,
        PageArray::new(&storage),
        &mut frames,
        &mut Watch,
        program,
    )
    .unwrap_or_else(|failure| panic!("{} seed {seed}: {failure}", F::NAME));
    assert!(
        frames.complete(),
        "{} seed {seed}: frames were lost",
        F::NAME
    );
    met
}

fn conform_all<F: PteFormat>() {
    let steps = if cfg!(miri) { 8 } else { 1500 };
    let seeds = if cfg!(miri) { 1 } else { 6 };
    let met: Vec<Met> = (1..=seeds).map(|seed| conform::<F>(seed, steps)).collect();
    if cfg!(miri) {
        return;
    }
    // A run that met too little proves nothing.
    let sum = |of: fn(&Met) -> u32| met.iter().map(of).sum::<u32>();
    assert!(
        sum(|m| m.entered) > 1000 && sum(|m| m.replaced) > 300 && sum(|m| m.changed) > 30,
        "{met:?}"
    );
    assert!(
        sum(|m| m.refilled) > 50 && sum(|m| m.removed) > 500 && sum(|m| m.lowered) > 300,
        "{met:?}"
    );
    assert!(
        sum(|m| m.disconnected) > 200
            && sum(|m| m.stayed) > 20
            && sum(|m| m.accounted) > 20
            && sum(|m| m.destroyed) > 20,
        "{met:?}"
    );
    // One in the record, and more than a node holds.
    assert!(met.iter().all(|m| m.most_mappers > 8), "{met:?}");
    assert!(
        F::SUPERPAGE_LEVEL.is_none() || sum(|m| m.superpages) > 100 && sum(|m| m.parts) > 100,
        "{met:?}"
    );
    assert!(
        sum(|m| m.nested) > 150 && sum(|m| m.unnested) > 100 && sum(|m| m.shown) > 50,
        "{met:?}"
    );
}

#[test]
fn conformance_x86_64() {
    conform_all::<X86_64>();
}

#[test]
fn conformance_aarch64_4k() {
    conform_all::<Aarch64Granule4K>();
}

#[test]
fn conformance_aarch64_16k() {
    conform_all::<Aarch64Granule16K>();
}

/// The suite without a TLB, as the kernel runs it.
#[test]
fn conformance_without_an_observer() {
    let (paging, mut frames) = machine::<X86_64>(FRAMES, 0);
    let storage: Vec<Page> = (0..FRAMES).map(|_| Page::new()).collect();
    let program = Paging::<X86_64, Simulated>::conformance(99, 200, window::<X86_64>());
    run(
        &paging,
        PageArray::new(&storage),
        &mut frames,
        &mut Blind,
        program,
    )
    .unwrap();
    assert!(frames.complete());
}
