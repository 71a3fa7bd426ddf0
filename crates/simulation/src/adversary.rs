//! Dishonest members. Each runs the honest code, so that it knows what the others do, and says
//! something else: what it sends passes through here first. Those of one run conspire.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::FutureExt;
use malachitebft_app::consensus::{LivenessMsg, SignedConsensusMsg};
use malachitebft_app::engine::util::streaming::{StreamContent, StreamId, StreamMessage};
use malachitebft_core_types::{NilOrVal, Round, VoteType};
use malachitebft_signing::Signer;
use malachitebft_sync::RawDecidedValue;
use muster_chain::consensus::StoredCertificate;
use muster_chain::consensus::context::{
    Address, Announcement, BlockId, EngineSignature, Height, MusterContext, Part, Proposal, Vote,
};
use muster_chain::consensus::parts::Pieces;
use muster_chain::consensus::signing::ValidatorSigner;
use muster_ledger::crypto::{Hash, Signature, hash};
use muster_mechanism::random::Stream;

use crate::message::Message;
use crate::plan::Vice;
use crate::rival::Rival;

/// What the dishonest members of a run know together.
#[derive(Debug, Default)]
pub struct Plot {
    /// Two blocks of one round and who is shown the second, by height and round.
    pairs: BTreeMap<(u64, i64), (BlockId, BlockId, u64)>,
    /// Blocks that were never decided, by height.
    rivals: BTreeMap<u64, Rival>,
    /// The block last proposed in each round.
    seen: BTreeMap<(u64, i64), BlockId>,
}

impl Plot {
    /// A member heard a message.
    pub fn hear(&mut self, message: &Message) {
        if let Message::Consensus(SignedConsensusMsg::Proposal(signed)) = message {
            let proposal = &signed.message;
            self.seen.insert((proposal.height.0, proposal.round.as_i64()), proposal.value);
        }
    }

    /// Keeps a block that nobody decided, for those who are behind.
    pub fn keep(&mut self, height: u64, rival: Rival) {
        self.rivals.entry(height).or_insert(rival);
    }

    /// A false answer to who is behind at a height: a block that nobody decided, with signatures
    /// that are none.
    pub fn false_history(
        &self,
        height: u64,
        members: &[Address],
    ) -> Option<RawDecidedValue<MusterContext>> {
        let rival = self.rivals.get(&height)?;
        let none = EngineSignature(Signature([1; 64]));
        let signatures = members.iter().map(|member| (*member, none));
        let block = BlockId(rival.hash);
        let certificate = StoredCertificate::new(Height(height), Round::new(0), block, signatures);
        Some(RawDecidedValue::new(rival.body.clone(), certificate.to_engine()))
    }
}

/// What becomes of the pieces of a block that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Honest,
    /// Only to the nodes outside the mask.
    Some(u64),
    Withheld,
    Junk,
    /// Another block goes out in its place.
    Replaced,
}

/// One dishonest member.
pub struct Adversary {
    vices: Vec<Vice>,
    nodes: usize,
    signer: ValidatorSigner,
    members: Vec<Address>,
    stream: Stream,
    /// By height, round and block.
    ways: BTreeMap<(u64, i64, Hash), Way>,
    /// A block that is proposed instead, by height and round.
    replaced: BTreeMap<(u64, i64), BlockId>,
    published: u64,
}

/// To which node, and what.
type Letters = Vec<(usize, Message)>;

fn sign_vote(signer: &ValidatorSigner, vote: Vote) -> Message {
    let signed = signer.sign_vote(vote).now_or_never().expect("signing never waits");
    Message::Consensus(SignedConsensusMsg::Vote(signed.expect("the round is a number")))
}

fn sign_proposal(signer: &ValidatorSigner, proposal: Proposal) -> Message {
    let signed = signer.sign_proposal(proposal).now_or_never().expect("signing never waits");
    Message::Consensus(SignedConsensusMsg::Proposal(signed.expect("it signs everything")))
}

impl Adversary {
    /// A member with vices, among so many nodes with these addresses.
    pub fn new(
        vices: Vec<Vice>,
        members: Vec<Address>,
        signer: ValidatorSigner,
        stream: Stream,
    ) -> Self {
        Self {
            vices,
            nodes: members.len(),
            signer,
            members,
            stream,
            ways: BTreeMap::new(),
            replaced: BTreeMap::new(),
            published: 0,
        }
    }

    /// Whether it has a vice.
    pub fn has(&self, vice: Vice) -> bool {
        self.vices.contains(&vice)
    }

    fn feels(&mut self, vice: Vice, one_in: u64) -> bool {
        self.has(vice) && self.stream.below(one_in) == 0
    }

