//! The numbers that calls are given: addresses and sizes, of whole pages or at the edges of things.
//!
//! Owns: what a program says of a number (so that it means the same in each page size and while it is
//! shrunk), the number that is meant, and how often which is said.

use super::random::Random;
use super::reference::{Rules, Span, Task};

/// Something that a number may be near to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Edge {
    /// Nothing.
    Zero,
    /// The window's page of this number; as a size, so many pages.
    Page(u64),
    /// The first address that the map may use.
    First,
    /// The first that it may not use any more.
    End,
    /// Where a run of pages of this task begins or ends that are alike: one of them by number.
    Region(u8),
    /// Two to this power.
    Bit(u8),
}

/// A number: so many pages and bytes from an edge. 2⁶⁴ is 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Number {
    pub edge: Edge,
    pub pages: i8,
    pub bytes: i8,
}

/// How many bytes a call is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// So many.
    Of(Number),
    /// Those from the address on up to this one.
    UpTo(Number),
}

impl Number {
    pub const fn new(edge: Edge) -> Self {
        Number {
            edge,
            pages: 0,
            bytes: 0,
        }
    }

    /// A page of the window.
    pub const fn page(page: u64) -> Self {
        Number::new(Edge::Page(page))
    }

    const fn moved(self, pages: i8, bytes: i8) -> Self {
        Number {
            pages,
            bytes,
            ..self
        }
    }

    /// Any number, most often this page's.
    pub fn random(r: &mut Random, page: u64) -> Self {
        match r.below(24) {
            0 => Number::at_an_edge(r),
            1..=2 => Number::page(page).moved(0, r.pick(&[1, 7, -1])),
            _ => Number::page(page),
        }
    }

    /// One of the numbers at which arithmetic goes wrong.
    pub fn at_an_edge(r: &mut Random) -> Self {
        let edge = match r.below(12) {
            0..=1 => Edge::Zero,
            2..=3 => Edge::First,
            4..=5 => Edge::End,
            6 => Edge::Bit(r.pick(&[32, 47, 48, 63])),
            _ => Edge::Region(r.next() as u8),
        };
        Number::new(edge).moved(r.pick(&[-1, 0, 0, 0, 1]), r.pick(&[-1, 0, 0, 1]))
    }

    /// The number as an address of a task, or as a size.
    fn value(self, rules: Rules, task: &Task, is: Is) -> u64 {
        let page = rules.page_bytes as u64;
        let base = match (self.edge, is) {
            (Edge::Zero, _) => 0,
            (Edge::Page(n), Is::Address) => (rules.first + n) * page,
            (Edge::Page(n), Is::Size) => n * page,
            (Edge::First, _) => rules.first * page,
            (Edge::End, _) => rules.end * page,
            (Edge::Region(n), _) => {
                let borders = task.borders(rules);
                borders[usize::from(n) % borders.len()] * page
            }
            (Edge::Bit(n), _) => 1 << n,
        };
        base.wrapping_add((i64::from(self.pages) * page as i64) as u64)
            .wrapping_add(i64::from(self.bytes) as u64)
    }

    /// Closer to a whole page near the window's beginning.
    pub fn simpler(self) -> Vec<Self> {
        let mut all = Vec::new();
        if self.bytes != 0 {
            all.push(self.moved(self.pages, 0));
        }
        if self.pages != 0 {
            all.push(self.moved(0, self.bytes));
        }
        match self.edge {
            Edge::Page(_) => {}
            Edge::Region(_) => all.extend([Edge::First, Edge::End].map(Number::new)),
            _ => all.push(Number::page(1)),
        }
        all
    }
}

#[derive(Clone, Copy)]
enum Is {
    Address,
    Size,
}

impl Size {
    /// So many pages.
    pub const fn pages(count: u64) -> Self {
        Size::Of(Number::page(count))
    }

    /// One of the sizes at which arithmetic goes wrong.
    pub fn at_an_edge(r: &mut Random) -> Self {
        let number = Number::at_an_edge(r);
        match r.one_in(2) {
            true => Size::Of(number),
            false => Size::UpTo(number),
        }
    }

    /// Any size, most often so many pages.
    pub fn random(r: &mut Random, pages: u64) -> Self {
        match r.below(24) {
            0..=1 => Size::at_an_edge(r),
            2 => Size::Of(Number::page(pages).moved(0, r.pick(&[-1, -1, -7, 1]))),
            _ => Size::pages(pages),
        }
    }

    /// Fewer bytes, or more ordinary ones.
    pub fn simpler(self) -> Vec<Self> {
        match self {
            Size::Of(Number {
                edge: Edge::Page(pages),
                pages: 0,
                bytes: 0,
            }) => [1, pages / 2]
                .into_iter()
                .filter(|less| *less >= 1 && *less < pages)
                .map(Size::pages)
                .collect(),
            Size::Of(number) => number.simpler().into_iter().map(Size::Of).collect(),
            Size::UpTo(number) => [Size::pages(1)]
                .into_iter()
                .chain(number.simpler().into_iter().map(Size::UpTo))
                .collect(),
        }
    }
}

/// What a call of this task is about.
pub fn span(rules: Rules, task: &Task, at: Number, size: Size) -> Span {
    let addr = at.value(rules, task, Is::Address);
    let size = match size {
        Size::Of(number) => number.value(rules, task, Is::Size),
        Size::UpTo(number) => number.value(rules, task, Is::Address).wrapping_sub(addr),
    };
    Span { addr, size }
}

/// A word of flags, protections or the like: one of these, or once in a while one that no call takes.
pub fn word(r: &mut Random, usual: &[u32]) -> u32 {
    match r.below(40) {
        0 => r.pick(&[8, 0x10, 0x20, 0x100, 1 << 31, u32::MAX]),
        1 => r.pick(usual) | r.pick(&[8, 0x40, 1 << 15, 1 << 31]),
        _ => r.pick(usual),
    }
}
