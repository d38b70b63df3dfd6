//! Zones over host memory: what handles promise, what exhaustion leaves.

mod quiet;

use quiet::{Source, finish, zones};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use zalloc::{ChunkSource, Exhausted, RefZone, Reserve, Zone, ZoneOptions};

const ROUNDS: usize = if cfg!(miri) { 40 } else { 20_000 };

#[test]
fn a_box_holds_its_value_and_drops_it_once() {
    let (source, zones) = zones();
    let zone: Zone<Rc<u64>, _> = zones
        .zone(&source, "boxes", ZoneOptions::default())
        .expect("memory");
    let value = Rc::new(7);
    let mut boxes: Vec<_> = (0..100)
        .map(|_| zone.alloc(&source, value.clone()).expect("memory"))
        .collect();
    assert_eq!((Rc::strong_count(&value), zone.count()), (101, 100));
    assert!(boxes.iter().all(|one| ***one == 7));
    let taken = boxes.pop().expect("a hundred").into_inner();
    assert_eq!(*taken, 7);
    drop((boxes, taken));
    assert_eq!((Rc::strong_count(&value), zone.count()), (1, 0));
    drop(zone);
    finish(&source, zones);
}

#[test]
fn a_value_is_dropped_before_its_element_is_free() {
    struct Noisy<'a>(&'a RefCell<Vec<&'static str>>, &'static str);
    impl Drop for Noisy<'_> {
        fn drop(&mut self) {
            self.0.borrow_mut().push(self.1);
        }
    }
    let (source, zones) = zones();
    let log = RefCell::new(Vec::new());
    {
        let zone: Zone<(Noisy<'_>, Noisy<'_>), _> = zones
            .zone(&source, "noisy", ZoneOptions::default())
            .expect("memory");
        let one = zone
            .alloc(&source, (Noisy(&log, "a"), Noisy(&log, "b")))
            .ok()
            .expect("memory");
        drop(one);
        assert_eq!(zone.count(), 0);
    }
    assert_eq!(*log.borrow(), ["a", "b"]);
    finish(&source, zones);
}

#[test]
fn elements_are_aligned_and_apart() {
    #[repr(align(64))]
    struct Line([u8; 72]);
    let (source, zones) = zones();
    let zone: Zone<Line, _> = zones
        .zone(&source, "lines", ZoneOptions::default())
        .expect("memory");
    let lines: Vec<_> = (0..70u8)
        .map(|n| zone.alloc(&source, Line([n; 72])).ok().expect("memory"))
        .collect();
    for (n, line) in lines.iter().enumerate() {
        assert_eq!(line.id() % 64, 0);
        assert!(line.0.iter().all(|byte| usize::from(*byte) == n));
    }
    drop((lines, zone));
    finish(&source, zones);
}

#[test]
fn the_last_reference_gives_the_value() {
    let (source, zones) = zones();
    let zone: RefZone<String, _> = zones
        .zone(&source, "names", ZoneOptions::default())
        .expect("memory");
    let mut one = zone
        .alloc_ref(&source, "first".to_string())
        .expect("memory");
    one.get_mut().expect("alone").push('!');
    let two = one.try_ref().expect("few");
    assert!(one.ptr_eq(&two) && one.count() == 2 && one.get_mut().is_none());
    assert_eq!(one.into_inner_if_last(), None);
    assert_eq!(two.into_inner_if_last().as_deref(), Some("first!"));
    assert_eq!(zone.count(), 0);
    drop(zone);
    finish(&source, zones);
}

#[test]
fn a_reserve_cannot_fail_and_gives_back_the_rest() {
    let (source, zones) = zones();
    let zone: Zone<[u64; 6], _> = zones
        .zone(&source, "entries", ZoneOptions::default())
        .expect("memory");
    let mut reserve = zone.reserve(&source, 50).expect("memory");
    source.set_limit(0);
    let boxes: Vec<_> = (0..30)
        .map(|n| reserve.fill([n; 6]).expect("reserved"))
        .collect();
    assert_eq!((reserve.count(), zone.count()), (20, 50));
    assert!(boxes.iter().zip(0..).all(|(one, n)| **one == [n; 6]));
    drop(reserve);
    assert_eq!(zone.count(), 30);
    assert_eq!(
        Reserve::new()
            .fill([9; 6])
            .map(|one: zalloc::ZBox<_, Source>| *one),
        Err(Exhausted([9; 6]))
    );
    drop((boxes, zone));
    finish(&source, zones);
}

