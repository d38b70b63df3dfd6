//! What programs met: how often each call was answered how, events of the core, the machine's counts.
//!
//! Owns: what they must have met, or they prove nothing.

use super::system::System;
use std::collections::BTreeMap;
use vm::counters::Event;
use vm::sim::Counts;

const SUCCESS: &str = "SUCCESS";
const ADDRESS: &str = "INVALID_ADDRESS";
const ARGUMENT: &str = "INVALID_ARGUMENT";
const PROTECTION: &str = "PROTECTION_FAILURE";
const SUPPORTED: &str = "NOT_SUPPORTED";
const RIGHT: &str = "INVALID_RIGHT";
const SPACE: &str = "NO_SPACE";
const SHORTAGE: &str = "RESOURCE_SHORTAGE";
const MEMORY: &str = "MEMORY_ERROR";
const FAILURE: &str = "FAILURE";

/// All answers of each call.
const ANSWERS: &[(&str, &[&str])] = &[
    ("allocate", &[SUCCESS, ADDRESS, ARGUMENT, SPACE]),
    ("allocate superpage", &[SUCCESS, ADDRESS, ARGUMENT, SPACE]),
    ("allocate purgable", &[SUCCESS, ARGUMENT, SPACE]),
    ("behavior", &[SUCCESS, ADDRESS, ARGUMENT, SPACE, PROTECTION]),
    ("copy", &[SUCCESS, ADDRESS, PROTECTION]),
    ("copy_in", &[SUCCESS, ADDRESS, PROTECTION]),
    ("copy_out", &[SUCCESS, SPACE]),
    ("copy_overwrite", &[SUCCESS, ADDRESS, PROTECTION]),
    ("deallocate", &[SUCCESS, ARGUMENT]),
    ("enter_submap", &[SUCCESS, ADDRESS, SPACE]),
    ("enter_object", &[SUCCESS, ADDRESS, ARGUMENT, SPACE]),
    ("exit", &[SUCCESS]),
    ("fork", &[SUCCESS]),
    ("inherit", &[SUCCESS, ARGUMENT, SUPPORTED]),
    ("kmem_alloc", &[SUCCESS, ARGUMENT, SPACE]),
    ("kmem_free", &[SUCCESS, ADDRESS, ARGUMENT]),
    ("load", &[SUCCESS, ADDRESS, PROTECTION, MEMORY]),
    ("machine_attribute", &[SUCCESS, ADDRESS, ARGUMENT, FAILURE]),
    (
        "make_memory_entry",
        &[SUCCESS, ADDRESS, ARGUMENT, PROTECTION, FAILURE, SUPPORTED],
    ),
    (
        "make_memory_entry of an entry",
        &[SUCCESS, ARGUMENT, PROTECTION],
    ),
    ("memory_entry_purgable_control", &[SUCCESS, ARGUMENT]),
    ("map", &[SUCCESS, ADDRESS, ARGUMENT, PROTECTION, SPACE]),
    ("map_entry", &[SUCCESS, ARGUMENT, RIGHT, SPACE]),
    ("msync", &[SUCCESS, ADDRESS, ARGUMENT]),
    ("object_create", &[SUCCESS]),
    ("object_read", &[SUCCESS]),
    ("object_resize", &[SUCCESS]),
    ("object_write", &[SUCCESS, ADDRESS]),
    ("page_query", &[SUCCESS, ADDRESS]),
    ("page_range_query", &[SUCCESS, ARGUMENT]),
    ("read", &[SUCCESS, ADDRESS, ARGUMENT, PROTECTION, SPACE]),
    ("region", &[SUCCESS, ADDRESS]),
    (
        "protect",
        &[SUCCESS, ADDRESS, ARGUMENT, PROTECTION, SUPPORTED],
    ),
    (
        "purgable_control",
        &[SUCCESS, ADDRESS, ARGUMENT, PROTECTION],
    ),
    ("remap", &[SUCCESS, ADDRESS, ARGUMENT, SPACE, SUPPORTED]),
    ("store", &[SUCCESS, ADDRESS, PROTECTION, MEMORY]),
    ("unwire", &[SUCCESS, ADDRESS, ARGUMENT]),
    (
        "wire",
        &[SUCCESS, ADDRESS, ARGUMENT, PROTECTION, SHORTAGE, MEMORY],
    ),
];

/// How often each of them must have been met.
const LEAST: u64 = 10;

/// What all runs together have met.
#[derive(Default, Debug)]
pub struct Coverage {
    pub operations: u64,
    pub shortages: u64,
    pub events: Vec<(Event, u64)>,
    /// How often each call was answered how.
    pub answers: BTreeMap<(&'static str, &'static str), u64>,
    pub machine: Counts,
    /// Times that the baton went to another thread.
    pub switches: u64,
}