    fn all(&self, message: &Message) -> Letters {
        (0..self.nodes).map(|to| (to, message.clone())).collect()
    }

    /// The letters that go out instead of an honest broadcast. `rival` makes another block for the
    /// height that the node is at: with a good state root, or with a false one.
    pub fn twist(
        &mut self,
        message: Message,
        plot: &mut Plot,
        rival: impl FnMut(bool) -> Option<Rival>,
    ) -> Letters {
        if self.has(Vice::Silence) {
            return Vec::new();
        }
        match message {
            Message::Part(part) => self.twist_part(*part, plot, rival),
            Message::Consensus(SignedConsensusMsg::Proposal(signed)) => {
                self.twist_proposal(signed.message, plot)
            }
            Message::Consensus(SignedConsensusMsg::Vote(signed)) => {
                self.twist_vote(signed.message, plot)
            }
            Message::Liveness(LivenessMsg::Vote(_)) if self.feels(Vice::TwoVotes, 2) => Vec::new(),
            other => self.all(&other),
        }
    }

    fn twist_part(
        &mut self,
        message: StreamMessage<Part>,
        plot: &mut Plot,
        mut rival: impl FnMut(bool) -> Option<Rival>,
    ) -> Letters {
        let honest = Message::Part(Box::new(message.clone()));
        let StreamContent::Data(part) = message.content else { return self.all(&honest) };
        let announcement = &part.announcement;
        let own = announcement.proposer.0 == self.signer.public();
        let place = (announcement.height.0, announcement.round.as_i64(), announcement.block);
        let mut letters = Vec::new();
        if own && !self.ways.contains_key(&place) {
            let (way, extra) = self.choose(announcement, plot, &mut rival);
            letters.extend(extra);
            self.ways.insert(place, way);
        }
        match self.ways.get(&place).copied().unwrap_or(Way::Honest) {
            Way::Honest => letters.extend(self.all(&honest)),
            Way::Some(mask) => {
                letters.extend(self.all(&honest).into_iter().filter(|(to, _)| mask >> to & 1 == 0));
            }
            Way::Withheld | Way::Replaced => {}
            Way::Junk => {
                let mut junk = part.piece.to_vec();
                let byte = self.stream.below(junk.len() as u64) as usize;
                junk[byte] ^= 1 + self.stream.below(255) as u8;
                let content = StreamContent::Data(Part { piece: Bytes::from(junk), ..part });
                let junk = StreamMessage::new(message.stream_id, message.sequence, content);
                letters.extend(self.all(&Message::Part(Box::new(junk))));
            }
        }
        letters
    }

    /// What becomes of a block that is announced, and what else goes out.
    fn choose(
        &mut self,
        announcement: &Announcement,
        plot: &mut Plot,
        rival: &mut impl FnMut(bool) -> Option<Rival>,
    ) -> (Way, Letters) {
        let place = (announcement.height.0, announcement.round.as_i64());
        if announcement.valid_round.is_defined() {
            return (Way::Honest, Vec::new());
        }
        if self.feels(Vice::TwoBlocks, 2)
            && let Some(other) = rival(false)
        {
            let mask = 1 + self.stream.below((1 << self.nodes) - 2);
            let blocks = (BlockId(announcement.block), BlockId(other.hash), mask);
            plot.pairs.insert(place, blocks);
            let letters = self.publish(announcement, &other);
            let letters = letters.into_iter().filter(|(to, _)| mask >> to & 1 == 1).collect();
            plot.keep(place.0, other);
            return (Way::Some(mask), letters);
        }
        if self.feels(Vice::InvalidBlocks, 2)
            && let Some(other) = rival(true)
        {
            self.replaced.insert(place, BlockId(other.hash));
            return (Way::Replaced, self.publish(announcement, &other));
        }
        if self.feels(Vice::Withholds, 2) {
            return (Way::Withheld, Vec::new());
        }
        if self.feels(Vice::Junk, 2) {
            return (Way::Junk, Vec::new());
        }
        (Way::Honest, Vec::new())
    }

    /// Another block in the place of an announced one, in parts to everybody.
    fn publish(&mut self, announcement: &Announcement, other: &Rival) -> Letters {
        let pieces = Pieces::of(other.body.clone());
        let mut announcement = Announcement {
            block: other.hash,
            bytes: pieces.bytes(),
            pieces: pieces.hash(),
            ..announcement.clone()
        };
        self.signer.sign_announcement(&mut announcement);
        self.published += 1;
        let name = hash("rival stream", &[&other.hash.0, &self.published.to_le_bytes()]);
        let name = StreamId::new(Bytes::copy_from_slice(&name.0));
        let parts = (0..).zip(pieces.parts(&announcement)).map(|(sequence, part)| {
            let content = StreamContent::Data(part);
            Message::Part(Box::new(StreamMessage::new(name.clone(), sequence, content)))
        });
        parts.flat_map(|part| self.all(&part)).collect()
    }

