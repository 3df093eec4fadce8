//! The packet details: a line for the segment, a sentence, a subtree for each end, links.

use dissector_core::connection::Stage;
use tests::{everything, fields, sample, tshark};

/// Our part of the details of one frame of a sample.
fn details(name: &str, frame: usize, passes: &[&str]) -> String {
    let path = sample(name).to_string_lossy().into_owned();
    let text = tshark(&[&["-n", "-r", &path, "-V"], passes].concat());
    let text = text.split("\nFrame ").nth(frame - 1).expect("there is such a frame");
    let start = text.find("TCP Handshake, ").unwrap_or_else(|| panic!("no details: {text}"));
    text[start..].to_owned()
}

#[test]
fn the_summary_line_of_the_details() {
    let text = details("telnet-dns.pcapng", 2, &[]);
    let first = text.lines().next().unwrap();
    assert_eq!(
        first,
        "TCP Handshake, connection 0, 2/3 SYN/ACK, client ESTABLISHED?, server SYN-RECEIVED]"
    );
}

#[test]
fn an_assumed_state_names_the_frame_that_proves_it() {
    let one = details("telnet-dns.pcapng", 1, &[]);
    assert!(one.contains("Server 168.126.63.1:53: LISTEN → SYN-RECEIVED (assumed)]"), "{one}");
    let two = details("telnet-dns.pcapng", 1, &["-2"]);
    assert!(two.contains("LISTEN → SYN-RECEIVED (assumed; certain with frame 2)]"), "{two}");
    assert!(two.contains("[Server state proven in frame: 2]"), "{two}");
    // Later frames in the same state know it too.
    let fourth = details("telnet-dns.pcapng", 4, &["-2"]);
    assert!(fourth.contains("ESTABLISHED (assumed; certain with frame 5)]"), "{fourth}");
    // A state that no segment proves stays assumed.
    let last = details("telnet-dns.pcapng", 11, &["-2"]);
    assert!(last.contains("LAST-ACK → CLOSED (assumed)]"), "{last}");
}

/// The client repeats its SYN after the SYN/ACK, so it was not ESTABLISHED.
#[test]
fn an_assumed_state_names_the_frame_that_refutes_it() {
    let text = details("final-ack-lost.pcapng", 3, &["-2"]);
    assert!(text.contains("(assumed; refuted by frame "), "{text}");
}

/// In every sample, the frame that an assumed state names is one that proves it.
#[test]
fn the_frame_that_is_named_proves_the_state() {
    const COLUMNS: [&str; 3] = ["state", "state.proven", "state.proven_frame"];
    let ends = ["client", "server"];
    let columns: Vec<_> =
        ends.iter().flat_map(|end| COLUMNS.map(|column| format!("tcphs.{end}.{column}"))).collect();
    let mut names = vec!["frame.number", "tcphs.conn"];
    names.extend(columns.iter().map(String::as_str));
    let rows = fields(&["-n", "-r", everything(), "-2", "-Y", "tcphs"], &names);
    let mut named = 0;
    for (nth, end) in ends.iter().enumerate() {
        for row in &rows {
            let (frame, conn) = (&row[0], &row[1]);
            let [state, proven, by] = &row[2 + 3 * nth..][..3] else { panic!("{row:?}") };
            if by.is_empty() {
                continue;
            }
            named += 1;
            let then = rows.iter().find(|row| row[0] == *by).unwrap();
            assert!(["0", "False"].contains(&&**proven), "{end}, frame {frame}");
            assert_eq!((&then[1], &then[2 + 3 * nth]), (conn, state), "{end}, frame {frame}");
            assert!(["1", "True"].contains(&&*then[3 + 3 * nth]), "{end}, frame {frame}");
            assert!(by.parse::<u32>().unwrap() > frame.parse().unwrap());
        }
    }
    assert!(named > 50, "{named}");
}

/// Each stage that a sample shows is explained, in the words of the table.
#[test]
fn a_sentence_explains_the_stage() {
    let mut explained = std::collections::HashSet::new();
    let names = ["tcphs.stage_str", "tcphs.stage.meaning"];
    for row in fields(&["-n", "-r", everything(), "-E", "separator=/t", "-Y", "tcphs"], &names) {
        // Only frames with one segment are compared.
        if row[0].contains(',') {
            continue;
        }
        let stage: Stage = row[0].parse().unwrap();
        assert_eq!(row[1], stage.meaning().unwrap_or_default());
        explained.insert(stage);
    }
    assert!(explained.len() > 15, "{explained:?}");
    let text = details("telnet-dns.pcapng", 1, &[]);
    assert!(text.contains("[Meaning: The client asks the server to open a connection"), "{text}");
}
