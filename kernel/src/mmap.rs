//! What `mmap` accepts.
//!
//! Owns: the checks of its arguments, their order and their errors (reference/xnu-vm.md §12.3).
//! Does not own: maps and files, which `syscall::memory` asks afterwards. Pure.

use abi::vm_flags::*;
use abi::{Errno, Protection};

/// The arguments, as the program passed them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request {
    /// Address or hint.
    pub address: u64,
    /// Bytes.
    pub length: u64,
    /// `PROT_*`.
    pub protection: u32,
    /// `MAP_*`.
    pub flags: u32,
    /// Descriptor, or tag and flags of anonymous memory.
    pub descriptor: i32,
    /// Bytes into the file.
    pub offset: u64,
}

/// The rules of a machine.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Bytes of a page.
    pub page_size: u64,
    /// Whether anonymous memory may be writable and executable at once.
    pub write_execute: WriteExecute,
}

/// Whether memory may be writable and executable at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteExecute {
    /// As on x86_64.
    Allowed,
    /// As on arm64.
    Refused,
}

/// Who sees writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sharing {
    /// All who map it, and children.
    Shared,
    /// This task.
    Private,
}

/// What is mapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Backing {
    /// Zeros; these `VM_FLAGS_*` go with it.
    Anonymous(u32),
    /// The file of a descriptor.
    File(i32),
}

/// Where it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// There, instead of what is there.
    Fixed(u64),
    /// Anywhere at or after this address.
    Anywhere(u64),
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// Where.
    pub place: Place,
    /// Bytes, a multiple of the page size.
    pub size: u64,
    /// Added to the address that the program gets.
    pub in_page: u64,
    /// What accesses may do.
    pub protection: Protection,
    /// Who sees writes.
    pub sharing: Sharing,
    /// What.
    pub backing: Backing,
    /// `VM_FLAGS_*` that the memory has, whatever it is.
    pub flags: u32,
    /// Bytes into the file, a multiple of the page size.
    pub offset: u64,
}

const KNOWN: u32 = MAP_SHARED
    | MAP_PRIVATE
    | MAP_FIXED
    | MAP_RENAME
    | MAP_NORESERVE
    | MAP_RESERVED0080
    | MAP_NOEXTEND
    | MAP_HASSEMAPHORE
    | MAP_NOCACHE
    | MAP_JIT
    | MAP_ANON
    | MAP_RESILIENT_CODESIGN
    | MAP_RESILIENT_MEDIA
    | MAP_32BIT
    | MAP_TRANSLATED_ALLOW_EXECUTE
    | MAP_UNIX03
    | MAP_TPRO;

/// Checks a request. `None`: nothing is to be mapped, and the answer is address 0.
pub fn check(request: Request, rules: Rules) -> Result<Option<Plan>, Errno> {
    let Request {
        address,
        length,
        flags,
        offset,
        ..
    } = request;
    let has = |flag| flags & flag != 0;
    let mask = rules.page_size - 1;
    let mut protection = Protection::from_bits_truncate(request.protection as u8 & 7);
    if protection.intersects(Protection::WRITE | Protection::EXECUTE) {
        protection |= Protection::READ;
    }
    let whole = |start: u64| start.checked_add(length)?.checked_add(mask);
    if length != 0 && whole(offset).is_none() {
        return Err(Errno::EINVAL);
    }
    if has(MAP_UNIX03) && (offset & mask != 0 || length == 0) {
        return Err(Errno::EINVAL);
    }
    if length == 0 {
        return Ok(None);
    }
    let in_page = offset & mask;
    let size = length.checked_add(in_page + mask).ok_or(Errno::EINVAL)? & !mask;
    let place = if has(MAP_FIXED) {
        if address & mask != in_page || whole(address).is_none() {
            return Err(Errno::EINVAL);
        }
        Place::Fixed(address - in_page)
    } else {
        Place::Anywhere(address.checked_add(mask).unwrap_or(address) & !mask)
    };
    check_flags(flags, protection)?;
    if has(MAP_UNIX03) && !has(MAP_SHARED | MAP_PRIVATE) {
        return Err(Errno::EINVAL);
    }
    let sharing = if has(MAP_SHARED) {
        Sharing::Shared
    } else {
        Sharing::Private
    };
    let backing = if has(MAP_ANON) {
        let both = Protection::WRITE | Protection::EXECUTE;
        if rules.write_execute == WriteExecute::Refused && protection.contains(both) {
            return Err(Errno::EACCES);
        }
        Backing::Anonymous(anonymous_flags(request.descriptor)?)
    } else {
        Backing::File(request.descriptor)
    };
    Ok(Some(Plan {
        place,
        size,
        in_page,
        protection,
        sharing,
        backing,
        flags: entry_flags(flags),
        offset: offset - in_page,
    }))
}

