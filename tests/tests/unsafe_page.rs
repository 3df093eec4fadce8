//! `docs/UNSAFE.md` has a line for each piece of unsafe code that there is, and for no other.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders that are searched.
const FOLDERS: [&str; 7] =
    ["dissector-core", "c-api", "ffi-plugin", "cli", "testkit", "tests", "xtask"];

/// Pieces of unsafe code by file and by the function, type or block of declarations that they are
/// in; the value is their number. Tests are not counted, because they are not part of a release.
fn pieces() -> BTreeMap<String, BTreeMap<String, usize>> {
    let root = testkit::workspace_root();
    let mut found = BTreeMap::new();
    for file in FOLDERS.iter().flat_map(|folder| sources(&root.join(folder).join("src"))) {
        let source = fs::read_to_string(&file).expect("it can be read");
        let code = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let code = code.split("#[cfg(test)]\npub(crate) mod tests").next().unwrap_or_default();
        let pieces = pieces_of(code);
        if !pieces.is_empty() {
            let name =
                file.strip_prefix(&root).expect("it is below").to_string_lossy().into_owned();
            found.insert(name, pieces);
        }
    }
    found
}

fn pieces_of(code: &str) -> BTreeMap<String, usize> {
    let mut function = "";
    let mut pieces: BTreeMap<String, usize> = BTreeMap::new();
    for line in code.lines() {
        let text = line.trim_start();
        if text.starts_with("//") {
            continue;
        }
        if let Some((_, name)) = text.split_once("fn ") {
            let end = name.find(['(', '<']).unwrap_or(name.len());
            function = &name[..end];
        }
        let implementation = text.strip_prefix("unsafe impl").map(|rest| {
            let rest = rest.split_once("> ").map_or(rest, |(_, rest)| rest);
            rest.trim().trim_end_matches(" {}").to_owned()
        });
        if let Some(name) = implementation {
            *pieces.entry(name).or_default() += 1;
        } else if text.starts_with("unsafe extern \"C\" {") {
            *pieces.entry("extern".to_owned()).or_default() += 1;
        } else {
            let blocks = text.matches("unsafe {").count();
            if blocks > 0 {
                *pieces.entry(function.to_owned()).or_default() += blocks;
            }
        }
    }
    pieces
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The pieces that the page lists: a heading per file, and below it a line per place, "* `place`
/// (2): …" for more than one piece.
fn listed(page: &str) -> BTreeMap<String, BTreeMap<String, usize>> {
    let mut listed: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    let mut file = String::new();
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("### `") {
            name.trim_end_matches('`').clone_into(&mut file);
        } else if line.starts_with("## ") {
            file.clear();
        } else if let Some(rest) = line.strip_prefix("* `").filter(|_| !file.is_empty()) {
            let (place, rest) = rest.split_once('`').expect("the name of a place ends");
            let (count, argument) = rest.split_once(": ").expect("a line has an argument");
            assert!(argument.len() > 10, "{file} {place}: {argument}");
            let count = count.trim_matches([' ', '(', ')']);
            let count = if count.is_empty() { 1 } else { count.parse().expect("a number") };
            let before = listed.entry(file.clone()).or_default().insert(place.to_owned(), count);
            assert_eq!(before, None, "{file} {place} is listed twice");
        }
    }
    listed
}

#[test]
fn every_piece_of_unsafe_code_is_argued_for() {
    let page = testkit::workspace_root().join("docs/UNSAFE.md");
    let page = fs::read_to_string(page).expect("it is there");
    let (pieces, listed) = (pieces(), listed(&page));
    for (file, places) in &pieces {
        assert_eq!(Some(places), listed.get(file), "{file}: the code, and the page");
    }
    assert_eq!(pieces.len(), listed.len(), "{:?}", listed.keys());
    let all: usize = pieces.values().flat_map(BTreeMap::values).sum();
    assert!(page.contains(&format!("{all} pieces")), "there are {all} pieces");
}

#[test]
fn pieces_are_found_where_they_are() {
    let code = "
unsafe impl<T> Send for Cell<T> {}
unsafe extern \"C\" {
    fn there();
}
/// Not unsafe {
pub unsafe extern \"C\" fn one(a: *const u8) -> u8 {
    // unsafe { }
    let (a, b) = (unsafe { *a }, unsafe { *a });
    guard(|| {
        unsafe { *a }
    })
}
";
    let expected = [("Send for Cell<T>", 1), ("extern", 1), ("one", 3)];
    let expected = expected.map(|(place, count)| (place.to_owned(), count));
    assert_eq!(pieces_of(code), BTreeMap::from(expected));
}
