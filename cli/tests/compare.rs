//! `tcphs compare`, and the ladder and explanation of connections that two points saw.

mod common;

use common::{pair, pairs, run, stderr, stdout};
use serde_json::{Map, Value};

/// The rows of a comparison.
fn rows(arguments: &[&str]) -> Vec<Map<String, Value>> {
    let text = stdout(&[&["compare", "--format", "jsonl"], arguments].concat());
    text.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect()
}

/// `--at client=… --at server=…` for this pair.
fn at(name: &str) -> [String; 4] {
    let [client, server] = pair(name);
    ["--at".into(), format!("client={client}"), "--at".into(), format!("server={server}")]
}

/// What a command says of connection 1 of this pair, the one to which something happens.
fn of_the_second(command: &[&str], name: &str) -> String {
    of_connection("1", command, name)
}

fn of_connection(conn: &str, command: &[&str], name: &str) -> String {
    let at = at(name);
    let at: Vec<_> = at.iter().map(String::as_str).collect();
    stdout(&[command, &["--conn", conn], &at].concat())
}

#[test]
fn the_columns_are_those_of_the_design() {
    const COLUMNS: &str = "conn conn_a conn_b client_addr client_port server_addr server_port translated \
        client_addr_b client_port_b server_addr_b server_port_b outcome outcome_a outcome_b path \
        syn_fate synack_fate final_ack_fate rst_fate joined_by point_a point_b lost_to_server \
        lost_to_client lost_octets_to_server lost_octets_to_client appeared_to_server \
        appeared_to_client changed offset_ns delay_to_server_ns delay_to_client_ns \
        delay_uncertainty_ns";
    let [a, b] = pair("clean");
    let text = stdout(&["compare", "--format", "csv", &a, &b]);
    let header = text.lines().next().expect("a header");
    assert_eq!(header, COLUMNS.split_whitespace().collect::<Vec<_>>().join(","));
}

#[test]
fn numbers_are_places_and_points_have_their_names() {
    for [a, b] in pairs() {
        let (client, server) = (format!("near={a}"), format!("far={b}"));
        for (place, row) in rows(&["--at", &client, "--at", &server]).iter().enumerate() {
            assert_eq!(row["conn"], place, "{a}");
            assert_eq!((&row["point_a"], &row["point_b"]), (&"near".into(), &"far".into()));
        }
    }
}

/// Whichever point is given first, the same happened.
#[test]
fn the_order_of_the_points_changes_no_path() {
    const SAME: [&str; 5] = ["path", "outcome", "lost_to_server", "lost_to_client", "changed"];
    for [a, b] in pairs() {
        let said = |rows: Vec<Map<String, Value>>| {
            let mut said: Vec<_> = rows
                .iter()
                .map(|row| {
                    let ports = ["client_port", "client_port_b"].map(|name| row[name].as_u64());
                    let values: Vec<_> = SAME.iter().map(|name| row[*name].to_string()).collect();
                    (ports.iter().flatten().copied().min(), values)
                })
                .collect();
            said.sort();
            said
        };
        assert_eq!(said(rows(&[&a, &b])), said(rows(&[&b, &a])), "{a}");
    }
}

#[test]
fn filters_take_either_name_of_an_end_and_a_path() {
    let [a, b] = pair("source-nat");
    let all = rows(&[&a, &b]).len();
    assert!(all > 0);
    for name in ["client_addr", "client_addr_b"] {
        let address = rows(&[&a, &b])[0][name].as_str().expect("a name").to_owned();
        assert_eq!(rows(&["--host", &address, &a, &b]).len(), all, "{address}");
    }
    assert!(rows(&["--host", "203.0.113.250", &a, &b]).is_empty());
    let [a, b] = pair("syn-lost");
    let lost = rows(&["--path", "syn_lost", "--path", "synack_lost", &a, &b]);
    assert_eq!(lost.len(), 1);
    assert_eq!(lost[0]["path"], "syn_lost");
    let only = rows(&["--conn", "1", &a, &b]);
    assert_eq!(only, lost);
}

#[test]
fn the_status_tells_of_losses_and_failures() {
    let status = |name: &str, what: &[&str]| {
        let [a, b] = pair(name);
        let arguments: Vec<&str> = what.iter().flat_map(|what| ["--fail-on", what]).collect();
        run(&[&["compare"], &arguments[..], &[&a, &b]].concat()).status.code()
    };
    // It was lost once, and came up all the same.
    assert_eq!(status("syn-lost-once", &["lost"]), Some(3));
    assert_eq!(status("syn-lost-once", &["failed"]), Some(0));
    assert_eq!(status("refused", &["failed"]), Some(3));
    assert_eq!(status("refused", &["lost"]), Some(0));
    assert_eq!(status("syn-lost-once", &["failed", "lost"]), Some(3));
    assert_eq!(status("syn-lost", &[]), Some(0));
    assert_eq!(status("clean", &["failed", "lost"]), Some(0));
}

