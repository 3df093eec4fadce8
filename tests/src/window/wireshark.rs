//! Wireshark's main window.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Stdio};

use testkit::wireshark::profile;

use super::{Accessible, Desktop, end_group, wait, wait_until};

/// Wireshark, started on a [`Desktop`]; it ends with this.
pub struct Window<'d> {
    desktop: &'d Desktop,
    process: Child,
    program: Option<Accessible>,
}

impl<'d> Window<'d> {
    /// Starts it with the plugin and these arguments, and waits until its window can be read.
    pub fn open(desktop: &'d Desktop, size: (i32, i32), arguments: &[&str]) -> Self {
        Self::open_as(desktop, size, "", arguments)
    }

    /// Opens the window with a saved layout: `arranged` is the part of Wireshark's file `recent`
    /// that describes it.
    pub fn open_as(
        desktop: &'d Desktop,
        size: (i32, i32),
        arranged: &str,
        arguments: &[&str],
    ) -> Self {
        settle(&desktop.config(), size, arranged);
        let mut command = crate::wireshark().window().expect("wireshark is installed");
        command.args(arguments);
        desktop.lend(&mut command);
        let said = fs::File::create(desktop.home().join("stderr")).expect("the home is there");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        // Its own group, so that what it starts (dumpcap) ends with it.
        let process = command.process_group(0).spawn().expect("wireshark starts");
        let mut window = Self { desktop, process, program: None };
        window.program = Some(wait("Wireshark on the bus", || desktop.bus.program("Wireshark")));
        wait_until("the main window", || window.program().find("menu bar", "").is_some());
        window
    }

    /// The text that Wireshark has written to standard error.
    pub fn said(&self) -> String {
        fs::read_to_string(self.desktop.home().join("stderr")).unwrap_or_default()
    }

    /// The program as an element; its children are its windows.
    pub fn program(&self) -> &Accessible {
        self.program.as_ref().expect("it is on the bus")
    }

    /// The window or dialog whose title has these words, once it is there.
    pub fn dialog(&self, title: &str) -> Accessible {
        wait(&format!("the window `{title}`"), || self.dialog_now(title))
    }

    /// The same, if it is there now.
    pub fn dialog_now(&self, title: &str) -> Option<Accessible> {
        self.program().children().into_iter().find(|window| window.name().contains(title))
    }

    /// The packet list.
    pub fn packets(&self) -> Accessible {
        wait("the packet list", || self.program().find("tree", "Packet list"))
    }

    /// The rows of the packet list, once there are `count` of them.
    pub fn packet_rows(&self, count: usize) -> Vec<Vec<String>> {
        let packets = self.packets();
        wait(&format!("{count} packets"), || {
            let rows = packets.rows();
            (rows.len() == count && rows.iter().all(|row| !row[0].is_empty())).then_some(rows)
        })
    }

    /// The packet details.
    pub fn details(&self) -> Accessible {
        wait("the packet details", || self.program().find("tree", "Packet details"))
    }

    /// Chooses an entry of the menu bar: `["Statistics", "Flow Graph"]`.
    pub fn menu(&self, words: &[&str]) {
        let bar = wait("the menu bar", || self.program().find("menu bar", ""));
        let mut place = bar;
        for word in words {
            place = wait(&format!("`{word}` in the menu"), || {
                place.find_by(&|entry| entry.role() == "menu item" && plain(&entry.name()) == *word)
            });
        }
        place.press();
    }

    /// Filters the packet list as if by typing.
    pub fn filter(&self, filter: &str) {
        let bar =
            wait("the filter bar", || self.program().find("tool bar", "Display Filter Toolbar"));
        let entry = wait("the filter entry", || bar.find("text", "Display filter entry"));
        entry.write(filter);
        let title = self.title();
        self.desktop.click(entry.middle(), 1);
        self.desktop.keys(&title, &["Return"]);
    }

    /// The title of the main window.
    pub fn title(&self) -> String {
        let main = |window: &Accessible| window.find("menu bar", "").is_some();
        wait("the main window", || self.program().children().into_iter().find(main)).name()
    }

    /// The label in the status bar whose text begins with `begins`.
    pub fn status(&self, begins: &str) -> Option<String> {
        let label =
            |thing: &Accessible| thing.role() == "label" && thing.name().starts_with(begins);
        Some(self.program().find_by(&label)?.name())
    }
}

impl Drop for Window<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.desktop.keep_failed();
            eprintln!("Wireshark said: {}", self.said());
        }
        end_group(&mut self.process);
    }
}

/// The name of a menu entry without the mark of its access key.
fn plain(name: &str) -> String {
    name.replace('&', "").trim_end_matches('…').to_owned()
}

/// Writes the settings of a new installation with the profile: the size of the window, and no
/// questions at the start.
fn settle(config: &Path, (width, height): (i32, i32), arranged: &str) {
    let write = |name: &str, text: &str| {
        let file = config.join(name);
        fs::create_dir_all(file.parent().expect("it has one")).expect("the folder is ours");
        fs::write(file, text).expect("the folder is ours");
    };
    write(
        "recent_common",
        &format!(
            "gui.geometry_main_x: 0\ngui.geometry_main_y: 0\n\
             gui.geometry_main_width: {width}\ngui.geometry_main_height: {height}\n\
             gui.geometry_main_maximized: FALSE\n{arranged}"
        ),
    );
    write("recent", arranged);
    let preferences = "gui.update.enabled: FALSE\ngui.ask_unsaved: FALSE\n";
    write("preferences", preferences);
    for (name, text) in profile::files() {
        let text = match name {
            "preferences" => format!("{text}{preferences}"),
            profile::NOTES => format!("{text}{arranged}"),
            _ => text,
        };
        write(&format!("profiles/{}/{name}", profile::NAME), &text);
    }
    open_to_all(config);
}

/// The window may belong to another user, who writes its settings when it ends.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    for entry in fs::read_dir(folder).expect("the folder is ours").flatten() {
        let mode = if entry.path().is_dir() { 0o777 } else { 0o666 };
        let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(mode));
        if entry.path().is_dir() {
            open_to_all(&entry.path());
        }
    }
}
