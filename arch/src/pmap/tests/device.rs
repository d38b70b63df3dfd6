//! A device's memory in page tables.

use super::*;

/// A device's memory has no record, wherever it lies: below RAM, beyond it, between. Rights change, it
/// counts as resident while it is mapped, and it leaves without a trace.
#[test]
fn a_devices_memory_needs_no_record() {
    fn each<F: PteFormat>() {
        let mut bench = Bench::<F>::new(100);
        let pmap = bench.paging.pmap_create(&mut bench.frames).unwrap();
        let size = 1 << F::PAGE_SHIFT;
        let beyond = bench.paging.address_of(PageId(1 << 20));
        for (at, frame) in [
            (size, PhysAddr(0)),
            (2 * size, PhysAddr(size)),
            (3 * size, beyond),
        ] {
            let mapping = Mapping {
                protection: Protection::DEFAULT,
                tracking: Tracking::Untracked,
                cache: CacheMode::Device,
                ..DATA
            };
            for protection in [Protection::DEFAULT, Protection::READ, Protection::DEFAULT] {
                let mapping = Mapping {
                    protection,
                    ..mapping
                };
                let enter = |bench: &mut Bench<F>, reserve: &mut Reserve| {
                    bench.with_batch(|paging, batch| {
                        paging.pmap_enter_device(
                            &pmap,
                            VirtAddr(at),
                            frame,
                            mapping,
                            reserve,
                            batch,
                        )
                    })
                };
                let mut reserve = Reserve::default();
                if enter(&mut bench, &mut reserve) == Err(NotEntered::Reserve) {
                    bench
                        .paging
                        .pmap_refill(&pmap, VirtAddr(at), &mut reserve, &mut bench.frames)
                        .unwrap();
                    assert_eq!(enter(&mut bench, &mut reserve), Ok(()));
                }
                bench.paging.pmap_unreserve(&mut reserve, &mut bench.frames);
                assert_eq!(bench.paging.pmap_residence(&pmap).untracked.0, 1);
            }
            bench.with_batch(|paging, batch| {
                let page = Range::new(VirtAddr(at), VirtAddr(at + size));
                paging.pmap_protect(&pmap, page, Protection::READ, batch);
            });
            bench.remove(&pmap, at, at + size);
            assert_eq!(bench.paging.pmap_residence(&pmap).total().0, 0);
        }
    }
    each::<X86_64>();
    each::<Aarch64Granule4K>();
    each::<Aarch64Granule16K>();
}
