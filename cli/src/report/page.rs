//! The page: its parts, and the policy that lets only these run.

use serde_json::Value;

use super::html::{Escaped, allowed, json_for_script, scoped};
use crate::ladder::style;

const TEMPLATE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = concat!(
    "\"use strict\";\n(() => {\n",
    include_str!("page/data.js"),
    include_str!("page/table.js"),
    include_str!("page/detail.js"),
    include_str!("page/start.js"),
    "})();\n"
);

/// The contents of a page; all but `title`, `meta` and the chunks are HTML.
#[derive(Default)]
pub struct Contents {
    pub title: String,
    pub headline: String,
    pub facts: String,
    pub notes: String,
    pub triage: String,
    pub time_title: String,
    pub time: String,
    /// A section of its own; empty if nothing was measured.
    pub setup: String,
    pub sample: String,
    pub examples: String,
    pub terms: String,
    pub privacy: String,
    pub meta: Value,
    /// Packed rows and chunks.
    pub rows: String,
    pub chunks: Vec<String>,
}

impl Contents {
    /// The page.
    pub fn page(&self) -> String {
        let style = format!("{STYLE}{}", scoped(&style(), ".ladder"));
        let nav = if self.setup.is_empty() { "" } else { "<a href=\"#setup\">Set-up times</a>" };
        let chunks = self.chunks.iter().enumerate().map(|(number, chunk)| {
            format!("<script type=\"text/plain\" id=\"chunk-{number}\">{chunk}</script>\n")
        });
        let chunks: String = chunks.collect();
        filled(TEMPLATE, |name| match name {
            "SCRIPT_ALLOWED" => allowed(SCRIPT),
            "STYLE_ALLOWED" => allowed(&style),
            "VERSION" => env!("CARGO_PKG_VERSION").into(),
            "TITLE" => Escaped(&self.title).to_string(),
            "STYLE" => style.clone(),
            "SCRIPT" => SCRIPT.into(),
            "HEADLINE" => self.headline.clone(),
            "FACTS" => self.facts.clone(),
            "NOTES" => self.notes.clone(),
            "NAV" => nav.into(),
            "TRIAGE" => self.triage.clone(),
            "TIME_TITLE" => self.time_title.clone(),
            "TIME" => self.time.clone(),
            "SETUP" => self.setup.clone(),
            "SAMPLE" => self.sample.clone(),
            "EXAMPLES" => self.examples.clone(),
            "TERMS" => self.terms.clone(),
            "PRIVACY" => self.privacy.clone(),
            "META" => json_for_script(&self.meta),
            "ROWS" => self.rows.clone(),
            "CHUNKS" => chunks.clone(),
            other => unreachable!("the template has no {other}"),
        })
    }
}

/// A template with contents in place of each `{{NAME}}`. What is filled in is not looked at.
fn filled(template: &str, content: impl Fn(&str) -> String) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { break };
        page.push_str(before);
        page.push_str(&content(name));
        rest = after;
    }
    page.push_str(rest);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_template_is_known_and_none_is_filled_twice() {
        let contents = Contents { headline: "{{META}}".into(), ..Contents::default() };
        let page = contents.page();
        assert!(page.contains("<h1>{{META}}</h1>"));
        assert!(page.ends_with("</html>\n"));
    }
}
