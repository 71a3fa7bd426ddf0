//! Everything around the engine's pure core in one node: what the engine's actors do with the
//! effects that the core asks for, with the real host, store, signatures and log.
//!
//! Modelled after `engine/src/consensus.rs`: the log is flushed before a message leaves, before a
//! round starts and before a decision; what the host answers comes back as mail, in the order of
//! the questions; only `StartedRound` waits for its answer, behind all questions before it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use futures::FutureExt;
use malachitebft_app::consensus::{
    ConsensusMsg, Effect, LivenessMsg, MisbehaviorEvidence, Resumable, Resume,
};
use malachitebft_app::engine::host::{Next, SyncedValueOutcome};
use malachitebft_app::engine::util::streaming::StreamMessage;
use malachitebft_core_types::{
    CommitCertificate, LinearTimeouts, Round, Timeout, TimeoutKind, Validity, ValueOrigin,
    ValueResponse,
};
use malachitebft_signing::{Signer, Verifier, VerifierExt};
use muster_chain::ChainError;
use muster_chain::consensus::context::{Address, Height, MusterContext, Part};
use muster_chain::consensus::host::Host;
use muster_chain::consensus::signing::{ChainVerifier, ValidatorSigner};
use muster_ledger::crypto::Hash;

use crate::disk::Disk;
use crate::log::EngineLog;
use crate::mail::{Deed, Mail, Stop};
use crate::message::Message;
use crate::mutation::Mutation;

/// The database's file.
pub const LEDGER: &str = "ledger";
/// The engine's log.
pub const LOG: &str = "log";

/// Whether the log is being replayed, as the engine's phases are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was started.
    Unstarted,
    /// The log is fed to the core again: nothing is written to it.
    Recovering,
    /// Votes are cast.
    Running,
}

/// A question to the host, answered in order on a thread of its own.
#[derive(Debug)]
enum Question {
    Propose(Height, Round),
    Restream(Height, Round, Round, Hash),
    Part(StreamMessage<Part>),
    Decided(CommitCertificate<MusterContext>),
    Finalized(CommitCertificate<MusterContext>, MisbehaviorEvidence<MusterContext>),
    Synced(ValueResponse<MusterContext>, Address),
}

/// A timer's key: the round and a number for its kind.
type TimerKey = (i64, u8);

fn timer_key(timeout: &Timeout) -> TimerKey {
    let kind = match timeout.kind {
        TimeoutKind::Propose => 0,
        TimeoutKind::Prevote => 1,
        TimeoutKind::Precommit => 2,
        TimeoutKind::Rebroadcast => 3,
        TimeoutKind::FinalizeHeight(_) => 4,
    };
    (timeout.round.as_i64(), kind)
}

/// What surrounds the core.
pub struct Shell {
    /// The application's logic, the node's own.
    pub host: Host,
    /// The engine's log.
    pub log: EngineLog,
    /// Where database and log lie.
    pub disk: Disk,
    /// Signs for the validator.
    pub signer: ValidatorSigner,
    /// Checks others' signatures.
    pub verifier: ChainVerifier,
    /// The fault that is built in.
    pub mutation: Option<Mutation>,
    /// Where the engine is.
    pub phase: Phase,
    /// Whether the node is in the committee of its height.
    pub is_validator: bool,
    /// How long to wait in this height.
    pub timeouts: LinearTimeouts,
    /// How long the height should take.
    pub target: Duration,
    /// When the height began, milliseconds of the world.
    pub began_ms: u64,
    /// The world's time, milliseconds.
    pub now_ms: u64,
    /// What this node's clock says, milliseconds since 1970.
    pub clock_ms: u64,
    /// What was done and is not yet carried out.
    pub deeds: Vec<Deed>,
    questions: VecDeque<Question>,
    timers: BTreeMap<TimerKey, u64>,
    generation: u64,
}

