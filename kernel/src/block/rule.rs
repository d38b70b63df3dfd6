//! Rules by which requests fail on demand.
//!
//! Owns: their grammar and when one strikes. Does not own: who asks (`disk`), where rules are kept (`inject`).
//!
//! `DEVICE:OPERATION:WHERE[:lost]`, several separated by commas. WHERE is `FIRST-END`, bytes of the device: every
//! request that touches one fails; or a number K: the K-th such request from now fails, once. `lost`: the request
//! is not refused but never answered.

use super::Operation;
use core::fmt::{self, Write};

/// Rules that can be in force at once.
pub const MAXIMUM: usize = 8;
/// Bytes of a device's name.
const NAME: usize = 8;

/// What becomes of a request that a rule strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It fails at once.
    Fails,
    /// It goes to the device, which never answers.
    Lost,
}

/// Which requests a rule strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Where {
    /// Those that touch bytes from the first to before the second.
    Bytes(u64, u64),
    /// The one that comes after so many others.
    After(u64),
}

/// A rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    device: [u8; NAME],
    operation: Operation,
    place: Where,
    fate: Fate,
}

impl Rule {
    /// A rule for the device of that name; `None` if no name is so long.
    pub fn new(device: &str, operation: Operation, place: Where, fate: Fate) -> Option<Self> {
        let mut name = [0; NAME];
        name.get_mut(..device.len())?
            .copy_from_slice(device.as_bytes());
        Some(Self {
            device: name,
            operation,
            place,
            fate,
        })
    }

    /// Reads one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(':');
        let (device, operation, place) = (words.next()?, words.next()?, words.next()?);
        let operation = [Operation::Read, Operation::Write, Operation::Flush]
            .into_iter()
            .find(|known| known.name() == operation)?;
        let place = match place.split_once('-') {
            Some((first, end)) => Where::Bytes(first.parse().ok()?, end.parse().ok()?),
            None => Where::After(place.parse::<u64>().ok()?.checked_sub(1)?),
        };
        let fate = match words.next() {
            None => Fate::Fails,
            Some("lost") => Fate::Lost,
            Some(_) => return None,
        };
        let makes_sense = match place {
            Where::Bytes(first, end) => first < end && operation != Operation::Flush,
            Where::After(_) => true,
        };
        if device.is_empty() || !makes_sense || words.next().is_some() {
            return None;
        }
        Self::new(device, operation, place, fate)
    }

    fn names(&self, device: &str) -> bool {
        let length = self
            .device
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(NAME);
        self.device.get(..length) == Some(device.as_bytes())
    }
}

/// The rules in force.
#[derive(Clone, Copy, Debug)]
pub struct Rules([Option<Rule>; MAXIMUM]);

impl Rules {
    /// None.
    pub const NONE: Self = Self([None; MAXIMUM]);

    /// Reads a list; empty: none. `None`: one is no rule, or there are too many.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rules = Self::NONE;
        for word in text.split(',').filter(|word| !word.is_empty()) {
            rules.add(Rule::parse(word)?)?;
        }
        Some(rules)
    }

    /// Adds a rule; `None` if there is no room.
    pub fn add(&mut self, rule: Rule) -> Option<()> {
        let free = self.0.iter_mut().find(|slot| slot.is_none())?;
        *free = Some(rule);
        Some(())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// A request for `length` bytes from byte `at`: what becomes of it, if a rule strikes. Rules that wait for
    /// their turn count it.
    pub fn strike(
        &mut self,
        device: &str,
        operation: Operation,
        at: u64,
        length: u64,
    ) -> Option<Fate> {
        let mut fate = None;
        for slot in &mut self.0 {
            let Some(rule) = slot else { continue };
            if rule.operation != operation || !rule.names(device) {
                continue;
            }
            match &mut rule.place {
                Where::Bytes(first, end) if at < *end && at.saturating_add(length) > *first => {
                    fate = fate.or(Some(rule.fate));
                }
                Where::Bytes(..) => {}
                Where::After(0) => {
                    fate = fate.or(Some(rule.fate));
                    *slot = None;
                }
                Where::After(others) => *others = others.saturating_sub(1),
            }
        }
        fate
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in self.device.iter().take_while(|&&byte| byte != 0) {
            f.write_char(char::from(byte))?;
        }
        write!(f, ":{}:", self.operation.name())?;
        match self.place {
            Where::Bytes(first, end) => write!(f, "{first}-{end}")?,
            Where::After(others) => write!(f, "{}", others.saturating_add(1))?,
        }
        match self.fate {
            Fate::Fails => Ok(()),
            Fate::Lost => f.write_str(":lost"),
        }
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, rule) in self.0.iter().flatten().enumerate() {
            write!(f, "{}{rule}", if index > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Operation::{Flush, Read, Write};

    #[test]
    fn a_range_strikes_whatever_touches_it_for_ever() {
        let mut rules = Rules::parse("vd0:write:4096-8192").unwrap();
        for _ in 0..2 {
            assert_eq!(rules.strike("vd0", Write, 3584, 512), None);
            assert_eq!(rules.strike("vd0", Write, 3584, 1024), Some(Fate::Fails));
            assert_eq!(rules.strike("vd0", Write, 7680, 512), Some(Fate::Fails));
            assert_eq!(rules.strike("vd0", Write, 8192, 512), None);
            assert_eq!(rules.strike("vd0", Read, 4096, 512), None);
            assert_eq!(rules.strike("vd1", Write, 4096, 512), None);
        }
    }

    #[test]
    fn the_kth_request_is_struck_once() {
        let mut rules = Rules::parse("rd1:read:3,rd1:flush:1:lost").unwrap();
        let mut read = || rules.strike("rd1", Read, 0, 512);
        assert_eq!(
            [read(), read(), read(), read()],
            [None, None, Some(Fate::Fails), None]
        );
        assert_eq!(rules.strike("rd1", Flush, 0, 0), Some(Fate::Lost));
        assert!(rules.is_empty());
    }

    #[test]
    fn rules_are_written_as_they_are_read() {
        let text = "vd0:write:4096-8192,rd1:read:3,vd1:flush:1:lost";
        let mut rules = Rules::parse(text).unwrap();
        assert_eq!(std::format!("{rules}"), text);
        assert_eq!(rules.strike("rd1", Read, 0, 512), None);
        assert_eq!(
            std::format!("{rules}"),
            "vd0:write:4096-8192,rd1:read:2,vd1:flush:1:lost"
        );
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "vd0",
            "vd0:write",
            "vd0:erase:1",
            "vd0:write:0",
            "vd0:write:8-8",
            "vd0:write:9-8",
            "vd0:flush:0-8",
            "vd0:write:1:later",
            "vd0:write:1:lost:1",
            ":write:1",
            "longerthan8:write:1",
            "vd0:write:-1",
        ] {
            assert!(Rules::parse(text).is_none(), "{text}");
        }
        assert!(Rules::parse("").is_some_and(|rules| rules.is_empty()));
        let many = ["a:read:1"; MAXIMUM].join(",");
        assert!(Rules::parse(&many).is_some());
        assert!(Rules::parse(&std::format!("{many},a:read:1")).is_none());
    }
}
