//! `stat`.

use super::super::options::{parse, program};
use super::super::out::{Out, complain};
use super::super::sys;
use crate::json::Json;
use crate::ls::{full_date, letters, owner};
use abi::stat::Stat64;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

program!(stat_main, stat);

fn line(name: &str, stat: &Stat64) -> String {
    let time = |time: abi::stat::Timespec| format!("\"{}\"", full_date(time.sec));
    format!(
        "{} {} {} {} {} {} {} {} {} {} {} {} {} {} {:#X} {name}\n",
        stat.dev,
        stat.ino,
        letters(stat.mode),
        stat.nlink,
        owner(stat.uid, false),
        owner(stat.gid, true),
        stat.rdev,
        stat.size,
        time(stat.atime),
        time(stat.mtime),
        time(stat.ctime),
        time(stat.birthtime),
        stat.blksize,
        stat.blocks,
        stat.flags
    )
    .replace(" 0x0 ", " 0 ")
}

/// `st_*=` words for a shell.
fn words(stat: &Stat64) -> String {
    format!(
        "st_dev={} st_ino={} st_mode=0{:o} st_nlink={} st_uid={} st_gid={} st_rdev={} st_size={} st_atime={} \
         st_mtime={} st_ctime={} st_birthtime={} st_blksize={} st_blocks={} st_flags={}\n",
        stat.dev,
        stat.ino,
        stat.mode,
        stat.nlink,
        stat.uid,
        stat.gid,
        stat.rdev,
        stat.size,
        stat.atime.sec,
        stat.mtime.sec,
        stat.ctime.sec,
        stat.birthtime.sec,
        stat.blksize,
        stat.blocks,
        stat.flags
    )
}

fn stat(args: &[Vec<u8>]) -> i32 {
    let options = match parse(args, b"Ls") {
        Ok(options) if !options.operands.is_empty() => options,
        _ => {
            complain("usage: stat [-Ls] [--json] file ...");
            return 1;
        }
    };
    let mut status = 0;
    let mut out = Out::new();
    let mut json = Json::new();
    json.object().list_member("files");
    for path in &options.operands {
        let name = String::from_utf8_lossy(path);
        let found = match sys::stat(path, options.has(b'L')) {
            Ok(found) => found,
            Err(error) => {
                complain(&format!("stat: {name}: stat: {}", sys::message(error)));
                status = 1;
                continue;
            }
        };
        if options.json {
            add(&mut json, &name, &found);
        } else if options.has(b's') {
            out.bytes(words(&found).as_bytes());
        } else {
            out.bytes(line(&name, &found).as_bytes());
        }
    }
    if options.json {
        json.end_list().end_object();
        out.bytes(json.finish().as_bytes());
    }
    if out.flush() { status } else { 1 }
}

fn add(json: &mut Json, name: &str, stat: &Stat64) {
    json.object()
        .text("name", name)
        .number("dev", stat.dev)
        .number("ino", stat.ino);
    json.text("mode", &letters(stat.mode))
        .number("nlink", stat.nlink)
        .number("uid", stat.uid)
        .number("gid", stat.gid);
    json.number("rdev", stat.rdev)
        .number("size", stat.size)
        .number("blocks", stat.blocks)
        .number("blksize", stat.blksize);
    for (key, time) in [
        ("atime", stat.atime),
        ("mtime", stat.mtime),
        ("ctime", stat.ctime),
        ("birthtime", stat.birthtime),
    ] {
        json.number(key, time.sec);
    }
    json.end_object();
}
