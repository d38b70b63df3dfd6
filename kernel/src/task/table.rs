//! The process table: numbers, parents and children, the dead that wait for their parent.
//!
//! Owns: the relations, in fixed arrays, so that exit and reaping neither allocate nor fail.
//! Does not own: what a process is (`T`), the lock around the table (`task`).

/// The most processes, the kernel's own number 0 included.
pub const MAXIMUM_PROCESSES: usize = 2048;
/// The highest process number.
pub const MAXIMUM_PID: i32 = 99_999;
/// Who adopts orphans.
pub const INIT: Pid = Pid(1);
const NONE: u16 = u16::MAX;

/// A process number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Pid(pub i32);

/// Where a process is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// The number is taken, the process not yet there.
    Making,
    /// It runs.
    Alive,
    /// It ended with this wait status; its parent has not asked yet.
    Zombie(u32),
}

struct Slot<T> {
    pid: Pid,
    life: Life,
    value: Option<T>,
    parent: u16,
    children: u16,
    zombies: u16,
    next: u16,
    previous: u16,
    /// A stop that the parent has not been told of.
    stopped: Option<u32>,
}

/// The table.
pub struct Table<T> {
    slots: [Option<Slot<T>>; MAXIMUM_PROCESSES],
    next: i32,
    count: usize,
}

/// What [`Table::reap`] found.
#[derive(Debug)]
pub enum Reaped<T> {
    /// A dead child, now gone from the table, and its wait status.
    Dead(Pid, u32, T),
    /// A child that stopped, and its wait status.
    Stopped(Pid, u32),
    /// Children that match run on.
    Busy,
    /// No child matches.
    None,
}

/// Whom an exit concerns.
pub struct Mourners<T> {
    /// The parent, who gets SIGCHLD.
    pub parent: Option<T>,
    /// Init, if it adopted somebody.
    pub adopter: Option<T>,
}

impl<T: Clone> Table<T> {
    /// No processes.
    pub const fn new() -> Self {
        Self {
            slots: [const { None }; MAXIMUM_PROCESSES],
            next: 1,
            count: 0,
        }
    }

    /// Takes a number for a process that is being made.
    pub fn allocate(&mut self) -> Option<Pid> {
        if self.count >= MAXIMUM_PROCESSES - 1 {
            return None;
        }
        loop {
            let pid = Pid(self.next);
            self.next = if self.next == MAXIMUM_PID {
                1
            } else {
                self.next + 1
            };
            let index = index(pid);
            if index != 0 && self.slots[index].is_none() {
                self.slots[index] = Some(Slot {
                    pid,
                    life: Life::Making,
                    value: None,
                    parent: NONE,
                    children: NONE,
                    zombies: NONE,
                    next: NONE,
                    previous: NONE,
                    stopped: None,
                });
                self.count += 1;
                return Some(pid);
            }
        }
    }

    /// Gives a number back whose process did not come to be.
    pub fn abandon(&mut self, pid: Pid) {
        debug_assert!(self.slot(pid).is_some_and(|slot| slot.life == Life::Making));
        self.slots[index(pid)] = None;
        self.count -= 1;
    }

    /// The process of an allocated number is there.
    pub fn enter(&mut self, pid: Pid, parent: Option<Pid>, value: T) {
        let parent = parent.and_then(|parent| self.slot(parent).map(|_| index(parent) as u16));
        let Some(slot) = &mut self.slots[index(pid)] else {
            return;
        };
        slot.life = Life::Alive;
        slot.value = Some(value);
        if let Some(parent) = parent {
            self.attach(index(pid) as u16, parent);
        }
    }

    /// The process of that number, alive or zombie.
    pub fn get(&self, pid: Pid) -> Option<&T> {
        self.slot(pid)?.value.as_ref()
    }

    /// Where it is in its life.
    pub fn life(&self, pid: Pid) -> Option<Life> {
        Some(self.slot(pid)?.life)
    }

    /// A process's parent.
    pub fn parent(&self, pid: Pid) -> Option<Pid> {
        let parent = self.slot(pid)?.parent;
        self.at(parent).map(|slot| slot.pid)
    }

