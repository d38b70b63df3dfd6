//! libSystem: the C library and the system-call layer of programs.
#![no_std]
