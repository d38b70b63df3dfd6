//! Entries by the manuals: expected words were put together by hand from the figures named there.

use super::*;

const CODE: Protection = Protection::READ.union(Protection::EXECUTE);
const DATA: Protection = Protection::DEFAULT;

fn user(protection: Protection) -> Attributes {
    Attributes {
        protection,
        space: Space::User,
        cache: CacheMode::WriteBack,
        wired: Wired::No,
        tracking: Tracking::Tracked,
    }
}

#[test]
fn x86_64_leaves() {
    let leaf = |attributes| X86_64::leaf(PhysAddr(0x1234_5000), attributes);
    // NX, U, W, P.
    assert_eq!(leaf(user(DATA)), 0x8000_0000_1234_5007);
    assert_eq!(leaf(user(Protection::READ)), 0x8000_0000_1234_5005);
    assert_eq!(leaf(user(CODE)), 0x0000_0000_1234_5005);
    assert_eq!(leaf(user(Protection::ALL)), 0x0000_0000_1234_5007);
    // Execution implies reading.
    assert_eq!(leaf(user(Protection::EXECUTE)), 0x0000_0000_1234_5005);
    // NX, untracked (bit 10), wired (bit 9), G, W, P; PCD and PWT for devices, PWT for write-combining.
    let kernel = Attributes::kernel(DATA);
    assert_eq!(leaf(kernel), 0x8000_0000_1234_5703);
    assert_eq!(
        leaf(kernel.cached(CacheMode::Device)),
        0x8000_0000_1234_571b
    );
    assert_eq!(
        leaf(kernel.cached(CacheMode::WriteCombining)),
        0x8000_0000_1234_570b
    );
}

#[test]
fn x86_64_upper_levels() {
    // PS; no table entry forbids anything, and a user's lets user mode through.
    assert_eq!(
        X86_64::block(
            1,
            PhysAddr(0x4020_0000),
            Attributes::kernel(Protection::READ)
        ),
        0x8000_0000_4020_0781
    );
    assert_eq!(X86_64::table(PhysAddr(0x7000), Space::User), 0x7007);
    assert_eq!(X86_64::table(PhysAddr(0x7000), Space::Kernel), 0x7003);
    assert!(
        X86_64::is_table(0x7007, 1) && !X86_64::is_table(0x7087, 1) && !X86_64::is_table(0x7007, 0)
    );
}

#[test]
fn x86_64_memory_types() {
    // PAT entry n is byte n: 6 write-back, 1 write-combining, 7 uncached-minus, 0 uncached.
    assert_eq!(x86_64::PAT.to_le_bytes(), [6, 1, 7, 0, 6, 1, 7, 0]);
}

#[test]
fn aarch64_leaves() {
    let leaf = |attributes| Aarch64Granule16K::leaf(PhysAddr(0x4123_4000), attributes);
    // WRITTEN 55, UXN 54, PXN 53, nG 11, AF 10, SH 9:8 = 3, AP 7:6 = 01, page 1:0 = 3.
    assert_eq!(leaf(user(DATA)), 0x00e0_0000_4123_4f43);
    // AP = 11, not WRITTEN.
    assert_eq!(leaf(user(Protection::READ)), 0x0060_0000_4123_4fc3);
    // Executable by user mode: no UXN, still PXN.
    assert_eq!(leaf(user(CODE)), 0x0020_0000_4123_4fc3);
    assert_eq!(leaf(user(Protection::ALL)), 0x00a0_0000_4123_4f43);
    // Kernel: untracked 57, wired 56, global, AP = 00 or 10, always UXN.
    let kernel = Attributes::kernel(DATA);
    assert_eq!(leaf(kernel), 0x03e0_0000_4123_4703);
    assert_eq!(leaf(Attributes::kernel(CODE)), 0x0340_0000_4123_4783);
    // AttrIndx 4:2 = 1 non-cacheable, 2 device.
    assert_eq!(
        leaf(kernel.cached(CacheMode::WriteCombining)),
        0x03e0_0000_4123_4707
    );
    assert_eq!(
        leaf(kernel.cached(CacheMode::Device)),
        0x03e0_0000_4123_470b
    );
}

#[test]
fn aarch64_upper_levels() {
    let kernel = Attributes::kernel(Protection::READ);
    // A block has 01 in its lowest bits; a table has 11 and nothing else.
    assert_eq!(
        Aarch64Granule4K::block(2, PhysAddr(0x4000_0000), kernel),
        0x0360_0000_4000_0781
    );
    assert_eq!(
        Aarch64Granule16K::block(1, PhysAddr(0x4200_0000), kernel),
        0x0360_0000_4200_0781
    );
    assert_eq!(
        Aarch64Granule16K::table(PhysAddr(0x4000_4000), Space::User),
        0x4000_4003
    );
    assert!(Aarch64Granule4K::is_table(0x4000_4003, 1));
    assert!(
        !Aarch64Granule4K::is_table(0x4000_4001, 1) && !Aarch64Granule4K::is_table(0x4000_4003, 0)
    );
}

#[test]
fn aarch64_memory_types() {
    // MAIR byte n is attribute n: ff write-back, 44 non-cacheable, 04 Device-nGnRE.
    assert_eq!(&aarch64::MAIR.to_le_bytes()[..3], [0xff, 0x44, 0x04]);
}

