//! How elements lie in a chunk.
//!
//! Owns: sizes and offsets, computed at compile time for typed zones.

use crate::chunk;

/// The least distance between elements: a free element holds a list link at offset 8.
pub(crate) const MIN_STRIDE: usize = 16;
/// Elements are aligned to this at most.
pub(crate) const MAX_ALIGN: usize = 128;
/// A chunk that wastes more than an eighth may grow up to this many bytes.
const GROW_LIMIT: usize = 32 * 1024;

/// The shape of a zone's chunks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Geometry {
    /// Bytes of a chunk: a power of two of pages.
    pub chunk_bytes: usize,
    /// Bytes from one element to the next.
    pub stride: usize,
    /// Offset of the first element.
    pub first: usize,
    /// Elements of a chunk.
    pub capacity: usize,
}

impl Geometry {
    /// The smallest chunk that wastes little, for elements of `size` bytes aligned to `align`.
    pub const fn new(size: usize, align: usize, page: usize) -> Self {
        assert!(
            align.is_power_of_two() && align <= MAX_ALIGN,
            "elements of a zone are aligned to at most 128 bytes"
        );
        assert!(
            page.is_power_of_two() && page >= 4096,
            "a page has at least 4096 bytes"
        );
        let align = if align < 8 { 8 } else { align };
        let stride = if size < MIN_STRIDE { MIN_STRIDE } else { size };
        let stride = round_up(stride, align);
        let mut chunk_bytes = page;
        loop {
            let capacity = fit(chunk_bytes, stride, align);
            let waste = chunk_bytes - capacity * stride;
            if capacity > 0 && (waste * 8 <= chunk_bytes || chunk_bytes >= GROW_LIMIT) {
                assert!(
                    capacity < chunk::LINK_LIMIT,
                    "a chunk has fewer elements than there are links"
                );
                return Geometry {
                    chunk_bytes,
                    stride,
                    first: first(capacity, align),
                    capacity,
                };
            }
            chunk_bytes *= 2;
        }
    }

    /// For elements of type `T`.
    pub const fn of<T>(page: usize) -> Self {
        Self::new(size_of::<T>(), align_of::<T>(), page)
    }
}

const fn round_up(n: usize, align: usize) -> usize {
    (n + align - 1) & !(align - 1)
}

const fn first(capacity: usize, align: usize) -> usize {
    round_up(chunk::HEADER_BYTES + capacity * chunk::LINK_BYTES, align)
}

const fn fit(chunk_bytes: usize, stride: usize, align: usize) -> usize {
    let mut capacity = (chunk_bytes - chunk::HEADER_BYTES) / (stride + chunk::LINK_BYTES);
    while capacity > 0 && first(capacity, align) + capacity * stride > chunk_bytes {
        capacity -= 1;
    }
    capacity
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_lie_inside_and_little_is_wasted() {
        for page in [4096, 16384] {
            let step = if cfg!(miri) { 997 } else { 1 };
            for size in (1..6000).step_by(step).chain([8192, 16384, 20000]) {
                for align in [1, 8, 16, 64, 128] {
                    let g = Geometry::new(size, align, page);
                    assert!(
                        g.stride >= size
                            && g.stride.is_multiple_of(align)
                            && g.first.is_multiple_of(align)
                    );
                    assert!(g.first >= chunk::HEADER_BYTES + g.capacity * chunk::LINK_BYTES);
                    assert!(g.capacity >= 1 && g.first + g.capacity * g.stride <= g.chunk_bytes);
                    let waste = g.chunk_bytes - g.capacity * g.stride;
                    assert!(
                        waste * 8 <= g.chunk_bytes || g.chunk_bytes >= GROW_LIMIT,
                        "{size} {align} {g:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn small_elements_take_chunks_of_one_page() {
        for (size, page) in [
            (32, 4096),
            (80, 4096),
            (256, 4096),
            (80, 16384),
            (1024, 16384),
        ] {
            assert_eq!(Geometry::new(size, 8, page).chunk_bytes, page, "{size}");
        }
    }
}
