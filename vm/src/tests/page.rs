//! Frames in runs.

use super::*;
use zalloc::ChunkSource;

both! {
    /// vm-bugs 16: a run of frames that goes takes along neither its neighbours nor less than itself.
    fn contiguous_partial_free(rig, 256) {
        let frames = rig.vm.frames();
        let free = || (frames.free_count().0, frames.kernel_count().0);
        let before = free();
        let chunk = |pages: usize| {
            let chunk = frames.alloc_chunk(pages).expect("memory");
            assert_eq!(chunk.bytes(), pages << SHIFT);
            chunk
        };
        let (one, four, two) = (chunk(1), chunk(4), chunk(2));
        assert_eq!(free(), (before.0 - 7, before.1 + 7));
        frames.free_chunk(four);
        assert_eq!(free(), (before.0 - 3, before.1 + 3));
        rig.audit();
        let again = chunk(4);
        assert_eq!(free(), (before.0 - 7, before.1 + 7));
        for chunk in [two, again, one] {
            frames.free_chunk(chunk);
        }
        assert_eq!(free(), before);
    }
}

both! {
    /// vm-bugs M1: a page that is mapped does not become free (I-PAGE-1), whoever believes that it may.
    fn a_mapped_page_is_never_free(rig, 256) {
        let task = rig.task();
        let at = rig.allocate(&task, 1);
        rig.write(&task, at, 1);
        let mapped = rig.vm.machine().pmap_extract(rig.vm.pmap(&task), VirtAddr(at));
        let (page, _) = mapped.expect("mapped");
        let free = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| rig.vm.frames.give_page(page)));
        let reason = free.expect_err("a mapped page was given back");
        let text = reason.downcast_ref::<String>().map(String::as_str);
        let text = text.or(reason.downcast_ref::<&str>().copied());
        assert!(text.is_some_and(|text| text.starts_with("I-PAGE-1")), "{text:?}");
        assert_eq!(rig.read(&task, at), 1);
        rig.end(task);
    }
}
