//! Why the demo failed.
//!
//! Owns: the reasons, and the comparison of what was found with what should be.

use core::fmt;
use vm::{AuditError, FaultError, KernReturn, conformance};

/// Why the demo failed.
#[derive(Debug)]
pub enum Failed {
    /// A call was refused.
    Call(KernReturn),
    /// A fault could not be resolved.
    Fault(FaultError),
    /// Something else than it should be: what, found, expected.
    Differs(&'static str, u64, u64),
    /// The page tables do not conform.
    Tables(conformance::Failure),
    /// The audit found a difference.
    Audit(AuditError),
    /// A line could not be printed.
    Console,
}

impl From<KernReturn> for Failed {
    fn from(code: KernReturn) -> Self {
        Self::Call(code)
    }
}
impl From<FaultError> for Failed {
    fn from(error: FaultError) -> Self {
        Self::Fault(error)
    }
}
impl From<conformance::Failure> for Failed {
    fn from(failure: conformance::Failure) -> Self {
        Self::Tables(failure)
    }
}
impl From<AuditError> for Failed {
    fn from(error: AuditError) -> Self {
        Self::Audit(error)
    }
}
impl From<fmt::Error> for Failed {
    fn from(fmt::Error: fmt::Error) -> Self {
        Self::Console
    }
}

/// Compares.
///
/// # Errors
/// `Differs`.
pub fn same(
    what: &'static str,
    found: impl Into<u64>,
    expected: impl Into<u64>,
) -> Result<(), Failed> {
    let (found, expected) = (found.into(), expected.into());
    if found == expected {
        Ok(())
    } else {
        Err(Failed::Differs(what, found, expected))
    }
}
