//! The types that the engine is generic over. The value that it agrees on is the hash of a block;
//! the block itself travels as proposal parts.

use std::fmt;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use bytes::Bytes;
use malachitebft_core_types as core;
use malachitebft_core_types::{LinearTimeouts, NilOrVal, Round, SignedExtension, VoteType};
use muster_ledger::crypto::{Hash, PublicKey, Signature};

/// A validator's address: its public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Address(pub PublicKey);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::Address for Address {}

/// A height, as the engine counts.
#[derive(
    Clone,
    Copy,
    Default,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    BorshSerialize,
    BorshDeserialize,
)]
pub struct Height(pub u64);

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::Height for Height {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);

    fn increment_by(&self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }

    fn as_u64(&self) -> u64 {
        self.0
    }
}

/// The hash of a block: what validators vote on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct BlockId(pub Hash);

impl fmt::Display for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for BlockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::Value for BlockId {
    type Id = Self;

    fn id(&self) -> Self {
        *self
    }
}

/// Announces a block for a round. Signed, so that nobody but the proposer of a round can make
/// others buffer and execute a block; every part carries it, so that no part waits for another.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Announcement {
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The round in which the block was last agreed to be valid; nil for a new block.
    pub valid_round: Round,
    /// The proposer of the round.
    pub proposer: Address,
    /// Hash of the block.
    pub block: Hash,
    /// Length of the encoded block, bytes.
    pub bytes: u32,
    /// Hash of the list of its pieces' hashes.
    pub pieces: Hash,
    /// For a block of an earlier round: who built it says so.
    pub origin: Option<Origin>,
    /// The proposer's signature over all of the above and the chain.
    pub signature: Signature,
}

/// How a block that is proposed again was announced when it was new.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Origin {
    /// The round for which it was built.
    pub round: Round,
    /// The signature of that round's proposer over the announcement of that time.
    pub signature: Signature,
}

impl Announcement {
    /// The round for which the block was built.
    pub fn built_in(&self) -> Round {
        self.origin.as_ref().map_or(self.round, |origin| origin.round)
    }

    /// The announcement with which the block was new, built by `builder`.
    pub fn original(&self, builder: Address) -> Self {
        match &self.origin {
            None => self.clone(),
            Some(origin) => Self {
                round: origin.round,
                valid_round: Round::Nil,
                proposer: builder,
                origin: None,
                signature: origin.signature,
                ..self.clone()
            },
        }
    }

    /// Whether the rounds that it names can be: a new block has no past, one that is proposed again
    /// was built, then agreed to be valid, then announced.
    pub fn rounds_fit(&self) -> bool {
        match &self.origin {
            None => self.round.is_defined() && self.valid_round.is_nil(),
            Some(origin) => {
                origin.round.is_defined()
                    && origin.round <= self.valid_round
                    && self.valid_round < self.round
            }
        }
    }
}

/// One part of a proposal: a piece of the encoded block, with all that it takes to check it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Part {
    /// What it is a part of.
    pub announcement: Announcement,
    /// Hashes of all pieces, in order.
    pub hashes: Vec<Hash>,
    /// Which of them this is.
    pub index: u32,
    /// The piece.
    pub piece: Bytes,
}

impl core::ProposalPart<MusterContext> for Part {
    fn is_first(&self) -> bool {
        self.index == 0
    }

    fn is_last(&self) -> bool {
        self.index as usize + 1 == self.hashes.len()
    }
}

/// A signed statement of which block a proposer proposes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposal {
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The block.
    pub value: BlockId,
    /// The round of the proof of lock; nil for a new block.
    pub pol_round: Round,
    /// The proposer.
    pub address: Address,
}

impl core::Proposal<MusterContext> for Proposal {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &BlockId {
        &self.value
    }

    fn take_value(self) -> BlockId {
        self.value
    }

    fn pol_round(&self) -> Round {
        self.pol_round
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }
}

/// A vote. Vote extensions are not used.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Vote {
    /// Prevote or precommit.
    pub kind: VoteType,
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The block, or nil.
    pub value: NilOrVal<BlockId>,
    /// The voter.
    pub address: Address,
}

impl core::Vote<MusterContext> for Vote {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &NilOrVal<BlockId> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<BlockId> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Address {
        &self.address
    }

    fn extension(&self) -> Option<&SignedExtension<MusterContext>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<MusterContext>> {
        None
    }

    fn extend(self, _extension: SignedExtension<MusterContext>) -> Self {
        self
    }
}

