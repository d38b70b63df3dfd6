//! What the processor does, seen from the kernel: page tables under random programs, the timer, the FP
//! registers of a thread.

use super::rig::{Rig, page, sleep};
use super::{Outcome, Unmet, check, same, tests};
use crate::memory::vm;
use crate::platform::Machine as Tables;
use arch::layout::{KERNEL_MAP_BASE, KERNEL_MAP_END};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use vm::conformance::{self, Blind};
use vm::{Machine, Range, VirtAddr};

tests!("hardware":
    page_tables_conform,
    page_tables_conform_while_interrupts_come,
    the_timer_comes_while_the_kernel_computes,
    frames_of_a_program_are_its_own,
);

fn conform(seed: u64, steps: u32) -> Outcome<conformance::Met> {
    // The end of the kernel map: memory of the kernel is given out from its start.
    let window = KERNEL_MAP_END - (1 << 32);
    check!(window > KERNEL_MAP_BASE);
    let window = Range::new(VirtAddr(window), VirtAddr(KERNEL_MAP_END));
    let program = Tables::conformance(seed, steps, window);
    conformance::conform(vm(), &mut Blind, program)
        .map_err(|failure| Unmet::failed(format_args!("seed {seed}: {failure}")))
}

fn page_tables_conform(rig: &mut Rig<'_>) -> Outcome {
    let met = conform(rig.below(u64::MAX), 3000)?;
    let counts = [
        met.entered,
        met.replaced,
        met.changed,
        met.refilled,
        met.removed,
        met.lowered,
        met.disconnected,
        met.destroyed,
        met.nested,
        met.unnested,
        met.shown,
    ];
    check!(
        counts.iter().all(|&count| count > 0),
        "too little was met: {met:?}"
    );
    let has = Tables::SUPERPAGE_SIZE.is_some();
    check!(
        has == (met.superpages > 0) && has == (met.parts > 0),
        "superpages: {met:?}"
    );
    check!(met.most_mappers > 2, "no page was shared: {met:?}");
    Ok(())
}

fn page_tables_conform_while_interrupts_come(rig: &mut Rig<'_>) -> Outcome {
    static TICKS: AtomicU64 = AtomicU64::new(0);
    TICKS.store(0, Relaxed);
    let work = |_: &(), _: usize| {
        for _ in 0..40 {
            sleep(500_000);
            TICKS.fetch_add(1, Relaxed);
        }
    };
    let priority = crate::sched::queues::Priority::KERNEL;
    super::threads::with_threads(&(), 1, priority, work, || {
        while TICKS.load(Relaxed) < 40 {
            conform(rig.below(u64::MAX), 200)?;
        }
        Ok(())
    })
}

fn the_timer_comes_while_the_kernel_computes(_: &mut Rig<'_>) -> Outcome {
    static WOKEN: AtomicU64 = AtomicU64::new(0);
    WOKEN.store(0, Relaxed);
    let work = |_: &(), _: usize| {
        for _ in 0..10 {
            sleep(2_000_000);
            WOKEN.fetch_add(1, Relaxed);
        }
    };
    let priority = crate::sched::queues::Priority::KERNEL;
    super::threads::with_threads(&(), 1, priority, work, || {
        // Computing, never waiting: only the timer can give the other one its turn.
        let until = arch::timer::now() + 5_000_000_000;
        while WOKEN.load(Relaxed) < 10 {
            check!(
                arch::timer::now() < until,
                "woken {} times in 5 s",
                WOKEN.load(Relaxed)
            );
            arch::cpu::relax();
        }
        Ok(())
    })
}

fn frames_of_a_program_are_its_own(rig: &mut Rig<'_>) -> Outcome {
    // What one address space writes is in no frame of the other, and in the direct map where it should be.
    let (first, second) = (rig.space()?, rig.space()?);
    let (here, there) = (first.allocate(16)?, second.allocate(16)?);
    check!(first.write_pages(here, 16, 0x11).is_ok());
    check!(second.write_pages(there, 16, 0x22).is_ok());
    for index in 0..16 {
        let one = first.mapped(here + index * page()).map(|seen| seen.0);
        let other = second.mapped(there + index * page()).map(|seen| seen.0);
        check!(one.is_some() && one != other);
        let mut byte = [0];
        if let Some(frame) = one {
            vm().machine().read_page(frame, 0, &mut byte);
        }
        same!(byte, [0x11]);
    }
    Ok(())
}
