//! Purgeable memory: states, order, what a purge takes and what it leaves.

use super::*;
use abi::purgable::*;

const FLAGS: u32 = 1 | 2;

/// A call that allocates.
type Try<const SHIFT: u32> = fn(&Rig<SHIFT>, &Task<SHIFT>, u64) -> Result<(), KernReturn>;

impl<const SHIFT: u32> Rig<SHIFT> {
    pub(super) fn purgable(&self, task: &Task<SHIFT>, pages: u64) -> u64 {
        let size = UserSize(pages * Self::PAGE);
        let at = self.vm.allocate(task, UserAddr(0), size, UserFlags(FLAGS));
        at.expect("memory").0
    }

    pub(super) fn set(&self, task: &Task<SHIFT>, at: u64, state: i32) -> Result<i32, KernReturn> {
        let at = UserAddr(at);
        self.vm
            .purgable_control(task, at, VM_PURGABLE_SET_STATE, state)
    }

    pub(super) fn state(&self, task: &Task<SHIFT>, at: u64) -> i32 {
        let at = UserAddr(at);
        let got = self.vm.purgable_control(task, at, VM_PURGABLE_GET_STATE, 0);
        got.expect("purgeable")
    }

    /// Purges so many objects, one by one; answers which of `all` are empty after each.
    fn purge_each(&self, task: &Task<SHIFT>, all: &[u64]) -> Vec<usize> {
        let mut order = Vec::new();
        for _ in all {
            self.vm.purge(Pages(1), 8);
            let empty = |n: &usize| self.state(task, all[*n]) == VM_PURGABLE_EMPTY;
            order.extend(
                (0..all.len())
                    .filter(|n| empty(n) && !order.contains(n))
                    .collect::<Vec<_>>(),
            );
        }
        order
    }
}

both! {
    fn volatile_memory_keeps_its_bytes_until_it_is_purged(rig, 256) {
        let task = rig.task();
        let at = rig.purgable(&task, 4);
        rig.write_pages(&task, at, 4, 7);
        assert_eq!(rig.state(&task, at), VM_PURGABLE_NONVOLATILE);
        assert_eq!(rig.vm.purge(Pages(100), 8), Pages(0), "nothing is volatile");
        assert_eq!(rig.set(&task, at, VM_PURGABLE_VOLATILE), Ok(VM_PURGABLE_NONVOLATILE));
        assert_eq!(rig.read(&task, at), 7);
        assert_eq!(rig.vm.statistics().purgeable_count, 4);
        assert_eq!(rig.set(&task, at, VM_PURGABLE_NONVOLATILE), Ok(VM_PURGABLE_VOLATILE));
        assert_eq!(rig.vm.purge(Pages(100), 8), Pages(0));
        assert_eq!(rig.read(&task, at), 7);
        assert_eq!(rig.vm.statistics().purgeable_count, 0);
        rig.set(&task, at, VM_PURGABLE_VOLATILE).expect("purgeable");
        assert_eq!(rig.vm.purge(Pages(1), 8), Pages(4));
        rig.audit();
        assert_eq!(rig.vm.statistics().purges, 4);
        assert_eq!(rig.set(&task, at, VM_PURGABLE_NONVOLATILE), Ok(VM_PURGABLE_EMPTY));
        assert_eq!((rig.read(&task, at), rig.read(&task, at + 3 * Rig::<SHIFT>::PAGE)), (0, 0));
        rig.end(task);
    }
}

both! {
    fn a_purge_is_seen_through_every_stale_tlb(rig, 256) {
        let task = rig.task();
        let at = rig.purgable(&task, 1);
        for cpu in 0..3 {
            assert_eq!(rig.touch(cpu, &task, at, Access::Write(9)), Ok(9));
        }
        rig.set(&task, at, VM_PURGABLE_EMPTY).expect("purgeable");
        rig.audit();
        for cpu in 0..3 {
            assert_eq!(rig.touch(cpu, &task, at, Access::Read), Ok(0));
        }
        rig.end(task);
    }
}

