//! Sorting without memory: quicksort that falls back to heapsort.
//!
//! Owns: the order of exchanges. Does not own: what elements are (`Items`).

/// A row of elements that can be compared and exchanged by number.
pub trait Items {
    /// Whether element `a` comes before element `b`.
    fn less(&mut self, a: usize, b: usize) -> bool;
    /// Exchanges two elements.
    fn swap(&mut self, a: usize, b: usize);
}

/// Below this many elements insertion is fastest.
const SMALL: usize = 12;

/// Sorts the first `count` elements in O(n log n) comparisons.
pub fn sort(items: &mut dyn Items, count: usize) {
    let depth = 2 * (usize::BITS - count.leading_zeros()) as usize;
    quick(items, 0, count, depth);
}

fn quick(items: &mut dyn Items, mut start: usize, mut end: usize, mut depth: usize) {
    while end - start > SMALL {
        if depth == 0 {
            return heap(items, start, end - start);
        }
        depth -= 1;
        let middle = partition(items, start, end);
        // The smaller side by recursion, the larger one by the loop: the stack stays logarithmic.
        if middle - start < end - middle - 1 {
            quick(items, start, middle, depth);
            start = middle + 1;
        } else {
            quick(items, middle + 1, end, depth);
            end = middle;
        }
    }
    for i in start + 1..end.max(start + 1) {
        let mut j = i;
        while j > start && items.less(j, j - 1) {
            items.swap(j, j - 1);
            j -= 1;
        }
    }
}

/// Moves the median of three to its place; answers the place.
fn partition(items: &mut dyn Items, start: usize, end: usize) -> usize {
    let (middle, last) = (start + (end - start) / 2, end - 1);
    if items.less(middle, start) {
        items.swap(middle, start);
    }
    if items.less(last, start) {
        items.swap(last, start);
    }
    if items.less(last, middle) {
        items.swap(last, middle);
    }
    // The pivot waits next to the end; a broken comparison cannot lead outside the row.
    items.swap(middle, last - 1);
    let pivot = last - 1;
    let (mut i, mut j) = (start, pivot);
    loop {
        i += 1;
        while i < pivot && items.less(i, pivot) {
            i += 1;
        }
        j -= 1;
        while j > start && items.less(pivot, j) {
            j -= 1;
        }
        if i >= j {
            break;
        }
        items.swap(i, j);
    }
    items.swap(i, pivot);
    i
}

fn heap(items: &mut dyn Items, start: usize, count: usize) {
    fn sift(items: &mut dyn Items, start: usize, mut root: usize, count: usize) {
        loop {
            let mut child = 2 * root + 1;
            if child >= count {
                return;
            }
            if child + 1 < count && items.less(start + child, start + child + 1) {
                child += 1;
            }
            if !items.less(start + root, start + child) {
                return;
            }
            items.swap(start + root, start + child);
            root = child;
        }
    }
    for root in (0..count / 2).rev() {
        sift(items, start, root, count);
    }
    for end in (1..count).rev() {
        items.swap(start, start + end);
        sift(items, start, 0, end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Row(Vec<u32>);

    impl Items for Row {
        fn less(&mut self, a: usize, b: usize) -> bool {
            self.0[a] < self.0[b]
        }
        fn swap(&mut self, a: usize, b: usize) {
            self.0.swap(a, b);
        }
    }

    fn check(values: Vec<u32>) {
        let mut expected = values.clone();
        expected.sort_unstable();
        let mut row = Row(values);
        let count = row.0.len();
        sort(&mut row, count);
        assert_eq!(row.0, expected);
    }

    #[test]
    fn sorts_every_shape() {
        let mut state = 1u32;
        for count in 0..200usize {
            check((0..count as u32).collect());
            check((0..count as u32).rev().collect());
            check(vec![7; count]);
            check((0..count as u32).map(|i| i % 3).collect());
            let random = (0..count).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state >> 8
            });
            check(random.collect());
        }
    }

    #[test]
    fn heapsort_alone_sorts() {
        let mut row = Row((0..100).map(|i| i * 7919 % 101).collect());
        heap(&mut row, 0, 100);
        assert!(row.0.is_sorted());
    }
}
