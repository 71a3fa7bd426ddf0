//! What a validator does in consensus, without threads, channels or a clock: what to propose,
//! whether a proposal is good, what to do with a decision. Whoever drives it says what time it is
//! and publishes the parts that it returns.

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
use muster_ledger::crypto::Hash;
use muster_ledger::encoding::encode;
use muster_ledger::state::State;

use super::codec::StoredCertificate;
use super::context::{
    Address, Announcement, BlockId, Height, MusterContext, Origin, Part, ValidatorSet,
};
use super::inlet::Inlet;
use super::parts::{Assembler, Pieces, Present, builder};
use super::signing::{ChainVerifier, ValidatorSigner};
use crate::ChainError;
use crate::chain::{Ballot, Chain, Invalid, Tip, hash_of};
use crate::metrics::Metrics;
use crate::store::Undecided;

/// Equivocations that are remembered.
const EQUIVOCATIONS_MAX: usize = 32;

/// A validator that signed two conflicting messages of one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivocation {
    /// The validator.
    pub address: Address,
    /// The height at which it did.
    pub height: Height,
    /// "vote", "proposal" or "announcement" (of two blocks for one round).
    pub kind: &'static str,
    /// The two signed messages, encoded; none where the engine keeps them to itself.
    pub messages: Vec<Vec<u8>>,
}

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
    inlet: Arc<Inlet>,
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
        let assembler = Assembler::new(verifier, present(&chain.tip(), 0));
        let inlet = Arc::new(Inlet::new(assembler));
        Self { chain, metrics, equivocations, signer, inlet }
    }

    /// The newest block and the state after it.
    #[must_use]
    pub fn tip(&self) -> Arc<Tip> {
        self.chain.tip()
    }

    /// Where parts may come in beside [`Host::received`], from any thread.
    #[must_use]
    pub fn inlet(&self) -> Arc<Inlet> {
        self.inlet.clone()
    }

    /// Where consensus begins: the height after the newest block, with its committee and pace.
    #[must_use]
    pub fn ready(&self) -> (Height, HeightParams<MusterContext>) {
        let tip = self.chain.tip();
        (Height(tip.height() + 1), height_params(&tip.state))
    }

    /// A height or round began: what is known of its proposals. Those that were complete before
    /// their round are executed now, not earlier: a member makes the others execute no more blocks
    /// than it had turns.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn started(
        &mut self,
        height: Height,
        round: Round,
        now_ms: u64,
    ) -> Result<Vec<ProposedValue<MusterContext>>, ChainError> {
        let tip = self.chain.tip();
        let known = self.chain.store().undecided(height.0)?;
        let mut values: Vec<_> =
            known.iter().map(|undecided| proposed_value(undecided, Validity::Valid)).collect();
        if height.0 == tip.height() + 1 {
            let announced = known.into_iter().filter_map(|undecided| undecided.announcement);
            let mut assembler = self.inlet.lock();
            assembler.move_on(present(&tip, round.as_u32().unwrap_or(0)));
            announced.for_each(|announcement| assembler.remember(announcement));
            drop(assembler);
            while let Some((announcement, body)) = self.complete() {
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
    ) -> Result<Option<Proposed>, ChainError> {
        let own = Address(self.signer.public());
        if let Some((announcement, pieces)) = self.announced(height, round)?
            && announcement.proposer == own
        {
            return Ok(Some(proposed(&announcement, &pieces)));
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
        let pieces = Pieces::of(candidate.body.clone());
        let announcement = self.announce(height, round, candidate.hash, &pieces, None)?;
        Ok(Some(proposed(&announcement, &pieces)))
    }

    /// The parts of a block that is to be sent again: as its proposer announced it, or announced
    /// anew when it is proposed again in a later round.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn restream(
        &mut self,
        height: Height,
        round: Round,
        valid_round: Round,
        hash: &Hash,
    ) -> Result<Vec<StreamMessage<Part>>, ChainError> {
        if let Some((announcement, pieces)) = self.announced(height, round)?
            && announcement.block == *hash
        {
            return Ok(messages(&announcement, &pieces));
        }
        let number = round.as_u32().unwrap_or(0);
        let turn = self.committee().proposer(height.0, number).address;
        let earlier = self.chain.store().undecided(height.0)?.into_iter().find_map(|undecided| {
            undecided.announcement.filter(|announcement| announcement.block == *hash)
        });
        let body = self.chain.store().body(hash)?;
        let (Some(earlier), Some(body)) = (earlier, body) else { return Ok(Vec::new()) };
        if turn.0 != self.signer.public() {
            return Ok(Vec::new());
        }
        let origin =
            earlier.origin.unwrap_or(Origin { round: earlier.round, signature: earlier.signature });
        let pieces = Pieces::of(Bytes::from(body));
        let again = Some((valid_round, origin));
        let announcement = self.announce(height, round, *hash, &pieces, again)?;
        Ok(messages(&announcement, &pieces))
    }

    /// What was announced and checked for a round, as it is on disk.
    fn announced(
        &self,
        height: Height,
        round: Round,
    ) -> Result<Option<(Announcement, Pieces)>, ChainError> {
        let undecided = self.chain.store().undecided(height.0)?;
        let announcement = undecided.into_iter().find_map(|undecided| {
            undecided.announcement.filter(|announcement| announcement.round == round)
        });
        let Some(announcement) = announcement else { return Ok(None) };
        let body = self.chain.store().body(&announcement.block)?;
        Ok(body.map(|body| (announcement, Pieces::of(Bytes::from(body)))))
    }

    /// Signs an announcement of this validator's own, durable before anybody sees it. `again` is
    /// the round of the proof of lock and the origin of a block that is proposed again.
    fn announce(
        &mut self,
        height: Height,
        round: Round,
        block: Hash,
        pieces: &Pieces,
        again: Option<(Round, Origin)>,
    ) -> Result<Announcement, ChainError> {
        let own = Address(self.signer.public());
        let mut announcement = pieces.announcement(height, round, own, block);
        if let Some((valid_round, origin)) = again {
            announcement.valid_round = valid_round;
            announcement.origin = Some(origin);
        }
        self.signer.sign_announcement(&mut announcement);
        self.chain.store().put_undecided(&undecided(&announcement), pieces.block())?;
        self.inlet.lock().remember(announcement.clone());
        Ok(announcement)
    }

    /// Takes a part of a proposal, whoever sent it, or the note that the inlet has taken one;
    /// answers with a proposal that is complete.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn received(
        &mut self,
        message: StreamMessage<Part>,
        now_ms: u64,
    ) -> Result<Option<ProposedValue<MusterContext>>, ChainError> {
        if let StreamContent::Data(part) = message.content {
            self.inlet.insert(part);
        }
        self.metrics.parts_refused.store(self.inlet.refused(), Ordering::Relaxed);
        self.metrics.strangers_sent_away.store(self.inlet.sent_away(), Ordering::Relaxed);
        self.note_conflicts();
        match self.complete() {
            Some((announcement, body)) => self.judge(&announcement, body, now_ms),
            None => Ok(None),
        }
    }

    /// A proposal that is complete and whose round has come.
    fn complete(&self) -> Option<(Announcement, Bytes)> {
        let (announcement, body) = self.inlet.lock().take()?;
        Some((announcement, Bytes::from(body)))
    }

    /// Executes a complete proposal; a good one is durable when this returns.
    fn judge(
        &mut self,
        announcement: &Announcement,
        body: Bytes,
        now_ms: u64,
    ) -> Result<Option<ProposedValue<MusterContext>>, ChainError> {
        let undecided = undecided(announcement);
        let ballot = Ballot { builder: builder(&self.committee(), announcement).0, now_ms };
        match self.chain.check(&announcement.block, body, Some(&ballot)) {
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
    ) -> Result<(), ChainError> {
        let stored = stored(certificate);
        let (height, round) = (stored.height, stored.round);
        self.chain.apply(stored)?;
        let tip = self.chain.tip();
        tracing::debug!(height, round, block = %tip.hash, "decided");
        self.inlet.lock().move_on(present(&tip, 0));
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

    fn note_conflicts(&self) {
        let conflict = || self.inlet.lock().take_conflict();
        while let Some(announcements) = conflict() {
            let messages = announcements.iter().map(encode).collect();
            let [first, _] = &announcements;
            self.note_equivocation(first.height, first.proposer, "announcement", messages);
        }
    }

    fn note_evidence(&self, height: Height, evidence: &MisbehaviorEvidence<MusterContext>) {
        let votes = evidence.votes.iter().map(|(address, _)| (*address, "vote"));
        let proposals = evidence.proposals.iter().map(|(address, _)| (*address, "proposal"));
        for (address, kind) in votes.chain(proposals) {
            self.note_equivocation(height, address, kind, Vec::new());
        }
    }

    /// Equivocation is logged, counted and shown; nothing on the ledger acts on it yet.
    fn note_equivocation(
        &self,
        height: Height,
        address: Address,
        kind: &'static str,
        messages: Vec<Vec<u8>>,
    ) {
        self.metrics.equivocations.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(height = height.0, validator = %address, kind, "two conflicting messages were signed");
        let mut equivocations =
            self.equivocations.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if equivocations.len() >= EQUIVOCATIONS_MAX {
            equivocations.remove(0);
        }
        equivocations.push(Equivocation { address, height, kind, messages });
    }

    fn committee(&self) -> ValidatorSet {
        committee(&self.chain.tip().state)
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
    ) -> Result<SyncedValueOutcome<MusterContext>, ChainError> {
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
            announcement: None,
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

    /// The oldest block that [`Host::history`] has.
    #[must_use]
    pub fn oldest(&self) -> Height {
        Height(self.chain.store().first())
    }

    /// Decided blocks for a node that is behind; the engine asks for a few and bounds the answer.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn history(
        &self,
        first: Height,
        last: Height,
    ) -> Result<Vec<RawDecidedValue<MusterContext>>, ChainError> {
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

/// The height after a tip, at a round of it.
fn present(tip: &Tip, round: u32) -> Present {
    Present {
        height: tip.height() + 1,
        round,
        committee: committee(&tip.state),
        block_bytes_max: tip.state.limits().block_bytes_max,
    }
}

/// Who decides the height after a state.
fn committee(state: &State) -> ValidatorSet {
    ValidatorSet::new(state.committee().iter().map(|member| member.key))
}

fn undecided(announcement: &Announcement) -> Undecided {
    Undecided {
        height: announcement.height.0,
        round: announcement.round.as_u32().unwrap_or(0),
        hash: announcement.block,
        valid_round: announcement.valid_round.as_u32(),
        proposer: announcement.proposer.0,
        announcement: Some(announcement.clone()),
    }
}

fn proposed(announcement: &Announcement, pieces: &Pieces) -> Proposed {
    let value = BlockId(announcement.block);
    let value = LocallyProposedValue::new(announcement.height, announcement.round, value);
    Proposed { value, parts: messages(announcement, pieces) }
}

/// Parts as they travel. Each stands for itself: name and number are for the log alone.
fn messages(announcement: &Announcement, pieces: &Pieces) -> Vec<StreamMessage<Part>> {
    let round = announcement.round.as_i64().to_be_bytes();
    let name = [announcement.height.0.to_be_bytes(), round].concat();
    let name = StreamId::new(Bytes::from(name));
    (0u64..)
        .zip(pieces.parts(announcement))
        .map(|(sequence, part)| {
            StreamMessage::new(name.clone(), sequence, StreamContent::Data(part))
        })
        .collect()
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
    HeightParams::new(committee(state), timeouts, Some(milliseconds(parameters.block_time_ms)))
}
