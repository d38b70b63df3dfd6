//! `memcpy`, `memmove`, `memset` and `memcmp`: what the compiler calls for moves of any size.
//!
//! Owns: the routines. They replace those of the compiler's library, which avoid unaligned accesses
//! at several times the instructions. Does not own: whole frames (`frames`), user memory (`user`).
//! `memset` clears large ranges by `dc zva` only once caches are on.

core::arch::global_asm!(include_str!("memory.s"));
