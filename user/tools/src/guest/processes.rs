//! `ps`.

use super::options::{number, parse, program};
use super::out::{complain, print};
use super::{c, sys};
use crate::ps::{Chosen, DEFAULT, Process, choose, json, keywords, table};
use abi::proc::{KinfoProc, PROC_PIDTASKINFO, ProcTaskInfo, SIDL, SRUN, SSTOP, SZOMB};
use abi::sysctl::{CTL_KERN, KERN_PROC, KERN_PROC_ALL, KERN_PROCARGS2};
use abi::task_info::{MACH_TASK_BASIC_INFO, MachTaskBasicInfo, TASK_VM_INFO, TaskVmInfo};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

program!(ps_main, ps);

/// The kernel's records of all processes.
pub fn records() -> sys::Answer<Vec<KinfoProc>> {
    let bytes = sys::sysctl(&[CTL_KERN, KERN_PROC, KERN_PROC_ALL, 0], &[])?;
    Ok(bytes
        .chunks_exact(size_of::<KinfoProc>())
        // SAFETY: the chunk has the record's size, and any bytes are a record.
        .map(|chunk| unsafe { chunk.as_ptr().cast::<KinfoProc>().read_unaligned() })
        .collect())
}

/// A NUL-padded name.
pub fn name(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// The executable's path, empty if the kernel does not tell.
pub fn path(pid: i32) -> String {
    let mut buffer = alloc::vec![0u8; abi::proc::MAXPATHLEN];
    // SAFETY: the buffer is ours.
    let n = unsafe { c::proc_pidpath(pid, buffer.as_mut_ptr().cast(), buffer.len() as u32) };
    name(&buffer[..n.max(0) as usize])
}

/// The arguments joined by blanks, from `kern.procargs2`.
fn command(pid: i32) -> Option<String> {
    let bytes = sys::sysctl(&[CTL_KERN, KERN_PROCARGS2, pid], &[]).ok()?;
    let count = i32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    let after_path = bytes[4..].iter().position(|&byte| byte == 0)? + 4;
    let first = bytes[after_path..].iter().position(|&byte| byte != 0)? + after_path;
    let args: Vec<_> = bytes[first..]
        .split(|&byte| byte == 0)
        .take(count.max(0) as usize)
        .map(String::from_utf8_lossy)
        .collect();
    Some(args.join(" "))
}

/// A task's port.
pub fn task(pid: i32) -> Result<u32, i32> {
    let mut port = 0;
    // SAFETY: the place is ours.
    match unsafe { c::task_for_pid(c::mach_task_self(), pid, &mut port) } {
        0 => Ok(port),
        code => Err(code),
    }
}

/// A flavor of `task_info` as a record of words.
pub fn task_info<T: Default>(task: u32, flavor: u32) -> Option<T> {
    let mut info = T::default();
    let mut count = (size_of::<T>() / 4) as u32;
    // SAFETY: the record has `count` words.
    let code = unsafe { c::task_info(task, flavor, (&raw mut info).cast(), &mut count) };
    (code == 0).then_some(info)
}

fn state(record: &KinfoProc) -> String {
    let letter = match record.stat {
        SIDL => 'I',
        SRUN => 'R',
        SSTOP => 'T',
        SZOMB => 'Z',
        _ => 'S',
    };
    let foreground = record.tdev != -1 && record.pgid == record.tpgid;
    format!("{letter}{}", if foreground { "+" } else { "" })
}

fn process(record: &KinfoProc) -> Process {
    let mut usage = ProcTaskInfo::default();
    let size = size_of::<ProcTaskInfo>() as i32;
    // SAFETY: the record is ours.
    unsafe {
        c::proc_pidinfo(
            record.pid,
            PROC_PIDTASKINFO,
            0,
            (&raw mut usage).cast(),
            size,
        )
    };
    let (mut resident, mut virtual_size, mut footprint) =
        (usage.resident_size, usage.virtual_size, 0);
    if let Ok(task) = task(record.pid) {
        if let Some(info) = task_info::<TaskVmInfo>(task, TASK_VM_INFO) {
            footprint = info.phys_footprint;
        }
        if let Some(info) = task_info::<MachTaskBasicInfo>(task, MACH_TASK_BASIC_INFO) {
            resident = info.resident_size;
            virtual_size = info.virtual_size;
        }
    }
    let short = name(&record.comm);
    let zombie = record.stat == SZOMB;
    let path = Some(path(record.pid))
        .filter(|path| !path.is_empty())
        .unwrap_or_else(|| format!("({short})"));
    let command = if zombie {
        None
    } else {
        command(record.pid).filter(|command| !command.is_empty())
    };
    Process {
        pid: record.pid,
        ppid: record.ppid,
        pgid: record.pgid,
        uid: record.uid,
        resident,
        virtual_size,
        footprint,
        time: usage.total_user + usage.total_system,
        state: state(record),
        command: command.unwrap_or_else(|| path.clone()),
        path,
        name: short,
        terminal: record.tdev != -1,
        faults: usage.faults.max(0) as u64,
        cow_faults: usage.cow_faults.max(0) as u64,
        priority: usage.priority,
    }
}

const USAGE: &str =
    "usage: ps [-AaCcEefhjlMmrSTvwXx] [--json] [-O fmt | -o fmt] [-p pid[,pid...]] [pid ...]";

fn columns(options: &super::options::Options, unknown: &mut Vec<String>) -> Vec<Chosen> {
    let text = match (options.value(b'o'), options.value(b'O')) {
        (Some(text), _) => String::from_utf8_lossy(text).into_owned(),
        (None, Some(text)) => format!("pid,{},tty,time,command=CMD", String::from_utf8_lossy(text)),
        (None, None) if options.has(b'v') => "pid,state,time,vsz,rss,%mem,command".into(),
        (None, None) if options.has(b'j') => "user,pid,ppid,pgid,state,tt,time,command".into(),
        (None, None) if options.has(b'l') => {
            "uid,pid,ppid,pri,vsz,rss,stat,tt,time,command=CMD".into()
        }
        (None, None) if options.has(b'f') => "uid,pid,ppid,tty,time,command=CMD".into(),
        (None, None) if options.has(b'u') => "user,pid,%mem,vsz,rss,tt,state,time,command".into(),
        (None, None) => DEFAULT.into(),
    };
    let (chosen, bad) = choose(&text);
    unknown.extend(bad);
    chosen
}

fn ps(args: &[Vec<u8>]) -> i32 {
    // The BSD form `ps aux` has its letters without a dash.
    let mut args = args.to_vec();
    if let Some(first) = args
        .first_mut()
        .filter(|first| first.first().is_some_and(u8::is_ascii_alphabetic))
    {
        first.insert(0, b'-');
    }
    let Ok(options) = parse(&args, b"AaCcEefhjlMmrSTuvwXxo:O:p:") else {
        complain(USAGE);
        return 1;
    };
    let mut unknown = Vec::new();
    let columns = columns(&options, &mut unknown);
    for keyword in &unknown {
        complain(&format!("ps: {keyword}: keyword not found"));
    }
    if columns.is_empty() {
        complain(&format!(
            "ps: no valid keywords; valid keywords:\n{}",
            keywords()
        ));
        return 1;
    }
    let mut wanted = Vec::new();
    let lists = options
        .value(b'p')
        .map(<[u8]>::to_vec)
        .into_iter()
        .chain(options.operands.iter().cloned());
    for list in lists {
        for text in list
            .split(|byte| matches!(byte, b',' | b' '))
            .filter(|text| !text.is_empty())
        {
            match number(text).and_then(|pid| i32::try_from(pid).ok()) {
                Some(pid) => wanted.push(pid),
                None => {
                    complain(&format!(
                        "ps: illegal process id: {}",
                        String::from_utf8_lossy(text)
                    ));
                    return 1;
                }
            }
        }
    }
    let records = match records() {
        Ok(records) => records,
        Err(error) => {
            complain(&format!("ps: kern.proc: {}", sys::message(error)));
            return 1;
        }
    };
    // One machine, one terminal: without a list all processes are shown that a user could mean.
    let chosen = records
        .iter()
        .filter(|record| wanted.is_empty() || wanted.contains(&record.pid));
    let mut processes: Vec<Process> = chosen.map(process).collect();
    processes.sort_by_key(|process| process.pid);
    if options.has(b'm') {
        processes.sort_by_key(|process| core::cmp::Reverse(process.resident));
    } else if options.has(b'r') {
        processes.sort_by_key(|process| core::cmp::Reverse(process.time));
    }
    let memory = sys::sysctl_number("hw.memsize").unwrap_or(0);
    let failed = print(&if options.json {
        json(&processes)
    } else {
        table(&processes, &columns, memory)
    });
    failed | i32::from(processes.is_empty() || !unknown.is_empty())
}
