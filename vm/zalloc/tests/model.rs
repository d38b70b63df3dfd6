//! Random allocations and frees against a model, with failures and collections in between.

use proptest::prelude::*;
use zalloc::host::HostChunks;
use zalloc::{ChunkSource, Exhausted, Reserve, ZBox, Zone, ZoneOptions, Zones};

type Source = HostChunks<14>;
type Element = [u32; 25];

#[derive(Clone, Debug)]
enum Step {
    Alloc(u32),
    /// Frees the n-th element that is out.
    Free(usize),
    Gc,
    FailOnce(u64),
    Cpu(usize),
    Reserve(usize),
    Fill(u32),
    Limit(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any::<u32>().prop_map(Step::Alloc),
        6 => any::<usize>().prop_map(Step::Free),
        1 => Just(Step::Gc),
        1 => (1..4u64).prop_map(Step::FailOnce),
        1 => (0..3usize).prop_map(Step::Cpu),
        1 => (0..30usize).prop_map(Step::Reserve),
        2 => any::<u32>().prop_map(Step::Fill),
        1 => (1..8usize).prop_map(Step::Limit),
    ]
}

fn run(steps: &[Step]) {
    let (source, zones) = (Source::new(), Zones::new());
    let zone: Zone<Element, Source> = zones
        .zone(&source, "model", ZoneOptions::default())
        .expect("memory");
    let mut out: Vec<(u32, ZBox<Element, Source>)> = Vec::new();
    let mut reserve: Reserve<Element, Source> = Reserve::new();
    for step in steps {
        match *step {
            Step::Alloc(value) => match zone.alloc(&source, [value; 25]) {
                Ok(element) => out.push((value, element)),
                Err(Exhausted(back)) => assert_eq!(back, [value; 25]),
            },
            Step::Free(n) if !out.is_empty() => {
                let (value, element) = out.swap_remove(n % out.len());
                assert_eq!(element.into_inner(), [value; 25]);
            }
            Step::Free(_) => {}
            Step::Gc => {
                let (before, returned) = (source.pages_out(), zone.gc(&source));
                assert_eq!(before - source.pages_out(), returned >> 14);
            }
            Step::FailOnce(k) => source.injector().fail_once(k),
            Step::Cpu(cpu) => sync::host::enter(Some(cpu), None),
            Step::Reserve(count) => {
                let before = reserve.count();
                match reserve.refill(&zone, &source, count) {
                    Ok(()) => assert_eq!(reserve.count(), before.max(count)),
                    Err(Exhausted(())) => assert_eq!(reserve.count(), before),
                }
            }
            Step::Fill(value) => match reserve.fill([value; 25]) {
                Ok(element) => out.push((value, element)),
                Err(_) => assert_eq!(reserve.count(), 0),
            },
            Step::Limit(pages) => source.set_limit(pages),
        }
        let mut ids: Vec<usize> = out.iter().map(|(_, element)| element.id()).collect();
        ids.sort_unstable();
        assert!(
            ids.windows(2)
                .all(|pair| pair[1] - pair[0] >= size_of::<Element>()),
            "elements overlap"
        );
        assert!(out.iter().all(|(value, element)| **element == [*value; 25]));
        assert_eq!(zone.count() as usize, out.len() + reserve.count());
        assert_eq!(
            zone.audit().map(|census| census.used as usize),
            Ok(out.len() + reserve.count())
        );
    }
    drop((out, reserve, zone));
    zones.destroy(&source).expect("nothing is in use");
    assert_eq!(source.pages_out(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 400 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_sequences_match_the_model(steps in prop::collection::vec(step(), 0..if cfg!(miri) { 60 } else { 600 })) {
        run(&steps);
    }
}
