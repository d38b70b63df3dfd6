//! Values of arguments: what is right, what is nearly right, what never is.

use super::calls::{Call, Class, Kind};
use super::{ADDRESS_WORD, Context, NAME_WORD, RECORD_WORD, Random, SCRATCH_WORDS, SIZE_WORD};
use abi::trap::{VmMapArgs, VmRemapArgs};

/// One past the last address of a program.
const USER_END: u64 = 1 << 47;
/// The first address of the kernel.
const KERNEL: u64 = 0xffff_8000_0000_0000;
/// How often an argument is drawn again before the call is left out.
const TRIES: u32 = 8;
/// Pages of a piece of memory that is worth attacking.
const HOT_PAGES: u64 = 16;
/// Words at the end of scratch memory where answers go: few, so that long answers end soon.
const PLACES: u64 = 320;
/// Names of shared memory that each process may make.
pub const NAMES: u64 = 2;
/// Descriptors that calls may name: others are the process's own.
const DESCRIPTORS: u64 = 48;

/// A call with its arguments.
pub struct Prepared {
    /// The arguments.
    pub args: [u64; 6],
    /// Words of scratch memory and what they must be before the call.
    pub words: [u64; SCRATCH_WORDS],
}

/// Makes the arguments of a call. `None` if they would only hurt the caller itself.
pub fn prepare(call: &Call, random: &mut Random, context: &Context) -> Option<Prepared> {
    let mut made = Prepared {
        args: [0; 6],
        words: [0; SCRATCH_WORDS],
    };
    for word in &mut made.words {
        *word = if random.chance(50) {
            random.below(100)
        } else {
            value_of(Kind::Size, random, context)
        };
    }
    made.words[ADDRESS_WORD] = value_of(Kind::Address, random, context);
    made.words[SIZE_WORD] = value_of(Kind::Size, random, context);
    for _ in 0..TRIES {
        for (at, &kind) in call.arguments.iter().enumerate() {
            made.args[at] = match kind {
                Kind::MapRecord => map_record(&mut made, random, context),
                Kind::RemapRecord => remap_record(&mut made, random, context),
                Kind::List => list(&mut made, random, context),
                Kind::Text => text(&mut made, random, context),
                kind => value_of(kind, random, context),
            };
        }
        if !hurts(call, &made, context) {
            return Some(made);
        }
        made.words[ADDRESS_WORD] = value_of(Kind::Address, random, context);
        made.words[SIZE_WORD] = value_of(Kind::Size, random, context);
    }
    None
}

/// Whether the call changes the caller, and one of its ranges is the caller's own.
fn hurts(call: &Call, made: &Prepared, context: &Context) -> bool {
    let about = |port: u64| port as u32 == context.me as u32;
    let mut addresses = [0; 8];
    let (mut count, mut size, mut mine) = (0, 0u64, call.class == Class::Unix);
    let mut add = |address| {
        addresses[count] = address;
        count += 1;
    };
    for (&kind, &value) in call.arguments.iter().zip(&made.args) {
        match kind {
            Kind::Task => mine |= about(value),
            Kind::Address => add(value),
            Kind::Destination => {
                mine = true;
                add(value);
            }
            Kind::InOutAddress => add(made.words[ADDRESS_WORD]),
            Kind::Size | Kind::Length => size = size.max(value),
            Kind::MapRecord | Kind::RemapRecord => {
                mine = true;
                add(made.words[ADDRESS_WORD]);
                add(made.words[RECORD_WORD + 5]);
                size = made.words[RECORD_WORD + 2];
            }
            Kind::List => {
                mine = true;
                for pair in made.words[RECORD_WORD..RECORD_WORD + 8].chunks(2).take(3) {
                    add(pair[0]);
                }
            }
            Kind::InOutSize => size = size.max(made.words[SIZE_WORD]),
            _ => {}
        }
    }
    mine && addresses[..count]
        .iter()
        .any(|&address| context.is_own(address, size))
}

fn map_record(made: &mut Prepared, random: &mut Random, context: &Context) -> u64 {
    let mut value = |kind| value_of(kind, random, context);
    let record = VmMapArgs {
        target: value(Kind::Task) as u32,
        flags: value(Kind::Flags) as u32,
        address: context.scratch + 8 * ADDRESS_WORD as u64,
        size: value(Kind::Size),
        mask: value(Kind::Offset),
        object: value(Kind::Entry) as u32,
        copy: value(Kind::Below(2)) as u32,
        offset: value(Kind::Offset),
        cur_protection: value(Kind::Protection) as u32,
        max_protection: value(Kind::Protection) as u32,
        inheritance: value(Kind::Below(3)) as u32,
        reserved: 0,
    };
    put(
        made,
        &[
            pair(record.target, record.flags),
            record.address,
            record.size,
            record.mask,
            pair(record.object, record.copy),
            record.offset,
            pair(record.cur_protection, record.max_protection),
            pair(record.inheritance, record.reserved),
        ],
    );
    place(context, RECORD_WORD)
}

