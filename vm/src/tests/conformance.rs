//! The conformance suite's tasks on the simulated machine, which checks more than the suite can.

use super::*;
use crate::conformance::agree;

both! {
    fn tasks_agree(rig, 1000) {
        let window = Range::new(VirtAddr(MIN), VirtAddr(MAX));
        for seed in 1..=3 {
            let done = agree(&rig.vm, seed, 3000, window);
            let done = done.unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
            assert!(done.accesses > 1000 && done.refused > 100 && done.forks > 50, "{done:?}");
            assert!(done.changes > 100 && done.wirings > 10 && done.short == 0, "{done:?}");
            assert!(done.shown > 40 && rig.vm.machine().counts().nested > 40, "{done:?}");
            rig.audit();
        }
    }
}
