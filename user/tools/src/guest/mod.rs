//! What runs in the guest: the programs themselves.
//!
//! Owns: arguments, reading the kernel's figures, exit codes. Does not own: layouts (the pure modules).

mod c;
mod cat;
mod echo;
mod env;
mod files;
mod grep;
mod heap;
mod kill;
mod lines;
mod list;
mod objects;
mod options;
mod out;
mod pagesize;
mod processes;
mod sh;
mod sleep;
mod stress;
mod sys;
mod sysctl;
mod vm_stat;
mod vmmap;
mod wc;
mod zprint;
