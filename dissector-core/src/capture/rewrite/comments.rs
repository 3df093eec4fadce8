//! The comments of frames.

use super::super::format::pcapng::{ENHANCED_PACKET, Options};
use super::byte_order::Orders;
use super::frames::FIXED_OCTETS;
use super::output::OPTION_COMMENT;

/// Octets of an option at most.
const MOST_OCTETS: usize = u16::MAX as usize;

/// Replaces the comments that begin with `mark`, in the body of a packet's block, by those of `texts`.
/// `orders` are those of the output on both sides.
pub(super) fn replace(orders: Orders, body: &mut Vec<u8>, mark: &str, texts: &[String]) {
    let captured = body.get(12..).and_then(|it| orders.read_u32(it)).unwrap_or(0) as usize;
    let start = (FIXED_OCTETS + captured).next_multiple_of(4);
    let options = Options { order: orders.from, octets: body.get(start..).unwrap_or(&[]) };
    let is_ours =
        |code: u16, value: &[u8]| code == OPTION_COMMENT && value.starts_with(mark.as_bytes());
    let mut ours = Options { ..options };
    if texts.is_empty() && !ours.any(|(code, value)| is_ours(code, value)) {
        return;
    }
    let mut written = Vec::new();
    for (code, value) in options {
        if !is_ours(code, value) {
            orders.option(ENHANCED_PACKET, code, value, &mut written);
        }
    }
    for text in texts {
        orders.written_option(OPTION_COMMENT, shortened(text).as_bytes(), &mut written);
    }
    if !written.is_empty() {
        orders.end_of_options(&mut written);
    }
    body.resize(start, 0);
    body.extend(written);
}

/// As many whole characters as an option takes.
fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(MOST_OCTETS)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use nom::number::Endianness;

    const MARK: &str = "mark:";

    fn body(orders: Orders, frame: &[u8], options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![0; 12];
        body.extend([orders.u32(frame.len() as u32); 2].as_flattened());
        body.extend(frame);
        body.resize(body.len().next_multiple_of(4), 0);
        let start = body.len();
        options.iter().for_each(|(code, value)| orders.written_option(*code, value, &mut body));
        if body.len() > start {
            orders.end_of_options(&mut body);
        }
        body
    }

    #[test]
    fn others_stay_and_ours_are_replaced() {
        for order in [Endianness::Little, Endianness::Big] {
            let orders = Orders { from: order, to: order };
            let flags = orders.u32(1);
            let before =
                [(1, &b"theirs"[..]), (2, &flags), (1, b"mark: old"), (1, b"a mark: in it")];
            let without = [before[0], before[1], before[3]];
            for frame in [&b""[..], b"1", b"12345678"] {
                let mut made = body(orders, frame, &before);
                replace(orders, &mut made, MARK, &["mark: new".into(), "mark: 2".into()]);
                let ours = [(1, &b"mark: new"[..]), (1, b"mark: 2")];
                assert_eq!(made, body(orders, frame, &[&without[..], &ours].concat()));
                replace(orders, &mut made, MARK, &[]);
                assert_eq!(made, body(orders, frame, &without));

                let mut bare = body(orders, frame, &[]);
                replace(orders, &mut bare, MARK, &["mark: 1".into()]);
                assert_eq!(bare, body(orders, frame, &[(1, b"mark: 1")]));
                replace(orders, &mut bare, MARK, &[]);
                assert_eq!(bare, body(orders, frame, &[]));
            }
        }
    }

    #[test]
    fn a_long_comment_ends_with_a_whole_character() {
        let orders = Orders { from: Endianness::Little, to: Endianness::Little };
        let mut made = body(orders, b"", &[]);
        replace(orders, &mut made, MARK, &["ä".repeat(40_000)]);
        let kept = [(1, "ä".repeat(32_767))];
        let kept = kept.each_ref().map(|(code, text)| (*code, text.as_bytes()));
        assert_eq!(made, body(orders, b"", &kept));
    }
}
