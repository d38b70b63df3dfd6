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
mod tests;