impl Shell {
    /// Around a host and a log that were just opened.
    pub fn new(
        host: Host,
        log: EngineLog,
        disk: Disk,
        signer: ValidatorSigner,
        verifier: ChainVerifier,
        mutation: Option<Mutation>,
    ) -> Self {
        Self {
            host,
            log,
            disk,
            signer,
            verifier,
            mutation,
            phase: Phase::Unstarted,
            is_validator: false,
            timeouts: LinearTimeouts::default(),
            target: Duration::ZERO,
            began_ms: 0,
            now_ms: 0,
            clock_ms: 0,
            deeds: Vec::new(),
            questions: VecDeque::new(),
            timers: BTreeMap::new(),
            generation: 0,
        }
    }

    /// Whether a timer's mail is from a timer that still runs; it runs no more.
    pub fn take_timer(&mut self, timeout: &Timeout, generation: u64) -> bool {
        let key = timer_key(timeout);
        let current = self.timers.get(&key) == Some(&generation);
        if current {
            self.timers.remove(&key);
        }
        current
    }

    fn set_timer(&mut self, timeout: Timeout) {
        let delay = match timeout.kind {
            // The core measures this with the computer's clock, which has no meaning here.
            TimeoutKind::FinalizeHeight(_) => {
                let passed = Duration::from_millis(self.now_ms - self.began_ms);
                self.target.saturating_sub(passed)
            }
            _ => self.timeouts.duration_for(timeout),
        };
        self.generation += 1;
        self.timers.insert(timer_key(&timeout), self.generation);
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.deeds.push(Deed::Remind(delay_ms, Mail::Elapsed(timeout, self.generation)));
    }

    fn ask(&mut self, question: Question) {
        self.questions.push_back(question);
        self.deeds.push(Deed::Work);
    }

    /// Hands a part of a block to the host.
    pub fn ask_part(&mut self, part: StreamMessage<Part>) {
        self.ask(Question::Part(part));
    }

    /// Why the node stops when something with the disk or the host failed.
    fn stop(&self, error: impl ToString) -> Stop {
        if self.disk.is_out() { Stop::Power } else { Stop::Fault(error.to_string()) }
    }

    fn flush(&mut self) -> Result<(), Stop> {
        if self.phase == Phase::Recovering || !self.is_validator {
            return Ok(());
        }
        self.log.flush().map_err(|error| self.stop(error))
    }

    /// Does what the core asks for.
    ///
    /// # Errors
    /// The node stops: the power went, or something that must never happen did.
    pub fn perform(
        &mut self,
        effect: Effect<MusterContext>,
    ) -> Result<Resume<MusterContext>, Stop> {
        match effect {
            Effect::CancelAllTimeouts(r) => {
                self.timers.clear();
                Ok(r.resume_with(()))
            }
            Effect::CancelTimeout(timeout, r) => {
                self.timers.remove(&timer_key(&timeout));
                Ok(r.resume_with(()))
            }
            Effect::ScheduleTimeout(timeout, r) => {
                self.set_timer(timeout);
                Ok(r.resume_with(()))
            }
            Effect::StartRound(height, round, _, _, r) => {
                self.flush()?;
                while self.answer()? {}
                let values = self.host.started(height, round, self.clock_ms);
                for value in values.map_err(|error| self.stop(error))? {
                    let mail = Mail::Value(value, ValueOrigin::Consensus);
                    self.deeds.push(Deed::Remind(0, mail));
                }
                Ok(r.resume_with(()))
            }
            Effect::PublishConsensusMsg(message, r) => {
                self.flush()?;
                self.deeds.push(Deed::Broadcast(Message::Consensus(message)));
                Ok(r.resume_with(()))
            }
            Effect::PublishLivenessMsg(message, r) => {
                self.deeds.push(Deed::Broadcast(Message::Liveness(message)));
                Ok(r.resume_with(()))
            }
            Effect::RepublishVote(vote, r) => {
                self.deeds.push(Deed::Broadcast(Message::Liveness(LivenessMsg::Vote(vote))));
                Ok(r.resume_with(()))
            }
            Effect::RepublishRoundCertificate(certificate, r) => {
                let message = LivenessMsg::SkipRoundCertificate(certificate);
                self.deeds.push(Deed::Broadcast(Message::Liveness(message)));
                Ok(r.resume_with(()))
            }
            Effect::WalAppend(height, entry, r) => {
                if self.phase != Phase::Recovering && self.is_validator {
                    let appended = self.log.append(height.0, entry);
                    appended.map_err(|error| self.stop(error))?;
                }
                Ok(r.resume_with(()))
            }
            Effect::ExtendVote(.., r) => Ok(r.resume_with(None)),
            Effect::VerifyVoteExtension(.., r) => Ok(r.resume_with(Ok(()))),
            effect => self.perform_more(effect),
        }
    }

