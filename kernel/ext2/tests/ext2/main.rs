//! The file system on images of e2fsprogs, and its promises under power cuts, errors and damage.
//!
//! Seeds are printed by a failing test; `VELLUM_EXT2_ROUNDS=N` makes the random ones N times as long.

mod costs;
mod damage;
mod disk;
mod errors;
mod files;
mod formats;
mod images;
mod model;
mod orders;
mod power;
mod programs;
mod random;
mod tools;
