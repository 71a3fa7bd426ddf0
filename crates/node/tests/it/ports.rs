//! Ports for nodes that start later, in this process or in others.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems give to outgoing connections (32768 and up on Linux): one of
/// those, free now, may belong to a connection of another test when the node binds it.
const RANGE: Range<u16> = 12_000..32_000;

/// How many ports of the range this process has looked at.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// Ports that nothing listens on, no two calls the same. Processes begin at different ones.
pub fn free_ports(count: usize) -> Vec<u16> {
    let first = std::process::id().wrapping_mul(97) % RANGE.len() as u32;
    let candidates = std::iter::repeat_with(|| {
        let next = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        RANGE.start + ((first + next) % RANGE.len() as u32) as u16
    });
    candidates
        .take(RANGE.len())
        .filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .take(count)
        .collect()
}
