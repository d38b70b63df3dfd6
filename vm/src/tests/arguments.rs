//! Bad arguments: xnu-vm.md §12, row by row, and every call with numbers at the edges.

use super::*;

const P: u64 = 1 << 14;
const LAST: u64 = 0u64.wrapping_sub(P);
const OK: Result<(), KernReturn> = Ok(());
const ARG: Result<(), KernReturn> = Err(KernReturn::INVALID_ARGUMENT);
const ADDRESS: Result<(), KernReturn> = Err(KernReturn::INVALID_ADDRESS);
const SPACE: Result<(), KernReturn> = Err(KernReturn::NO_SPACE);

/// What the six columns of the table expect.
struct Row {
    name: &'static str,
    call: fn(&Rig<14>, &Task<14>, u64, u64) -> Result<(), KernReturn>,
    zero: Result<(), KernReturn>,
    wrap: Result<(), KernReturn>,
    round_wrap: Result<(), KernReturn>,
    unmapped: Result<(), KernReturn>,
    outside: Result<(), KernReturn>,
}

fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "allocate fixed",
            call: |rig, task, at, size| {
                let got = rig
                    .vm
                    .allocate(task, UserAddr(at), UserSize(size), UserFlags(0));
                got.map(|at| assert!(size != 0 || at.0 == 0))
            },
            zero: OK,
            wrap: ADDRESS,
            round_wrap: ADDRESS,
            unmapped: OK,
            outside: ADDRESS,
        },
        Row {
            name: "deallocate",
            call: |rig, task, at, size| rig.vm.deallocate(task, UserAddr(at), UserSize(size)),
            zero: OK,
            wrap: ARG,
            round_wrap: ARG,
            unmapped: OK,
            outside: OK,
        },
        Row {
            name: "protect",
            call: |rig, task, at, size| {
                rig.vm
                    .protect(task, UserAddr(at), UserSize(size), SetMax::No, UserProt(1))
            },
            zero: OK,
            wrap: ARG,
            round_wrap: ARG,
            unmapped: ADDRESS,
            outside: ADDRESS,
        },
        Row {
            name: "inherit",
            call: |rig, task, at, size| {
                rig.vm
                    .inherit(task, UserAddr(at), UserSize(size), UserInherit(2))
            },
            zero: OK,
            wrap: ARG,
            round_wrap: ARG,
            unmapped: OK,
            outside: OK,
        },
        Row {
            name: "wire",
            call: |rig, task, at, size| {
                rig.vm.wire(task, UserAddr(at), UserSize(size), UserProt(1))
            },
            zero: OK,
            wrap: ARG,
            round_wrap: ARG,
            unmapped: ADDRESS,
            outside: OK,
        },
        Row {
            name: "unwire",
            call: |rig, task, at, size| rig.vm.unwire(task, UserAddr(at), UserSize(size)),
            zero: OK,
            wrap: ARG,
            round_wrap: ARG,
            unmapped: ADDRESS,
            outside: OK,
        },
        Row {
            name: "msync",
            call: |rig, task, at, size| {
                rig.vm
                    .msync(task, UserAddr(at), UserSize(size), UserFlags(2))
            },
            zero: OK,
            wrap: ADDRESS,
            round_wrap: ADDRESS,
            unmapped: OK,
            outside: OK,
        },
        Row {
            name: "behavior",
            call: |rig, task, at, size| {
                rig.vm
                    .behavior(task, UserAddr(at), UserSize(size), UserBehavior(1))
            },
            zero: OK,
            wrap: ARG,
            round_wrap: SPACE,
            unmapped: ADDRESS,
            outside: SPACE,
        },
        Row {
            name: "page range query",
            call: |rig, task, at, size| {
                let (addr, size) = (UserAddr(at), UserSize(size));
                rig.vm.page_range_query(task, addr, size, |_| Ok(()))
            },
            zero: OK,
            wrap: ARG,
            round_wrap: ARG,
            unmapped: OK,
            outside: OK,
        },
        Row {
            name: "map fixed",
            call: |rig, task, at, size| map_fixed(rig, task, at, size, 3, 7),
            zero: ARG,
            wrap: ARG,
            round_wrap: ARG,
            unmapped: OK,
            outside: ADDRESS,
        },
    ]
}

fn map_fixed(
    rig: &Rig<14>,
    task: &Task<14>,
    at: u64,
    size: u64,
    cur: u32,
    max: u32,
) -> Result<(), KernReturn> {
    let request = MapRequest {
        addr: UserAddr(at),
        size: UserSize(size),
        current: UserProt(cur),
        maximum: UserProt(max),
        inherit: UserInherit(1),
        ..MapRequest::default()
    };
    rig.vm.map(task, &request).map(|_| ())
}

#[test]
fn each_call_answers_xnus_code() {
    for row in rows() {
        let rig = Rig::<14>::new(256);
        let task = rig.task();
        let check = |what: &str, at, size, expected| {
            assert_eq!(
                (row.call)(&rig, &task, at, size),
                expected,
                "{}: {what}",
                row.name
            );
        };
        check("zero", MIN, 0, row.zero);
        check("zero at the top", u64::MAX, 0, row.zero);
        check("wrap", MIN, 0u64.wrapping_sub(MIN) + P, row.wrap);
        check("wrap by size", 2 * P, u64::MAX - P, row.wrap);
        check("round wrap", LAST, P - 1, row.round_wrap);
        check("unmapped", MIN + 64 * P, P, row.unmapped);
        check("outside", MAX + P, P, row.outside);
        rig.end(task);
        rig.audit();
    }
}

