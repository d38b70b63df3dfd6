//! stdio.h.
//!
//! Owns: streams and their buffers, the `printf` and `scanf` families' entry points. Does not own: the
//! language of `printf` (`format`).

mod input;
mod output;
mod print;
mod scan;
mod stream;

pub use input::*;
pub use output::*;
pub use print::*;
pub use scan::*;
pub use stream::*;
