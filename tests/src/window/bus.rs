//! The bus that the window is read through: a session of D-Bus with the desktop's accessibility
//! service (at-spi2-core), which starts when it is first asked for.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use zbus::blocking::{Connection, connection};

use super::accessible::Accessible;
use super::{end_group, wait};

/// The desktop, in which each program that can be read is a child.
const REGISTRY: &str = "org.a11y.atspi.Registry";
const ROOT: &str = "/org/a11y/atspi/accessible/root";

/// The session's daemon, and our connection to the bus that programs can be read through.
pub(super) struct Bus {
    daemon: Child,
    address: String,
    connection: Connection,
}

impl Bus {
    /// Starts a session in `folder`; `prepare` gives its processes their environment.
    pub(super) fn start(folder: &Path, prepare: impl Fn(&mut Command)) -> Self {
        // The window may belong to another user than the test does.
        let config = format!(
            "<busconfig>\n<type>session</type>\n<listen>unix:path={0}/run/bus</listen>\n\
             <auth>EXTERNAL</auth>\n<standard_session_servicedirs/>\n\
             <policy context=\"default\">\n<allow user=\"*\"/>\n<allow own=\"*\"/>\n\
             <allow send_destination=\"*\"/>\n<allow receive_sender=\"*\"/>\n</policy>\n\
             </busconfig>\n",
            folder.display()
        );
        let file = folder.join("bus.conf");
        fs::write(&file, config).expect("the folder is ours");
        let address = format!("unix:path={}/run/bus", folder.display());
        let mut command = crate::wireshark().as_user("dbus-daemon", &folder.join("home"));
        command.arg("--nofork").arg("--config-file").arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        prepare(command.env("DBUS_SESSION_BUS_ADDRESS", &address));
        let daemon = command.process_group(0).spawn().expect("dbus-daemon is installed");
        let open = |address: &str| {
            connection::Builder::address(address).and_then(connection::Builder::build).ok()
        };
        let session = wait("the session's bus", || open(&address));
        let connection = wait("the accessibility bus", || {
            let (name, path) = ("org.a11y.Bus", "/org/a11y/bus");
            let reply = session.call_method(Some(name), path, Some(name), "GetAddress", &());
            let address: String = reply.ok()?.body().deserialize().ok()?;
            open(&address)
        });
        Self { daemon, address, connection }
    }

    /// The value of `DBUS_SESSION_BUS_ADDRESS` for programs on this desktop.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The program of that name, if it is there.
    pub(super) fn program(&self, name: &str) -> Option<Accessible> {
        let desktop = Accessible::new(&self.connection, REGISTRY.into(), ROOT);
        desktop.children().into_iter().find(|program| program.name() == name)
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        end_group(&mut self.daemon);
    }
}
