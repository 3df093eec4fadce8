//! Texts that differ in little more than their numbers, in few octets.
//!
//! A ladder and an explanation of a hundred thousand connections are a gigabyte. But most of them say the
//! same in the same words, with other numbers. So the words are stored once for all texts that share them,
//! and of each number that differs, a column. Columns that go up and down together are stored once as
//! well: the coordinates of a ladder follow from one silence in it. The page puts them together again.

use std::collections::HashMap;
use std::io::Write;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Value, json};

/// Texts of one pattern that go into a chunk.
const MOST_TEXTS: usize = 400;
/// Octets of texts with different patterns that go into one.
const MOST_OCTETS: usize = 1 << 18;
/// Texts that wait for others of their pattern.
const MOST_WAITING: usize = 30_000;

/// Where a text is: its chunk, and its place in there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    pub chunk: u32,
    pub item: u32,
}

/// The chunks that are complete, and the texts that wait for theirs.
#[derive(Default)]
pub struct Chunks {
    /// Patterns in the order of their first text.
    waiting: Vec<Pattern>,
    /// The place of each in there, by its words.
    places_of: HashMap<Rc<str>, usize>,
    texts: usize,
    chunks: Vec<String>,
    octets: usize,
    places: Vec<(u32, Place)>,
}

/// The texts so far that have these words between their numbers.
struct Pattern {
    /// The text with 0 in place of each number: words have no digits.
    words: Rc<str>,
    /// Of each text, its key and its numbers with blanks in between.
    texts: Vec<(u32, String)>,
}

impl Chunks {
    /// Adds the text of `key`.
    pub fn add(&mut self, key: u32, text: &str) {
        let (words, numbers) = split(text);
        let place = match self.places_of.get(&*words) {
            Some(place) => *place,
            None => {
                let words: Rc<str> = words.into();
                self.waiting.push(Pattern { words: words.clone(), texts: Vec::new() });
                self.places_of.insert(words, self.waiting.len() - 1);
                self.waiting.len() - 1
            }
        };
        let pattern = &mut self.waiting[place];
        pattern.texts.push((key, numbers));
        self.texts += 1;
        if pattern.texts.len() == MOST_TEXTS {
            let texts = std::mem::take(&mut pattern.texts);
            self.texts -= texts.len();
            let words = pattern.words.clone();
            self.write(&[Pattern { words, texts }]);
        } else if self.texts > MOST_WAITING {
            self.flush();
        }
    }

    /// Octets of the chunks that are complete.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// The chunks, each deflated and in base 64, and the place of each text by its key.
    pub fn finish(mut self) -> (Vec<String>, Vec<(u32, Place)>) {
        self.flush();
        (self.chunks, self.places)
    }

    /// Writes all texts that wait.
    fn flush(&mut self) {
        self.places_of.clear();
        self.texts = 0;
        let (mut together, mut octets) = (Vec::new(), 0);
        for pattern in std::mem::take(&mut self.waiting) {
            if pattern.texts.is_empty() {
                continue;
            }
            octets += pattern.words.len();
            octets += pattern.texts.iter().map(|(_, numbers)| numbers.len()).sum::<usize>();
            together.push(pattern);
            if octets > MOST_OCTETS {
                self.write(&std::mem::take(&mut together));
                octets = 0;
            }
        }
        if !together.is_empty() {
            self.write(&together);
        }
    }

    fn write(&mut self, patterns: &[Pattern]) {
        let chunk = self.chunks.len() as u32;
        let keys = patterns.iter().flat_map(|pattern| &pattern.texts).map(|(key, _)| *key);
        self.places.extend((0..).zip(keys).map(|(item, key)| (key, Place { chunk, item })));
        let patterns: Vec<Value> = patterns.iter().map(Pattern::json).collect();
        let packed = packed(&Value::from(patterns).to_string());
        self.octets += packed.len();
        self.chunks.push(packed);
    }
}