#[test]
fn what_is_wrong_with_a_pair_is_said() {
    let [client, server] = pair("clean");
    let [other, _] = pair("refused");
    for (files, told) in [
        ([&client, &client], "look like the same capture twice"),
        ([&client, &other], "have no connection in common"),
        ([&client, &server], ""),
    ] {
        let output = run(&["compare", files[0], files[1]]);
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(output.status.success() && said.contains(told), "{files:?}: {said}");
        assert_eq!(told.is_empty(), said.is_empty(), "{files:?}: {said}");
    }
}

#[test]
fn errors_say_what_to_write() {
    let [a, b] = pair("clean");
    let only = format!("client={a}");
    for (arguments, told) in [
        (vec!["compare", &a], "name that of the other"),
        (vec!["compare"], "no captures"),
        (vec!["compare", &a, &b, "--path", "lost"], "syn_lost"),
        (vec!["compare", &a, &b, "--conn", "99"], "there is no connection 99"),
        (vec!["compare", "--by-interface", &a], "no second interface"),
        (vec!["ladder", "--at", &only], "name another"),
        (vec!["ladder"], "required"),
        (vec!["explain", "--at", &only, "--at", "server=-"], "only once"),
    ] {
        let said = stderr(&arguments, 2);
        assert!(said.contains(told), "{arguments:?}: {said}");
    }
}

#[test]
fn ladders_show_what_was_lost_changed_and_made_in_between() {
    for (name, shown) in [
        ("syn-lost", "× "),
        ("mss-clamped", "mss 1460 → 1100"),
        ("rejected-rst", "•"),
        ("source-nat", "client = 203.0.113."),
        ("rejected-icmp", "ICMP administratively prohibited"),
    ] {
        let text = of_the_second(&["ladder"], name);
        assert!(text.contains(shown), "{name}: {text}");
    }
    let clean = of_the_second(&["ladder"], "clean");
    assert!(clean.lines().take_while(|line| !line.is_empty()).count() > 0);
    let drawing = clean.split("The numbers in a lane").next().expect("a part");
    assert!(!drawing.contains(['×', '•', '?']), "{drawing}");
    for (format, shown) in [("svg", "mss 1460 → 1100"), ("mermaid", "mss 1460 → 1100")] {
        let text = of_the_second(&["ladder", "--format", format], "mss-clamped");
        assert!(text.contains(shown), "{format}: {text}");
    }
}

