//! `kern_return_t`: what Mach calls answer.

/// A Mach return code. `SUCCESS` is 0; the numbers are Mach's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct KernReturn(pub i32);

macro_rules! codes {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        impl KernReturn {
            $(#[doc = $text] pub const $name: Self = Self($value);)*

            /// The constant's name without `KERN_`, or `"?"` for a code that has none here.
            pub const fn name(self) -> &'static str {
                match self.0 { $($value => stringify!($name),)* _ => "?" }
            }
        }
    };
}

codes! {
    SUCCESS = 0, "The call did what was asked.";
    INVALID_ADDRESS = 1, "An address is not mapped or not in the map.";
    PROTECTION_FAILURE = 2, "The memory's protection forbids the access.";
    NO_SPACE = 3, "The range is taken, or no hole is large enough.";
    INVALID_ARGUMENT = 4, "An argument has no meaning.";
    FAILURE = 5, "The call failed for a reason that has no code.";
    RESOURCE_SHORTAGE = 6, "Memory or another resource is exhausted.";
    NOT_RECEIVER = 7, "The caller does not hold the receive right.";
    NO_ACCESS = 8, "Access to the object is refused.";
    MEMORY_FAILURE = 9, "The memory object was destroyed.";
    MEMORY_ERROR = 10, "The pager could not supply the page.";
    ABORTED = 14, "The operation was interrupted.";
    INVALID_NAME = 15, "The name denotes no right.";
    INVALID_TASK = 16, "The port is no task.";
    INVALID_RIGHT = 17, "The right is of the wrong kind.";
    INVALID_VALUE = 18, "The value is out of range.";
    INVALID_HOST = 22, "The port is no host.";
    MEMORY_PRESENT = 23, "The memory is already there.";
    INVALID_OBJECT = 29, "The port is no memory object or entry.";
    TERMINATED = 37, "The object was terminated.";
    NOT_SUPPORTED = 46, "The call is not supported here.";
    OPERATION_TIMED_OUT = 49, "The time ran out.";
    DENIED = 53, "A policy denies the call.";
    NOT_FOUND = 56, "The thing asked for does not exist.";
    VM_RECLAIM_NOT_SUPPORTED = 0x2000_4002, "There is no deferred reclamation.";
    SEND_INVALID_MEMORY = 0x1000_000c, "The bytes that a message should carry cannot be read.";
    SEND_INVALID_DEST = 0x1000_0003, "A trap's port is not one that the caller may name.";
}

impl KernReturn {
    /// `Ok(())` for `SUCCESS`, the code itself otherwise.
    pub const fn ok(self) -> Result<(), Self> {
        if self.0 == 0 { Ok(()) } else { Err(self) }
    }
}

impl core::fmt::Debug for KernReturn {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KERN_{}({})", self.name(), self.0)
    }
}