impl Pattern {
    /// Words, the number of texts, and the columns: a text where all texts have the same number, a list of
    /// numbers, or an earlier column and what is added to it.
    fn json(&self) -> Value {
        let mut known: HashMap<Vec<i64>, (usize, i64)> = HashMap::new();
        let rows = self.texts.iter().map(|(_, numbers)| numbers.split(' ').collect());
        let rows: Vec<Vec<&str>> = rows.collect();
        let words: Vec<&str> = self.words.split('0').collect();
        let columns = words.len() - 1;
        let columns = (0..columns).map(|place| {
            let column = || rows.iter().map(|row| row[place]);
            let first = column().next().unwrap_or_default();
            if column().all(|number| number == first) {
                return Value::from(first);
            }
            if let Some(numbers) = column().map(canonical).collect::<Option<Vec<i64>>>() {
                let first = numbers[0];
                let shape = numbers.iter().map(|number| number - first).collect();
                match known.get(&shape) {
                    Some((earlier, start)) => return json!([earlier, first - start]),
                    None => known.insert(shape, (place, first)),
                };
            }
            json!([column().collect::<Vec<_>>().join(" ")])
        });
        let columns: Vec<Value> = columns.collect();
        json!({ "w": words, "n": self.texts.len(), "c": columns })
    }
}

/// The number, if its digits are as it would be written.
fn canonical(digits: &str) -> Option<i64> {
    let number: i64 = digits.parse().ok()?;
    let is_written_so = digits.len() < 16 && (digits == "0" || !digits.starts_with('0'));
    is_written_so.then_some(number)
}

/// The text with 0 in place of each number, and the numbers with blanks in between.
fn split(text: &str) -> (String, String) {
    let (mut words, mut numbers) = (String::with_capacity(text.len()), String::new());
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (word, more) = rest.split_at(start);
        let end = more.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(more.len());
        let (number, more) = more.split_at(end);
        words.push_str(word);
        words.push('0');
        if !numbers.is_empty() {
            numbers.push(' ');
        }
        numbers.push_str(number);
        rest = more;
    }
    words.push_str(rest);
    (words, numbers)
}

/// A text deflated, and in base 64.
pub fn packed(text: &str) -> String {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(7));
    // Memory takes everything.
    let _ = encoder.write_all(text.as_bytes());
    STANDARD.encode(encoder.finish().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    /// The texts of a chunk, as the page puts them together.
    fn texts(chunk: &str) -> Vec<String> {
        let octets = STANDARD.decode(chunk).expect("base 64");
        let mut text = String::new();
        flate2::read::ZlibDecoder::new(&octets[..]).read_to_string(&mut text).expect("deflated");
        let patterns: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        let mut texts = Vec::new();
        for pattern in patterns {
            let words: Vec<_> = pattern["w"].as_array().expect("words").iter().collect();
            for item in 0..pattern["n"].as_u64().expect("a number") as usize {
                let mut text = words[0].as_str().expect("a word").to_owned();
                for (place, word) in words[1..].iter().enumerate() {
                    text.push_str(&number(&pattern["c"], place, item));
                    text.push_str(word.as_str().expect("a word"));
                }
                texts.push(text);
            }
        }
        texts
    }

    fn number(columns: &Value, place: usize, item: usize) -> String {
        match &columns[place] {
            Value::String(all) => all.clone(),
            Value::Array(list) => match &list[..] {
                [Value::String(each)] => {
                    each.split(' ').nth(item).expect("one of each text").to_owned()
                }
                [earlier, more] => {
                    let earlier = earlier.as_u64().expect("a place") as usize;
                    let number: i64 = number(columns, earlier, item).parse().expect("a number");
                    (number + more.as_i64().expect("a number")).to_string()
                }
                _ => panic!("a column"),
            },
            _ => panic!("a column"),
        }
    }

    #[test]
    fn every_text_comes_back() {
        let mut chunks = Chunks::default();
        let text = |key: u32| match key % 3 {
            0 => format!("frame {key} at 0.{:06} y={} z={}.0", key * 7, key + 40, 2 * key),
            1 => format!("{key}"),
            _ => format!("no number, or 007{}é {}", key, u64::MAX),
        };
        (0..3000).for_each(|key| chunks.add(key, &text(key)));
        let (chunks, places) = chunks.finish();
        assert!(chunks.len() > 3, "{}", chunks.len());
        let decoded: Vec<_> = chunks.iter().map(|chunk| texts(chunk)).collect();
        assert_eq!(places.len(), 3000);
        for (key, place) in places {
            assert_eq!(decoded[place.chunk as usize][place.item as usize], text(key));
        }
    }

    #[test]
    fn columns_that_move_together_are_stored_once() {
        let mut chunks = Chunks::default();
        (0..50)
            .for_each(|key| chunks.add(key, &format!("a{} b{} c{}", key * key, key * key + 9, 5)));
        let pattern = chunks.waiting[0].json();
        assert_eq!(pattern["c"][1], json!([0, 9]));
        assert_eq!(pattern["c"][2], json!("5"));
    }
}