/// The sentences between which lines are broken.
fn sentences(name: &str) -> String {
    on_one_line(&of_the_second(&["explain"], name))
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn explanations_name_the_place() {
    for (name, said) in [
        ("syn-lost", "and none of them got to [server]"),
        ("synack-lost", "dropped on the way back"),
        ("final-ack-lost", "did not get to [server]"),
        ("rejected-rst", "something between [client] and [server] made it"),
        ("reset-to-client", "RST in the server's name"),
        ("mss-clamped", "Changed between [client] and [server]: mss 1460 → 1100"),
        ("source-nat", "At [server], the client is 203.0.113."),
        ("forgotten", "Something on the way has forgotten the connection"),
    ] {
        let text = sentences(name);
        assert!(text.contains(said), "{name}: {text}");
        assert!(text.contains("How sure the clocks are"), "{name}");
    }
    assert!(!sentences("clean").contains("did not get to"));
}

#[test]
fn explanations_say_what_a_change_costs() {
    const NOT_BETWEEN: &str = "it was not between these two points";
    for (name, said) in [
        ("mss-clamped", "(MSS clamping)"),
        ("wscale-stripped", "at most 64 KiB"),
        ("timestamps-stripped", "PAWS"),
        ("sack-stripped", "permission to send SACK was removed"),
        ("ecn-cleared", "ECE and CWR were cleared"),
        ("payload-changed", "what one program reads is not what the other one sent!"),
    ] {
        let text = sentences(name);
        assert!(text.contains(said), "{name}: {text}");
        assert!(!text.contains(NOT_BETWEEN), "{name}: {text}");
    }
    assert!(sentences("clean").contains(NOT_BETWEEN));
}

#[test]
fn explanations_leave_out_what_the_points_exclude() {
    let text = on_one_line(&of_connection("0", &["explain"], "refused"));
    assert!(text.contains("nothing between the points refuses"), "{text}");
    assert!(!text.contains("Does the RST come from the server"), "{text}");
    // Nothing tells whether the point is on the host: a firewall behind it is not excluded.
    assert!(text.contains("if [server] is not on the host, something between the two"), "{text}");
    assert!(text.contains("A firewall rejects the connection"), "{text}");
    // Where nothing happened between the points, no third one is asked for.
    assert!(!text.contains("only a third point"), "{text}");
    assert!(sentences("mss-clamped").contains("only a third point"));
    let injected = sentences("reset-to-client");
    assert!(injected.contains("what the server sent itself with"), "{injected}");
    let two = on_one_line(&of_connection("0", &["explain"], "syn-proxy"));
    assert!(two.contains("the device made it, in the server's name"), "{two}");
}

#[test]
fn three_points_have_a_row_for_each_two_and_one_number() {
    let [a, b] = pair("firewall");
    let names = [format!("a={a}"), format!("b={b}"), format!("c={b}")];
    let [a, b, c] = names.each_ref().map(String::as_str);
    let three = rows(&["--at", a, "--at", b, "--at", c]);
    let two = rows(&["--at", a, "--at", b]);
    assert_eq!(three.len(), 2 * two.len());
    let between = |one: &str, rows: &[Map<String, Value>]| {
        let rows = rows.iter().filter(|row| row["point_a"] == one);
        let said = rows.map(|row| [&row["conn"], &row["path"]].map(Value::to_string));
        said.collect::<Vec<_>>()
    };
    assert_eq!(between("a", &three), between("a", &two));
    for row in three.iter().filter(|row| row["point_a"] == "b") {
        assert_eq!(row["path"], "clean", "{row:?}");
    }
}

/// Neighbours of the way are compared, in whatever order the points are given.
#[test]
fn more_than_two_points_are_put_in_the_order_of_the_way() {
    let [a, b] = pair("firewall");
    let names = [format!("a={a}"), format!("b={b}"), format!("c={b}")];
    let [a, b, c] = names.each_ref().map(String::as_str);
    let told = |points: [&str; 3]| {
        let [first, second, third] = points;
        let text = stdout(&["compare", "--at", first, "--at", second, "--at", third]);
        let (head, _) = text.split_once("Conn").expect("a table");
        let pairs: Vec<_> = rows(&["--at", first, "--at", second, "--at", third])
            .iter()
            .map(|row| [&row["point_a"], &row["point_b"]].map(Value::to_string).concat())
            .collect();
        (head.contains("Order "), pairs)
    };
    let (is_said, pairs) = told([a, b, c]);
    assert!(!is_said);
    // Between b and c no time passes, so that they stay as they were given.
    for given in [[b, a, c], [b, c, a]] {
        let (is_said, found) = told(given);
        assert!(is_said, "{given:?}");
        assert_eq!(found, pairs, "{given:?}");
    }
}

#[test]
fn the_head_says_of_which_two_points_and_the_sum_counts_connections() {
    let [a, b] = pair("firewall");
    let names = [format!("a={a}"), format!("b={b}"), format!("c={b}")];
    let [a, b, c] = names.each_ref().map(String::as_str);
    let text = stdout(&["compare", "--at", a, "--at", b, "--at", c]);
    let count = rows(&["--at", a, "--at", b]).len();
    for said in [
        "Clocks  a – b: ",
        "Joined  b – c: ",
        &format!("\n{count} connections, {} rows: ", 2 * count),
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}

#[test]
fn interfaces_of_a_merged_capture_are_its_points() {
    let [client, server] = pair("syn-lost-once");
    let folder = std::env::temp_dir().join(format!("tcphs-compare-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let merged = folder.join("merged.pcapng").display().to_string();
    let at = [format!("far={server}"), format!("near={client}")];
    run(&["merge", "--at", &at[0], "--at", &at[1], "-o", &merged]);
    let found = rows(&["--by-interface", &merged]);
    let expected = rows(&["--at", &at[0], "--at", &at[1]]);
    std::fs::remove_dir_all(&folder).expect("the folder is there");
    const SAME: [&str; 6] =
        ["point_a", "point_b", "path", "lost_to_server", "lost_to_client", "client_port"];
    let said = |rows: &[Map<String, Value>]| -> Vec<_> {
        rows.iter().map(|row| SAME.map(|name| row[name].to_string())).collect()
    };
    assert_eq!(said(&found), said(&expected));
}
