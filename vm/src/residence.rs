//! What mapped pages count as: the ledgers of a pmap.
//!
//! Owns: the kinds, their sums, the most there ever was of each. Does not own: which kind a page is
//! (`page`), when a count changes (the machine, where it enters and removes).
//!
//! A kind belongs to the page, so all its mappings are of one kind. A count is largest just before it
//! falls: there, and where somebody asks, the peaks are noted, and nowhere on the way of a fault.

use crate::addr::Pages;

/// What a mapped page counts as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Account {
    /// Memory without a name: in the footprint of each pmap that maps it.
    #[default]
    Internal = 0,
    /// A file's contents.
    External = 1,
    /// Memory without a name whose owner is charged for it, wherever it is mapped.
    Owned = 2,
    /// Memory that an allocator needs nothing of.
    Reusable = 3,
}

/// How many kinds there are.
pub const ACCOUNTS: usize = 4;

impl Account {
    /// The kind that has this number, counted modulo [`ACCOUNTS`].
    #[inline]
    pub const fn from_bits(bits: u64) -> Self {
        match bits & 3 {
            0 => Self::Internal,
            1 => Self::External,
            2 => Self::Owned,
            _ => Self::Reusable,
        }
    }
}

/// Mapped pages of a pmap.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Residence {
    /// By [`Account`].
    pub by: [Pages; ACCOUNTS],
    /// Mappings that their page does not know: the zero frame, windows on devices.
    pub untracked: Pages,
    /// Not mapped here, or not only: pages whose owner is charged for them by way of this pmap.
    pub charged: Pages,
}

impl Residence {
    /// Pages of one kind.
    pub const fn of(&self, account: Account) -> Pages {
        self.by[account as usize]
    }

    /// Memory without a name, whoever is charged for it.
    pub const fn internal(&self) -> Pages {
        let (own, owned) = (self.of(Account::Internal).0, self.of(Account::Owned).0);
        Pages(own.saturating_add(owned))
    }

    /// All that is mapped.
    pub const fn total(&self) -> Pages {
        let named = self
            .of(Account::External)
            .0
            .saturating_add(self.untracked.0);
        let unused = self.of(Account::Reusable).0;
        Pages(
            self.internal()
                .0
                .saturating_add(named)
                .saturating_add(unused),
        )
    }

    /// What a pmap with so many frames of tables weighs.
    pub const fn footprint(&self, tables: Pages) -> Pages {
        let own = self.of(Account::Internal).0.saturating_add(tables.0);
        Pages(own.saturating_add(self.charged.0))
    }
}

/// The most pages that there ever were of each kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Peaks {
    /// All that was mapped.
    pub resident: Pages,
    /// Of files.
    pub external: Pages,
    /// Without a name.
    pub internal: Pages,
    /// That an allocator needed nothing of.
    pub reusable: Pages,
    /// [`Residence::footprint`].
    pub footprint: Pages,
}

impl Peaks {
    /// Notes what there is now.
    pub fn note(&mut self, now: &Residence, tables: Pages) {
        for (peak, now) in [
            (&mut self.resident, now.total()),
            (&mut self.external, now.of(Account::External)),
            (&mut self.internal, now.internal()),
            (&mut self.reusable, now.of(Account::Reusable)),
            (&mut self.footprint, now.footprint(tables)),
        ] {
            *peak = (*peak).max(now);
        }
    }
}

/// Counts and peaks of a pmap, for a machine whose tables have one lock. `None` stands for a mapping that
/// its page does not know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ledger {
    now: Residence,
    peaks: Peaks,
}

impl Ledger {
    /// What there is now.
    pub const fn residence(&self) -> Residence {
        self.now
    }

    /// The most there ever was; `tables` frames of tables are there now.
    pub fn peaks(&mut self, tables: Pages) -> Peaks {
        self.peaks.note(&self.now, tables);
        self.peaks
    }

    fn count(&mut self, account: Option<Account>) -> &mut u64 {
        match account {
            Some(account) => &mut self.now.by[account as usize].0,
            None => &mut self.now.untracked.0,
        }
    }

    /// The pages that the owner is charged for change by so many.
    pub fn charge(&mut self, change: i64, tables: Pages) {
        self.peaks.note(&self.now, tables);
        self.now.charged.0 = self.now.charged.0.saturating_add_signed(change);
    }

    /// One mapping more.
    pub fn enter(&mut self, account: Option<Account>) {
        let count = self.count(account);
        *count = count.saturating_add(1);
    }

    /// One mapping less.
    pub fn leave(&mut self, account: Option<Account>, tables: Pages) {
        self.peaks.note(&self.now, tables);
        let count = self.count(account);
        *count = count.saturating_sub(1);
    }
}
