//! Words to arguments: values, splitting, patterns.
//!
//! Owns: the order of expansion. Does not own: where values and files come from (`World`).

use super::ast::{Part, Word};
use alloc::vec::Vec;

/// What expansion asks for.
pub trait World {
    /// A variable's value; nothing if it is not set.
    fn variable(&mut self, name: &str) -> Option<Vec<u8>>;
    /// The arguments `$1`, `$2`, ….
    fn arguments(&mut self) -> Vec<Vec<u8>>;
    /// A command's output.
    fn output(&mut self, command: &[u8]) -> Vec<u8>;
    /// The names in a folder (`.` for the empty path); nothing if it cannot be read.
    fn names(&mut self, folder: &[u8]) -> Vec<Vec<u8>>;
}

/// A byte of a field and whether it may be part of a pattern.
type Cell = (u8, bool);

#[derive(Default)]
struct Fields {
    done: Vec<Vec<Cell>>,
    open: Option<Vec<Cell>>,
}

impl Fields {
    fn push(&mut self, bytes: &[u8], pattern: bool) {
        self.open
            .get_or_insert_default()
            .extend(bytes.iter().map(|&byte| (byte, pattern)));
    }

    fn end(&mut self) {
        self.done.extend(self.open.take());
    }

    /// Adds text that blanks split into fields.
    fn split(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b' ' | b'\t' | b'\n' => self.end(),
                _ => self.push(&[byte], true),
            }
        }
    }
}

/// The arguments that `words` become.
pub fn arguments(words: &[Word], world: &mut dyn World) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for word in words {
        let mut fields = Fields::default();
        expand(word, world, &mut fields, true);
        fields.end();
        for field in fields.done {
            all.extend(matches(&field, world));
        }
    }
    all
}

/// The one text that a word becomes where there is no splitting (assignments, file names).
pub fn text(word: &Word, world: &mut dyn World) -> Vec<u8> {
    let mut fields = Fields::default();
    expand(word, world, &mut fields, false);
    fields
        .open
        .unwrap_or_default()
        .iter()
        .map(|cell| cell.0)
        .collect()
}

fn expand(word: &Word, world: &mut dyn World, fields: &mut Fields, split: bool) {
    for part in &word.0 {
        match part {
            Part::Text { text, quoted } => fields.push(text, !quoted),
            Part::Variable { name, quoted } if name == "@" && split => {
                for (index, argument) in world.arguments().iter().enumerate() {
                    if index != 0 {
                        fields.end();
                    }
                    if *quoted {
                        fields.push(argument, false)
                    } else {
                        fields.split(argument)
                    }
                }
            }
            Part::Variable { name, quoted } => {
                let value = match name.as_str() {
                    "@" | "*" => Some(world.arguments().join(&b' ')),
                    _ => world.variable(name),
                };
                insert(fields, &value.unwrap_or_default(), *quoted || !split);
            }
            Part::Output { command, quoted } => {
                let mut output = world.output(command);
                while output.last() == Some(&b'\n') {
                    output.pop();
                }
                insert(fields, &output, *quoted || !split);
            }
        }
    }
}

fn insert(fields: &mut Fields, value: &[u8], whole: bool) {
    if whole {
        fields.push(value, false)
    } else {
        fields.split(value)
    }
}

/// The files that a field names as a pattern, sorted, or the field itself.
fn matches(field: &[Cell], world: &mut dyn World) -> Vec<Vec<u8>> {
    let plain = |cells: &[Cell]| cells.iter().map(|cell| cell.0).collect::<Vec<u8>>();
    if !field
        .iter()
        .any(|&(byte, pattern)| pattern && matches!(byte, b'*' | b'?' | b'['))
    {
        return Vec::from([plain(field)]);
    }
    let mut found = Vec::from([Vec::new()]);
    let mut first = true;
    for component in field.split(|cell| cell.0 == b'/') {
        let mut next = Vec::new();
        let is_pattern = component
            .iter()
            .any(|&(byte, pattern)| pattern && matches!(byte, b'*' | b'?' | b'['));
        for base in &found {
            let mut folder = base.clone();
            if !first {
                folder.push(b'/');
            }
            if !is_pattern {
                folder.extend(plain(component));
                next.push(folder);
                continue;
            }
            let mut names = world.names(&folder);
            names.sort();
            let hidden = component.first().is_some_and(|cell| cell.0 == b'.');
            for name in names {
                if (hidden || name.first() != Some(&b'.')) && matches_one(component, &name) {
                    let mut path = folder.clone();
                    path.extend(name);
                    next.push(path);
                }
            }
        }
        found = next;
        first = false;
    }
    if found.is_empty() {
        Vec::from([plain(field)])
    } else {
        found
    }
}

