//! Reading a cpio archive of the "newc" form.
//!
//! Owns: the format. Does not own: where the files go (`vfs::unpack`). Every length in the archive
//! is checked; a damaged archive ends in [`Malformed`], never in a panic.

/// The archive does not follow the format at this byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// Offset of the header that is wrong.
    pub at: usize,
}

/// One file of the archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// Path, relative to the root, without the NUL.
    pub name: &'a [u8],
    /// Type and permissions, as `st_mode`.
    pub mode: u16,
    /// Last write, seconds since 1970.
    pub modified: u32,
    /// Contents (of a symbolic link: its target).
    pub data: &'a [u8],
}

/// The entries of an archive, in order, up to its trailer.
pub struct Entries<'a> {
    archive: &'a [u8],
    at: usize,
    ended: bool,
}

/// Bytes of a header.
const HEADER: usize = 110;

/// Reads `archive`.
pub fn entries(archive: &[u8]) -> Entries<'_> {
    Entries {
        archive,
        at: 0,
        ended: false,
    }
}

impl<'a> Entries<'a> {
    fn read(&mut self) -> Option<Option<Entry<'a>>> {
        let header = self.archive.get(self.at..self.at.checked_add(HEADER)?)?;
        if &header[..6] != b"070701" && &header[..6] != b"070702" {
            return None;
        }
        let field = |index: usize| hexadecimal(&header[6 + index * 8..14 + index * 8]);
        let mode = u16::try_from(field(1)?).ok()?;
        let modified = field(5)?;
        let size = usize::try_from(field(6)?).ok()?;
        let name_size = usize::try_from(field(11)?).ok()?;
        let name_at = self.at.checked_add(HEADER)?;
        let name_end = name_at.checked_add(name_size)?;
        let (&nul, name) = self.archive.get(name_at..name_end)?.split_last()?;
        if nul != 0 || name.contains(&0) {
            return None;
        }
        if name == b"TRAILER!!!" {
            return Some(None);
        }
        let data_at = name_end.checked_next_multiple_of(4)?;
        let data_end = data_at.checked_add(size)?;
        let data = self.archive.get(data_at..data_end)?;
        self.at = data_end.checked_next_multiple_of(4)?;
        Some(Some(Entry {
            name,
            mode,
            modified,
            data,
        }))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let at = self.at;
        match self.read() {
            Some(Some(entry)) => Some(Ok(entry)),
            Some(None) => {
                self.ended = true;
                None
            }
            None => {
                self.ended = true;
                Some(Err(Malformed { at }))
            }
        }
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |value, &digit| {
        Some(value << 4 | char::from(digit).to_digit(16)?)
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::format;
    use std::vec::Vec;

    pub(crate) fn append(archive: &mut Vec<u8>, name: &str, mode: u32, data: &[u8]) {
        let fields = [
            0,
            mode,
            0,
            0,
            1,
            7,
            data.len() as u32,
            0,
            0,
            0,
            0,
            name.len() as u32 + 1,
            0,
        ];
        archive.extend(b"070701");
        for field in fields {
            archive.extend(format!("{field:08x}").bytes());
        }
        archive.extend(name.bytes());
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(data);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }

    fn sample() -> Vec<u8> {
        let mut archive = Vec::new();
        append(&mut archive, "bin", 0o040755, b"");
        append(&mut archive, "bin/sh", 0o100755, b"#!x");
        append(&mut archive, "TRAILER!!!", 0, b"");
        archive
    }

    #[test]
    fn entries_come_in_order_and_end_at_the_trailer() {
        let archive = sample();
        let read: Result<Vec<_>, _> = entries(&archive).collect();
        let read = read.unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].name, read[0].mode), (&b"bin"[..], 0o040755));
        assert_eq!(
            (read[1].name, read[1].data, read[1].modified),
            (&b"bin/sh"[..], &b"#!x"[..], 7)
        );
    }

    #[test]
    fn every_truncation_before_the_trailer_is_reported() {
        let archive = sample();
        let trailer = archive.len() - 124;
        for length in 0..archive.len() {
            let last = entries(&archive[..length]).last();
            let complete = length >= trailer + HEADER + 11;
            assert_eq!(matches!(last, Some(Err(_))), !complete, "{length}");
        }
    }

    #[test]
    fn flipped_bytes_never_panic() {
        let archive = sample();
        for at in 0..archive.len() {
            for value in [0, b'f', b'F', 0xff] {
                let mut damaged = archive.clone();
                damaged[at] = value;
                assert!(entries(&damaged).count() <= 4);
            }
        }
    }
}
