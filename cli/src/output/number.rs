//! Numbers and addresses as text, the same in every text format.

use std::net::IpAddr;

use super::lines::Line;

#[inline(always)]
pub fn unsigned(line: &mut Line<'_>, number: u64) {
    const EIGHT: u64 = 100_000_000;
    match number {
        // Most numbers have one digit.
        0..10 => line.put(&[b'0' + number as u8]),
        10..EIGHT => first_digits(line, number),
        _ => {
            let (above, last) = (number / EIGHT, number % EIGHT);
            if above < EIGHT {
                first_digits(line, above);
            } else {
                first_digits(line, above / EIGHT);
                eight_digits(line, above % EIGHT);
            }
            eight_digits(line, last);
        }
    }
}

#[inline(always)]
pub fn signed(line: &mut Line<'_>, number: i64) {
    if number < 0 {
        line.put(b"-");
    }
    unsigned(line, number.unsigned_abs());
}

/// Writes a number above 0 of up to eight digits.
#[inline(always)]
fn first_digits(line: &mut Line<'_>, number: u64) {
    let digits = digits(number);
    let zeros = digits.trailing_zeros() / 8;
    line.put_first(&(as_text(digits) >> (8 * zeros)).to_le_bytes(), 8 - zeros as usize);
}

#[inline(always)]
fn eight_digits(line: &mut Line<'_>, number: u64) {
    line.put(&as_text(digits(number)).to_le_bytes());
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

#[inline(always)]
pub fn address(line: &mut Line<'_>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, last] =
                address.octets().map(|octet| &OCTETS[usize::from(octet)]);
            for (text, length) in [first, second, third] {
                line.put_first(text, *length);
            }
            line.put_first(&last.0, last.1 - 1);
        }
        IpAddr::V6(address) => line.put(address.to_string().as_bytes()),
    }
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

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    #[track_caller]
    fn check(lines: &mut Lines, number: u64) {
        lines.clear();
        lines.add(|mut line| {
            unsigned(&mut line, number);
            line.put(b" ");
            signed(&mut line, number as i64);
            line
        });
        assert_eq!(lines.as_octets(), format!("{number} {}", number as i64).as_bytes());
    }

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        let lines = &mut Lines::default();
        for number in 0..200_000 {
            check(lines, number);
            // Each pair, each half and each eight of the digits.
            check(lines, number * 10_000 + 9_999);
            check(lines, number * 1_000_000_007);
            check(lines, number.wrapping_mul(92_233_720_368_547_758));
            check(lines, u64::MAX - number);
            check(lines, (i64::MIN as u64).wrapping_add(number));
        }
        for power in (0..20).map(|exponent| 10_u64.pow(exponent)) {
            (power - 1..=power + 1).for_each(|number| check(lines, number));
        }
    }

    #[test]
    fn addresses_are_those_of_the_standard_library() {
        let check = |one: IpAddr| {
            let mut lines = Lines::default();
            lines.add(|mut line| {
                address(&mut line, one);
                line
            });
            assert_eq!(lines.as_octets(), one.to_string().as_bytes());
        };
        for one in 0..=255 {
            check(Ipv4Addr::new(one, 0, 9, 10).into());
            check(Ipv4Addr::new(100, 99, 255, one).into());
        }
        check(Ipv6Addr::LOCALHOST.into());
    }
}
