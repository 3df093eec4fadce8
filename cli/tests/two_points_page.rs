//! `docs/TWO-POINTS.md` explains every name that `compare` can say, and asks jq for nothing else.

mod common;

use std::fs;

use common::{stdout, workspace};
use dissector_core::compare::{Change, Fate, JoinedBy, Path};

fn page() -> String {
    fs::read_to_string(workspace().join("docs/TWO-POINTS.md")).expect("the page is there")
}

#[test]
fn every_name_is_explained() {
    let page = page();
    let labels = Path::ALL.iter().map(|it| it.label());
    let labels = labels.chain(Fate::ALL.iter().map(|it| it.label()));
    let labels = labels.chain(JoinedBy::ALL.iter().map(|it| it.label()));
    for label in labels.chain(Change::ALL.iter().map(|it| it.label())) {
        let row = |line: &str| line.starts_with("| ") && line.contains(&format!("`{label}`"));
        assert!(page.lines().any(row), "no table explains {label}");
    }
}

#[test]
fn recipes_ask_for_columns_that_there_are() {
    let rows = stdout(&[
        "compare",
        "--format",
        "csv",
        "samples/pairs/clean.client.pcapng",
        "samples/pairs/clean.server.pcapng",
    ]);
    let columns: Vec<_> = rows.lines().next().expect("a header").split(',').collect();
    let page = page();
    let recipes = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut asked = 0;
    for recipe in recipes.filter(|it| it.contains("rows | jq")) {
        for name in recipe.split('.').skip(1) {
            let end = name.find(|it: char| !it.is_ascii_lowercase() && it != '_');
            let name = &name[..end.unwrap_or(name.len())];
            // `.[0]` and the like.
            if name.is_empty() {
                continue;
            }
            asked += 1;
            assert!(columns.contains(&name), "there is no column {name}");
        }
    }
    assert!(asked > 10, "only {asked} columns are asked for");
}
