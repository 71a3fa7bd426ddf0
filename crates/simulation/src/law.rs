//! What must hold at every step, whatever happens.

use std::collections::BTreeMap;

use malachitebft_app::consensus::{LivenessMsg, SignedConsensusMsg};
use malachitebft_app::engine::util::streaming::StreamContent;
use malachitebft_core_types::{NilOrVal, VoteType};
use muster_chain::chain::Tip;
use muster_chain::consensus::context::{BlockId, Part, Vote};
use muster_chain::store::Store;
use muster_ledger::crypto::{Hash, PublicKey};

use crate::message::Message;

/// A rule that was broken: when, by which node, and what happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {at_ms} ms, node {node}: {what}")]
pub struct Violation {
    /// The world's time, milliseconds.
    pub at_ms: u64,
    /// The node.
    pub node: usize,
    /// What was broken.
    pub what: String,
}

/// What an honest node may sign only once at a height and round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Prevote,
    Precommit,
    Proposal,
    Announcement,
}

/// The rules, with what was seen so far.
#[derive(Debug, Default)]
pub struct Law {
    /// The block of each height, by whoever applied it first.
    decided: BTreeMap<u64, Hash>,
    /// What honest nodes sent: (node, kind, height, round) to the block, nothing for nil.
    signed: BTreeMap<(usize, Kind, u64, i64), Option<Hash>>,
    /// Up to which height each node said that it had applied blocks.
    applied: BTreeMap<usize, u64>,
}

impl Law {
    /// The highest height that anybody applied.
    pub fn top(&self) -> u64 {
        self.decided.last_key_value().map_or(0, |(height, _)| *height)
    }

    /// An honest node sends a message: it has said nothing else of the same kind before.
    ///
    /// # Errors
    /// What it said before.
    pub fn send(&mut self, node: usize, key: &PublicKey, message: &Message) -> Result<(), String> {
        match message {
            Message::Consensus(SignedConsensusMsg::Vote(vote))
            | Message::Liveness(LivenessMsg::Vote(vote)) => self.vote(node, key, &vote.message),
            Message::Consensus(SignedConsensusMsg::Proposal(signed)) => {
                let proposal = &signed.message;
                let value = NilOrVal::Val(proposal.value);
                let (height, round) = (proposal.height.0, proposal.round.as_i64());
                if proposal.address.0 != *key {
                    return Ok(());
                }
                self.once(node, Kind::Proposal, height, round, &value)
            }
            Message::Liveness(LivenessMsg::PolkaCertificate(certificate)) => {
                let own = certificate.polka_signatures.iter().any(|s| s.address.0 == *key);
                if !own {
                    return Ok(());
                }
                let (height, round) = (certificate.height.0, certificate.round.as_i64());
                let value = NilOrVal::Val(certificate.value_id);
                self.once(node, Kind::Prevote, height, round, &value)
            }
            Message::Liveness(LivenessMsg::SkipRoundCertificate(certificate)) => {
                let own = certificate.round_signatures.iter().filter(|s| s.address.0 == *key);
                for vote in own {
                    let (height, round) = (certificate.height.0, certificate.round.as_i64());
                    let kind = kind_of(vote.vote_type);
                    self.once(node, kind, height, round, &vote.value_id)?;
                }
                Ok(())
            }
            Message::Part(part) => self.part(node, key, &part.content),
            Message::Status(_)
            | Message::Ask(..)
            | Message::Answer(..)
            | Message::Transactions(_) => Ok(()),
        }
    }

    fn vote(&mut self, node: usize, key: &PublicKey, vote: &Vote) -> Result<(), String> {
        if vote.address.0 != *key {
            return Ok(());
        }
        let kind = kind_of(vote.kind);
        self.once(node, kind, vote.height.0, vote.round.as_i64(), &vote.value)
    }

    fn part(
        &mut self,
        node: usize,
        key: &PublicKey,
        content: &StreamContent<Part>,
    ) -> Result<(), String> {
        let StreamContent::Data(Part { announcement, .. }) = content else { return Ok(()) };
        if announcement.proposer.0 != *key {
            return Ok(());
        }
        let (height, round) = (announcement.height.0, announcement.round.as_i64());
        let value = NilOrVal::Val(BlockId(announcement.block));
        self.once(node, Kind::Announcement, height, round, &value)
    }

    fn once(
        &mut self,
        node: usize,
        kind: Kind,
        height: u64,
        round: i64,
        value: &NilOrVal<BlockId>,
    ) -> Result<(), String> {
        let value = match value {
            NilOrVal::Nil => None,
            NilOrVal::Val(block) => Some(block.0),
        };
        let before = *self.signed.entry((node, kind, height, round)).or_insert(value);
        if before == value {
            return Ok(());
        }
        let name = |value: Option<Hash>| value.map_or("nil".to_string(), |hash| short(&hash));
        Err(format!(
            "it contradicts itself: its {kind:?} at height {height}, round {round} was for {}, \
             now it is for {}",
            name(before),
            name(value)
        ))
    }

    /// A node applied a block: it is the one that all others applied at this height, it follows
    /// what the node had, and the money adds up.
    ///
    /// # Errors
    /// What does not hold.
    pub fn apply(
        &mut self,
        node: usize,
        height: u64,
        block: Hash,
        tip: &Tip,
    ) -> Result<(), String> {
        let first = *self.decided.entry(height).or_insert(block);
        if first != block {
            return Err(format!(
                "two blocks are decided at height {height}: {} and {}",
                short(&first),
                short(&block)
            ));
        }
        if tip.height() == height && tip.hash != block {
            return Err(format!("its newest block is {}, decided is {}", tip.hash, block));
        }
        if tip.state.height().0 != tip.height() {
            return Err(format!("its state is of height {}", tip.state.height().0));
        }
        tip.state.audit().map_err(|error| error.to_string())?;
        let before = self.applied.insert(node, height.max(self.applied_by(node)));
        if before.is_some_and(|before| height > before + 1) {
            return Err(format!("it applied height {height} after {}", before.unwrap_or(0)));
        }
        Ok(())
    }

    fn applied_by(&self, node: usize) -> u64 {
        self.applied.get(&node).copied().unwrap_or(0)
    }

    /// A node opened its database: nothing that it had applied is lost, in any height.
    ///
    /// # Errors
    /// What is lost.
    pub fn open(&mut self, node: usize, tip: &Tip, store: &Store) -> Result<(), String> {
        let applied = self.applied_by(node);
        if tip.height() < applied {
            return Err(format!("it had applied height {applied} and has {}", tip.height()));
        }
        tip.state.audit().map_err(|error| error.to_string())?;
        for height in 1..=tip.height() {
            let whole = store.whole(height).map_err(|error| error.to_string())?;
            let (decided, ..) = whole.ok_or_else(|| format!("its block {height} is lost"))?;
            let first = *self.decided.entry(height).or_insert(decided.hash);
            if first != decided.hash {
                return Err(format!("its block {height} is another than that of the others"));
            }
        }
        // A block may be durable though the power went before anybody heard of it.
        self.applied.insert(node, tip.height());
        Ok(())
    }
}

fn kind_of(kind: VoteType) -> Kind {
    match kind {
        VoteType::Prevote => Kind::Prevote,
        VoteType::Precommit => Kind::Precommit,
    }
}

/// The first digits of a hash.
pub fn short(hash: &Hash) -> String {
    hash.to_string()[..8].to_string()
}
