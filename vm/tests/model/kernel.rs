//! Both sides of the kernel's own memory: `kmem_alloc`, `kmem_free`.
//!
//! Owns: what was given and not freed, each page with a byte of its own at both ends.

use super::reference::Span;
use super::system::{Failure, Outcome, System};
use super::verdict::{NOTHING, Verdict};
use vm::sim::Access;
use vm::{Guard, KernReturn, Machine, VirtAddr};

/// Bytes of the kernel's map.
pub const KERNEL_BYTES: u64 = 1 << 30;

/// Pieces at one time, and pages of one: memory is not to run out because of them.
const PIECES: usize = 4;
const PAGES: u64 = 40;

/// The CPUs of the machine.
const CPUS: usize = 3;

/// What was given.
#[derive(Clone, Copy)]
pub struct Piece {
    at: u64,
    pages: u64,
    guard: Guard,
    /// What the first and the last byte of each page hold.
    byte: u8,
}

impl<const SHIFT: u32> System<SHIFT> {
    pub fn kmem_alloc(&mut self, size: u64, guarded: bool, byte: u8) -> Result<Outcome, Failure> {
        let count = self.rules.count(size);
        let fits = |count: u64| count <= KERNEL_BYTES >> SHIFT;
        if self.pieces.len() == PIECES || count.is_ok_and(|n| n > PAGES && fits(n)) {
            return Ok(Outcome::Agreed);
        }
        let guard = if guarded { Guard::Both } else { Guard::None };
        let answer = self.vm.kmem_alloc(size, guard, byte);
        let expected = match count {
            Err(code) => Err(code),
            Ok(0) => Err(KernReturn::INVALID_ARGUMENT),
            Ok(count) if !fits(count) => Err(KernReturn::NO_SPACE),
            Ok(count) => Ok(count),
        };
        if let (Ok(at), Ok(pages)) = (answer, expected) {
            let piece = Piece {
                at: at.0,
                pages,
                guard,
                byte,
            };
            self.check_new(piece)?;
            self.pieces.push(piece);
        }
        self.settle(answer.map(drop), expected.map(drop), 0, |_| ())
    }

    /// New memory meets no other, is zeros, and its guards are not mapped.
    fn check_new(&self, piece: Piece) -> Result<(), Failure> {
        let around = if piece.guard == Guard::Both { 1 } else { 0 };
        let end = |piece: &Piece| piece.at + (piece.pages << SHIFT);
        let meets = |other: &&Piece| other.at < end(&piece) && piece.at < end(other);
        if self.pieces.iter().any(|other| meets(&other)) || !piece.at.is_multiple_of(1 << SHIFT) {
            return Err(format!("{:#x} is not free", piece.at));
        }
        for guard in [piece.at.wrapping_sub(around), end(&piece) + around - 1] {
            if around != 0 && self.kernel_byte(0, guard, Access::Read).is_some() {
                return Err(format!("the guard at {guard:#x} can be read"));
            }
        }
        for at in self.ends(piece) {
            let page = VirtAddr(at);
            let pmap = self.vm.machine().kernel_pmap();
            let (frame, _) = self
                .vm
                .machine()
                .pmap_extract(pmap, page)
                .ok_or("not mapped")?;
            let mut bytes = vec![0; 1 << SHIFT];
            self.vm.machine().read_page(frame, 0, &mut bytes);
            if at % (1 << SHIFT) == 0 && bytes.iter().any(|byte| *byte != 0) {
                return Err(format!("{at:#x} is not zeros"));
            }
            self.kernel_byte(1, at, Access::Write(piece.byte));
        }
        Ok(())
    }

    /// The first and the last byte of each page.
    fn ends(&self, piece: Piece) -> impl Iterator<Item = u64> + use<SHIFT> {
        let pages = (0..piece.pages).map(move |page| piece.at + (page << SHIFT));
        pages.flat_map(|at| [at, at + (1 << SHIFT) - 1])
    }

    fn kernel_byte(&self, cpu: usize, at: u64, access: Access) -> Option<u8> {
        let (machine, at) = (self.vm.machine(), VirtAddr(at));
        let seen = machine.access(cpu, machine.kernel_pmap(), at, access);
        seen.ok().map(|(byte, _)| byte)
    }

    /// Frees a piece, if the address (so many bytes from one) and the size are its own.
    pub fn kmem_free(
        &mut self,
        which: u8,
        beside: i32,
        size: Option<Span>,
    ) -> Result<Outcome, Failure> {
        if self.pieces.is_empty() {
            return Ok(Outcome::Agreed);
        }
        let n = usize::from(which) % self.pieces.len();
        let piece = self.pieces[n];
        for at in self.ends(piece) {
            let seen = self.kernel_byte(2, at, Access::Read);
            if seen != Some(piece.byte) {
                return Err(format!("{at:#x} of the kernel: {seen:?}, {}", piece.byte));
            }
        }
        let at = piece.at.wrapping_add(i64::from(beside) as u64);
        let size = size.map_or(piece.pages << SHIFT, |span| span.size);
        let answer = self.vm.kmem_free(VirtAddr(at), size);
        let expected = self.check_free(at, size);
        if let (Ok(()), Ok(_)) = (answer, &expected) {
            let gone = self.pieces.iter().position(|piece| piece.at == at);
            let piece = self.pieces.swap_remove(gone.ok_or("no piece")?);
            let still =
                |at: u64| (0..CPUS).any(|cpu| self.kernel_byte(cpu, at, Access::Read).is_some());
            if self.ends(piece).any(still) {
                return Err(format!("{at:#x} was freed and can be read"));
            }
        }
        self.settle_range(answer, expected, 0, |_, _| ())
    }

    fn check_free(&self, at: u64, size: u64) -> Verdict {
        let has = |piece: &&Piece| {
            let around = if piece.guard == Guard::Both {
                1 << SHIFT
            } else {
                0
            };
            let end = piece.at + (piece.pages << SHIFT) + around;
            (piece.at - around..end).contains(&at)
        };
        let piece = self.pieces.iter().find(has);
        let piece = piece.ok_or(KernReturn::INVALID_ADDRESS)?;
        let pages = self.rules.count(size)?;
        if (piece.at, piece.pages) != (at, pages) {
            return Err(KernReturn::INVALID_ADDRESS);
        }
        Ok(NOTHING)
    }

    /// Pages that the kernel has wired.
    pub fn kernel_pages(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.pages).sum()
    }

    /// Frees all.
    pub fn release_kernel(&mut self) -> Result<(), Failure> {
        while !self.pieces.is_empty() {
            self.kmem_free(0, 0, None)?;
        }
        Ok(())
    }
}
