//! Counters for Prometheus, in its text format.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::store::Decided;

/// Upper bounds of the buckets of durations, seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// A histogram of durations.
#[derive(Debug, Default)]
pub struct Durations {
    buckets: [AtomicU64; 12],
    count: AtomicU64,
    microseconds: AtomicU64,
}

impl Durations {
    /// Counts one duration.
    pub fn observe(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        for (bound, bucket) in BUCKETS.iter().zip(&self.buckets) {
            if seconds <= *bound {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    fn write(&self, text: &mut String, name: &str, help: &str) {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram");
        for (bound, bucket) in BUCKETS.iter().zip(&self.buckets) {
            let _ = writeln!(
                text,
                "{name}_bucket{{le=\"{bound}\"}} {}",
                bucket.load(Ordering::Relaxed)
            );
        }
        let count = self.count.load(Ordering::Relaxed);
        let sum = self.microseconds.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(text, "{name}_sum {sum}\n{name}_count {count}");
    }
}

/// All counters of a node.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Time between the proposers' clocks of successive blocks.
    pub block_seconds: Durations,
    /// Time to build a block.
    pub build_seconds: Durations,
    /// Time to check and execute a block of another.
    pub execute_seconds: Durations,
    /// Time to apply a decided block, disk included.
    pub apply_seconds: Durations,
    /// Time from the start of a height to its decision being applied.
    pub decide_seconds: Durations,
    /// Height of the newest block.
    pub height: AtomicU64,
    /// Transactions decided while this node ran.
    pub transactions: AtomicU64,
    /// Bytes of blocks decided while this node ran.
    pub block_bytes: AtomicU64,
    /// Blocks that took more than one round.
    pub late_blocks: AtomicU64,
    /// Rounds begun.
    pub rounds: AtomicU64,
    /// Proposals refused as invalid.
    pub proposals_invalid: AtomicU64,
    /// Parts of proposals refused.
    pub parts_refused: AtomicU64,
    /// Times a stranger was disconnected who published what only members may.
    pub strangers_sent_away: AtomicU64,
    /// Blocks fetched from others.
    pub blocks_synced: AtomicU64,
    /// Conflicting messages seen.
    pub equivocations: AtomicU64,
    /// Transactions taken into the mempool.
    pub mempool_accepted: AtomicU64,
    /// Transactions that waited here already.
    pub mempool_known: AtomicU64,
    /// Transactions refused.
    pub mempool_refused: AtomicU64,
    /// HTTP requests answered.
    pub http_requests: AtomicU64,
    /// HTTP requests turned away for their rate.
    pub http_limited: AtomicU64,
    /// HTTP connections turned away: no place could be made for them.
    pub http_turned_away: AtomicU64,
}

impl Metrics {
    /// Counts a decided block; `before_ms` is the time of the one before.
    pub fn decided(&self, decided: &Decided, before_ms: u64) {
        let time = decided.header.time_ms.saturating_sub(before_ms);
        self.block_seconds.observe(Duration::from_millis(time));
        self.height.store(decided.header.height.0, Ordering::Relaxed);
        self.transactions.fetch_add(decided.transactions, Ordering::Relaxed);
        self.block_bytes.fetch_add(decided.bytes, Ordering::Relaxed);
        if decided.certificate.round > 0 {
            self.late_blocks.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The text format of Prometheus. `gauges` are further (name, help, value).
    #[must_use]
    pub fn text(&self, gauges: &[(&str, &str, f64)]) -> String {
        let mut text = String::with_capacity(8 << 10);
        let counters: [(&str, &str, &AtomicU64); 15] = [
            ("muster_transactions_total", "Transactions decided since start.", &self.transactions),
            ("muster_block_bytes_total", "Bytes of blocks decided since start.", &self.block_bytes),
            ("muster_late_blocks_total", "Blocks decided after round 0.", &self.late_blocks),
            ("muster_rounds_total", "Consensus rounds begun.", &self.rounds),
            ("muster_proposals_invalid_total", "Invalid proposals.", &self.proposals_invalid),
            ("muster_parts_refused_total", "Parts of proposals refused.", &self.parts_refused),
            ("muster_strangers_sent_away_total", "Strangers sent away.", &self.strangers_sent_away),
            ("muster_blocks_synced_total", "Blocks fetched from others.", &self.blocks_synced),
            ("muster_equivocations_total", "Conflicting messages seen.", &self.equivocations),
            ("muster_mempool_accepted_total", "Transactions accepted.", &self.mempool_accepted),
            ("muster_mempool_known_total", "Transactions had already.", &self.mempool_known),
            ("muster_mempool_refused_total", "Transactions refused.", &self.mempool_refused),
            ("muster_http_requests_total", "HTTP requests answered.", &self.http_requests),
            ("muster_http_limited_total", "HTTP requests over the rate.", &self.http_limited),
            ("muster_http_turned_away_total", "Connections refused.", &self.http_turned_away),
        ];
        for (name, help, counter) in counters {
            let value = counter.load(Ordering::Relaxed);
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}");
        }
        let height = self.height.load(Ordering::Relaxed) as f64;
        let height = [("muster_height", "Height of the newest block.", height)];
        for (name, help, value) in height.iter().chain(gauges) {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        }
        let durations: [(&str, &str, &Durations); 5] = [
            ("muster_block_seconds", "Time between blocks.", &self.block_seconds),
            ("muster_build_seconds", "Time to build a block.", &self.build_seconds),
            ("muster_execute_seconds", "Time to check a block.", &self.execute_seconds),
            ("muster_apply_seconds", "Time to apply a block.", &self.apply_seconds),
            ("muster_decide_seconds", "Time to decide and apply a height.", &self.decide_seconds),
        ];
        for (name, help, histogram) in durations {
            histogram.write(&mut text, name, help);
        }
        text
    }
}
