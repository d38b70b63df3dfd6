//! What is taken back when memory is wanted.

use super::*;
use abi::purgable::*;

both! {
    /// vm-bugs 29: as much goes as is wanted, and no more.
    fn stops_when_satisfied(rig, 256) {
        let task = rig.task();
        let caches: Vec<u64> = (0..4).map(|_| rig.purgable(&task, 4)).collect();
        for at in &caches {
            rig.write_pages(&task, *at, 4, 7);
            rig.set(&task, *at, VM_PURGABLE_VOLATILE).expect("purgeable");
        }
        let left = || caches.iter().filter(|at| rig.state(&task, **at) == VM_PURGABLE_VOLATILE).count();
        assert_eq!(rig.vm.purge(Pages(5), 8), Pages(8));
        assert_eq!(left(), 2);
        assert_eq!(rig.vm.purge(Pages(4), 8), Pages(4));
        assert_eq!(left(), 1);
        // One allocation fails: the last one goes, and after the next failure there is none.
        let at = rig.allocate(&task, 1);
        rig.write(&task, at, 1);
        rig.vm.frames().injector().fail_once(1);
        let more = rig.allocate(&task, 1);
        assert_eq!((left(), rig.events(Event::Relief)), (0, 1));
        rig.write(&task, more, 2);
        assert_eq!((rig.read(&task, at), rig.events(Event::Relief)), (1, 1));
        rig.end(task);
    }
}
