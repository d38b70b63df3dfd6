//! Protection.

use super::*;

both! {
    /// vm-bugs 24: a hole in the range changes nothing of it.
    fn hole_is_atomic(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 6);
        rig.write_pages(&task, at, 6, 1);
        rig.deallocate(&task, at + 3 * page, 1);
        assert_eq!(rig.protect(&task, at, 6, 1), Err(KernReturn::INVALID_ADDRESS));
        rig.write(&task, at, 2);
        rig.write(&task, at + 5 * page, 2);
        assert_eq!(task.entry_count(), 2);
        rig.end(task);
    }
}

both! {
    /// vm-bugs 24: splits join again, and no reference is lost on the way.
    fn split_then_merge(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 64);
        rig.write_pages(&task, at, 64, 1);
        for _ in 0..10 {
            assert_eq!(rig.protect(&task, at + 32 * page, 1, 1), Ok(()));
            assert_eq!(task.entry_count(), 3);
            let cpu = 2;
            let write = rig.touch(cpu, &task, at + 32 * page, Access::Write(9));
            assert_eq!(write, Err(FaultError::ProtectionFailure));
            assert_eq!(rig.protect(&task, at + 32 * page, 1, 3), Ok(()));
            assert_eq!(task.entry_count(), 1);
            rig.write(&task, at + 32 * page, 2);
        }
        assert_eq!(rig.region(&task, at).ref_count, 1);
        rig.end(task);
    }
}

both! {
    /// A maximum cuts what is allowed now, and stays.
    fn maximum_holds(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 1);
        rig.write(&task, at, 1);
        let set = rig.vm.protect(&task, UserAddr(at), UserSize(page), SetMax::Yes, UserProt(1));
        assert_eq!(set, Ok(()));
        assert_eq!(rig.touch(0, &task, at, Access::Write(2)), Err(FaultError::ProtectionFailure));
        assert_eq!(rig.protect(&task, at, 1, 3), Err(KernReturn::PROTECTION_FAILURE));
        // VM_PROT_COPY makes private memory of it, which may be written.
        assert_eq!(rig.protect(&task, at, 1, 0x13), Ok(()));
        rig.write(&task, at, 3);
        rig.end(task);
    }
}

both! {
    /// VM_PROT_COPY of shared memory: the sharers keep theirs.
    fn copy_of_shared_memory(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let parent = rig.task();
        let at = rig.allocate(&parent, 2);
        rig.write_pages(&parent, at, 2, 1);
        rig.inherit(&parent, at, 2, Inherit::Share);
        let child = rig.fork(&parent);
        assert_eq!(rig.protect(&child, at, 1, 0x13), Ok(()));
        rig.write(&child, at, 2);
        rig.write(&child, at + page, 3);
        assert_eq!((rig.read(&parent, at), rig.read(&parent, at + page)), (1, 3));
        rig.end(child);
        rig.end(parent);
    }
}

/// Write and execute at once: as the machine's policy says.
#[test]
fn write_execute_policy() {
    for (policy, expected) in [
        (WriteExecute::Allowed, Ok(())),
        (WriteExecute::Refused, Err(KernReturn::PROTECTION_FAILURE)),
    ] {
        let rig = Rig::<14>::with(256, policy);
        let task = rig.task();
        let at = rig.allocate(&task, 1);
        assert_eq!(rig.protect(&task, at, 1, 7), expected);
        assert_eq!(rig.protect(&task, at, 1, 5), Ok(()));
        rig.end(task);
    }
}

both! {
    /// After the lockdown nothing new is executable, in a child neither; what is there goes on.
    fn exec_lockdown_is_for_ever(rig, 256) {
        const REFUSED: Result<(), KernReturn> = Err(KernReturn::PROTECTION_FAILURE);
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 2);
        assert_eq!(rig.protect(&task, at, 1, 5), Ok(()));
        rig.vm.map_exec_lockdown(&task);
        let child = rig.fork(&task);
        for map in [&task, &child] {
            assert_eq!(rig.protect(map, at + page, 1, 5), REFUSED);
            assert_eq!(rig.protect(map, at, 1, 3), REFUSED, "code must not become writable");
            assert_eq!(rig.protect(map, at + page, 1, 1), Ok(()));
            let request = MapRequest {
                size: UserSize(page),
                flags: UserFlags(1),
                current: UserProt(5),
                maximum: UserProt(7),
                ..MapRequest::default()
            };
            assert_eq!(rig.vm.map(map, &request).map(drop), REFUSED);
            assert_eq!(rig.region(map, at).protection, Protection::READ | Protection::EXECUTE);
        }
        rig.end(task);
        rig.end(child);
    }
}

