//! Other plugins that look at TCP: TRANSUM, MATE and Lua scripts.

use tests::{everything, finish, text, wireshark};

use crate::details::{
    assert_same, assert_theirs_stay, file, has_lua, path, skipped, with, without,
};

/// Whether this Wireshark has a protocol of that filter name.
fn has_protocol(name: &str) -> bool {
    let protocols = text(&finish(wireshark().with_plugin().args(["-G", "protocols"])));
    let has = protocols.lines().any(|line| line.split('\t').nth(2) == Some(name));
    if !has {
        skipped(&format!("this Wireshark has no {name}"));
    }
    has
}

/// Whether some frame has a layer of that name.
fn shows(theirs: &[serde_json::Value], layer: &str) -> bool {
    theirs.iter().any(|frame| frame["_source"]["layers"].get(layer).is_some())
}

/// TRANSUM is a post-dissector too, which needs fields of TCP; it is disabled by default.
#[test]
fn transum() {
    if !has_protocol("transum") {
        return;
    }
    for passes in [&[][..], &["-2"]] {
        let seen = assert_theirs_stay(&[&["--enable-protocol", "transum"], passes].concat());
        // It shows the response time on the request, so it shows nothing in the first pass.
        assert_eq!(shows(&seen.theirs, "transum"), passes == ["-2"]);
        assert_same(&seen.ours, &with(passes).ours, "beside TRANSUM");
    }
}

/// A MATE configuration that groups the segments of a connection by fields from the tree.
const MATE: &str = "
Pdu segment Proto tcp Transport ip {
    Extract address From ip.addr;
    Extract port From tcp.port;
    Extract syn From tcp.flags.syn;
    Extract fin From tcp.flags.fin;
};
Gop session On segment Match (address, address, port, port) {
    Start (syn=1);
    Stop (fin=1);
};
Done;
";

#[test]
fn mate() {
    if !has_protocol("mate") {
        return;
    }
    let config = file(MATE, ".mate");
    let option = format!("mate.config:{}", path(config.path()));
    for passes in [&[][..], &["-2"]] {
        let seen = assert_theirs_stay(&[&["-o", &option], passes].concat());
        assert!(shows(&seen.theirs, "mate"));
        assert_same(&seen.ours, &with(passes).ours, "beside MATE");
    }
}

/// A post-dissector in Lua that adds a field and a word in the Info column, and a listener.
const LUA: &str = "
local flags = Field.new('tcp.flags')
local afterwards = Proto('afterwards', 'Afterwards')
afterwards.fields.flags = ProtoField.uint16('afterwards.flags', 'Flags', base.HEX)
function afterwards.dissector(tvb, pinfo, tree)
    local found = flags()
    if found then
        tree:add(afterwards):add(afterwards.fields.flags, found.value)
        pinfo.cols.info:append(' (afterwards)')
    end
end
register_postdissector(afterwards)

local tap = Listener.new('tcp')
local segments = 0
function tap.packet() segments = segments + 1 end
function tap.draw() io.stderr:write('segments: ' .. segments .. '\\n') end
";

#[test]
fn a_post_dissector_in_lua() {
    if !has_lua() {
        return;
    }
    let script = file(LUA, ".lua");
    let option = format!("lua_script:{}", path(script.path()));
    for passes in [&[][..], &["-2"]] {
        let arguments = [&["-X", &option], passes].concat();
        let seen = assert_theirs_stay(&arguments);
        assert!(shows(&seen.theirs, "afterwards"));
        assert_same(&seen.ours, &with(passes).ours, "beside Lua");

        let listed = |mut tshark: std::process::Command| {
            tshark.args(["-n", "-r", everything()]).args(&arguments);
            let output = finish(&mut tshark);
            (text(&output), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        let (with, counted) = listed(wireshark().with_plugin());
        let (without, counted_without) = listed(wireshark().without_plugin());
        assert_eq!(counted, counted_without);
        assert!(counted.starts_with("segments: "), "{counted}");
        for (with, without) in with.lines().zip(without.lines()) {
            // Our text stands before Wireshark's own, that of the script behind it.
            let tcp = without.ends_with(" (afterwards)");
            let info = with.split_once(" | ").map_or(with, |(_, info)| info);
            assert!(without.ends_with(info) && tcp == with.ends_with(" (afterwards)"), "{with}");
        }
        assert!(with.contains("1/3 SYN [S] ") && with.lines().count() == without.lines().count());
    }
}

/// A script that reads our fields.
const READER: &str = "
local stage, client = Field.new('tcphs.stage_str'), Field.new('tcphs.client.state_str')
local outcome = Field.new('tcphs.outcome_str')
local reader = Proto('reader', 'Reader')
reader.fields.text = ProtoField.string('reader.text', 'Text')
function reader.dissector(tvb, pinfo, tree)
    local words = ''
    for _, field in ipairs { stage, client, outcome } do
        local value = field()
        words = words .. (value and value.value or '-') .. ' '
    end
    tree:add(reader):add(reader.fields.text, words)
end
register_postdissector(reader)
";

#[test]
fn our_fields_in_lua() {
    if !has_lua() {
        return;
    }
    let script = file(READER, ".lua");
    let option = format!("lua_script:{}", path(script.path()));
    for (passes, outcomes) in [(&[][..], false), (&["-2"], true)] {
        let seen = with(&[&["-X", &option], passes].concat());
        assert!(seen.annotated() > 100);
        for (ours, theirs) in seen.ours.iter().zip(&seen.theirs) {
            let word = |name: &str| ours[name].as_str().unwrap_or("-").to_owned();
            let outcome = ours["tcphs.outcome"].as_str().map(|_| "tcphs.outcome_str");
            let outcome = outcome.and_then(|name| find(ours, name)).unwrap_or("-");
            let client = find(ours, "tcphs.client.state_str").unwrap_or("-");
            let expected = format!("{} {client} {outcome} ", word("tcphs.stage_str"));
            assert_eq!(theirs["_source"]["layers"]["reader"]["reader.text"], *expected);
            assert_eq!(outcome != "-", outcomes && !ours.is_null(), "{ours}");
        }
    }
    assert_eq!(without(&[]).annotated(), 0);
}

/// The value of a field at any depth of our layer.
fn find<'a>(value: &'a serde_json::Value, name: &str) -> Option<&'a str> {
    let object = value.as_object()?;
    match object.get(name) {
        Some(found) => found.as_str(),
        None => object.values().find_map(|below| find(below, name)),
    }
}