#[test]
fn a_reserve_of_references_fills() {
    let (source, zones) = zones();
    let zone: RefZone<u8, _> = zones
        .zone(&source, "objects", ZoneOptions::default())
        .expect("memory");
    let mut reserve = zone.reserve(&source, 1).expect("memory");
    let one = reserve.fill_ref(3).expect("reserved");
    assert_eq!((*one, one.count()), (3, 1));
    assert_eq!(reserve.fill_ref(4).err(), Some(Exhausted(4)));
    drop((one, reserve, zone));
    finish(&source, zones);
}

#[test]
fn exhaustion_leaves_no_trace() {
    let (source, zones) = zones();
    let zone: Zone<[u64; 32], _> = zones
        .zone(&source, "vm objects", ZoneOptions::default())
        .expect("memory");
    source.set_limit(source.pages_out() + 2);
    let mut boxes = Vec::new();
    let refused = loop {
        match zone.alloc(&source, [1; 32]) {
            Ok(one) => boxes.push(one),
            Err(Exhausted(value)) => break value,
        }
    };
    let (count, pages) = (boxes.len(), source.pages_out());
    assert_eq!((refused, zone.count()), ([1; 32], count as u64));
    assert!(zone.reserve(&source, 3).is_err());
    boxes.truncate(count - 2);
    assert!(
        zone.reserve(&source, 3).is_err(),
        "two are free, three are asked for"
    );
    assert_eq!(
        (zone.count(), source.pages_out()),
        (count as u64 - 2, pages)
    );
    assert_eq!(zone.reserve(&source, 2).map(|two| two.count()), Ok(2));
    zone.audit().expect("adds up");
    drop((boxes, zone));
    finish(&source, zones);
}

#[test]
fn a_zone_with_a_maximum_runs_out() {
    let (source, zones) = zones();
    let zone: Zone<[u64; 32], _> = zones
        .zone(
            &source,
            "few",
            ZoneOptions {
                max_elements: Some(20),
            },
        )
        .expect("memory");
    let boxes: Vec<_> = std::iter::from_fn(|| zone.alloc(&source, [0; 32]).ok())
        .take(100)
        .collect();
    // Fifteen of 256 bytes fit a page of 4096 beside the header: two chunks.
    assert_eq!(boxes.len(), 30);
    let info = zone.info();
    assert_eq!(
        (
            info.count,
            info.cur_size,
            info.max_size,
            info.elem_size,
            info.alloc_size
        ),
        (30, 8192, 8192, 256, 4096)
    );
    assert_eq!(
        (info.sum_size, info.exhaustible, info.collectable),
        (30 * 256, 1, 1)
    );
    drop(boxes);
    assert_eq!(zone.info().count, 0);
    drop(zone);
    finish(&source, zones);
}

#[test]
fn every_kth_allocation_fails_by_order() {
    let (source, zones) = zones();
    let zone: Zone<u64, _> = zones
        .zone(&source, "words", ZoneOptions::default())
        .expect("memory");
    // The first allocation strikes twice: for the element and for its chunk.
    source.injector().fail_once(2);
    assert_eq!(zone.alloc(&source, 1).err(), Some(Exhausted(1)));
    assert_eq!((zone.count(), zone.info().cur_size), (0, 0));
    source.injector().fail_once(3);
    let one = zone.alloc(&source, 1).expect("the third fails");
    assert!(zone.alloc(&source, 2).is_err());
    let two = zone.alloc(&source, 2).expect("only once");
    assert_eq!(*one + *two, 3);
    drop((one, two, zone));
    finish(&source, zones);
}