/// No format puts what belongs on leaves on the way to them.
#[test]
fn nx_only_on_leaf() {
    fn check<F: PteFormat>(no_execute: u64) {
        for space in [Space::User, Space::Kernel] {
            assert_eq!(
                F::table(PhysAddr(0x4000_4000), space) & no_execute,
                0,
                "{}",
                F::NAME
            );
            let leaf = F::leaf(
                PhysAddr(0x4000_4000),
                Attributes {
                    space,
                    ..user(DATA)
                },
            );
            assert_eq!(leaf & no_execute, no_execute, "{}", F::NAME);
        }
    }
    check::<X86_64>(1 << 63);
    check::<Aarch64Granule4K>(3 << 53);
    check::<Aarch64Granule16K>(3 << 53);
}

fn each(check: fn(&dyn Probe)) {
    check(&Of::<X86_64>(core::marker::PhantomData));
    check(&Of::<Aarch64Granule4K>(core::marker::PhantomData));
    check(&Of::<Aarch64Granule16K>(core::marker::PhantomData));
}

/// A format behind a table of functions, for tests over all formats.
trait Probe {
    fn leaf(&self, page: PhysAddr, attributes: Attributes) -> u64;
    fn protection(&self, entry: u64, space: Space) -> Protection;
    fn lower(&self, protection: Protection, space: Space) -> Lowering;
    fn address(&self, entry: u64) -> PhysAddr;
    fn refmod(&self, entry: u64) -> RefMod;
    fn forget(&self, which: RefMod) -> Lowering;
    fn index(&self, address: u64, level: Level) -> usize;
    fn geometry(&self) -> (u32, Level, u32);
}

struct Of<F>(core::marker::PhantomData<F>);

impl<F: PteFormat> Probe for Of<F> {
    fn leaf(&self, page: PhysAddr, attributes: Attributes) -> u64 {
        F::leaf(page, attributes)
    }
    fn protection(&self, entry: u64, space: Space) -> Protection {
        F::protection(entry, space)
    }
    fn lower(&self, protection: Protection, space: Space) -> Lowering {
        F::lower(protection, space)
    }
    fn address(&self, entry: u64) -> PhysAddr {
        F::address(entry)
    }
    fn refmod(&self, entry: u64) -> RefMod {
        F::refmod(entry)
    }
    fn forget(&self, which: RefMod) -> Lowering {
        F::forget(which)
    }
    fn index(&self, address: u64, level: Level) -> usize {
        F::index(address, level)
    }
    fn geometry(&self) -> (u32, Level, u32) {
        (F::PAGE_SHIFT, F::LEVELS, F::ROOT_BITS)
    }
}

#[test]
fn what_is_encoded_is_decoded_and_lowering_only_takes_away() {
    each(|format| {
        for space in [Space::User, Space::Kernel] {
            for bits in 1..8 {
                let protection = Protection::from_bits_truncate(bits);
                let entry = format.leaf(
                    PhysAddr(0x4123_4000),
                    Attributes {
                        space,
                        ..user(protection)
                    },
                );
                let readable = protection | Protection::READ;
                assert_eq!(format.address(entry), PhysAddr(0x4123_4000));
                assert_eq!(format.protection(entry, space), readable);
                for kept in 1..8 {
                    let kept = Protection::from_bits_truncate(kept) | Protection::READ;
                    let lowered = format.lower(kept, space).apply(entry);
                    assert_eq!(format.protection(lowered, space), readable & kept);
                    assert_eq!(format.address(lowered), PhysAddr(0x4123_4000));
                }
            }
        }
    });
}

#[test]
fn forgetting_clears_what_was_noted_and_nothing_else() {
    each(|format| {
        let leaf = format.leaf(PhysAddr(0x4123_4000), user(DATA));
        // What either machine's hardware or software notes: x86_64 A and D, aarch64 AF and WRITTEN.
        let used = leaf | if leaf >> 63 == 1 { 0x60 } else { 0 };
        assert_eq!(format.refmod(used), RefMod::all());
        for bits in 0..4 {
            let which = RefMod::from_bits_truncate(bits);
            let left = format.forget(which).apply(used);
            assert_eq!(format.refmod(left), RefMod::all() - which);
            assert_eq!(format.address(left), PhysAddr(0x4123_4000));
        }
    });
}

#[test]
fn a_write_after_forgetting_is_noticed() {
    // aarch64 notes writes by faults: a forgotten entry must not be writable.
    let format = Of::<Aarch64Granule16K>(core::marker::PhantomData);
    let entry = format.leaf(PhysAddr(0x4000), user(DATA));
    let forgotten = format.forget(RefMod::MODIFIED).apply(entry);
    assert_eq!(format.protection(forgotten, Space::User), Protection::READ);
}

#[test]
fn indices_cover_the_address_once() {
    each(|format| {
        let (page_shift, levels, root_bits) = format.geometry();
        // 47 bits of address and, where one root serves both halves, one for the half.
        let bits = page_shift + (page_shift - 3) * (levels as u32 - 1) + root_bits;
        assert!(bits == 47 || bits == 48);
        let address: u64 = 0x0000_5a3c_96f0_1234 & !((1 << page_shift) - 1);
        let mut whole = 0;
        for level in (0..levels).rev() {
            let width = if level + 1 == levels {
                root_bits
            } else {
                page_shift - 3
            };
            whole = whole << width | format.index(address, level) as u64;
        }
        assert_eq!(whole << page_shift, address);
    });
}
