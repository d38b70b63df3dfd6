//! AArch64: from the arm64 Image header and the device tree to `kernel_main`.
