//! A virtual screen (Xvfb), with mouse, keyboard and a home folder.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};

use tempfile::TempDir;
use testkit::wireshark::packages::{self, WINDOW_TESTS};

use super::bus::Bus;
use super::picture::Picture;
use super::{Accessible, wait, wait_until};

/// Tests open one window at a time: a window takes much memory, and there is one keyboard.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The folder below cargo's target folder that pictures of the screen of failed tests are kept in.
const FAILED: &str = "window";

/// The colours of windows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Theme {
    /// Dark text on light ground.
    #[default]
    Light,
    /// Light text on dark ground.
    Dark,
}

/// The colours of Plasma's settings, which every version of Qt reads by itself: role and colour.
const DARK: &[(&str, &str)] = &[
    ("Window", "BackgroundNormal=42,46,50\nForegroundNormal=252,252,252\n"),
    ("Button", "BackgroundNormal=49,54,59\nForegroundNormal=252,252,252\n"),
    (
        "View",
        "BackgroundNormal=27,30,32\nBackgroundAlternate=35,38,41\n\
         ForegroundNormal=252,252,252\nForegroundLink=29,153,243\n\
         ForegroundVisited=155,89,182\n",
    ),
    ("Selection", "BackgroundNormal=61,174,233\nForegroundNormal=252,252,252\n"),
    ("Tooltip", "BackgroundNormal=49,54,59\nForegroundNormal=252,252,252\n"),
];

/// The screen, the bus and the home of one test. Everything ends with it.
pub struct Desktop {
    pub(super) bus: Bus,
    server: Child,
    display: String,
    folder: TempDir,
    theme: Theme,
    _alone: MutexGuard<'static, ()>,
}

impl Desktop {
    /// Starts a screen of that many pixels. `None`, reported as a skipped test, if a program it
    /// needs is not installed.
    ///
    /// # Panics
    /// If a program is missing although `CI` is set.
    pub fn start(width: u32, height: u32) -> Option<Self> {
        Self::start_as(width, height, Theme::Light)
    }

