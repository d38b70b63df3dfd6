//! Exec: a file becomes a program.
//!
//! Owns: reading the file, the new address space, the registers at the start. Does not own: the
//! format (`macho`), arguments (`arguments`), the spawn of children (`spawn`). Everything that can be
//! wrong with the file or the arguments is found before the old program is given up; afterwards only
//! a lack of memory can stop it, and then the task ends.

pub mod arguments;
pub mod spawn;

use crate::files::{Node, tree};
use crate::macho::{self, HEADER_SIZE, LoadError, Program, Segment, Target};
use crate::memory::{KernelVm, vm};
use crate::sched::Thread;
use crate::shared::{NoMemory, Shared, try_bytes, try_zeroed};
use crate::task::{Identity, Task, TaskMapRef};
use crate::user_memory::{PathText, put_bytes};
use crate::vfs::{Body, Path, Vnode, Walk};
use abi::proc::{MAXCOMLEN, MAXPATHLEN};
use abi::syscall::signal::SIGKILL;
use abi::vm_flags::VM_MEMORY_STACK;
use abi::{Errno, Inherit, KernReturn, Protection};
use alloc::vec::Vec;
use arch::context::UserState;
use arch::layout::USER_END;
use arch::trap::TrapFrame;
use arguments::Arguments;
use vm::{Attributes, CopyMode, EnterObject, Placement, VirtAddr};

pub use arguments::MAXIMUM as ARGUMENTS_MAX;

/// Bytes of a program's stack.
pub const STACK_SIZE: u64 = 8 << 20;
/// One past a program's stack.
const STACK_TOP: u64 = 0x7ff7_bff0_0000;
/// How many times an interpreter may name an interpreter.
const INTERPRETERS: u32 = 4;
/// Bytes of a file's first line that name an interpreter.
const FIRST_LINE: usize = 256;

/// What is to be run.
pub struct Request {
    file: Node,
    path: Vec<u8>,
    arguments: Arguments,
}

impl Request {
    /// What a program asks for.
    pub fn from_program(task: &Task, path: u64, argv: u64, envp: u64) -> Result<Self, Errno> {
        let path = PathText::get(path)?;
        let from = task.directory().ok_or(Errno::ENOENT)?;
        let file = tree().resolve(&from, Path::new(path.bytes())?, Walk::Follow)?;
        let arguments = Arguments::from_program(argv, envp)?;
        Ok(Self {
            path: try_bytes(path.bytes())?,
            file,
            arguments,
        })
    }

    /// What the kernel itself starts.
    pub fn new(path: &[u8], argv: &[&[u8]], envp: &[&[u8]]) -> Result<Self, Errno> {
        Ok(Self {
            file: tree().at(path)?,
            path: try_bytes(path)?,
            arguments: Arguments::new(argv, envp)?,
        })
    }

    /// If the file names an interpreter, that one is to be run, with the file as its argument.
    fn interpret(&mut self, task: &Task) -> Result<(), Errno> {
        for _ in 0..INTERPRETERS {
            check_executable(&self.file)?;
            let mut line = [0; FIRST_LINE];
            let length = self.file.read(0, &mut line)?;
            let Some(rest) = line[..length].strip_prefix(b"#!") else { return Ok(()) };
            let end = rest.iter().position(|&byte| byte == b'\n').ok_or(Errno::ENOEXEC)?;
            let mut words = rest[..end].splitn(2, |&byte| byte == b' ').filter(|word| !word.is_empty());
            let interpreter = words.next().ok_or(Errno::ENOEXEC)?;
            let argument = words.next().map(<[u8]>::trim_ascii).filter(|word| !word.is_empty());
            self.arguments.interpret(interpreter, argument, &self.path)?;
            let from = task.directory().ok_or(Errno::ENOENT)?;
            self.file = tree().resolve(&from, Path::new(interpreter)?, Walk::Follow)?;
            self.path = try_bytes(interpreter)?;
        }
        Err(Errno::ELOOP)
    }
}

fn check_executable(file: &Node) -> Result<(), Errno> {
    match &file.body {
        Body::File(_) if file.mode() & 0o111 != 0 => Ok(()),
        _ => Err(Errno::EACCES),
    }
}

