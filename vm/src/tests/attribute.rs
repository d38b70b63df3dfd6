//! Caches, and where pages are.

use super::*;
use crate::sim::Counts;

const CACHE: u32 = 1;
const SYNC: i32 = 9;

/// Resident pages are maintained where the machine does such a thing; where it does not, that they
/// were asked about is an error.
fn maintains<const SHIFT: u32>(answer: Result<(), KernReturn>) {
    let rig = Rig::<SHIFT>::new(256);
    let page = Rig::<SHIFT>::PAGE;
    let task = rig.task();
    let at = rig.allocate(&task, 4);
    let call = |at: u64, size: u64, attribute, value| {
        rig.vm
            .machine_attribute(&task, UserAddr(at), UserSize(size), attribute, value)
    };
    let operations = || {
        let Counts {
            cache_operations, ..
        } = rig.vm.machine().counts();
        cache_operations
    };
    assert_eq!(
        call(at, 4 * page, CACHE, SYNC),
        Ok(()),
        "nothing is resident"
    );
    rig.write_pages(&task, at, 2, 1);
    let child = rig.fork(&task);
    for value in [6, 7, 8, 9] {
        assert_eq!(call(at, 4 * page, CACHE, value), answer);
    }
    assert_eq!(operations(), if answer.is_ok() { 8 } else { 0 });
    let below = rig
        .vm
        .machine_attribute(&child, UserAddr(at + 5), UserSize(1), CACHE, SYNC);
    assert_eq!(below, answer);
    // Zero, wrap, round wrap, bounds, attribute, hole: in this order.
    assert_eq!(call(u64::MAX, 0, 9, 9), Ok(()));
    assert_eq!(
        call(at, u64::MAX, CACHE, SYNC),
        Err(KernReturn::INVALID_ARGUMENT)
    );
    let last = 0u64.wrapping_sub(page);
    assert_eq!(
        call(last, page - 1, CACHE, SYNC),
        Err(KernReturn::INVALID_ADDRESS)
    );
    assert_eq!(
        call(MAX, page, CACHE, SYNC),
        Err(KernReturn::INVALID_ADDRESS)
    );
    assert_eq!(
        call(at, 9 * page, 2, SYNC),
        Err(KernReturn::INVALID_ADDRESS)
    );
    assert_eq!(
        call(at + 3 * page, 2 * page, CACHE, SYNC),
        Err(KernReturn::FAILURE)
    );
    rig.end(child);
    rig.end(task);
    rig.audit();
}

#[test]
fn attributes_where_caches_are_maintained() {
    maintains::<14>(Ok(()));
}

#[test]
fn attributes_where_caches_are_coherent() {
    maintains::<12>(Err(KernReturn::INVALID_ADDRESS));
}

both! {
    /// The object that has the page, its place there, and how many objects are above it.
    fn a_page_is_found_down_the_chain(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 4);
        rig.write_pages(&task, at, 4, 1);
        let object = rig.region(&task, at).object_id;
        let child = rig.fork(&task);
        rig.write(&child, at, 2);
        let info = |task: &Task<SHIFT>, at| rig.vm.page_info(task, UserAddr(at)).expect("an address");
        let (own, below) = (info(&child, at), info(&child, at + 2 * page + 7));
        assert_eq!((own.depth, own.offset), (0, 0));
        assert_ne!(own.object, object);
        assert_eq!((below.depth, below.offset, below.object), (1, 2 * page, object));
        assert_eq!(info(&task, at + 4 * page), PageInfo::default());
        let last = UserAddr(0u64.wrapping_sub(page));
        assert_eq!(rig.vm.page_info(&task, last), Err(KernReturn::INVALID_ADDRESS));
        rig.end(child);
        rig.end(task);
    }
}

both! {
    /// Pages are looked at in chunks; the order and the number stay.
    fn a_range_query_says_each_page_once(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 150);
        for n in [0, 63, 64, 149] {
            rig.write(&task, at + n * page, 1);
        }
        let mut seen = Vec::new();
        let done = rig.vm.page_range_query(&task, UserAddr(at + 9), UserSize(160 * page), |page| {
            seen.push(page.bits & 1);
            Ok(())
        });
        assert_eq!(done, Ok(()));
        let present: Vec<usize> = (0..seen.len()).filter(|n| seen[*n] == 1).collect();
        assert_eq!((seen.len(), present), (161, vec![0, 63, 64, 149]));
        rig.end(task);
    }
}

both! {
    /// A frame buffer's pages are mapped as its object says, also by a child; a copy is plain memory.
    fn an_objects_caching_is_in_its_mappings(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let buffer = rig.vm.object_create_cached(4 * page, CacheMode::WriteCombining).expect("memory");
        let task = rig.task();
        let enter = |inherit| {
            let what = EnterObject {
                object: Some(&buffer),
                offset: 0,
                attributes: Attributes::with(Protection::DEFAULT, Protection::ALL, inherit, 0),
                copy: CopyMode::Shared,
            };
            let place = Placement::Anywhere(VirtAddr(0));
            rig.vm.enter_object(&task, place, 4 * page, &what).expect("room").0
        };
        let (shared, copied) = (enter(Inherit::Share), enter(Inherit::Copy));
        rig.write(&task, shared + page, 6);
        assert_eq!(rig.read(&task, copied + page), 6);
        let child = rig.fork(&task);
        assert_eq!((rig.read(&child, shared + page), rig.read(&child, copied + page)), (6, 6));
        let mode = |task: &Task<SHIFT>, at: u64| {
            let pmap = rig.vm.pmap(task).number();
            let mut found = None;
            rig.vm.machine().for_each_mapping(|seen| {
                if (seen.pmap, seen.at.0) == (pmap, at + page) {
                    found = Some(seen.cache);
                }
            });
            found
        };
        let combining = Some(CacheMode::WriteCombining);
        assert_eq!([mode(&task, shared), mode(&task, copied), mode(&child, shared)], [combining; 3]);
        assert_eq!(mode(&child, copied), Some(CacheMode::WriteBack));
        rig.end(child);
        rig.end(task);
        rig.vm.object_release(buffer);
    }
}
