//! What enters a map: pieces, random places, limits, what is refused.

use super::*;

const ANYWHERE: u32 = 1;
const FOUR_GIB_CHUNK: u32 = 4;
const RANDOM: u32 = 8;
const TPRO: u32 = 0x1000;
const OVERWRITE: u32 = 0x4000;
const REALLOC: u32 = 6 << 24;
const MALLOC: u32 = 1 << 24;

impl<const SHIFT: u32> Rig<SHIFT> {
    fn allocate_with(&self, task: &Task<SHIFT>, pages: u64, flags: u32) -> Result<u64, KernReturn> {
        let size = UserSize(pages * Self::PAGE);
        let at = self
            .vm
            .allocate(task, UserAddr(0), size, UserFlags(ANYWHERE | flags));
        at.map(|at| at.0)
    }

    fn map_with(
        &self,
        task: &Task<SHIFT>,
        size: u64,
        cur: u32,
        max: u32,
        flags: u32,
    ) -> Result<u64, KernReturn> {
        let request = MapRequest {
            size: UserSize(size),
            flags: UserFlags(ANYWHERE | flags),
            current: UserProt(cur),
            maximum: UserProt(max),
            inherit: UserInherit(1),
            ..MapRequest::default()
        };
        self.vm.map(task, &request).map(|at| at.0)
    }
}

both! {
    /// 128 MiB an entry, or 4 GiB; a range that is only kept free is one entry, however large.
    fn a_large_region_is_several_entries(rig, 256) {
        let task = rig.task();
        let page = Rig::<SHIFT>::PAGE;
        let size = (300 << 20) / page;
        let at = rig.allocate_with(&task, size, 0).expect("memory");
        assert_eq!(task.entry_count(), 3);
        assert_eq!(rig.region(&task, at).range.len(), 128 << 20);
        assert_eq!(rig.region(&task, at + (256 << 20)).range.len(), 44 << 20);
        assert_eq!(task.size(), 300 << 20);
        // Each piece has an object of its own.
        rig.write(&task, at, 1);
        rig.write(&task, at + (128 << 20), 2);
        let object = |at| rig.region(&task, at).object_id;
        assert_ne!(object(at), object(at + (128 << 20)));
        rig.deallocate(&task, at, size);
        assert_eq!((task.entry_count(), task.size()), (0, 0));
        rig.allocate_with(&task, (9 << 30) / page, FOUR_GIB_CHUNK).expect("memory");
        assert_eq!(task.entry_count(), 3);
        rig.map_with(&task, 1 << 40, 0, 0, 0).expect("memory");
        assert_eq!(task.entry_count(), 4);
        assert_eq!(rig.allocate_with(&task, (1 << 44) / page, 0), Err(KernReturn::RESOURCE_SHORTAGE));
        assert_eq!(rig.allocate_with(&task, (1 << 50) / page, 0), Err(KernReturn::NO_SPACE));
        rig.end(task);
    }
}

both! {
    /// At each allocation that fails, a large region is not there at all.
    fn pieces_come_together_or_not_at_all(rig, 256) {
        let task = rig.task();
        let size = (1u64 << 30) / Rig::<SHIFT>::PAGE;
        for k in 1.. {
            rig.vm.frames().injector().fail_once(k);
            let got = rig.allocate_with(&task, size, 0);
            if rig.vm.frames().injector().disarm() {
                assert!(got.is_ok() && k > 8);
                break;
            }
            assert_eq!(got, Err(KernReturn::RESOURCE_SHORTAGE));
            assert_eq!((task.entry_count(), task.size()), (0, 0));
        }
        rig.end(task);
    }
}

both! {
    fn random_places_repeat_under_a_seed(rig, 512) {
        let places = |seed| {
            rig.vm.seed(seed);
            let task = rig.task();
            let all: Vec<u64> = (0..8).map(|_| rig.allocate_with(&task, 2, RANDOM).expect("room")).collect();
            assert!(all.iter().all(|at| (MIN..MAX).contains(at) && at % Rig::<SHIFT>::PAGE == 0));
            rig.end(task);
            all
        };
        let (first, again, other) = (places(1), places(1), places(2));
        assert_eq!(first, again);
        assert_ne!(first, other);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_ne!(first, sorted, "the lowest hole each time");
        // The last hole is found too, and a full map says so.
        let page = Rig::<SHIFT>::PAGE;
        let small = rig.vm.map_create(VirtAddr(MIN), VirtAddr(MIN + 4 * page)).expect("memory");
        let mut found: Vec<u64> = (0..4).map(|_| rig.allocate_with(&small, 1, RANDOM).expect("room")).collect();
        found.sort_unstable();
        assert_eq!(found, [0, 1, 2, 3].map(|n| MIN + n * page));
        assert_eq!(rig.allocate_with(&small, 1, RANDOM), Err(KernReturn::NO_SPACE));
        assert_eq!(rig.allocate_with(&small, 5, RANDOM), Err(KernReturn::NO_SPACE));
        rig.end(small);
    }
}