/// Runs a program in the running task, instead of what it runs now: its frame is the new program's
/// when this returns.
pub fn execute(me: &Thread, task: &Shared<Task>, mut request: Request) -> Result<(), Errno> {
    request.interpret(task)?;
    let program = load(&request.file)?;
    let identity = identity(&request)?;
    let vm = vm();
    let map = vm.map_create(VirtAddr(program.lowest), VirtAddr(USER_END)).map_err(|_| Errno::ENOMEM)?;
    vm.map_set_limits(&map, task.limits.of_map());
    if let Err(error) = map_program(vm, &map, &request.file, &program) {
        vm.map_terminate(map);
        return Err(error);
    }
    // The point of no return. The others end first: they run in what goes.
    if let Err(error) = task.threads.become_alone(me) {
        vm.map_terminate(map);
        return Err(error);
    }
    // One of the others may have set them meanwhile.
    vm.map_set_limits(&map, task.limits.of_map());
    if let Some(old) = task.replace_map(vm, Some(map)) {
        vm.map_terminate(old);
    }
    task.files.exec();
    task.signals.exec();
    let name = me.become_first();
    task.ports.lock().remove_thread(name);
    task.unregister();
    task.set_identity(identity);
    let written = clear_tails(&program).and_then(|()| {
        let random = crate::random::next();
        request.arguments.write(STACK_TOP, &request.path, random)
    });
    me.with_user_state(|state| *state = UserState::new());
    match written {
        Ok(stack) => {
            // SAFETY: the frame of the running thread, which nobody else looks at while it is here.
            unsafe { me.frame().write(TrapFrame::user(program.entry, stack)) };
        }
        Err(_) => {
            task.request_exit(SIGKILL);
        }
    }
    Ok(())
}

/// Reads and checks the file.
fn load(file: &Node) -> Result<Program, Errno> {
    let target = Target {
        cpu_type: arch::cpu::MACHO_CPU_TYPE,
        page_size: vm().page_size(),
        limit: STACK_TOP - STACK_SIZE - vm().page_size(),
    };
    let mut header = [0; HEADER_SIZE];
    let length = file.read(0, &mut header)?;
    let end = macho::commands_end(&header[..length], target)?;
    let mut start = try_zeroed(end)?;
    if file.read(0, &mut start)? < end {
        return Err(LoadError::Malformed.into());
    }
    Ok(macho::parse(&start, file.size(), target)?)
}

fn identity(request: &Request) -> Result<Shared<Identity>, NoMemory> {
    let mut buffer = [0; MAXPATHLEN];
    let path = Vnode::path(&request.file, &mut buffer).unwrap_or(&request.path);
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
    let (arguments, count) = request.arguments.record()?;
    Shared::try_new(Identity {
        command: try_bytes(&name[..name.len().min(MAXCOMLEN)])?,
        path: try_bytes(path)?,
        arguments,
        count,
    })
}

fn code(code: KernReturn) -> Errno {
    match code {
        KernReturn::RESOURCE_SHORTAGE => Errno::ENOMEM,
        _ => Errno::EBADMACHO,
    }
}

/// Enters segments and stack into an empty map.
fn map_program(vm: &KernelVm, map: &TaskMapRef, file: &Node, program: &Program) -> Result<(), Errno> {
    let body = file.as_file()?;
    let page = vm.page_size();
    for segment in program.segments() {
        let in_file = file_part(segment, page);
        let attributes = Attributes::with(segment.initial, segment.maximum, Inherit::Copy, 0);
        if in_file > 0 {
            let what = EnterObject {
                object: Some(body.object.object()),
                offset: segment.offset,
                attributes,
                // Text too: what is never written is never copied, and fork has nothing to do for it.
                copy: CopyMode::Private,
            };
            vm.enter_object(map, Placement::Fixed(VirtAddr(segment.address)), in_file, &what).map_err(code)?;
        }
        if segment.memory_size > in_file {
            let at = VirtAddr(segment.address + in_file);
            zeros(vm, map, at, segment.memory_size - in_file, attributes)?;
        }
    }
    let bottom = STACK_TOP - STACK_SIZE;
    let guard = Attributes::with(Protection::NONE, Protection::NONE, Inherit::Copy, VM_MEMORY_STACK);
    zeros(vm, map, VirtAddr(bottom - page), page, guard)?;
    let stack = Attributes::with(Protection::DEFAULT, Protection::ALL, Inherit::Copy, VM_MEMORY_STACK);
    zeros(vm, map, VirtAddr(bottom), STACK_SIZE, stack)
}

fn zeros(vm: &KernelVm, map: &TaskMapRef, at: VirtAddr, size: u64, attributes: Attributes) -> Result<(), Errno> {
    let what = EnterObject {
        object: None,
        offset: 0,
        attributes,
        copy: CopyMode::Private,
    };
    vm.enter_object(map, Placement::Fixed(at), size, &what).map_err(code)?;
    Ok(())
}

/// Bytes of a segment that show the file, rounded up to pages.
fn file_part(segment: &Segment, page: u64) -> u64 {
    segment.file_size.next_multiple_of(page).min(segment.memory_size)
}

/// Where a writable segment's part of the file ends inside a page and the segment goes on, the rest
/// of that page is zero, whatever the file has there.
fn clear_tails(program: &Program) -> Result<(), Errno> {
    let zeros = [0; 512];
    for segment in program.segments() {
        let end = file_part(segment, vm().page_size());
        if !segment.initial.contains(Protection::WRITE) {
            continue;
        }
        let mut at = segment.file_size;
        while at < end {
            let count = (end - at).min(zeros.len() as u64);
            put_bytes(segment.address + at, &zeros[..count as usize])?;
            at += count;
        }
    }
    Ok(())
}