fn check_flags(flags: u32, protection: Protection) -> Result<(), Errno> {
    let has = |flag| flags & flag != 0;
    let resilient = MAP_RESILIENT_CODESIGN | MAP_RESILIENT_MEDIA;
    let executes = protection.contains(Protection::EXECUTE);
    let writes = protection.contains(Protection::WRITE);
    let bad_jit =
        has(MAP_JIT) && (has(MAP_FIXED | MAP_SHARED | MAP_TPRO | resilient) || !has(MAP_ANON));
    let bad_resilient = has(resilient) && has(MAP_ANON | MAP_JIT | MAP_TPRO);
    if flags & !KNOWN != 0 || bad_jit || bad_resilient || has(MAP_TRANSLATED_ALLOW_EXECUTE) {
        return Err(Errno::EINVAL);
    }
    if has(MAP_RESILIENT_CODESIGN) && (executes || writes && has(MAP_SHARED)) {
        return Err(Errno::EPERM);
    }
    if has(MAP_TPRO) && (executes || !writes) {
        return Err(Errno::EPERM);
    }
    Ok(())
}

/// What the new entry remembers of `MAP_*`.
fn entry_flags(flags: u32) -> u32 {
    let mut entry = 0;
    for (bsd, mach) in [(MAP_NOCACHE, VM_FLAGS_NO_CACHE), (MAP_TPRO, VM_FLAGS_TPRO)] {
        if flags & bsd != 0 {
            entry |= mach;
        }
    }
    entry
}

