//! What the parser makes of a text.

use alloc::string::String;
use alloc::vec::Vec;

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Characters as they are; quoted ones are neither split nor patterns.
    Text {
        /// The bytes.
        text: Vec<u8>,
        /// Whether quotes were around them.
        quoted: bool,
    },
    /// The value of a variable.
    Variable {
        /// Its name, or one of `? $ ! # @ *` and digits.
        name: String,
        /// Whether it stood between double quotes.
        quoted: bool,
    },
    /// The output of a command.
    Output {
        /// The command's text.
        command: Vec<u8>,
        /// Whether it stood between double quotes.
        quoted: bool,
    },
}

/// A word before expansion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word(pub Vec<Part>);

impl Word {
    /// The word's characters, if it is one unquoted text.
    pub fn plain(&self) -> Option<&[u8]> {
        match &self.0[..] {
            [
                Part::Text {
                    text,
                    quoted: false,
                },
            ] => Some(text),
            _ => None,
        }
    }
}

/// What a redirection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectKind {
    /// `<`
    Read,
    /// `>`
    Write,
    /// `>>`
    Append,
    /// `<&`, `>&`
    Duplicate,
}

/// One redirection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The descriptor that changes.
    pub fd: i32,
    /// How.
    pub kind: RedirectKind,
    /// A file's name, or a descriptor's number.
    pub target: Word,
}

/// A command that holds lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compound {
    /// `{ …; }`
    Group(List),
    /// `( … )`
    Subshell(List),
    /// `if … then … elif … else … fi`
    If {
        /// Conditions and what follows them.
        arms: Vec<(List, List)>,
        /// What follows if none holds.
        otherwise: List,
    },
    /// `while … do … done`, `until … do … done`
    Loop {
        /// The condition.
        condition: List,
        /// Runs as long as the condition has this outcome.
        wanted: bool,
        /// The body.
        body: List,
    },
    /// `for NAME in … do … done`
    For {
        /// The variable.
        name: String,
        /// The words; without `in`, the arguments.
        words: Option<Vec<Word>>,
        /// The body.
        body: List,
    },
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A program or builtin with its arguments.
    Simple {
        /// `NAME=VALUE` before the words.
        assignments: Vec<(String, Word)>,
        /// Name and arguments.
        words: Vec<Word>,
        /// Redirections.
        redirects: Vec<Redirect>,
    },
    /// A command that holds lists.
    Compound {
        /// The command.
        body: Compound,
        /// Redirections.
        redirects: Vec<Redirect>,
    },
}

/// Commands joined by pipes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipeline {
    /// `!` before it.
    pub negated: bool,
    /// The commands.
    pub commands: Vec<Command>,
}

/// How a pipeline follows another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connector {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// Pipelines joined by `&&` and `||`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AndOr {
    /// The first one.
    pub first: Pipeline,
    /// The others.
    pub rest: Vec<(Connector, Pipeline)>,
}

/// An element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What runs.
    pub what: AndOr,
    /// `&` after it.
    pub background: bool,
}

/// Commands one after the other.
pub type List = Vec<Item>;