#[test]
fn flags_protections_and_orders() {
    let rig = Rig::<14>::with(256, WriteExecute::Refused);
    let task = rig.task();
    let allocate = |flags| {
        let got = rig
            .vm
            .allocate(&task, UserAddr(0), UserSize(P), UserFlags(flags));
        got.map(|_| ())
    };
    for flag in [0x2, 0x4, 0x10, 0x80, 30 << 24] {
        assert_eq!(allocate(1 | flag), OK, "{flag:#x}");
    }
    for flag in [
        0x20, 0x40, 0x2000, 0x8000, 0x1_0000, 0x7_0000, 0x8_0000, 0x10_0000, 0x80_0000,
    ] {
        assert_eq!(allocate(1 | flag), ARG, "{flag:#x}");
    }
    // Flags come before the size, the size before all else.
    let bad = rig
        .vm
        .allocate(&task, UserAddr(0), UserSize(0), UserFlags(0x20));
    assert_eq!(bad.map(|_| ()), ARG);
    let huge = |size| {
        rig.vm
            .allocate(&task, UserAddr(LAST), UserSize(size), UserFlags(1))
            .map(|_| ())
    };
    assert_eq!((huge(0u64.wrapping_sub(P)), huge(u64::MAX)), (SPACE, ARG));
    assert_eq!(huge(P), OK, "the hint is ignored");

    let at = MIN + 512 * P;
    rig.allocate_at(&task, at, 2);
    let protect = |size, prot| {
        rig.vm.protect(
            &task,
            UserAddr(at),
            UserSize(size),
            SetMax::No,
            UserProt(prot),
        )
    };
    assert_eq!(protect(0, 0xff), OK, "size 0 first");
    assert_eq!(protect(u64::MAX, 0x20), ARG);
    assert_eq!(protect(P, 6), Err(KernReturn::PROTECTION_FAILURE));
    let first = rig.vm.protect(
        &task,
        UserAddr(3),
        UserSize(u64::MAX - 3),
        SetMax::No,
        UserProt(1),
    );
    assert_eq!(first, ADDRESS, "a range that rounds to nothing at page 0");
    let inherit = |size, value| {
        rig.vm
            .inherit(&task, UserAddr(at), UserSize(size), UserInherit(value))
    };
    assert_eq!((inherit(0, 9), inherit(P, 3), inherit(P, 0)), (OK, ARG, OK));
    let sync = |size, flags| {
        rig.vm
            .msync(&task, UserAddr(at), UserSize(size), UserFlags(flags))
    };
    assert_eq!(
        (sync(0, 3), sync(P, 3), sync(4 * P, 2), sync(4 * P, 0x22)),
        (OK, ARG, OK, ADDRESS)
    );
    let advise = |size, value| {
        rig.vm
            .behavior(&task, UserAddr(at), UserSize(size), UserBehavior(value))
    };
    assert_eq!(
        (advise(0, 13), advise(P, -1), advise(P, 11), advise(0, 12)),
        (ARG, ARG, ARG, OK)
    );
    assert_eq!(advise(4 * P, 4), ADDRESS);
    assert_eq!(rig.protect(&task, at, 1, 1), Ok(()));
    assert_eq!(advise(P, 8), Err(KernReturn::PROTECTION_FAILURE));

    // A current protection beyond the maximum is cut to it; bits that do not exist are refused.
    let free = MIN + 600 * P;
    assert_eq!(map_fixed(&rig, &task, free, P, 3, 1), OK);
    assert_eq!(rig.region(&task, free).protection, Protection::READ);
    assert_eq!(map_fixed(&rig, &task, free + P, P, 0x11, 7), ARG);
    assert_eq!(
        map_fixed(&rig, &task, free + P, P, 6, 7),
        Err(KernReturn::PROTECTION_FAILURE)
    );
    assert_eq!(map_fixed(&rig, &task, free, P, 1, 1), SPACE);
    let query = |at| rig.vm.page_query(&task, UserAddr(at)).map(|_| ());
    assert_eq!(
        (query(LAST + 5), query(MAX + P), query(0)),
        (ADDRESS, OK, OK)
    );
    let region = |at| rig.vm.region(&task, UserAddr(at)).map(|_| ());
    assert_eq!(
        (region(0), region(free + P), region(u64::MAX)),
        (OK, ADDRESS, ADDRESS)
    );
    rig.end(task);
    rig.audit();
}

/// vm-bugs 23, 33: every call with every pair of numbers at the edges neither panics nor loses pages.
#[test]
fn edges_everywhere() {
    let rig = Rig::<14>::new(512);
    let used = rig.used();
    let edges = [
        0,
        1,
        P - 1,
        P,
        P + 1,
        MIN - 1,
        MIN,
        MIN + P,
        MAX - P,
        MAX - 1,
        MAX,
        MAX + 1,
        1 << 47,
        (1 << 48) - 1,
        1 << 63,
        LAST - 1,
        LAST,
        LAST + 1,
        u64::MAX - 1,
        u64::MAX,
    ];
    let task = rig.task();
    for at in edges {
        for size in edges {
            // Wiring a large range would fill the machine; everything else is lazy.
            for row in rows().iter().filter(|row| row.name != "page range query") {
                if row.name != "wire" || size <= 4 * P {
                    let _ = (row.call)(&rig, &task, at, size);
                }
            }
            let (addr, size) = (UserAddr(at), UserSize(size));
            for flags in [1, 0x4000] {
                let _ = rig.vm.allocate(&task, addr, size, UserFlags(flags));
            }
            let _ = rig.vm.fault(&task, VirtAddr(at), Protection::READ);
            let _ = rig.vm.page_query(&task, addr);
            let _ = rig.vm.region(&task, addr);
            let _ = rig.vm.deallocate(&task, addr, size);
        }
    }
    rig.audit();
    rig.end(task);
    rig.audit();
    assert_eq!(rig.used(), used);
}
