//! Values as text, the same in each format that is one.

use std::fmt;
use std::io::Write;
use std::net::IpAddr;

/// Appends a number.
#[inline]
pub fn unsigned(to: &mut Vec<u8>, number: u64) {
    match number {
        // So are many.
        0..10 => to.push(b'0' + number as u8),
        _ => any_unsigned(to, number),
    }
}

/// Appends a number, which may have a sign.
#[inline]
pub fn signed(to: &mut Vec<u8>, number: i64) {
    if number < 0 {
        to.push(b'-');
    }
    unsigned(to, number.unsigned_abs());
}

/// Appends a number above 0.
///
/// Digits are made in a register, and appended in one piece: to copy what has just been written to
/// memory in smaller pieces takes longer than to make it.
#[inline(never)]
fn any_unsigned(to: &mut Vec<u8>, number: u64) {
    const EIGHT: u64 = 100_000_000;
    if number < EIGHT {
        first_digits(to, number);
    } else {
        let (above, last) = (number / EIGHT, number % EIGHT);
        if above < EIGHT {
            first_digits(to, above);
        } else {
            first_digits(to, above / EIGHT);
            eight_digits(to, above % EIGHT);
        }
        eight_digits(to, last);
    }
}

/// Appends a number above 0 of up to eight digits.
#[inline]
fn first_digits(to: &mut Vec<u8>, number: u64) {
    let digits = digits(number);
    let zeros = digits.trailing_zeros() / 8;
    let end = to.len() + 8 - zeros as usize;
    to.extend_from_slice(&(as_text(digits) >> (8 * zeros)).to_le_bytes());
    to.truncate(end);
}

#[inline]
fn eight_digits(to: &mut Vec<u8>, number: u64) {
    to.extend_from_slice(&as_text(digits(number)).to_le_bytes());
}

/// The eight digits of a number below 100,000,000, an octet each, the first one lowest.
#[inline]
fn digits(number: u64) -> u64 {
    // Halves of four digits, each in 32 bits; then pairs, each in 16; then digits. To divide by 100
    // and by 10, numbers so small can be multiplied instead.
    let halves = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((halves * 10_486) >> 20) & 0x7f_0000_007f;
    let pairs = hundreds | ((halves - 100 * hundreds) << 16);
    let tens = ((pairs * 103) >> 10) & 0xf_000f_000f_000f;
    tens | ((pairs - 10 * tens) << 8)
}

const fn as_text(digits: u64) -> u64 {
    digits | u64::from_ne_bytes([b'0'; 8])
}

/// Appends an address.
pub fn address(to: &mut Vec<u8>, address: &IpAddr) {
    let IpAddr::V4(address) = address else { return shown(to, address) };
    for octet in address.octets() {
        let (text, length) = &OCTETS[usize::from(octet)];
        let end = to.len() + length;
        // In one piece: to copy a few octets too many is quicker than to count them.
        to.extend_from_slice(text);
        to.truncate(end);
    }
    to.pop();
}

/// Every octet as text, with a dot behind it, and its length.
static OCTETS: [([u8; 4], usize); 256] = {
    let mut octets = [([b'.'; 4], 0); 256];
    let mut number = 0;
    while number < octets.len() {
        let (text, length) = &mut octets[number];
        let mut divisor = 100;
        while divisor > 0 {
            if number >= divisor || divisor == 1 {
                text[*length] = b'0' + (number / divisor % 10) as u8;
                *length += 1;
            }
            divisor /= 10;
        }
        *length += 1;
        number += 1;
    }
    octets
};

/// Appends what `value` is shown as.
pub fn shown(to: &mut Vec<u8>, value: impl fmt::Display) {
    // Writing to memory does not fail.
    let _ = write!(to, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[track_caller]
    fn check(number: u64) {
        let mut text = Vec::new();
        unsigned(&mut text, number);
        text.push(b' ');
        signed(&mut text, number as i64);
        assert_eq!(text, format!("{number} {}", number as i64).as_bytes());
    }

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        for number in 0..200_000 {
            check(number);
            // Each pair, each half and each eight of the digits.
            check(number * 10_000 + 9_999);
            check(number * 1_000_000_007);
            check(number.wrapping_mul(92_233_720_368_547_758));
            check(u64::MAX - number);
            check((i64::MIN as u64).wrapping_add(number));
        }
        for power in (0..20).map(|exponent| 10_u64.pow(exponent)) {
            (power - 1..=power + 1).for_each(check);
        }
    }

    #[test]
    fn addresses_are_those_of_the_standard_library() {
        for one in 0..=255 {
            for other in [Ipv4Addr::new(one, 0, 9, 10), Ipv4Addr::new(100, 99, 255, one)] {
                let mut text = Vec::new();
                address(&mut text, &other.into());
                assert_eq!(text, other.to_string().as_bytes());
            }
        }
        let mut text = Vec::new();
        address(&mut text, &Ipv6Addr::LOCALHOST.into());
        assert_eq!(text, b"::1");
    }
}
