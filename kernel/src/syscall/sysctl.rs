//! `sysctl`: what the kernel knows, by name or number.
//!
//! Owns: the values, and the way they are handed out. Does not own: which leaves exist
//! (`abi::sysctl`), the counts of locks (`locks`), block devices (`block`). Root
//! alone writes, and only leaves that `abi` says may be written.

use super::{Answer, Call, DONE};
use crate::clock;
use crate::files::MAXIMUM_FILES;
use crate::memory::vm;
use crate::sched::queues::State;
use crate::sched::{load, run, thread};
use crate::shared::{NoMemory, Shared};
use crate::task::life;
use crate::task::table::{Life, MAXIMUM_PROCESSES, Pid};
use crate::task::{Identity, Task};
use crate::user_memory::{Plain, get, get_bytes, put, put_bytes};
use abi::Errno;
use abi::proc::{KinfoProc, SRUN, SSLEEP, SZOMB};
use abi::sysctl::{
    CTL_KERN, CTL_MAXNAME, CTL_META, CTLFLAG_WR, Id, KERN_PROC, KERN_PROC_ALL, KERN_PROC_PID, KERN_PROCARGS2,
    LEAVES, Leaf, LoadAvg, META_NAME, META_NAME2OID, META_NEXT, META_OIDDESCR, META_OIDFMT, NODES,
    XswUsage, by_name, by_oid, next, oid_of,
};
use alloc::vec::Vec;
use core::fmt::Write;
use vm::counters::Event;


/// The most bytes of a dotted name.
const NAME: usize = 128;

/// An answer in the making, small enough for the stack.
struct Value {
    bytes: [u8; 256],
    length: usize,
}

impl Value {
    fn new(bytes: &[u8]) -> Self {
        let mut value = Self {
            bytes: [0; 256],
            length: bytes.len().min(256),
        };
        value.bytes[..value.length].copy_from_slice(&bytes[..value.length]);
        value
    }

    fn int(value: u64) -> Self {
        Self::new(&i32::try_from(value).unwrap_or(i32::MAX).to_le_bytes())
    }

    fn quad(value: u64) -> Self {
        Self::new(&value.to_le_bytes())
    }

    fn quads(values: impl Iterator<Item = u64>) -> Self {
        let mut all = Self::new(&[]);
        for value in values {
            let end = (all.length + 8).min(all.bytes.len());
            all.bytes[all.length..end].copy_from_slice(&value.to_le_bytes()[..end - all.length]);
            all.length = end;
        }
        all
    }

