//! The thread between the engine and the [`Host`]: gives each question to the host and publishes
//! what it says. A thread of its own, because the host executes blocks and waits for the disk.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use malachitebft_app_channel::app::streaming::StreamMessage;
use malachitebft_app_channel::{AppMsg, Channels, NetworkMsg};
use muster_chain::ChainError;
use muster_chain::chain::now_ms;
use muster_chain::consensus::Host;
use muster_chain::consensus::context::{MusterContext, Part};
use muster_chain::metrics::Metrics;
use muster_ledger::crypto::PublicKey;

use super::engine::{Engine, EngineStopper, meet};

/// The application side of consensus.
pub struct Application {
    host: Host,
    metrics: Arc<Metrics>,
    channels: Channels<MusterContext>,
    /// This validator, which waits for the others before consensus begins.
    own: PublicKey,
    /// When the current height began.
    began: Instant,
}

impl Application {
    /// The application for an engine whose parts come in through the host, and what ends the
    /// engine.
    #[must_use]
    pub fn new(engine: Engine, host: Host, metrics: Arc<Metrics>) -> (Self, EngineStopper) {
        let (channels, signer, _, stopper) = engine.split();
        let own = signer.public();
        (Self { host, metrics, channels, own, began: Instant::now() }, stopper)
    }

    /// Answers the engine until it ends. To be run on a thread of its own.
    ///
    /// # Errors
    /// When the disk fails or a decided block cannot be applied.
    pub fn run(mut self) -> Result<(), ChainError> {
        while let Some(message) = self.channels.consensus.blocking_recv() {
            self.answer(message)?;
        }
        Ok(())
    }

    // A reply that nobody waits for any more means that the engine is ending: nothing to do.
    fn answer(&mut self, message: AppMsg<MusterContext>) -> Result<(), ChainError> {
        match message {
            AppMsg::ConsensusReady { reply } => {
                let (next, params) = self.host.ready();
                let committee: Vec<_> = params.validator_set.keys().collect();
                meet(&self.channels.net_requests, &self.own, &committee);
                tracing::info!(height = next.0, "consensus begins");
                let _ = reply.send((next, params));
            }
            AppMsg::StartedRound { height, round, proposer, reply_value, .. } => {
                self.metrics.rounds.fetch_add(1, Ordering::Relaxed);
                match round.as_u32() {
                    Some(0) | None => self.began = Instant::now(),
                    Some(_) => {
                        tracing::info!(height = height.0, %round, %proposer, "another round")
                    }
                }
                let _ = reply_value.send(self.host.started(height, round, now_ms())?);
            }
            AppMsg::GetValue { height, round, reply, .. } => {
                if let Some(proposed) = self.host.propose(height, round, now_ms())? {
                    self.publish(proposed.parts);
                    let _ = reply.send(proposed.value);
                }
            }
            AppMsg::RestreamProposal { height, round, valid_round, value_id, .. } => {
                let parts = self.host.restream(height, round, valid_round, &value_id.0)?;
                self.publish(parts);
            }
            AppMsg::ReceivedProposalPart { part, reply, .. } => {
                let _ = reply.send(self.host.received(part, now_ms())?);
            }
            AppMsg::Decided { certificate, reply, .. } => {
                self.host.decided(&certificate)?;
                self.metrics.decide_seconds.observe(self.began.elapsed());
                let _ = reply.send(());
            }
            AppMsg::Finalized { certificate, evidence, reply, .. } => {
                let _ = reply.send(self.host.finalized(&certificate, &evidence));
            }
            AppMsg::ProcessSyncedValue { height, round, proposer, value_bytes, reply } => {
                let _ = reply.send(self.host.synced(height, round, proposer, value_bytes)?);
            }
            AppMsg::GetDecidedValues { range, reply } => {
                let _ = reply.send(self.host.history(*range.start(), *range.end())?);
            }
            AppMsg::GetHistoryMinHeight { reply } => {
                let _ = reply.send(self.host.oldest());
            }
            AppMsg::ExtendVote { reply, .. } => {
                let _ = reply.send(None);
            }
            AppMsg::VerifyVoteExtensions { extensions, reply, .. } => {
                let verdicts = extensions.into_iter().map(|(address, ())| (address, Ok(())));
                let _ = reply.send(verdicts.collect());
            }
        }
        Ok(())
    }

    // Where the engine takes nothing any more, it is ending.
    fn publish(&self, parts: Vec<StreamMessage<Part>>) {
        for part in parts {
            let message = NetworkMsg::PublishProposalPart(part);
            if self.channels.network.blocking_send(message).is_err() {
                return;
            }
        }
    }
}
