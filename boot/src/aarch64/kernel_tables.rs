//! The kernel's half of the address space as `boot` leaves it.
//!
//! Owns: which ranges are mapped how: the image by section, the direct map, the devices' windows.
//! Nothing is writable and executable, and what the image maps read-only is so in the direct map
//! too. Does not own: descriptors (`tables`), the map afterwards (`arch::pmap`).

use super::tables::{Attributes, NoFrame, PAGE_SIZE, Tables};
use crate::info::{KernelImage, PhysRange};
use crate::memory::MemoryMap;
use arch::devices::{DeviceRange, Devices};
use arch::layout;

/// The root of the kernel's half, and an empty root for the user's.
///
/// # Safety
/// As `Tables::new`.
///
/// Errors: `take` had no frame.
pub unsafe fn build(
    mut take: impl FnMut() -> Option<u64>,
    ram: &MemoryMap,
    image: &KernelImage,
    devices: &Devices,
) -> Result<(u64, u64), NoFrame> {
    // SAFETY: the caller's promise.
    let empty = unsafe { Tables::new(&mut take)? }.root();
    // SAFETY: the caller's promise.
    let mut tables = unsafe { Tables::new(take)? };

    let physical = |at: u64| image.physical + (at - image.text.start);
    for (range, attributes) in [
        (image.text, Attributes::TEXT),
        (image.rodata, Attributes::RODATA),
        (image.data, Attributes::DATA),
    ] {
        tables.map(
            range.start,
            physical(range.start),
            range.end - range.start,
            attributes,
        )?;
    }
    // What is not writable through the image is not writable through the direct map either.
    let constant = PhysRange {
        start: image.physical,
        end: physical(image.rodata.end),
    };
    for range in merged(ram) {
        let before = PhysRange {
            start: range.start,
            end: range.end.min(constant.start),
        };
        let inside = PhysRange {
            start: range.start.max(constant.start),
            end: range.end.min(constant.end),
        };
        let after = PhysRange {
            start: range.start.max(constant.end),
            end: range.end,
        };
        for (part, attributes) in [
            (before, Attributes::DATA),
            (inside, Attributes::RODATA),
            (after, Attributes::DATA),
        ] {
            if part.start < part.end {
                let size = part.end - part.start;
                tables.map(layout::direct_map(part.start), part.start, size, attributes)?;
            }
        }
    }
    for device in [
        devices.serial,
        devices.distributor,
        devices.cpu_interface,
        devices.clock,
    ]
    .into_iter()
    .flatten()
    .chain(devices.virtio_pages(PAGE_SIZE))
    {
        let DeviceRange { start, size } = device;
        let first = start & !(PAGE_SIZE - 1);
        let end = (start + size).next_multiple_of(PAGE_SIZE);
        tables.map(
            layout::DEVICE_WINDOW_BASE + first,
            first,
            end - first,
            Attributes::DEVICE,
        )?;
    }
    Ok((tables.root(), empty))
}