both! {
    /// Obsolete ones, then first in first out, then last in first out; groups in order within each.
    fn volatile_objects_go_in_order(rig, 512) {
        let task = rig.task();
        let words = [
            VM_VOLATILE_LIFO,
            VM_VOLATILE_LIFO,
            3 << VM_VOLATILE_GROUP_SHIFT,
            1 << VM_VOLATILE_GROUP_SHIFT,
            1 << VM_VOLATILE_GROUP_SHIFT,
            1 << VM_VOLATILE_GROUP_SHIFT | VM_VOLATILE_MAKE_FIRST,
            VM_VOLATILE_OBSOLETE | 7 << VM_VOLATILE_GROUP_SHIFT,
            VM_VOLATILE_OBSOLETE,
            VM_PURGABLE_NO_AGING,
        ];
        let all: Vec<u64> = words.iter().map(|_| rig.purgable(&task, 1)).collect();
        all.iter().for_each(|at| rig.write(&task, *at, 1));
        for (at, word) in all.iter().zip(words) {
            rig.set(&task, *at, VM_PURGABLE_VOLATILE | word).expect("purgeable");
        }
        // The ninth is first in first out, group 0, so it goes before groups 1 and 3.
        assert_eq!(rig.purge_each(&task, &all), [6, 7, 8, 5, 3, 4, 2, 1, 0]);
        rig.end(task);
    }
}

both! {
    /// Without force only a queue whose oldest token is ripe gives something up; a token ripens when
    /// as many pages have come into use as were in use.
    fn tokens_grow_ripe_as_pages_come_into_use(rig, 512) {
        let task = rig.task();
        let (a, b) = (rig.purgable(&task, 2), rig.purgable(&task, 2));
        rig.write_pages(&task, a, 2, 1);
        rig.write_pages(&task, b, 2, 1);
        rig.set(&task, a, VM_PURGABLE_VOLATILE).expect("purgeable");
        rig.set(&task, b, VM_PURGABLE_VOLATILE | VM_PURGABLE_NO_AGING).expect("purgeable");
        assert_eq!(rig.vm.purge(Pages(1), 0), Pages(0));
        let more = rig.allocate(&task, 4);
        rig.write_pages(&task, more, 3, 1);
        assert_eq!(rig.vm.purge(Pages(1), 0), Pages(0), "three pages of four");
        rig.write_pages(&task, more, 4, 1);
        assert_eq!(rig.vm.purge(Pages(10), 0), Pages(2), "what does not age stays");
        assert_eq!((rig.state(&task, a), rig.state(&task, b)), (VM_PURGABLE_EMPTY, VM_PURGABLE_VOLATILE));
        assert_eq!(rig.vm.purge(Pages(10), 1), Pages(2));
        rig.end(task);
    }
}

both! {
    fn groups_at_or_above_the_force_stay(rig, 256) {
        let task = rig.task();
        let (low, high) = (rig.purgable(&task, 1), rig.purgable(&task, 1));
        for (at, group) in [(low, 4), (high, 5)] {
            rig.write(&task, at, 1);
            let word = VM_PURGABLE_VOLATILE | group << VM_VOLATILE_GROUP_SHIFT;
            rig.set(&task, at, word).expect("purgeable");
        }
        assert_eq!(rig.vm.purge(Pages(10), 5), Pages(1));
        assert_eq!((rig.state(&task, low), rig.state(&task, high)), (VM_PURGABLE_EMPTY, VM_PURGABLE_VOLATILE));
        assert_eq!(rig.vm.purgable_control(&task, UserAddr(3), VM_PURGABLE_PURGE_ALL, 0x1234_0000), Ok(0x1234_0000));
        assert_eq!(rig.state(&task, high), VM_PURGABLE_EMPTY);
        rig.end(task);
    }
}