    fn twist_proposal(&mut self, proposal: Proposal, plot: &Plot) -> Letters {
        let place = (proposal.height.0, proposal.round.as_i64());
        let mut letters = Vec::new();
        if let Some((first, second, mask)) = plot.pairs.get(&place)
            && *first == proposal.value
        {
            let other = Proposal { value: *second, ..proposal.clone() };
            let (first, second) =
                (sign_proposal(&self.signer, proposal), sign_proposal(&self.signer, other));
            let message = |to: usize| if mask >> to & 1 == 0 { &first } else { &second };
            return (0..self.nodes).map(|to| (to, message(to).clone())).collect();
        }
        if self.feels(Vice::FarRounds, 2) {
            let far = Round::new(1_000 + self.stream.below(1_000_000) as u32);
            let far = Proposal { round: far, ..proposal.clone() };
            letters.extend(self.all(&sign_proposal(&self.signer, far)));
        }
        let value = self.replaced.get(&place).copied().unwrap_or(proposal.value);
        let proposal = sign_proposal(&self.signer, Proposal { value, ..proposal });
        letters.extend(self.all(&proposal));
        letters
    }

    fn twist_vote(&mut self, vote: Vote, plot: &Plot) -> Letters {
        let place = (vote.height.0, vote.round.as_i64());
        let mut letters = self.forge(&vote, plot);
        if let Some((first, second, mask)) = plot.pairs.get(&place) {
            let for_block = |block: &BlockId| {
                let value = NilOrVal::Val(*block);
                sign_vote(&self.signer, Vote { value, ..vote.clone() })
            };
            let (first, second) = (for_block(first), for_block(second));
            for to in 0..self.nodes {
                let (mine, other) =
                    if mask >> to & 1 == 0 { (&first, &second) } else { (&second, &first) };
                letters.push((to, mine.clone()));
                if self.has(Vice::TwoVotes) {
                    letters.push((to, other.clone()));
                }
            }
            return letters;
        }
        if self.feels(Vice::FarRounds, 3) {
            for far in [1, 3, 10, 11, 50_000] {
                let round = Round::new(vote.round.as_u32().unwrap_or(0) + far);
                let far = Vote { round, ..vote.clone() };
                letters.extend(self.all(&sign_vote(&self.signer, far)));
            }
        }
        let mut vote = vote;
        if self.feels(Vice::Unknown, 3) {
            let number = self.stream.next_word().to_le_bytes();
            vote.value = NilOrVal::Val(BlockId(hash("unknown block", &[&number])));
        } else if self.has(Vice::Amnesia)
            && vote.kind == VoteType::Prevote
            && let Some(block) = plot.seen.get(&place)
        {
            vote.value = NilOrVal::Val(*block);
        }
        let honest = sign_vote(&self.signer, vote.clone());
        if !self.feels(Vice::TwoVotes, 2) {
            letters.extend(self.all(&honest));
            return letters;
        }
        let value = match (&vote.value, plot.seen.get(&place)) {
            (NilOrVal::Nil, Some(block)) => NilOrVal::Val(*block),
            _ => NilOrVal::Nil,
        };
        let other = sign_vote(&self.signer, Vote { value, ..vote });
        for to in 0..self.nodes {
            let message = if self.stream.below(2) == 0 { &honest } else { &other };
            letters.push((to, message.clone()));
        }
        letters
    }

    /// Votes in the name of others, for the second block of a pair or for one that nobody knows.
    fn forge(&mut self, vote: &Vote, plot: &Plot) -> Letters {
        let mut letters = Vec::new();
        if !self.feels(Vice::Forgery, 2) {
            return letters;
        }
        let place = (vote.height.0, vote.round.as_i64());
        let block = match plot.pairs.get(&place) {
            Some((_, second, _)) => *second,
            None => plot.seen.get(&place).copied().unwrap_or(BlockId(Hash([9; 32]))),
        };
        let Message::Consensus(SignedConsensusMsg::Vote(own)) =
            sign_vote(&self.signer, vote.clone())
        else {
            return letters;
        };
        let to = self.stream.below(self.nodes as u64) as usize;
        for address in self.members.clone() {
            let mut forged = own.clone();
            forged.message.address = address;
            forged.message.value = NilOrVal::Val(block);
            letters.push((to, Message::Consensus(SignedConsensusMsg::Vote(forged))));
        }
        letters
    }
}
