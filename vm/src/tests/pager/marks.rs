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
                assert_eq!([slots.set_dirty(index, 1), slots.set_dirty(index, 1)], [1, 0]);
                set.insert(index);
                for &from in &indices {
                    for from in [from.saturating_sub(1), from, from + 1] {
                        assert_eq!(slots.next_dirty(from), set.range(from..).next().copied());
                    }
                }
            }
            for &index in indices.iter().step_by(2).chain(indices.iter().skip(1).step_by(2)) {
                assert_eq!([slots.clear_dirty(index, 1), slots.clear_dirty(index, 1)], [1, 0]);
                set.remove(&index);
                assert_eq!(slots.next_dirty(0), set.first().copied());
                assert!(!slots.is_dirty(index));
            }
            slots.drain(|_, _| ());
        }
    }

    /// The marks of a run are set and taken in pieces of a node, at its first and last slots too; empty slots get
    /// none.
    fn marks_of_runs_agree_with_a_set(rig, 256) {
        let vm = &rig.vm;
        let mut slots = Slots::new(1);
        let holes = [5, 64, 100, 130];
        for index in (0..200).filter(|index| !holes.contains(index)) {
            let inserted = slots.insert(index, Slot::Resident(PageId(1)), &vm.zones.nodes, &vm.frames);
            assert!(inserted.is_ok());
        }
        let mut set = BTreeSet::new();
        let runs = [(0u64, 2u64), (1, 5), (60, 8), (62, 1), (2, 62), (64, 64), (10, 3), (120, 80), (0, 200)];
        for (turn, (first, count)) in runs.into_iter().cycle().take(36).enumerate() {
            let (mut at, mut changed, mut wanted) = (first, 0, 0);
            while at < first + count {
                let part = slots.together(at).min((first + count - at) as usize);
                changed += if turn % 3 == 2 { slots.clear_dirty(at, part) } else { slots.set_dirty(at, part) };
                at += part as u64;
            }
            for index in (first..first + count).filter(|index| !holes.contains(index)) {
                wanted += u64::from(if turn % 3 == 2 { set.remove(&index) } else { set.insert(index) });
            }
            assert_eq!(changed, wanted, "turn {turn}");
            for index in 0..201 {
                assert_eq!(slots.is_dirty(index), set.contains(&index));
                assert_eq!(slots.next_dirty(index), set.range(index..).next().copied());
            }
        }
        slots.drain(|_, _| ());
    }
}
