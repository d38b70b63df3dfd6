//! What programs pass is an allegation until it has been checked here.
//!
//! Owns: the opaque types of user arguments and the only functions that open them. Numbers and
//! orders of checks follow XNU's `vm_sanitize` (reference: xnu-vm.md §12).
//! Does not own: what a call does with the result.

use crate::addr::{Range, VirtAddr};
use crate::machine::Machine;
use crate::map::entry::Behavior;
use abi::vm_flags::{
    SUPERPAGE_SIZE_2MB, SUPERPAGE_SIZE_ANY, VM_FLAGS_4GB_CHUNK, VM_FLAGS_ALIAS_MASK,
    VM_FLAGS_ANYWHERE, VM_FLAGS_NO_CACHE, VM_FLAGS_OVERWRITE, VM_FLAGS_PERMANENT,
    VM_FLAGS_PURGABLE, VM_FLAGS_RANDOM_ADDR, VM_FLAGS_RESILIENT_CODESIGN, VM_FLAGS_RESILIENT_MEDIA,
    VM_FLAGS_RETURN_4K_DATA_ADDR, VM_FLAGS_RETURN_DATA_ADDR, VM_FLAGS_SUPERPAGE_MASK,
    VM_FLAGS_SUPERPAGE_SHIFT, VM_FLAGS_TPRO,
};
use abi::{Inherit, KernReturn, Protection};

/// An address that a program passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserAddr(pub u64);
/// A size in bytes that a program passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserSize(pub u64);
/// A protection that a program passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserProt(pub u32);
/// Flags that a program passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserFlags(pub u32);
/// An inheritance that a program passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserInherit(pub u32);
/// A behaviour that a program passed.
#[derive(Clone, Copy, Debug, Default)]
pub struct UserBehavior(pub i32);

/// Why an address and a size are no range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RangeError {
    /// Their sum passes 2⁶⁴.
    Wrap,
    /// Their sum fits, but rounded up to a page it does not.
    RoundWrap,
}

/// Whether the start is rounded down before the size is added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Realign {
    /// The range covers every page that the bytes touch.
    No,
    /// The range has the rounded size from the rounded start.
    Start,
}

/// A size of 0 succeeds or fails before there is a range.
pub(crate) const fn is_zero(size: UserSize) -> bool {
    size.0 == 0
}

/// The address rounded down to its page.
pub(crate) const fn page<M: Machine>(addr: UserAddr) -> VirtAddr {
    VirtAddr(addr.0 & !(M::PAGE_SIZE.wrapping_sub(1)))
}

/// A size rounded up to pages; `None` if that passes 2⁶⁴.
pub(crate) fn round_up<M: Machine>(size: u64) -> Option<u64> {
    let mask = M::PAGE_SIZE.wrapping_sub(1);
    Some(size.checked_add(mask)? & !mask)
}

/// The pages of an address and a size that is not 0.
pub(crate) fn range<M: Machine>(
    addr: UserAddr,
    size: UserSize,
    realign: Realign,
) -> Result<Range, RangeError> {
    let start = page::<M>(addr);
    let from = if realign == Realign::Start {
        start.0
    } else {
        addr.0
    };
    let end = from.checked_add(size.0).ok_or(RangeError::Wrap)?;
    let end = round_up::<M>(end).ok_or(RangeError::RoundWrap)?;
    Ok(Range::new(start, VirtAddr(end)))
}

/// A protection that may carry the bits in `also`; those are answered apart.
pub(crate) fn protection(prot: UserProt, also: u32) -> Result<(Protection, u32), KernReturn> {
    let all = u32::from(Protection::ALL.bits());
    if prot.0 & !(all | also) != 0 {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    let bits = Protection::from_bits_truncate((prot.0 & all) as u8);
    Ok((bits, prot.0 & also))
}

pub(crate) const fn inherit(inherit: UserInherit) -> Result<Inherit, KernReturn> {
    match inherit.0 {
        0 => Ok(Inherit::Share),
        1 => Ok(Inherit::Copy),
        2 => Ok(Inherit::None),
        _ => Err(KernReturn::INVALID_ARGUMENT),
    }
}

/// What `vm_behavior_set` may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Advice {
    Store(Behavior),
    WillNeed,
    DontNeed,
    Free,
    ZeroWired,
    Reusable,
    Reuse,
    CanReuse,
    Zero,
}

