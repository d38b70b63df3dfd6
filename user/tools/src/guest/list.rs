//! `ls`.

use super::options::{Options, parse, program};
use super::out::{Out, complain, fail};
use super::sys;
use crate::json::Json;
use crate::ls::{Entry, letters, long};
use abi::stat::mode;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

program!(ls_main, ls);

fn entry(path: &[u8], name: &[u8]) -> sys::Answer<Entry> {
    let stat = sys::stat(path, false)?;
    let target = match stat.mode & mode::S_IFMT {
        mode::S_IFLNK => sys::read_link(path)
            .ok()
            .map(|target| String::from_utf8_lossy(&target).into_owned()),
        _ => None,
    };
    Ok(Entry {
        name: String::from_utf8_lossy(name).into_owned(),
        stat,
        target,
    })
}

fn is_folder(path: &[u8]) -> bool {
    sys::stat(path, true).is_ok_and(|stat| stat.mode & mode::S_IFMT == mode::S_IFDIR)
}

fn ls(args: &[Vec<u8>]) -> i32 {
    let Ok(options) = parse(args, b"1aAdlrSt") else {
        complain("usage: ls [-1AadlrSt] [--json] [file ...]");
        return 1;
    };
    let mut status = 0;
    let mut problem = |path: &[u8], error| {
        fail("ls", path, error);
        status = 1;
    };
    let here = [b".".to_vec()];
    let operands = if options.operands.is_empty() {
        &here[..]
    } else {
        &options.operands[..]
    };
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for path in operands {
        if !options.has(b'd') && is_folder(path) {
            folders.push(path.clone());
            continue;
        }
        match entry(path, path) {
            Ok(entry) => files.push(entry),
            Err(error) => problem(path, error),
        }
    }
    let mut lists = Vec::new();
    let no_files = files.is_empty();
    if !no_files {
        lists.push((None, files));
    }
    folders.sort();
    for path in folders {
        let names = match sys::names(&path) {
            Ok(names) => names,
            Err(error) => {
                problem(&path, error);
                continue;
            }
        };
        let mut entries = Vec::new();
        for name in names {
            let dots = name == b"." || name == b"..";
            if name.first() == Some(&b'.') && !options.has(b'a') && (dots || !options.has(b'A')) {
                continue;
            }
            let full = [&path[..], b"/", &name].concat();
            match entry(&full, &name) {
                Ok(entry) => entries.push(entry),
                Err(error) => problem(&full, error),
            }
        }
        lists.push((Some(path), entries));
    }
    let mut out = Out::new();
    let titled = operands.len() > 1;
    let mut json = Json::new();
    json.object().list_member("files");
    for (index, (folder, mut entries)) in lists.into_iter().enumerate() {
        sort(&mut entries, &options);
        if options.json {
            write_json(&mut json, folder.as_deref(), &entries);
            continue;
        }
        if let (Some(path), true) = (&folder, titled) {
            let gap = if index == 0 { "" } else { "\n" };
            out.bytes(format!("{gap}{}:\n", String::from_utf8_lossy(path)).as_bytes());
        }
        if options.has(b'l') {
            out.bytes(long(&entries, sys::now(), folder.is_some()).as_bytes());
        } else {
            entries
                .iter()
                .for_each(|entry| out.bytes(format!("{}\n", entry.name).as_bytes()));
        }
    }
    if options.json {
        json.end_list().end_object();
        out.bytes(json.finish().as_bytes());
    }
    if out.flush() { status } else { 1 }
}

fn sort(entries: &mut [Entry], options: &Options) {
    entries.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    if options.has(b'S') {
        entries.sort_by_key(|entry| core::cmp::Reverse(entry.stat.size));
    } else if options.has(b't') {
        entries
            .sort_by_key(|entry| core::cmp::Reverse((entry.stat.mtime.sec, entry.stat.mtime.nsec)));
    }
    if options.has(b'r') {
        entries.reverse();
    }
}

fn write_json(json: &mut Json, folder: Option<&[u8]>, entries: &[Entry]) {
    for entry in entries {
        json.object().text("name", &entry.name);
        if let Some(folder) = folder {
            json.text("folder", &String::from_utf8_lossy(folder));
        }
        json.text("mode", &letters(entry.stat.mode))
            .number("links", entry.stat.nlink)
            .number("uid", entry.stat.uid);
        json.number("gid", entry.stat.gid)
            .number("size", entry.stat.size)
            .number("blocks", entry.stat.blocks);
        json.number("mtime", entry.stat.mtime.sec)
            .number("inode", entry.stat.ino)
            .end_object();
    }
}
