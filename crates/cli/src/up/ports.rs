//! Ports on this machine: the wanted one, or the next free one, said in words.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Result, bail};

/// How far above the wanted port a free one is looked for.
const TRIES: u16 = 1_000;

/// Hands out ports that nothing listens on, each once.
#[derive(Default)]
pub struct Ports {
    given: BTreeSet<u16>,
    /// One sentence for each port that was taken.
    notes: Vec<String>,
}

impl Ports {
    /// The wanted port of this machine's loopback address, or the next free one.
    pub fn take(&mut self, wanted: u16, whose: &str) -> Result<SocketAddr> {
        let candidates = (wanted..=u16::MAX).take(usize::from(TRIES));
        for port in candidates {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            // The listener is closed at once: without a connection the port is free again.
            if self.given.contains(&port) || TcpListener::bind(address).is_err() {
                continue;
            }
            self.given.insert(port);
            if port != wanted {
                self.notes.push(format!("port {wanted} is taken: {whose} listens on {port}"));
            }
            return Ok(address);
        }
        bail!(
            "no free port from {wanted} to {} for {whose}: end what listens there",
            wanted.saturating_add(TRIES)
        );
    }
}

/// Most taken ports that are said one by one.
const SAID_MAX: usize = 3;

impl Ports {
    /// What is worth saying about taken ports.
    pub fn words(mut self) -> Vec<String> {
        let more = self.notes.len().saturating_sub(SAID_MAX);
        if more > 0 {
            self.notes.truncate(SAID_MAX);
            self.notes.push(format!("{more} more ports are taken; running.toml has all addresses"));
        }
        self.notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over_and_said() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("some port is free");
        let taken = listener.local_addr().expect("it is bound").port();
        let mut ports = Ports::default();
        let first = ports.take(taken, "validator-0").expect("another is free").port();
        let second = ports.take(taken, "validator-1").expect("another is free").port();
        assert_ne!(first, taken);
        assert_ne!(second, taken);
        assert_ne!(first, second);
        assert_eq!(ports.notes.len(), 2);
        assert!(ports.notes[0].contains(&format!("port {taken} is taken")));
        ports.notes.resize(16, "another".into());
        assert_eq!(
            ports.words().last().map(String::as_str),
            Some("13 more ports are taken; running.toml has all addresses")
        );
    }
}
