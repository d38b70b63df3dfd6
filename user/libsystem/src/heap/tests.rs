use super::{Misuse, Pages, Tag, Zone};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::BTreeMap;

/// Pages from the host's allocator; counts what is out and can refuse.
struct Mock {
    page: usize,
    out: BTreeMap<usize, (usize, usize)>,
    refuse_after: Option<usize>,
}

impl Mock {
    fn new(page: usize) -> Self {
        Self {
            page,
            out: BTreeMap::new(),
            refuse_after: None,
        }
    }
}

// SAFETY: the host's allocator gives zeroed memory of that size and alignment.
unsafe impl Pages for Mock {
    fn page_size(&self) -> usize {
        self.page
    }
    fn map(&mut self, size: usize, align: usize, _tag: Tag) -> Option<usize> {
        assert!(size.is_multiple_of(self.page) && align.is_multiple_of(self.page));
        if let Some(left) = &mut self.refuse_after {
            *left = left.checked_sub(1)?;
        }
        let layout = Layout::from_size_align(size, align).ok()?;
        // SAFETY: the size is not 0.
        let address = unsafe { alloc_zeroed(layout) } as usize;
        self.out.insert(address, (size, align));
        Some(address)
    }
    fn extend(&mut self, _address: usize, _size: usize, _tag: Tag) -> bool {
        false
    }
    fn unmap(&mut self, address: usize, size: usize) {
        // A tail that is cut off stays with the host until the rest goes.
        if let Some((whole, align)) = self.out.remove(&address) {
            assert_eq!(
                whole.next_multiple_of(self.page),
                size.next_multiple_of(self.page),
                "unmapped as mapped"
            );
            // SAFETY: mapped above with this layout.
            unsafe {
                dealloc(
                    address as *mut u8,
                    Layout::from_size_align(whole, align).expect("layout"),
                )
            };
        } else {
            panic!("unmapped {address:#x}, which was not mapped");
        }
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        for (&address, &(size, align)) in &self.out {
            // SAFETY: still mapped with this layout.
            unsafe {
                dealloc(
                    address as *mut u8,
                    Layout::from_size_align(size, align).expect("layout"),
                )
            };
        }
    }
}

fn fill(address: usize, size: usize, byte: u8) {
    // SAFETY: a block of the zone.
    unsafe { core::ptr::write_bytes(address as *mut u8, byte, size) };
}

fn holds(address: usize, size: usize, byte: u8) -> bool {
    // SAFETY: a block of the zone.
    unsafe { core::slice::from_raw_parts(address as *const u8, size) }
        .iter()
        .all(|&b| b == byte)
}

#[test]
fn random_blocks_keep_their_bytes() {
    for page in [4096, 16384] {
        let mut pages = Mock::new(page);
        let mut zone = Zone::new();
        let mut live: Vec<(usize, usize, u8)> = Vec::new();
        let mut state = 12345u64;
        let mut next = |limit: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % limit as u64) as usize
        };
        for step in 0..60_000 {
            if live.is_empty() || next(100) < 52 {
                let size = match next(10) {
                    0 => next(100_000),
                    1..=3 => next(33_000),
                    _ => next(1100),
                };
                let align = 1 << (4 + next(10));
                let (address, zeroed) = zone.allocate(&mut pages, size, align).expect("memory");
                assert_eq!(address % align, 0);
                let usable = zone.size(address).expect("a block");
                assert!(usable >= size);
                assert!(!zeroed || holds(address, usable, 0), "said to be zero");
                let byte = step as u8 | 1;
                fill(address, usable, byte);
                live.push((address, usable, byte));
            } else {
                let (address, size, byte) = live.swap_remove(next(live.len()));
                assert!(holds(address, size, byte), "block changed");
                zone.free(&mut pages, address).expect("in use");
            }
        }
        assert!(zone.check());
        assert_eq!(zone.statistics().blocks, live.len());
        for (address, size, byte) in live {
            assert!(holds(address, size, byte));
            zone.free(&mut pages, address).expect("in use");
        }
        assert!(zone.check());
        assert_eq!((zone.statistics().blocks, zone.statistics().bytes), (0, 0));
    }
}

#[test]
fn wrong_pointers_are_found_out() {
    let mut pages = Mock::new(4096);
    let mut zone = Zone::new();
    let tiny = zone.allocate(&mut pages, 100, 16).expect("memory").0;
    let small = zone.allocate(&mut pages, 5000, 16).expect("memory").0;
    let large = zone.allocate(&mut pages, 50_000, 16).expect("memory").0;
    assert_eq!(zone.free(&mut pages, tiny + 8), Err(Misuse::NotAllocated));
    assert_eq!(
        zone.free(&mut pages, large + 4096),
        Err(Misuse::NotAllocated)
    );
    assert_eq!(zone.free(&mut pages, 0x1000), Err(Misuse::NotAllocated));
    zone.free(&mut pages, tiny).expect("in use");
    zone.free(&mut pages, small).expect("in use");
    zone.free(&mut pages, large).expect("in use");
    assert_eq!(zone.free(&mut pages, tiny), Err(Misuse::DoubleFreeTiny));
    assert_eq!(zone.free(&mut pages, small), Err(Misuse::DoubleFreeSmall));
    assert_eq!(zone.free(&mut pages, large), Err(Misuse::NotAllocated));
}

#[test]
fn sizes_are_darwins() {
    let good = |size| Zone::good_size(16384, size);
    assert_eq!(
        [good(0), good(1), good(16), good(17), good(1008)],
        [16, 16, 16, 32, 1008]
    );
    assert_eq!([good(1009), good(1025), good(32768)], [1024, 1536, 32768]);
    assert_eq!(good(32769), 49152);
}

#[test]
fn a_refusal_leaves_the_zone_as_it_was() {
    for limit in 0..12 {
        let mut pages = Mock::new(4096);
        let mut zone = Zone::new();
        pages.refuse_after = Some(limit);
        let mut live = Vec::new();
        for size in [10, 1000, 5000, 30_000, 70_000, 10, 90_000] {
            if let Some((address, _)) = zone.allocate(&mut pages, size, 16) {
                live.push(address);
            }
            assert!(zone.check());
        }
        for address in live {
            zone.free(&mut pages, address).expect("in use");
        }
        assert!(zone.check());
    }
}

#[test]
fn empty_regions_go_back() {
    let mut pages = Mock::new(4096);
    let mut zone = Zone::new();
    let blocks: Vec<usize> = (0..20_000)
        .map(|_| zone.allocate(&mut pages, 1000, 16).expect("memory").0)
        .collect();
    let most = zone.statistics().mapped;
    assert!(most >= 20 << 20);
    for address in blocks {
        zone.free(&mut pages, address).expect("in use");
    }
    assert!(zone.statistics().mapped <= 2 << 20);
    assert!(zone.check());
}
