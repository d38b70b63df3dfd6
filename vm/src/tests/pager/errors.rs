//! Requests that fail.

use super::*;

both! {
    /// A page that cannot be read is an error for who needs it, in a fault and in `object_read`, as often as
    /// they ask; in a read-ahead it is none.
    fn a_bad_block_ahead_hurts_nobody(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(8 * page);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 8, CopyMode::Shared);
        pager.spoil(page);
        assert_eq!(rig.read_file(&file, 0, 4), [byte(0); 4]);
        let io = FaultError::Pager(PagerError::Io);
        for _ in 0..2 {
            assert_eq!(rig.touch(0, &task, at + page, Access::Read), Err(io));
            assert_eq!(rig.touch(0, &task, at + page, Access::Write(1)), Err(io));
            let mut bytes = [0; 4];
            assert_eq!(rig.vm.object_read(&file, page - 2, &mut bytes), Err(io));
            assert_eq!(rig.vm.object_write(&file, page + 1, &[1]), Err(io));
        }
        assert_eq!(KernReturn::from(io), KernReturn::MEMORY_ERROR);
        assert_eq!(rig.read(&task, at + 2 * page), byte(2));
        pager.mend();
        assert_eq!(rig.read(&task, at + page), byte(1));
        rig.end(task);
        rig.vm.object_release(file);
    }

    /// A page that cannot be written stays, dirty; its neighbours are written; the error is told once.
    fn a_bad_block_keeps_its_page(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(8 * page);
        for at in 0..8 {
            rig.vm.object_write(&file, at * page, &vec![at as u8 + 100; page as usize]).expect("room");
        }
        pager.spoil(3 * page);
        // Somebody else's write, without anybody to tell.
        assert_eq!(rig.sync(&file, SyncFlags::empty()), Ok(()));
        assert_eq!(rig.vm.dirty_pages(), Pages(1));
        assert_eq!(rig.events(Event::PageOutError), 1);
        for at in 0..8 {
            let disk = pager.bytes()[(at * page) as usize];
            assert_eq!(disk, if at == 3 { byte(3) } else { at as u8 + 100 });
        }
        pager.mend();
        assert_eq!(rig.sync(&file, SyncFlags::WAIT), Err(PagerError::Io), "told late");
        assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(()), "told once");
        assert_eq!(pager.bytes()[(3 * page) as usize], 103);
        rig.vm.object_release(file);
    }

    /// An invalidation does not throw away what could not be written.
    fn an_invalidation_keeps_what_is_dirty(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(2 * page);
        rig.vm.object_write(&file, 0, &vec![5; 2 * page as usize]).expect("room");
        pager.spoil(0);
        let all = SyncFlags::WAIT | SyncFlags::INVALIDATE;
        assert_eq!(rig.sync(&file, all), Err(PagerError::Io));
        assert_eq!(rig.read_file(&file, 0, 1), [5]);
        pager.mend();
        assert_eq!(rig.sync(&file, all), Ok(()));
        assert_eq!(rig.vm.object_resident(&file), Pages(0));
        rig.vm.object_release(file);
    }

    /// Whichever request of a storm fails: it ends in one error, and afterwards all is as if the storm had
    /// been made without it.
    fn an_error_at_every_step(rig, 1024) {
        let page = 1u64 << SHIFT;
        let mut failed = 0;
        for step in 1.. {
            let (file, pager) = rig.paged(12 * page);
            let (task, other) = (rig.task(), rig.task());
            let at = rig.map_paged(&task, &file, 12, CopyMode::Shared);
            let private = rig.map_paged(&other, &file, 12, CopyMode::Private);
            let mut model = pager.bytes();
            pager.fail_in(step);
            let mut errors = 0;
            let mut again = |tried: &mut dyn FnMut() -> bool| {
                while !tried() {
                    errors += 1;
                    assert!(errors < 3, "one failure, several errors");
                }
            };
            for n in 0..12u64 {
                let place = n * 5 % 12;
                let byte_at = place * page + n;
                again(&mut || rig.touch(0, &task, at + byte_at, Access::Write(n as u8)).is_ok());
                model[byte_at as usize] = n as u8;
                if n % 4 == 3 {
                    again(&mut || rig.sync(&file, SyncFlags::WAIT | SyncFlags::INVALIDATE).is_ok());
                }
                if n == 8 {
                    again(&mut || rig.vm.object_resize(&file, 7 * page + 9).is_ok());
                    pager.set_size(7 * page + 9);
                    rig.vm.object_resize(&file, 12 * page).expect("growing asks nobody");
                    pager.set_size(12 * page);
                    model[7 * page as usize + 9..].fill(0);
                }
            }
            again(&mut || rig.sync(&file, SyncFlags::WAIT).is_ok());
            assert!(pager.bytes() == model, "step {step}");
            for n in 0..12 {
                again(&mut || rig.touch(1, &other, private + n * page + page / 2, Access::Read).is_ok());
                assert_eq!(rig.read(&other, private + n * page + page / 2), byte(n), "step {step}");
            }
            rig.end(task);
            rig.end(other);
            rig.vm.object_release(file);
            rig.audit();
            failed += errors.min(1);
            if step > 60 {
                break;
            }
        }
        assert!(failed > 10, "only {failed} steps failed");
    }
}