/// RAM without regard to what it holds.
fn merged(map: &MemoryMap) -> impl Iterator<Item = PhysRange> + '_ {
    let mut ranges = map.ranges().iter().peekable();
    core::iter::from_fn(move || {
        let first = ranges.next()?;
        let mut end = first.end;
        while let Some(next) = ranges.next_if(|next| next.start == end) {
            end = next.end;
        }
        Some(PhysRange {
            start: first.start,
            end,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aarch64::tables::{PAGE_SHIFT, walk};
    use crate::info::{MemoryKind, VirtRange};
    use arch::pmap::format::aarch64::{
        ACCESSED, ATTRIBUTE_DEVICE, PRIVILEGED_NO_EXECUTE, READ_ONLY, USER, USER_NO_EXECUTE,
    };
    use std::alloc::{Layout, alloc};

    const IMAGE: u64 = 0x4020_0000;
    const RAM: PhysRange = PhysRange {
        start: 0x4000_0000,
        end: 0x5000_0000,
    };

    fn image() -> KernelImage {
        let part = |from: u64, to: u64| VirtRange {
            start: layout::IMAGE_BASE + from * 0x4000,
            end: layout::IMAGE_BASE + to * 0x4000,
        };
        KernelImage {
            text: part(0, 5),
            rodata: part(5, 8),
            data: part(8, 20),
            physical: IMAGE,
            slide: 0,
        }
    }

    fn devices() -> Devices {
        Devices {
            serial: Some(DeviceRange {
                start: 0x0900_0000,
                size: 0x1000,
            }),
            distributor: Some(DeviceRange {
                start: 0x0800_0000,
                size: 0x1_0000,
            }),
            cpu_interface: Some(DeviceRange {
                start: 0x0801_0000,
                size: 0x1_0000,
            }),
            ..Devices::default()
        }
    }

    /// Frames of the host stand for physical memory; they are never given back.
    fn frame() -> Option<u64> {
        let layout = Layout::from_size_align(PAGE_SIZE as usize, PAGE_SIZE as usize).unwrap();
        // SAFETY: the layout has a size.
        Some(unsafe { alloc(layout) } as u64)
    }

    fn tables() -> (u64, u64) {
        let mut ram = MemoryMap::new(PAGE_SIZE);
        ram.add(RAM).unwrap();
        // Kinds make no difference.
        ram.mark(
            PhysRange {
                start: IMAGE,
                end: IMAGE + 0x8_0000,
            },
            MemoryKind::Reserved,
        )
        .unwrap();
        // SAFETY: the frames are fresh, and the host's addresses are what the tables use.
        unsafe { build(frame, &ram, &image(), &devices()) }.unwrap()
    }

    /// Physical address, attribute bits and log2 of the span at `at`.
    fn seen(root: u64, at: u64) -> Option<(u64, u64, u32)> {
        // SAFETY: the root is of a finished tree.
        unsafe { walk(root, at) }
    }

    const EXECUTE_NEVER: u64 = PRIVILEGED_NO_EXECUTE | USER_NO_EXECUTE;

    #[test]
    fn the_image_is_mapped_by_section() {
        let (root, _) = tables();
        for page in 0..20u64 {
            let at = layout::IMAGE_BASE + page * 0x4000;
            let (physical, bits, _) = seen(root, at).unwrap();
            assert_eq!(physical, IMAGE + page * 0x4000);
            let expected = match page {
                0..5 => READ_ONLY | USER_NO_EXECUTE,
                5..8 => READ_ONLY | EXECUTE_NEVER,
                _ => EXECUTE_NEVER,
            };
            let asked = READ_ONLY | EXECUTE_NEVER | USER;
            assert_eq!(bits & asked, expected, "page {page}");
            assert_ne!(bits & ACCESSED, 0);
        }
        assert_eq!(seen(root, layout::IMAGE_BASE + 20 * 0x4000), None);
    }

    #[test]
    fn the_direct_map_is_all_ram_and_cannot_write_the_image() {
        let (root, _) = tables();
        let mut at = RAM.start;
        while at < RAM.end {
            let (physical, bits, _) = seen(root, layout::direct_map(at)).unwrap();
            assert_eq!(physical, at);
            assert_eq!(bits & EXECUTE_NEVER, EXECUTE_NEVER);
            let constant = (IMAGE..IMAGE + 8 * 0x4000).contains(&at);
            assert_eq!(bits & READ_ONLY != 0, constant, "{at:#x}");
            at += PAGE_SIZE;
        }
        assert_eq!(seen(root, layout::direct_map(RAM.start - PAGE_SIZE)), None);
        assert_eq!(seen(root, layout::direct_map(RAM.end)), None);
    }

    #[test]
    fn the_direct_map_uses_blocks_where_it_can() {
        let (root, _) = tables();
        let block = if PAGE_SHIFT == 12 { 21 } else { 25 };
        let (_, _, span) = seen(root, layout::direct_map(RAM.end - PAGE_SIZE)).unwrap();
        assert_eq!(span, block);
        // Beside the image's constants there is a page.
        let (_, _, span) = seen(root, layout::direct_map(IMAGE)).unwrap();
        assert_eq!(span, PAGE_SHIFT);
    }

    #[test]
    fn device_windows_are_device_memory() {
        let (root, _) = tables();
        for device in [0x0900_0000, 0x0800_0000, 0x0801_c000] {
            let (physical, bits, _) = seen(root, layout::DEVICE_WINDOW_BASE + device).unwrap();
            assert_eq!(physical, device);
            assert_eq!(bits & 0x1c, ATTRIBUTE_DEVICE);
            assert_eq!(bits & (EXECUTE_NEVER | READ_ONLY), EXECUTE_NEVER);
        }
        assert_eq!(seen(root, layout::DEVICE_WINDOW_BASE + 0x0901_0000), None);
    }

    #[test]
    fn the_user_half_is_empty() {
        let (_, empty) = tables();
        for at in [0, 0x4000_0000, layout::USER_END - PAGE_SIZE] {
            assert_eq!(seen(empty, at), None);
        }
    }

    #[test]
    fn want_of_frames_is_an_error() {
        let mut ram = MemoryMap::new(PAGE_SIZE);
        ram.add(RAM).unwrap();
        for count in 0..6 {
            let mut left = count;
            let take = || {
                left -= 1;
                if left >= 0 { frame() } else { None }
            };
            // SAFETY: as in `tables`.
            let built = unsafe { build(take, &ram, &image(), &devices()) };
            assert_eq!(built, Err(NoFrame), "{count} frames");
        }
    }
}