both! {
    /// VM_PROT_COPY of a part of shared memory, with each of its allocations failing: the entry is whole
    /// and shared as before.
    fn a_copy_that_fails_leaves_the_entry_whole(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 3);
        rig.write_pages(&task, at, 3, 1);
        rig.inherit(&task, at, 3, Inherit::Share);
        let child = rig.fork(&task);
        let before = task.entry_count();
        let (middle, size) = (UserAddr(at + page), UserSize(page));
        for k in 1.. {
            rig.vm.frames().injector().fail_once(k);
            let word = UserProt(u32::from(Protection::DEFAULT.bits()) | abi::prot::VM_PROT_COPY);
            let done = rig.vm.protect(&task, middle, size, SetMax::No, word);
            let fired = !rig.vm.frames().injector().disarm();
            rig.audit();
            if done.is_ok() {
                assert!(k > 1 && !fired);
                break;
            }
            assert_eq!((done, task.entry_count()), (Err(KernReturn::RESOURCE_SHORTAGE), before));
            rig.write(&child, at + page, k as u8);
            assert_eq!(rig.read(&task, at + page), k as u8);
        }
        let last = rig.read(&child, at + page);
        rig.write(&task, at + page, 200);
        assert_eq!(rig.read(&child, at + page), last);
        rig.end(child);
        rig.end(task);
    }
}

both! {
    /// VM_PROT_COPY of two shared entries: whichever allocation fails, both are shared as before.
    fn a_copy_of_two_entries_is_all_or_nothing(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 2);
        rig.write_pages(&task, at, 2, 1);
        for place in [at, at + page] {
            rig.inherit(&task, place, 1, Inherit::Share);
            // One object each.
            rig.end(rig.fork(&task));
        }
        let child = rig.fork(&task);
        let word = UserProt(u32::from(Protection::DEFAULT.bits()) | abi::prot::VM_PROT_COPY);
        for k in 1.. {
            rig.vm.frames().injector().fail_once(k);
            let done = rig.vm.protect(&task, UserAddr(at), UserSize(2 * page), SetMax::No, word);
            let fired = !rig.vm.frames().injector().disarm();
            rig.audit();
            rig.write(&child, at, k as u8);
            rig.write(&child, at + page, k as u8);
            if done.is_ok() {
                assert!(k > 2 && !fired);
                let before = (k - 1) as u8;
                assert_eq!((rig.read(&task, at), rig.read(&task, at + page)), (before, before));
                break;
            }
            assert_eq!(done, Err(KernReturn::RESOURCE_SHORTAGE));
            assert_eq!((rig.read(&task, at), rig.read(&task, at + page)), (k as u8, k as u8));
        }
        rig.end(child);
        rig.end(task);
    }
}

both! {
    /// VM_PROT_COPY of wired memory, shared and private: it holds what it held, and is wired no more.
    fn a_copy_ends_the_wirings(rig, 256) {
        let page = Rig::<SHIFT>::PAGE;
        let task = rig.task();
        let at = rig.allocate(&task, 2);
        rig.write(&task, at, 1);
        rig.write(&task, at + page, 2);
        rig.inherit(&task, at, 1, Inherit::Share);
        let child = rig.fork(&task);
        let (addr, size) = (UserAddr(at), UserSize(2 * page));
        assert_eq!(rig.vm.wire(&task, addr, size, UserProt(3)), Ok(()));
        assert_eq!(rig.vm.queues.counts().wired.0, 2);
        assert_eq!(rig.protect(&task, at, 2, 0x13), Ok(()));
        assert_eq!(rig.vm.queues.counts().wired.0, 0);
        assert_eq!((rig.region(&task, at).user_wired, rig.region(&task, at + page).user_wired), (0, 0));
        rig.audit();
        rig.write(&child, at, 9);
        assert_eq!((rig.read(&task, at), rig.read(&task, at + page)), (1, 2));
        rig.write(&task, at, 8);
        assert_eq!(rig.read(&child, at), 9);
        rig.end(child);
        rig.end(task);
    }
}
