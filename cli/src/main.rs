//! The command `tcphs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    tcphs_command::main()
}
