//! x86_64: QEMU's `q35`.
