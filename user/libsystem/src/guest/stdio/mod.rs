//! stdio.h.
//!
//! Owns: streams and their buffers, the `printf` and `scanf` families' entry points. Does not own: the
//! language of `printf` (`format`).

mod hold;
mod input;
mod output;
mod print;
mod scan;
mod stream;

pub use hold::*;
pub use input::*;
pub use output::*;
pub use print::*;
pub use scan::*;
pub use stream::*;
