//! BSD's memory calls: their checks, their order, their errors (reference/xnu-vm.md §12.3).

use super::{Answer, Call, DONE};
use crate::block::special;
use crate::files::device::Device;
use crate::files::shm::Segment;
use crate::files::{Node, OpenFile, What};
use crate::memory::vm;
use crate::mmap::{self, Backing, Place, Plan, Request, Rules, Sharing, WriteExecute};
use crate::platform::Machine;
use crate::task::TaskMap;
use crate::user_memory::put_bytes;
use crate::vfs::Body;
use abi::region::page_query;
use abi::vm_flags::*;
use abi::{Errno, Inherit, KernReturn, Protection};
use vm::{
    Attributes, CopyMode, EnterObject, EntryFlags, MapRequest, Placement, SetMax, UserAddr, UserBehavior,
    UserFlags, UserInherit, UserProt, UserSize, VirtAddr,
};

/// `mremap_encrypted(address, length, cryptid, cputype, cpusubtype)`: a file that is not encrypted stays
/// as it is, and nobody can decrypt any other.
pub fn mremap_encrypted(call: &mut Call<'_>) -> Answer {
    const NONE: u32 = 0;
    const APPLICATION: u32 = 1;
    const MODEL: u32 = 2;
    const TEST: u32 = 0x10;
    let [address, length, cryptid, ..] = call.args;
    aligned(address, length)?;
    if length == 0 || cryptid as u32 == NONE {
        return DONE;
    }
    if matches!(cryptid as u32, APPLICATION | MODEL | TEST) && !is_of_file(own_map(call)?, address) {
        return Err(Errno::EINVAL.into());
    }
    Err(Errno::ENOTSUP.into())
}

/// Whether a file is behind the memory at an address.
fn is_of_file(map: &TaskMap, address: u64) -> bool {
    let region = vm().region(map, UserAddr(address));
    region.is_ok_and(|region| region.range.contains(VirtAddr(address)) && region.file.is_some())
}

/// This machine's rule about memory that is writable and executable.
pub fn write_execute() -> WriteExecute {
    const CPU_TYPE_X86_64: u32 = 0x0100_0007;
    if arch::cpu::MACHO_CPU_TYPE == CPU_TYPE_X86_64 {
        WriteExecute::Allowed
    } else {
        WriteExecute::Refused
    }
}

/// The same for `vm`.
pub fn write_execute_policy() -> vm::WriteExecute {
    match write_execute() {
        WriteExecute::Allowed => vm::WriteExecute::Allowed,
        WriteExecute::Refused => vm::WriteExecute::Refused,
    }
}

fn own_map<'a>(call: &'a Call<'_>) -> Result<&'a TaskMap, Errno> {
    call.task.own_map().ok_or(Errno::EINVAL)
}

/// What `mmap` answers for Mach's code.
fn map_error(code: KernReturn) -> Errno {
    match code {
        KernReturn::INVALID_ADDRESS | KernReturn::NO_SPACE | KernReturn::RESOURCE_SHORTAGE => Errno::ENOMEM,
        KernReturn::PROTECTION_FAILURE => Errno::EACCES,
        _ => Errno::EINVAL,
    }
}

/// `mmap(address, length, protection, flags, fd, offset)`.
pub fn mmap(call: &mut Call<'_>) -> Answer {
    let [address, length, protection, flags, descriptor, offset, ..] = call.args;
    let request = Request {
        address,
        length,
        protection: protection as u32,
        flags: flags as u32,
        descriptor: descriptor as i32,
        offset,
    };
    let rules = Rules {
        page_size: vm().page_size(),
        write_execute: write_execute(),
    };
    let Some(plan) = mmap::check(request, rules)? else { return DONE };
    let at = match plan.backing {
        Backing::Anonymous(flags) => map_zeros(own_map(call)?, &plan, flags)?,
        Backing::File(descriptor) => map_descriptor(call, &plan, descriptor)?,
    };
    Ok((at.0 + plan.in_page, 0))
}

fn map_zeros(map: &TaskMap, plan: &Plan, flags: u32) -> Result<VirtAddr, Errno> {
    let (address, where_) = match plan.place {
        Place::Fixed(address) => (address, VM_FLAGS_FIXED | VM_FLAGS_OVERWRITE),
        Place::Anywhere(hint) => (hint, VM_FLAGS_ANYWHERE),
    };
    let inherit = match plan.sharing {
        Sharing::Shared => Inherit::Share,
        Sharing::Private => Inherit::Copy,
    };
    let mut request = MapRequest {
        addr: UserAddr(address),
        size: UserSize(plan.size),
        mask: 0,
        flags: UserFlags(flags | plan.flags | where_),
        current: UserProt(u32::from(plan.protection.bits())),
        maximum: UserProt(u32::from(Protection::ALL.bits())),
        inherit: UserInherit(inherit as u32),
    };
    let mut result = vm().map(map, &request);
    if result == Err(KernReturn::NO_SPACE) && matches!(plan.place, Place::Anywhere(_)) {
        request.addr = UserAddr(vm().page_size());
        result = vm().map(map, &request);
    }
    result.map_err(map_error)
}

