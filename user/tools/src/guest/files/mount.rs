//! `mount` and `umount`.

use super::super::options::{parse, program};
use super::super::out::{Out, complain, fail};
use super::super::sys;
use super::call;
use abi::Errno;
use abi::mount::{MNT_LOCAL, MNT_RDONLY, Statfs64};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

program!(mount_main, mount);
program!(umount_main, umount);

fn line(record: &Statfs64) -> String {
    let mut words = call::text(&record.typename);
    for (flag, word) in [(MNT_LOCAL, ", local"), (MNT_RDONLY, ", read-only")] {
        if record.flags & flag != 0 {
            words.push_str(word);
        }
    }
    let (from, on) = (
        call::text(&record.mntfromname),
        call::text(&record.mntonname),
    );
    format!("{from} on {on} ({words})\n")
}

fn mount(args: &[Vec<u8>]) -> i32 {
    let usage = "usage: mount [-r] [-o options] [-t type] special node\n       mount [-t type]";
    let Ok(options) = parse(args, b"ro:t:") else {
        complain(usage);
        return 64;
    };
    let mut flags = if options.has(b'r') { MNT_RDONLY } else { 0 };
    for word in options
        .value(b'o')
        .unwrap_or_default()
        .split(|&byte| byte == b',')
    {
        match word {
            b"ro" | b"rdonly" => flags |= MNT_RDONLY,
            b"rw" | b"" => {}
            other => {
                let other = String::from_utf8_lossy(other);
                complain(&format!("mount: -o {other}: option not supported"));
                return 64;
            }
        }
    }
    match &options.operands[..] {
        [] => {
            let records = match call::file_systems() {
                Ok(records) => records,
                Err(error) => {
                    fail("mount", b"getfsstat", error);
                    return 1;
                }
            };
            let mut out = Out::new();
            let wanted = |record: &&Statfs64| {
                let kind = call::text(&record.typename);
                options
                    .value(b't')
                    .is_none_or(|wanted| kind.as_bytes() == wanted)
            };
            for record in records.iter().filter(wanted) {
                out.bytes(line(record).as_bytes());
            }
            i32::from(!out.flush())
        }
        [special, node] => {
            let kind = options.value(b't').unwrap_or(b"ext2");
            match call::mount(kind, special, node, flags) {
                Ok(()) => 0,
                Err(error) => {
                    let special = String::from_utf8_lossy(special);
                    let node = String::from_utf8_lossy(node);
                    complain(&format!(
                        "mount: {special} on {node}: {}",
                        sys::message(error)
                    ));
                    1
                }
            }
        }
        _ => {
            complain(usage);
            64
        }
    }
}

fn umount(args: &[Vec<u8>]) -> i32 {
    let options = match parse(args, b"") {
        Ok(options) if !options.operands.is_empty() => options,
        _ => {
            complain("usage: umount special | node ...");
            return 64;
        }
    };
    let mounts = call::file_systems().unwrap_or_default();
    let mut status = 0;
    for path in &options.operands {
        // What is mounted may be named too.
        let by_source = mounts
            .iter()
            .find(|record| call::text(&record.mntfromname).as_bytes() == path);
        let node = by_source.map_or(path.clone(), |record| {
            call::text(&record.mntonname).into_bytes()
        });
        let name = String::from_utf8_lossy(&node);
        match call::unmount(&node, 0) {
            Ok(()) => continue,
            Err(Errno::EINVAL) => complain(&format!("umount: {name}: not currently mounted")),
            Err(error) => complain(&format!("umount({name}): {}", sys::message(error))),
        }
        status = 1;
    }
    status
}
