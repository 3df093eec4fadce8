//! A browser without a window, used as a person would: Chromium, over its DevTools protocol.
//!
//! Messages go through two named pipes, which a shell opens as the descriptors that Chromium reads
//! from and writes to. So no port is open, and nothing but the standard library is needed.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The longest time to wait for anything in a page.
const LIMIT: Duration = Duration::from_secs(120);

/// Chromium, as it is called on Debian and elsewhere.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Opens the pipes in the order in which the test does, and becomes the browser.
const START: &str = "exec 3<\"$1/to\" 4>\"$1/from\"; shift; exec \"$@\"";

/// A browser with one page.
pub struct Browser {
    process: Child,
    to: File,
    from: BufReader<File>,
    last: u64,
    session: Option<String>,
    /// What was told besides answers.
    events: Vec<Value>,
    _folder: TempDir,
}

impl Browser {
    /// Starts one; `None` if there is none on this machine.
    pub fn start() -> Option<Self> {
        let is_there = |name: &&&str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
        };
        let program = NAMES.iter().find(is_there)?;
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path();
        let pipes = ["to", "from"].map(|name| path.join(name));
        let made = Command::new("mkfifo").args(&pipes).status().expect("mkfifo starts");
        assert!(made.success(), "no named pipes in {}", path.display());
        let process = Command::new("sh")
            .args(["-c", START, "sh"])
            .arg(path)
            .arg(program)
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-first-run",
                "--disable-gpu",
                "--hide-scrollbars",
                "--disable-dev-shm-usage",
                "--force-color-profile=srgb",
                // Its sandbox refuses root, and CI runs as root. The pages are our own.
                "--no-sandbox",
            ])
            .arg(format!("--user-data-dir={}", path.join("profile").display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh starts");
        let to = OpenOptions::new().write(true).open(&pipes[0]).expect("the shell opens it");
        let from = BufReader::new(File::open(&pipes[1]).expect("the shell opens it"));
        let (last, session, events) = (0, None, Vec::new());
        let mut browser = Self { process, to, from, last, session, events, _folder: folder };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let target = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", target);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Calls a method of the protocol.
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut octets = message.to_string().into_bytes();
        octets.push(0);
        self.to.write_all(&octets).expect("the browser is there");
        loop {
            let mut answer = Vec::new();
            self.from.read_until(0, &mut answer).expect("the browser answers");
            answer.pop();
            let answer: Value = serde_json::from_slice(&answer).expect("the browser answers");
            if answer["id"] == self.last {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    /// The value of an expression in the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let result = self.call("Runtime.evaluate", parameters);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result:#}");
        result["result"]["value"].clone()
    }

    /// The text that an expression has.
    pub fn text(&mut self, expression: &str) -> String {
        self.value(expression).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn wait(&mut self, expression: &str) {
        let start = Instant::now();
        while self.value(&format!("Boolean({expression})")) != true {
            assert!(start.elapsed() < LIMIT, "waited in vain for {expression}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Opens a file, at a place in it such as `#conn-3`.
    pub fn open(&mut self, file: &Path, place: &str) {
        self.still(&[]);
        // Another place in the same file would not be loaded anew.
        self.call("Page.navigate", json!({ "url": "about:blank" }));
        let url = format!("file://{}{place}", file.display());
        let opened = self.call("Page.navigate", json!({ "url": url }));
        assert!(opened["errorText"].is_null(), "{opened}");
        self.wait("location.protocol === 'file:' && document.readyState === 'complete'");
    }

    /// The size of the window in pixels of the page.
    pub fn resize(&mut self, width: u32, height: u32) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Light or dark, as the system would ask for.
    pub fn colour_scheme(&mut self, scheme: &str) {
        self.still(&[json!({ "name": "prefers-color-scheme", "value": scheme })]);
    }

    /// Nothing moves by itself: a page that still scrolls has nothing where it was a moment ago.
    fn still(&mut self, more: &[Value]) {
        let still = json!({ "name": "prefers-reduced-motion", "value": "reduce" });
        let features: Vec<_> = more.iter().cloned().chain([still]).collect();
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Clicks the middle of the first element that a selector finds: of its first line, if it has several.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let selector = Value::from(selector).to_string();
        let place = self.value(&format!(
            "(() => {{ const it = document.querySelector({selector}); if (!it) return null; \
             it.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
             const [box] = it.getClientRects(); \
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        ));
        assert!(place.is_array(), "nothing to click: {selector}");
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({
                "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", event);
        }
    }

    /// Types into the element that has the focus.
    pub fn type_text(&mut self, text: &str) {
        for letter in text.chars() {
            self.call(
                "Input.dispatchKeyEvent",
                json!({ "type": "char", "text": letter.to_string() }),
            );
        }
    }

    /// Presses a key, such as `Enter`.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "Tab" => (9, ""),
            "ArrowDown" => (40, ""),
            other => panic!("no key {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text,
            });
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// A picture of what is on the screen, as PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        octets(&picture)
    }

    /// The page on paper, as PDF.
    pub fn print(&mut self) -> Vec<u8> {
        let paper = self.call("Page.printToPDF", json!({ "preferCSSPageSize": true }));
        octets(&paper)
    }

    /// Errors and warnings so far, and whatever was asked of the network.
    pub fn complaints(&mut self) -> Vec<String> {
        // A call at the end brings what was told before it.
        self.value("0");
        let is_complaint = |event: &&Value| match event["method"].as_str() {
            Some("Log.entryAdded" | "Runtime.exceptionThrown" | "Runtime.consoleAPICalled") => true,
            Some("Network.requestWillBeSent") => {
                let url = event["params"]["request"]["url"].as_str().unwrap_or_default();
                !url.starts_with("file:") && !url.starts_with("about:")
            }
            _ => false,
        };
        self.events.iter().filter(is_complaint).map(Value::to_string).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.process.wait();
    }
}

/// What an answer carries in base 64.
fn octets(answer: &Value) -> Vec<u8> {
    let text = answer["data"].as_str().expect("it has data");
    STANDARD.decode(text).expect("base 64")
}
