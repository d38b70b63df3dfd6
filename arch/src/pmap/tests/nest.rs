//! Nested pmaps: what the conformance suite does not look at.

use super::*;
use crate::pmap::hardware::Tag;

/// Leaf tables of the nested pmap: more than a pmap keeps without mappings.
const TABLES: u64 = 7;
/// Its first address, in leaf tables.
const FIRST: u64 = 40;

/// A bench, and a nested pmap with one page mapped at the start of each of its tables.
fn library<F: PteFormat>() -> (Bench<F>, Pmap<Simulated>, PageId) {
    let mut bench = Bench::<F>::new(200);
    let page = bench.frames.take().unwrap();
    let nested = bench.paging.pmap_create_nested(&mut bench.frames).unwrap();
    for table in 0..TABLES {
        bench.enter(&nested, start::<F>(table).0, page, DATA);
    }
    (bench, nested, page)
}

fn start<F: PteFormat>(table: u64) -> VirtAddr {
    VirtAddr((FIRST + table) << F::shift(1))
}

fn all<F: PteFormat>() -> Range {
    Range::new(start::<F>(0), start::<F>(TABLES))
}

impl<F: PteFormat> Bench<F> {
    fn nest(&mut self, pmap: &Pmap<Simulated>, nested: &Pmap<Simulated>, at: VirtAddr) {
        let mut reserve = Reserve::default();
        let nest = |bench: &mut Self, reserve: &mut Reserve| {
            bench.with_batch(|paging, batch| paging.pmap_nest(pmap, nested, at, reserve, batch))
        };
        let mut tries = 0;
        while let Err(why) = nest(self, &mut reserve) {
            tries += 1;
            assert!(tries < 4, "{} {why:?} again and again", F::NAME);
            if why == NotEntered::Reserve {
                let filled = self
                    .paging
                    .pmap_refill(nested, at, &mut reserve, &mut self.frames);
                filled.unwrap();
            }
        }
        self.paging.pmap_unreserve(&mut reserve, &mut self.frames);
    }

    fn shown(&self, pmap: &Pmap<Simulated>) -> Vec<u64> {
        let shows = |table: &u64| {
            let found = self.paging.pmap_extract(pmap, start::<F>(*table));
            assert_eq!(
                found.is_some(),
                self.paging.pmap_is_nested(pmap, start::<F>(*table))
            );
            found.is_some()
        };
        (0..TABLES).filter(shows).collect()
    }
}

fn each(check: [fn(); 3]) {
    check.iter().for_each(|check| check());
}

/// Tables count once, pages too, and a pmap that shows them ends without them.
#[test]
fn a_nested_table_is_counted_once_and_outlives_who_shows_it() {
    fn check<F: PteFormat>() {
        let (mut bench, nested, page) = library::<F>();
        let tables = bench.paging.pmap_tables(&nested).0;
        let users: Vec<_> = (0..3)
            .map(|_| bench.paging.pmap_create(&mut bench.frames).unwrap())
            .collect();
        for user in &users {
            for table in 0..TABLES {
                bench.nest(user, &nested, start::<F>(table));
            }
            // The root, and what leads from it to the entry.
            let own = F::LEVELS as u64 - 1;
            assert_eq!(bench.paging.pmap_tables(user).0, own, "{}", F::NAME);
            assert_eq!(bench.paging.pmap_resident(user).0, 0);
            assert_eq!(bench.shown(user).len() as u64, TABLES);
        }
        assert_eq!(bench.paging.pmap_nestings(&nested), 3 * TABLES);
        assert_eq!(bench.paging.pmap_tables(&nested).0, tables);
        assert_eq!(bench.paging.page_mappings(page) as u64, TABLES);
        for user in users {
            bench.paging.pmap_destroy(user, &mut bench.frames);
        }
        assert_eq!(bench.paging.pmap_nestings(&nested), 0);
        assert_eq!(bench.paging.pmap_tables(&nested).0, tables);
        assert_eq!(bench.paging.pmap_resident(&nested).0, TABLES);
        bench.paging.pmap_destroy(nested, &mut bench.frames);
        bench.frames.give(page);
        assert!(bench.frames.complete(), "{}", F::NAME);
    }
    each([
        check::<X86_64>,
        check::<Aarch64Granule4K>,
        check::<Aarch64Granule16K>,
    ]);
}

/// A table of a nested pmap stays where it is when the last mapping leaves it: what is mapped there
/// later shows everywhere.
#[test]
fn an_empty_nested_table_is_kept() {
    fn check<F: PteFormat>() {
        let (mut bench, nested, page) = library::<F>();
        let user = bench.paging.pmap_create(&mut bench.frames).unwrap();
        for table in 0..TABLES {
            bench.nest(&user, &nested, start::<F>(table));
        }
        let tables = bench.paging.pmap_tables(&nested).0;
        let range = all::<F>();
        bench.remove(&nested, range.start.0, range.end.0);
        assert_eq!(bench.paging.page_mappings(page), 0);
        assert_eq!(bench.paging.pmap_extract(&user, range.start), None);
        assert_eq!(bench.paging.pmap_tables(&nested).0, tables, "{}", F::NAME);
        for table in 0..TABLES {
            bench.enter(&nested, start::<F>(table).0, page, DATA);
        }
        assert_eq!(bench.shown(&user).len() as u64, TABLES, "{}", F::NAME);
        bench.with_batch(|paging, batch| paging.page_protect(page, Protection::READ, batch));
        let found = bench.paging.pmap_extract(&user, range.start);
        assert_eq!(found, Some((page, Protection::READ)));
        bench.paging.pmap_destroy(user, &mut bench.frames);
        bench.paging.pmap_destroy(nested, &mut bench.frames);
    }
    each([
        check::<X86_64>,
        check::<Aarch64Granule4K>,
        check::<Aarch64Granule16K>,
    ]);
}

