//! `tcphs report` in a browser: the page is opened from a file, clicked through, and printed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testkit::traffic::{self, Kind};
use tests::browser::Browser;
use tests::{finish, sample, samples, tcphs};

/// The page has its tables.
const READY: &str = "document.documentElement.dataset.ready === 'yes'";
const OPEN: &str = "document.querySelector('dialog').open";
/// Its ladder is there.
const LADDER: &str = "document.querySelector('dialog .ladder svg')";

/// A browser; where there is none, the test is skipped.
fn browser(test: &str) -> Option<Browser> {
    let browser = Browser::start();
    if browser.is_none() {
        testkit::skip!(test, "no Chromium is here");
    }
    browser
}

fn report(folder: &TempDir, arguments: &[&str], files: &[PathBuf]) -> PathBuf {
    let page = folder.path().join("report.html");
    finish(tcphs().arg("report").args(arguments).args(files).arg("--output").arg(&page));
    page
}

/// Opens a page and waits for its tables.
#[track_caller]
fn open(browser: &mut Browser, page: &Path, place: &str) {
    browser.open(page, place);
    browser.wait(READY);
    // The page listened before, so it has followed an address that stands there.
    browser.value(
        "addEventListener('hashchange', () => \
         (document.documentElement.dataset.at = location.hash)); null",
    );
}

/// Waits until the page shows what another address says. The address itself changes earlier.
#[track_caller]
fn arrive(browser: &mut Browser, address: &str) {
    browser.wait(&format!("document.documentElement.dataset.at?.includes('{address}')"));
}