both! {
    /// Memory of `realloc` follows any tag; other memory only its own; an object below is merged
    /// first, if it can be.
    fn what_an_entry_grows_by(rig, 512) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let first = rig.allocate_with(&task, 1, MALLOC).expect("memory");
        rig.write(&task, first, 1);
        rig.allocate_with(&task, 1, REALLOC).expect("memory");
        assert_eq!((task.entry_count(), rig.region(&task, first).tag), (1, 1));
        rig.allocate_with(&task, 1, 0).expect("memory");
        assert_eq!(task.entry_count(), 2);
        rig.deallocate(&task, first + 2 * page, 1);
        // A child that is gone leaves a shadow chain; it collapses, and then the entry grows.
        rig.write(&task, first + page, 1);
        let child = rig.fork(&task);
        rig.write(&task, first, 2);
        assert_eq!(rig.region(&task, first).shadow_depth, 1);
        rig.end(child);
        rig.allocate_with(&task, 1, MALLOC).expect("memory");
        assert_eq!((task.entry_count(), rig.region(&task, first).shadow_depth), (1, 0));
        assert_eq!((rig.read(&task, first), rig.read(&task, first + 2 * page)), (2, 0));
        rig.end(task);
    }
}

both! {
    /// A map that is as large as it may be takes nothing; what is overwritten makes room.
    fn the_size_limit_undoes_what_is_too_much(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 4);
        rig.write(&task, at, 7);
        let limits = MapLimits { size: 6 * page, ..MapLimits::default() };
        rig.vm.map_set_limits(&task, limits);
        assert_eq!(rig.allocate_with(&task, 3, 0), Err(KernReturn::NO_SPACE));
        let over = |at: u64, pages| {
            let (at, size) = (UserAddr(at), UserSize(pages * page));
            rig.vm.allocate(&task, at, size, UserFlags(OVERWRITE)).map(|at| at.0)
        };
        assert_eq!(over(at + page, 6), Err(KernReturn::NO_SPACE));
        assert_eq!((rig.read(&task, at), task.size()), (7, 4 * page));
        assert_eq!(over(at + page, 5), Ok(at + page));
        assert_eq!(task.size(), 6 * page);
        let child = rig.fork(&task);
        assert_eq!(rig.allocate_with(&child, 1, 0), Err(KernReturn::NO_SPACE), "a child has the limit too");
        rig.end(child);
        rig.vm.map_set_limits(&task, MapLimits::default());
        assert!(rig.allocate_with(&task, 1, 0).is_ok());
        rig.end(task);
    }
}

both! {
    /// After the lockdown nothing becomes executable, and nothing executable becomes writable.
    fn a_locked_down_map_gets_no_new_code(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let code = rig.map_with(&task, page, 5, 7, 0).expect("memory");
        let data = rig.allocate(&task, 1);
        assert_eq!(rig.protect(&task, data, 1, 5), Ok(()));
        assert_eq!(rig.protect(&task, data, 1, 3), Ok(()));
        rig.vm.map_exec_lockdown(&task);
        let refused = Err(KernReturn::PROTECTION_FAILURE);
        assert_eq!(rig.map_with(&task, page, 5, 7, 0).map(drop), refused);
        assert!(rig.map_with(&task, page, 1, 7, 0).is_ok());
        assert_eq!(rig.protect(&task, data, 1, 5), refused);
        assert_eq!(rig.protect(&task, code, 1, 3), refused);
        assert_eq!(rig.protect(&task, code, 1, 1), Ok(()));
        assert_eq!(rig.protect(&task, code, 1, 3), Ok(()), "it is no code any more");
        rig.end(task);
    }
}

both! {
    /// Only a trusted path would write it: it begins read-only, and needs a maximum that writes.
    fn tpro_memory_is_read_only(rig, 256) {
        let task = rig.task();
        let at = rig.allocate_with(&task, 1, TPRO).expect("memory");
        let region = rig.region(&task, at);
        assert_eq!((region.protection, region.max), (Protection::READ, Protection::ALL));
        assert_eq!(rig.touch(0, &task, at, Access::Write(1)), Err(FaultError::ProtectionFailure));
        let page = Rig::<SHIFT>::PAGE;
        assert_eq!(rig.map_with(&task, page, 3, 5, TPRO), Err(KernReturn::PROTECTION_FAILURE));
        assert_eq!(rig.map_with(&task, page, 1, 1, TPRO), Err(KernReturn::PROTECTION_FAILURE));
        rig.end(task);
    }
}