    /// The same, with windows of these colours.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn start_as(width: u32, height: u32, theme: Theme) -> Option<Self> {
        let missing = packages::missing(&WINDOW_TESTS);
        if !missing.is_empty() {
            let why =
                format!("the window needs {}: `cargo xtask test` installs it", missing.join(", "));
            assert!(std::env::var_os("CI").is_none(), "{why}");
            testkit::skip!(testkit::skip::test_name(), why);
            return None;
        }
        if let Err(why) = crate::wireshark().window() {
            testkit::skip!(testkit::skip::test_name(), why.to_string());
            return None;
        }
        // A test that panicked while it held the lock has poisoned it; its desktop is gone.
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let folder = tempfile::tempdir().expect("a folder can be made");
        // The window may belong to another user.
        for name in ["", "home", "home/.config", "config", "run"] {
            let folder = folder.path().join(name);
            fs::create_dir_all(&folder).expect("the folder is ours");
            fs::set_permissions(&folder, Permissions::from_mode(0o777)).expect("it is ours");
        }
        if theme == Theme::Dark {
            let settings = folder.path().join("home/.config/kdeglobals");
            let part = |(role, colours): &(&str, &str)| format!("[Colors:{role}]\n{colours}\n");
            let text: String = DARK.iter().map(part).collect();
            fs::write(&settings, text).expect("the folder is ours");
            fs::set_permissions(&settings, Permissions::from_mode(0o666)).expect("it is ours");
        }
        let mut server = Command::new("Xvfb");
        server.args(["-displayfd", "1", "-nolisten", "tcp", "-noreset", "-dpi", "96"]);
        server.args(["-screen", "0", &format!("{width}x{height}x24")]);
        let server = server.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut server = server.spawn().expect("Xvfb is installed");
        // Xvfb chooses a free display number and prints it when it is ready.
        let mut number = String::new();
        let output = server.stdout.take().expect("it has a standard output");
        BufReader::new(output).read_line(&mut number).expect("Xvfb starts");
        let display = format!(":{}", number.trim());
        assert!(display.len() > 1, "Xvfb has not started");
        let bus = Bus::start(folder.path(), |command| lend(command, &display, folder.path()));
        Some(Self { bus, server, display, folder, theme, _alone: alone })
    }

    /// The home folder of the window's user.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The folder of Wireshark's settings.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    /// Lets a program show itself here and be read.
    pub(super) fn lend(&self, command: &mut Command) {
        command.env("DBUS_SESSION_BUS_ADDRESS", self.bus.address());
        lend(command, &self.display, self.folder.path());
        if self.theme == Theme::Dark {
            // The name by which Qt takes Plasma's settings; nothing of Plasma is needed.
            command.env("QT_QPA_PLATFORMTHEME", "kde").env("XDG_CURRENT_DESKTOP", "KDE");
            command.env("KDE_SESSION_VERSION", "5").env_remove("XDG_CONFIG_HOME");
        }
    }

    fn xdotool(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("xdotool");
        command.args(arguments).env("DISPLAY", &self.display).stdin(Stdio::null());
        let output = command.output().expect("xdotool is installed");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Presses and lets go of a button of the mouse: 1 left, 3 right.
    pub fn click(&self, (x, y): (i32, i32), button: u32) {
        let (x, y) = (x.to_string(), y.to_string());
        self.xdotool(&["mousemove", &x, &y, "click", &button.to_string()]);
    }

    /// Clicks twice with the left button.
    pub fn double_click(&self, (x, y): (i32, i32)) {
        let (x, y) = (x.to_string(), y.to_string());
        self.xdotool(&["mousemove", &x, &y, "click", "--repeat", "2", "--delay", "60", "1"]);
    }

    /// Chooses the entry of a box with a list whose text begins so.
    pub fn choose(&self, list: &Accessible, begins: &str) {
        self.click(list.middle(), 1);
        let mut last = (0, 0);
        // The list unrolls in an animation; after it, the entry keeps its place.
        let place = wait(&format!("`{begins}` in the list"), || {
            let entry = list.find_by(&|entry| {
                entry.role() == "list item" && entry.name().starts_with(begins)
            })?;
            let now = entry.middle();
            let quiet = now == last && entry.is_showing();
            last = now;
            quiet.then_some(now)
        });
        self.click(place, 1);
        wait_until("the choice", || list.name().starts_with(begins));
    }

    /// Moves the mouse out of the way.
    pub fn park_mouse(&self) {
        self.xdotool(&["mousemove", "9999", "9999"]);
    }

    /// Presses keys, such as `Return` or `ctrl+w`, in the window of that title.
    pub fn keys(&self, title: &str, keys: &[&str]) {
        let window = self.window(title);
        let focus = ["windowfocus", "--sync", &window, "key", "--clearmodifiers"];
        self.xdotool(&[&focus, keys].concat());
    }

    /// Types into what has the keyboard in the window of that title.
    pub fn type_text(&self, title: &str, text: &str) {
        let window = self.window(title);
        self.xdotool(&["windowfocus", "--sync", &window, "type", "--delay", "20", text]);
    }

    /// Moves and sizes the window of that title; there is no window manager to do it.
    pub fn arrange(&self, title: &str, (left, top, width, height): (i32, i32, i32, i32)) {
        let window = self.window(title);
        let [left, top, width, height] = [left, top, width, height].map(|part| part.to_string());
        self.xdotool(&["windowsize", "--sync", &window, &width, &height]);
        self.xdotool(&["windowmove", "--sync", &window, &left, &top]);
        self.xdotool(&["windowraise", &window]);
    }

    /// The number of the window of exactly that title.
    fn window(&self, title: &str) -> String {
        // A pattern: what is not a plain letter may be several octets to xdotool.
        let plain =
            |c: char| if c.is_ascii_alphanumeric() { c.to_string() } else { ".+".to_owned() };
        let pattern: String = title.chars().map(plain).collect();
        let pattern = format!("^{pattern}$");
        wait(&format!("the window `{title}` on the screen"), || {
            let found = self.xdotool(&["search", "--onlyvisible", "--name", &pattern]);
            found.lines().last().map(str::to_owned)
        })
    }

    /// The picture of the screen as it is now.
    pub fn picture(&self) -> Picture {
        Picture::take(&self.display).expect("the screen can be read")
    }

    /// Keeps a picture of the screen of a failing test, and prints its path. It must not panic,
    /// because it is called while a panic unwinds.
    pub(super) fn keep_failed(&self) {
        let Ok(folder) = testkit::folders::target_folder() else { return };
        let folder = folder.join(FAILED);
        let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
        let file = folder.join(format!("{test}.png"));
        if fs::create_dir_all(&folder).is_ok() && Picture::keep(&self.display, None, &file) {
            eprintln!("the screen when it failed: {}", file.display());
        }
    }

    /// Keeps a part of the screen (left, top, width, height), or all of it, as a PNG.
    pub fn keep(&self, part: Option<(i32, i32, i32, i32)>, file: &Path) {
        assert!(Picture::keep(&self.display, part, file), "{} cannot be written", file.display());
    }
}

/// The environment of every program on the screen: the same on every machine.
fn lend(command: &mut Command, display: &str, folder: &Path) {
    for name in ["WAYLAND_DISPLAY", "XAUTHORITY", "QT_QPA_PLATFORMTHEME", "XDG_CURRENT_DESKTOP"] {
        command.env_remove(name);
    }
    command.env("DISPLAY", display).env("HOME", folder.join("home"));
    command.env("WIRESHARK_CONFIG_DIR", folder.join("config"));
    command.env("XDG_RUNTIME_DIR", folder.join("run"));
    command.env("QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "1");
    command.env("QT_QPA_PLATFORM", "xcb").env("QT_STYLE_OVERRIDE", "fusion");
    command.env("QT_SCALE_FACTOR", "1").env("QT_FONT_DPI", "96");
    command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
}

impl Drop for Desktop {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