fn map_descriptor(call: &Call<'_>, plan: &Plan, descriptor: i32) -> Result<VirtAddr, Errno> {
    let file = call.task.files.get(descriptor as u64)?;
    match &file.what {
        What::Node(node) => map_file(call, plan, &file, node),
        What::Shared(segment) => map_segment(call, plan, &file, segment),
        What::Pipe(_) => Err(Errno::EINVAL),
    }
}

/// Maps what `shm_open` made: shared, within its size, writable if it was opened so.
fn map_segment(call: &Call<'_>, plan: &Plan, file: &OpenFile, segment: &Segment) -> Result<VirtAddr, Errno> {
    if plan.sharing == Sharing::Private {
        return Err(Errno::EINVAL);
    }
    if plan.protection.contains(Protection::WRITE) && !file.is_writable() {
        return Err(Errno::EPERM);
    }
    let end = plan.offset.checked_add(plan.size).ok_or(Errno::EINVAL)?;
    if segment.size().is_none_or(|size| end > size) {
        return Err(Errno::EINVAL);
    }
    let mut max = Protection::DEFAULT;
    max.set(Protection::WRITE, file.is_writable());
    let what = EnterObject {
        object: Some(segment.object.object()),
        offset: plan.offset,
        attributes: Attributes::with(plan.protection & max, max, Inherit::Share, 0),
        copy: CopyMode::Shared,
    };
    enter(own_map(call)?, plan, &what)
}

fn map_file(call: &Call<'_>, plan: &Plan, file: &OpenFile, node: &Node) -> Result<VirtAddr, Errno> {
    let body = match &node.body {
        Body::File(body) => body,
        Body::Device(number) => return map_device(call, plan, file, Device::of(*number)?),
        _ => return Err(Errno::EINVAL),
    };
    if !file.is_readable() {
        return Err(Errno::EACCES);
    }
    let shared = plan.sharing == Sharing::Shared;
    let may_write = !shared || file.is_writable();
    if plan.protection.contains(Protection::WRITE) && !may_write {
        return Err(Errno::EACCES);
    }
    let mut max = Protection::ALL;
    max.set(Protection::WRITE, may_write);
    let mut protection = plan.protection;
    if plan.flags & VM_FLAGS_TPRO != 0 {
        protection.remove(Protection::WRITE);
    }
    let inherit = if shared { Inherit::Share } else { Inherit::Copy };
    let mut attributes = Attributes::with(protection, max, inherit, 0);
    attributes.flags.set(EntryFlags::NO_CACHE, plan.flags & VM_FLAGS_NO_CACHE != 0);
    let what = EnterObject {
        object: Some(body.object.object()),
        offset: plan.offset,
        attributes,
        copy: if shared { CopyMode::Shared } else { CopyMode::Private },
    };
    enter(own_map(call)?, plan, &what)
}

/// Maps the memory of a block device that is memory: a RAM disk's. It is shared, and nothing is executed there.
fn map_device(call: &Call<'_>, plan: &Plan, file: &OpenFile, device: Device) -> Result<VirtAddr, Errno> {
    let Device::Block(number) = device else { return Err(Errno::ENODEV) };
    let object = special::memory(number)?;
    if plan.sharing == Sharing::Private {
        return Err(Errno::ENODEV);
    }
    let mut max = Protection::DEFAULT;
    max.set(Protection::WRITE, file.is_writable());
    if !file.is_readable() || !max.contains(plan.protection) {
        return Err(Errno::EACCES);
    }
    let what = EnterObject {
        object: Some(object),
        offset: plan.offset,
        attributes: Attributes::with(plan.protection, max, Inherit::Share, 0),
        copy: CopyMode::Shared,
    };
    enter(own_map(call)?, plan, &what)
}

/// Enters it where the plan says; a hint without room after it is forgotten.
fn enter(map: &TaskMap, plan: &Plan, what: &EnterObject<'_, Machine>) -> Result<VirtAddr, Errno> {
    let result = match plan.place {
        Place::Fixed(address) => vm().enter_object(map, Placement::Overwrite(VirtAddr(address)), plan.size, what),
        Place::Anywhere(hint) => {
            match vm().enter_object(map, Placement::Anywhere(VirtAddr(hint)), plan.size, what) {
                Err(KernReturn::NO_SPACE) => {
                    vm().enter_object(map, Placement::Anywhere(VirtAddr(0)), plan.size, what)
                }
                result => result,
            }
        }
    };
    result.map_err(map_error)
}

