//! `kernel_main`: from the boot record to the first program.
//!
//! Owns: the order in which the kernel's parts come up. Does not own: what the machine then does
//! (`init`).

use crate::console::{output, tty};
use crate::files::{self, tree};
use crate::sched::queues::Priority;
use crate::sched::{Thread, Work, cpus, run, turn};
use crate::vfs::unpack::{UnpackError, unpack};
use crate::{clock, init, log, memory, pageout, panic, random, zones};
use arch::layout::direct_map;
use boot::{BootInfo, PhysRange};
use core::sync::atomic::{AtomicPtr, Ordering};

/// Where the kernel's first thread finds the record.
static INFO: AtomicPtr<BootInfo> = AtomicPtr::new(core::ptr::null_mut());

/// What `boot` calls, once, on the boot CPU, with interrupts masked.
#[unsafe(no_mangle)]
pub fn kernel_main(info: &'static BootInfo) -> ! {
    run::init();
    output::init(info.arguments.console);
    panic::init(info);
    if let Err(why) = memory::init(info) {
        boot::report::fail(format_args!("{why}"));
    }
    if zones::init().is_err() {
        boot::report::fail(format_args!("too little memory for the kernel's zones"));
    }
    clock::init();
    random::init(info.entropy);
    memory::vm().seed(random::next());
    if let Some(longest) = info.arguments.jitter {
        turn::randomise(longest, random::next());
    }
    INFO.store(core::ptr::from_ref(info).cast_mut(), Ordering::Release);
    let work = Work {
        run: |_| first_thread(),
        argument: 0,
    };
    match Thread::kernel(work, Priority::KERNEL) {
        Ok(thread) => run::start(&thread),
        Err(_) => boot::report::fail(format_args!("no memory for the first thread")),
    }
    run::idle()
}

/// What needs a thread that may sleep.
fn first_thread() {
    // SAFETY: `kernel_main` stored a reference that lives for ever.
    let info = unsafe { &*INFO.load(Ordering::Acquire) };
    if let Err(error) = files::init() {
        boot::report::fail(format_args!("file tree: {}", error.text()));
    }
    match info.initrd {
        Some(range) => unpack_root(info, range),
        None => boot::report::fail(format_args!("no root archive: pass one with -initrd")),
    }
    if let Err(error) = files::furnish().and_then(|()| Ok(tty::start()?)) {
        boot::report::fail(format_args!("devices: {}", error.text()));
    }
    if pageout::start().is_err() {
        boot::report::fail(format_args!("no memory for the pageout thread"));
    }
    cpus::start_all(info);
    init::begin(info);
}

/// Unpacks the archive and frees what it lay in.
fn unpack_root(info: &BootInfo, range: PhysRange) {
    let start = direct_map(range.start) as *const u8;
    let length = range.end.saturating_sub(range.start) as usize;
    // SAFETY: the direct map shows all RAM; the archive's frames belong to nobody until they are
    // freed below, after the last use of the slice.
    let archive = unsafe { core::slice::from_raw_parts(start, length) };
    match unpack(tree(), archive) {
        Ok(count) => log!("root: {count} files, {} KiB", length / 1024),
        Err(UnpackError::Malformed(at)) => {
            boot::report::fail(format_args!("the root archive is damaged at byte {at}"))
        }
        Err(UnpackError::Failed(error)) => {
            boot::report::fail(format_args!("the root archive: {}", error.text()))
        }
    }
    memory::free_frames(range, info);
}
