//! The verbs of the command line, but for `up` and the calculators.

pub mod ask;
pub mod genesis;
pub mod lab;
pub mod node;
pub mod peer;
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

/// Lines of what happens on stderr, as RUST_LOG filters them.
pub fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(LOG_FILTER));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(
            std::io::IsTerminal::is_terminal(&std::io::stderr()) && crate::output::colours_wanted(),
        )
        .init();
}
