//! `proc_info`: what `ps`, `vmmap` and their like ask about processes.

use super::{Answer, Call};
use crate::clock;
use crate::files::{Node, tree};
use crate::memory::vm;
use crate::shared::{Shared, try_push};
use crate::task::Task;
use crate::task::life;
use crate::task::table::{Life, Pid};
use crate::user_memory::{Plain, put_bytes};
use crate::vfs::{Body, Vnode};
use abi::Errno;
use abi::proc::*;
use abi::stat::Stat64;
use alloc::vec::Vec;
use vm::{Region, UserAddr};

/// `proc_info(call, pid, flavor, argument, *buffer, size)`: answers the bytes written.
pub fn proc_info(call: &mut Call<'_>) -> Answer {
    let [what, pid, flavor, argument, buffer, size, ..] = call.args;
    let size = u64::from(size as u32);
    let written = match what as i32 {
        PROC_INFO_CALL_LISTPIDS => list(pid as i32, buffer, size)?,
        PROC_INFO_CALL_PIDINFO => one(Pid(pid as i32), flavor as i32, argument, buffer, size)?,
        _ => return Err(Errno::EINVAL.into()),
    };
    Ok((written, 0))
}

/// Process numbers, as many as fit; without a buffer, how many bytes there are.
fn list(kind: i32, buffer: u64, size: u64) -> Result<u64, Errno> {
    if kind != PROC_ALL_PIDS {
        return Err(Errno::EINVAL);
    }
    if buffer == 0 {
        return Ok(life::count() as u64 * 4);
    }
    let mut pids = Vec::new();
    let mut cursor = 0;
    while let Some((_, task)) = life::next(&mut cursor) {
        try_push(&mut pids, task.pid.0)?;
    }
    let mut done = 0;
    for pid in pids.iter().take((size / 4) as usize) {
        put_bytes(buffer.checked_add(done).ok_or(Errno::EFAULT)?, &pid.to_le_bytes())?;
        done += 4;
    }
    Ok(done)
}

fn one(pid: Pid, flavor: i32, argument: u64, buffer: u64, size: u64) -> Result<u64, Errno> {
    let task = life::find(pid).ok_or(Errno::ESRCH)?;
    match flavor {
        PROC_PIDTBSDINFO => give(&bsd_info(&task), buffer, size),
        PROC_PIDTASKINFO => give(&task_info(&task), buffer, size),
        PROC_PIDREGIONINFO => give(&region_info(&region(&task, argument)?), buffer, size),
        PROC_PIDREGIONPATHINFO => {
            let region = region(&task, argument)?;
            let mut record = ProcRegionWithPathInfo::zeroed();
            record.region = region_info(&region);
            if let Some(node) = region.file.and_then(find_file) {
                record.stat = vinfo(&super::file::stat_of(&node)?);
                record.vnode_type = 1;
                record.fsid = [node.mount().number as i32, 1];
                let mut path = [0; MAXPATHLEN - 1];
                if let Some(path) = Vnode::path(&node, &mut path) {
                    record.path[..path.len()].copy_from_slice(path);
                }
            }
            give(&record, buffer, size)
        }
        PROC_PIDPATHINFO => {
            let mut path = [0; MAXPATHLEN];
            let length = task.with_identity(|identity| {
                let length = identity.path.len().min(MAXPATHLEN - 1);
                path[..length].copy_from_slice(&identity.path[..length]);
                length
            });
            if size < length as u64 + 1 {
                return Err(Errno::ENOMEM);
            }
            put_bytes(buffer, &path[..length + 1])?;
            Ok(length as u64)
        }
        _ => Err(Errno::EINVAL),
    }
}

fn give<T: Plain>(record: &T, buffer: u64, size: u64) -> Result<u64, Errno> {
    if size < size_of::<T>() as u64 {
        return Err(Errno::ENOMEM);
    }
    put_bytes(buffer, record.bytes())?;
    Ok(size_of::<T>() as u64)
}

