//! What a validator does in consensus, without threads, channels or a clock: what to propose, whether
//! a proposal is good, what to do with a decision. Whoever drives it says what time it is and
//! publishes the parts that it returns.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use malachitebft_app_channel::app::engine::host::{HeightParams, Next, SyncedValueOutcome};
use malachitebft_app_channel::app::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_app_channel::app::types::sync::RawDecidedValue;
use malachitebft_app_channel::app::types::{
    LocallyProposedValue, MisbehaviorEvidence, ProposedValue,
};
use malachitebft_core_types::{CommitCertificate, LinearTimeouts, Round, Validity};
use muster_api::Equivocation;
use muster_ledger::crypto::Hash;
use muster_ledger::state::State;

use super::codec::StoredCertificate;
use super::context::{Address, Announcement, BlockId, Height, MusterContext, Part, ValidatorSet};
use super::signing::{ChainVerifier, ValidatorSigner};
use super::streams::{Assembler, Outcome, StreamKey, StreamLimits, cut};
use crate::chain::{Chain, Invalid, Tip, hash_of};
use crate::error::NodeError;
use crate::metrics::Metrics;
use crate::store::Undecided;

/// How many heights ahead of this node a proposal may be for: others are a little faster.
const HEIGHTS_AHEAD: u64 = 2;
/// Complete proposals for later heights that are kept.
const EARLY_MAX: usize = 8;
/// Equivocations that are remembered.
const EQUIVOCATIONS_MAX: usize = 64;

/// Equivocations seen since the start, newest last.
pub type Equivocations = Arc<Mutex<Vec<Equivocation>>>;

/// A block to propose, and the parts in which it travels.
#[derive(Debug)]
pub struct Proposed {
    /// What the engine is told.
    pub value: LocallyProposedValue<MusterContext>,
    /// What the others are sent, in this order.
    pub parts: Vec<StreamMessage<Part>>,
}

/// A validator's part in consensus beside the engine.
pub struct Host {
    chain: Chain,
    metrics: Arc<Metrics>,
    equivocations: Equivocations,
    signer: ValidatorSigner,
    verifier: ChainVerifier,
    assembler: Assembler,
    /// Proposals complete before their height began.
    early: BTreeMap<u64, Vec<(Announcement, Bytes)>>,
    /// Streams published so far, to name the next.
    streams: u64,
}

impl Host {
    /// A host at the newest block of a chain.
    #[must_use]
    pub fn new(
        chain: Chain,
        signer: ValidatorSigner,
        verifier: ChainVerifier,
        metrics: Arc<Metrics>,
        equivocations: Equivocations,
    ) -> Self {
        let block_bytes_max = chain.tip().state.limits().block_bytes_max;
        let limits = StreamLimits {
            block_bytes_max,
            streams_per_publisher_max: 4,
            streams_max: 64,
            bytes_max: (4 * block_bytes_max).max(16 << 20),
        };
        Self {
            chain,
            metrics,
            equivocations,
            signer,
            verifier,
            assembler: Assembler::new(limits),
            early: BTreeMap::new(),
            streams: 0,
        }
    }

    /// The newest block and the state after it.
    #[must_use]
    pub fn tip(&self) -> Arc<Tip> {
        self.chain.tip()
    }

    /// Where consensus begins: the height after the newest block, with its committee and pace.
    #[must_use]
    pub fn ready(&self) -> (Height, HeightParams<MusterContext>) {
        let tip = self.chain.tip();
        (Height(tip.height() + 1), height_params(&tip.state))
    }

