//! A capture of what no sample shows: duplicates, a forged RST, aborts, one-way captures and others.

/// Flags as on the wire (RFC 9293 §3.1).
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [10, 0, 0, 2];
const SERVER_PORT: u16 = 80;

/// First sequence number of each client and of the server.
const ISS_CLIENT: u32 = 1000;
const ISS_SERVER: u32 = 5000;

struct Writer {
    octets: Vec<u8>,
    time_us: u64,
    ip_id: u16,
    port: u16,
}

/// A segment; its numbers count from the first of its sender and of its receiver.
#[derive(Clone, Copy)]
struct Sent {
    by_client: bool,
    flags: u8,
    seq: u32,
    ack: u32,
    payload: usize,
    ttl: u8,
}

fn client(flags: u8, seq: u32, ack: u32) -> Sent {
    Sent { by_client: true, flags, seq, ack, payload: 0, ttl: 64 }
}

fn server(flags: u8, seq: u32, ack: u32) -> Sent {
    Sent { by_client: false, ..client(flags, seq, ack) }
}

impl Sent {
    fn carrying(self, payload: usize) -> Self {
        Self { payload, flags: self.flags | PSH, ..self }
    }

    /// IPv4 header, TCP header and payload.
    fn packet(self, port: u16, ip_id: u16) -> Vec<u8> {
        let length = (40 + self.payload) as u16;
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend(ip_id.to_be_bytes());
        packet.extend([0x40, 0, self.ttl, 6, 0, 0]);
        let (from, to) = if self.by_client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
        packet.extend([from, to].concat());
        let (own, other) = if self.by_client {
            ((port, ISS_CLIENT), (SERVER_PORT, ISS_SERVER))
        } else {
            ((SERVER_PORT, ISS_SERVER), (port, ISS_CLIENT))
        };
        packet.extend(own.0.to_be_bytes());
        packet.extend(other.0.to_be_bytes());
        packet.extend((own.1 + self.seq).to_be_bytes());
        let ack = if self.flags & ACK > 0 { other.1 + self.ack } else { 0 };
        packet.extend(ack.to_be_bytes());
        packet.extend([0x50, self.flags, 4, 0, 0, 0, 0, 0]);
        packet.resize(packet.len() + self.payload, b'x');
        packet
    }
}

impl Writer {
    /// Little endian, microseconds, packets that begin with the IP header.
    fn new() -> Self {
        let mut octets = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        octets.extend([2, 0, 4, 0]);
        octets.extend([0; 8]);
        octets.extend(65_535_u32.to_le_bytes());
        octets.extend(101_u32.to_le_bytes());
        Self { octets, time_us: 1_700_000_000_000_000, ip_id: 1, port: 1000 }
    }

    /// The next client.
    fn next(&mut self) {
        self.port += 1;
    }

    /// Records a segment that comes `ms` milliseconds after the one before.
    fn after(&mut self, ms: u64, sent: Sent) {
        self.time_us += ms * 1000;
        self.ip_id += 1;
        self.record(sent);
    }

    fn then(&mut self, sent: Sent) {
        self.after(20, sent);
    }

    /// Records a segment twice, as two mirror ports do.
    fn twice(&mut self, sent: Sent) {
        self.then(sent);
        self.time_us += 10;
        self.record(sent);
    }

    fn record(&mut self, sent: Sent) {
        let packet = sent.packet(self.port, self.ip_id);
        let [seconds, micros] = [self.time_us / 1_000_000, self.time_us % 1_000_000];
        for word in [seconds as u32, micros as u32, packet.len() as u32, packet.len() as u32] {
            self.octets.extend(word.to_le_bytes());
        }
        self.octets.extend(packet);
    }

    fn handshake(&mut self) {
        self.then(client(SYN, 0, 0));
        self.then(server(SYN | ACK, 0, 1));
        self.then(client(ACK, 1, 1));
    }
}

/// The capture as a pcap file.
pub fn capture() -> Vec<u8> {
    let mut file = Writer::new();

    // Frames 1 to 10: everything captured twice.
    file.next();
    for sent in [
        client(SYN, 0, 0),
        server(SYN | ACK, 0, 1),
        client(ACK, 1, 1),
        client(ACK, 1, 1).carrying(5),
        server(ACK, 1, 6),
    ] {
        file.twice(sent);
    }

    // 11 to 18: an RST that did not come from the server, which goes on.
    file.next();
    file.handshake();
    file.then(client(ACK, 1, 1).carrying(5));
    file.then(server(ACK, 1, 6));
    file.then(Sent { ttl: 60, ..server(RST | ACK, 1, 6) });
    file.then(server(ACK, 1, 6).carrying(10));
    file.then(client(ACK, 6, 11));

    // 19 to 21: a scan.
    file.next();
    file.then(client(SYN, 0, 0));
    file.then(server(SYN | ACK, 0, 1));
    file.then(client(RST, 1, 0));

    // 22 and 23: a SYN/ACK for something else.
    file.next();
    file.then(client(SYN, 0, 0));
    file.then(server(SYN | ACK, 0, 500));

    // 24 to 27: the first SYN was lost.
    file.next();
    file.then(client(SYN, 0, 0));
    file.after(1000, client(SYN, 0, 0));
    file.then(server(SYN | ACK, 0, 1));
    file.after(1, client(ACK, 1, 1));

    // 28 to 33: the client has closed, the server goes on.
    file.next();
    file.handshake();
    file.then(client(FIN | ACK, 1, 1));
    file.then(server(ACK, 1, 2));
    file.then(server(ACK, 1, 2).carrying(10));

    // 34 to 36: only the client was captured; 37 and 38: only the server.
    file.next();
    file.then(client(SYN, 0, 0));
    file.then(client(ACK, 1, 1));
    file.then(client(ACK, 1, 1).carrying(5));
    file.next();
    file.then(server(SYN | ACK, 0, 1));
    file.then(server(ACK, 1, 6).carrying(5));

    // 39 to 43: reset after a FIN.
    file.next();
    file.handshake();
    file.then(client(FIN | ACK, 1, 1));
    file.then(server(RST | ACK, 1, 2));

    // 44 to 46: the client is silent.
    file.next();
    file.then(client(SYN, 0, 0));
    file.then(server(SYN | ACK, 0, 1));
    file.after(1000, server(SYN | ACK, 0, 1));
    file.octets
}
