//! Captures that try to be more than texts in the page.

use std::fs;
use std::path::Path;

use super::report;

const SYN: u8 = 0x02;
const RST_ACK: u8 = 0x14;

/// A capture of a SYN, and of an RST with a text.
pub fn capture(path: &Path, text: &[u8]) -> String {
    let mut file = Vec::from(b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0");
    let hosts = [[198, 18, 7, 1], [198, 18, 9, 2]];
    let sent = [(0_usize, SYN, [100_u32, 0], &b""[..]), (1, RST_ACK, [0, 101], text)];
    for (from, flags, numbers, payload) in sent {
        let octets = 40 + payload.len() as u16;
        for word in [1_700_000_000, from as u32 * 1000, octets.into(), octets.into()] {
            file.extend(word.to_le_bytes());
        }
        file.extend([0x45, 0]);
        file.extend(octets.to_be_bytes());
        file.extend([0, 1, 0, 0, 64, 6, 0, 0]);
        file.extend([hosts[from], hosts[1 - from]].concat());
        let ports = [40_000_u16, 80];
        [ports[from], ports[1 - from]].iter().for_each(|port| file.extend(port.to_be_bytes()));
        numbers.iter().for_each(|number| file.extend(number.to_be_bytes()));
        file.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        file.extend(payload);
    }
    fs::write(path, file).expect("there is room");
    path.display().to_string()
}

#[test]
fn texts_of_segments_and_names_of_files_stay_texts() {
    let folder = tempfile::tempdir().expect("there is room");
    let name = "<\u{2028}script>alert(1)<img src=x onerror=alert(2)> {{META}} \"'.pcap";
    let text = b"</script><script>alert(3)</script><!-- <img src=x onerror=alert(4)>";
    let file = capture(&folder.path().join(name), text);
    let page = report(&[&file]);
    let detail = page.detail(0).expect("an explanation");
    assert!(detail.contains("&lt;/script&gt;&lt;script&gt;alert(3)"), "{detail}");
    let everything = page.everything();
    for live in ["<script>alert", "<img", "<!--"] {
        assert!(!everything.contains(live), "{live}");
    }
    assert_eq!(page.text.matches("<script>").count(), 1);
    assert_eq!(page.text.matches("{{META}}").count(), page.text.matches("alert(1)").count());
    // JavaScript once took these for ends of lines.
    let (_, meta) = page.text.split_once("id=\"meta\">").expect("an element");
    assert!(!meta.split_once("</script>").expect("its end").0.contains(['\u{2028}', '\u{2029}']));
    let (_, [script, style]) = page.policy();
    let plain = report(&["samples/refused.pcapng"]);
    assert_eq!(plain.policy().1, [script, style], "the page has another script");
}
