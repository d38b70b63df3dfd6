//! What became of the calls.

use super::calls::Class;
use abi::{Errno, KernReturn};
use alloc::format;
use alloc::string::String;

/// Codes that are counted one by one; all others are counted together.
const CODES: usize = 128;

/// Counts of outcomes, in memory that several processes may share.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Counts {
    /// By errno; 0 is success.
    pub unix: [u32; CODES],
    /// By `kern_return_t`; 0 is success.
    pub mach: [u32; CODES],
    /// Codes beyond these, of both.
    pub other: u32,
    /// Calls that were left out, because they would only have hurt their caller.
    pub left_out: u32,
    /// Calls that ended their caller.
    pub died: u32,
}

impl Counts {
    /// None.
    pub const NONE: Self = Self {
        unix: [0; CODES],
        mach: [0; CODES],
        other: 0,
        left_out: 0,
        died: 0,
    };

    /// One more.
    pub fn count(&mut self, class: Class, code: i32) {
        let table = match class {
            Class::Unix => &mut self.unix,
            Class::Mach => &mut self.mach,
        };
        match usize::try_from(code)
            .ok()
            .and_then(|code| table.get_mut(code))
        {
            Some(count) => *count += 1,
            None => self.other += 1,
        }
    }

    /// Adds those of another process.
    pub fn add(&mut self, others: &Self) {
        let tables = [
            (&mut self.unix, &others.unix),
            (&mut self.mach, &others.mach),
        ];
        for (ours, theirs) in tables {
            ours.iter_mut()
                .zip(theirs)
                .for_each(|(ours, theirs)| *ours += theirs);
        }
        self.other += others.other;
        self.left_out += others.left_out;
        self.died += others.died;
    }

    /// All calls that were begun.
    pub fn total(&self) -> u64 {
        let sum = |table: &[u32]| table.iter().map(|&count| u64::from(count)).sum::<u64>();
        sum(&self.unix) + sum(&self.mach) + sum(&[self.other, self.left_out, self.died])
    }

    /// One line: how many of each outcome, the successes first.
    pub fn line(&self) -> String {
        let mut line = format!(
            "{} calls: {} succeeded",
            self.total(),
            self.unix[0] + self.mach[0]
        );
        for (code, &count) in self
            .mach
            .iter()
            .enumerate()
            .skip(1)
            .filter(|(_, count)| **count != 0)
        {
            line += &format!(
                ", {count} KERN_{}",
                named(KernReturn(code as i32).name(), code)
            );
        }
        for (code, &count) in self
            .unix
            .iter()
            .enumerate()
            .skip(1)
            .filter(|(_, count)| **count != 0)
        {
            line += &format!(", {count} {}", named(Errno(code as i32).name(), code));
        }
        for (count, what) in [
            (self.other, "other codes"),
            (self.left_out, "left out"),
            (self.died, "ended their process"),
        ] {
            if count != 0 {
                line += &format!(", {count} {what}");
            }
        }
        line
    }
}

fn named(name: &str, code: usize) -> String {
    if name == "?" {
        format!("{code}")
    } else {
        String::from(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_counted_once_and_named() {
        let mut counts = Counts::NONE;
        for (class, code) in [
            (Class::Mach, 0),
            (Class::Unix, 0),
            (Class::Mach, 4),
            (Class::Mach, 0x1000_0003),
            (Class::Unix, 22),
            (Class::Unix, 22),
            (Class::Unix, -1),
        ] {
            counts.count(class, code);
        }
        let mut sum = Counts::NONE;
        sum.add(&counts);
        sum.left_out += 1;
        assert_eq!(sum.total(), 8);
        assert_eq!(
            sum.line(),
            "8 calls: 2 succeeded, 1 KERN_INVALID_ARGUMENT, 2 EINVAL, 2 other codes, 1 left out"
        );
    }
}
