//! `mach_vm_read`, `write`, `copy`: the bytes of one moment.

use super::*;

fn copy<const SHIFT: u32>(
    rig: &Rig<SHIFT>,
    (from, at): (&Task<SHIFT>, u64),
    bytes: u64,
    (into, to): (&Task<SHIFT>, u64),
) -> Result<(), KernReturn> {
    let (size, to) = (UserSize(bytes), (&**into, UserAddr(to)));
    rig.vm.read_overwrite(from, UserAddr(at), size, to)
}

both! {
    /// A small copy and a large one read the same, and neither sees what is written later.
    fn a_read_has_the_bytes_of_its_moment(rig, 600) {
        let page = Rig::<SHIFT>::PAGE;
        let (task, other) = (rig.task(), rig.task());
        let at = rig.allocate(&task, 20);
        for n in 0..19 {
            rig.write(&task, at + n * page + 5, n as u8 + 1);
        }
        for bytes in [page, 20 * page] {
            let got = rig.vm.read(&task, UserAddr(at), UserSize(bytes), &other).expect("readable").0;
            rig.write(&task, at + 5, 200);
            assert_eq!(rig.read(&other, got + 5), 1);
            rig.write(&other, got + 5, 100);
            assert_eq!(rig.read(&task, at + 5), 200);
            rig.write(&task, at + 5, 1);
            if bytes > page {
                assert_eq!(rig.read(&other, got + 18 * page + 5), 19);
                assert_eq!(rig.read(&other, got + 19 * page + 5), 0);
            }
            rig.audit();
        }
        rig.end(task);
        rig.end(other);
    }
}

both! {
    /// An unaligned copy moves the bytes it names, no more.
    fn unaligned_bytes_are_moved_alone(rig, 600) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let (from, to) = (rig.allocate(&task, 20), rig.allocate(&task, 20));
        rig.write_pages(&task, from, 20, 7);
        rig.write(&task, from + 3, 1);
        rig.write(&task, to + page - 1, 50);
        for bytes in [page, 10 * page + 9] {
            assert_eq!(copy(&rig, (&task, from + 3), bytes, (&task, to + page)), Ok(()));
            assert_eq!(rig.read(&task, to + page - 1), 50);
            assert_eq!(rig.read(&task, to + page), 1);
            assert_eq!(rig.read(&task, to + 2 * page - 3), 7);
            rig.audit();
        }
        rig.end(task);
    }
}

both! {
    /// Whole pages of private memory are exchanged, not written.
    fn a_large_aligned_copy_is_virtual(rig, 600) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let (from, to) = (rig.allocate(&task, 20), rig.allocate(&task, 30));
        rig.write_pages(&task, from, 20, 3);
        rig.write_pages(&task, to, 30, 4);
        assert_eq!(copy(&rig, (&task, from), 20 * page, (&task, to + page)), Ok(()));
        assert_eq!(rig.events(Event::VirtualCopy), 1);
        let bytes: Vec<u8> = [0, 1, 20, 21].map(|n| rig.read(&task, to + n * page)).to_vec();
        assert_eq!(bytes, [4, 3, 3, 4]);
        rig.write(&task, from, 9);
        assert_eq!(rig.read(&task, to + page), 3);
        assert_eq!(rig.region(&task, to + page).range.len(), 20 * page);
        rig.audit();
        rig.end(task);
    }
}

both! {
    /// Shared memory is written in place, so that all who share it see it.
    fn shared_memory_is_overwritten_for_all(rig, 600) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let (from, to) = (rig.allocate(&task, 12), rig.allocate(&task, 12));
        rig.write_pages(&task, from, 12, 3);
        rig.inherit(&task, to, 12, Inherit::Share);
        let child = rig.fork(&task);
        assert_eq!(rig.read(&child, to), 0);
        assert_eq!(copy(&rig, (&task, from), 12 * page, (&task, to)), Ok(()));
        assert_eq!((rig.read(&child, to), rig.read(&child, to + 11 * page)), (3, 3));
        rig.audit();
        rig.end(child);
        rig.end(task);
    }
}

both! {
    /// The range may lie across itself.
    fn overlapping_ranges_move_as_a_whole(rig, 600) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 24);
        for n in 0..20 {
            rig.write(&task, at + n * page, n as u8);
        }
        assert_eq!(copy(&rig, (&task, at), 20 * page, (&task, at + 2 * page)), Ok(()));
        let bytes: Vec<u8> = (0..22).map(|n| rig.read(&task, at + n * page)).collect();
        let expected: Vec<u8> = [0, 1].into_iter().chain(0..20).collect();
        assert_eq!(bytes, expected);
        rig.end(task);
    }
}

both! {
    /// xnu-vm.md §12.2: a small copy answers ADDRESS where a large one answers PROTECTION_FAILURE.
    fn refusals_have_their_codes(rig, 600) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 40);
        assert_eq!(rig.protect(&task, at + 20 * page, 20, 0), Ok(()));
        let (bad, good) = (at + 20 * page, at);
        let code = |from, bytes, to| copy(&rig, (&task, from), bytes, (&task, to));
        let (address, protection) = (KernReturn::INVALID_ADDRESS, KernReturn::PROTECTION_FAILURE);
        assert_eq!(code(bad, 8, good), Err(address));
        assert_eq!(code(good, 8, bad), Err(address));
        assert_eq!(code(bad, 10 * page, good), Err(protection));
        assert_eq!(code(good, 10 * page, bad), Err(protection));
        assert_eq!(code(good, 41 * page, good), Err(protection));
        assert_eq!(code(u64::MAX - 3, 8, good), Err(address));
        assert_eq!(code(good, 8, u64::MAX - 3), Err(address));
        assert_eq!(code(good, 0, u64::MAX - 3), Ok(()));
        let read = |size| rig.vm.read(&task, UserAddr(good), UserSize(size), &task);
        assert_eq!(read(1 << 32), Err(KernReturn::INVALID_ARGUMENT));
        assert_eq!(read(0), Ok(VirtAddr(0)));
        rig.audit();
        rig.end(task);
    }
}

both! {
    /// Whatever allocation fails, the bytes and the counts are as before.
    fn a_failed_copy_leaves_no_trace(rig, 900) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let (from, to) = (rig.allocate(&task, 20), rig.allocate(&task, 20));
        rig.write_pages(&task, from, 20, 3);
        rig.write_pages(&task, to, 20, 4);
        rig.inherit(&task, from, 5, Inherit::Share);
        let sharer = rig.fork(&task);
        for shift in [0, 1] {
            for k in 1.. {
                rig.vm.frames().injector().fail_once(k);
                let done = copy(&rig, (&task, from), 18 * page, (&task, to + shift));
                let struck = !rig.vm.frames().injector().disarm();
                rig.audit();
                if !struck {
                    assert_eq!(done, Ok(()));
                    break;
                }
                assert_eq!(rig.read(&task, from + 19 * page), 3);
                assert_eq!(rig.read(&task, to + 19 * page), 4);
            }
        }
        rig.end(sharer);
        rig.end(task);
    }
}
