//! tshark's packet list: the Info column, filters and expert items.

use dissector_core::connection::Finding;
use testkit::traffic::{self, Kind};
use tests::{everything, made_once, sample, tshark, tshark_without};

/// The Info column of every frame.
fn info(arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["-n", "-o", "gui.column.format:\"Info\",\"%i\""];
    all.extend(arguments);
    tshark(&all).lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn the_telnet_sample_step_by_step() {
    let capture = sample("telnet-dns.pcapng");
    let capture = capture.to_string_lossy();
    for passes in [&[][..], &["-2"]] {
        let mut arguments = vec!["-r", &*capture];
        arguments.extend(passes);
        let info = info(&arguments);
        let starts = |step: &str| info.iter().filter(|line| line.starts_with(step)).count();
        for step in ["1/3 SYN [S] ", "2/3 SYN/ACK [S.] ", "3/3 ACK [.] "] {
            assert_eq!(starts(step), 1, "{step} in {info:#?}");
        }
        for step in ["1/4 FIN [F.] ", "2/4 ACK of FIN [.] ", "3/4 FIN [F.] ", "4/4 ACK of FIN [.] "]
        {
            assert_eq!(starts(step), 1, "{step} in {info:#?}");
        }
        assert!(info[0].starts_with("1/3 SYN [S] client SYN-SENT server SYN-RECEIVED? | "));
        assert!(info[1].starts_with("2/3 SYN/ACK [S.] client ESTABLISHED? server SYN-RECEIVED | "));
        assert!(info[2].starts_with("3/3 ACK [.] client ESTABLISHED server ESTABLISHED? | "));
        // Data segments have no text of ours.
        let plain = info.iter().filter(|line| !line.contains(" | ")).count();
        assert_eq!(plain, info.len() - 7, "{info:#?}");
    }
}

#[test]
fn exactly_one_final_ack() {
    let capture = sample("telnet-dns.pcapng");
    let capture = capture.to_string_lossy();
    for passes in [&[][..], &["-2"]] {
        let mut arguments = vec!["-r", &*capture, "-Y", "tcphs.final_ack"];
        arguments.extend(passes);
        let info = info(&arguments);
        assert_eq!(info.len(), 1, "{info:?}");
        assert!(info[0].starts_with("3/3 ACK"));
    }
}

#[test]
fn a_refused_a_lost_and_a_reset_connection() {
    let shows = |name: &str, text: &str| {
        let capture = sample(name);
        let info = info(&["-r", &capture.to_string_lossy()]);
        assert!(info.iter().any(|line| line.starts_with(text)), "{text} in {info:#?}");
    };
    shows("refused.pcapng", "RST (refusal) [R.] client CLOSED? server CLOSED | ");
    shows(
        "no-reply.pcapng",
        "1/3 SYN (retransmission) [S] client SYN-SENT server SYN-RECEIVED? | ",
    );
    shows("reset.pcapng", "RST [R.] client ");
    shows("ipv6.pcapng", "3/3 ACK [.] client ESTABLISHED server ESTABLISHED? | ");
}

/// Findings are expert items of Wireshark; those that depend on later packets take two passes.
#[test]
fn findings_are_expert_items() {
    let capture = sample("no-reply.pcapng");
    let path = capture.to_string_lossy();
    let run = |arguments: &[&str]| tshark(&[&["-n", "-r", &*path], arguments].concat());
    let listed = run(&["-q", "-z", "expert"]);
    assert!(listed.contains(" SYN sent again\n"), "{listed}");
    assert!(!listed.contains("Nothing acceptable"), "{listed}");
    let listed = run(&["-2", "-q", "-z", "expert"]);
    assert!(listed.contains(" Nothing acceptable answers the SYN\n"), "{listed}");
    // The numbers are in the line of each packet.
    let details = run(&["-2", "-V"]);
    for line in [
        "SYN sent again: copy 1, after 1.03 s; no SYN/ACK has reached its sender yet.]",
        "Nothing acceptable answers the SYN: 4 SYNs in 7.20 s; host down, ",
    ] {
        assert!(details.contains(line), "{line} in {details}");
    }

    let frames = |passes: &[&str], filter: &str| {
        let arguments = [passes, &["-Y", filter, "-T", "fields", "-e", "frame.number"]].concat();
        run(&arguments).split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(frames(&[], "tcphs.expert.syn_retx"), ["2", "3", "4"]);
    assert_eq!(frames(&["-2"], "tcphs.expert.no_reply"), ["4"]);
    // The filters use Wireshark's own fields of expert items.
    let message = "_ws.expert.message contains \"SYN sent again\"";
    assert_eq!(frames(&[], message), ["2", "3", "4"]);
    let warning = "_ws.expert.severity == \"Warning\" && tcp";
    assert_eq!(frames(&[], warning), ["4"]);
}

/// However many packets there are, the list of expert information has a line for each kind of finding,
/// and for each of its severities.
#[test]
fn expert_information_is_grouped() {
    let file = made_once("grouped.pcap", |file| {
        traffic::write(file, Kind::Handshakes, 3000).expect("there is room");
    });
    let cases = [(file.to_string_lossy().into_owned(), 2000), (everything().to_owned(), 50)];
    for (path, least) in cases {
        let listed = tshark(&["-n", "-2", "-q", "-r", &path, "-z", "expert"]);
        // Frequency, group, protocol, summary.
        let ours = listed.lines().filter_map(|line| line.split_once(" TCPHS "));
        let (mut kinds, mut items) = (Vec::new(), 0_u32);
        for (before, summary) in ours {
            let count: Option<u32> =
                before.split_whitespace().next().and_then(|count| count.parse().ok());
            items += count.unwrap_or_else(|| panic!("no frequency: {before}"));
            kinds.push(summary.trim().to_owned());
        }
        assert!(items > least, "{path}: {items} items");
        for kind in &kinds {
            let same = kinds.iter().filter(|other| *other == kind).count();
            // A finding may be a warning in some cases.
            assert!(same <= 2, "{kind}: {listed}");
        }
        assert!(kinds.len() <= Finding::ALL.len() + 2, "{listed}");
    }
}

/// Wireshark's own text stands unchanged behind ours, and the other columns do not change.
#[test]
fn wiresharks_own_columns_stay() {
    let path = everything();
    let columns = "gui.column.format:\"No\",\"%m\",\"Time\",\"%t\",\"From\",\"%s\",\"To\",\"%d\",\
                   \"Protocol\",\"%p\",\"Length\",\"%L\",\"Info\",\"%i\"";
    let arguments = ["-n", "-r", path, "-o", columns];
    let (with, without) = (tshark(&arguments), tshark_without(&arguments));
    let mut ours = 0;
    for (with, without) in with.lines().zip(without.lines()) {
        let tidy = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let (with, without) = (tidy(with), tidy(without));
        let same = match with.split_once(" | ") {
            None => with == without,
            Some((_, info)) => {
                ours += 1;
                without.ends_with(info)
            }
        };
        assert!(same, "{with}\n{without}");
    }
    assert_eq!(with.lines().count(), without.lines().count());
    assert!(ours > 100, "{ours}");
    let fields = ["frame.protocols", "tcp.stream", "tcp.analysis.flags", "tcp.completeness"];
    let mut arguments = vec!["-n", "-r", path, "-T", "fields"];
    arguments.extend(fields.iter().flat_map(|field| ["-e", field]));
    assert_eq!(tshark(&arguments), tshark_without(&arguments));
    let hierarchy = ["-n", "-q", "-r", path, "-z", "io,phs"];
    assert_eq!(tshark(&hierarchy), tshark_without(&hierarchy));
}

#[test]
fn the_disabled_plugin_shows_nothing() {
    let arguments = ["-n", "-r", everything()];
    let disabled = tshark(&[&arguments[..], &["--disable-protocol", "tcphs"]].concat());
    assert_eq!(disabled, tshark_without(&arguments));
}