    fn text(text: core::fmt::Arguments<'_>) -> Self {
        let mut value = Self::new(&[]);
        // What does not fit is cut off; the NUL always fits.
        let _ = value.write_fmt(text);
        value.length = (value.length + 1).min(value.bytes.len());
        value
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Write for Value {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.bytes.len() - 1 - self.length;
        let length = text.len().min(room);
        self.bytes[self.length..self.length + length].copy_from_slice(&text.as_bytes()[..length]);
        self.length += length;
        Ok(())
    }
}

fn value(id: Id) -> Value {
    let statistics = || vm().statistics();
    let count = |count: u32| Value::int(u64::from(count));
    let pages = vm().total_pages().0;
    let page = vm().page_size();
    match id {
        Id::OsType => Value::text(format_args!("Vellum")),
        Id::OsRelease | Id::OsVersion => Value::text(format_args!("{}", boot::VERSION)),
        Id::OsRevision => Value::int(1),
        Id::Version => Value::text(format_args!("Vellum Kernel Version {}; {}", boot::VERSION, arch::cpu::NAME)),
        Id::MaxProc => Value::int(MAXIMUM_PROCESSES as u64),
        Id::MaxFiles => Value::int(MAXIMUM_FILES as u64),
        Id::ArgMax => Value::int(crate::exec::ARGUMENTS_MAX as u64),
        Id::HostName => Value::text(format_args!("vellum")),
        Id::BootTime => Value::new([clock::booted(), 0].bytes()),
        Id::MemoryStatusLevel => {
            let now = statistics();
            let available = u64::from(now.free_count) + u64::from(now.inactive_count);
            Value::int(available * 100 / pages.max(1))
        }
        Id::MemoryPressureLevel => Value::int(1),
        Id::LogLines => Value::quad(crate::console::output::logged()),
        Id::LoadAverage => Value::new(
            LoadAvg {
                ldavg: load::averages(),
                fscale: load::SCALE.into(),
                ..LoadAvg::default()
            }
            .bytes(),
        ),
        Id::SwapUsage => Value::new(
            XswUsage {
                pagesize: page as u32,
                encrypted: 1,
                ..XswUsage::default()
            }
            .bytes(),
        ),
        Id::Pages => Value::int(pages),
        Id::PageSize => Value::int(page),
        Id::PageFreeCount => count(statistics().free_count - statistics().speculative_count),
        Id::PageFreeTarget => Value::int(0),
        Id::PageSpeculativeCount => count(statistics().speculative_count),
        Id::PagePurgeableCount => count(statistics().purgeable_count),
        Id::PageInternalCount => count(statistics().internal_page_count),
        Id::PageExternalCount => count(statistics().external_page_count),
        Id::PageWireCount => count(statistics().wire_count),
        Id::PageActiveCount => count(statistics().active_count),
        Id::PageInactiveCount => count(statistics().inactive_count),
        Id::UserWireLimit => Value::quad(vm().user_wire_limit()),
        Id::GlobalUserWireLimit => Value::quad(vm().global_user_wire_limit()),
        Id::GlobalNoUserWireAmount => Value::quad(vm().global_no_user_wire_amount()),
        Id::OverGlobalLimit => Value::int(vm().counters().get(Event::OverGlobalLimit)),
        Id::OverUserLimit => Value::int(vm().counters().get(Event::OverUserLimit)),
        // They are more than a value; `leaf` has handed them out.
        Id::BlockDevices | Id::BlockFail | Id::Panic => Value::new(&[]),
        #[cfg(feature = "lock-statistics")]
        Id::LockStatistics => Value::new(&[]),
        Id::Machine => Value::text(format_args!("{}", arch::cpu::NAME)),
        Id::Model => Value::text(format_args!("QEMU")),
        Id::CpuFaults => Value::quads((0..run::cpu_count()).map(|cpu| vm().counters().get_on(cpu, Event::Fault))),
        Id::Ncpu | Id::PhysicalCpu | Id::LogicalCpu => Value::int(run::cpu_count() as u64),
        Id::ByteOrder => Value::int(1234),
        Id::HwPageSize => Value::quad(page),
        Id::CacheLineSize => Value::quad(64),
        Id::MemSize => Value::quad(crate::memory::ram_bytes()),
        Id::CpuBrand => Value::text(format_args!("{}", arch::cpu::description())),
    }
}

/// What a program writes into a leaf: nothing, if its address is 0.
#[derive(Clone, Copy)]
pub struct New {
    /// The first byte's address.
    pub at: u64,
    /// Bytes.
    pub length: u64,
}

impl New {
    /// The text, up to its NUL; `None` if nothing is written. `EINVAL`: it is longer than the room, or no text.
    pub fn text(self, room: &mut [u8]) -> Result<Option<&str>, Errno> {
        if self.at == 0 {
            return Ok(None);
        }
        let length = usize::try_from(self.length).ok().filter(|&length| length <= room.len());
        let bytes = &mut room[..length.ok_or(Errno::EINVAL)?];
        get_bytes(bytes, self.at)?;
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        core::str::from_utf8(&bytes[..end]).map(Some).map_err(|_| Errno::EINVAL)
    }
}

/// Where an answer goes: the program's buffer and the word with its length.
pub struct Out {
    buffer: u64,
    length_at: u64,
}

impl Out {
    /// Hands out a whole answer. `ENOMEM` if the buffer is too small; the length needed is told in
    /// any case.
    pub fn give(&self, answer: &[u8]) -> Answer {
        if self.length_at == 0 {
            return DONE;
        }
        let room: u64 = get(self.length_at)?;
        let needed = answer.len() as u64;
        if self.buffer == 0 {
            put(self.length_at, &needed)?;
            return DONE;
        }
        let given = needed.min(room);
        put_bytes(self.buffer, &answer[..given as usize])?;
        put(self.length_at, &given)?;
        if given < needed { Err(Errno::ENOMEM.into()) } else { DONE }
    }
}

/// `sysctl(*name, words, *old, *oldlen, *new, newlen)`.
pub fn sysctl(call: &mut Call<'_>) -> Answer {
    let [name, words, buffer, length_at, new, new_length, ..] = call.args;
    let words = words as u32 as usize;
    if !(2..=CTL_MAXNAME).contains(&words) {
        return Err(Errno::EINVAL.into());
    }
    let mut oid = [0i32; CTL_MAXNAME];
    for (index, word) in oid[..words].iter_mut().enumerate() {
        *word = get(name.checked_add(index as u64 * 4).ok_or(Errno::EFAULT)?)?;
    }
    let oid = &oid[..words];
    let out = Out { buffer, length_at };
    match *oid {
        [CTL_META, META_NAME2OID] => name_to_oid(&out, new, new_length),
        [CTL_META, meta, ..] => describe(&out, meta, &oid[2..]),
        [CTL_KERN, KERN_PROC, flavor, ref rest @ ..] => processes(&out, flavor, rest.first().copied()),
        [CTL_KERN, KERN_PROCARGS2, pid] => arguments(&out, pid),
        _ => leaf(call.task, &out, by_oid(oid), New { at: new, length: new_length }),
    }
}

/// `sysctlbyname(*name, length, *old, *oldlen, *new, newlen)`.
pub fn sysctlbyname(call: &mut Call<'_>) -> Answer {
    let [name, length, buffer, length_at, new, new_length, ..] = call.args;
    let mut bytes = [0; NAME];
    let name = read_name(&mut bytes, name, length)?;
    leaf(call.task, &Out { buffer, length_at }, by_name(name), New { at: new, length: new_length })
}

fn read_name(into: &mut [u8; NAME], from: u64, length: u64) -> Result<&str, Errno> {
    let length = usize::try_from(length).ok().filter(|&length| length <= NAME).ok_or(Errno::ENAMETOOLONG)?;
    get_bytes(&mut into[..length], from)?;
    let end = into[..length].iter().position(|&byte| byte == 0).unwrap_or(length);
    core::str::from_utf8(&into[..end]).map_err(|_| Errno::ENOENT)
}

/// Answers a leaf, then takes what is written into it. `EPERM`: it is read only, or who writes is not root.
fn leaf(task: &Task, out: &Out, leaf: Option<&'static Leaf>, new: New) -> Answer {
    let leaf = leaf.ok_or(Errno::ENOENT)?;
    if new.at != 0 && !(task.is_root() && leaf.kind & CTLFLAG_WR != 0) {
        return Err(Errno::EPERM.into());
    }
    match leaf.id {
        #[cfg(feature = "lock-statistics")]
        Id::LockStatistics => return super::locks::statistics(out, new.at),
        Id::BlockFail => return super::block::fail(out, new),
        Id::Panic => return end(out, new),
        Id::BlockDevices => return super::block::devices(out),
        _ => {}
    }
    out.give(value(leaf.id).bytes())
}

/// `debug.panic`: for who wants to see, or to test, how the kernel ends.
fn end(out: &Out, new: New) -> Answer {
    let mut room = [0; NAME];
    if let Some(why) = new.text(&mut room)? {
        panic!("debug.panic: {why}");
    }
    out.give(b"\0")
}

fn name_to_oid(out: &Out, name: u64, length: u64) -> Answer {
    let mut bytes = [0; NAME];
    let oid = oid_of(read_name(&mut bytes, name, length)?).ok_or(Errno::ENOENT)?;
    give_oid(out, oid)
}

fn give_oid(out: &Out, oid: &[i32]) -> Answer {
    let mut bytes = [0; CTL_MAXNAME * 4];
    for (word, bytes) in oid.iter().zip(bytes.chunks_exact_mut(4)) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    out.give(&bytes[..oid.len() * 4])
}

fn describe(out: &Out, meta: i32, oid: &[i32]) -> Answer {
    if meta == META_NEXT {
        return give_oid(out, next(oid).ok_or(Errno::ENOENT)?.oid);
    }
    let node = NODES.iter().find(|node| node.1 == oid);
    let leaf = LEAVES.iter().find(|leaf| leaf.oid == oid);
    let name = leaf.map(|leaf| leaf.name).or(node.map(|node| node.0)).ok_or(Errno::ENOENT)?;
    match meta {
        META_NAME => out.give(Value::text(format_args!("{name}")).bytes()),
        META_OIDFMT => {
            let (kind, format) = leaf.map_or((abi::sysctl::CTLTYPE_NODE, "N"), |leaf| (leaf.kind, leaf.format));
            let mut answer = Value::new(&kind.to_le_bytes());
            let _ = answer.write_str(format);
            answer.length += 1;
            out.give(answer.bytes())
        }
        META_OIDDESCR => out.give(Value::text(format_args!("{}", leaf.map_or("", |leaf| leaf.description))).bytes()),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// `kern.proc`: a record for each process, as many as fit.
fn processes(out: &Out, flavor: i32, argument: Option<i32>) -> Answer {
    const SIZE: u64 = size_of::<KinfoProc>() as u64;
    if !matches!(flavor, KERN_PROC_ALL | KERN_PROC_PID) {
        return Err(Errno::EINVAL.into());
    }
    let matches = |task: &Task| flavor == KERN_PROC_ALL || argument == Some(task.pid.0);
    if out.length_at == 0 {
        return DONE;
    }
    let room: u64 = if out.buffer == 0 { u64::MAX } else { get(out.length_at)? };
    let mut done = 0;
    let mut cursor = 0;
    while let Some((life, task)) = life::next(&mut cursor) {
        if !matches(&task) {
            continue;
        }
        if room - done < SIZE {
            put(out.length_at, &done)?;
            return Err(Errno::ENOMEM.into());
        }
        if out.buffer != 0 {
            put(out.buffer.checked_add(done).ok_or(Errno::EFAULT)?, &record(&task, life))?;
        }
        done += SIZE;
    }
    put(out.length_at, &done)?;
    DONE
}

fn record(task: &Shared<Task>, life: Life) -> KinfoProc {
    let mut record = KinfoProc::ZERO;
    let started = task.started;
    record.start_sec = (clock::booted() + started / clock::SECOND) as i64;
    record.start_usec = (started % clock::SECOND / 1000) as i64;
    record.pid = task.pid.0;
    record.ppid = task.parent();
    record.pgid = task.group();
    record.tdev = 0x0200_0000;
    record.tpgid = crate::console::tty::foreground();
    record.nice = 0;
    record.stat = SSLEEP;
    if let Some(thread) = task.threads.find(|_| true) {
        let (event, priority) = run::describe(thread.id);
        record.wchan = event.unwrap_or(0) as u64;
        (record.priority, record.usrpri) = (priority.0, priority.0);
        let runs = |thread: &thread::Thread| !matches!(thread::state_of(thread), State::Waiting);
        if task.threads.find(runs).is_some() {
            record.stat = SRUN;
        }
    }
    let time = task.threads.usage().time;
    record.rtime_sec = (time / clock::SECOND) as i64;
    record.rtime_usec = (time % clock::SECOND / 1000) as i64;
    if let Life::Zombie(status) = life {
        record.stat = SZOMB;
        record.xstat = status as u16;
    }
    task.with_identity(|identity| {
        let length = identity.command.len().min(record.comm.len() - 1);
        record.comm[..length].copy_from_slice(&identity.command[..length]);
    });
    record
}

/// `kern.procargs2`.
fn arguments(out: &Out, pid: i32) -> Answer {
    let task = life::find_alive(Pid(pid)).ok_or(Errno::EINVAL)?;
    let mut answer = Vec::new();
    task.with_identity(|identity| write_process_arguments(&mut answer, identity))?;
    out.give(&answer)
}

/// The record of `kern.procargs2`: the count of arguments, the path, zeros to a multiple of 8, the
/// strings.
pub fn write_process_arguments(to: &mut Vec<u8>, identity: &Identity) -> Result<(), NoMemory> {
    let path_end = (4 + identity.path.len() + 1).next_multiple_of(8);
    to.try_reserve_exact(path_end + identity.arguments.len()).map_err(|_| NoMemory)?;
    to.extend_from_slice(&identity.count.to_le_bytes());
    to.extend_from_slice(&identity.path);
    to.resize(path_end, 0);
    to.extend_from_slice(&identity.arguments);
    Ok(())
}

