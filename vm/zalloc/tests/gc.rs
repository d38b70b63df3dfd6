//! Empty chunks go back while others allocate.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use zalloc::host::HostChunks;
use zalloc::{Zone, ZoneOptions, Zones};

const ROUNDS: usize = if cfg!(miri) { 6 } else { 2_000 };

/// XNU's test of this name: two CPUs fill reserves and use them up while a third collects. A reserve that
/// was filled cannot fail, and at the end every page has come back.
#[test]
fn zone_gc_replenish_test() {
    sync::host::enter(Some(0), None);
    let (source, zones) = (HostChunks::<12>::new(), Zones::new());
    let zone: Zone<[usize; 30], _> = zones
        .zone(&source, "replenished", ZoneOptions::default())
        .expect("memory");
    let left = AtomicUsize::new(2);
    thread::scope(|scope| {
        for cpu in 0..2 {
            let (zone, source, left) = (&zone, &source, &left);
            scope.spawn(move || {
                sync::host::enter(Some(cpu), None);
                for round in 0..ROUNDS {
                    let mut reserve = zone.reserve(source, 40).expect("memory");
                    let held: Vec<_> = (0..40)
                        .map(|n| reserve.fill([round + n; 30]).expect("it was filled"))
                        .collect();
                    assert!(
                        held.iter()
                            .enumerate()
                            .all(|(n, one)| **one == [round + n; 30])
                    );
                }
                left.fetch_sub(1, Ordering::Release);
            });
        }
        let (zones, source, left) = (&zones, &source, &left);
        scope.spawn(move || {
            sync::host::enter(Some(2), None);
            while left.load(Ordering::Acquire) != 0 {
                zones.gc(source);
                thread::yield_now();
            }
        });
    });
    assert_eq!(zone.count(), 0);
    zone.audit().expect("adds up");
    drop(zone);
    zones.audit().expect("the zones add up");
    zones.destroy(&source).expect("nothing is in use");
    assert_eq!(source.pages_out(), 0, "every page came back");
}
