//! The ring of one virtio disk: what was asked, what was answered.
//!
//! Owns: the queue that driver and device share, the slots of requests under way, the device's start and restart.
//! Does not own: who waits (`virtio`). Everything here happens under the disk's lock.
//!
//! A slot goes from free to asked, by the device to answered, and by the thread that waited back to free. While it is
//! asked the device may write its header's status and, for a read, its pieces.

use super::super::gather::{PIECES, Piece, Pieces};
use super::super::request::{Access, Operation, Why};
use alloc::vec::Vec;
use arch::dma::{self, Coherent};
use arch::virtio::{Transport, Unusable};
use bitflags::bitflags;
use core::sync::atomic::{Ordering, fence};
use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceStatus, Transport as _};

/// The device's only queue that is used.
const QUEUE: u16 = 0;
/// Descriptors of the queue: two requests of the longest kind.
const DESCRIPTORS: usize = 128;
/// Requests under way at once.
const SLOTS: usize = 16;
/// Bytes of a slot's header: the request, then the status.
const HEADER: usize = 32;
/// Bytes of the request in it.
const REQUEST: usize = 16;
/// What the status is until the device writes one.
const NO_STATUS: u8 = 0xff;

/// Offsets in the device's configuration.
const CAPACITY: usize = 0;
const MOST_SEGMENTS: usize = 12;

bitflags! {
    /// What the device offers and this driver uses.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    struct Features: u64 {
        const MOST_SEGMENTS = 1 << 2;
        const READ_ONLY = 1 << 5;
        const FLUSH = 1 << 9;
        const VERSION_1 = 1 << 32;
    }
}

/// What the device is like.
pub struct Limits {
    /// Its size in blocks of 512 bytes.
    pub blocks: u64,
    /// What it allows.
    pub access: Access,
    /// Whether it knows flushes.
    pub flushes: bool,
    /// Pieces of a request, at most.
    pub pieces: usize,
}

/// Where a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// There is none.
    Free,
    /// The device has it, under this number.
    Asked(u16),
    /// A test wants it never to be answered: the device does not have it.
    Lost,
    /// It is over.
    Answered(Result<(), Why>),
}

struct Slot {
    progress: Progress,
    operation: Operation,
    pieces: Pieces,
    header: &'static mut [u8],
}

type Queue = VirtQueue<Coherent, DESCRIPTORS>;

/// The ring.
pub struct Ring {
    device: arch::virtio::Disk,
    transport: Transport,
    /// `None`: the device could not be started again.
    queue: Option<Queue>,
    slots: Vec<Slot>,
    /// Threads that wait for a free slot.
    pub waiting: u32,
}

impl Ring {
    /// Starts the device. The pool of `arch::dma` has three units for it.
    pub fn new(device: arch::virtio::Disk) -> Result<(Self, Limits), Unusable> {
        let mut transport = device.transport()?;
        let (queue, features) = start(&device, &mut transport)?;
        let limits = limits(&transport, features).ok_or(Unusable("it does not say how large it is"))?;
        let no_memory = Unusable("no memory for its requests");
        let mut slots = Vec::new();
        slots.try_reserve_exact(SLOTS).map_err(|_| no_memory)?;
        let headers = dma::take().ok_or(no_memory)?;
        slots.extend(headers.chunks_exact_mut(HEADER).take(SLOTS).map(|header| Slot {
            progress: Progress::Free,
            operation: Operation::Flush,
            pieces: Pieces::NONE,
            header,
        }));
        let ring = Self {
            device,
            transport,
            queue: Some(queue),
            slots,
            waiting: 0,
        };
        Ok((ring, limits))
    }

    /// Gives the device a request; answers its slot. `None`: there is no room now.
    pub fn ask(&mut self, operation: Operation, block: u64, pieces: &Pieces) -> Result<Option<usize>, Why> {
        let queue = self.queue.as_mut().ok_or(Why::NoAnswer)?;
        let free = self.slots.iter().position(|slot| slot.progress == Progress::Free);
        let (Some(index), true) = (free, queue.available_desc() >= pieces.as_slice().len() + 2) else {
            return Ok(None);
        };
        let slot = &mut self.slots[index];
        slot.operation = operation;
        slot.pieces.copy_from(pieces);
        let kind: u32 = match operation {
            Operation::Read => 0,
            Operation::Write => 1,
            Operation::Flush => 4,
        };
        slot.header[..4].copy_from_slice(&kind.to_le_bytes());
        slot.header[4..8].fill(0);
        slot.header[8..REQUEST].copy_from_slice(&block.to_le_bytes());
        slot.header[REQUEST] = NO_STATUS;
        let token = with_buffers(slot, |inputs, outputs| {
            // SAFETY: header and pieces are left alone until `collect` has taken the answer or `restart` has reset
            // the device: the slot is not free before, and the caller of the request keeps the frames.
            unsafe { queue.add(inputs, outputs) }
        });
        // There is room, and no buffer is empty.
        let token = token.map_err(|_| Why::Device)?;
        slot.progress = Progress::Asked(token);
        // The device must see the request before we see whether it wants to be told: else both may wait.
        fence(Ordering::SeqCst);
        if queue.should_notify() {
            self.transport.notify(QUEUE);
        }
        Ok(Some(index))
    }