/// Whole tables cease to show, those that the range meets; upper tables without entries go too.
#[test]
fn unnesting_takes_whole_tables() {
    fn check<F: PteFormat>() {
        let (mut bench, nested, page) = library::<F>();
        let user = bench.paging.pmap_create(&mut bench.frames).unwrap();
        // Tables that the pmap has kept of its own, though nothing is in them, give way.
        for table in 0..2 {
            bench.enter(&user, start::<F>(table).0, page, DATA);
        }
        bench.remove(&user, 0, USER_END);
        for table in 0..TABLES {
            bench.nest(&user, &nested, start::<F>(table));
        }
        let size = 1 << F::PAGE_SHIFT;
        let unnest = |bench: &mut Bench<F>, start: u64, end: u64| {
            let range = Range::new(VirtAddr(start), VirtAddr(end));
            bench.with_batch(|paging, batch| paging.pmap_unnest(&user, range, batch));
        };
        unnest(&mut bench, start::<F>(2).0, start::<F>(2).0);
        assert_eq!(bench.shown(&user).len() as u64, TABLES);
        unnest(&mut bench, start::<F>(2).0 - size, start::<F>(3).0 + size);
        assert_eq!(bench.shown(&user), [0, 4, 5, 6], "{}", F::NAME);
        // The pmap's own mappings beside, and where tables were.
        bench.enter(&user, start::<F>(2).0, page, DATA);
        assert_eq!(bench.paging.pmap_resident(&user).0, 1);
        unnest(&mut bench, 0, USER_END);
        assert_eq!(bench.paging.pmap_nestings(&nested), 0);
        assert!(
            bench
                .paging
                .pmap_extract(&user, start::<F>(2))
                .is_some_and(|(found, _)| found == page)
        );
        bench.remove(&user, 0, USER_END);
        bench.paging.pmap_destroy(user, &mut bench.frames);
        bench.paging.pmap_destroy(nested, &mut bench.frames);
        bench.frames.give(page);
        assert!(bench.frames.complete(), "{}", F::NAME);
    }
    each([
        check::<X86_64>,
        check::<Aarch64Granule4K>,
        check::<Aarch64Granule16K>,
    ]);
}

/// Without memory nothing is nested, and no frame is lost.
#[test]
fn a_shortage_nests_nothing() {
    fn check<F: PteFormat>() {
        let mut bench = Bench::<F>::new(100);
        let nested = bench.paging.pmap_create_nested(&mut bench.frames).unwrap();
        let user = bench.paging.pmap_create(&mut bench.frames).unwrap();
        let mut reserve = Reserve::default();
        let need = bench.with_batch(|paging, batch| {
            paging.pmap_nest(&user, &nested, start::<F>(0), &mut reserve, batch)
        });
        assert_eq!(need, Err(NotEntered::Reserve));
        bench.frames.fail_in = Some(1);
        let filled =
            bench
                .paging
                .pmap_refill(&nested, start::<F>(0), &mut reserve, &mut bench.frames);
        assert!(filled.is_err(), "{}", F::NAME);
        bench.paging.pmap_unreserve(&mut reserve, &mut bench.frames);
        assert!(!bench.paging.pmap_is_nested(&user, start::<F>(0)));
        assert_eq!(bench.paging.pmap_nestings(&nested), 0);
        bench.paging.pmap_destroy(user, &mut bench.frames);
        bench.paging.pmap_destroy(nested, &mut bench.frames);
        assert!(bench.frames.complete(), "{}", F::NAME);
    }
    each([
        check::<X86_64>,
        check::<Aarch64Granule4K>,
        check::<Aarch64Granule16K>,
    ]);
}

/// Where other CPUs must be asked, all of them may see what a nested pmap maps.
#[test]
fn another_page_is_not_put_where_any_cpu_may_see_the_old_one() {
    let (mut bench, nested, page) = library::<X86_64>();
    assert_eq!(bench.paging.tag(&nested), Tag::NESTED);
    let other = bench.frames.take().unwrap();
    bench
        .paging
        .hardware()
        .beside
        .lock()
        .unwrap()
        .push(Beside::Now);
    let entered = bench.with_batch(|paging, batch| {
        let reserve = &mut Reserve::default();
        paging.pmap_enter(&nested, start::<X86_64>(0), other, DATA, reserve, batch)
    });
    assert_eq!(entered, Err(NotEntered::Occupied));
    let found = bench.paging.pmap_extract(&nested, start::<X86_64>(0));
    assert_eq!(found.map(|(found, _)| found), Some(page));
    bench.paging.pmap_destroy(nested, &mut bench.frames);
}

/// A pmap that others still show does not end.
#[test]
#[should_panic(expected = "I-NEST-3")]
fn a_pmap_whose_tables_others_show_does_not_end() {
    let (mut bench, nested, _) = library::<Aarch64Granule16K>();
    let user = bench.paging.pmap_create(&mut bench.frames).unwrap();
    bench.nest(&user, &nested, start::<Aarch64Granule16K>(3));
    bench.paging.pmap_destroy(nested, &mut bench.frames);
}

/// Nothing is entered into a nested table by way of who shows it.
#[test]
#[should_panic(expected = "I-NEST-2")]
fn nothing_is_entered_over_a_nested_table() {
    let (mut bench, nested, page) = library::<X86_64>();
    let user = bench.paging.pmap_create(&mut bench.frames).unwrap();
    bench.nest(&user, &nested, start::<X86_64>(0));
    bench.enter(&user, start::<X86_64>(0).0, page, DATA);
}