both! {
    fn a_wired_page_outlives_the_purge(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.purgable(&task, 3);
        rig.write_pages(&task, at, 3, 5);
        assert_eq!(rig.vm.wire(&task, UserAddr(at + page), UserSize(page), UserProt(3)), Ok(()));
        assert_eq!(rig.set(&task, at, VM_PURGABLE_EMPTY), Ok(VM_PURGABLE_NONVOLATILE));
        let bytes = [0, 1, 2].map(|n| rig.read(&task, at + n * page));
        assert_eq!(bytes, [0, 5, 0]);
        rig.end(task);
    }
}

both! {
    /// What was emptied stays empty, though it is called volatile, until something is written.
    fn empty_memory_becomes_volatile_only_when_it_was_used(rig, 256) {
        let task = rig.task();
        let at = rig.purgable(&task, 2);
        rig.set(&task, at, VM_PURGABLE_EMPTY).expect("purgeable");
        assert_eq!(rig.set(&task, at, VM_PURGABLE_VOLATILE), Ok(VM_PURGABLE_EMPTY));
        assert_eq!(rig.state(&task, at), VM_PURGABLE_EMPTY);
        rig.write(&task, at, 3);
        assert_eq!(rig.set(&task, at, VM_PURGABLE_VOLATILE), Ok(VM_PURGABLE_EMPTY));
        assert_eq!(rig.state(&task, at), VM_PURGABLE_VOLATILE);
        rig.end(task);
    }
}

both! {
    fn debugging_bits_empty_at_once_or_refuse_accesses(rig, 256) {
        let task = rig.task();
        let at = rig.purgable(&task, 2);
        rig.write_pages(&task, at, 2, 5);
        let refuse = VM_PURGABLE_VOLATILE | VM_PURGABLE_DEBUG_FAULT;
        assert_eq!(rig.set(&task, at, refuse), Ok(VM_PURGABLE_NONVOLATILE));
        for access in [Access::Read, Access::Write(1)] {
            assert_eq!(rig.touch(0, &task, at, access), Err(FaultError::MemoryError));
        }
        rig.audit();
        assert_eq!(rig.set(&task, at, VM_PURGABLE_VOLATILE), Ok(VM_PURGABLE_VOLATILE));
        assert_eq!(rig.read(&task, at), 5);
        rig.set(&task, at, refuse).expect("purgeable");
        assert_eq!(rig.set(&task, at, VM_PURGABLE_NONVOLATILE), Ok(VM_PURGABLE_VOLATILE));
        assert_eq!(rig.read(&task, at + Rig::<SHIFT>::PAGE), 5);
        let empty = VM_PURGABLE_VOLATILE | VM_PURGABLE_DEBUG_EMPTY;
        assert_eq!(rig.set(&task, at, empty), Ok(VM_PURGABLE_NONVOLATILE));
        assert_eq!((rig.state(&task, at), rig.read(&task, at)), (VM_PURGABLE_EMPTY, 0));
        rig.end(task);
    }
}

both! {
    /// A child's copy is made at once and is ordinary memory; a shared object stays purgeable.
    fn a_fork_copies_eagerly_or_shares(rig, 512) {
        let task = rig.task();
        let (copied, shared) = (rig.purgable(&task, 2), rig.purgable(&task, 2));
        rig.write_pages(&task, copied, 2, 1);
        rig.write_pages(&task, shared, 2, 2);
        rig.inherit(&task, shared, 2, Inherit::Share);
        let child = rig.fork(&task);
        assert_eq!(rig.events(Event::Shadow), 0);
        assert_eq!(rig.region(&task, copied).shadow_depth, 0);
        assert_eq!(rig.set(&child, copied, VM_PURGABLE_VOLATILE), Err(KernReturn::INVALID_ARGUMENT));
        rig.set(&task, copied, VM_PURGABLE_EMPTY).expect("purgeable");
        assert_eq!((rig.read(&task, copied), rig.read(&child, copied)), (0, 1));
        assert_eq!(rig.set(&child, shared, VM_PURGABLE_EMPTY), Ok(VM_PURGABLE_NONVOLATILE));
        assert_eq!((rig.state(&task, shared), rig.read(&task, shared)), (VM_PURGABLE_EMPTY, 0));
        rig.end(task);
        rig.set(&child, shared, VM_PURGABLE_VOLATILE).expect("purgeable");
        rig.audit();
        rig.end(child);
        rig.audit();
        assert_eq!(rig.vm.purge(Pages(1), 8), Pages(0), "an ended object is volatile");
    }
}