/// Two words of a record as the one that a program stores.
fn pair(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

fn remap_record(made: &mut Prepared, random: &mut Random, context: &Context) -> u64 {
    let mut value = |kind| value_of(kind, random, context);
    let record = VmRemapArgs {
        target: value(Kind::Task) as u32,
        flags: value(Kind::Flags) as u32,
        address: context.scratch + 8 * ADDRESS_WORD as u64,
        size: value(Kind::Size),
        mask: value(Kind::Offset),
        source: value(Kind::Task) as u32,
        copy: value(Kind::Below(2)) as u32,
        source_address: value(Kind::Address),
        cur_protection: value(Kind::Place),
        max_protection: value(Kind::Place),
        inheritance: value(Kind::Below(3)) as u32,
        reserved: 0,
    };
    put(
        made,
        &[
            pair(record.target, record.flags),
            record.address,
            record.size,
            record.mask,
            pair(record.source, record.copy),
            record.source_address,
            record.cur_protection,
            record.max_protection,
            pair(record.inheritance, record.reserved),
        ],
    );
    place(context, RECORD_WORD)
}

fn list(made: &mut Prepared, random: &mut Random, context: &Context) -> u64 {
    let mut words = [0; 8];
    for pair in words.chunks_mut(2) {
        pair[0] = value_of(Kind::Address, random, context);
        pair[1] = value_of(Kind::Size, random, context);
    }
    put(made, &words);
    place(context, RECORD_WORD)
}

/// One of the process's names, or a place that has none: other names would stay behind.
fn text(made: &mut Prepared, random: &mut Random, context: &Context) -> u64 {
    if random.chance(10) {
        return random.pick(&[0, 1, USER_END - 1, USER_END, KERNEL, u64::MAX]);
    }
    let letter = b'a' + random.below(NAMES) as u8;
    let name = [b'/', b's', b't', b'r', b'e', b's', context.process, letter];
    put(made, &[u64::from_le_bytes(name), 0]);
    place(context, RECORD_WORD)
}

fn put(made: &mut Prepared, words: &[u64]) {
    made.words[RECORD_WORD..RECORD_WORD + words.len()].copy_from_slice(words);
}

fn place(context: &Context, word: usize) -> u64 {
    context.scratch + 8 * word as u64
}

/// A value of one kind.
fn value_of(kind: Kind, random: &mut Random, context: &Context) -> u64 {
    // A port or a small number that is neither: now and then.
    let wild = random.chance(3);
    match kind {
        Kind::Task
        | Kind::OtherTask
        | Kind::Host
        | Kind::Entry
        | Kind::Below(_)
        | Kind::Bits(_)
            if wild =>
        {
            random.pick(&[
                0,
                1,
                0xff,
                0x7fff_ffff,
                0x8000_0000,
                0xdead_beef,
                0xffff_ffff,
                u64::MAX,
            ])
        }
        Kind::Task | Kind::OtherTask => random.pick(&[context.me, context.subject]),
        Kind::Host => context.host,
        Kind::Entry => match random.below(10) {
            0..5 => 0,
            5 => random.pick(&[context.me, context.host]),
            at => context.names[at as usize % context.names.len()],
        },
        Kind::Address | Kind::Destination => address(random, context),
        Kind::Size => size(random, context),
        Kind::Length => random.below(HOT_PAGES * context.page),
        Kind::Offset => match random.below(3) {
            0 => 0,
            1 => random.below(HOT_PAGES) * context.page,
            _ => size(random, context),
        },
        // Nor may an address be read from just anywhere: from where nothing can be read, now and then.
        Kind::InOutAddress if wild => {
            random.pick(&[0, USER_END - 8, USER_END, KERNEL, u64::MAX - 7])
        }
        Kind::InOutAddress => place(context, ADDRESS_WORD),
        // What is at a wild place could be any size of any memory.
        Kind::InOutSize => place(context, SIZE_WORD),
        Kind::OutName => wild_or(random, context, place(context, NAME_WORD)),
        Kind::Scratch => scratch(random, context),
        Kind::Place | Kind::List | Kind::MapRecord | Kind::RemapRecord | Kind::Text => {
            let right = scratch(random, context);
            wild_or(random, context, right)
        }
        Kind::Protection => match random.below(10) {
            0..8 => random.below(8),
            _ => 1 << random.below(32) | random.below(8),
        },
        Kind::Permission => {
            let mode = random.pick(&[
                0, 0, 0x1_0000, 0x2_0000, 0x8_0000, 0x20_0000, 0x40_0000, 0x6_0000,
            ]);
            let odd = if random.chance(10) {
                1 << random.below(32)
            } else {
                0
            };
            mode | odd | random.below(8)
        }
        Kind::Flags => {
            let odd = if random.chance(15) {
                1 << random.below(32)
            } else {
                0
            };
            random.pick(&[1, 1, 1, 0, 0x4000, 0x10_0001]) | odd
        }
        Kind::MapFlags => {
            let odd = if random.chance(15) {
                1 << random.below(32)
            } else {
                0
            };
            random.pick(&[
                0x4_1002, 0x4_1001, 0x4_1012, 0x4_1011, 0x1002, 0x4_0001, 0x4_0002,
            ]) | odd
        }
        Kind::Below(limit) => random.below(u64::from(limit)),
        Kind::Bits(all) => random.number() & u64::from(all),
        Kind::Descriptor if random.chance(40) => u64::MAX,
        Kind::Descriptor => 3 + random.below(DESCRIPTORS),
        Kind::Process => random.pick(&[0, 1, 0x7fff, 0x7fff_ffff, 0xffff_ffff]),
    }
}

/// A place near the end of scratch memory.
fn scratch(random: &mut Random, context: &Context) -> u64 {
    let end = context.scratch + 8 * SCRATCH_WORDS as u64;
    end - 8 * (1 + random.below(PLACES))
}

/// Where an answer goes: as a rule the right place, never what is the caller's own.
fn wild_or(random: &mut Random, context: &Context, right: u64) -> u64 {
    let wild = address(random, context) & !7;
    if random.chance(95) || context.is_own(wild, context.page) {
        right
    } else {
        wild
    }
}

fn address(random: &mut Random, context: &Context) -> u64 {
    let page = context.page;
    let base = match random.below(10) {
        0..6 => random.pick(&context.hot) + random.below(HOT_PAGES) * page,
        6..8 => random.pick(&context.answered),
        _ => {
            return random.pick(&[
                0,
                1,
                page - 1,
                page,
                page + 1,
                0xffff_f000,
                USER_END - page,
                USER_END - 1,
                USER_END,
                1 << 48,
                1 << 63,
                KERNEL - 1,
                KERNEL,
                KERNEL + page,
                0xffff_ffff_8000_0000,
                0u64.wrapping_sub(page),
                0u64.wrapping_sub(page) + 1,
                u64::MAX,
            ]);
        }
    };
    if random.chance(20) {
        base.wrapping_add(random.pick(&[1, 7, page - 1, 0u64.wrapping_sub(1)]))
    } else {
        base
    }
}

/// Small, or so large that nothing of that size can be touched page by page.
fn size(random: &mut Random, context: &Context) -> u64 {
    let page = context.page;
    if random.chance(75) {
        let whole = random.below(HOT_PAGES + 1) * page;
        return if random.chance(30) {
            whole.saturating_sub(random.below(page))
        } else {
            whole
        };
    }
    random.pick(&[
        1,
        page - 1,
        page + 1,
        1 << 40,
        USER_END - page,
        USER_END,
        1 << 48,
        1 << 63,
        0u64.wrapping_sub(context.hot[0]),
        0u64.wrapping_sub(context.hot[0]) - 1,
        0u64.wrapping_sub(page),
        0u64.wrapping_sub(page) + 1,
        u64::MAX,
    ])
}

#[cfg(test)]
mod tests {
    use super::super::calls::CALLS;
    use super::super::tests::context;
    use super::*;

    #[test]
    fn a_call_repeats_by_seed_process_and_index() {
        let context = context();
        for call in CALLS {
            let make = || {
                prepare(call, &mut Random::of(5, 1, 9), &context)
                    .map(|made| (made.args, made.words))
            };
            assert_eq!(make(), make(), "{}", call.name);
        }
    }

    #[test]
    fn calls_on_the_caller_leave_alone_what_is_its_own() {
        let mut context = context();
        // Everything below the arena is the caller's.
        context.own[0].start = 0;
        context.own[0].end = context.hot[0];
        // What another task is read into is the caller's memory too.
        for (name, at, size) in [("munmap", 0, 1), ("mach_vm_read_overwrite", 3, 2)] {
            let call = CALLS.iter().find(|call| call.name == name);
            let call = call.expect("it is in the table");
            let prepare = |index| prepare(call, &mut Random::of(1, 0, index), &context);
            let made: Vec<_> = (0..1000).filter_map(prepare).collect();
            for call in &made {
                assert!(!context.is_own(call.args[at], call.args[size]), "{name}");
            }
            assert!(made.len() > 800, "{name}: {}", made.len());
        }
    }

    #[test]
    fn arguments_meet_the_edges() {
        let context = context();
        let unmap = CALLS
            .iter()
            .find(|call| call.name == "munmap")
            .expect("it is in the table");
        let (mut wraps, mut zeros, mut misaligned, mut kernel) = (0, 0, 0, 0);
        for index in 0..2000 {
            let Some(call) = prepare(unmap, &mut Random::of(1, 0, index), &context) else {
                continue;
            };
            wraps += u32::from(call.args[0].checked_add(call.args[1]).is_none());
            zeros += u32::from(call.args[1] == 0);
            misaligned += u32::from(call.args[0] % context.page != 0);
            kernel += u32::from(call.args[0] >= KERNEL);
        }
        for count in [wraps, zeros, misaligned, kernel] {
            assert!(count > 50, "{wraps} {zeros} {misaligned} {kernel}");
        }
    }
}
