//! The core's protocols under the schedules that shuttle's random and PCT schedulers find.
//!
//! Run with `cargo test -p vm --features shuttle --test shuttle`. The whole `Vm` runs on the simulated
//! machine; every step of a lock and every access of a program is a place where another CPU may come in
//! between. `VELLUM_RUNS=N` looks at N schedules of each kind, `VELLUM_SEED=N` at others; a failure
//! prints its schedule, and `VELLUM_SCHEDULE=… VELLUM_SHIFT=12` repeats it.
//!
//! | file | what it is |
//! |---|---|
//! | `bench` | a machine with programs on several CPUs, and the exploration of one |
//! | `pages` | a busy page; references that come and go |
//! | `paging` | pages of files that come and leave while programs use them |
//! | `chains` | collapse against fault, fork against fault |
//! | `maps` | changes of a map against fault |
//! | `ends` | the end of a task against everything on shared memory |
//! | `copies` | wire against copy, copies against changes of rights and of mappings |

mod bench;
mod chains;
mod copies;
mod ends;
mod maps;
mod pages;
mod paging;