fn bsd_info(task: &Shared<Task>) -> ProcBsdInfo {
    let mut info = ProcBsdInfo {
        status: u32::from(SRUN),
        pid: task.pid.0 as u32,
        ppid: task.parent() as u32,
        pgid: task.group() as u32,
        nfiles: task.files.count() as u32,
        e_tdev: 0x0200_0000,
        e_tpgid: crate::console::tty::foreground() as u32,
        start_tvsec: clock::booted() + task.started / clock::SECOND,
        start_tvusec: task.started % clock::SECOND / 1000,
        ..ProcBsdInfo::default()
    };
    if let Some(Life::Zombie(status)) = life::life(task.pid) {
        info.status = u32::from(SZOMB);
        info.xstatus = status;
    }
    task.with_identity(|identity| {
        for (to, from) in info.comm.iter_mut().zip(&identity.command) {
            *to = *from;
        }
        for (to, from) in info.name[..31].iter_mut().zip(&identity.command) {
            *to = *from;
        }
    });
    info
}

fn task_info(task: &Shared<Task>) -> ProcTaskInfo {
    let (size, _) = task.size(vm());
    let first = task.threads.find(|_| true);
    let usage = task.threads.usage();
    let small = |count: u64| i32::try_from(count).unwrap_or(i32::MAX);
    ProcTaskInfo {
        virtual_size: size,
        resident_size: task.resident(vm()) * vm().page_size(),
        total_user: usage.time,
        threads_user: usage.time,
        faults: small(usage.faults),
        cow_faults: small(task.copies(vm())),
        syscalls_mach: small(usage.mach_calls),
        syscalls_unix: small(usage.unix_calls),
        csw: small(usage.switches),
        threadnum: small(task.threads.count() as u64),
        priority: first.map_or(0, |thread| i32::from(crate::sched::run::describe(thread.id).1.0)),
        ..ProcTaskInfo::default()
    }
}

fn region(task: &Task, address: u64) -> Result<Region, Errno> {
    let map = task.map_ref().ok_or(Errno::ESRCH)?;
    let region = vm().region(&map, UserAddr(address));
    vm().map_release(map);
    region.map_err(|_| Errno::EINVAL)
}

fn region_info(region: &Region) -> ProcRegionInfo {
    ProcRegionInfo {
        protection: u32::from(region.protection.bits()),
        max_protection: u32::from(region.max.bits()),
        inheritance: region.inherit as u32,
        flags: 0,
        offset: region.offset,
        behavior: region.behavior as u32,
        user_wired_count: u32::from(region.user_wired),
        user_tag: u32::from(region.tag),
        pages_resident: region.pages.resident,
        pages_shared_now_private: region.pages.shared_now_private,
        pages_swapped_out: 0,
        pages_dirtied: region.pages.dirtied,
        ref_count: region.ref_count,
        shadow_depth: u32::from(region.shadow_depth),
        share_mode: u32::from(region.share_mode),
        private_pages_resident: region.pages.private,
        shared_pages_resident: region.pages.shared,
        obj_id: region.object_id as u32,
        depth: 0,
        address: region.range.start.0,
        size: region.range.len(),
    }
}

fn vinfo(stat: &Stat64) -> VinfoStat {
    VinfoStat {
        dev: stat.dev as u32,
        mode: stat.mode,
        nlink: stat.nlink,
        ino: stat.ino,
        size: stat.size,
        blocks: stat.blocks,
        blksize: stat.blksize,
        ..VinfoStat::default()
    }
}

/// The file whose object has that number.
fn find_file(id: u64) -> Option<Node> {
    let mut found = None;
    tree().each(|mount| {
        mount.each(|node| {
            if matches!(&node.body, Body::File(file) if vm().object_id(file.object.object()) == id) {
                found = Some(node.clone());
            }
        });
    });
    found
}
