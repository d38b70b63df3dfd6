//! `shm_open` and `shm_unlink`.

use super::{Answer, Call, DONE};
use crate::files::{OnExec, OpenFile, What, shm};
use crate::user_memory::Text;

/// A name with its NUL.
type Name = Text<{ shm::NAME_MAX + 1 }>;

/// `shm_open(name, flags, mode)`: a descriptor that exec closes.
pub fn open(call: &mut Call<'_>) -> Answer {
    let name = Name::get(call.args[0])?;
    let flags = call.args[1] as u32;
    let segment = shm::open(call.task, name.bytes(), flags, call.args[2] as u16)?;
    let file = OpenFile::new(What::Shared(segment), flags)?;
    Ok((call.task.files.add(file, 0, OnExec::Close)?, 0))
}

/// `shm_unlink(name)`.
pub fn unlink(call: &mut Call<'_>) -> Answer {
    let name = Name::get(call.args[0])?;
    shm::unlink(call.task, name.bytes())?;
    DONE
}
