//! Calls about threads: `bsdthread_*` and the thread pointer.

use super::{Answer, Call};
use crate::memory::vm;
use crate::sched::{Birth, Thread, run};
use crate::shared::Shared;
use crate::task::task::Registration;
use crate::task::{Task, life};
use crate::ulock;
use crate::user_memory::{Plain, get_bytes, put, put_bytes};
use abi::Errno;
use abi::thread::{
    MAX_PTHREAD_SIZE, PTHREAD_FEATURE_SETSELF, PTHREAD_START_CUSTOM, PTHREAD_START_SUSPENDED,
    PTHREAD_START_TSD_BASE_SET, PthreadRegistration,
};
use arch::context::{SET_THREAD_POINTER, UserState};
use arch::layout::USER_END;
use arch::trap::TrapFrame;
use vm::{UserAddr, UserSize};

/// Bytes of a word of thread-specific data.
const WORD: u32 = 8;

/// `thread_selfid()`.
pub fn selfid(call: &mut Call<'_>) -> Answer {
    Ok((call.thread.number, 0))
}

/// A call that only this machine has: the calling thread's pointer becomes `argument`.
pub fn machine_call(me: &Thread, number: u32, argument: u64) -> Result<(), Errno> {
    if number != SET_THREAD_POINTER {
        return Err(Errno::ENOSYS);
    }
    me.with_user_state(|state| state.set_thread_pointer(argument));
    Ok(())
}

/// `bsdthread_register(threadstart, wqthread, pthread_size, *data, data_size, offset)`: answers what the
/// kernel can do.
pub fn register(call: &mut Call<'_>) -> Answer {
    let [start, _, pthread_size, data_at, data_size, _, ..] = call.args;
    let pthread_size = u32::try_from(pthread_size as u32 as i32).map_err(|_| Errno::EINVAL)?;
    if pthread_size > MAX_PTHREAD_SIZE || start >= USER_END {
        return Err(Errno::EINVAL.into());
    }
    let mut data = PthreadRegistration::default();
    let known = (size_of::<PthreadRegistration>() as u64).min(data_size) as usize;
    if data_at != 0 {
        if data_size < size_of::<u64>() as u64 {
            return Err(Errno::EINVAL.into());
        }
        get_bytes(&mut data.bytes_mut()[..known], data_at)?;
        if data.version != data_size {
            return Err(Errno::EINVAL.into());
        }
    }
    // What does not lie in the `pthread` is as if it were not there.
    let room = pthread_size.checked_sub(WORD).and_then(|last| last.checked_sub(data.tsd_offset));
    let tsd_offset = room.map_or(0, |_| data.tsd_offset);
    let port_offset = Some(data.mach_thread_self_offset).filter(|&offset| offset <= room.unwrap_or(0));
    call.task.register(Registration {
        start,
        tsd_offset,
        port_offset: port_offset.unwrap_or(0),
    })?;
    if data_at != 0 {
        data.version = size_of::<PthreadRegistration>() as u64;
        (data.main_qos, data.stack_addr_hint, data.mutex_default_policy) = (0, [0; 2], 0);
        put_bytes(data_at, &data.bytes()[..known]).map_err(|_| Errno::EINVAL)?;
    }
    Ok((u64::from(PTHREAD_FEATURE_SETSELF), 0))
}

/// `bsdthread_create(function, argument, stack, pthread, flags)`: answers `pthread`. `EINVAL` where nothing
/// was registered or something lies outside user space, `EAGAIN` if the process has too many threads,
/// `ENOMEM`.
pub fn create(call: &mut Call<'_>) -> Answer {
    let [function, argument, stack, pthread, flags, ..] = call.args;
    let flags = flags as u32;
    let registration = call.task.registration();
    let base = pthread.checked_add(u64::from(registration.tsd_offset));
    let base = base.filter(|&base| base < USER_END).ok_or(Errno::EINVAL)?;
    if registration.start == 0
        || flags & PTHREAD_START_CUSTOM == 0
        || flags & PTHREAD_START_SUSPENDED != 0
        || stack > USER_END
    {
        return Err(Errno::EINVAL.into());
    }
    let port = call.task.ports.lock().name_thread().map_err(|_| Errno::EAGAIN)?;
    let mut state = UserState::new();
    let mut entry_flags = flags;
    if registration.tsd_offset != 0 {
        state.set_thread_pointer(base);
        entry_flags |= PTHREAD_START_TSD_BASE_SET;
    }
    let mut frame = TrapFrame::user(registration.start, stack);
    let arguments = [pthread, u64::from(port), function, argument, stack, u64::from(entry_flags)];
    for (n, value) in arguments.into_iter().enumerate() {
        frame.set_arg(n, value);
    }
    let birth = Birth {
        port,
        blocked: call.thread.signals.blocked(),
        ..Birth::FIRST
    };
    let told = match (registration.tsd_offset, registration.port_offset) {
        (0, _) | (_, 0) => Ok(()),
        (_, offset) => put(base.wrapping_add(u64::from(offset)), &u64::from(port)),
    };
    match told.and_then(|()| begin(call.task, &frame, &state, &birth)) {
        Ok(()) => Ok((pthread, 0)),
        Err(error) => {
            call.task.ports.lock().remove_thread(port);
            Err(error.into())
        }
    }
}

fn begin(task: &Shared<Task>, frame: &TrapFrame, state: &UserState, birth: &Birth) -> Result<(), Errno> {
    let thread = Thread::user(task.clone(), frame, state, birth)?;
    let joined = task.threads.join(&thread);
    joined.inspect_err(|_| run::forget(thread.id))?;
    run::start(&thread);
    Ok(())
}

/// `bsdthread_terminate(stack, size, port, ulock)`: the calling thread ends. Its stack is unmapped; the word
/// at `ulock`, where its joiner waits, becomes `port` without the low two bits, and all who wait there wake.
/// If there is no other thread the process ends with status 0.
pub fn terminate(call: &mut Call<'_>) -> Answer {
    let [stack, size, port, word, ..] = call.args;
    if stack != 0 && size != 0 {
        let map = call.task.own_map().ok_or(Errno::EINVAL)?;
        // A range that cannot be unmapped stays: there is nobody to tell.
        let _ = vm().deallocate(map, UserAddr(stack), UserSize(size));
    }
    call.task.threads.retire(call.thread);
    if word != 0 && put(word, &(port as u32 & !3)).is_ok() {
        ulock::wake_joiner(call.task, word);
    }
    life::end_thread(call.thread, call.task)
}