#[test]
fn checks_come_in_xnus_order() {
    let rig = Rig::<14>::new(256);
    let task = rig.task();
    let page = Rig::<14>::PAGE;
    let (plain, at) = (rig.allocate(&task, 1), rig.purgable(&task, 1));
    rig.write(&task, plain, 1);
    let control = |at, control, state| rig.vm.purgable_control(&task, UserAddr(at), control, state);
    let (argument, address) = (KernReturn::INVALID_ARGUMENT, KernReturn::INVALID_ADDRESS);
    let hole = at + 10 * page;
    assert_eq!(control(hole, 3, 0), Err(argument));
    assert_eq!(control(hole, 0, 1 << 7), Err(argument));
    assert_eq!(control(hole, 0, 1 << 11), Err(argument));
    assert_eq!(control(hole, 0, VM_PURGABLE_DENY), Err(address));
    assert_eq!(
        control(hole, 1, -1),
        Err(address),
        "GET has no state to check"
    );
    assert_eq!(control(at, 0, VM_PURGABLE_DENY), Err(argument));
    assert_eq!(control(plain, 0, 1), Err(argument));
    assert_eq!(control(plain, 1, 0), Err(argument));
    assert_eq!(rig.protect(&task, plain, 1, 1), Ok(()));
    assert_eq!(rig.protect(&task, at, 1, 1), Ok(()));
    assert_eq!(control(plain, 0, 1), Err(KernReturn::PROTECTION_FAILURE));
    assert_eq!(control(at, 0, 1), Err(KernReturn::PROTECTION_FAILURE));
    assert_eq!(control(at + 5, 1, 0), Ok(0));
    assert_eq!(rig.state(&task, at), VM_PURGABLE_NONVOLATILE);
    let much = UserSize((1u64 << 32) * page);
    let got = rig.vm.allocate(&task, UserAddr(0), much, UserFlags(FLAGS));
    assert_eq!(got, Err(argument));
    rig.end(task);
    rig.audit();
}

/// Memory runs out, and what is volatile goes before anybody is told; then the error comes.
#[test]
fn a_shortage_purges_before_it_is_answered() {
    let rig = Rig::<12>::new(300);
    let used = rig.used();
    let task = rig.task();
    let caches: Vec<u64> = (0..4).map(|_| rig.purgable(&task, 25)).collect();
    for at in &caches {
        rig.write_pages(&task, *at, 25, 1);
        rig.set(&task, *at, VM_PURGABLE_VOLATILE | VM_PURGABLE_NO_AGING)
            .expect("purgeable");
    }
    let at = rig.allocate(&task, 600);
    let mut written = 0u64;
    while rig
        .touch(0, &task, at + written * 4096, Access::Write(1))
        .is_ok()
    {
        written += 1;
    }
    assert!(written > 200, "only {written} pages: nothing was purged");
    assert_eq!(rig.events(Event::Relief), 4);
    assert!(
        caches
            .iter()
            .all(|at| rig.state(&task, *at) == VM_PURGABLE_EMPTY)
    );
    rig.audit();
    rig.end(task);
    rig.audit();
    assert_eq!(rig.used(), used);
}

