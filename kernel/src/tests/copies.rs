//! Copies between the kernel and programs, where the program's memory is not what it should be.

use super::rig::{Rig, page};
use super::{Outcome, check, same, tests};
use arch::user::{copy_in, copy_in_string, copy_out};
use vm::Protection;

tests!("copies":
    faults_are_resolved_inside_a_copy,
    a_copy_that_runs_off_the_end_fails,
    a_copy_to_readonly_memory_fails_and_changes_nothing,
    a_string_may_end_at_the_last_byte,
    without_an_address_space_every_copy_fails,
);

fn faults_are_resolved_inside_a_copy(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    let at = space.allocate(8)?;
    let mut bytes = [0; 3000];
    for byte in &mut bytes {
        *byte = rig.below(256) as u8;
    }
    // Unaligned, across page ends, into pages that nobody has touched.
    for index in 1..8 {
        let place = at + index * page() - 1 - rig.below(2990);
        check!(space.write_from(place, &bytes).is_ok());
        let mut back = [0; 3000];
        check!(space.read_into(place, &mut back).is_ok());
        same!(back, bytes);
    }
    Ok(())
}

fn a_copy_that_runs_off_the_end_fails(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    let at = space.allocate(2)?;
    let end = at + 2 * page();
    let mut bytes = [7; 64];
    for inside in [1, 8, 33, 63] {
        check!(
            space.read_into(end - inside, &mut bytes).is_err(),
            "{inside} bytes inside"
        );
        check!(
            space.write_from(end - inside, &bytes).is_err(),
            "{inside} bytes inside"
        );
    }
    check!(space.write_from(end - 64, &bytes).is_ok());
    check!(space.read(end).is_err());
    check!(space.read(0).is_err());
    check!(space.read(at - 1).is_err());
    Ok(())
}

fn a_copy_to_readonly_memory_fails_and_changes_nothing(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    let at = space.allocate(1)?;
    check!(space.write_from(at, b"unchanged").is_ok());
    space.protect(at, 1, Protection::READ)?;
    check!(space.write_from(at, b"different").is_err());
    let mut back = [0; 9];
    check!(space.read_into(at, &mut back).is_ok());
    same!(&back, b"unchanged");
    space.protect(at, 1, Protection::NONE)?;
    check!(space.read(at).is_err());
    Ok(())
}

fn a_string_may_end_at_the_last_byte(rig: &mut Rig<'_>) -> Outcome {
    let space = rig.space()?;
    let at = space.allocate(1)?;
    let end = at + page();
    check!(space.write_from(end - 6, b"hello\0").is_ok());
    let mut text = [0; 64];
    same!(copy_in_string(&mut text, end - 6).ok(), Some(5));
    same!(&text[..5], b"hello");
    // Without its NUL it runs into nothing.
    check!(space.write(end - 1, b'!').is_ok());
    check!(copy_in_string(&mut text, end - 6).is_err());
    // A buffer that is full before the NUL is answered with its length.
    let mut short = [0; 3];
    same!(copy_in_string(&mut short, end - 6).ok(), Some(3));
    Ok(())
}

fn without_an_address_space_every_copy_fails(rig: &mut Rig<'_>) -> Outcome {
    check!(!rig.task.has_map());
    let mut bytes = [0; 16];
    for at in [0, 1 << 20, 1 << 32, (1 << 46) + 3] {
        check!(copy_in(&mut bytes, at).is_err());
        check!(copy_out(at, &bytes).is_err());
        check!(copy_in_string(&mut bytes, at).is_err());
    }
    Ok(())
}