#[track_caller]
fn is_quiet(browser: &mut Browser) {
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// The texts of the cells of a column.
fn column(browser: &mut Browser, table: &str, place: usize) -> Vec<String> {
    let cells = format!(
        "[...document.querySelectorAll('#{table}-box tbody tr')]\
         .map((row) => row.cells[{place}]?.textContent ?? '')"
    );
    let texts = browser.value(&cells);
    texts.as_array().into_iter().flatten().map(|it| it.as_str().unwrap_or("").to_owned()).collect()
}

fn count(browser: &mut Browser) -> String {
    browser.text("document.querySelector('#connections-count').textContent")
}

#[test]
fn a_report_is_clicked_through() {
    let Some(mut browser) = browser("a_report_is_clicked_through") else { return };
    let folder = tempfile::tempdir().expect("there is room");
    let page = report(&folder, &[], &samples());
    let rows = tests::rows("connections", &samples()[0]).expect("rows").len();
    assert!(rows > 0);
    browser.resize(1280, 900);
    open(&mut browser, &page, "");

    // Sorting: numbers begin with the greatest.
    let conns = column(&mut browser, "connections", 0);
    assert!(conns.len() > 30, "{conns:?}");
    browser.click("#connections-box th:nth-child(8) button");
    let sort = "document.querySelector('#connections-box th:nth-child(8)').ariaSort";
    assert_eq!(browser.text(sort), "descending");
    let syns: Vec<u32> =
        column(&mut browser, "connections", 7).iter().filter_map(|it| it.parse().ok()).collect();
    assert!(syns.is_sorted_by(|a, b| a >= b) && syns[0] > syns[syns.len() - 1], "{syns:?}");
    browser.click("#connections-box th:nth-child(8) button");
    assert_eq!(browser.text(sort), "ascending");

    // Filtering as one types, and by outcome.
    browser.click("#connections-filter");
    browser.type_text("8080");
    let servers = column(&mut browser, "connections", 3);
    assert!(!servers.is_empty() && servers.iter().all(|it| it.ends_with(":8080")), "{servers:?}");
    browser.type_text(" nothing-like-this");
    assert_eq!(column(&mut browser, "connections", 0), ["No connection matches."]);
    open(&mut browser, &page, "#show&outcome=failed");
    let outcomes = column(&mut browser, "connections", 4);
    assert!(outcomes.len() > 10 && !outcomes.contains(&"complete".into()), "{outcomes:?}");

    // A bar of the plot shows its failures.
    let bar = "document.querySelector('.bars a[href*=failed]')";
    let said = browser.text(&format!("{bar}.ariaLabel"));
    let failures = said.split(": ").nth(1).and_then(|it| it.split(' ').next()).expect("a number");
    browser.click(".bars a[href*=failed] .hit");
    let address = browser.text(&format!("{bar}.getAttribute('href')"));
    arrive(&mut browser, &address);
    assert!(count(&mut browser).starts_with(&format!("{failures} of ")), "{said}");

    // A server shows its connections.
    browser.click("#servers-box tbody a");
    arrive(&mut browser, "server=");
    let servers = column(&mut browser, "connections", 3);
    let server = column(&mut browser, "servers", 0).remove(0);
    assert!(servers.iter().all(|it| *it == server), "{server}: {servers:?}");

    // A connection opens by keyboard; Escape and Back lead back.
    browser.value("document.querySelector('#connections-box tbody a').focus()");
    browser.press("Enter");
    browser.wait(LADDER);
    assert!(browser.text("location.hash").starts_with("#conn-"));
    browser.press("Escape");
    arrive(&mut browser, "server=");
    browser.wait(&format!("!{OPEN}"));
    browser.click("#connections-box tbody tr td:nth-child(5)");
    browser.wait(LADDER);
    browser.value("history.back()");
    browser.wait(&format!("!{OPEN}"));
    is_quiet(&mut browser);
}

#[test]
fn each_address_in_the_page_leads_there() {
    let Some(mut browser) = browser("each_address_in_the_page_leads_there") else { return };
    let folder = tempfile::tempdir().expect("there is room");
    let page = report(&folder, &[], &samples());
    open(&mut browser, &page, "#conn-3");
    browser.wait(LADDER);
    let title = browser.text("document.querySelector('#detail-title').textContent");
    assert!(title.starts_with("Connection 3: "), "{title}");
    let next = "document.querySelector('.checks li, .closer p')";
    browser.wait(next);
    browser.click("#detail-after");
    arrive(&mut browser, "#conn-4");
    browser.click("#detail-close");
    browser.wait(&format!("!{OPEN}"));
    open(&mut browser, &page, "#conn-99999");
    assert_eq!(count(&mut browser), "Connection 99999 is not in this page.");
    open(&mut browser, &page, "#show&q=unreachable");
    let outcomes = column(&mut browser, "connections", 4);
    assert!(!outcomes.is_empty() && outcomes.iter().all(|it| it == "unreachable"), "{outcomes:?}");
    is_quiet(&mut browser);
}

#[test]
fn a_group_of_triage_leads_to_its_connections() {
    let Some(mut browser) = browser("a_group_of_triage_leads_to_its_connections") else { return };
    let folder = tempfile::tempdir().expect("there is room");
    let page = report(&folder, &[], &samples());
    open(&mut browser, &page, "");
    let link = browser.text("document.querySelector('.group .links a[href*=group]').textContent");
    let number = link.split(' ').find(|it| it.parse::<u32>().is_ok()).expect("a number").to_owned();
    browser.click(".group .links a[href*=group]");
    arrive(&mut browser, "group=");
    assert!(count(&mut browser).starts_with(&format!("{number} of ")), "{link}");
    browser.click(".group .links a[href^='#conn-']");
    browser.wait(LADDER);
    is_quiet(&mut browser);
}

#[test]
fn the_page_fits_a_phone_and_paper_and_the_night() {
    let Some(mut browser) = browser("the_page_fits_a_phone_and_paper_and_the_night") else {
        return;
    };
    let folder = tempfile::tempdir().expect("there is room");
    let [client, server] = ["client", "server"].map(|side| {
        let file = sample(&format!("pairs/syn-lost.{side}.pcapng"));
        format!("{side}={}", file.display())
    });
    let of_points = report(&folder, &["--at", &client, "--at", &server], &[]);
    let of_points = fs::copy(&of_points, folder.path().join("points.html"))
        .map(|_| folder.path().join("points.html"))
        .expect("there is room");
    let page = report(&folder, &[], &samples());
    for page in [&page, &of_points] {
        for (width, place) in [(375, ""), (375, "#conn-1"), (320, ""), (1280, "")] {
            browser.resize(width, 800);
            open(&mut browser, page, place);
            if !place.is_empty() {
                browser.wait(LADDER);
            }
            let wide = browser.value("document.documentElement.scrollWidth").as_u64();
            assert!(wide <= Some(width.into()), "{wide:?} pixels at {width}{place}");
            let dialog = browser.value("document.querySelector('dialog').scrollWidth").as_u64();
            assert!(dialog <= Some(width.into()), "{dialog:?} pixels at {width}{place}");
        }
        let background = "getComputedStyle(document.body).backgroundColor";
        browser.colour_scheme("light");
        let (light, by_day) = (browser.text(background), browser.picture());
        browser.colour_scheme("dark");
        let (dark, by_night) = (browser.text(background), browser.picture());
        assert!(light != dark && by_day != by_night, "{light} {dark}");
        // The page on paper has the ladders in it, which the window shows when they are asked for.
        let examples = browser.value("document.querySelectorAll('.example .ladder svg').length");
        assert!(examples.as_u64() > Some(0));
        let paper = browser.print();
        assert!(paper.starts_with(b"%PDF-"), "no PDF");
    }
    is_quiet(&mut browser);
}

#[test]
fn what_it_needs_is_there_without_scripts() {
    let Some(mut browser) = browser("what_it_needs_is_there_without_scripts") else { return };
    let folder = tempfile::tempdir().expect("there is room");
    let page = report(&folder, &[], &samples());
    browser.call("Emulation.setScriptExecutionDisabled", serde_json::json!({ "value": true }));
    browser.open(&page, "");
    let shown = "[...document.querySelectorAll('.group, .bars, .example, noscript')]\
                 .filter((it) => it.getClientRects().length > 0).length";
    assert!(browser.value(shown).as_u64() > Some(5));
    let tables = "document.querySelector('#connections').getClientRects().length";
    assert_eq!(browser.value(tables), 0);
}

#[test]
fn a_hundred_thousand_connections_open_at_once() {
    let Some(mut browser) = browser("a_hundred_thousand_connections_open_at_once") else { return };
    let folder = tempfile::tempdir().expect("there is room");
    let file = folder.path().join("handshakes.pcap");
    traffic::write(&file, Kind::Handshakes, 100_000).expect("there is room");
    let page = report(&folder, &[], &[file]);
    let octets = page.metadata().expect("the page").len();
    assert!(octets < 25_000_000, "{octets} octets");
    let start = Instant::now();
    open(&mut browser, &page, "");
    let took = start.elapsed();
    // It takes under three seconds where nothing else runs; tests run beside others.
    assert!(took < Duration::from_secs(15), "{took:?}");
    println!("{octets} octets, open after {took:?}");
    browser.click("#connections-filter");
    browser.type_text("no_reply");
    let shown = count(&mut browser);
    assert!(shown.contains(" of 100,000 connections"), "{shown}");
    browser.value("document.querySelector('#connections-box tbody a').click()");
    browser.wait("document.querySelector('dialog .ladder svg, dialog pre.cmd')");
    is_quiet(&mut browser);
}

#[test]
fn what_a_capture_says_runs_nowhere() {
    let Some(mut browser) = browser("what_a_capture_says_runs_nowhere") else { return };
    let folder = tempfile::tempdir().expect("there is room");
    let name = "<img src=x onerror=alert(1)><script>alert(2)<∕script>.pcapng";
    let file = folder.path().join(name);
    fs::copy(sample("refused.pcapng"), &file).expect("there is room");
    let page = report(&folder, &[], &[file]);
    browser.open(&page, "#conn-0");
    browser.wait(LADDER);
    assert_eq!(browser.value("document.querySelectorAll('img').length"), 0);
    assert!(browser.text("document.title").starts_with(&*folder.path().to_string_lossy()));
    assert!(Path::new(&browser.text("decodeURIComponent(location.pathname)")) == page);
    is_quiet(&mut browser);
}