both! {
    /// Each call whose k-th allocation fails is tried again after a purge, and then succeeds.
    fn every_call_is_tried_again_after_a_purge(rig, 512) {
        let task = rig.task();
        let cache = rig.purgable(&task, 1);
        let wide = rig.allocate(&task, 8);
        rig.write_pages(&task, wide, 8, 1);
        let calls: [Try<SHIFT>; 4] = [
            |rig, task, _| rig.vm.allocate(task, UserAddr(0), UserSize(1), UserFlags(3)).map(drop),
            |rig, task, at| rig.protect(task, at + Rig::<SHIFT>::PAGE, 1, 1),
            |rig, task, _| rig.vm.map_fork(task).map(|child| rig.end(child)),
            |rig, _, _| rig.vm.kmem_alloc(1, Guard::None, 0).and_then(|at| rig.vm.kmem_free(at, 1)),
        ];
        for (n, call) in calls.iter().enumerate() {
            for k in 1..4 {
                rig.vm.purgable_control(&task, UserAddr(cache), 0, VM_PURGABLE_NONVOLATILE).expect("purgeable");
                rig.write(&task, cache, 1);
                rig.set(&task, cache, VM_PURGABLE_VOLATILE).expect("purgeable");
                rig.vm.frames().injector().fail_once(k);
                assert_eq!(call(&rig, &task, wide), Ok(()), "call {n}, allocation {k}");
                let fired = !rig.vm.frames().injector().disarm();
                assert_eq!(fired, rig.state(&task, cache) == VM_PURGABLE_EMPTY);
                assert!(fired || k > 1, "call {n} allocates nothing");
                rig.protect(&task, wide, 8, 3).expect("mapped");
            }
        }
        rig.end(task);
    }
}

both! {
    /// What a task is charged for follows state, tag, wirings and owner; what it does not map counts too,
    /// and nobody is charged once the task has ended.
    fn ledgers_follow_state_tag_and_owner(rig, 400) {
        use abi::memory_entry::*;
        let page = Rig::<SHIFT>::PAGE;
        let (task, other) = (rig.task(), rig.task());
        let sums = |task: &Task<SHIFT>| rig.vm.charged(task).map(|sum| (sum.nonvolatile.0, sum.volatile.0));
        assert_eq!(sums(&task), [(0, 0); LEDGER_TAGS]);
        let at = rig.purgable(&task, 4);
        rig.write_pages(&task, at, 3, 1);
        let permission = 3 | MAP_MEM_NAMED_CREATE | MAP_MEM_PURGABLE;
        let make = |flags, bytes| {
            let made = rig.vm.make_memory_entry(&task, UserSize(bytes), UserAddr(0), permission | flags, None);
            made.expect("made").entry.expect("an entry")
        };
        let (named, tagged) = (make(0, 2 * page), make(MAP_MEM_LEDGER_TAGGED, page));
        let map_it = |task: &Task<SHIFT>, entry: &MemoryEntry<SimMachine<SHIFT>>| {
            let request = MapRequest { size: UserSize(entry.size()), flags: UserFlags(1), current: UserProt(3), maximum: UserProt(3), inherit: UserInherit(1), ..MapRequest::default() };
            rig.vm.map_entry(task, &request, entry, (0, CopyMode::Shared)).expect("mapped").0
        };
        // Who writes it is not charged, but who made it.
        let (mapped, second) = (map_it(&other, &named), map_it(&other, &tagged));
        rig.write_pages(&other, mapped, 2, 1);
        rig.write(&other, second, 1);
        let with = |none, default, media| {
            let mut sums = [(0, 0); LEDGER_TAGS];
            (sums[LedgerTag::None as usize], sums[LedgerTag::Default as usize], sums[LedgerTag::Media as usize]) = (none, default, media);
            sums
        };
        assert_eq!(sums(&task), with((5, 0), (1, 0), (0, 0)));
        assert_eq!(sums(&other), [(0, 0); LEDGER_TAGS]);
        rig.set(&task, at, VM_PURGABLE_VOLATILE).expect("purgeable");
        assert_eq!(sums(&task), with((2, 3), (1, 0), (0, 0)));
        // A wired page is needed.
        assert_eq!(rig.vm.wire(&task, UserAddr(at), UserSize(page), UserProt(3)), Ok(()));
        assert_eq!(sums(&task), with((3, 2), (1, 0), (0, 0)));
        assert_eq!(rig.vm.purge(Pages(1), 8), Pages(2));
        assert_eq!(sums(&task), with((3, 0), (1, 0), (0, 0)));
        assert_eq!(rig.vm.unwire(&task, UserAddr(at), UserSize(page)), Ok(()));
        assert_eq!(sums(&task), with((2, 1), (1, 0), (0, 0)));
        rig.audit();
        let give = |entry: &MemoryEntry<SimMachine<SHIFT>>, owner: Option<&Task<SHIFT>>, tag| {
            rig.vm.memory_entry_ownership(entry, owner.map(|map| &**map), tag)
        };
        assert_eq!(give(&named, Some(&other), Some(LedgerTag::Media)), Ok(()));
        assert_eq!((sums(&task), sums(&other)), (with((0, 1), (1, 0), (0, 0)), with((0, 0), (0, 0), (2, 0))));
        assert_eq!(give(&named, None, Some(LedgerTag::None)), Ok(()));
        assert_eq!(sums(&other), with((2, 0), (0, 0), (0, 0)));
        let part = rig.vm.make_memory_entry(&other, UserSize(page), UserAddr(mapped), 3, None);
        let part = part.expect("made").entry.expect("an entry");
        assert_eq!(give(&part, None, None), Err(KernReturn::INVALID_ARGUMENT));
        // The end of one takes the charge away, not the memory.
        let child = rig.fork(&other);
        assert_eq!(sums(&child), [(0, 0); LEDGER_TAGS]);
        rig.end(other);
        rig.audit();
        let again = map_it(&child, &named);
        assert_eq!(rig.read(&child, again), 1);
        assert_eq!((sums(&task), sums(&child)), (with((0, 1), (1, 0), (0, 0)), [(0, 0); LEDGER_TAGS]));
        assert_eq!(give(&named, Some(&child), None), Ok(()));
        assert_eq!(sums(&child), with((2, 0), (0, 0), (0, 0)));
        rig.deallocate(&task, at, 4);
        assert_eq!(sums(&task), with((0, 0), (1, 0), (0, 0)));
        rig.audit();
        rig.end(task);
        for entry in [named, tagged, part] {
            rig.vm.memory_entry_release(entry);
        }
        rig.audit();
        rig.end(child);
    }
}

