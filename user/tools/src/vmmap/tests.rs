use super::*;

fn region(start: u64, size: u64, protection: u32, tag: u32) -> Region {
    Region {
        start,
        size,
        protection,
        max_protection: 7,
        tag,
        share_mode: 2,
        ..Region::default()
    }
}

#[test]
fn rows_have_darwins_columns() {
    let mut text = String::new();
    let small = Region {
        resident: 5,
        dirty: 5,
        ..region(0x6000_0000_0000, 8 << 20, 3, 2)
    };
    row(&mut text, &small, 16384, Options::default());
    assert_eq!(
        text,
        "MALLOC_SMALL             600000000000-600000800000 [ 8192K    80K    80K     0K] rw-/rwx SM=PRV          DefaultMallocZone\n"
    );
    assert_eq!(HEAD.find('['), Some(51));
    assert_eq!(text.find('['), Some(51));
    assert_eq!(HEAD.find("PRT/MAX"), text.find("rw-/rwx"));
    assert_eq!(HEAD.find("SHRMOD"), text.find("SM=PRV"));
    assert_eq!(HEAD.find("REGION DETAIL"), text.find("Default"));
}

#[test]
fn types_come_from_segment_tag_and_protection() {
    let kind = |tag, protection| region(0, 4096, protection, tag).kind();
    assert_eq!(kind(30, 3), "Stack");
    assert_eq!(kind(30, 0), "STACK GUARD");
    assert_eq!(kind(1, 3), "MALLOC metadata");
    assert_eq!(kind(7, 3), "MALLOC_TINY");
    assert_eq!(kind(0, 3), "VM_ALLOCATE");
    assert_eq!(kind(245, 3), "Memory Tag 245");
    assert_eq!(
        Region {
            external: true,
            ..region(0, 4096, 1, 0)
        }
        .kind(),
        "mapped file"
    );
    assert_eq!(
        Region {
            segment: Some("__TEXT".into()),
            ..region(0, 4096, 5, 0)
        }
        .kind(),
        "__TEXT"
    );
}

#[test]
fn neighbours_that_look_the_same_are_one_row() {
    let regions = [
        region(0x1000, 0x1000, 3, 7),
        region(0x2000, 0x1000, 3, 7),
        region(0x3000, 0x1000, 1, 7),
        region(0x5000, 0x1000, 1, 7),
    ];
    let joined = coalesce(&regions);
    assert_eq!(
        joined.iter().map(|r| (r.start, r.size)).collect::<Vec<_>>(),
        [(0x1000, 0x2000), (0x3000, 0x1000), (0x5000, 0x1000)]
    );
}

#[test]
fn report_splits_by_writability_and_sums_up() {
    let process = Process {
        pid: 7,
        name: "demo".into(),
        page_size: 4096,
        ..Process::default()
    };
    let regions = [
        Region {
            segment: Some("__TEXT".into()),
            path: Some("/bin/demo".into()),
            resident: 1,
            ..region(0x1_0000_0000, 0x4000, 5, 0)
        },
        Region {
            resident: 2,
            dirty: 2,
            ..region(0x1_1000_0000, 1 << 20, 3, 7)
        },
        region(0x7000_0000_0000, 0x1000, 0, 30),
    ];
    let text = report(&process, &regions, Options::default(), "/bin/vmmap");
    let lines: Vec<&str> = text.lines().collect();
    let at = |wanted: &str| {
        lines
            .iter()
            .position(|line| line.starts_with(wanted))
            .unwrap_or_else(|| panic!("{wanted} in\n{text}"))
    };
    assert!(at("Process:         demo [7]") == 0);
    assert!(at("==== Non-writable") < at("__TEXT"));
    assert!(at("__TEXT") < at("STACK GUARD"));
    assert!(at("STACK GUARD") < at("==== Writable"));
    assert!(at("==== Writable") < at("MALLOC_TINY"));
    assert!(text.contains("__TEXT                      100000000-100004000    [   16K     4K     0K     0K] r-x/rwx SM=PRV          /bin/demo\n"));
    assert!(text.contains("Writable regions: Total=1024K written=8K(0%) resident=8K(0%) swapped_out=0K(0%) unallocated=1016K(99%)\n"));
    assert!(
        text.lines()
            .any(|line| line.starts_with("TOTAL ") && line.ends_with(" 3"))
    );
    let pages = report(
        &process,
        &regions,
        Options {
            pages: true,
            summary: true,
            ..Options::default()
        },
        "/bin/vmmap",
    );
    assert!(
        pages
            .lines()
            .any(|line| line.starts_with("MALLOC_TINY") && line.contains(" 256 "))
    );
    assert!(!pages.contains("==== Non-writable"));
}
