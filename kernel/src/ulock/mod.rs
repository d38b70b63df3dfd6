//! `ulock`: waiting until a word of a program changes.
//!
//! Owns: the protocol between who waits and who wakes. Does not own: the queues (`waiters`), the calls'
//! arguments (`syscall::ulock`), what programs build on it (libpthread).
//! Locks: one over all queues, before the scheduler's books; a program's memory is never touched under it.
//!
//! No wake-up is lost (I-ULOCK-1): a thread is in the queue before it reads the word, and sleeps only if nobody has
//! taken it out by then. Who changes the word and then wakes therefore either finds it in the queue, or
//! has changed the word before it was read. A thread that was taken out, and finds that the word was not
//! as it thought, never waited: it passes what it took on to the next one.

#[cfg(target_os = "none")]
mod wait;
pub mod waiters;

#[cfg(target_os = "none")]
pub use wait::{Reach, Whom, Width, Word, wait, wake, wake_joiner};