both! {
    /// Who allocates is charged, whoever gets the memory.
    fn the_caller_is_charged_for_what_another_gets(rig, 400) {
        use abi::memory_entry::*;
        let page = Rig::<SHIFT>::PAGE;
        let (caller, other) = (rig.task(), rig.task());
        let sum = |task: &Task<SHIFT>| rig.vm.charged(task)[LedgerTag::None as usize].nonvolatile.0;
        let at = rig.vm.allocate_for(&caller, (&other, UserAddr(0)), UserSize(2 * page), UserFlags(3)).expect("memory").0;
        rig.write_pages(&other, at, 2, 1);
        assert_eq!((sum(&caller), sum(&other)), (2, 0));
        let request = MapRequest { size: UserSize(page), flags: UserFlags(3), current: UserProt(3), maximum: UserProt(7), inherit: UserInherit(1), ..MapRequest::default() };
        let at = rig.vm.map_for(&caller, &other, &request).expect("memory").0;
        rig.write(&other, at, 1);
        assert_eq!((sum(&caller), sum(&other)), (3, 0));
        let permission = 3 | MAP_MEM_NAMED_CREATE | MAP_MEM_PURGABLE;
        let made = rig.vm.make_memory_entry_for(&caller, &other, (UserSize(page), UserAddr(0)), permission, None);
        let entry = made.expect("made").entry.expect("an entry");
        let request = MapRequest { flags: UserFlags(1), maximum: UserProt(3), ..request };
        let at = rig.vm.map_entry(&other, &request, &entry, (0, CopyMode::Shared)).expect("mapped").0;
        rig.write(&other, at, 1);
        assert_eq!((sum(&caller), sum(&other)), (4, 0));
        rig.vm.memory_entry_release(entry);
        rig.end(caller);
        rig.audit();
        rig.end(other);
    }
}

