//! Bounds on what others can make this peer hold, and on how long it waits.

use std::time::Duration;

/// HTTP/2 window of one request: a mebibyte travels without waiting for the other side.
pub const STREAM_WINDOW: u32 = 2 << 20;
/// HTTP/2 window of a connection.
pub const CONNECTION_WINDOW: u32 = 4 << 20;
/// HTTP/2 frame size; larger frames mean fewer passes through TLS and the scheduler.
pub const FRAME: u32 = 256 << 10;

/// Bounds of the exchange. The defaults keep a peer far below 300 MB.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Most bytes in one message from a registered peer. Larger tensors are split by the caller.
    pub message_bytes_max: usize,
    /// Most bytes in one message from a key that is not on the ledger.
    pub stranger_message_bytes_max: usize,
    /// Most bytes of requests being received or answered, over all callers.
    pub in_flight_bytes_max: usize,
    /// Most bytes of requests being received or answered for one caller.
    pub sender_in_flight_bytes_max: usize,
    /// Most requests waiting, over all callers.
    pub queue_max: usize,
    /// Most requests waiting for one caller.
    pub sender_queue_max: usize,
    /// Every so many answers, the request that waits longest goes first, whatever its standing.
    pub floor_every: u32,
    /// Most open connections.
    pub connections_max: usize,
    /// Most open connections of one key.
    pub sender_connections_max: usize,
    /// Most concurrent requests on one connection.
    pub streams_max: u32,
    /// Largest difference between a message's time and this clock.
    pub clock_skew_max: Duration,
    /// Most requests remembered against replays within twice the clock skew.
    pub replay_max: usize,
    /// Most requests of one caller remembered against replays within twice the clock skew.
    pub sender_replay_max: usize,
    /// Answers remembered for later disputes.
    pub evidence_max: usize,
    /// How long an unauthenticated connection may take for its handshake.
    pub handshake_timeout: Duration,
    /// Longest time a request may wait and be worked on, whatever its caller's deadline.
    pub request_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 16 << 20,
            stranger_message_bytes_max: 64 << 10,
            in_flight_bytes_max: 64 << 20,
            sender_in_flight_bytes_max: 24 << 20,
            queue_max: 256,
            sender_queue_max: 32,
            floor_every: 4,
            connections_max: 256,
            sender_connections_max: 4,
            streams_max: 32,
            clock_skew_max: Duration::from_secs(10),
            replay_max: 131_072,
            sender_replay_max: 32_768,
            evidence_max: 4096,
            handshake_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
        }
    }
}
