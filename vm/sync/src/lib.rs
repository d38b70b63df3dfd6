//! Ranked locks.
#![no_std]