    /// Questions to the host, and what becomes of decided blocks of others.
    fn perform_more(
        &mut self,
        effect: Effect<MusterContext>,
    ) -> Result<Resume<MusterContext>, Stop> {
        match effect {
            Effect::GetValue(height, round, _, r) => {
                self.ask(Question::Propose(height, round));
                Ok(r.resume_with(()))
            }
            Effect::RestreamProposal(height, round, valid_round, _, block, r) => {
                self.ask(Question::Restream(height, round, valid_round, block.0));
                Ok(r.resume_with(()))
            }
            Effect::Decide(certificate, _, r) => {
                self.flush()?;
                self.ask(Question::Decided(certificate));
                Ok(r.resume_with(()))
            }
            Effect::Finalize(certificate, _, evidence, r) => {
                self.ask(Question::Finalized(certificate, evidence));
                Ok(r.resume_with(()))
            }
            Effect::CertVerifiedSyncValue(response, proposer, r) => {
                self.ask(Question::Synced(response, proposer));
                Ok(r.resume_with(()))
            }
            Effect::CertRejectedSyncValue(_, height, error, r) => {
                use malachitebft_app::consensus::Error;
                let theirs = matches!(error, Error::InvalidCommitCertificate(..));
                self.deeds.push(Deed::Useless(height.0, theirs));
                Ok(r.resume_with(()))
            }
            effect => self.perform_signatures(effect),
        }
    }

    /// Signs and checks, with the node's own keys and code.
    fn perform_signatures(
        &mut self,
        effect: Effect<MusterContext>,
    ) -> Result<Resume<MusterContext>, Stop> {
        let verifier = &self.verifier;
        let unchecked = self.mutation == Some(Mutation::CertificatesUnchecked);
        Ok(match effect {
            Effect::SignVote(vote, r) => {
                let signed = now(self.signer.sign_vote(vote));
                r.resume_with(signed.map_err(|error| Stop::Fault(error.to_string()))?)
            }
            Effect::SignProposal(proposal, r) => {
                let signed = now(self.signer.sign_proposal(proposal));
                r.resume_with(signed.map_err(|error| Stop::Fault(error.to_string()))?)
            }
            Effect::VerifySignature(message, key, r) => {
                let signature = &message.signature;
                let result = match &message.message {
                    ConsensusMsg::Vote(vote) => {
                        now(verifier.verify_signed_vote(vote, signature, &key))
                    }
                    ConsensusMsg::Proposal(proposal) => {
                        now(verifier.verify_signed_proposal(proposal, signature, &key))
                    }
                };
                let trusting = self.mutation == Some(Mutation::SignaturesUnchecked);
                r.resume_with(trusting || result.is_ok_and(|result| result.is_valid()))
            }
            Effect::VerifyCommitCertificate(certificate, set, thresholds, r) => {
                let result = now(verifier.verify_commit_certificate(
                    &MusterContext,
                    &certificate,
                    &set,
                    thresholds,
                ));
                // With unchecked signatures a node's own certificate may not hold.
                let trusting = self.mutation == Some(Mutation::SignaturesUnchecked);
                r.resume_with(if trusting { Ok(()) } else { result })
            }
            Effect::VerifyExtendedCommitCertificate(certificate, set, thresholds, policy, r) => {
                let result = now(verifier.verify_extended_commit_certificate(
                    &MusterContext,
                    &certificate,
                    &set,
                    thresholds,
                    policy,
                ));
                r.resume_with(if unchecked { Ok(()) } else { result })
            }
            Effect::VerifyPolkaCertificate(certificate, set, thresholds, r) => r.resume_with(now(
                verifier.verify_polka_certificate(&MusterContext, &certificate, &set, thresholds),
            )),
            Effect::VerifyRoundCertificate(certificate, set, thresholds, r) => r.resume_with(now(
                verifier.verify_round_certificate(&MusterContext, &certificate, &set, thresholds),
            )),
            other => return Err(Stop::Fault(format!("nobody performs {other:?}"))),
        })
    }