/// Whether `name` matches the pattern of `cells`.
fn matches_one(cells: &[Cell], name: &[u8]) -> bool {
    let (mut p, mut n) = (0, 0);
    // Where to go on after the last star: it takes one byte more each time.
    let mut star = None;
    loop {
        let advanced = match cells.get(p) {
            Some((b'*', true)) => {
                star = Some((p + 1, n));
                p += 1;
                continue;
            }
            Some((b'?', true)) => (n < name.len()).then_some(1),
            Some((b'[', true)) => name.get(n).and_then(|&byte| class(&cells[p..], byte)),
            Some(&(byte, _)) => (name.get(n) == Some(&byte)).then_some(1),
            None if n == name.len() => return true,
            None => None,
        };
        match (advanced, star) {
            (Some(length), _) => {
                p += length;
                n += 1;
            }
            (None, Some((after, from))) if from < name.len() => {
                p = after;
                n = from + 1;
                star = Some((after, n));
            }
            _ => return false,
        }
    }
}

/// The length of the class `[…]` at the start of `cells` if it has `byte`; a `[` without end is itself.
fn class(cells: &[Cell], byte: u8) -> Option<usize> {
    let Some(end) = cells
        .iter()
        .skip(2)
        .position(|cell| cell.0 == b']')
        .map(|at| at + 2)
    else {
        return (byte == b'[').then_some(1);
    };
    let inverted = matches!(cells[1].0, b'!' | b'^');
    let set = &cells[1 + usize::from(inverted)..end];
    let mut found = false;
    let mut at = 0;
    while at < set.len() {
        let low = set[at].0;
        if set.get(at + 1).is_some_and(|cell| cell.0 == b'-') && at + 2 < set.len() {
            found |= (low..=set[at + 2].0).contains(&byte);
            at += 3;
        } else {
            found |= low == byte;
            at += 1;
        }
    }
    (found != inverted).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::super::ast::Command;
    use super::super::parser::parse;
    use super::*;

    struct Fake;

    impl World for Fake {
        fn variable(&mut self, name: &str) -> Option<Vec<u8>> {
            match name {
                "x" => Some(b"a  b*".to_vec()),
                "e" => Some(Vec::new()),
                "?" => Some(b"0".to_vec()),
                _ => None,
            }
        }
        fn arguments(&mut self) -> Vec<Vec<u8>> {
            vec![b"1 2".to_vec(), b"3".to_vec()]
        }
        fn output(&mut self, command: &[u8]) -> Vec<u8> {
            [command, b"\n\n"].concat()
        }
        fn names(&mut self, folder: &[u8]) -> Vec<Vec<u8>> {
            match folder {
                b"" => vec![
                    b"b.c".to_vec(),
                    b"a.c".to_vec(),
                    b".h".to_vec(),
                    b"d".to_vec(),
                ],
                b"/bin/" => vec![b"ls".to_vec(), b"sh".to_vec(), b"sleep".to_vec()],
                _ => Vec::new(),
            }
        }
    }

    fn fields(text: &str) -> Vec<String> {
        let (list, _) = parse(text.as_bytes(), 0)
            .expect("syntax")
            .expect("a command");
        let Command::Simple { words, .. } = &list[0].what.first.commands[0] else {
            panic!()
        };
        arguments(words, &mut Fake)
            .into_iter()
            .map(|field| String::from_utf8(field).expect("UTF-8"))
            .collect()
    }

    #[test]
    fn unquoted_values_are_split_and_quoted_ones_not() {
        assert_eq!(fields("echo $x\"$x\""), ["echo", "a", "b*a  b*"]);
        assert_eq!(fields("$e $none \"$e\" ''"), ["", ""]);
        assert_eq!(fields("a$?b"), ["a0b"]);
    }

    #[test]
    fn arguments_keep_their_borders() {
        assert_eq!(fields("\"$@\""), ["1 2", "3"]);
        assert_eq!(fields("$@"), ["1", "2", "3"]);
        assert_eq!(fields("\"$*\""), ["1 2 3"]);
        assert_eq!(fields("-\"$@\"-"), ["-1 2", "3-"]);
    }

    #[test]
    fn output_loses_its_last_newlines() {
        assert_eq!(fields("$(a b)"), ["a", "b"]);
        assert_eq!(fields("\"$(a b)\""), ["a b"]);
    }

    #[test]
    fn patterns_name_files() {
        assert_eq!(fields("*.c"), ["a.c", "b.c"]);
        assert_eq!(fields("* '*' \\* .*"), ["a.c", "b.c", "d", "*", "*", ".h"]);
        assert_eq!(fields("/bin/s*"), ["/bin/sh", "/bin/sleep"]);
        assert_eq!(fields("[ab].? [!ab]* x*y"), ["a.c", "b.c", "d", "x*y"]);
        assert_eq!(fields("/bin/*h /bin/*l*p"), ["/bin/sh", "/bin/sleep"]);
        assert_eq!(fields("["), ["["]);
    }
}
