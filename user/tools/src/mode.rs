//! Modes as `chmod` understands them.

/// Permission bits of a user, a group and others.
const ALL: u16 = 0o777;

/// The mode that `text` makes of `old`: octal digits, or clauses such as `u+x,go-w,a=rX`. `None` if it is neither.
pub fn change(text: &str, old: u16, is_folder: bool, mask: u16) -> Option<u16> {
    if let Ok(mode) = u16::from_str_radix(text, 8) {
        return (mode <= 0o7777).then_some(mode);
    }
    text.split(',').try_fold(old & 0o7777, |mode, clause| {
        one(clause, mode, is_folder, mask)
    })
}

fn one(clause: &str, mut mode: u16, is_folder: bool, mask: u16) -> Option<u16> {
    let end = clause.find(['+', '-', '='])?;
    let (who, mut rest) = clause.split_at(end);
    let mut whose = 0;
    for letter in who.chars() {
        whose |= match letter {
            'u' => 0o4700,
            'g' => 0o2070,
            'o' => 0o1007,
            'a' => 0o7777,
            _ => return None,
        };
    }
    // Without a letter all are meant, but what the mask takes away.
    let whose = if who.is_empty() {
        !mask & 0o7777
    } else {
        whose
    };
    while let Some(action) = rest.chars().next() {
        let after = &rest[1..];
        let end = after.find(['+', '-', '=']).unwrap_or(after.len());
        let bits = bits(&after[..end], mode, is_folder)? & whose;
        mode = match action {
            '+' => mode | bits,
            '-' => mode & !bits,
            _ => mode & !(whose & (ALL | 0o6000)) | bits,
        };
        rest = &after[end..];
    }
    Some(mode)
}

/// The bits that letters name, for everybody.
fn bits(letters: &str, mode: u16, is_folder: bool) -> Option<u16> {
    let mut bits = 0;
    for letter in letters.chars() {
        bits |= match letter {
            'r' => 0o444,
            'w' => 0o222,
            'x' => 0o111,
            'X' if is_folder || mode & 0o111 != 0 => 0o111,
            'X' => 0,
            's' => 0o6000,
            't' => 0o1000,
            'u' => (mode >> 6 & 7) * 0o111,
            'g' => (mode >> 3 & 7) * 0o111,
            'o' => (mode & 7) * 0o111,
            _ => return None,
        };
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::change;

    #[test]
    fn octal_is_the_mode() {
        assert_eq!(change("1755", 0, false, 0o022), Some(0o1755));
        assert_eq!(change("10000", 0, false, 0), None);
        assert_eq!(change("8", 0, false, 0), None);
    }

    #[test]
    fn clauses_change_it() {
        assert_eq!(change("u+x", 0o644, false, 0o022), Some(0o744));
        assert_eq!(change("go-r,u=rwx", 0o644, false, 0), Some(0o700));
        assert_eq!(change("+w", 0o444, false, 0o022), Some(0o644));
        assert_eq!(change("a+X", 0o644, false, 0), Some(0o644));
        assert_eq!(change("a+X", 0o644, true, 0), Some(0o755));
        assert_eq!(change("g=u", 0o700, false, 0), Some(0o770));
        assert_eq!(change("u+s,+t", 0o755, false, 0), Some(0o5755));
        assert_eq!(change("u=r+w-r", 0o700, false, 0), Some(0o200));
        assert_eq!(change("u", 0o700, false, 0), None);
        assert_eq!(change("z+x", 0o700, false, 0), None);
        assert_eq!(change("u+q", 0o700, false, 0), None);
    }
}
