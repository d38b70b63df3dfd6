//! The shell's language: tokens, commands, words, the line editor.
//!
//! Owns: what a text means. Does not own: running it (`guest::sh`). All of it is pure.

pub mod ast;
pub mod edit;
pub mod expand;
pub mod lexer;
pub mod parser;

pub use ast::{
    AndOr, Command, Compound, Connector, Item, List, Part, Pipeline, Redirect, RedirectKind, Word,
};
pub use parser::{SyntaxError, parse};
