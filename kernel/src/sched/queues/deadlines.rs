//! The heap of deadlines: whose wait ends first.
//!
//! Owns: the order. Does not own: what a deadline ends (`queues`).

use super::{NO_DEADLINE, NONE, Queues, ThreadId};

impl Queues {
    /// The earliest deadline of a wait.
    pub fn next_deadline(&self) -> Option<u64> {
        (self.heap_length > 0).then(|| self.slot(ThreadId(self.heap[0])).deadline)
    }

    pub(super) fn heap_push(&mut self, id: ThreadId) {
        let index = self.heap_length;
        self.heap_length += 1;
        self.heap_set(index, id.0);
        self.heap_up(index);
    }

    pub(super) fn heap_remove(&mut self, id: ThreadId) {
        let index = usize::from(self.slot(id).heap_index);
        self.slot_mut(id).heap_index = NONE;
        self.slot_mut(id).deadline = NO_DEADLINE;
        self.heap_length -= 1;
        if index == self.heap_length {
            return;
        }
        self.heap_set(index, self.heap[self.heap_length]);
        self.heap_up(index);
        self.heap_down(index);
    }

    fn heap_set(&mut self, index: usize, id: u16) {
        self.heap[index] = id;
        self.slot_mut(ThreadId(id)).heap_index = index as u16;
    }

    fn heap_deadline(&self, index: usize) -> u64 {
        self.slot(ThreadId(self.heap[index])).deadline
    }

    fn heap_up(&mut self, mut index: usize) {
        while index > 0 {
            let parent = (index - 1) / 2;
            if self.heap_deadline(parent) <= self.heap_deadline(index) {
                return;
            }
            self.heap_swap(parent, index);
            index = parent;
        }
    }

    fn heap_down(&mut self, mut index: usize) {
        loop {
            let mut least = index;
            for child in [2 * index + 1, 2 * index + 2] {
                if child < self.heap_length && self.heap_deadline(child) < self.heap_deadline(least)
                {
                    least = child;
                }
            }
            if least == index {
                return;
            }
            self.heap_swap(least, index);
            index = least;
        }
    }

    fn heap_swap(&mut self, left: usize, right: usize) {
        let (a, b) = (self.heap[left], self.heap[right]);
        self.heap_set(left, b);
        self.heap_set(right, a);
    }
}
