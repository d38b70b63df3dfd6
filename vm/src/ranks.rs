//! The places of `vm`'s own locks in the lock order.
//!
//! Owns: one marker type per kind of lock. The numbers are `sync::rank`'s.

use sync::rank;

macro_rules! ranks {
    ($($(#[$doc:meta])* $name:ident = $rank:expr, $text:literal, nests $nests:literal;)*) => {
        $($(#[$doc])* pub struct $name;
        impl sync::Rank for $name {
            const RANK: u8 = $rank;
            const NAME: &'static str = $text;
            const NESTS: bool = $nests;
        })*
    };
}

ranks! {
    /// A map's lock; a parent before its submap, other maps by address.
    MapRank = rank::MAP, "map", nests true;
    /// The registry of maps and named objects.
    RegistryRank = rank::MAP + 1, "registry", nests false;
    /// The queues of volatile objects.
    PurgeRank = rank::MAP + 2, "purgeable queues", nests false;
    /// An object's lock; an object before its shadow.
    ObjectRank = rank::OBJECT, "object", nests true;
    /// What is known of a purgeable object: changed behind the queues' lock only, so hardly waited for.
    RecordRank = rank::OBJECT + 1, "purgeable record", nests false;
    /// A bucket of the objects with pagers.
    TableRank = rank::OBJECT - 1, "paged objects", nests false;
    /// The objects whose pagers are to be told something.
    NoticeRank = rank::OBJECT + 1, "pager notices", nests false;
    /// What is known of how an object is paged.
    PagingRank = rank::OBJECT + 2, "paging", nests false;
    /// The answer of a pager.
    AnswerRank = rank::OBJECT + 3, "pager's answer", nests false;
    /// The rounds of pageout.
    PageoutRank = rank::OBJECT + 3, "pageout", nests false;
    /// A page queue.
    QueueRank = rank::PAGE_QUEUES, "page queue", nests true;
    /// A CPU's magazine of free pages.
    MagazineRank = rank::FREE_LIST, "free magazine", nests false;
    /// The global queue of free pages.
    FreeRank = rank::FREE_LIST + 1, "free list", nests false;
}