/// The descriptor of anonymous memory is -1, or holds a tag and a few flags.
fn anonymous_flags(descriptor: i32) -> Result<u32, Errno> {
    if descriptor == -1 {
        return Ok(0);
    }
    let flags = descriptor as u32;
    let allowed =
        VM_FLAGS_ALIAS_MASK | VM_FLAGS_SUPERPAGE_MASK | VM_FLAGS_PURGABLE | VM_FLAGS_4GB_CHUNK;
    if flags & !allowed == 0 {
        Ok(flags)
    } else {
        Err(Errno::EINVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        page_size: 0x4000,
        write_execute: WriteExecute::Refused,
    };
    const ANON: u32 = MAP_UNIX03 | MAP_ANON | MAP_PRIVATE;

    fn request() -> Request {
        Request {
            address: 0x5000,
            length: 0x4001,
            protection: 3,
            flags: ANON,
            descriptor: -1,
            offset: 0,
        }
    }

    fn plan(change: impl Fn(&mut Request)) -> Result<Option<Plan>, Errno> {
        let mut request = request();
        change(&mut request);
        check(request, RULES)
    }

    fn error(change: impl Fn(&mut Request)) -> Errno {
        plan(change).unwrap_err()
    }

    #[test]
    fn a_hint_is_rounded_up_and_a_length_too() {
        let plan = plan(|_| {}).unwrap().unwrap();
        assert_eq!((plan.place, plan.size), (Place::Anywhere(0x8000), 0x8000));
        assert_eq!(
            (plan.sharing, plan.backing),
            (Sharing::Private, Backing::Anonymous(0))
        );
    }

    #[test]
    fn lengths_and_offsets_that_make_no_sense() {
        assert_eq!(error(|r| r.length = 0), Errno::EINVAL);
        assert_eq!(error(|r| r.length = u64::MAX), Errno::EINVAL);
        assert_eq!(
            error(|r| (r.length, r.offset) = (1 << 63, 1 << 63)),
            Errno::EINVAL
        );
        assert_eq!(error(|r| r.offset = 1), Errno::EINVAL);
        assert_eq!(plan(|r| (r.length, r.flags) = (0, MAP_ANON)), Ok(None));
    }

    #[test]
    fn a_fixed_address_has_the_offset_in_its_page() {
        assert_eq!(error(|r| r.flags |= MAP_FIXED), Errno::EINVAL);
        assert_eq!(
            error(|r| (r.flags, r.address) = (ANON | MAP_FIXED, u64::MAX & !0x3fff)),
            Errno::EINVAL
        );
        let legacy = plan(|r| {
            (r.flags, r.address, r.offset, r.descriptor) =
                (MAP_PRIVATE | MAP_FIXED, 0x8123, 0x4123, 3);
        });
        let plan = legacy.unwrap().unwrap();
        assert_eq!(
            (plan.place, plan.in_page, plan.offset),
            (Place::Fixed(0x8000), 0x123, 0x4000)
        );
        assert_eq!((plan.backing, plan.size), (Backing::File(3), 0x8000));
    }

    #[test]
    fn flags_are_judged() {
        assert_eq!(error(|r| r.flags |= 4), Errno::EINVAL);
        assert_eq!(error(|r| r.flags |= 1 << 20), Errno::EINVAL);
        assert_eq!(error(|r| r.flags = MAP_UNIX03 | MAP_ANON), Errno::EINVAL);
        assert_eq!(error(|r| r.flags |= MAP_JIT | MAP_SHARED), Errno::EINVAL);
        assert_eq!(error(|r| r.flags |= MAP_RESILIENT_MEDIA), Errno::EINVAL);
        assert_eq!(
            error(|r| r.flags |= MAP_TRANSLATED_ALLOW_EXECUTE),
            Errno::EINVAL
        );
        let file = MAP_UNIX03 | MAP_PRIVATE | MAP_RESILIENT_CODESIGN;
        assert_eq!(error(|r| (r.flags, r.protection) = (file, 5)), Errno::EPERM);
        assert_eq!(
            error(|r| (r.flags, r.protection) = (ANON | MAP_TPRO, 1)),
            Errno::EPERM
        );
        for harmless in [
            MAP_RENAME,
            MAP_NORESERVE,
            MAP_RESERVED0080,
            MAP_NOEXTEND,
            MAP_HASSEMAPHORE,
            MAP_NOCACHE,
            MAP_32BIT,
        ] {
            assert!(plan(|r| r.flags |= harmless).is_ok());
        }
        let both = plan(|r| r.flags |= MAP_SHARED).unwrap().unwrap();
        assert_eq!(both.sharing, Sharing::Shared);
    }

    #[test]
    fn some_flags_stay_with_the_memory() {
        let flags = |more| plan(|r| r.flags |= more).unwrap().unwrap().flags;
        assert_eq!(flags(0), 0);
        assert_eq!(flags(MAP_NOCACHE), VM_FLAGS_NO_CACHE);
        assert_eq!(flags(MAP_TPRO), VM_FLAGS_TPRO);
        let file = plan(|r| (r.flags, r.descriptor) = (MAP_PRIVATE | MAP_NOCACHE, 3));
        assert_eq!(file.unwrap().unwrap().flags, VM_FLAGS_NO_CACHE);
    }

    #[test]
    fn writing_means_reading_and_excludes_executing() {
        assert_eq!(
            plan(|r| r.protection = 0xfa).unwrap().unwrap().protection,
            Protection::DEFAULT
        );
        assert_eq!(error(|r| r.protection = 6), Errno::EACCES);
        let x86 = Rules {
            write_execute: WriteExecute::Allowed,
            ..RULES
        };
        let mut both = request();
        both.protection = 7;
        assert!(check(both, x86).is_ok());
    }

    #[test]
    fn the_descriptor_of_anonymous_memory_carries_a_tag() {
        let tagged = plan(|r| r.descriptor = vm_make_tag(VM_MEMORY_MALLOC) as i32)
            .unwrap()
            .unwrap();
        assert_eq!(tagged.backing, Backing::Anonymous(1 << 24));
        assert_eq!(
            error(|r| r.descriptor = VM_FLAGS_NO_CACHE as i32),
            Errno::EINVAL
        );
        assert_eq!(error(|r| r.descriptor = 5), Errno::EINVAL);
    }
}
