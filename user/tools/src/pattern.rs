//! grep's patterns: basic regular expressions without groups.
//!
//! Owns: `. [ ] * + ? ^ $ \` and their matching, in time proportional to pattern times line. Does not own: lines.

use alloc::vec::Vec;

/// Bytes, one bit each.
#[derive(Clone, Copy, Debug, Default)]
struct Set([u64; 4]);

impl Set {
    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
    }

    fn add(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
}

/// What one character of a line may be.
#[derive(Clone, Debug)]
enum Atom {
    Any,
    Byte(u8),
    Class(Set),
}

/// How often it may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Times {
    Once,
    Maybe,
    Any,
    Some,
}

/// A pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    atoms: Vec<(Atom, Times)>,
    start: bool,
    end: bool,
    fold: bool,
}

impl Pattern {
    /// Compiles `text`; `fixed` takes it as it stands, `fold` ignores case, `whole` matches whole lines only.
    pub fn new(text: &[u8], fixed: bool, fold: bool, whole: bool) -> Self {
        let mut pattern = Self {
            atoms: Vec::new(),
            start: whole,
            end: whole,
            fold,
        };
        if fixed {
            pattern.atoms = text
                .iter()
                .map(|&byte| (Atom::Byte(pattern.folded(byte)), Times::Once))
                .collect();
            return pattern;
        }
        let mut rest = text;
        if let Some(after) = rest.strip_prefix(b"^") {
            pattern.start = true;
            rest = after;
        }
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            let repeat = match byte {
                b'*' => Some(Times::Any),
                b'+' => Some(Times::Some),
                b'?' => Some(Times::Maybe),
                _ => None,
            };
            if let (Some(times), Some(last)) = (repeat, pattern.atoms.last_mut())
                && last.1 == Times::Once
            {
                last.1 = times;
                continue;
            }
            let atom = match byte {
                b'$' if rest.is_empty() => {
                    pattern.end = true;
                    break;
                }
                b'.' => Atom::Any,
                b'[' => match class(rest) {
                    Some((map, length)) => {
                        rest = &rest[length..];
                        Atom::Class(map)
                    }
                    None => Atom::Byte(b'['),
                },
                b'\\' if !rest.is_empty() => {
                    let escaped = rest[0];
                    rest = &rest[1..];
                    Atom::Byte(pattern.folded(escaped))
                }
                _ => Atom::Byte(pattern.folded(byte)),
            };
            pattern.atoms.push((atom, Times::Once));
        }
        pattern
    }

    fn folded(&self, byte: u8) -> u8 {
        if self.fold {
            byte.to_ascii_lowercase()
        } else {
            byte
        }
    }

    fn accepts(&self, atom: &Atom, byte: u8) -> bool {
        match atom {
            Atom::Any => true,
            Atom::Byte(wanted) => *wanted == self.folded(byte),
            Atom::Class(map) if self.fold => {
                map.has(byte.to_ascii_lowercase()) || map.has(byte.to_ascii_uppercase())
            }
            Atom::Class(map) => map.has(byte),
        }
    }

    /// Whether the pattern occurs in `line`. All ways are followed at once, so no line is slow.
    pub fn matches(&self, line: &[u8]) -> bool {
        let last = self.atoms.len();
        let mut states = alloc::vec![false; last + 1];
        self.enter(&mut states, 0);
        for &byte in line {
            if states[last] && !self.end {
                return true;
            }
            let mut next = alloc::vec![false; last + 1];
            for (at, (atom, times)) in self.atoms.iter().enumerate() {
                if states[at] && self.accepts(atom, byte) {
                    if matches!(times, Times::Any | Times::Some) {
                        next[at] = true;
                    }
                    self.enter(&mut next, at + 1);
                }
            }
            if !self.start {
                self.enter(&mut next, 0);
            }
            states = next;
        }
        states[last]
    }

    /// Marks `at` and what can be reached from it without a byte.
    fn enter(&self, states: &mut [bool], at: usize) {
        let mut at = at;
        loop {
            states[at] = true;
            match self.atoms.get(at) {
                Some((_, Times::Any | Times::Maybe)) => at += 1,
                _ => return,
            }
        }
    }
}

/// The class after `[` and the bytes up to and with its `]`.
fn class(text: &[u8]) -> Option<(Set, usize)> {
    let inverted = text.first() == Some(&b'^');
    let first = usize::from(inverted);
    let end = text.iter().skip(first + 1).position(|&byte| byte == b']')? + first + 1;
    let mut map = Set::default();
    let set = &text[first..end];
    let mut at = 0;
    while at < set.len() {
        let low = set[at];
        let high = if set.get(at + 1) == Some(&b'-') && at + 2 < set.len() {
            set[at + 2]
        } else {
            low
        };
        (low..=high).for_each(|byte| map.add(byte));
        at += if high == low { 1 } else { 3 };
    }
    if inverted {
        map.0 = map.0.map(|word| !word);
    }
    Some((map, end + 1))
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn matches(pattern: &str, line: &str) -> bool {
        Pattern::new(pattern.as_bytes(), false, false, false).matches(line.as_bytes())
    }

    #[test]
    fn texts_occur_anywhere() {
        assert!(matches("copy", "Pages copy-on-write: 5."));
        assert!(!matches("Copy", "Pages copy-on-write"));
        assert!(matches("", "anything"));
        assert!(matches("", ""));
    }

    #[test]
    fn anchors_and_repetition() {
        assert!(matches("^Pages", "Pages free"));
        assert!(!matches("^free", "Pages free"));
        assert!(matches("free$", "Pages free"));
        assert!(!matches("Pages$", "Pages free"));
        assert!(matches("^P.*e$", "Pages free"));
        assert!(matches("[0-9][0-9]*\\.", "a 42."));
        assert!(!matches("[^0-9]$", "a 42"));
        assert!(matches("ab+c", "xabbbc"));
        assert!(!matches("ab+c", "xac"));
        assert!(matches("^ab?c$", "ac"));
        assert!(matches("a*", ""));
        assert!(matches("^$", ""));
        assert!(!matches("^$", "x"));
    }

    #[test]
    fn options_change_the_meaning() {
        assert!(Pattern::new(b"a.b", true, false, false).matches(b"xa.by"));
        assert!(!Pattern::new(b"a.b", true, false, false).matches(b"xacby"));
        assert!(Pattern::new(b"PAGES", false, true, false).matches(b"pages"));
        assert!(!Pattern::new(b"page", false, false, true).matches(b"pages"));
    }
}
