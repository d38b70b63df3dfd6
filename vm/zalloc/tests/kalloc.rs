//! Memory by size, over host memory: every size and alignment, and the guards against misuse.

mod quiet;

use quiet::{Source, finish, zones};
use std::alloc::Layout;
use zalloc::Kalloc;

fn kalloc_panics(misuse: impl FnOnce(&Kalloc<Source>, &Source)) {
    let (source, zones) = zones();
    let kalloc = Kalloc::new(&zones, &source).expect("memory");
    misuse(&kalloc, &source);
}

const SMALL: Layout = Layout::new::<[u64; 8]>();

#[test]
#[should_panic(expected = "zone `default.kalloc.64`: double free")]
fn a_double_free_panics() {
    kalloc_panics(|kalloc, source| {
        let at = kalloc.alloc(source, SMALL).expect("memory");
        // SAFETY: the second call is the misuse that the guard must catch.
        unsafe {
            kalloc.free(source, at, SMALL);
            kalloc.free(source, at, SMALL);
        }
    });
}

#[test]
#[should_panic(expected = "double free")]
fn a_double_free_panics_after_the_magazine_was_flushed() {
    kalloc_panics(|kalloc, source| {
        let all: Vec<_> = (0..40)
            .map(|_| kalloc.alloc(source, SMALL).expect("memory"))
            .collect();
        // SAFETY: the last call is the misuse that the guard must catch.
        unsafe {
            all.iter().for_each(|at| kalloc.free(source, *at, SMALL));
            kalloc.free(source, all[0], SMALL);
        }
    });
}

#[test]
#[should_panic(
    expected = "an element of zone `default.kalloc.64` is freed to zone `default.kalloc.96`"
)]
fn a_free_to_the_wrong_zone_panics() {
    kalloc_panics(|kalloc, source| {
        let at = kalloc.alloc(source, SMALL).expect("memory");
        // SAFETY: the call is the misuse that the guard must catch.
        unsafe { kalloc.free(source, at, Layout::new::<[u64; 12]>()) };
    });
}

#[test]
#[should_panic(expected = "not the start of an element")]
fn a_free_inside_an_element_panics() {
    kalloc_panics(|kalloc, source| {
        let at = kalloc.alloc(source, SMALL).expect("memory");
        // SAFETY: the call is the misuse that the guard must catch.
        unsafe { kalloc.free(source, at.add(16), SMALL) };
    });
}

#[test]
#[should_panic(expected = "modified after it was freed")]
#[cfg_attr(
    not(debug_assertions),
    ignore = "free elements are checked in debug builds"
)]
fn a_write_after_the_free_is_found() {
    kalloc_panics(|kalloc, source| {
        let at = kalloc.alloc(source, SMALL).expect("memory");
        // SAFETY: the write is the misuse that the guard must catch; the chunk is still mapped.
        unsafe {
            kalloc.free(source, at, SMALL);
            at.add(9).write(1);
        }
        kalloc.alloc(source, SMALL);
    });
}

#[test]
fn kalloc_serves_every_size_and_alignment() {
    let (source, zones) = zones();
    let kalloc = Kalloc::new(&zones, &source).expect("memory");
    let step = if cfg!(miri) { 3001 } else { 7 };
    for align in [1, 8, 16, 64, 4096] {
        for size in (1..=32768).step_by(step) {
            let layout = Layout::from_size_align(size, align).expect("a layout");
            let at = kalloc.alloc(&source, layout).expect("memory");
            assert_eq!(at.as_ptr() as usize % align, 0);
            // SAFETY: the memory is ours, `size` bytes long, and freed once.
            unsafe {
                at.write_bytes(0xa5, size);
                kalloc.free(&source, at, layout);
            }
        }
    }
    for (size, align) in [(32769, 8), (8, 8192)] {
        assert!(
            kalloc
                .alloc(
                    &source,
                    Layout::from_size_align(size, align).expect("a layout")
                )
                .is_none()
        );
    }
    assert!(zones.iter().all(|(_, info)| info.count == 0));
    assert_eq!(zones.iter().count(), zalloc::CLASSES.len());
    drop(kalloc);
    finish(&source, zones);
}

#[test]
fn kalloc_takes_the_smallest_class() {
    let (source, zones) = zones();
    let kalloc = Kalloc::new(&zones, &source).expect("memory");
    for (size, align, class) in [
        (1, 1, 16),
        (16, 8, 16),
        (17, 8, 32),
        (32, 8, 32),
        (33, 8, 48),
        (48, 16, 48),
        (49, 8, 64),
        (65, 8, 96),
        (97, 1, 128),
        (129, 8, 192),
        (192, 64, 192),
        (193, 8, 256),
        (385, 8, 512),
        (40, 32, 64),
        (1025, 8, 1536),
        (2049, 8, 3072),
        (4097, 8, 6144),
        (24577, 8, 32768),
        (5, 4096, 4096),
        (8, 32, 32),
    ] {
        let layout = Layout::from_size_align(size, align).expect("a layout");
        let at = kalloc.alloc(&source, layout).expect("memory");
        let (_, info) = zones
            .iter()
            .find(|(_, info)| info.count == 1)
            .expect("one element is out");
        assert_eq!(info.elem_size, class, "{size} aligned to {align}");
        // SAFETY: the memory is ours and freed once.
        unsafe { kalloc.free(&source, at, layout) };
    }
    drop(kalloc);
    finish(&source, zones);
}
