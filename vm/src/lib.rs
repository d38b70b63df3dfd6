//! What memory means: maps, objects, pages, faults.
#![no_std]
