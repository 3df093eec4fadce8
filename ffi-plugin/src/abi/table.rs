//! The connection table, for C programs that bring their own packets.

use std::net::{IpAddr, SocketAddr};
use std::ptr;

use dissector_core::ConnectionTable;

use super::{tcphs_annotation, tcphs_segment, tcphs_status};
use crate::boundary::{Guarded, entry, guard};

/// Many TCP connections, told apart by their addresses and ports.
///
/// One thread at a time may use a table.
pub struct tcphs_table {
    guarded: Guarded<ConnectionTable>,
}

/// Which connection a segment belongs to.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_connection {
    /// Number of the connection, from 0 in order of first segment.
    pub id: u32,
    /// Number of the incarnation within its addresses and ports, from 1.
    pub attempt: u16,
    /// Port of the client.
    pub client_port: u16,
    /// Port of the server.
    pub server_port: u16,
    /// What the roles rest on: `enum tcphs_role_basis`.
    pub role_basis: u8,
    /// 4 or 6.
    pub ip_version: u8,
    /// Address of the client, in network order; an IPv4 address is in the first 4 octets.
    pub client: [u8; 16],
    /// Address of the server, likewise.
    pub server: [u8; 16],
}

/// An empty table; null where there is no memory for it. To be freed with `tcphs_table_free`.
#[unsafe(no_mangle)]
pub extern "C" fn tcphs_table_new() -> *mut tcphs_table {
    guard(ptr::null_mut(), || {
        entry("table_new");
        Box::into_raw(Box::new(tcphs_table { guarded: Guarded::new(ConnectionTable::new()) }))
    })
}

/// Frees a table. Null is allowed.
///
/// # Safety
/// `table` comes from `tcphs_table_new` and was not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_free(table: *mut tcphs_table) {
    guard((), || {
        entry("table_free");
        if !table.is_null() {
            // SAFETY: the caller says that it came from Box::into_raw and is still whole.
            drop(unsafe { Box::from_raw(table) });
        }
    });
}

/// Takes in one segment and says what it was. Segments come in the order of the capture.
///
/// # Safety
/// Each pointer is null or valid, and `segment->captured` for `segment->captured_octets` octets.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_observe(
    table: *mut tcphs_table,
    segment: *const tcphs_segment,
    out: *mut tcphs_annotation,
) -> tcphs_status {
    // SAFETY: the caller says that each pointer is null or valid, and nobody else uses the table.
    let (table, segment) = unsafe { (table.as_mut(), segment.as_ref()) };
    let (Some(table), Some(segment), false) = (table, segment, out.is_null()) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    table.guarded.run(|table| {
        entry("table_observe");
        // SAFETY: the caller vouches for `captured` and its length.
        let segment = match unsafe { segment.parse() } {
            Ok(segment) => segment,
            Err(status) => return status,
        };
        let said = table.observe(&segment).into();
        // SAFETY: not null, and valid for writes; what was there may be uninitialised.
        unsafe { out.write(said) };
        tcphs_status::TCPHS_OK
    })
}

/// The connection of the segment observed last; `TCPHS_NOT_FOUND` before the first.
///
/// # Safety
/// Each pointer is null or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tcphs_table_latest(
    table: *mut tcphs_table,
    out: *mut tcphs_connection,
) -> tcphs_status {
    // SAFETY: the caller says that the pointer is null or valid, and nobody else uses the table.
    let (Some(table), false) = (unsafe { table.as_mut() }, out.is_null()) else {
        return tcphs_status::TCPHS_NULL_ARGUMENT;
    };
    table.guarded.run(|table| {
        entry("table_latest");
        let Some(connection) = table.latest() else {
            return tcphs_status::TCPHS_NOT_FOUND;
        };
        let (client, server) = (connection.client(), connection.server());
        let facts = tcphs_connection {
            id: connection.id(),
            attempt: connection.attempt(),
            client_port: client.port(),
            server_port: server.port(),
            role_basis: connection.role_basis().number(),
            ip_version: if client.is_ipv4() { 4 } else { 6 },
            client: octets(client),
            server: octets(server),
        };
        // SAFETY: not null, and valid for writes; what was there may be uninitialised.
        unsafe { out.write(facts) };
        tcphs_status::TCPHS_OK
    })
}

fn octets(endpoint: SocketAddr) -> [u8; 16] {
    match endpoint.ip() {
        IpAddr::V4(address) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&address.octets());
            octets
        }
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_gives_a_status() {
        use tcphs_status::TCPHS_NULL_ARGUMENT;

        let table = tcphs_table_new();
        let (none, nowhere) = (ptr::null(), ptr::null_mut());
        // SAFETY: null is allowed everywhere, and the table is freed once.
        unsafe {
            assert_eq!(tcphs_table_observe(table, none, nowhere), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_table_observe(ptr::null_mut(), none, nowhere), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_table_latest(table, ptr::null_mut()), TCPHS_NULL_ARGUMENT);
            assert_eq!(tcphs_table_latest(ptr::null_mut(), ptr::null_mut()), TCPHS_NULL_ARGUMENT);
            tcphs_table_free(table);
            tcphs_table_free(ptr::null_mut());
        }
    }
}
