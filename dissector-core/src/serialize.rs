//! Values for serde: enumerations and flags as their names, times in nanoseconds.
//!
//! Plain structures derive theirs; here is what looks different from how it is stored.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::connection::{Annotation, EvidenceSet, FindingSet, States};
use crate::wire::TcpFlags;

/// The words of Wireshark: `SYN, ACK`.
impl Serialize for TcpFlags {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// The labels of its members.
impl Serialize for EvidenceSet {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

/// The labels of its members.
impl Serialize for FindingSet {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

/// The members of a set that are anomalies.
pub(crate) fn anomalies<S: Serializer>(findings: &FindingSet, to: S) -> Result<S::Ok, S::Error> {
    findings.anomalies().serialize(to)
}

impl Serialize for States {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut fields = to.serialize_struct("States", 3)?;
        fields.serialize_field("before", &self.before())?;
        fields.serialize_field("after", &self.after())?;
        fields.serialize_field("proven", &self.proven())?;
        fields.end()
    }
}

impl Serialize for Annotation {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let retry = self.counts_copies().then_some(self.retry);
        let mut fields = to.serialize_struct("Annotation", 14)?;
        fields.serialize_field("connection", &self.connection)?;
        fields.serialize_field("flags", &self.flags)?;
        fields.serialize_field("stage", &self.stage)?;
        fields.serialize_field("copy", &self.copy)?;
        fields.serialize_field("sender", &self.sender)?;
        fields.serialize_field("final_ack", &self.final_ack)?;
        fields.serialize_field("retry", &retry)?;
        fields.serialize_field("rto_ns", &self.rto_ns())?;
        fields.serialize_field("client", &self.client)?;
        fields.serialize_field("server", &self.server)?;
        fields.serialize_field("rst_reason", &self.rst_reason)?;
        fields.serialize_field("rst_acceptable", &self.rst_acceptable())?;
        fields.serialize_field("rst_ttl_delta", &self.rst_ttl_delta())?;
        fields.serialize_field("anomalies", &self.findings.anomalies())?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{ConnectionTable, PacketInfo, Segment};

    #[test]
    fn values_are_names_and_nanoseconds() {
        let packet = PacketInfo::new([10, 0, 0, 1], [10, 0, 0, 2], 5)
            .with_frame(1)
            .with_ttl(64)
            .with_tcp_octets(20);
        let syn = b"\x9c\x40\0\x50\0\0\0\x07\0\0\0\0\x50\x02\xff\xff\0\0\0\0";
        let mut table = ConnectionTable::new();
        let segment = Segment::parse(packet, syn).unwrap();
        let seen = serde_json::to_value(table.observe(&segment)).unwrap();
        assert_eq!(seen["stage"], "SYN");
        assert_eq!(seen["flags"], "SYN");
        let states = json!({ "before": "LISTEN", "after": "SYN-RECEIVED", "proven": false });
        assert_eq!(seen["server"], states);
        assert_eq!((&seen["retry"], &seen["rto_ns"]), (&json!(0), &json!(null)));
        assert_eq!(seen["anomalies"], json!([]));
        let verdict = table.latest().unwrap().verdict_at(10_000_000_000);
        let verdict = serde_json::to_value(verdict).unwrap();
        assert_eq!(verdict["outcome"], "no_reply");
        assert_eq!(verdict["frames"]["syn"], 1);
        assert_eq!(verdict["anomalies"], json!(["no_reply"]));
        let segment = serde_json::to_value(segment).unwrap();
        assert_eq!(segment["packet"]["source"], "10.0.0.1");
        assert_eq!(segment["tcp"]["sequence"], 7);
    }
}