    /// All processes that are there, zombies too, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (Pid, Life, &T)> {
        let slots = self.slots.iter().flatten();
        slots.filter_map(|slot| Some((slot.pid, slot.life, slot.value.as_ref()?)))
    }

    /// The same from a slot on, each with its slot.
    pub fn iter_from(&self, slot: usize) -> impl Iterator<Item = (usize, Life, &T)> {
        let slots = self.slots.iter().enumerate().skip(slot);
        slots.filter_map(|(at, slot)| {
            let slot = slot.as_ref()?;
            Some((at, slot.life, slot.value.as_ref()?))
        })
    }

    /// A process stopped; its parent may be told.
    pub fn stop(&mut self, pid: Pid, status: u32) {
        if let Some(slot) = self.slot_mut(pid) {
            slot.stopped = Some(status);
        }
    }

    /// A process goes on; a stop that was not told is forgotten.
    pub fn go_on(&mut self, pid: Pid) {
        if let Some(slot) = self.slot_mut(pid) {
            slot.stopped = None;
        }
    }

    /// A process ends: it becomes a zombie, its children become init's. `adopted` is called with
    /// each of them.
    pub fn exit(&mut self, pid: Pid, status: u32, mut adopted: impl FnMut(&T)) -> Mourners<T> {
        let here = index(pid) as u16;
        let init = index(INIT) as u16;
        let mut adopts = false;
        for which in [Which::Children, Which::Zombies] {
            while let Some(child) = self.first(here, which) {
                self.detach(child);
                let has_init = init != here && self.slot(INIT).is_some();
                if has_init {
                    self.attach(child, init);
                    adopts |= which == Which::Zombies;
                }
                if let Some(value) = self.at(child).and_then(|slot| slot.value.as_ref()) {
                    adopted(value);
                }
            }
        }
        let parent = self.at(here).map_or(NONE, |slot| slot.parent);
        if parent != NONE {
            self.detach(here);
        }
        if let Some(slot) = &mut self.slots[usize::from(here)] {
            slot.life = Life::Zombie(status);
            slot.stopped = None;
        }
        if parent != NONE {
            self.attach(here, parent);
        }
        Mourners {
            parent: self.at(parent).and_then(|slot| slot.value.clone()),
            adopter: if adopts {
                self.get(INIT).cloned()
            } else {
                None
            },
        }
    }

    /// Takes a dead child of `parent` that `matches` out of the table; a stopped one is reported
    /// once, where `stops` asks for it.
    pub fn reap(
        &mut self,
        parent: Pid,
        only: Option<Pid>,
        mut matches: impl FnMut(&T) -> bool,
        stops: Stops,
    ) -> Reaped<T> {
        let here = index(parent) as u16;
        let mut found = false;
        for which in [Which::Zombies, Which::Children] {
            let mut at = match only {
                Some(pid) => self.child(here, pid, which),
                None => self.first(here, which),
            };
            while let Some(slot) = at.and_then(|at| self.at(at)) {
                if slot.value.as_ref().is_some_and(&mut matches) {
                    let pid = slot.pid;
                    if which == Which::Zombies {
                        return self.bury(pid);
                    }
                    found = true;
                    if let (Stops::Report, Some(status)) = (stops, slot.stopped) {
                        self.go_on(pid);
                        return Reaped::Stopped(pid, status);
                    }
                    if stops == Stops::Ignore {
                        break;
                    }
                }
                at = Some(slot.next).filter(|_| only.is_none());
            }
        }
        if found { Reaped::Busy } else { Reaped::None }
    }

    /// A child of `here`, if that is what `pid` is, in that state.
    fn child(&self, here: u16, pid: Pid, which: Which) -> Option<u16> {
        let slot = self.slot(pid)?;
        (slot.parent == here && Which::of(slot.life) == which).then_some(index(pid) as u16)
    }

    /// Takes a zombie out of the table.
    fn bury(&mut self, pid: Pid) -> Reaped<T> {
        let at = index(pid);
        self.detach(at as u16);
        let slot = self.slots[at].take();
        self.count -= 1;
        match slot {
            Some(Slot {
                life: Life::Zombie(status),
                value: Some(value),
                ..
            }) => Reaped::Dead(pid, status, value),
            _ => Reaped::None,
        }
    }

    fn first(&self, here: u16, which: Which) -> Option<u16> {
        let slot = self.at(here)?;
        let first = match which {
            Which::Children => slot.children,
            Which::Zombies => slot.zombies,
        };
        (first != NONE).then_some(first)
    }

    /// Puts a process without parent at the front of the list of `parent` that its life names.
    fn attach(&mut self, child: u16, parent: u16) {
        let Some(slot) = &self.slots[usize::from(child)] else {
            return;
        };
        let which = Which::of(slot.life);
        let first = self.first(parent, which).unwrap_or(NONE);
        if let Some(slot) = &mut self.slots[usize::from(child)] {
            (slot.parent, slot.previous, slot.next) = (parent, NONE, first);
        }
        if let Some(slot) = self
            .slots
            .get_mut(usize::from(first))
            .and_then(Option::as_mut)
        {
            slot.previous = child;
        }
        self.set_first(parent, which, child);
    }

    /// Takes a process out of its parent's lists.
    fn detach(&mut self, child: u16) {
        let Some(slot) = &mut self.slots[usize::from(child)] else {
            return;
        };
        let (parent, previous, next) = (slot.parent, slot.previous, slot.next);
        let which = Which::of(slot.life);
        (slot.parent, slot.previous, slot.next) = (NONE, NONE, NONE);
        if let Some(slot) = self
            .slots
            .get_mut(usize::from(next))
            .and_then(Option::as_mut)
        {
            slot.previous = previous;
        }
        match self
            .slots
            .get_mut(usize::from(previous))
            .and_then(Option::as_mut)
        {
            Some(slot) => slot.next = next,
            None => self.set_first(parent, which, next),
        }
    }

    fn set_first(&mut self, parent: u16, which: Which, first: u16) {
        if let Some(slot) = self
            .slots
            .get_mut(usize::from(parent))
            .and_then(Option::as_mut)
        {
            match which {
                Which::Children => slot.children = first,
                Which::Zombies => slot.zombies = first,
            }
        }
    }

    fn at(&self, index: u16) -> Option<&Slot<T>> {
        self.slots.get(usize::from(index))?.as_ref()
    }

    fn slot(&self, pid: Pid) -> Option<&Slot<T>> {
        self.at(index(pid) as u16).filter(|slot| slot.pid == pid)
    }

    fn slot_mut(&mut self, pid: Pid) -> Option<&mut Slot<T>> {
        self.slots[index(pid)]
            .as_mut()
            .filter(|slot| slot.pid == pid)
    }
}

impl<T: Clone> Default for Table<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a wait reports stopped children.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stops {
    /// It does.
    Report,
    /// It does not.
    Ignore,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Children,
    Zombies,
}

impl Which {
    fn of(life: Life) -> Self {
        match life {
            Life::Zombie(_) => Self::Zombies,
            _ => Self::Children,
        }
    }
}

fn index(pid: Pid) -> usize {
    pid.0.max(0) as usize % MAXIMUM_PROCESSES
}

#[cfg(test)]
mod tests {
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
        let only =
            |table: &mut Table<i32>, pid| table.reap(init, Some(pid), |_| true, Stops::Ignore);
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
}
