//! `kernel_main`: from the boot record to the first program.
//!
//! Owns: the order in which the kernel's parts come up. Does not own: what the machine then does
//! (`init`).

use crate::console::{output, tty};
use crate::files;
use crate::sched::queues::Priority;
use crate::sched::{Thread, Work, cpus, run, turn};
use crate::{block, clock, init, memory, pageout, panic, random, zones};
use boot::BootInfo;
use core::sync::atomic::{AtomicPtr, Ordering};

/// The block device that the root is on, unless `root=` says another: the loader's module.
const ROOT: &str = "rd0";

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
    if block::init(info).is_err() {
        boot::report::fail(format_args!("block devices: no memory"));
    }
    let root = info.arguments.root.unwrap_or(ROOT);
    if let Err(why) = files::init(root) {
        boot::report::fail(format_args!("the root, {root}: {why}"));
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
