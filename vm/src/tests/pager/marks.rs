//! The marks of dirty slots.

use super::*;
use crate::object::slot::Slot;
use crate::object::tree::Slots;
use std::collections::BTreeSet;

both! {
    /// The marks are those of a set, whatever the height of the tree.
    fn marks_agree_with_a_set(rig, 256) {
        let vm = &rig.vm;
        for indices in [vec![0, 1, 2, 63, 64, 65], vec![1, 70, 2047, 2048, 65535, 1 << 20, 1 << 33]] {
            let mut slots = Slots::new(1);
            let mut set = BTreeSet::new();
            for &index in &indices {
                let inserted = slots.insert(index, Slot::Resident(PageId(1)), &vm.zones.nodes, &vm.frames);
                assert!(inserted.is_ok());
                assert!(slots.set_dirty(index) && !slots.set_dirty(index));
                set.insert(index);
                for &from in &indices {
                    for from in [from.saturating_sub(1), from, from + 1] {
                        assert_eq!(slots.next_dirty(from), set.range(from..).next().copied());
                    }
                }
            }
            for &index in indices.iter().step_by(2).chain(indices.iter().skip(1).step_by(2)) {
                assert!(slots.clear_dirty(index) && !slots.clear_dirty(index));
                set.remove(&index);
                assert_eq!(slots.next_dirty(0), set.first().copied());
                assert!(!slots.is_dirty(index));
            }
            slots.drain(|_, _| ());
        }
    }
}
