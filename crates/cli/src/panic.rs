//! A panic is our own bug: one line that asks for a report, and exit code 1.

use std::panic;
use std::process;

use crate::output;

/// Replaces the standard report of a panic, which nobody but us can read.
pub fn install() {
    panic::set_hook(Box::new(|information| {
        crate::up::screen::restore();
        let what =
            information.payload_as_str().map_or_else(|| "no message".to_owned(), output::one_line);
        let place = information
            .location()
            .map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
        let arguments = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
        output::say(&format!(
            "muster: this is a bug in muster {}: {what}{place}; please report this line and the \
             command: muster {arguments}",
            env!("CARGO_PKG_VERSION")
        ));
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            output::say(&std::backtrace::Backtrace::force_capture().to_string());
        }
        // A panic in one thread of a node or a peer must not leave the rest half alive.
        process::exit(1);
    }));
}
