//! Zones: typed, fallible allocation.
#![no_std]