/// A range whose start must be aligned: `EINVAL` if it is not, or if its end wraps.
fn aligned(address: u64, length: u64) -> Result<(), Errno> {
    let mask = vm().page_size() - 1;
    if address & mask != 0 {
        return Err(Errno::EINVAL);
    }
    rounded(address, length).map(|_| ())
}

/// A range rounded to pages: its start and size. `EINVAL` if its end wraps; a length of 0 has no end.
fn rounded(address: u64, length: u64) -> Result<(u64, u64), Errno> {
    let mask = vm().page_size() - 1;
    if length == 0 {
        return Ok((address & !mask, 0));
    }
    let end = address.checked_add(length).and_then(|end| end.checked_add(mask));
    let end = end.ok_or(Errno::EINVAL)? & !mask;
    let start = address & !mask;
    Ok((start, end.checked_sub(start).ok_or(Errno::EINVAL)?))
}

/// `munmap(address, length)`.
pub fn munmap(call: &mut Call<'_>) -> Answer {
    let [address, length, ..] = call.args;
    if length == 0 {
        return Err(Errno::EINVAL.into());
    }
    aligned(address, length)?;
    let done = vm().deallocate(own_map(call)?, UserAddr(address), UserSize(length));
    done.map_err(|_| Errno::EINVAL)?;
    DONE
}

/// `mprotect(address, length, protection)`.
pub fn mprotect(call: &mut Call<'_>) -> Answer {
    const TRUSTED: u64 = 0x20;
    const STRIP_READ: u64 = 0x80;
    let [address, length, protection, ..] = call.args;
    aligned(address, length)?;
    if length == 0 {
        return DONE;
    }
    if protection & STRIP_READ != 0 {
        return Err(Errno::EINVAL.into());
    }
    if protection & TRUSTED != 0 {
        return Err(Errno::ENOTSUP.into());
    }
    let mut wanted = Protection::from_bits_truncate(protection as u8 & 7);
    if wanted.intersects(Protection::WRITE | Protection::EXECUTE) {
        wanted |= Protection::READ;
    }
    let wanted = UserProt(u32::from(wanted.bits()));
    let done = vm().protect(own_map(call)?, UserAddr(address), UserSize(length), SetMax::No, wanted);
    done.map_err(|code| match code {
        KernReturn::PROTECTION_FAILURE => Errno::EACCES,
        KernReturn::INVALID_ADDRESS | KernReturn::RESOURCE_SHORTAGE => Errno::ENOMEM,
        _ => Errno::EINVAL,
    })?;
    DONE
}

/// `minherit(address, length, inherit)`.
pub fn minherit(call: &mut Call<'_>) -> Answer {
    let [address, length, inherit, ..] = call.args;
    let (start, size) = rounded(address, length)?;
    if inherit > Inherit::None as u64 {
        return Err(Errno::EINVAL.into());
    }
    if length == 0 {
        return DONE;
    }
    let done = vm().inherit(own_map(call)?, UserAddr(start), UserSize(size), UserInherit(inherit as u32));
    done.map_err(|_| Errno::EINVAL)?;
    DONE
}

/// `msync(address, length, flags)`.
pub fn msync(call: &mut Call<'_>) -> Answer {
    let [address, length, flags, ..] = call.args;
    let flags = flags as u32;
    aligned(address, length)?;
    if length == 0 || flags & (MS_SYNC | MS_ASYNC) == MS_SYNC | MS_ASYNC {
        return Err(Errno::EINVAL.into());
    }
    const CONTIGUOUS: u32 = 0x20;
    let mut sync = CONTIGUOUS;
    for (bsd, mach) in [(MS_ASYNC, 1), (MS_INVALIDATE, 4), (MS_KILLPAGES, 8), (MS_DEACTIVATE, 0x10)] {
        if flags & bsd != 0 {
            sync |= mach;
        }
    }
    if flags & MS_ASYNC == 0 {
        sync |= 2;
    }
    let done = vm().msync(own_map(call)?, UserAddr(address), UserSize(length), UserFlags(sync));
    done.map_err(|code| match code {
        KernReturn::INVALID_ADDRESS => Errno::ENOMEM,
        KernReturn::FAILURE | KernReturn::MEMORY_ERROR => Errno::EIO,
        _ => Errno::EINVAL,
    })?;
    DONE
}

