//! What ESR_EL1 says: the syndrome of an exception, as a `Cause`.
//!
//! Owns: the decoding (Arm ARM, D24.2.39 ESR_EL1). Does not own: what is done about it.

use crate::cause::{Access, Cause};

/// The whole syndrome of `svc #0x80` from AArch64 state.
pub const SVC_0X80: u32 = 0x15 << 26 | 1 << 25 | 0x80;

/// Whether the exception is an `svc`, whose PC is that of the next instruction.
pub const fn is_svc(syndrome: u32) -> bool {
    syndrome >> 26 == class::SVC64
}

/// Exception class: the syndrome's bits 31–26.
mod class {
    pub const UNKNOWN: u32 = 0x00;
    pub const FP_TRAPPED: u32 = 0x07;
    pub const ILLEGAL_STATE: u32 = 0x0e;
    pub const SVC64: u32 = 0x15;
    pub const SYSTEM_REGISTER: u32 = 0x18;
    pub const SVE_TRAPPED: u32 = 0x19;
    pub const SME_TRAPPED: u32 = 0x1d;
    pub const FETCH_LOWER: u32 = 0x20;
    pub const FETCH_SAME: u32 = 0x21;
    pub const PC_ALIGNMENT: u32 = 0x22;
    pub const DATA_LOWER: u32 = 0x24;
    pub const DATA_SAME: u32 = 0x25;
    pub const SP_ALIGNMENT: u32 = 0x26;
    pub const FP_EXCEPTION: u32 = 0x2c;
    pub const DEBUG_FIRST: u32 = 0x30;
    pub const DEBUG_LAST: u32 = 0x35;
    pub const BRK64: u32 = 0x3c;
}

/// ISS bits of an abort.
const FNV: u32 = 1 << 10;
const CACHE_MAINTENANCE: u32 = 1 << 8;
const WRITE: u32 = 1 << 6;

/// Reads a syndrome. `far` is FAR_EL1, `sp` the interrupted stack pointer.
#[inline]
pub fn decode(syndrome: u32, far: u64, sp: u64) -> Cause {
    let access = match syndrome >> 26 {
        class::DATA_LOWER | class::DATA_SAME => {
            // `dc cvau` and its like count as writes in the syndrome and need only read access.
            if syndrome & (WRITE | CACHE_MAINTENANCE) == WRITE {
                Access::Write
            } else {
                Access::Read
            }
        }
        class::FETCH_LOWER | class::FETCH_SAME => Access::Execute,
        class::PC_ALIGNMENT => return Cause::Alignment { address: far },
        class::SP_ALIGNMENT => return Cause::Alignment { address: sp },
        class::UNKNOWN
        | class::FP_TRAPPED
        | class::ILLEGAL_STATE
        | class::SVC64
        | class::SYSTEM_REGISTER
        | class::SVE_TRAPPED
        | class::SME_TRAPPED => return Cause::IllegalInstruction,
        class::FP_EXCEPTION => return Cause::FloatingPoint,
        class::DEBUG_FIRST..=class::DEBUG_LAST | class::BRK64 => return Cause::Breakpoint,
        _ => return Cause::Other(syndrome),
    };
    match syndrome & 0x3f {
        // Translation, access flag, permission, each at level 0–3.
        0x04..=0x0f if syndrome & FNV == 0 => {
            if is_canonical(far) {
                Cause::PageFault {
                    address: far,
                    access,
                }
            } else {
                Cause::NonCanonical
            }
        }
        0x21 => Cause::Alignment { address: far },
        _ => Cause::Other(syndrome),
    }
}

/// Whether one of the two halves of 47 bits holds the address.
const fn is_canonical(address: u64) -> bool {
    matches!(address >> 47, 0 | 0x1_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn syndrome(class: u32, iss: u32) -> u32 {
        class << 26 | 1 << 25 | iss
    }

    #[test]
    fn svc_syndrome_is_the_manuals() {
        assert_eq!(SVC_0X80, 0x5600_0080);
    }

    #[test]
    fn aborts_carry_address_and_access() {
        let address = 0x1234_5678;
        for (code, access) in [
            (syndrome(0x24, 0x04), Access::Read),    // translation, level 0
            (syndrome(0x24, 0x47), Access::Write),   // translation, level 3, WnR
            (syndrome(0x25, 0x4f), Access::Write),   // permission, level 3, from EL1
            (syndrome(0x24, 0x0b), Access::Read),    // access flag, level 3
            (syndrome(0x24, 0x147), Access::Read),   // cache maintenance
            (syndrome(0x20, 0x0f), Access::Execute), // fetch without permission
            (syndrome(0x21, 0x07), Access::Execute), // kernel jumps to nowhere
        ] {
            assert_eq!(
                decode(code, address, 0),
                Cause::PageFault { address, access },
                "{code:#x}"
            );
        }
    }

    #[test]
    fn addresses_between_the_halves_are_not_page_faults() {
        let code = syndrome(0x24, 0x04);
        for address in [
            0x0000_8000_0000_0000,
            0x00ff_0000_0000_0000,
            0xffff_7fff_ffff_ffff,
        ] {
            assert_eq!(
                decode(code, address, 0),
                Cause::NonCanonical,
                "{address:#x}"
            );
        }
        for address in [0x0000_7fff_ffff_ffff, 0xffff_8000_0000_0000, u64::MAX] {
            assert_eq!(
                decode(code, address, 0),
                Cause::PageFault {
                    address,
                    access: Access::Read
                },
                "{address:#x}"
            );
        }
    }

    #[test]
    fn aborts_that_no_mapping_mends_are_not_page_faults() {
        for iss in [0x10, 0x14, 0x18, 0x00, 0x30, 0x11] {
            let code = syndrome(0x24, iss);
            assert_eq!(decode(code, 0x1000, 0), Cause::Other(code), "{iss:#x}");
        }
        // A translation fault whose FAR is not valid.
        let code = syndrome(0x24, 0x404);
        assert_eq!(decode(code, 0x1000, 0), Cause::Other(code));
    }

    #[test]
    fn alignment_comes_in_three_kinds() {
        assert_eq!(
            decode(syndrome(0x24, 0x21), 0x1001, 8),
            Cause::Alignment { address: 0x1001 }
        );
        assert_eq!(
            decode(syndrome(0x22, 0), 0x1002, 8),
            Cause::Alignment { address: 0x1002 }
        );
        assert_eq!(
            decode(syndrome(0x26, 0), 0x1003, 8),
            Cause::Alignment { address: 8 }
        );
    }

    #[test]
    fn instructions_have_their_causes() {
        for class in [0x00, 0x07, 0x0e, 0x15, 0x18, 0x19] {
            assert_eq!(
                decode(syndrome(class, 0), 0, 0),
                Cause::IllegalInstruction,
                "{class:#x}"
            );
        }
        for class in [0x30, 0x32, 0x34, 0x3c] {
            assert_eq!(
                decode(syndrome(class, 1), 0, 0),
                Cause::Breakpoint,
                "{class:#x}"
            );
        }
        assert_eq!(decode(syndrome(0x2c, 0), 0, 0), Cause::FloatingPoint);
        // A failed pointer authentication.
        let code = syndrome(0x1c, 0);
        assert_eq!(decode(code, 0, 0), Cause::Other(code));
    }
}
