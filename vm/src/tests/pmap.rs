//! Page tables under pressure.

use super::*;
use abi::purgable::*;

both! {
    /// vm-bugs 28: a table for a new place is wanted when memory is short. What is volatile goes, also
    /// while the fault is under way, and neither the map nor the tables are hurt.
    fn alloc_may_reclaim(rig, 256) {
        let task = rig.task();
        let cache = rig.purgable(&task, 1);
        let mut fired = 0;
        for k in 1.. {
            rig.set(&task, cache, VM_PURGABLE_NONVOLATILE).expect("purgeable");
            rig.write(&task, cache, 1);
            rig.set(&task, cache, VM_PURGABLE_VOLATILE).expect("purgeable");
            // Far from all others: no table is there.
            let at = MAX - (k << 40);
            rig.allocate_at(&task, at, 1);
            rig.vm.frames().injector().fail_once(k);
            let touched = rig.touch(0, &task, at, Access::Write(k as u8));
            let struck = !rig.vm.frames().injector().disarm();
            assert_eq!(touched, Ok(k as u8), "allocation {k}");
            let purged = rig.state(&task, cache) == VM_PURGABLE_EMPTY;
            assert_eq!(purged, struck, "allocation {k}");
            rig.audit();
            if !struck {
                break;
            }
            fired += 1;
        }
        assert!(fired >= 3, "an object, a page and a table are three allocations, not {fired}");
        for k in 1..=fired {
            assert_eq!(rig.read(&task, MAX - (k << 40)), k as u8);
        }
        rig.end(task);
    }
}
