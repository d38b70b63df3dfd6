//! Which block devices there are, by name.
//!
//! Owns: the list; a device that was found stays for ever. Does not own: what is done with them.

use super::disk::{BlockDevice, Disk};
use super::ram::RamDisk;
use super::rule::Rules;
use super::virtio::{self, VirtioDisk};
use super::{bytes, inject};
use crate::shared::NoMemory;
use crate::{log, memory};
use arch::virtio::Unusable;
use boot::{BootInfo, PhysRange};
use spin::Once;

/// The loader's module, and what `ramdisk=` asked for.
static RAM: [Once<Disk<RamDisk>>; 2] = [const { Once::new() }; 2];
const RAM_NAMES: [&str; 2] = ["rd0", "rd1"];

/// The virtio disks.
static VIRTIO: [Once<Disk<VirtioDisk>>; 8] = [const { Once::new() }; 8];
const VIRTIO_NAMES: [&str; 8] = ["vd0", "vd1", "vd2", "vd3", "vd4", "vd5", "vd6", "vd7"];

/// Finds the devices of the machine. Once, by a thread that may sleep.
pub fn init(info: &BootInfo) -> Result<(), NoMemory> {
    bytes::init()?;
    virtio::set_wait(info.arguments.disk_wait);
    if let Some(text) = info.arguments.block_fail {
        match Rules::parse(text) {
            Some(rules) => inject::set(rules),
            None => log!("block_fail={text}: no list of DEVICE:OPERATION:WHERE; nothing will fail"),
        }
    }
    if let Some(module) = info.initrd {
        add_ram(0, module);
    }
    if let Some(range) = memory::ramdisk()
        && let Some(disk) = add_ram(1, range)
    {
        disk.driver.clear();
        log!("rd1: {} KiB", disk.bytes() / 1024);
    }
    for ((disk, name), found) in VIRTIO.iter().zip(VIRTIO_NAMES).zip(arch::virtio::disks(&info.devices)) {
        match found.and_then(|found| VirtioDisk::new(name, found)) {
            Ok(driver) => {
                let disk = disk.call_once(|| Disk::new(name, driver));
                log!("{name}: {} KiB", disk.bytes() / 1024);
            }
            Err(Unusable(why)) => log!("{name}: {why}; it is not used"),
        }
    }
    Ok(())
}

/// A device interrupted. Interrupts are masked.
pub fn interrupt(number: u32) {
    for disk in VIRTIO.iter().filter_map(Once::get) {
        disk.driver.interrupted(number);
    }
}

fn add_ram(index: usize, range: PhysRange) -> Option<&'static Disk<RamDisk>> {
    let disk = Disk::new(RAM_NAMES[index], RamDisk::new(range)?);
    Some(RAM[index].call_once(|| disk))
}

/// The devices, in the order of their names.
pub fn all() -> impl Iterator<Item = &'static dyn BlockDevice> {
    let ram = RAM.iter().filter_map(|disk| disk.get().map(|disk| disk as &dyn BlockDevice));
    ram.chain(VIRTIO.iter().filter_map(|disk| disk.get().map(|disk| disk as &dyn BlockDevice)))
}

/// The device of that name.
pub fn find(name: &str) -> Option<&'static dyn BlockDevice> {
    all().find(|device| device.name() == name)
}
