//! Bytes that go straight between a file's pages and a program: `object_read_held`, `object_write_held`.

use super::*;
use std::cell::RefCell;

type Object<const SHIFT: u32> = ObjectRef<SimMachine<SHIFT>>;

impl<const SHIFT: u32> Rig<SHIFT> {
    /// Reads so, with a program whose page is missing after `stop` pieces.
    fn take(
        &self,
        file: &Object<SHIFT>,
        part: (u64, u64),
        stop: usize,
    ) -> Result<Vec<u8>, FaultError> {
        let bytes = RefCell::new(Vec::new());
        let pieces = RefCell::new(0);
        let moved = self
            .vm
            .object_read_held(file, part, Ahead::Default, |piece| {
                if pieces.replace_with(|count| *count + 1) == stop {
                    return Moved::No;
                }
                let mut got = vec![0; piece.length as usize];
                self.vm
                    .machine()
                    .read_page(piece.page, piece.inside as usize, &mut got);
                assert_eq!(piece.done, bytes.borrow().len() as u64);
                bytes.borrow_mut().extend(got);
                Moved::Yes
            });
        let bytes = bytes.into_inner();
        moved.map(|moved| {
            assert_eq!(moved, bytes.len() as u64);
            bytes
        })
    }

    /// Writes `byte` so. The piece at which it stops is half written.
    fn give(
        &self,
        file: &Object<SHIFT>,
        part: (u64, u64),
        byte: u8,
        stop: usize,
    ) -> Result<u64, FaultError> {
        let pieces = RefCell::new(0);
        self.vm.object_write_held(file, part, |piece| {
            let stops = pieces.replace_with(|count| *count + 1) == stop;
            let count = if stops {
                piece.length / 2
            } else {
                piece.length
            };
            let from = vec![byte; count as usize];
            self.vm
                .machine()
                .write_page(piece.page, piece.inside as usize, &from);
            if stops { Moved::No } else { Moved::Yes }
        })
    }
}

both! {
    /// Holes, single bytes, whole pages, the first two pages and those in nodes: what is written straight is what
    /// every other way reads.
    fn all_ways_read_the_same(rig, 512) {
        let page = 1u64 << SHIFT;
        let size = 150 * page;
        let file = rig.vm.object_create(size).expect("memory");
        let mut model = vec![0u8; size as usize];
        let parts = [
            (0, 3 * page), (page - 1, 2), (5 * page + 7, 100), (60 * page, 10 * page), (62 * page + 9, 5 * page),
            (140 * page, 10 * page), (1, 149 * page),
        ];
        for (number, (at, length)) in parts.into_iter().enumerate() {
            let byte = number as u8 + 1;
            // It reads the holes around it before it writes.
            let around = rig.take(&file, (at.saturating_sub(page), 2 * page), usize::MAX).expect("readable");
            let from = at.saturating_sub(page) as usize;
            assert_eq!(around, model[from..from + 2 * page as usize]);
            assert_eq!(rig.give(&file, (at, length), byte, usize::MAX), Ok(length));
            model[at as usize..(at + length) as usize].fill(byte);
            assert_eq!(rig.take(&file, (0, size), usize::MAX).expect("readable"), model);
            let mut bytes = vec![0xee; size as usize];
            assert_eq!(rig.vm.object_read(&file, 0, &mut bytes), Ok(()));
            assert!(bytes == model);
            rig.audit();
        }
        assert_eq!(rig.give(&file, (size, 1), 1, 0), Err(FaultError::InvalidAddress));
        rig.vm.object_release(file);
    }

    /// Where the program's page is missing the call ends with what came before, no page stays busy, and a page
    /// that was new is not there with what a frame held before.
    fn a_missing_page_ends_it_without_a_trace(rig, 512) {
        let page = 1u64 << SHIFT;
        let file = rig.vm.object_create(100 * page).expect("memory");
        for stop in [0, 1, 5, 20] {
            let whole = stop as u64 * page;
            assert_eq!(rig.give(&file, (40 * page, 30 * page), 7, stop), Ok(whole));
            assert_eq!(rig.vm.object_resident(&file), Pages(stop as u64));
            let bytes = rig.take(&file, (40 * page, 30 * page), usize::MAX).expect("readable");
            let (written, rest) = bytes.split_at(whole as usize);
            assert!(written.iter().all(|byte| *byte == 7) && rest.iter().all(|byte| *byte == 0));
            assert_eq!(rig.take(&file, (39 * page + 1, 30 * page), stop).expect("readable").len() as u64,
                (whole).saturating_sub(u64::from(stop != 0)));
            rig.audit();
            // Nobody holds them: this would wait for ever.
            assert_eq!(rig.vm.object_resize(&file, 0), Ok(()));
            assert_eq!(rig.vm.object_resize(&file, 100 * page), Ok(()));
        }
        rig.vm.object_release(file);
    }

    /// A private mapping keeps its moment, and a shared one shows the write.
    fn what_was_copied_stays(rig, 512) {
        let page = 1u64 << SHIFT;
        let file = rig.vm.object_create(8 * page).expect("memory");
        assert_eq!(rig.give(&file, (0, 4 * page), 1, usize::MAX), Ok(4 * page));
        let task = rig.task();
        let private = rig.map_paged(&task, &file, 8, CopyMode::Private);
        let shared = rig.map_paged(&task, &file, 8, CopyMode::Shared);
        assert_eq!(rig.read(&task, private), 1);
        assert_eq!(rig.give(&file, (0, 8 * page), 2, usize::MAX), Ok(8 * page));
        for index in 0..8 {
            let before = if index < 4 { 1 } else { 0 };
            assert_eq!(rig.read(&task, private + index * page), before);
            assert_eq!(rig.read(&task, shared + index * page), 2);
        }
        rig.end(task);
        rig.vm.object_release(file);
    }

    /// A file with a pager: whole pages are not read before they are written, parts are; what was written,
    /// half of a page too, goes out; an error comes when nothing was moved, and not before.
    fn with_a_pager(rig, 512) {
        let page = 1u64 << SHIFT;
        let (file, pager) = rig.paged(40 * page);
        assert_eq!(rig.give(&file, (4 * page, 3 * page), 0xaa, usize::MAX), Ok(3 * page));
        assert!(pager.asked().is_empty());
        assert_eq!(rig.give(&file, (10 * page + 5, 3), 0xbb, usize::MAX), Ok(3));
        let bytes = rig.take(&file, (0, 40 * page), usize::MAX).expect("readable");
        let of = |at: u64| bytes[at as usize];
        assert_eq!([of(0), of(4 * page), of(7 * page - 1), of(7 * page)], [1, 0xaa, 0xaa, 8]);
        assert_eq!([of(10 * page + 4), of(10 * page + 5), of(10 * page + 8)], [11, 0xbb, 11]);
        // The half that was written of a page that was there counts as a change.
        assert_eq!(rig.give(&file, (20 * page, 2 * page), 0xcc, 1), Ok(page));
        assert_eq!(rig.sync(&file, SyncFlags::WAIT), Ok(()));
        let disk = pager.bytes();
        assert!(disk[20 * page as usize..][..(page + page / 2) as usize].iter().all(|byte| *byte == 0xcc));
        assert_eq!(disk[(21 * page + page / 2) as usize], 22);
        rig.vm.object_release(file);
    }
}