pub(crate) const fn behavior(behavior: UserBehavior) -> Result<Advice, KernReturn> {
    Ok(match behavior.0 {
        0 => Advice::Store(Behavior::Default),
        1 => Advice::Store(Behavior::Random),
        2 => Advice::Store(Behavior::Sequential),
        3 => Advice::Store(Behavior::ReverseSequential),
        4 => Advice::WillNeed,
        5 => Advice::DontNeed,
        6 => Advice::Free,
        7 => Advice::ZeroWired,
        8 => Advice::Reusable,
        9 => Advice::Reuse,
        10 => Advice::CanReuse,
        12 => Advice::Zero,
        _ => return Err(KernReturn::INVALID_ARGUMENT),
    })
}

/// Which call the flags came with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FlagsOf {
    Allocate,
    Map,
    Remap,
}

/// Superpages that were asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Superpage {
    /// Bytes of one.
    pub(crate) size: u64,
    /// Whether the last one is filled up, or the size must be right.
    fills: bool,
}

impl Superpage {
    /// The bytes that `size` bytes take.
    pub(crate) fn whole(self, size: u64) -> Result<u64, KernReturn> {
        let whole = size.checked_next_multiple_of(self.size);
        whole
            .filter(|&whole| self.fills || whole == size)
            .ok_or(KernReturn::INVALID_ARGUMENT)
    }
}

/// Flags that have been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Flags(u32);

impl Flags {
    /// None.
    pub(crate) const NONE: Self = Self(0);

    pub(crate) const fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    /// Whether there are flags other than these.
    pub(crate) const fn beyond(self, flags: u32) -> bool {
        self.0 & !flags != 0
    }

    /// What the superpage field asks for, of a machine that has superpages of this size.
    pub(crate) const fn superpage(self, has: Option<u64>) -> Result<Superpage, KernReturn> {
        match (
            (self.0 & VM_FLAGS_SUPERPAGE_MASK) >> VM_FLAGS_SUPERPAGE_SHIFT,
            has,
        ) {
            (SUPERPAGE_SIZE_ANY, Some(size)) => Ok(Superpage { size, fills: true }),
            (SUPERPAGE_SIZE_2MB, Some(size)) if size == 2 << 20 => {
                Ok(Superpage { size, fills: false })
            }
            _ => Err(KernReturn::INVALID_ARGUMENT),
        }
    }

    /// The `VM_MEMORY_*` tag.
    pub(crate) const fn tag(self) -> u8 {
        (self.0 >> 24) as u8
    }
}

/// Only the flags that the call accepts from a program.
pub(crate) const fn flags(flags: UserFlags, call: FlagsOf) -> Result<Flags, KernReturn> {
    if matches!(call, FlagsOf::Remap) {
        const REMAP: u32 = VM_FLAGS_ANYWHERE
            | VM_FLAGS_RANDOM_ADDR
            | VM_FLAGS_OVERWRITE
            | VM_FLAGS_RETURN_DATA_ADDR
            | VM_FLAGS_RESILIENT_CODESIGN
            | VM_FLAGS_RESILIENT_MEDIA;
        return if flags.0 & !REMAP == 0 {
            Ok(Flags(flags.0))
        } else {
            Err(KernReturn::INVALID_ARGUMENT)
        };
    }
    let mut accepted = VM_FLAGS_ANYWHERE
        | VM_FLAGS_PURGABLE
        | VM_FLAGS_4GB_CHUNK
        | VM_FLAGS_RANDOM_ADDR
        | VM_FLAGS_NO_CACHE
        | VM_FLAGS_PERMANENT
        | VM_FLAGS_OVERWRITE
        | VM_FLAGS_TPRO
        | VM_FLAGS_SUPERPAGE_MASK
        | VM_FLAGS_ALIAS_MASK;
    if matches!(call, FlagsOf::Map) {
        accepted |= VM_FLAGS_RETURN_DATA_ADDR | VM_FLAGS_RETURN_4K_DATA_ADDR;
    }
    // The tag's field holds the flag bits 24 and up; RETURN_4K lies below it.
    if flags.0 & !accepted != 0 {
        return Err(KernReturn::INVALID_ARGUMENT);
    }
    Ok(Flags(flags.0))
}