impl Coverage {
    pub fn add<const SHIFT: u32>(&mut self, system: &System<SHIFT>) {
        for event in EVENTS {
            self.count(*event, system.vm.counters().get(*event));
        }
        for (answer, count) in &system.answers {
            *self.answers.entry(*answer).or_default() += count;
        }
        let counts = system.vm.machine().counts();
        self.machine.tlb_hits += counts.tlb_hits;
        self.machine.walks += counts.walks;
        self.machine.table_hits += counts.table_hits;
        self.machine.faults += counts.faults;
        self.machine.flushed += counts.flushed;
        self.machine.flushes += counts.flushes;
        self.machine.need_reserve += counts.need_reserve;
        self.machine.entered_around += counts.entered_around;
        self.machine.raised_around += counts.raised_around;
        self.machine.tables_retired += counts.tables_retired;
        self.machine.nested += counts.nested;
        self.machine.unnested += counts.unnested;
        self.machine.superpages += counts.superpages;
    }

    /// Fails if few superpages were mapped.
    pub fn require_superpages(&self, least: u64) {
        let single = std::env::var("VELLUM_SEED").is_ok();
        let count = self.machine.superpages;
        assert!(single || count >= least, "{count} superpages were mapped");
    }

    /// Fails if memory was never really short.
    pub fn require_shortages(&self, least: u64) {
        let single = std::env::var("VELLUM_SEED").is_ok();
        assert!(
            single || self.shortages >= least,
            "memory was short {} times",
            self.shortages
        );
    }

    /// Fails if a call was not often answered in each of the ways in which it can be.
    pub fn require_answers(&self) {
        println!("answers: {:?}", self.answers);
        if std::env::var("VELLUM_SEED").is_ok() {
            return;
        }
        for (call, answers) in ANSWERS {
            for answer in *answers {
                let met = self.answers.get(&(*call, *answer)).copied();
                let met = met.unwrap_or(0);
                assert!(met >= LEAST, "{call} answered {answer} {met} times");
            }
        }
        let expected = |call: &str| ANSWERS.iter().find(|(known, _)| *known == call);
        for (call, answer) in self.answers.keys() {
            let known = expected(call).is_some_and(|(_, answers)| answers.contains(answer));
            assert!(known, "{call} answered {answer}, which is not in the table");
        }
    }

    fn count(&mut self, event: Event, more: u64) {
        match self.events.iter_mut().find(|(known, _)| *known == event) {
            Some((_, count)) => *count += more,
            None => self.events.push((event, more)),
        }
    }

    /// Fails if one of these was never met.
    pub fn require(&self, events: &[Event]) {
        println!("coverage: {self:?}");
        if std::env::var("VELLUM_SEED").is_ok() {
            return;
        }
        for event in events {
            let met = self
                .events
                .iter()
                .any(|(known, count)| known == event && *count > 0);
            assert!(
                met,
                "the runs never met {event:?}: they prove nothing about it"
            );
        }
        let m = self.machine;
        for (what, count) in [
            ("stale-able TLB hits", m.tlb_hits),
            ("remembered tables", m.table_hits),
            ("flushes", m.flushed),
            ("short reserves", m.need_reserve),
            ("neighbours mapped", m.entered_around),
            ("neighbours raised", m.raised_around),
            ("retired tables", m.tables_retired),
        ] {
            assert!(count > 0, "the runs never met {what}");
        }
    }

    /// Fails if a submap's page tables were seldom shown, or never withdrawn.
    pub fn require_nesting(&self, least: u64) {
        let (nested, unnested) = (self.machine.nested, self.machine.unnested);
        let single = std::env::var("VELLUM_SEED").is_ok();
        assert!(
            single || nested >= least && unnested >= least,
            "{nested} tables were nested, {unnested} unnested"
        );
    }
}

pub const EVENTS: &[Event] = &[
    Event::VirtualCopy,
    Event::DelayedCopy,
    Event::Push,
    Event::Fault,
    Event::CowFault,
    Event::ZeroFill,
    Event::ZeroRead,
    Event::Lookup,
    Event::Hit,
    Event::Reactivation,
    Event::Shadow,
    Event::Collapse,
    Event::Bypass,
    Event::Clip,
    Event::Coalesce,
    Event::BusyWait,
    Event::Retry,
    Event::ForkCopy,
    Event::Flatten,
    Event::ChainStep,
    Event::Through,
    Event::Nested,
    Event::CopyUp,
    Event::Chunk,
    Event::WillNeed,
    Event::Reusable,
    Event::SharedKill,
    Event::ZeroWired,
    Event::OverUserLimit,
    Event::OverGlobalLimit,
    Event::Purge,
    Event::PurgedPage,
    Event::Relief,
    Event::PageInRequest,
    Event::PageIn,
    Event::SpeculativeHit,
    Event::PageOutRequest,
    Event::PageOut,
    Event::Eviction,
    Event::Shortage,
];