    /// A height or round began: what is known of its proposals.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn started(
        &mut self,
        height: Height,
        _round: Round,
        now_ms: u64,
    ) -> Result<Vec<ProposedValue<MusterContext>>, NodeError> {
        let mut values: Vec<_> = self
            .chain
            .store()
            .undecided(height.0)?
            .into_iter()
            .map(|undecided| proposed_value(&undecided, Validity::Valid))
            .collect();
        self.early.retain(|early, _| *early >= height.0);
        let tip = self.chain.tip();
        let (next, verifier) = (tip.height() + 1, self.verifier);
        let committee = ValidatorSet::new(tip.state.committee().iter().map(|member| member.key));
        for (announcement, body) in self.early.remove(&height.0).unwrap_or_default() {
            // Only now is it known whose turn it was.
            if height.0 == next && admit(&announcement, next, &committee, &verifier) {
                values.extend(self.judge(&announcement, body, now_ms)?);
            }
        }
        Ok(values)
    }

    /// Builds a block, or takes the one that was built for this round before a restart: proposing
    /// two would be equivocation. Nothing is answered where no block can be built; the round then
    /// times out.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn propose(
        &mut self,
        height: Height,
        round: Round,
        now_ms: u64,
    ) -> Result<Option<Proposed>, NodeError> {
        let number = round.as_u32().unwrap_or(0);
        let own = self.signer.public();
        let earlier = self
            .chain
            .store()
            .undecided(height.0)?
            .into_iter()
            .find(|undecided| undecided.round == number && undecided.proposer == own);
        if let Some(earlier) = earlier
            && let Some(body) = self.chain.store().body(&earlier.hash)?
        {
            let parts = self.cut(height, round, Round::Nil, earlier.hash, &Bytes::from(body));
            let value = LocallyProposedValue::new(height, round, BlockId(earlier.hash));
            return Ok(Some(Proposed { value, parts }));
        }
        if self.chain.tip().height() + 1 != height.0 {
            tracing::error!(height = height.0, "asked for a block that does not follow the newest");
            return Ok(None);
        }
        let candidate = match self.chain.build(now_ms) {
            Ok(candidate) => candidate,
            Err(Invalid::Store(error)) => return Err(error.into()),
            Err(reason) => {
                tracing::error!(height = height.0, %reason, "no block can be built");
                return Ok(None);
            }
        };
        let undecided = Undecided {
            height: height.0,
            round: number,
            hash: candidate.hash,
            valid_round: None,
            proposer: own,
        };
        self.chain.store().put_undecided(&undecided, &candidate.body)?;
        let parts = self.cut(height, round, Round::Nil, candidate.hash, &candidate.body);
        let value = LocallyProposedValue::new(height, round, BlockId(candidate.hash));
        Ok(Some(Proposed { value, parts }))
    }

    /// The parts of a block that is to be sent again.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn restream(
        &mut self,
        height: Height,
        round: Round,
        valid_round: Round,
        hash: &Hash,
    ) -> Result<Vec<StreamMessage<Part>>, NodeError> {
        Ok(match self.chain.store().body(hash)? {
            Some(body) => self.cut(height, round, valid_round, *hash, &Bytes::from(body)),
            None => Vec::new(),
        })
    }

    /// Cuts a block into parts to be sent.
    fn cut(
        &mut self,
        height: Height,
        round: Round,
        valid_round: Round,
        block: Hash,
        body: &Bytes,
    ) -> Vec<StreamMessage<Part>> {
        let mut announcement = Announcement {
            height,
            round,
            valid_round,
            proposer: Address(self.signer.public()),
            block,
            bytes: u32::try_from(body.len()).expect("blocks are far shorter than 4 GiB"),
            signature: ValidatorSigner::unsigned(),
        };
        self.signer.sign_announcement(&mut announcement);
        let name =
            [height.0.to_be_bytes(), round.as_i64().to_be_bytes(), self.streams.to_be_bytes()];
        let name = StreamId::new(Bytes::from(name.concat()));
        self.streams += 1;
        let contents = cut(announcement, body).map(StreamContent::Data);
        let contents = contents.chain(std::iter::once(StreamContent::Fin));
        (0u64..)
            .zip(contents)
            .map(|(sequence, content)| StreamMessage::new(name.clone(), sequence, content))
            .collect()
    }

    /// Takes a part of a proposal from whoever published it; answers with the proposal that it
    /// completes.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn received(
        &mut self,
        publisher: Vec<u8>,
        message: StreamMessage<Part>,
        now_ms: u64,
    ) -> Result<Option<ProposedValue<MusterContext>>, NodeError> {
        // The announcement says how long the block is, so that the end mark carries nothing.
        let StreamContent::Data(part) = message.content else { return Ok(None) };
        let tip = self.chain.tip();
        let (next, verifier) = (tip.height() + 1, self.verifier);
        let committee = ValidatorSet::new(tip.state.committee().iter().map(|member| member.key));
        let admit = |announcement: &Announcement| admit(announcement, next, &committee, &verifier);
        let key = StreamKey { publisher, stream: message.stream_id.to_bytes() };
        match self.assembler.insert(key, message.sequence, part, next, admit) {
            Outcome::Pending => Ok(None),
            Outcome::Refused(refusal) => {
                self.metrics.streams_refused.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(%refusal, "proposal parts refused");
                Ok(None)
            }
            Outcome::Complete(announcement, body) => {
                let body = Bytes::from(body);
                if announcement.height.0 == next {
                    return self.judge(&announcement, body, now_ms);
                }
                if self.early.values().map(Vec::len).sum::<usize>() < EARLY_MAX {
                    let early = self.early.entry(announcement.height.0).or_default();
                    early.push((announcement, body));
                }
                Ok(None)
            }
        }
    }

    /// Executes a complete proposal; a good one is durable when this returns.
    fn judge(
        &mut self,
        announcement: &Announcement,
        body: Bytes,
        now_ms: u64,
    ) -> Result<Option<ProposedValue<MusterContext>>, NodeError> {
        let undecided = Undecided {
            height: announcement.height.0,
            round: announcement.round.as_u32().unwrap_or(0),
            hash: announcement.block,
            valid_round: announcement.valid_round.as_u32(),
            proposer: announcement.proposer.0,
        };
        match self.chain.check(&announcement.block, body, Some(now_ms)) {
            Ok(candidate) => {
                self.chain.store().put_undecided(&undecided, &candidate.body)?;
                Ok(Some(proposed_value(&undecided, Validity::Valid)))
            }
            Err(Invalid::Store(error)) => Err(error.into()),
            Err(reason) => {
                self.metrics.proposals_invalid.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    height = undecided.height,
                    round = undecided.round,
                    proposer = %undecided.proposer,
                    block = %undecided.hash,
                    %reason,
                    "a proposal is refused"
                );
                let known_bad = matches!(reason, Invalid::Rule(_));
                Ok(known_bad.then(|| proposed_value(&undecided, Validity::Invalid)))
            }
        }
    }

    /// Applies what the committee decided.
    ///
    /// # Errors
    /// When the disk fails, or the block cannot be applied although it was decided.
    pub fn decided(
        &mut self,
        certificate: &CommitCertificate<MusterContext>,
    ) -> Result<(), NodeError> {
        let stored = stored(certificate);
        let (height, round) = (stored.height, stored.round);
        self.chain.apply(stored)?;
        let tip = self.chain.tip();
        tracing::debug!(height, round, block = %tip.hash, "decided");
        self.assembler.forget_before(height);
        self.assembler.set_block_bytes_max(tip.state.limits().block_bytes_max);
        Ok(())
    }

    /// Takes what came in after a decision, and says where to go on.
    pub fn finalized(
        &mut self,
        certificate: &CommitCertificate<MusterContext>,
        evidence: &MisbehaviorEvidence<MusterContext>,
    ) -> Next<MusterContext> {
        self.note_evidence(certificate.height, evidence);
        self.chain.finalize(stored(certificate));
        let tip = self.chain.tip();
        Next::Start(Height(tip.height() + 1), height_params(&tip.state))
    }

    /// Equivocation is logged, counted and shown; nothing on the ledger acts on it yet.
    fn note_evidence(&self, height: Height, evidence: &MisbehaviorEvidence<MusterContext>) {
        let votes = evidence.votes.iter().map(|(address, _)| (*address, "vote"));
        let proposals = evidence.proposals.iter().map(|(address, _)| (*address, "proposal"));
        for (address, kind) in votes.chain(proposals) {
            self.metrics.equivocations.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(height = height.0, validator = %address, kind, "two conflicting messages were signed");
            let mut equivocations =
                self.equivocations.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if equivocations.len() >= EQUIVOCATIONS_MAX {
                equivocations.remove(0);
            }
            equivocations.push(Equivocation {
                address: address.0.into(),
                height: height.0,
                kind: kind.to_string(),
            });
        }
    }

    /// A block that others decided; the engine has checked its certificate.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn synced(
        &mut self,
        height: Height,
        round: Round,
        proposer: Address,
        body: Bytes,
    ) -> Result<SyncedValueOutcome<MusterContext>, NodeError> {
        let tip = self.chain.tip();
        if height.0 != tip.height() + 1 {
            return Ok(SyncedValueOutcome::LocalTransientError);
        }
        let hash = match hash_of(&body, &tip.state) {
            Ok(hash) => hash,
            Err(reason) => {
                tracing::warn!(height = height.0, %reason, "a synced block cannot be read");
                return Ok(SyncedValueOutcome::PeerFault);
            }
        };
        let undecided = Undecided {
            height: height.0,
            round: round.as_u32().unwrap_or(0),
            hash,
            valid_round: None,
            proposer: proposer.0,
        };
        match self.chain.check(&hash, body, None) {
            Ok(candidate) => {
                self.chain.store().put_undecided(&undecided, &candidate.body)?;
                self.metrics.blocks_synced.fetch_add(1, Ordering::Relaxed);
                let value = proposed_value(&undecided, Validity::Valid);
                Ok(SyncedValueOutcome::Verdict(value))
            }
            Err(Invalid::Store(error)) => Err(error.into()),
            Err(Invalid::NotTheBlock(reason)) => {
                tracing::warn!(height = height.0, reason, "a synced block cannot be read");
                Ok(SyncedValueOutcome::PeerFault)
            }
            Err(Invalid::Rule(reason)) => {
                tracing::error!(height = height.0, reason, "a synced block is invalid here");
                let value = proposed_value(&undecided, Validity::Invalid);
                Ok(SyncedValueOutcome::Verdict(value))
            }
        }
    }

    /// Decided blocks for a node that is behind; the engine asks for a few and bounds the answer.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn history(
        &self,
        first: Height,
        last: Height,
    ) -> Result<Vec<RawDecidedValue<MusterContext>>, NodeError> {
        let store = self.chain.store();
        let limit = 2 * self.chain.tip().state.limits().block_bytes_max;
        let (mut values, mut bytes) = (Vec::new(), 0usize);
        for height in first.0..=last.0 {
            let Some(decided) = store.decided(height)? else { break };
            let Some(body) = store.body(&decided.hash)? else { break };
            bytes = bytes.saturating_add(body.len());
            if bytes > limit && !values.is_empty() {
                break;
            }
            values.push(RawDecidedValue::new(Bytes::from(body), decided.certificate.to_engine()));
        }
        Ok(values)
    }
}