    /// Lets the host answer one question; whether there was one.
    ///
    /// # Errors
    /// The node stops.
    pub fn answer(&mut self) -> Result<bool, Stop> {
        let Some(question) = self.questions.pop_front() else { return Ok(false) };
        let unsynced = match &question {
            Question::Decided(_) => self.mutation == Some(Mutation::DecisionsNotSynced),
            _ => self.mutation == Some(Mutation::ProposalsNotSynced),
        };
        self.disk.deceive(LEDGER, unsynced);
        let answered = self.answer_question(question);
        self.disk.deceive(LEDGER, false);
        answered.map(|()| true).map_err(|error| self.stop(error))
    }

    fn answer_question(&mut self, question: Question) -> Result<(), ChainError> {
        let later = |mail| Deed::Remind(0, mail);
        match question {
            Question::Propose(height, round) => {
                if let Some(proposed) = self.host.propose(height, round, self.clock_ms)? {
                    self.publish(proposed.parts);
                    self.deeds.push(later(Mail::Propose(proposed.value)));
                }
            }
            Question::Restream(height, round, valid_round, hash) => {
                let parts = self.host.restream(height, round, valid_round, &hash)?;
                self.publish(parts);
            }
            Question::Part(part) => {
                if let Some(mut value) = self.host.received(part, self.clock_ms)? {
                    if self.mutation == Some(Mutation::ValidityIgnored) {
                        value.validity = Validity::Valid;
                    }
                    self.deeds.push(later(Mail::Value(value, ValueOrigin::Consensus)));
                }
            }
            Question::Decided(certificate) => {
                self.host.decided(&certificate)?;
                let (height, block) = (certificate.height.0, certificate.value_id.0);
                self.deeds.push(Deed::Applied(height, block));
            }
            Question::Finalized(certificate, evidence) => {
                let (Next::Start(height, params) | Next::Restart(height, params)) =
                    self.host.finalized(&certificate, &evidence);
                self.deeds.push(later(Mail::Start(height, params)));
            }
            Question::Synced(response, proposer) => self.answer_synced(response, proposer)?,
        }
        Ok(())
    }

    fn answer_synced(
        &mut self,
        response: ValueResponse<MusterContext>,
        proposer: Address,
    ) -> Result<(), ChainError> {
        let (height, round) = (response.certificate.height, response.certificate.round);
        let block = response.certificate.value_id;
        match self.host.synced(height, round, proposer, response.value_bytes)? {
            SyncedValueOutcome::Verdict(mut value) if value.value == block => {
                value.round = round;
                self.deeds.push(Deed::Remind(0, Mail::Value(value, ValueOrigin::Sync)));
            }
            SyncedValueOutcome::Verdict(_) | SyncedValueOutcome::PeerFault => {
                self.deeds.push(Deed::Useless(height.0, true));
            }
            SyncedValueOutcome::LocalTransientError => {
                self.deeds.push(Deed::Useless(height.0, false));
            }
        }
        Ok(())
    }

    fn publish(&mut self, parts: Vec<StreamMessage<Part>>) {
        let messages = parts.into_iter().map(|part| Message::Part(Box::new(part)));
        self.deeds.extend(messages.map(Deed::Broadcast));
    }
}

/// The result of a signature: the node's signers and verifiers never wait.
fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("signing and checking never wait")
}
