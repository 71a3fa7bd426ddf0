//! Bounds on what others can make this peer hold, and on how long it waits.

use std::time::Duration;

/// HTTP/2 window of one request: a mebibyte travels without waiting for the other side.
pub const STREAM_WINDOW: u32 = 2 << 20;
/// HTTP/2 window of a connection.
pub const CONNECTION_WINDOW: u32 = 4 << 20;
/// HTTP/2 frame size; larger frames mean fewer passes through TLS and the scheduler.
pub const FRAME: u32 = 256 << 10;

/// How much of something the callers of one tier hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Most of all of them together.
    pub all: usize,
    /// Most of one of them: a registered key, or the strangers from one network.
    pub each: usize,
}

/// What the callers of one tier may take up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TierLimits {
    /// Most bytes in one message. Larger tensors are split by the caller.
    pub message_bytes_max: usize,
    /// Bytes of requests being received or answered, and of answers until they were read.
    pub bytes: Share,
    /// Requests waiting for the model.
    pub queue: Share,
    /// Open connections.
    pub connections: Share,
    /// Requests remembered against replays within twice the clock skew.
    pub replay: Share,
}

/// Bounds of the exchange. The defaults keep a peer far below 300 MB.
#[derive(Debug, Clone)]
pub struct Limits {
    /// For registered peers with stake.
    pub staked: TierLimits,
    /// For registered peers without stake.
    pub stakeless: TierLimits,
    /// For keys that are not on the ledger.
    pub strangers: TierLimits,
    /// Every so many answers, the request that waits longest goes first, whatever its standing.
    pub floor_every: u32,
    /// Connections that have not proved a key yet.
    pub handshakes: Share,
    /// Most concurrent requests on one connection.
    pub streams_max: u32,
    /// Largest difference between a message's time and this clock.
    pub clock_skew_max: Duration,
    /// Answers remembered for later disputes.
    pub evidence_max: usize,
    /// How long an unauthenticated connection may take for its handshake.
    pub handshake_timeout: Duration,
    /// How long a connection is kept on which nothing is asked.
    pub idle_timeout: Duration,
    /// How long a request's message may keep its reader waiting, beside what its length takes at
    /// [`Limits::body_rate_min`].
    pub body_timeout: Duration,
    /// Fewest bytes of a message in a second.
    pub body_rate_min: usize,
    /// Longest time a request may wait and be worked on, whatever its caller's deadline.
    pub request_timeout: Duration,
    /// Longest time that an answer may take to be told and read: more than a continuation takes.
    pub answer_timeout: Duration,
    /// Whether endpoints in private networks, this machine among them, are connected to.
    pub private_addresses: bool,
    /// Most connections to others that are being made at once.
    pub dials_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            staked: TierLimits {
                message_bytes_max: 16 << 20,
                bytes: Share { all: 52 << 20, each: 24 << 20 },
                queue: Share { all: 192, each: 32 },
                connections: Share { all: 192, each: 4 },
                replay: Share { all: 106_496, each: 32_768 },
            },
            stakeless: TierLimits {
                message_bytes_max: 1 << 20,
                bytes: Share { all: 8 << 20, each: 4 << 20 },
                queue: Share { all: 32, each: 8 },
                connections: Share { all: 32, each: 4 },
                replay: Share { all: 16_384, each: 4096 },
            },
            strangers: TierLimits {
                message_bytes_max: 64 << 10,
                bytes: Share { all: 4 << 20, each: 1 << 20 },
                queue: Share { all: 32, each: 8 },
                connections: Share { all: 32, each: 16 },
                replay: Share { all: 8192, each: 2048 },
            },
            floor_every: 4,
            handshakes: Share { all: 128, each: 32 },
            streams_max: 32,
            clock_skew_max: Duration::from_secs(10),
            evidence_max: 4096,
            handshake_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(120),
            body_timeout: Duration::from_secs(2),
            body_rate_min: 64 << 10,
            request_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_secs(150),
            private_addresses: false,
            dials_max: 32,
        }
    }
}

impl Limits {
    /// The limits of the strangers, of the stakeless and of the staked, in this order.
    #[must_use]
    pub fn tiers(&self) -> [&TierLimits; 3] {
        [&self.strangers, &self.stakeless, &self.staked]
    }

    /// One share of each of [`Limits::tiers`].
    #[must_use]
    pub fn shares(&self, of: impl Fn(&TierLimits) -> Share) -> [Share; 3] {
        self.tiers().map(of)
    }
}