#[test]
fn gc_returns_empty_chunks_only() {
    let (source, zones) = zones();
    let zone: Zone<[u64; 32], _> = zones
        .zone(&source, "vm objects", ZoneOptions::default())
        .expect("memory");
    let before = source.pages_out();
    let mut boxes: Vec<_> = (0..150)
        .map(|_| zone.alloc(&source, [0; 32]).expect("memory"))
        .collect();
    assert_eq!(source.pages_out() - before, 10);
    let kept = boxes.remove(77);
    drop(boxes);
    assert_eq!(zone.info().collectable & 1, 1);
    let freed = zone.gc(&source);
    assert_eq!(
        (freed, source.pages_out() - before, zone.count()),
        (9 * 4096, 1, 1)
    );
    zone.audit().expect("adds up");
    drop(kept);
    assert_eq!((zones.gc(&source), source.pages_out() - before), (4096, 0));
    drop(zone);
    finish(&source, zones);
}

#[test]
fn zones_are_listed_in_order_and_not_destroyed_in_use() {
    let (source, zones) = zones();
    let maps: Zone<[u64; 20], _> = zones
        .zone(&source, "maps", ZoneOptions::default())
        .expect("memory");
    let entries: Zone<[u64; 10], _> = zones
        .zone(&source, "VM map entries", ZoneOptions::default())
        .expect("memory");
    let map = maps.alloc(&source, [0; 20]).expect("memory");
    let listed: Vec<_> = zones
        .iter()
        .map(|(name, info)| (name, info.count, info.elem_size))
        .collect();
    assert_eq!(listed, [("maps", 1, 160), ("VM map entries", 0, 80)]);
    drop(maps);
    let zones = zones
        .destroy(&source)
        .expect_err("an element and a handle are out")
        .0;
    drop(map);
    let zones = zones.destroy(&source).expect_err("a handle is out").0;
    drop(entries);
    finish(&source, zones);
}

#[test]
fn several_cpus_share_a_zone() {
    let (source, zones) = zones();
    let zone: RefZone<AtomicUsize, _> = zones
        .zone(&source, "shared", ZoneOptions::default())
        .expect("memory");
    let shared = zone
        .alloc_ref(&source, AtomicUsize::new(0))
        .expect("memory");
    thread::scope(|scope| {
        for cpu in 0..3 {
            let (zone, source, shared) = (&zone, &source, &shared);
            scope.spawn(move || {
                sync::host::enter(Some(cpu), None);
                let mut held = Vec::new();
                for round in 0..ROUNDS {
                    let mine = shared.try_ref().expect("few");
                    mine.fetch_add(1, Ordering::Relaxed);
                    held.push(
                        zone.alloc_ref(source, AtomicUsize::new(round))
                            .expect("memory"),
                    );
                    if held.len() == 23 {
                        let sum: usize =
                            held.drain(5..).map(|one| one.load(Ordering::Relaxed)).sum();
                        assert!(sum <= 23 * ROUNDS);
                    }
                }
            });
        }
    });
    assert_eq!(
        (shared.load(Ordering::Relaxed), shared.count(), zone.count()),
        (3 * ROUNDS, 1, 1)
    );
    zone.audit().expect("adds up");
    drop((shared, zone));
    finish(&source, zones);
}

#[test]
fn elements_may_be_freed_on_another_cpu() {
    let (source, zones) = zones();
    let zone: Zone<[usize; 4], _> = zones
        .zone(&source, "mail", ZoneOptions::default())
        .expect("memory");
    let (send, receive) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        let (zone, source) = (&zone, &source);
        scope.spawn(move || {
            sync::host::enter(Some(4), None);
            for n in 0..ROUNDS {
                assert!(
                    send.send(zone.alloc(source, [n; 4]).expect("memory"))
                        .is_ok()
                );
            }
        });
        scope.spawn(move || {
            sync::host::enter(Some(5), None);
            for (n, mail) in receive.iter().enumerate() {
                assert_eq!(*mail, [n; 4]);
            }
        });
    });
    assert_eq!(zone.count(), 0);
    drop(zone);
    finish(&source, zones);
}
