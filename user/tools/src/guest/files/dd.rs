//! `dd`.

use super::super::options::program;
use super::super::out::complain;
use super::super::sys::{self, Answer};
use super::super::{c, out};
use super::call;
use abi::stat::mode::{S_IFMT, S_IFREG};
use abi::syscall::{O_CREAT, O_RDONLY, O_RDWR, O_TRUNC};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

program!(dd_main, dd);

/// What is asked for.
struct Plan {
    input: Option<Vec<u8>>,
    output: Option<Vec<u8>>,
    block: u64,
    count: Option<u64>,
    skip: u64,
    seek: u64,
    keeps: bool,
    pads: bool,
    goes_on: bool,
    flushes: bool,
}

/// A number with a unit, and products of such: `64k`, `2x512`.
fn number(text: &str) -> Option<u64> {
    text.split('x').try_fold(1u64, |product, part| {
        let digits = part.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
        let unit = match &part[digits.len()..] {
            "" => 1,
            "b" => 512,
            "k" | "K" => 1 << 10,
            "m" | "M" => 1 << 20,
            "g" | "G" => 1 << 30,
            _ => return None,
        };
        product.checked_mul(digits.parse::<u64>().ok()?.checked_mul(unit)?)
    })
}

fn parse(args: &[Vec<u8>]) -> Result<Plan, String> {
    let mut plan = Plan {
        input: None,
        output: None,
        block: 512,
        count: None,
        skip: 0,
        seek: 0,
        keeps: false,
        pads: false,
        goes_on: false,
        flushes: false,
    };
    for argument in args {
        let argument = String::from_utf8_lossy(argument).into_owned();
        let Some((key, value)) = argument.split_once('=') else {
            return Err(format!("unknown operand {argument}"));
        };
        let wanted = || number(value).ok_or_else(|| format!("{key}: illegal numeric value"));
        match key {
            "if" => plan.input = Some(value.as_bytes().to_vec()),
            "of" => plan.output = Some(value.as_bytes().to_vec()),
            "bs" => {
                const LARGEST: u64 = 16 << 20;
                plan.block = wanted()?;
                if plan.block == 0 || plan.block > LARGEST {
                    return Err(format!("{key}: illegal numeric value"));
                }
            }
            "count" => plan.count = Some(wanted()?),
            "skip" | "iseek" => plan.skip = wanted()?,
            "seek" | "oseek" => plan.seek = wanted()?,
            "conv" => {
                for word in value.split(',') {
                    match word {
                        "notrunc" => plan.keeps = true,
                        "sync" => plan.pads = true,
                        "noerror" => plan.goes_on = true,
                        "fsync" | "fdatasync" => plan.flushes = true,
                        _ => return Err(format!("unknown conversion {word}")),
                    }
                }
            }
            _ => return Err(format!("unknown operand {key}")),
        }
    }
    Ok(plan)
}

/// Whole and partial blocks.
#[derive(Default)]
struct Records {
    read: [u64; 2],
    wrote: [u64; 2],
    bytes: u64,
}

fn dd(args: &[Vec<u8>]) -> i32 {
    let plan = match parse(args) {
        Ok(plan) => plan,
        Err(why) => {
            complain(&format!("dd: {why}"));
            return 1;
        }
    };
    let began = now();
    let mut records = Records::default();
    let status = match run(&plan, &mut records) {
        Ok(status) => status,
        Err((path, error)) => {
            out::fail("dd", &path, error);
            1
        }
    };
    let nanoseconds = (now() - began).max(1);
    let (seconds, rest) = (
        nanoseconds / 1_000_000_000,
        nanoseconds % 1_000_000_000 / 1000,
    );
    let rate = u128::from(records.bytes) * 1_000_000_000 / nanoseconds as u128;
    let [read, read_part] = records.read;
    let [wrote, wrote_part] = records.wrote;
    complain(&format!(
        "{read}+{read_part} records in\n{wrote}+{wrote_part} records out\n\
         {} bytes transferred in {seconds}.{rest:06} secs ({rate} bytes/sec)",
        records.bytes
    ));
    status
}

fn now() -> i64 {
    let mut now = abi::sysctl::Timeval::default();
    // SAFETY: the record is ours; a null pointer is allowed.
    unsafe { c::gettimeofday(&mut now, core::ptr::null_mut()) };
    now.sec * 1_000_000_000 + i64::from(now.usec) * 1000
}

type Done<T> = Result<T, (Vec<u8>, abi::Errno)>;

fn run(plan: &Plan, records: &mut Records) -> Done<i32> {
    let input_name = plan.input.clone().unwrap_or(b"stdin".to_vec());
    let output_name = plan.output.clone().unwrap_or(b"stdout".to_vec());
    let of_input = |error| (input_name.clone(), error);
    let of_output = |error| (output_name.clone(), error);
    let from = match &plan.input {
        Some(path) => sys::open(path, O_RDONLY, 0).map_err(of_input)?,
        None => 0,
    };
    let to = match &plan.output {
        Some(path) => open_output(path, plan).map_err(of_output)?,
        None => 1,
    };
    if plan.skip > 0 {
        call::seek(from, plan.skip * plan.block).map_err(of_input)?;
    }
    if plan.seek > 0 {
        call::seek(to, plan.seek * plan.block).map_err(of_output)?;
    }
    let mut block = alloc::vec![0; plan.block as usize];
    let mut status = 0;
    while plan
        .count
        .is_none_or(|count| records.read[0] + records.read[1] < count)
    {
        let got = match sys::read(from, &mut block) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if plan.goes_on => {
                out::fail("dd", &input_name, error);
                status = 1;
                let next = plan.skip + records.read[0] + records.read[1] + 1;
                call::seek(from, next * plan.block).map_err(of_input)?;
                0
            }
            Err(error) => return Err(of_input(error)),
        };
        records.read[usize::from(got < block.len())] += 1;
        let mut length = got;
        if plan.pads {
            block[got..].fill(0);
            length = block.len();
        }
        if length > 0 {
            sys::write(to, &block[..length]).map_err(of_output)?;
            records.wrote[usize::from(length < block.len())] += 1;
            records.bytes += length as u64;
        }
    }
    if plan.flushes {
        call::fsync(to).map_err(of_output)?;
    }
    Ok(status)
}

/// What was behind the place where writing begins goes, unless it is to be kept.
fn open_output(path: &[u8], plan: &Plan) -> Answer<i32> {
    let cut = if plan.keeps || plan.seek > 0 {
        0
    } else {
        O_TRUNC
    };
    let fd = sys::open(path, O_RDWR | O_CREAT | cut, 0o666)?;
    let is_file = sys::stat(path, true)?.mode & S_IFMT == S_IFREG;
    if !plan.keeps && plan.seek > 0 && is_file {
        call::truncate(fd, plan.seek * plan.block)?;
    }
    Ok(fd)
}
