//! Relations against plain models.

use super::*;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::vec::Vec;

fn spawn(table: &mut Table<i32>, parent: Option<Pid>) -> Pid {
    let pid = table.allocate().unwrap();
    table.enter(pid, parent, pid.0);
    pid
}

fn any(table: &mut Table<i32>, parent: Pid) -> Reaped<i32> {
    table.reap(parent, None, |_| true, Stops::Ignore)
}

#[test]
fn a_child_is_reaped_once_by_its_parent() {
    let mut table = Box::new(Table::new());
    let init = spawn(&mut table, None);
    let child = spawn(&mut table, Some(init));
    assert!(matches!(any(&mut table, init), Reaped::Busy));
    assert!(matches!(any(&mut table, child), Reaped::None));
    let mourners = table.exit(child, 0x700, |_| {});
    assert_eq!((mourners.parent, mourners.adopter), (Some(1), None));
    assert_eq!(table.life(child), Some(Life::Zombie(0x700)));
    assert!(matches!(any(&mut table, init), Reaped::Dead(pid, 0x700, 2) if pid == child));
    assert!(matches!(any(&mut table, init), Reaped::None));
    assert_eq!(table.get(child), None);
}

#[test]
fn orphans_go_to_init_dead_or_alive() {
    let mut table = Box::new(Table::new());
    let init = spawn(&mut table, None);
    let parent = spawn(&mut table, Some(init));
    let alive = spawn(&mut table, Some(parent));
    let dead = spawn(&mut table, Some(parent));
    table.exit(dead, 9, |_| {});
    let mut adopted = Vec::new();
    let mourners = table.exit(parent, 0, |&pid| adopted.push(pid));
    assert_eq!(adopted, [alive.0, dead.0]);
    assert_eq!(mourners.adopter, Some(1));
    assert_eq!(table.parent(alive), Some(init));
    let only = |table: &mut Table<i32>, pid| table.reap(init, Some(pid), |_| true, Stops::Ignore);
    assert!(matches!(only(&mut table, dead), Reaped::Dead(_, 9, _)));
    assert!(matches!(only(&mut table, alive), Reaped::Busy));
    assert!(matches!(only(&mut table, dead), Reaped::None));
}

#[test]
fn a_stop_is_reported_once_and_only_if_asked_for() {
    let mut table = Box::new(Table::new());
    let init = spawn(&mut table, None);
    let first = spawn(&mut table, Some(init));
    let second = spawn(&mut table, Some(init));
    for child in [first, second] {
        table.stop(child, 0x117f);
        assert!(matches!(any(&mut table, init), Reaped::Busy));
        let report = table.reap(init, None, |_| true, Stops::Report);
        assert!(matches!(report, Reaped::Stopped(pid, 0x117f) if pid == child));
        assert!(matches!(
            table.reap(init, None, |_| true, Stops::Report),
            Reaped::Busy
        ));
    }
}

#[test]
fn numbers_go_round_and_the_table_fills() {
    let mut table = Box::new(Table::new());
    let init = spawn(&mut table, None);
    let mut last = init;
    for _ in 0..MAXIMUM_PID as usize {
        let child = spawn(&mut table, Some(init));
        assert_ne!(child, last);
        last = child;
        table.exit(child, 0, |_| {});
        assert!(matches!(any(&mut table, init), Reaped::Dead(..)));
    }
    let mut made = 0;
    while let Some(pid) = table.allocate() {
        assert!(pid.0 > 1);
        made += 1;
    }
    assert_eq!(made, MAXIMUM_PROCESSES - 2);
    assert_eq!(table.get(Pid(-5)), None);
    assert_eq!(table.get(Pid(0)), None);
}

#[test]
fn random_lives_agree_with_a_model() {
    let mut table = Box::new(Table::new());
    let init = spawn(&mut table, None);
    // pid -> (parent, dead)
    let mut model: BTreeMap<Pid, (Pid, bool)> = BTreeMap::new();
    let mut state = 7u64;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    for _ in 0..30_000 {
        let alive: Vec<Pid> = core::iter::once(init)
            .chain(
                model
                    .iter()
                    .filter(|(_, life)| !life.1)
                    .map(|(&pid, _)| pid),
            )
            .collect();
        let one = alive[random(alive.len())];
        match random(3) {
            0 if alive.len() < 60 && model.len() < 500 => {
                let child = spawn(&mut table, Some(one));
                model.insert(child, (one, false));
            }
            1 if one != init => {
                table.exit(one, 1, |_| {});
                model.get_mut(&one).unwrap().1 = true;
                model
                    .values_mut()
                    .filter(|life| life.0 == one)
                    .for_each(|life| life.0 = init);
            }
            _ => {
                let children: Vec<(Pid, bool)> = model
                    .iter()
                    .filter(|(_, life)| life.0 == one)
                    .map(|(&pid, life)| (pid, life.1))
                    .collect();
                match any(&mut table, one) {
                    Reaped::Dead(pid, ..) => {
                        assert!(children.contains(&(pid, true)));
                        model.remove(&pid);
                    }
                    Reaped::Busy => {
                        assert!(!children.is_empty() && children.iter().all(|child| !child.1))
                    }
                    Reaped::None => assert!(children.is_empty()),
                    Reaped::Stopped(..) => unreachable!(),
                }
            }
        }
        for (&pid, life) in &model {
            assert_eq!(table.parent(pid), Some(life.0));
        }
    }
}
