//! spawn.h.
//!
//! Owns: lists of file actions and attributes until the call. Does not own: doing them (the kernel).

use crate::{environment, errno, malloc, process};
use abi::Errno;
use abi::spawn::{SPAWN_CLOSE, SPAWN_DUP2, SPAWN_OPEN, SpawnArgs, SpawnAttr, SpawnFileAction};
use core::ffi::{c_char, c_int, c_short};
use core::ptr::null_mut;

/// The most file actions of a spawn.
const MOST: usize = 64;

/// What `posix_spawn_file_actions_t` points to.
pub struct Actions {
    count: usize,
    list: [SpawnFileAction; MOST],
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_init(actions: *mut *mut Actions) -> c_int {
    let fresh = malloc::calloc(1, size_of::<Actions>()).cast::<Actions>();
    // SAFETY: the caller's place for the pointer.
    unsafe { *actions = fresh };
    if fresh.is_null() { Errno::ENOMEM.0 } else { 0 }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_destroy(actions: *mut *mut Actions) -> c_int {
    // SAFETY: made by `init`; paths were copied by malloc.
    unsafe {
        let filled = &**actions;
        filled.list[..filled.count]
            .iter()
            .for_each(|action| malloc::free(action.path as *mut _));
        malloc::free((*actions).cast());
        *actions = null_mut();
    }
    0
}

unsafe fn add(actions: *mut *mut Actions, action: SpawnFileAction) -> c_int {
    // SAFETY: made by `init`.
    let actions = unsafe { &mut **actions };
    let count = actions.count;
    match actions.list.get_mut(count) {
        Some(slot) => {
            *slot = action;
            actions.count += 1;
            0
        }
        None => Errno::ENOMEM.0,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_addclose(
    actions: *mut *mut Actions,
    fd: c_int,
) -> c_int {
    // SAFETY: as `add`.
    unsafe {
        add(
            actions,
            SpawnFileAction {
                kind: SPAWN_CLOSE,
                fd,
                ..SpawnFileAction::default()
            },
        )
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_adddup2(
    actions: *mut *mut Actions,
    fd: c_int,
    newfd: c_int,
) -> c_int {
    // SAFETY: as `add`.
    unsafe {
        add(
            actions,
            SpawnFileAction {
                kind: SPAWN_DUP2,
                fd,
                newfd,
                ..SpawnFileAction::default()
            },
        )
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn_file_actions_addopen(
    actions: *mut *mut Actions,
    fd: c_int,
    path: *const c_char,
    oflag: c_int,
    mode: u16,
) -> c_int {
    // SAFETY: a C string; as `add`.
    unsafe {
        let copy = crate::string::strdup(path);
        if copy.is_null() {
            return Errno::ENOMEM.0;
        }
        let action = SpawnFileAction {
            kind: SPAWN_OPEN,
            fd,
            newfd: 0,
            oflag,
            mode: u32::from(mode),
            pad: 0,
            path: copy as u64,
        };
        add(actions, action)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_init(attr: *mut *mut SpawnAttr) -> c_int {
    let fresh = malloc::calloc(1, size_of::<SpawnAttr>()).cast::<SpawnAttr>();
    // SAFETY: the caller's place for the pointer.
    unsafe { *attr = fresh };
    if fresh.is_null() { Errno::ENOMEM.0 } else { 0 }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_destroy(attr: *mut *mut SpawnAttr) -> c_int {
    // SAFETY: made by `init`.
    unsafe {
        malloc::free((*attr).cast());
        *attr = null_mut();
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_setflags(
    attr: *mut *mut SpawnAttr,
    flags: c_short,
) -> c_int {
    // SAFETY: made by `init`.
    unsafe { (**attr).flags = flags as u16 };
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_setpgroup(
    attr: *mut *mut SpawnAttr,
    group: c_int,
) -> c_int {
    // SAFETY: made by `init`.
    unsafe { (**attr).pgroup = group };
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_setsigmask(
    attr: *mut *mut SpawnAttr,
    mask: *const u32,
) -> c_int {
    // SAFETY: made by `init`; the caller's mask.
    unsafe { (**attr).sigmask = *mask };
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnattr_setsigdefault(
    attr: *mut *mut SpawnAttr,
    set: *const u32,
) -> c_int {
    // SAFETY: made by `init`; the caller's set.
    unsafe { (**attr).sigdefault = *set };
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn(
    pid: *mut c_int,
    path: *const c_char,
    actions: *const *mut Actions,
    attr: *const *mut SpawnAttr,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> c_int {
    let mut args = SpawnArgs::default();
    // SAFETY: made by the `init` functions, or null.
    unsafe {
        if !attr.is_null() && !(*attr).is_null() {
            args.attr = *attr as u64;
            args.attr_size = size_of::<SpawnAttr>() as u64;
        }
        if !actions.is_null() && !(*actions).is_null() && (**actions).count != 0 {
            args.file_actions = (**actions).list.as_ptr() as u64;
            args.file_actions_size = ((**actions).count * size_of::<SpawnFileAction>()) as u64;
        }
    }
    let envp = if envp.is_null() {
        // SAFETY: one thread.
        unsafe { environment::environ.cast_const().cast() }
    } else {
        envp
    };
    let saved = errno::get();
    let answer = unix!(SYS_POSIX_SPAWN, pid, path, &raw const args, argv, envp);
    let error = errno::get().0;
    errno::set(saved);
    if answer == 0 { 0 } else { error }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnp(
    pid: *mut c_int,
    file: *const c_char,
    actions: *const *mut Actions,
    attr: *const *mut SpawnAttr,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> c_int {
    // SAFETY: as `posix_spawn`.
    unsafe {
        process::search_path(file, |path| {
            posix_spawn(pid, path, actions, attr, argv, envp)
        })
    }
}
