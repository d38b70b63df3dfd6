//! From vector and error code to a cause.
//!
//! Owns: the decoding. Sources: Intel SDM 3A §6.15. Compiles and is tested on every host.

use crate::cause::{Access, Cause};

const PAGE_FAULT_WRITE: u64 = 1 << 1;
const PAGE_FAULT_RESERVED_BIT: u64 = 1 << 3;
const PAGE_FAULT_FETCH: u64 = 1 << 4;

/// Why a page fault was taken: its error code, and CR2.
#[inline]
pub const fn decode_page_fault(error: u64, address: u64) -> Cause {
    if error & PAGE_FAULT_RESERVED_BIT != 0 {
        // A reserved bit in an entry is a broken table, which no page can mend.
        return Cause::Other(14);
    }
    let access = if error & PAGE_FAULT_FETCH != 0 {
        Access::Execute
    } else if error & PAGE_FAULT_WRITE != 0 {
        Access::Write
    } else {
        Access::Read
    };
    Cause::PageFault { address, access }
}

/// Why `vector` (0–31, page faults apart) was taken at `pc`.
pub const fn decode(vector: u8, pc: u64) -> Cause {
    match vector {
        0 => Cause::DivideError,
        1 | 3 => Cause::Breakpoint,
        6 => Cause::IllegalInstruction,
        // #SS and #GP: a non-canonical address by the stack pointer, or by any other register. A
        // privileged instruction looks the same, and Darwin calls it the same.
        12 | 13 => Cause::NonCanonical,
        16 | 19 => Cause::FloatingPoint,
        // The CPU does not say which address.
        17 => Cause::Alignment { address: pc },
        other => Cause::Other(other as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_faults_tell_address_and_access() {
        let fault = |error| decode_page_fault(error, 0x1234);
        let cause = |access| Cause::PageFault {
            address: 0x1234,
            access,
        };
        assert_eq!(fault(0x4), cause(Access::Read));
        assert_eq!(fault(0x5), cause(Access::Read));
        assert_eq!(fault(0x6), cause(Access::Write));
        assert_eq!(fault(0x7), cause(Access::Write));
        assert_eq!(fault(0x14), cause(Access::Execute));
        assert_eq!(fault(0x15), cause(Access::Execute));
        assert_eq!(fault(0xd), Cause::Other(14));
    }

    #[test]
    fn other_vectors_have_their_causes() {
        let cause = |vector| decode(vector, 0x77);
        assert_eq!(cause(0), Cause::DivideError);
        assert_eq!(cause(3), Cause::Breakpoint);
        assert_eq!(cause(6), Cause::IllegalInstruction);
        assert_eq!(cause(13), Cause::NonCanonical);
        assert_eq!(cause(12), Cause::NonCanonical);
        assert_eq!(cause(19), Cause::FloatingPoint);
        assert_eq!(cause(17), Cause::Alignment { address: 0x77 });
        assert_eq!(cause(7), Cause::Other(7));
    }
}