/// Whether an announcement is for now and by whom it must be. For heights after the next the
/// committee may differ, so that membership now is all that is asked; it is judged in full later.
fn admit(
    announcement: &Announcement,
    next: u64,
    committee: &ValidatorSet,
    verifier: &ChainVerifier,
) -> bool {
    let Some(round) = announcement.round.as_u32() else { return false };
    let (height, proposer) = (announcement.height.0, announcement.proposer.0);
    let turn = if height == next {
        committee.proposer(height, round).address.0 == proposer
    } else {
        (next..=next + HEIGHTS_AHEAD).contains(&height) && committee.contains(&proposer)
    };
    turn && verifier.announcement(announcement)
}

fn proposed_value(undecided: &Undecided, validity: Validity) -> ProposedValue<MusterContext> {
    ProposedValue {
        height: Height(undecided.height),
        round: Round::new(undecided.round),
        valid_round: Round::from(undecided.valid_round),
        proposer: Address(undecided.proposer),
        value: BlockId(undecided.hash),
        validity,
    }
}

fn stored(certificate: &CommitCertificate<MusterContext>) -> StoredCertificate {
    StoredCertificate::new(
        certificate.height,
        certificate.round,
        certificate.value_id,
        certificate.commit_signatures.iter().map(|commit| (commit.address, commit.signature)),
    )
}

/// Committee, timeouts and pace of the next height: a pure function of the state.
fn height_params(state: &State) -> HeightParams<MusterContext> {
    let parameters = state.parameters();
    let milliseconds = Duration::from_millis;
    let (propose, prevote, precommit) = (
        milliseconds(parameters.timeout_propose_ms),
        milliseconds(parameters.timeout_prevote_ms),
        milliseconds(parameters.timeout_precommit_ms),
    );
    let timeouts = LinearTimeouts {
        propose,
        propose_delta: propose / 4,
        prevote,
        prevote_delta: prevote / 4,
        precommit,
        precommit_delta: precommit / 4,
        rebroadcast: propose + prevote + precommit,
        ..LinearTimeouts::default()
    };
    let committee = ValidatorSet::new(state.committee().iter().map(|member| member.key));
    HeightParams::new(committee, timeouts, Some(milliseconds(parameters.block_time_ms)))
}
