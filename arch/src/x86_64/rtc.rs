//! The real-time clock (MC146818): what time it is outside.
//!
//! Owns: the CMOS ports and the calendar. The clock keeps UTC, years 2000–2099.

/// The registers, as read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Reading {
    second: u8,
    minute: u8,
    hour: u8,
    day: u8,
    month: u8,
    year: u8,
}

const BINARY: u8 = 4;
const HOURS_24: u8 = 2;
const AFTERNOON: u8 = 0x80;

/// Seconds since 1970 of what the registers say; `status_b` says how they are coded.
fn seconds(reading: Reading, status_b: u8) -> u64 {
    let value = |raw: u8| {
        u64::from(if status_b & BINARY != 0 {
            raw
        } else {
            (raw >> 4) * 10 + (raw & 15)
        })
    };
    let mut hour = value(reading.hour & !AFTERNOON);
    if status_b & HOURS_24 == 0 {
        hour = hour % 12 + if reading.hour & AFTERNOON != 0 { 12 } else { 0 };
    }
    // Years that begin in March put the leap day at their end.
    let month = value(reading.month);
    let year = 2000 + value(reading.year) - u64::from(month <= 2);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + value(reading.day).saturating_sub(1);
    let days_since_0 = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year;
    let days = days_since_0 - 719_468;
    ((days * 24 + hour) * 60 + value(reading.minute)) * 60 + value(reading.second)
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn register(index: u8) -> u8 {
    use x86::instructions::port::Port;
    // SAFETY: the ports are the PC's CMOS; bit 7 of the index would mask NMI and stays clear.
    unsafe {
        Port::<u8>::new(0x70).write(index);
        Port::<u8>::new(0x71).read()
    }
}

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
fn read() -> Reading {
    Reading {
        second: register(0),
        minute: register(2),
        hour: register(4),
        day: register(7),
        month: register(8),
        year: register(9),
    }
}

/// Seconds since 1970 (UTC), from the real-time clock.
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
pub fn wall_clock() -> u64 {
    const UPDATING: u8 = 0x80;
    // Two equal readings outside an update are a time; a broken clock still ends the loop.
    let mut last = read();
    for _ in 0..1000 {
        if register(10) & UPDATING == 0 {
            let again = read();
            if again == last {
                break;
            }
            last = again;
        }
    }
    seconds(last, register(11))
}

/// Holds the clock's dividers in reset: it stands still, without updates and alarms (MC146818A, register A).
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
pub fn stop() {
    use x86::instructions::port::Port;
    const REGISTER_A: u8 = 10;
    const DIVIDER_RESET: u8 = 0x70;
    let rate = register(REGISTER_A) & 0x0f;
    // SAFETY: as in `register`; nobody reads the time any more.
    unsafe {
        Port::<u8>::new(0x70).write(REGISTER_A);
        Port::<u8>::new(0x71).write(DIVIDER_RESET | rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(year: u8, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Reading {
        Reading {
            second,
            minute,
            hour,
            day,
            month,
            year,
        }
    }

    #[test]
    fn calendar_counts_leap_days() {
        let binary = BINARY | HOURS_24;
        assert_eq!(seconds(reading(0, 1, 1, 0, 0, 0), binary), 946_684_800);
        assert_eq!(seconds(reading(0, 2, 29, 0, 0, 0), binary), 951_782_400);
        assert_eq!(seconds(reading(0, 3, 1, 0, 0, 0), binary), 951_868_800);
        assert_eq!(
            seconds(reading(26, 11, 23, 5, 25, 56), binary),
            1_795_411_556
        );
    }

    #[test]
    fn decimal_and_twelve_hour_codes_are_read() {
        assert_eq!(
            seconds(reading(0x26, 0x11, 0x23, 0x05, 0x25, 0x56), HOURS_24),
            1_795_411_556
        );
        // 12:00 am is hour 0, 12:00 pm is hour 12.
        assert_eq!(seconds(reading(0, 1, 1, 0x12, 0, 0), 0), 946_684_800);
        let noon = seconds(
            Reading {
                month: 1,
                day: 1,
                ..reading(0, 1, 1, 0x92, 0, 0)
            },
            0,
        );
        assert_eq!(noon, 946_684_800 + 12 * 3600);
    }
}
