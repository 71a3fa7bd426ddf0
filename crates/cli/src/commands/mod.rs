//! The verbs of the command line, but for `up` and the calculators.

pub mod ask;
pub mod genesis;
pub mod lab;
pub mod launch;
pub mod node;
pub mod peer;
pub mod presence;
pub mod proposal;
pub mod query;
pub mod reference;
pub mod stake;
pub mod transfer;
pub mod wallet;
pub mod weights;

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};

/// Runs a command to its end on this thread. Children that ask to die with their parent die with
/// the thread that started them, so this thread must be the one that lasts.
pub fn block_on(future: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop")?;
    let outcome = runtime.block_on(future);
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

/// Runs a process that lasts on all cores.
pub fn block_on_all_cores(future: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop")?;
    let outcome = runtime.block_on(future);
    runtime.shutdown_timeout(Duration::from_secs(5));
    outcome
}

/// Resolves when the process is asked to end.
pub async fn asked_to_end() {
    let signals = signal(SignalKind::interrupt()).and_then(|interrupt| {
        signal(SignalKind::terminate()).map(|terminate| (interrupt, terminate))
    });
    let Ok((mut interrupt, mut terminate)) = signals else {
        tracing::warn!("signals cannot be heard: end this process with SIGKILL");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => tracing::info!("ending, as asked by Ctrl-C"),
        _ = terminate.recv() => tracing::info!("ending, as asked by SIGTERM"),
    }
}

/// A supervised process ends with its supervisor, whatever ends that one.
pub fn follow_supervisor(supervisor: Option<i32>) -> Result<()> {
    let Some(supervisor) = supervisor else {
        return Ok(());
    };
    #[cfg(target_os = "linux")]
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)
        .context("cannot ask to end with the supervisor")?;
    // The supervisor may have ended before the request was in force.
    anyhow::ensure!(
        nix::unistd::getppid().as_raw() == supervisor,
        "the supervisor (process {supervisor}) has ended"
    );
    #[cfg(not(target_os = "linux"))]
    std::thread::spawn(move || {
        while nix::unistd::getppid().as_raw() == supervisor {
            std::thread::sleep(Duration::from_millis(500));
        }
        std::process::exit(1);
    });
    Ok(())
}

/// Peers of a local market leave the processor to its validators when both want it: late answers
/// cost a peer a step, late votes cost everybody a round.
pub fn yield_to_validators() {
    if let Err(error) = rustix::process::nice(5) {
        tracing::warn!(%error, "this process runs at the validators' priority");
    }
}

/// What is logged where RUST_LOG says nothing: the engine tells every vote at the level of info.
const LOG_FILTER: &str = "info,arc_malachitebft=warn";
/// What is logged of it only where RUST_LOG names it. It tells of every message that a neighbour is
/// too slow for, and writes out all its bytes: strangers filled the disk with it, ten megabytes a
/// second, and most of the time that they took of a validator was spent on writing it.
const TALKATIVE: &str = "libp2p_gossipsub";

/// Lines of what happens on stderr, as RUST_LOG filters them.
pub fn start_log() {
    let asked = std::env::var("RUST_LOG").unwrap_or_default();
    let filter = tracing_subscriber::EnvFilter::try_new(log_filter(&asked))
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(log_filter("")));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(
            std::io::IsTerminal::is_terminal(&std::io::stderr()) && crate::output::colours_wanted(),
        )
        .init();
}

/// The filter where RUST_LOG asks for this.
fn log_filter(asked: &str) -> String {
    let asked = if asked.trim().is_empty() { LOG_FILTER } else { asked };
    match asked.contains(TALKATIVE) {
        true => asked.to_owned(),
        false => format!("{asked},{TALKATIVE}=error"),
    }
}

#[cfg(test)]
mod tests {
    use super::log_filter;

    #[test]
    fn what_strangers_can_make_endless_is_logged_only_where_it_is_named() {
        for (asked, expected) in [
            ("", "info,arc_malachitebft=warn,libp2p_gossipsub=error"),
            ("info", "info,libp2p_gossipsub=error"),
            ("off,libp2p_gossipsub=warn", "off,libp2p_gossipsub=warn"),
        ] {
            assert_eq!(log_filter(asked), expected, "{asked}");
        }
    }
}
