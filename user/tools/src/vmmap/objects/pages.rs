//! An object's pages as a line of letters.
//!
//! `R` resident, `O` owed to the copy object, `W` wired, `B` busy, `.` not in the object. What repeats
//! is counted: `R*20`.

use abi::objects::*;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// So many pages alike are letters, more are counted.
const MOST_LETTERS: u64 = 8;
/// Pieces of a line.
const MOST_PIECES: usize = 24;

/// The letter of a page's state; what holds it most comes first.
const fn letter(state: u32) -> char {
    if state & VM_PAGE_RUN_BUSY != 0 {
        'B'
    } else if state & VM_PAGE_RUN_WIRED != 0 {
        'W'
    } else if state & VM_PAGE_RUN_OWED != 0 {
        'O'
    } else if state & VM_PAGE_RUN_RESIDENT != 0 {
        'R'
    } else {
        '?'
    }
}

/// The line of an object. Of very many pieces the first are shown, and how many there are besides.
pub fn picture(object: &VmObjectRecord, runs: &[VmPageRun], page_size: u64) -> String {
    let pages = object.size.div_ceil(page_size.max(1));
    let mut pieces: Vec<(char, u64)> = Vec::new();
    let mut add = |letter, count| match pieces.last_mut() {
        _ if count == 0 => {}
        Some(last) if last.0 == letter => last.1 += count,
        _ => pieces.push((letter, count)),
    };
    let mut at = 0;
    for run in runs {
        add('.', run.first.saturating_sub(at));
        add(letter(run.state), u64::from(run.pages));
        at = run.first.saturating_add(u64::from(run.pages));
    }
    add('.', pages.saturating_sub(at));
    let mut text = String::new();
    for &(letter, count) in pieces.iter().take(MOST_PIECES) {
        if count <= MOST_LETTERS {
            (0..count).for_each(|_| text.push(letter));
        } else {
            text.push_str(&format!(" {letter}*{count} "));
        }
    }
    if pieces.len() > MOST_PIECES {
        text.push_str(&format!(" and {} more runs", pieces.len() - MOST_PIECES));
    }
    text.trim().replace("  ", " ")
}
