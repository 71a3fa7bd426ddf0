//! The processes that other tests start: these tests do nothing unless told to be one.

use std::path::Path;

use muster_node::NodeConfig;

/// The command that joins, which is told its configuration and whom to join from.
#[test]
fn join() {
    let (Some(path), Ok(url)) =
        (std::env::var_os(crate::joining::JOIN_CONFIG), std::env::var(crate::joining::JOIN_FROM))
    else {
        return;
    };
    let config = NodeConfig::read(Path::new(&path)).expect("a configuration");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(muster_node::join::join(config, &[url])).expect("joined");
}

#[test]
fn node() {
    let Some(path) = std::env::var_os(crate::network::NODE_CONFIG) else { return };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(
            std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_string()),
        ))
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let result = runtime.block_on(async {
        let config = NodeConfig::read(Path::new(&path))?;
        muster_node::run(config, std::future::pending()).await
    });
    // As the program does: when the reason is said, nothing else says anything any more.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    if let Err(error) = result {
        // This process is the child: it ends with the one line that a person would see.
        eprintln!("{}{error}", crate::network::LAST_WORDS);
        std::process::exit(1);
    }
}