    /// Takes a slot for a request that is never made.
    pub fn lose(&mut self) -> Option<usize> {
        let index = self.slots.iter().position(|slot| slot.progress == Progress::Free)?;
        self.slots[index].progress = Progress::Lost;
        Some(index)
    }

    /// Where the request in a slot is.
    pub fn progress(&self, slot: usize) -> Progress {
        self.slots[slot].progress
    }

    /// Its answer has been heard.
    pub fn release(&mut self, slot: usize) {
        self.slots[slot].progress = Progress::Free;
    }

    /// Takes the device's answers; calls `answered` with each slot.
    pub fn collect(&mut self, mut answered: impl FnMut(usize)) {
        self.transport.ack_interrupt();
        let Some(queue) = &mut self.queue else { return };
        while let Some(token) = queue.peek_used() {
            let asked = |slot: &Slot| slot.progress == Progress::Asked(token);
            // An answer to what nobody asked: the device is broken, and patience will end.
            let Some(index) = self.slots.iter().position(asked) else { return };
            let slot = &mut self.slots[index];
            let taken = with_buffers(slot, |inputs, outputs| {
                // SAFETY: the same buffers as in `ask`: neither header nor pieces changed since.
                unsafe { queue.pop_used(token, inputs, outputs) }
            });
            slot.progress = Progress::Answered(match (taken, slot.header[REQUEST]) {
                (Ok(_), 0) => Ok(()),
                (Ok(_), 2) => Err(Why::Unsupported),
                _ => Err(Why::Device),
            });
            answered(index);
        }
    }

    /// Resets the device and starts it again: what it has not answered fails. Calls `answered` with each such slot, and
    /// answers how many they are.
    pub fn restart(&mut self, mut answered: impl FnMut(usize)) -> usize {
        // From here on the device touches no memory (Virtio 1.2, §2.4.2); until it says so nobody may go on.
        self.transport.set_status(DeviceStatus::empty());
        while self.transport.get_status() != DeviceStatus::empty() {
            arch::cpu::relax();
        }
        // Its memory is what the new one is made of.
        self.queue = None;
        self.queue = start(&self.device, &mut self.transport).ok().map(|(queue, _)| queue);
        let mut failed = 0;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if matches!(slot.progress, Progress::Asked(_) | Progress::Lost) {
                slot.progress = Progress::Answered(Err(Why::NoAnswer));
                answered(index);
                failed += 1;
            }
        }
        failed
    }
}

/// Resets a device, agrees on features, gives it a queue and its interrupt, and lets it run.
fn start(device: &arch::virtio::Disk, transport: &mut Transport) -> Result<(Queue, Features), Unusable> {
    let features = transport.begin_init(Features::all());
    device.route();
    let queue = VirtQueue::new(transport, QUEUE, false, false).map_err(|_| Unusable("it takes no queue"))?;
    transport.finish_init();
    Ok((queue, features))
}

fn limits(transport: &Transport, features: Features) -> Option<Limits> {
    let word = |offset| transport.read_config_space::<u32>(offset);
    let blocks = transport.read_consistent(|| Ok(u64::from(word(CAPACITY)?) | u64::from(word(CAPACITY + 4)?) << 32));
    let most = match features.contains(Features::MOST_SEGMENTS) {
        true => word(MOST_SEGMENTS).ok()?,
        false => 1,
    };
    Some(Limits {
        blocks: blocks.ok()?,
        access: if features.contains(Features::READ_ONLY) { Access::ReadOnly } else { Access::ReadWrite },
        flushes: features.contains(Features::FLUSH),
        pieces: PIECES.min(most as usize).max(1),
    })
}

/// Shows a slot's buffers as the queue takes them: what the device reads, and what it writes.
fn with_buffers<O>(slot: &mut Slot, use_: impl for<'a> FnOnce(&'a [&'a [u8]], &'a mut [&'a mut [u8]]) -> O) -> O {
    let (request, status) = slot.header.split_at_mut(REQUEST);
    let status = &mut status[..1];
    let pieces = slot.pieces.as_slice();
    let mut inputs: [&[u8]; PIECES + 1] = [request; PIECES + 1];
    let mut outputs: [&mut [u8]; PIECES + 1] = core::array::from_fn(|_| Default::default());
    let address = |piece: &Piece| (vm::PhysAddr(piece.at), piece.length as usize);
    let (read, written) = match slot.operation {
        Operation::Read => {
            for (output, piece) in outputs.iter_mut().zip(pieces) {
                let (at, length) = address(piece);
                // SAFETY: the bytes are in frames that the request's caller keeps everybody else away from.
                *output = unsafe { dma::bytes_mut(at, length) };
            }
            (1, pieces.len())
        }
        Operation::Write => {
            for (input, piece) in inputs[1..].iter_mut().zip(pieces) {
                let (at, length) = address(piece);
                // SAFETY: as above.
                *input = unsafe { dma::bytes(at, length) };
            }
            (1 + pieces.len(), 0)
        }
        Operation::Flush => (1, 0),
    };
    outputs[written] = status;
    use_(&inputs[..read], &mut outputs[..=written])
}
