//! The texts for people, compared word for word with committed files. `cargo xtask bless` writes the
//! files anew; look at the difference before you commit it.

mod common;

use common::{pair, stdout, workspace};
use dissector_core::connection::{Advice, Bearing, Cause, Close, Evidence, Outcome, Verdict};
use expect_test::expect_file;

/// Compares the output of the command with a file in `tests/golden`.
fn golden(file: &str, arguments: &[&str]) {
    compare(&format!("cli/tests/golden/{file}"), &stdout(arguments));
}

fn compare(file: &str, said: &str) {
    expect_file![workspace().join(file)].assert_eq(said);
}

const NARRATED: &[&str] = &[
    "telnet-dns",
    "refused",
    "no-reply",
    "not-accepted",
    "abort-on-overflow",
    "final-ack-lost",
    "challenge-ack",
    "fast-open",
    "simultaneous-open",
    "icmp-reject",
    "reset",
    "half-close",
    "midstream",
];

#[test]
fn ladders() {
    for name in NARRATED {
        let sample = format!("samples/{name}.pcapng");
        golden(&format!("ladder-{name}.txt"), &["ladder", &sample]);
    }
}

#[test]
fn explanations() {
    for name in NARRATED {
        let sample = format!("samples/{name}.pcapng");
        golden(&format!("explain-{name}.txt"), &["explain", "--max", "9", &sample]);
    }
}

#[test]
fn tables() {
    let all = ["samples/challenge-ack.pcapng", "samples/icmp-reject.pcapng"];
    for command in ["connections", "packets", "servers"] {
        golden(&format!("{command}.txt"), &[&[command], &all[..]].concat());
    }
}

/// Pairs of captures, with the connection to which something happens.
const COMPARED: &[(&str, &str)] = &[
    ("syn-lost", "1"),
    ("final-ack-lost", "1"),
    ("rejected-icmp", "1"),
    ("reset-to-client", "1"),
    ("mss-clamped", "1"),
    ("firewall", "1"),
    ("forgotten", "1"),
    ("syn-proxy", "0"),
];

#[test]
fn comparisons() {
    for (name, conn) in COMPARED {
        let [client, server] = pair(name);
        golden(&format!("compare-{name}.txt"), &["compare", &client, &server]);
        let at = [format!("client={client}"), format!("server={server}")];
        let of_points = ["--conn", conn, "--at", &at[0], "--at", &at[1]];
        for command in ["ladder", "explain"] {
            let arguments = [&[command], &of_points[..]].concat();
            golden(&format!("{command}-points-{name}.txt"), &arguments);
        }
    }
    let [client, server] = pair("mss-clamped");
    let at = [format!("client={client}"), format!("server={server}")];
    for (format, ending) in [("svg", "svg"), ("mermaid", "mmd")] {
        let arguments =
            ["ladder", "--conn", "1", "--format", format, "--at", &at[0], "--at", &at[1]];
        golden(&format!("mss-clamped.{ending}"), &arguments);
    }
}

/// `docs/OUTCOMES.md`, the page with the advice of `explain` for each outcome.
#[test]
fn the_page_of_outcomes() {
    let mut page = String::from(
        "# Outcomes\n\nWhat each outcome means, where it may come from and what to look at next. \
         `tcphs explain` says the same of a connection\nin a capture, with its addresses filled in, and \
         leaves out the causes that the capture rules out. Written from the engine's own tables\nby \
         `cargo xtask bless`.\n\nEach cause has a name, which rows show \
         in the column `cause` where the connection's own packets decide: something proves the\ncause, or \
         rules out all others. The column `cause_evidence` names what the packets show of it. What each \
         [piece of evidence](#evidence)\nsays stands at the end.\n",
    );
    for &outcome in Outcome::ALL {
        let failed = if outcome.failed() { " (failed)" } else { "" };
        page.push_str(&format!("\n## {outcome}{failed}\n"));
        section(&mut page, outcome.advice());
    }
    page.push_str("\n# How connections end\n");
    for &close in Close::ALL {
        if let Some(advice) = close.advice() {
            page.push_str(&format!("\n## {close}\n"));
            section(&mut page, advice);
        }
    }
    for (title, advice) in Verdict::SPECIAL_ENDS {
        page.push_str(&format!("\n## {title}\n"));
        section(&mut page, advice);
    }
    evidence(&mut page);
    compare("docs/OUTCOMES.md", &page);
}

/// The sentence of each piece of evidence.
fn evidence(page: &mut String) {
    page.push_str(
        "\n# Evidence\n\nWhat a capture shows of the cause. Evidence in other connections is in no row: rows \
         depend on a connection's own packets.\n\n| name | what it says | seen in |\n|---|---|---|\n",
    );
    for evidence in Evidence::ALL {
        let place = if evidence.is_of_others() {
            "other connections: only `explain` says it"
        } else {
            "its own packets"
        };
        page.push_str(&format!("| `{evidence}` | {} | {place} |\n", evidence.text()));
    }
}

/// The evidence that bears on a cause, as a list below it.
fn bearings(page: &mut String, cause: Cause) {
    for (bearing, title) in [
        (Bearing::Proves, "proved by"),
        (Bearing::SpeaksFor, "for it"),
        (Bearing::SpeaksAgainst, "against it"),
        (Bearing::Excludes, "ruled out by"),
    ] {
        let all = Evidence::ALL.iter();
        let names: Vec<_> = all
            .filter(|evidence| evidence.bearing_on(cause) == Some(bearing))
            .map(|evidence| format!("`{evidence}`"))
            .collect();
        if !names.is_empty() {
            page.push_str(&format!("  - {title}: {}\n", names.join(", ")));
        }
    }
}

fn section(page: &mut String, advice: &Advice) {
    page.push_str(&format!("\n{}\n", advice.means));
    if !advice.causes.is_empty() {
        page.push_str("\nLikely causes:\n\n");
        for cause in advice.causes {
            page.push_str(&format!("- `{cause}`: {}\n", cause.text()));
            bearings(page, *cause);
        }
    }
    if !advice.checks.is_empty() {
        page.push_str("\nTo check:\n\n");
    }
    for check in advice.checks {
        let command = match check.command {
            "" => String::new(),
            command => format!(" `{command}`"),
        };
        page.push_str(&format!("- {}{command}\n", check.what));
    }
}

#[test]
fn pictures() {
    let sample = "samples/not-accepted.pcapng";
    golden("not-accepted.svg", &["ladder", "--format", "svg", sample]);
    golden("not-accepted.mmd", &["ladder", "--format", "mermaid", sample]);
}

#[test]
fn colours_change_nothing_else() {
    for command in ["connections", "packets", "servers", "ladder", "explain"] {
        let sample = "samples/accept-queue-full.pcapng";
        let coloured = stdout(&[command, "--color", "always", sample]);
        assert!(coloured.contains("\u{1b}["), "{command}");
        let plain = stdout(&[command, sample]);
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain, "{command}");
        assert!(plain.lines().all(|line| line == line.trim_end()), "{command}: {plain}");
    }
}
