//! The shell and the tools.
#![no_std]