/// `madvise(address, length, advice)`.
pub fn madvise(call: &mut Call<'_>) -> Answer {
    let [address, length, advice, ..] = call.args;
    let (start, size) = rounded(address, length)?;
    let behavior = match advice as i32 {
        advice @ MADV_NORMAL..=MADV_SEQUENTIAL => advice,
        advice @ MADV_WILLNEED..=MADV_CAN_REUSE => advice + 1,
        MADV_PAGEOUT => return Err(Errno::ENOTSUP.into()),
        MADV_ZERO => 12,
        _ => return Err(Errno::EINVAL.into()),
    };
    if length == 0 {
        return DONE;
    }
    // On arm64 nobody frees page 0, whatever is there.
    let frees = matches!(advice as i32, MADV_FREE | MADV_FREE_REUSABLE);
    if start == 0 && frees && write_execute() == WriteExecute::Refused {
        return Err(Errno::EINVAL.into());
    }
    let done = vm().behavior(own_map(call)?, UserAddr(start), UserSize(size), UserBehavior(behavior));
    done.map_err(|code| match code {
        KernReturn::PROTECTION_FAILURE => Errno::EPERM,
        KernReturn::NO_SPACE => Errno::ENOMEM,
        KernReturn::NO_ACCESS => Errno::ENOTSUP,
        _ => Errno::EINVAL,
    })?;
    DONE
}

const MINCORE_INCORE: u8 = 1;
const MINCORE_REFERENCED: u8 = 2;
const MINCORE_MODIFIED: u8 = 4;
const MINCORE_PAGED_OUT: u8 = 0x20;
const MINCORE_COPIED: u8 = 0x40;
const MINCORE_ANONYMOUS: u8 = 0x80;

/// `mincore(address, length, vector)`: a byte for each page.
pub fn mincore(call: &mut Call<'_>) -> Answer {
    let [address, length, vector, ..] = call.args;
    let page = vm().page_size();
    let (start, size) = rounded(address, length)?;
    let map = own_map(call)?;
    let mut bytes = [0u8; 256];
    let pages = size / page;
    let mut done = 0;
    while done < pages {
        let count = (pages - done).min(bytes.len() as u64) as usize;
        for (index, byte) in bytes[..count].iter_mut().enumerate() {
            let at = start + (done + index as u64) * page;
            let found = vm().page_query(map, UserAddr(at)).map_err(|_| Errno::EINVAL)?;
            *byte = residency(found.bits);
        }
        put_bytes(vector.checked_add(done).ok_or(Errno::EFAULT)?, &bytes[..count])?;
        done += count as u64;
        if call.thread.is_ending() {
            return Err(Errno::EINTR.into());
        }
    }
    DONE
}

fn residency(disposition: i32) -> u8 {
    let mut byte = 0;
    for (bit, flag) in [
        (page_query::PRESENT, MINCORE_INCORE),
        (page_query::REF, MINCORE_REFERENCED),
        (page_query::DIRTY, MINCORE_MODIFIED),
        (page_query::PAGED_OUT, MINCORE_PAGED_OUT),
        (page_query::COPIED, MINCORE_COPIED),
    ] {
        if disposition & bit != 0 {
            byte |= flag;
        }
    }
    if disposition & page_query::EXTERNAL == 0 {
        byte |= MINCORE_ANONYMOUS;
    }
    byte
}

fn wire_error(code: KernReturn) -> Errno {
    match code {
        KernReturn::RESOURCE_SHORTAGE => Errno::EAGAIN,
        KernReturn::PROTECTION_FAILURE => Errno::EPERM,
        KernReturn::INVALID_ARGUMENT => Errno::EINVAL,
        _ => Errno::ENOMEM,
    }
}

/// What `mlock` and `munlock` are about; `None` for nothing. `ENOMEM` where there can be no memory,
/// which the Mach calls pass over.
fn lockable(call: &Call<'_>) -> Result<Option<(u64, u64)>, Errno> {
    let (start, size) = rounded(call.args[0], call.args[1])?;
    let limits = own_map(call)?.limits();
    if size == 0 {
        return Ok(None);
    }
    if start < limits.start.0 || start + size > limits.end.0 {
        return Err(Errno::ENOMEM);
    }
    Ok(Some((start, size)))
}

/// `mlock(address, length)`.
pub fn mlock(call: &mut Call<'_>) -> Answer {
    let Some((start, size)) = lockable(call)? else { return DONE };
    let none = UserProt(0);
    vm().wire(own_map(call)?, UserAddr(start), UserSize(size), none).map_err(wire_error)?;
    DONE
}

/// `munlock(address, length)`.
pub fn munlock(call: &mut Call<'_>) -> Answer {
    let Some((start, size)) = lockable(call)? else { return DONE };
    vm().unwire(own_map(call)?, UserAddr(start), UserSize(size)).map_err(wire_error)?;
    DONE
}
