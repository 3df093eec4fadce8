//! Parses one TCP header and shows everything in it.
//!
//! ```sh
//! cargo run --example header
//! cargo run --example header -- c2dc0035 00000007 00000000 a002ffff 00000000 020405b4 0402080a 00000001 00000000 01030307
//! ```

use std::env;
use std::error::Error;

use dissector_core::wire::TcpHeader;

/// A SYN of Linux.
const SYN: &str =
    "c2dc00350000000700000000a002ffff00000000020405b40402080a000000010000000001030307";

fn main() -> Result<(), Box<dyn Error>> {
    let given: String = env::args().skip(1).collect();
    let octets = octets(if given.is_empty() { SYN } else { &given })?;

    // Nothing is copied or allocated: the header borrows the octets.
    let header = TcpHeader::parse(&octets)?;
    println!("ports    {} → {}", header.source_port, header.destination_port);
    println!("numbers  seq {} ack {}", header.sequence.0, header.acknowledgment.0);
    println!("flags    {} (tcpdump: {})", header.flags, header.flags.tcpdump());
    println!("window   {}", header.window);
    println!(
        "length   {} octets of header, {} of payload",
        header.header_octets(),
        header.payload.len()
    );
    for option in header.options() {
        match option {
            Ok(option) => println!("option   {option:?}"),
            // The options before it are valid.
            Err(error) => println!("options  cannot be read further: {error}"),
        }
    }
    Ok(())
}

fn octets(hexadecimal: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits: Vec<char> = hexadecimal.chars().filter(|c| !c.is_whitespace()).collect();
    let pairs =
        digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16));
    Ok(pairs.collect::<Result<_, _>>()?)
}
