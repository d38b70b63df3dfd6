//! Block devices: bytes in blocks of 512, moved between a device and page frames.
//!
//! Owns: what a request is ([`request`]), the trait [`BlockDevice`] and the counts of each device (`disk`), their
//! names (`registry`), RAM disks (`ram`), virtio disks (`virtio`, `gather`), byte access (`bytes`) and special files (`special`), errors on demand (`rule`,
//! `inject`). Does not own: what is on a device (file systems), whose the frames are (the caller's:
//! busy, or the kernel's own).
//!
//! Names: `rd0` is the module that the loader placed, `rd1` memory of the size that `ramdisk=` asks for,
//! `vd0` … the virtio disks.
//! Requests may sleep: they are made with no spin lock held. What a request wrote is durable after the
//! next flush that began later and succeeded.

pub mod gather;
pub mod request;
pub mod rule;

pub use request::{Access, BLOCK, BlockError, Operation, Part, Why};

/// What needs the machine itself.
macro_rules! on_the_machine {
    ($($visibility:vis mod $name:ident;)*) => {
        $(#[cfg(target_os = "none")] $visibility mod $name;)*
    };
}

on_the_machine! {
    pub mod bytes;
    pub mod disk;
    pub mod inject;
    pub mod ram;
    pub mod registry;
    pub mod special;
    pub mod virtio;
}

#[cfg(target_os = "none")]
pub use disk::{BlockDevice, Statistics};
#[cfg(target_os = "none")]
pub use registry::{all, find, init, interrupt};
