//! Zones that one thread uses, and what must hold when it ends.

use zalloc::Zones;
use zalloc::host::HostChunks;

pub type Source = HostChunks<12>;

/// Zones used from one CPU, so that what its magazine holds is not in the way of a count.
pub fn zones() -> (Source, Zones<Source>) {
    sync::host::enter(Some(0), None);
    (Source::new(), Zones::new())
}

pub fn finish(source: &Source, zones: Zones<Source>) {
    zones.audit().expect("the zones add up");
    zones.destroy(source).expect("nothing is in use");
    assert_eq!(source.pages_out(), 0, "every page came back");
}
