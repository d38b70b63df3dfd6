//! Records of `posix_spawn`.

/// What `posix_spawn`'s third argument points to (or 0): the libSystem side of `posix_spawn`
/// packs attributes and file actions. The kernel's call is
/// `posix_spawn(*pid, *path, *SpawnArgs, argv, envp)`.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SpawnArgs {
    /// Bytes at `attr`, or 0.
    pub attr_size: u64,
    /// User address of a [`SpawnAttr`].
    pub attr: u64,
    /// Bytes at `file_actions`: a multiple of [`SpawnFileAction`]'s size, at most 64 of them.
    pub file_actions_size: u64,
    /// User address of the actions, done in order.
    pub file_actions: u64,
}

/// `SpawnAttr::flags`: joins process group `pgroup` (0: its own).
pub const POSIX_SPAWN_SETPGROUP: u16 = 2;
/// `SpawnAttr::flags`: the signals of `sigdefault` get their default action.
pub const POSIX_SPAWN_SETSIGDEF: u16 = 4;
/// `SpawnAttr::flags`: the mask becomes `sigmask`.
pub const POSIX_SPAWN_SETSIGMASK: u16 = 8;

/// Attributes of a spawn.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SpawnAttr {
    /// `POSIX_SPAWN_*`.
    pub flags: u16,
    /// Zero.
    pub pad: u16,
    /// Signals to make default.
    pub sigdefault: u32,
    /// The mask.
    pub sigmask: u32,
    /// The process group.
    pub pgroup: i32,
}

/// `SpawnFileAction::kind`: opens `path` with `oflag`, `mode` as `fd`.
pub const SPAWN_OPEN: i32 = 0;
/// `SpawnFileAction::kind`: closes `fd`.
pub const SPAWN_CLOSE: i32 = 1;
/// `SpawnFileAction::kind`: makes `newfd` a duplicate of `fd`.
pub const SPAWN_DUP2: i32 = 2;

/// One file action of a spawn.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct SpawnFileAction {
    /// `SPAWN_*`.
    pub kind: i32,
    /// The descriptor.
    pub fd: i32,
    /// `SPAWN_DUP2`: the new descriptor.
    pub newfd: i32,
    /// `SPAWN_OPEN`: `O_*`.
    pub oflag: i32,
    /// `SPAWN_OPEN`: permissions.
    pub mode: u32,
    /// Zero.
    pub pad: u32,
    /// `SPAWN_OPEN`: user address of the path.
    pub path: u64,
}

const _: () = assert!(size_of::<SpawnFileAction>() == 32);