/// A validator; all votes weigh the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validator {
    /// Its address.
    pub address: Address,
    /// Its key.
    pub key: EnginePublicKey,
}

impl core::Validator<MusterContext> for Validator {
    fn address(&self) -> &Address {
        &self.address
    }

    fn public_key(&self) -> &EnginePublicKey {
        &self.key
    }

    fn voting_power(&self) -> u64 {
        1
    }
}

/// The committee of a height, in the order of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet(Arc<Vec<Validator>>);

impl ValidatorSet {
    /// The committee with these keys; sorted here, so that every node has the same order.
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let mut keys: Vec<PublicKey> = keys.into_iter().collect();
        keys.sort_unstable();
        keys.dedup();
        let validators = keys
            .into_iter()
            .map(|key| Validator { address: Address(key), key: EnginePublicKey(key) })
            .collect();
        Self(Arc::new(validators))
    }

    /// The proposer of a round: by turns.
    pub fn proposer(&self, height: u64, round: u32) -> &Validator {
        let turn = (u128::from(height) + u128::from(round)) % self.0.len().max(1) as u128;
        &self.0[turn as usize]
    }

    /// Whether a key belongs to it.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.0.binary_search_by_key(key, |validator| validator.address.0).is_ok()
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = PublicKey> {
        self.0.iter().map(|validator| validator.address.0)
    }
}

impl core::ValidatorSet<MusterContext> for ValidatorSet {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn total_voting_power(&self) -> u64 {
        self.0.len() as u64
    }

    fn get_by_address(&self, address: &Address) -> Option<&Validator> {
        let found = self.0.binary_search_by_key(address, |validator| validator.address);
        found.ok().map(|index| &self.0[index])
    }

    fn get_by_index(&self, index: usize) -> Option<&Validator> {
        self.0.get(index)
    }
}

/// A signature with the order and encoding that the engine asks for.
#[derive(Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EngineSignature(pub Signature);

impl PartialOrd for EngineSignature {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EngineSignature {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.0.cmp(&other.0.0)
    }
}

impl fmt::Debug for EngineSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0.0[..8]))
    }
}

/// A public key as the engine holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnginePublicKey(pub PublicKey);

/// Ed25519. Secret keys never reach the engine: it asks [`super::signing::ValidatorSigner`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ed25519;

impl core::SigningScheme for Ed25519 {
    type DecodingError = &'static str;
    type Signature = EngineSignature;
    type PublicKey = EnginePublicKey;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<EngineSignature, &'static str> {
        let bytes = bytes.try_into().map_err(|_| "a signature has 64 bytes")?;
        Ok(EngineSignature(Signature(bytes)))
    }

    fn encode_signature(signature: &EngineSignature) -> Vec<u8> {
        signature.0.0.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<EnginePublicKey, &'static str> {
        let bytes = bytes.try_into().map_err(|_| "a public key has 32 bytes")?;
        Ok(EnginePublicKey(PublicKey(bytes)))
    }

    fn encode_public_key(key: &EnginePublicKey) -> Vec<u8> {
        key.0.0.to_vec()
    }
}

/// The context that the engine is generic over.
#[derive(Clone, Copy, Debug)]
pub struct MusterContext;

impl core::Context for MusterContext {
    type Address = Address;
    type Height = Height;
    type ProposalPart = Part;
    type Proposal = Proposal;
    type Validator = Validator;
    type ValidatorSet = ValidatorSet;
    type Timeouts = LinearTimeouts;
    type Value = BlockId;
    type Vote = Vote;
    type Extension = ();
    type SigningScheme = Ed25519;

    fn select_proposer<'a>(
        &self,
        validator_set: &'a ValidatorSet,
        height: Height,
        round: Round,
    ) -> &'a Validator {
        validator_set.proposer(height.0, round.as_u32().unwrap_or(0))
    }

    fn new_proposal(
        &self,
        height: Height,
        round: Round,
        value: BlockId,
        pol_round: Round,
        address: Address,
    ) -> Proposal {
        Proposal { height, round, value, pol_round, address }
    }

    fn new_prevote(
        &self,
        height: Height,
        round: Round,
        value: NilOrVal<BlockId>,
        address: Address,
    ) -> Vote {
        Vote { kind: VoteType::Prevote, height, round, value, address }
    }

    fn new_precommit(
        &self,
        height: Height,
        round: Round,
        value: NilOrVal<BlockId>,
        address: Address,
    ) -> Vote {
        Vote { kind: VoteType::Precommit, height, round, value, address }
    }
}
