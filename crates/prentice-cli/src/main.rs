//! The command line of Prentice: `arguments` says what was said, `commands` does it, everything else shows it.

mod advice;
mod arguments;
mod budget;
mod commands;
mod defaults;
mod error;
mod execution;
mod format;
mod memory;
mod progress;
mod recipe;
mod report;
mod stages;
mod table;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    memory::settle();
    report_limits_as_errors();
    let arguments = arguments::Arguments::parse();
    let json = arguments.common.json;
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => error.report(json),
    }
}

/// A write beyond the limit on the size of files (`ulimit -f`) becomes an error that can be told, instead of a signal
/// that ends the process without a word.
fn report_limits_as_errors() {
    #[cfg(unix)]
    // SAFETY: `SIG_IGN` installs no handler; nothing else in this process handles the signal.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
