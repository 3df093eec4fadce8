//! A page, taken apart as a browser does it.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub struct Page {
    pub text: String,
    pub meta: Value,
    pub rows: Value,
    /// Ladders and explanations, by chunk.
    chunks: Vec<Vec<String>>,
}

impl Page {
    pub fn read(text: String) -> Self {
        let meta = serde_json::from_str(element(&text, "meta")).expect("JSON");
        let rows = inflated(element(&text, "rows"));
        let chunks = (0..).map_while(|number| {
            let id = format!("chunk-{number}");
            text.contains(&format!("id=\"{id}\"")).then(|| texts(&inflated(element(&text, &id))))
        });
        let chunks = chunks.collect();
        Self { text, meta, rows, chunks }
    }

    /// A column of the table of connections.
    pub fn column(&self, name: &str) -> &Vec<Value> {
        self.rows[name].as_array().unwrap_or_else(|| panic!("no column {name}"))
    }

    /// Ladder and explanation of a row.
    pub fn detail(&self, row: usize) -> Option<&str> {
        let chunk = usize::try_from(self.column("chunk")[row].as_i64().expect("a number")).ok()?;
        let item = self.column("item")[row].as_u64().expect("a number") as usize;
        Some(&self.chunks[chunk][item])
    }

    /// Everything that a reader of the file can get out of it.
    pub fn everything(&self) -> String {
        let details = self.chunks.iter().flatten().map(String::as_str);
        let rows = self.rows.to_string();
        [&self.text[..], &rows].into_iter().chain(details).collect::<Vec<_>>().join("\n")
    }

    /// The policy, and the hashes of the elements that it has to allow.
    pub fn policy(&self) -> (&str, [String; 2]) {
        let (_, policy) =
            self.text.split_once("Content-Security-Policy\" content=\"").expect("a policy");
        let (policy, _) = policy.split_once('"').expect("an end");
        let hash = |begin: &str, end: &str| {
            let (_, content) = self.text.split_once(begin).expect("an element");
            let (content, _) = content.split_once(end).expect("its end");
            STANDARD.encode(Sha256::digest(content))
        };
        (policy, [hash("<script>", "</script>"), hash("<style>", "</style>")])
    }
}

/// The content of the script element with this id.
fn element<'p>(page: &'p str, id: &str) -> &'p str {
    let (_, content) =
        page.split_once(&format!("id=\"{id}\">")).unwrap_or_else(|| panic!("no {id}"));
    content.split_once("</script>").expect("an end").0
}

fn inflated(packed: &str) -> Value {
    let octets = STANDARD.decode(packed).expect("base 64");
    let mut text = String::new();
    flate2::read::ZlibDecoder::new(&octets[..]).read_to_string(&mut text).expect("deflated text");
    serde_json::from_str(&text).expect("JSON")
}

/// The texts of a chunk: words with numbers between them.
fn texts(chunk: &Value) -> Vec<String> {
    let mut texts = Vec::new();
    for pattern in chunk.as_array().expect("patterns") {
        let words: Vec<&str> = pattern["w"]
            .as_array()
            .expect("words")
            .iter()
            .map(|it| it.as_str().expect("text"))
            .collect();
        for item in 0..pattern["n"].as_u64().expect("a number") as usize {
            let mut text = words[0].to_owned();
            for (place, word) in words[1..].iter().enumerate() {
                text.push_str(&number(&pattern["c"], place, item));
                text.push_str(word);
            }
            texts.push(text);
        }
    }
    texts
}

fn number(columns: &Value, place: usize, item: usize) -> String {
    let column = &columns[place];
    if let Some(same) = column.as_str() {
        return same.into();
    }
    if let Some(list) = column[0].as_str() {
        return list.split(' ').nth(item).expect("a number for each text").into();
    }
    let earlier = column[0].as_u64().expect("a place") as usize;
    let number: i64 = number(columns, earlier, item).parse().expect("a number");
    (number + column[1].as_i64().expect("a number")).to_string()
}
