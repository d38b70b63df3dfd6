//! Tasks: an address space, its threads, files and signals.

pub mod table;
