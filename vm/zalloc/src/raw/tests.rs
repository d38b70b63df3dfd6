use super::*;
use crate::host::HostChunks;
use crate::registry::Zones;

type Source = HostChunks<12>;

/// A thread may change its CPU between the look into one magazine and the refill of another, which may
/// be nearly full: what has no room there stays in the chunks.
#[test]
fn a_refill_of_a_filled_magazine_loses_nothing() {
    let (source, zones) = (Source::new(), Zones::new());
    let geometry = Geometry::new(64, 8, 4096);
    for filled in 0..=ROUNDS {
        let zone = zones
            .raw_zone(&source, "filled", 64, geometry, None)
            .expect("memory");
        assert!(zone.expand(&source));
        let here = NoPreempt::new();
        let mut open = zone.open(&here);
        while open.room() > ROUNDS - filled {
            zone.refill_at_most(&mut open, 1);
        }
        zone.refill(&mut open);
        assert_eq!(open.room(), (ROUNDS - filled).saturating_sub(BATCH));
        drop(open);
        let census = zone
            .audit()
            .expect("every cached element is in the magazine");
        assert_eq!(census.cached, (filled + BATCH).min(ROUNDS) as u64);
    }
    zones.destroy(&source).expect("nothing is in use");
}
