//! `df`.

use super::super::options::{parse, program};
use super::super::out::{Out, complain, fail};
use super::call;
use crate::df::{Row, Unit, table};
use crate::json::Json;
use abi::mount::Statfs64;
use alloc::vec::Vec;

program!(df_main, df);

fn row(record: &Statfs64) -> Row {
    Row {
        from: call::text(&record.mntfromname),
        on: call::text(&record.mntonname),
        block: u64::from(record.bsize),
        blocks: [record.blocks, record.bfree, record.bavail],
        files: [record.files, record.ffree],
    }
}

fn df(args: &[Vec<u8>]) -> i32 {
    let Ok(options) = parse(args, b"hkmi") else {
        complain("usage: df [-hikm] [--json] [file | filesystem ...]");
        return 64;
    };
    const K: u64 = 1024;
    let unit = match () {
        () if options.has(b'h') => Unit::Human,
        () if options.has(b'm') => Unit::Blocks(K * K),
        () if options.has(b'k') => Unit::Blocks(K),
        () => Unit::Blocks(512),
    };
    let mut status = 0;
    let mut rows = Vec::new();
    if options.operands.is_empty() {
        match call::file_systems() {
            Ok(records) => rows.extend(records.iter().map(row)),
            Err(error) => {
                fail("df", b"getfsstat", error);
                return 1;
            }
        }
    }
    for path in &options.operands {
        match call::file_system(path) {
            Ok(record) => rows.push(row(&record)),
            Err(error) => {
                fail("df", path, error);
                status = 1;
            }
        }
    }
    let mut out = Out::new();
    if options.json {
        out.bytes(json(&rows).as_bytes());
    } else if !rows.is_empty() {
        out.bytes(table(&rows, unit).as_bytes());
    }
    if out.flush() { status } else { 1 }
}

fn json(rows: &[Row]) -> alloc::string::String {
    let mut json = Json::new();
    json.object().list_member("filesystems");
    for row in rows {
        json.object()
            .text("from", &row.from)
            .text("on", &row.on)
            .number("block_size", row.block);
        json.number("blocks", row.blocks[0])
            .number("free", row.blocks[1])
            .number("available", row.blocks[2]);
        json.number("files", row.files[0])
            .number("free_files", row.files[1])
            .end_object();
    }
    json.end_list().end_object();
    json.finish()
}
