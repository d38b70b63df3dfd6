//! `sysctl`.

use super::options::{Options, parse, program};
use super::out::{Out, complain};
use super::sys;
use crate::json::Json;
use crate::sysctl::{kind, text};
use abi::Errno;
use abi::sysctl::{CTL_META, META_NAME, META_NAME2OID, META_NEXT, META_OIDDESCR, META_OIDFMT};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

program!(sysctl_main, sysctl);

const USAGE: &str =
    "usage: sysctl [-bdeiNnqtx] [--json] name[=value] ...\n       sysctl [-bdeNntx] [--json] -a";

fn meta(call: i32, oid: &[i32], new: &[u8]) -> sys::Answer<Vec<u8>> {
    sys::sysctl(&[&[CTL_META, call], oid].concat(), new)
}

fn words(bytes: &[u8]) -> Vec<i32> {
    bytes
        .chunks_exact(4)
        .map(|word| i32::from_le_bytes([word[0], word[1], word[2], word[3]]))
        .collect()
}

fn c_text(bytes: &[u8]) -> String {
    text("A", bytes).unwrap_or_default()
}

/// A leaf's numbers, name and format.
struct Leaf {
    oid: Vec<i32>,
    name: String,
    format: String,
}

fn leaf(oid: Vec<i32>) -> sys::Answer<Leaf> {
    let name = c_text(&meta(META_NAME, &oid, &[])?);
    let format = meta(META_OIDFMT, &oid, &[])?;
    let format = c_text(format.get(4..).unwrap_or_default());
    Ok(Leaf { oid, name, format })
}

/// The leaves under a node (all of them for the empty one), in order.
fn leaves(node: &[i32]) -> Vec<Vec<i32>> {
    let mut all = Vec::new();
    let mut at = node.to_vec();
    while let Ok(bytes) = meta(META_NEXT, &at, &[]) {
        let next = words(&bytes);
        if !next.starts_with(node) || next <= at {
            break;
        }
        all.push(next.clone());
        at = next;
    }
    all
}

fn sysctl(args: &[Vec<u8>]) -> i32 {
    let Ok(options) = parse(args, b"abdeiNnoqtwxAX") else {
        complain(USAGE);
        return 1;
    };
    let all = options.has(b'a') || options.has(b'A') || options.has(b'X');
    if options.operands.is_empty() && !all {
        complain(USAGE);
        return 1;
    }
    let mut out = Out::new();
    let mut json = Json::new();
    json.object();
    let mut failures = 0;
    if all {
        for oid in leaves(&[]) {
            failures += i32::from(!show(&mut out, &mut json, oid, &options));
        }
    }
    for operand in &options.operands {
        let name = operand
            .split(|&byte| byte == b'=')
            .next()
            .unwrap_or_default();
        let oid = match meta(META_NAME2OID, &[], name) {
            Ok(bytes) => words(&bytes),
            Err(_) => {
                if !options.has(b'i') {
                    if !options.has(b'q') {
                        complain(&format!(
                            "sysctl: unknown oid '{}'",
                            String::from_utf8_lossy(name)
                        ));
                    }
                    failures += 1;
                }
                continue;
            }
        };
        if name.len() != operand.len() {
            failures += i32::from(!assign(&mut out, oid, &operand[name.len() + 1..]));
            continue;
        }
        let mut list = leaves(&oid);
        if list.is_empty() {
            list.push(oid);
        }
        for oid in list {
            failures += i32::from(!show(&mut out, &mut json, oid, &options));
        }
    }
    if options.json {
        json.end_object();
        out.bytes(json.finish().as_bytes());
    }
    if out.flush() { failures } else { 1 }
}

fn show(out: &mut Out, json: &mut Json, oid: Vec<i32>, options: &Options) -> bool {
    let Ok(leaf) = leaf(oid) else {
        return false;
    };
    if options.has(b'N') {
        out.bytes(format!("{}\n", leaf.name).as_bytes());
        return true;
    }
    if options.has(b'd') {
        let description = meta(META_OIDDESCR, &leaf.oid, &[])
            .map(|bytes| c_text(&bytes))
            .unwrap_or_default();
        out.bytes(format!("{}: {description}\n", leaf.name).as_bytes());
        return true;
    }
    let bytes = match sys::sysctl(&leaf.oid, &[]) {
        Ok(bytes) => bytes,
        Err(error) => {
            complain(&format!("sysctl: {}: {}", leaf.name, sys::message(error)));
            return false;
        }
    };
    if options.has(b'b') {
        out.bytes(&bytes);
        return true;
    }
    let value = value(&leaf, &bytes, options);
    if options.json {
        match value.parse::<i128>() {
            Ok(number) => json.number(&leaf.name, number),
            Err(_) => json.text(&leaf.name, &value),
        };
        return true;
    }
    if !options.has(b'n') {
        out.bytes(leaf.name.as_bytes());
        out.bytes(if options.has(b'e') { b"=" } else { b": " });
        if options.has(b't') {
            out.bytes(format!("{} ", kind(&leaf.format)).as_bytes());
        }
    }
    out.bytes(value.as_bytes());
    out.bytes(b"\n");
    true
}

fn value(leaf: &Leaf, bytes: &[u8], options: &Options) -> String {
    let hexadecimal = options.has(b'x') || options.has(b'X');
    let text = text(&leaf.format, bytes);
    match text.as_deref().map(str::parse::<i128>) {
        Some(Ok(number)) if hexadecimal => format!("{number:#x}"),
        _ => text.unwrap_or_else(|| {
            let dump: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!(
                "Format:{} Length:{} Dump:0x{dump}",
                leaf.format,
                bytes.len()
            )
        }),
    }
}

fn assign(out: &mut Out, oid: Vec<i32>, value: &[u8]) -> bool {
    let Ok(leaf) = leaf(oid) else {
        return false;
    };
    let old = sys::sysctl(&leaf.oid, &[]).unwrap_or_default();
    let written = String::from_utf8_lossy(value).into_owned();
    let new = match leaf.format.as_str() {
        "A" => [value, b"\0"].concat(),
        "I" | "IU" | "Q" | "QU" => match written.parse::<i64>() {
            Ok(number) => number.to_le_bytes()[..old.len().min(8)].to_vec(),
            Err(_) => {
                complain(&format!(
                    "sysctl: invalid {} '{written}'",
                    kind(&leaf.format)
                ));
                return false;
            }
        },
        _ => Vec::new(),
    };
    match sys::sysctl(&leaf.oid, &new) {
        Ok(_) => {
            let before = text(&leaf.format, &old).unwrap_or_default();
            out.bytes(format!("{}: {before} -> {written}\n", leaf.name).as_bytes());
            true
        }
        Err(Errno::EPERM) => {
            complain(&format!("sysctl: oid '{}' is read only", leaf.name));
            false
        }
        Err(error) => {
            complain(&format!("sysctl: {}: {}", leaf.name, sys::message(error)));
            false
        }
    }
}