both! {
    /// Memory that is not purgeable may get an owner before it is used, and counts there from then on.
    fn memory_gets_an_owner_before_it_is_used(rig, 400) {
        use abi::memory_entry::*;
        let page = Rig::<SHIFT>::PAGE;
        let (task, other) = (rig.task(), rig.task());
        let make = || {
            let made = rig.vm.make_memory_entry(&task, UserSize(2 * page), UserAddr(0), 3 | MAP_MEM_NAMED_CREATE, None);
            made.expect("made").entry.expect("an entry")
        };
        let (entry, used) = (make(), make());
        let map_it = |entry: &MemoryEntry<SimMachine<SHIFT>>| {
            let request = MapRequest { size: UserSize(2 * page), flags: UserFlags(1), current: UserProt(3), maximum: UserProt(3), inherit: UserInherit(1), ..MapRequest::default() };
            rig.vm.map_entry(&other, &request, entry, (0, CopyMode::Shared)).expect("mapped").0
        };
        let own = |entry: &MemoryEntry<SimMachine<SHIFT>>, tag| rig.vm.memory_entry_ownership(entry, Some(&*task), tag);
        let at = map_it(&used);
        rig.write(&other, at, 1);
        assert_eq!(own(&used, Some(LedgerTag::Media)), Err(KernReturn::FAILURE));
        assert_eq!(own(&entry, Some(LedgerTag::None)), Err(KernReturn::INVALID_ARGUMENT));
        assert_eq!(own(&entry, None), Err(KernReturn::INVALID_ARGUMENT));
        for k in 1.. {
            rig.vm.frames().injector().fail_once(k);
            let got = own(&entry, Some(LedgerTag::Media));
            rig.vm.frames().injector().disarm();
            rig.audit();
            if got != Err(KernReturn::RESOURCE_SHORTAGE) {
                assert_eq!(got, Ok(()));
                break;
            }
        }
        let at = map_it(&entry);
        rig.write_pages(&other, at, 2, 1);
        let media = |task: &Task<SHIFT>| rig.vm.charged(task)[LedgerTag::Media as usize].nonvolatile.0;
        assert_eq!((media(&task), media(&other)), (2, 0));
        assert_eq!(rig.vm.residence(&other).of(Account::Owned), Pages(2));
        assert_eq!(own(&entry, Some(LedgerTag::None)), Err(KernReturn::INVALID_ARGUMENT));
        assert_eq!(own(&entry, Some(LedgerTag::Default)), Ok(()));
        // It is not purgeable for all that.
        assert_eq!(rig.vm.purgable_control(&other, UserAddr(at), 1, 0), Err(KernReturn::INVALID_ARGUMENT));
        assert_eq!(rig.vm.memory_entry_purgable_control(&entry, 0, VM_PURGABLE_VOLATILE), Err(KernReturn::INVALID_ARGUMENT));
        assert_eq!(rig.vm.purge(Pages(9), 8), Pages(0));
        rig.audit();
        rig.end(task);
        rig.audit();
        rig.vm.memory_entry_release(entry);
        rig.vm.memory_entry_release(used);
        rig.end(other);
    }
}

both! {
    /// What is volatile is found by the entries that may write it, from its first page on.
    fn volatile_memory_is_found_by_its_entries(rig, 400) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.purgable(&task, 4);
        rig.write_pages(&task, at, 3, 1);
        assert_eq!(rig.vm.volatile_memory(&task), VolatileMemory::default());
        rig.set(&task, at, VM_PURGABLE_VOLATILE).expect("purgeable");
        let found = |resident, mapped| VolatileMemory { virtual_size: 4 * page, resident: Pages(resident), mapped: Pages(mapped) };
        assert_eq!(rig.vm.volatile_memory(&task), found(3, 3));
        assert_eq!(rig.protect(&task, at, 1, 0), Ok(()));
        assert_eq!(rig.vm.volatile_memory(&task), VolatileMemory::default());
        assert_eq!(rig.protect(&task, at, 1, 3), Ok(()));
        assert_eq!(rig.vm.volatile_memory(&task), found(3, 2));
        rig.vm.purge(Pages(9), 8);
        assert_eq!(rig.vm.volatile_memory(&task), found(0, 0));
        rig.end(task);
    }
}
