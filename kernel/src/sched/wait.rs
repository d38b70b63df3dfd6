//! Waiting and waking.
//!
//! Owns: what a thread does to wait for an event, a deadline or a signal, and who ends that. Does not own: who
//! runs meanwhile (`run`), why anybody waits.
//!
//! `assert_wait` disables preemption, and `block` or `clear_wait` enables it again: a wakeup in between is
//! remembered.

use super::cpus;
use super::queues::{Interruptible, WaitResult};
use super::run::{BOOKS, current, notice, pick, program, switch};
use super::thread::{Ast, Thread};
use arch::{interrupts, preempt};

/// The running thread is going to wait: until `block`, a wakeup is remembered. Preemption is off
/// from here to `block` or `clear_wait`.
pub fn assert_wait(event: usize, deadline: Option<u64>, interruptible: Interruptible) {
    preempt::disable();
    let me = current();
    let mut books = BOOKS.lock();
    books.assert_wait(me.id, event, deadline, interruptible);
    if interruptible == Interruptible::Yes && me.ast().intersects(Ast::SIGNAL | Ast::EXIT) {
        books.interrupt(me.id);
    } else if let Some(deadline) = deadline {
        program(deadline);
    }
}

/// The running thread does not wait after all.
pub fn clear_wait() {
    BOOKS.lock().clear_wait(current().id);
    preempt::enable();
}

/// Waits for what `assert_wait` named.
pub fn block() {
    let saved = interrupts::disable();
    debug_assert!(
        preempt::count() == 1,
        "I-SCHED-2: a thread sleeps with preemption off"
    );
    let me = current();
    let next = {
        let mut books = BOOKS.lock();
        if books.sleep(me.id) {
            Some(pick(&mut books))
        } else {
            None
        }
    };
    if let Some(next) = next {
        switch(me, next);
    }
    interrupts::restore(saved);
    preempt::enable();
}

/// The same, and says how the wait ended.
pub fn block_for_result() -> WaitResult {
    block();
    BOOKS.lock().result(current().id)
}

/// Gives up `guard` and waits for `event`; says how the wait ended.
pub fn wait<G>(
    event: usize,
    guard: G,
    deadline: Option<u64>,
    interruptible: Interruptible,
) -> WaitResult {
    assert_wait(event, deadline, interruptible);
    drop(guard);
    block_for_result()
}

/// Ends all waits for `event`.
pub fn wakeup(event: usize) {
    let mut books = BOOKS.lock();
    let woken = books.wakeup(event);
    notice(&mut books, woken);
}

/// Ends a thread's wait, if a signal may.
pub fn interrupt(thread: &Thread) {
    let mut books = BOOKS.lock();
    let woken = books.interrupt(thread.id);
    notice(&mut books, woken);
    if let Some(cpu) = books.cpu_of(thread.id) {
        cpus::call(cpu);
    }
}

/// Upcall of `sync::Platform`.
#[unsafe(no_mangle)]
fn kernel_assert_wait(event: usize) {
    assert_wait(event, None, Interruptible::No);
}

/// Upcall of `sync::Platform`.
#[unsafe(no_mangle)]
fn kernel_clear_wait() {
    clear_wait();
}

/// Upcall of `sync::Platform`.
#[unsafe(no_mangle)]
fn kernel_block() {
    block();
}

/// Upcall of `sync::Platform`.
#[unsafe(no_mangle)]
fn kernel_wakeup(event: usize) {
    wakeup(event);
}
