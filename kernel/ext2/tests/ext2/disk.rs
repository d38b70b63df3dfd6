//! A simulated disk: it keeps what was written and flushed, fails when it is told to, and can be cut off.

use crate::random::Random;
use ext2::{Disk, DiskError};
use std::sync::Mutex;

/// What happened to a disk.
#[derive(Clone, Debug)]
pub enum Event {
    Write(u64, Vec<u8>),
    Flush,
}

/// Which transfers fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failing {
    Nothing,
    /// The transfer after so many others, and no other one.
    One(u64),
    /// From that transfer on, all of them.
    From(u64),
}

struct Inside {
    bytes: Vec<u8>,
    events: Vec<Event>,
    recording: bool,
    transfers: u64,
    failing: Failing,
}

/// The disk.
pub struct SimulatedDisk(Mutex<Inside>);

impl SimulatedDisk {
    pub fn new(bytes: Vec<u8>) -> Self {
        SimulatedDisk(Mutex::new(Inside {
            bytes,
            events: Vec::new(),
            recording: false,
            transfers: 0,
            failing: Failing::Nothing,
        }))
    }

    /// From now on every write and flush is remembered.
    pub fn record(&self) {
        self.0.lock().unwrap().recording = true;
    }

    /// Remembered events so far.
    pub fn position(&self) -> usize {
        self.0.lock().unwrap().events.len()
    }

    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().events.clone()
    }

    /// What a reader sees now.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().bytes.clone()
    }

    /// Counts transfers from 0 again and fails those.
    pub fn fail(&self, failing: Failing) {
        let mut inside = self.0.lock().unwrap();
        inside.transfers = 0;
        inside.failing = failing;
    }

    pub fn transfers(&self) -> u64 {
        self.0.lock().unwrap().transfers
    }
}

impl Inside {
    fn transfer(&mut self) -> Result<(), DiskError> {
        let now = self.transfers;
        self.transfers += 1;
        match self.failing {
            Failing::One(at) if now == at => Err(DiskError),
            Failing::From(at) if now >= at => Err(DiskError),
            _ => Ok(()),
        }
    }
}

impl Disk for SimulatedDisk {
    fn read(&self, at: u64, into: &mut [u8]) -> Result<(), DiskError> {
        let mut inside = self.0.lock().unwrap();
        inside.transfer()?;
        let at = usize::try_from(at).map_err(|_| DiskError)?;
        let end = at.checked_add(into.len()).ok_or(DiskError)?;
        into.copy_from_slice(inside.bytes.get(at..end).ok_or(DiskError)?);
        Ok(())
    }

    fn write(&self, at: u64, from: &[u8]) -> Result<(), DiskError> {
        let mut inside = self.0.lock().unwrap();
        inside.transfer()?;
        let start = usize::try_from(at).map_err(|_| DiskError)?;
        let end = start.checked_add(from.len()).ok_or(DiskError)?;
        let place = inside.bytes.get_mut(start..end).ok_or(DiskError)?;
        place.copy_from_slice(from);
        if inside.recording {
            inside.events.push(Event::Write(at, from.to_vec()));
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), DiskError> {
        let mut inside = self.0.lock().unwrap();
        inside.transfer()?;
        if inside.recording {
            inside.events.push(Event::Flush);
        }
        Ok(())
    }
}

/// A disk as power cuts leave it: what was flushed, and any of the writes since.
pub struct Cuts {
    /// What survives for certain.
    durable: Vec<u8>,
    since: Vec<(u64, Vec<u8>)>,
    position: usize,
}

impl Cuts {
    pub fn new(start: Vec<u8>) -> Self {
        Cuts {
            durable: start,
            since: Vec::new(),
            position: 0,
        }
    }

    /// Goes on to before event `position`.
    pub fn advance(&mut self, events: &[Event], position: usize) {
        for event in &events[self.position..position] {
            match event {
                Event::Write(at, bytes) => self.since.push((*at, bytes.clone())),
                Event::Flush => {
                    for (at, bytes) in self.since.drain(..) {
                        write(&mut self.durable, at, &bytes);
                    }
                }
            }
        }
        self.position = position;
    }

    /// Cuts the power here: each write since the last flush is there or not. `kept` in 4 of them are.
    pub fn cut(&self, random: &mut Random, kept: u64) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (at, written) in &self.since {
            if random.below(4) < kept {
                write(&mut bytes, *at, written);
            }
        }
        bytes
    }
}

impl Cuts {
    /// Writes since the last flush.
    pub fn pending(&self) -> usize {
        self.since.len()
    }

    /// Cuts the power here: the writes whose bits are set in `subset` are there.
    pub fn subset(&self, subset: u64) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (index, (at, written)) in self.since.iter().enumerate() {
            if subset >> index.min(63) & 1 != 0 {
                write(&mut bytes, *at, written);
            }
        }
        bytes
    }
}

fn write(bytes: &mut [u8], at: u64, from: &[u8]) {
    let at = at as usize;
    bytes[at..at + from.len()].copy_from_slice(from);
}
