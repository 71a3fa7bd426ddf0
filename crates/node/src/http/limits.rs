//! What strangers can make the HTTP server hold and do, in one place.
//! docs/adr/0014-the-http-server.md says why.

use std::time::Duration;

use super::pace::Pace;

/// Most connections, where the system gives enough descriptors.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Descriptors that the HTTP server leaves to consensus and the disk.
pub const DESCRIPTORS_RESERVED: u64 = 512;
/// Connections of one address.
pub const SOURCE_CONNECTIONS_MAX: usize = 64;
/// Streams of events.
pub const STREAMS_MAX: usize = 128;
/// Streams of events of one address.
pub const SOURCE_STREAMS_MAX: usize = 16;
/// How many blocks back a stream of events may begin.
pub const STREAM_BLOCKS_MAX: u64 = 1_000;
/// Bytes of answers on their way.
pub const ANSWERS: u64 = 64 << 20;
/// Bytes of answers on their way to one address.
pub const ANSWERS_OF_SOURCE: u64 = 4 << 20;
/// Bodies and answers that are no longer than this are always taken and sent: a connection has one
/// at a time, so that the connections bound them. Whoever fills the rest, be it with lengths that
/// are announced and never come, keeps nobody from handing in a transaction or from its receipt.
pub const SMALL: u64 = 16 << 10;
/// Bytes of requests that are being read or answered.
pub const REQUESTS: u64 = 32 << 20;
/// Bytes of requests of one address that are being read or answered.
pub const REQUESTS_OF_SOURCE: u64 = 8 << 20;
/// Longest body that any path takes, bytes.
pub const REQUEST_BYTES_MAX: u64 = 4 << 20;
/// Longest body where nothing else is said, bytes.
pub const BODY_BYTES_MAX: usize = 16 << 10;
/// Bytes of a list in one answer: what is left comes with the next page.
pub const PAGE_BYTES_MAX: usize = 256 << 10;
/// Longest genesis that is given, bytes.
pub const GENESIS_BYTES_MAX: usize = 1 << 20;
/// Requests of one path that are worked on at once.
pub const CONCURRENCY: usize = 64;
/// Requests that read the disk or work for long at once.
pub const READS: usize = 2;
/// Batches whose signatures are checked at once.
pub const BATCHES_CHECKED: usize = 2;
/// How long an answer may take to be made, waiting included.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the body of a request may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may take to send the head of a request, which is also how long it may be
/// idle between two.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the handshake of TLS may take.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest head of a request, and how much of an answer is taken ahead, bytes.
pub const HEAD_BYTES_MAX: usize = 32 << 10;
/// Most lines of a head.
pub const HEADERS_MAX: usize = 64;

/// How long open requests may take to end when the node does.
pub const DRAIN: Duration = Duration::from_secs(2);
/// How fast answers have to be read.
pub const PACE: Pace = Pace { grace: Duration::from_secs(10), bytes_per_second: 8 << 10 };

/// How many connections may be open where the process may have so many descriptors.
#[must_use]
pub fn connections_max(descriptors: u64) -> usize {
    let left = descriptors.saturating_sub(DESCRIPTORS_RESERVED).max(descriptors / 4);
    usize::try_from(left).unwrap_or(usize::MAX).min(CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consensus_and_the_disk_have_descriptors_left() {
        for (descriptors, connections) in
            [(256, 64), (700, 188), (1_024, 512), (4_096, 1_024), (u64::MAX, 1_024)]
        {
            assert_eq!(connections_max(descriptors), connections, "of {descriptors}");
        }
    }
}
