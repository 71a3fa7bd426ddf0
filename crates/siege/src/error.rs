//! Why a siege cannot be held.

use std::io;

use muster_api::ClientError;
use muster_keys::KeyFileError;

/// Why a siege cannot be held.
#[derive(Debug, thiserror::Error)]
pub enum SiegeError {
    /// The operating system refuses something.
    #[error("{what}: {source}")]
    System {
        /// What was wanted.
        what: String,
        /// Its answer.
        source: io::Error,
    },
    /// A program that makes networks fails.
    #[error(
        "`{command}` fails ({reason}): a network of its own needs iproute2 and util-linux, and \
             a system that lets its users make namespaces"
    )]
    Network {
        /// The command.
        command: String,
        /// What it says.
        reason: String,
    },
    /// A process of the market ended.
    #[error("{name} has ended; its log is {log}")]
    Ended {
        /// The process.
        name: String,
        /// Where its log is.
        log: String,
    },
    /// Something that had to come did not.
    #[error("gave up waiting for {what}; the logs are in {home}")]
    Late {
        /// What.
        what: String,
        /// The market's folder.
        home: String,
    },
    /// A node does not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A key cannot be written.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// What was asked for makes no sense.
    #[error("{0}")]
    Wrong(String),
    /// Somebody ended it.
    #[error("ended before it was complete")]
    Interrupted,
}

impl SiegeError {
    /// What the operating system refused.
    pub fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}
