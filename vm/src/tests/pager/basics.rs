//! One request at a time, answered at once.

use super::*;

both! {
    /// What the disk has shows through `object_read` and through a mapping, and is read once.
    fn a_page_comes_in_once(rig, 512) {
        let (file, pager) = rig.paged(8 * (1 << SHIFT));
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 8, CopyMode::Shared);
        pager.asked();
        assert_eq!(rig.read(&task, at), byte(0));
        assert_eq!(rig.read_file(&file, 0, 2), [byte(0); 2]);
        let (read, _) = moved::<SHIFT>(&pager.asked());
        assert_eq!(read.len(), 1);
        for page in 0..8 {
            assert_eq!(rig.read(&task, at + page * (1 << SHIFT)), byte(page));
        }
        let (more, _) = moved::<SHIFT>(&pager.asked());
        let pages: u64 = read.iter().chain(&more).map(|run| run.1).sum();
        assert_eq!(pages, 8, "every page once");
        assert_eq!(rig.events(Event::PageIn), 8);
        rig.end(task);
        rig.vm.object_release(file);
    }

    /// The end of the file within a page reads as zeros, and beyond the last page is SIGBUS.
    fn the_end_of_a_file(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, _pager) = rig.paged(page + 10);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 3, CopyMode::Shared);
        assert_eq!(rig.read(&task, at + page + 9), byte(1));
        assert_eq!(rig.read(&task, at + page + 10), 0);
        let beyond = rig.touch(0, &task, at + 2 * page, Access::Read);
        assert_eq!(beyond, Err(FaultError::MemoryError));
        rig.end(task);
        rig.vm.object_release(file);
    }

    /// What is written through a mapping or by `object_write` reaches the disk with `object_sync`, each
    /// dirty page once, clean pages never.
    fn dirty_pages_go_out_once(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(40 * page);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 40, CopyMode::Shared);
        rig.write(&task, at + 3 * page + 5, 0xaa);
        rig.vm.object_write(&file, 5 * page + 1, &[0xbb; 3]).expect("room");
        rig.vm.object_write(&file, 6 * page, &vec![0xcc; page as usize]).expect("room");
        for other in [0, 20] {
            rig.read(&task, at + other * page);
        }
        assert_eq!(rig.vm.dirty_pages(), Pages(3));
        pager.asked();
        assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(()));
        assert_eq!(rig.vm.dirty_pages(), Pages(0));
        assert_eq!(moved::<SHIFT>(&pager.asked()).1, [(3, 1), (5, 2)]);
        let disk = pager.bytes();
        let get = |at: u64| disk[at as usize];
        assert_eq!((get(3 * page + 5), get(3 * page + 6)), (0xaa, byte(3)));
        assert_eq!((get(5 * page), get(5 * page + 3), get(5 * page + 4)), (byte(5), 0xbb, byte(5)));
        assert_eq!((get(6 * page), get(7 * page - 1)), (0xcc, 0xcc));
        assert_eq!(rig.sync(&file, SyncFlags::WAIT | SyncFlags::DURABLE), Ok(()));
        assert_eq!(pager.asked(), [Asked::Synchronize]);
        rig.end(task);
        rig.vm.object_release(file);
    }

    /// A whole page is written without being read.
    fn a_whole_page_needs_no_read(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(4 * page);
        pager.asked();
        rig.vm.object_write(&file, page, &vec![7; page as usize]).expect("room");
        assert_eq!(pager.asked(), []);
        rig.vm.object_write(&file, 2 * page + 1, &[8]).expect("room");
        assert_eq!(moved::<SHIFT>(&pager.asked()).0.len(), 1);
        assert_eq!(rig.read_file(&file, 2 * page, 2), [byte(2), 8]);
        rig.vm.object_release(file);
    }

    /// A page that was written, cleaned and written again through the same mapping is dirty again: its
    /// mapping was write-protected on every CPU before it was marked clean.
    fn a_clean_page_notes_the_next_write(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(2 * page);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 2, CopyMode::Shared);
        for value in 1..5 {
            for cpu in 0..2 {
                let got = rig.touch(cpu, &task, at + cpu as u64, Access::Write(value + cpu as u8));
                assert_eq!(got, Ok(value + cpu as u8));
            }
            assert_eq!(rig.vm.dirty_pages(), Pages(1));
            assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(()));
            assert_eq!(rig.vm.dirty_pages(), Pages(0));
            assert_eq!(pager.bytes()[..2], [value, value + 1]);
        }
        rig.end(task);
        rig.vm.object_release(file);
    }

    /// Pages that are read ahead are speculative until they are used; the wanted one is active.
    fn read_ahead_is_speculative(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(64 * page);
        pager.asked();
        rig.read_file(&file, 0, 1);
        let (read, _) = moved::<SHIFT>(&pager.asked());
        let ahead = read[0].1 - 1;
        assert!(ahead >= 1, "a first read at the beginning reads ahead");
        assert_eq!(rig.vm.queues.counts().speculative, Pages(ahead));
        assert_eq!(rig.vm.queues.counts().active, Pages(1));
        rig.read_file(&file, page, 1);
        assert_eq!(rig.vm.queues.counts().speculative, Pages(ahead - 1));
        assert_eq!(rig.vm.queues.counts().active, Pages(2));
        assert_eq!(rig.events(Event::SpeculativeHit), 1);
        rig.vm.object_release(file);
    }

    /// Reads in order double the run; reads at random end with the page alone.
    fn read_ahead_grows_and_stops(rig, 1024) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(512 * page);
        pager.asked();
        for at in 0..64 {
            rig.read_file(&file, at * page, 1);
        }
        let (read, _) = moved::<SHIFT>(&pager.asked());
        let runs: Vec<u64> = read.iter().map(|run| run.1).collect();
        let most = (256 << 10) / page;
        for pair in runs.windows(2) {
            assert_eq!(pair[1], (pair[0] * 2).min(most), "{runs:?}");
        }
        for at in [500, 300, 410, 330, 450, 280, 360, 390, 310] {
            rig.read_file(&file, at * page, 1);
        }
        let (read, _) = moved::<SHIFT>(&pager.asked());
        assert_eq!(read.last(), Some(&(310, 1)), "{read:?}");
        assert_eq!(read[read.len() - 2].1, 1);
        rig.vm.object_release(file);
    }

    /// `INVALIDATE` writes and lets go; the next read asks the pager.
    fn invalidate_lets_go(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(4 * page);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 4, CopyMode::Shared);
        rig.write(&task, at + page, 0x55);
        assert_eq!(rig.sync(&file, SyncFlags::WAIT | SyncFlags::INVALIDATE), Ok(()));
        assert_eq!(rig.vm.object_resident(&file), Pages(0));
        pager.asked();
        assert_eq!(rig.read(&task, at + page), 0x55);
        assert_eq!(moved::<SHIFT>(&pager.asked()).0.len(), 1);
        rig.end(task);
        rig.vm.object_release(file);
    }

    /// A private mapping keeps what the disk had when it was made, though the page was never in memory.
    fn a_private_mapping_keeps_what_the_disk_had(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, _pager) = rig.paged(4 * page);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 4, CopyMode::Private);
        rig.vm.object_write(&file, 0, &vec![9; page as usize]).expect("room");
        rig.vm.object_write(&file, page, &[9]).expect("room");
        rig.vm.object_resize(&file, 2 * page + 1).expect("room");
        assert_eq!(rig.read(&task, at), byte(0));
        assert_eq!(rig.read(&task, at + page), byte(1));
        assert_eq!(rig.read(&task, at + 2 * page + 1), byte(2));
        assert_eq!(rig.read(&task, at + 3 * page), byte(3));
        assert_eq!(rig.read_file(&file, 0, 1), [9]);
        rig.write(&task, at + page, 3);
        assert_eq!(rig.read_file(&file, page, 1), [9]);
        rig.end(task);
        rig.vm.object_release(file);
    }

    /// A file that is cut off and grows again shows zeros, in memory and on the disk.
    fn a_cut_tail_reads_as_zeros(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(2 * page);
        rig.vm.object_resize(&file, page + 4).expect("room");
        pager.set_size(page + 4);
        rig.vm.object_resize(&file, 3 * page).expect("room");
        pager.set_size(3 * page);
        assert_eq!(rig.read_file(&file, page, 6), [byte(1), byte(1), byte(1), byte(1), 0, 0]);
        assert_eq!(rig.sync(&file, SyncFlags::WAIT | SyncFlags::INVALIDATE), Ok(()));
        assert_eq!(rig.read_file(&file, page + 2, 4), [byte(1), byte(1), 0, 0]);
        assert_eq!(rig.read_file(&file, 2 * page, 2), [0, 0]);
        rig.vm.object_release(file);
    }

    /// What programs write beyond the end is not the file's when it grows.
    fn bytes_beyond_the_end_do_not_become_the_files(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(10);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 1, CopyMode::Shared);
        rig.write(&task, at + 5, 0x11);
        rig.write(&task, at + 20, 0x22);
        rig.vm.object_resize(&file, 100).expect("room");
        pager.set_size(100);
        assert_eq!(rig.read_file(&file, 20, 1), [0]);
        assert_eq!(rig.read_file(&file, 5, 1), [0x11]);
        assert!(page > 100);
        rig.end(task);
        rig.vm.object_release(file);
    }
}

both! {
    /// A pager is told of the first mapping and the last, and of the end of its object.
    fn a_pager_is_told(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(4 * page);
        let task = rig.task();
        let at = rig.map_paged(&task, &file, 4, CopyMode::Shared);
        assert_eq!(pager.asked(), [Asked::Map]);
        let private = rig.map_paged(&task, &file, 4, CopyMode::Private);
        rig.deallocate(&task, at, 4);
        assert_eq!(pager.asked(), []);
        rig.deallocate(&task, private, 4);
        assert_eq!(pager.asked(), [Asked::LastUnmap]);
        rig.map_paged(&task, &file, 2, CopyMode::Private);
        let child = rig.fork(&task);
        rig.end(task);
        assert_eq!(pager.asked(), [Asked::Map]);
        rig.vm.object_release(file);
        assert_eq!(pager.asked(), []);
        rig.end(child);
        assert_eq!(pager.asked(), [Asked::LastUnmap, Asked::Terminate]);
    }
}
