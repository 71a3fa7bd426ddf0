//! The numbers that the network runs by. They stand in the state, start from the genesis and
//! change by vote; genesis and vote pass the same checks.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::encoding::read_text;
use crate::money::{BILLION, Grains};
use crate::protocol::Version;

/// Longest name of a parameter, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Length of a signed vote on a proposal, in bytes.
const VOTE_BYTES: u64 = 163;

/// How the market turns weights into incentive.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum MarketRule {
    /// Ranks times trust, as in the first paper; mints only while the loss is negative.
    Paper,
    /// Weights clipped at the stake-weighted median of each column.
    Median,
    /// Expected visits of walks along the weights, clipped at their stake-weighted median.
    ConnectedMedian,
    /// The same twice: whose opinion the first pass clips passes on less in the second.
    CredibleMedian,
}

/// A type that a parameter may have; every one is a number to the vote.
trait Setting: Copy {
    /// Whether its numbers stand for names, so that none is nearer to another.
    const NAMES: bool = false;
    fn to_number(self) -> u64;
    fn from_number(number: u64) -> Option<Self>;
}

impl Setting for u64 {
    fn to_number(self) -> u64 {
        self
    }

    fn from_number(number: u64) -> Option<Self> {
        Some(number)
    }
}

impl Setting for Grains {
    fn to_number(self) -> u64 {
        self.0
    }

    fn from_number(number: u64) -> Option<Self> {
        Some(Self(number))
    }
}

impl Setting for bool {
    const NAMES: bool = true;

    fn to_number(self) -> u64 {
        u64::from(self)
    }

    fn from_number(number: u64) -> Option<Self> {
        [false, true].get(usize::try_from(number).ok()?).copied()
    }
}

impl Setting for MarketRule {
    const NAMES: bool = true;

    fn to_number(self) -> u64 {
        self as u64
    }

    fn from_number(number: u64) -> Option<Self> {
        [Self::Paper, Self::Median, Self::ConnectedMedian, Self::CredibleMedian]
            .get(usize::try_from(number).ok()?)
            .copied()
    }
}

/// What there is to know about one parameter.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name, as in the genesis and in proposals.
    pub name: &'static str,
    /// What it is, in words.
    pub about: &'static str,
    /// Its least value, as a number.
    pub min: u64,
    /// Its largest value, as a number.
    pub max: u64,
    /// The protocol version that brought it.
    pub since: Version,
    names: bool,
    get: fn(&Parameters) -> u64,
    set: fn(&mut Parameters, u64) -> Option<()>,
}

impl Field {
    /// The value that it has where nothing else was said. Part of the protocol: it never changes.
    pub fn default_value(&self) -> u64 {
        (self.get)(&Parameters::default())
    }

    /// The parameter's value, as a number.
    pub fn get(&self, parameters: &Parameters) -> u64 {
        (self.get)(parameters)
    }

    /// From which to which number one vote may move it, where it is `now`: half and twice as much,
    /// at least one less and one more; anywhere where numbers stand for names. Whoever disagrees
    /// sees every step, and each takes a vote and a delay of its own.
    pub fn reach(&self, now: u64) -> (u64, u64) {
        if self.names {
            return (self.min, self.max);
        }
        let least = now.div_ceil(2).min(now.saturating_sub(1)).max(self.min);
        let most = now.saturating_mul(2).max(now.saturating_add(1)).min(self.max);
        (least, most)
    }
}

/// Declares each parameter once: its words, name, type, default, range, and the protocol version
/// that brought it. Its place is its number in encodings: new ones come last, none ever goes.
macro_rules! parameters {
    ($(
        $( #[doc = $about:literal] )+
        $name:ident: $kind:ty = $default:expr, $min:expr, $max:expr, since $since:literal;
    )*) => {
        /// The numbers that the network runs by. `ppb` is parts per billion.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Parameters {
            $( $( #[doc = $about] )+ pub $name: $kind, )*
        }

        /// A small network: a block a second, an epoch every ten blocks.
        impl Default for Parameters {
            fn default() -> Self {
                Self { $( $name: $default, )* }
            }
        }

        /// Every parameter, in the order of its encoding.
        pub const FIELDS: &[Field] = &[ $( Field {
            name: stringify!($name),
            about: concat!($( $about ),+),
            min: $min,
            max: $max,
            since: Version($since),
            names: <$kind as Setting>::NAMES,
            get: |parameters| Setting::to_number(parameters.$name),
            set: |parameters, number| {
                parameters.$name = Setting::from_number(number)?;
                Some(())
            },
        }, )* ];
    };
}

// Why the ranges: a vote, or a genesis, can make a network slow, dear or small, but not one that
// cannot go on, nor one in which nobody could vote it back. What depends on several parameters is
// in `validate`.
parameters! {
    // Blocks and rounds must leave time for messages to go around the world, and one proposer that
    // is gone must cost a minute at most.
    /// Target time between blocks, in milliseconds.
    block_time_ms: u64 = 1_000, 50, 60_000, since 1;
    /// How long validators wait for a proposal, in milliseconds.
    timeout_propose_ms: u64 = 2_000, 200, 60_000, since 1;
    /// How long validators wait for prevotes after enough have come, in milliseconds.
    timeout_prevote_ms: u64 = 1_000, 100, 60_000, since 1;
    /// How long validators wait for precommits after enough have come, in milliseconds.
    timeout_precommit_ms: u64 = 1_000, 100, 60_000, since 1;
    // What an epoch's end costs is spread over at least one other block, and comes within a day.
    /// Blocks of an epoch.
    epoch_blocks: u64 = 10, 2, 100_000, since 1;
    // A block must always hold some votes, whatever else there is.
    /// Longest encoding of a block, in bytes.
    block_bytes_max: u64 = 4 << 20, 4_096, 64 << 20, since 1;
    /// Most transactions of a block.
    block_transactions_max: u64 = 20_000, 16, 1_000_000, since 1;
    /// Most work of a block, in cost units (about a microsecond each).
    block_cost_max: u64 = 1_000_000, 10_000, 60_000_000, since 1;
    /// Longest encoding of a transaction, in bytes.
    transaction_bytes_max: u64 = 16_384, 1_024, 1 << 20, since 1;
    // Long enough to be decided, short enough to be forgotten.
    /// How far ahead a transaction may expire, in blocks.
    expiry_blocks_max: u64 = 1_000, 10, 100_000, since 1;
    // A vote must stay payable: see `validate`.
    /// Fee of every transaction, in grains.
    fee_flat: Grains = Grains(100_000), 0, 1_000_000_000, since 1;
    /// Fee per byte of a transaction, in grains.
    fee_per_byte: Grains = Grains(1_000), 0, 10_000_000, since 1;
    /// Fee per weight of a row, in grains.
    fee_per_weight: Grains = Grains(1_000), 0, 10_000_000, since 1;
    // Not so little that it deters nobody, nor so much that it keeps newcomers out.
    /// What opens an account and is held until it is closed, in grains: a hundredth MST, so that a
    /// million accounts lock ten thousand, and a newcomer hardly notices.
    account_deposit: Grains = Grains(10_000_000), 1_000_000, 1_000_000_000, since 1;
    // What the market may cost together is bounded by `epoch_units`.
    /// How the market turns weights into incentive: 0 paper, 1 median, 2 connected-median, 3
    /// credible-median.
    market_rule: MarketRule = MarketRule::ConnectedMedian, 0, 3, since 1;
    /// Steps of the walks that say who is connected: the reported trust, and the paper's rule.
    market_depth: u64 = 3, 1, 16, since 1;
    /// Steps of the walks that make opinions under connected-median and credible-median, where they
    /// do not restart.
    market_walk_depth: u64 = 5, 1, 16, since 1;
    /// Expected visits above which a peer counts as connected, ppb.
    market_cutoff_ppb: u64 = 31_250_000, 1_000, BILLION, since 1;
    /// Steepness of trust as a function of connected stake (the paper's 10), in thousandths.
    market_temperature_milli: u64 = 10_000, 1, 1_000_000, since 1;
    /// Rate of the gradient step of the scaling, ppb.
    market_scaling_rate_ppb: u64 = 50_000_000, 0, 100 * BILLION, since 1;
    /// Peers of highest stake whose walks count under connected-median and credible-median.
    market_opinions_max: u64 = 1_024, 1, 65_536, since 1;
    /// Whether walks under connected-median and credible-median restart instead of ending after
    /// their depth.
    market_restart: bool = false, 0, 1, since 1;
    /// Probability that such a walk restarts at each step, ppb.
    market_restart_ppb: u64 = 300_000_000, 10_000_000, 990_000_000, since 1;
    /// Visits below which a walk is not pursued, ppb; 0 pursues all.
    market_truncation_ppb: u64 = 100_000, 0, 10_000_000, since 1;
    /// Most entries of a peer's payout row; smaller ones are withheld.
    payouts_max: u64 = 256, 1, 65_536, since 1;
    // A tenth of all stake an epoch is more than any network pays.
    /// Issue of an epoch as a part of all stake, before halvings, ppb (the paper's tau).
    inflation_ppb: u64 = 10_000_000, 0, 100_000_000, since 1;
    /// The most that is ever minted; the issue halves each time half of what was left is reached.
    issuance_max: Grains = Grains(10_000_000_000_000_000), 0, 9_000_000_000_000_000_000, since 1;
    /// Epochs of unpaid accrual that a peer keeps; beyond that nothing accrues until it emits.
    accrual_epochs_max: u64 = 100, 1, 1_000_000, since 1;
    /// Part of what a peer earns that goes to its cold key before the delegators share, ppb.
    commission_ppb: u64 = 100_000_000, 0, BILLION, since 1;
    // Nobody is kept from staking, and so from voting, by a bound beyond what a vote is worth.
    /// Least stake of an owner with a peer, least amount to stake or take back at once, and least
    /// stake to vote, in grains: what a delegation and a return hold while the ledger keeps them.
    stake_min: Grains = Grains(10_000_000), 1_000, 10_000_000_000, since 1;
    // Twice as long lies between a decision and its effect, so that whoever disagrees can leave;
    // stake that is locked for longer than some weeks is not one's own any more.
    /// Blocks between unstaking and the arrival of the money.
    unbonding_blocks: u64 = 50, 2, 2_000_000, since 1;
    /// Most peers.
    peers_max: u64 = 1_024, 1, 65_536, since 1;
    // A full market must take in somebody new some day.
    /// Epochs during which a new peer is not displaced.
    immunity_epochs: u64 = 10, 0, 100_000, since 1;
    /// Most weights of a row.
    row_length_max: u64 = 256, 1, 65_536, since 1;
    /// Least number of blocks between two settings of a peer's weights.
    weights_interval_blocks: u64 = 5, 0, 100_000, since 1;
    /// Whether weights must be committed, then revealed.
    weights_commit_required: bool = false, 0, 1, since 1;
    /// Registrations of an epoch at which price and difficulty stay, each: one registration raises
    /// its own by a part of so many, and the epoch's end takes so many raises back.
    registrations_target: u64 = 4, 1, 65_536, since 1;
    /// Most registrations of an epoch, by work and by burning each.
    registrations_max: u64 = 64, 1, 65_536, since 1;
    /// Price of a registration at the start, in grains.
    registration_price: Grains = Grains(1_000_000_000), 1, 1_000_000_000_000_000, since 1;
    /// Least price of a registration, in grains.
    registration_price_min: Grains = Grains(100_000_000), 1, 1_000_000_000_000_000, since 1;
    /// Difficulty of registration work at the start, in expected hashes.
    registration_difficulty: u64 = 1 << 20, 1, 1 << 60, since 1;
    /// Least difficulty of registration work, in expected hashes.
    registration_difficulty_min: u64 = 1 << 16, 1, 1 << 60, since 1;
    // To propose must not become the privilege of a few.
    /// Stake that it takes to propose, in grains.
    proposal_stake_min: Grains = Grains(1_000_000_000), 1, 1_000_000_000_000, since 1;
    /// What a proposal deposits, burned where too few approve, in grains.
    proposal_deposit: Grains = Grains(10_000_000_000), 1_000_000, 1_000_000_000_000, since 1;
    /// Most open proposals.
    proposals_max: u64 = 16, 1, 32, since 1;
    /// Blocks in which votes on a proposal are taken.
    voting_blocks: u64 = 1_000, 10, 2_000_000, since 1;
    // Below a thousandth of all money a decision is for sale, above a half nothing is ever decided.
    /// Part of all money that must approve of a proposal, ppb.
    quorum_ppb: u64 = 100_000_000, 1_000_000, 500_000_000, since 1;
    // Operators need time to install a program.
    /// Least number of blocks between the decision on a protocol upgrade and its height.
    upgrade_notice_blocks: u64 = 20, 5, 2_000_000, since 1;
    // Three of four are the least committee that does without one; each member votes in each
    // block.
    /// Most validators of a committee.
    committee_max: u64 = 64, 4, 256, since 1;
    /// Least number of blocks between two replacements of a peer's hot key.
    hot_key_interval_blocks: u64 = 100, 0, 10_000_000, since 2;
    // Each open round is looked at in every block.
    /// Most presence rounds that are open at once.
    presence_rounds_max: u64 = 16, 1, 256, since 3;
    // Each open round takes a place; to fill all of them takes half their number squared.
    /// What the opener of a presence round deposits until it is over, for each round that is open
    /// then, its own included, in grains.
    presence_deposit: Grains = Grains(1_000_000_000), 1_000_000, 1_000_000_000_000, since 3;
    /// Longest deadline of a presence round, in milliseconds.
    presence_deadline_max_ms: u64 = 3_600_000, 1_000, 604_800_000, since 3;
    // Long enough to claim what was earned.
    /// Blocks after which a presence round that is over is forgotten.
    presence_keep_blocks: u64 = 1_000, 10, 1_000_000, since 3;
}

/// The parameters that differ from their defaults, as pairs of number and value, rising. A
/// parameter that a later protocol version brings changes no encoding until it is voted on.
impl BorshSerialize for Parameters {
    fn serialize<W: std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        let pairs: Vec<(u16, u64)> = (0..)
            .zip(FIELDS)
            .map(|(number, field)| (number, field.get(self), field.default_value()))
            .filter(|(_, value, default)| value != default)
            .map(|(number, value, _)| (number, value))
            .collect();
        BorshSerialize::serialize(&pairs, writer)
    }
}

impl BorshDeserialize for Parameters {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let invalid = |reason| std::io::Error::new(std::io::ErrorKind::InvalidData, reason);
        let pairs = Vec::<(u16, u64)>::deserialize_reader(reader)?;
        if pairs.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(invalid("parameters are not in order".to_owned()));
        }
        let mut parameters = Self::default();
        for (number, value) in pairs {
            let field = FIELDS
                .get(usize::from(number))
                .ok_or_else(|| invalid(format!("there is no parameter number {number}")))?;
            let possible =
                value >= field.min && value <= field.max && value != field.default_value();
            (field.set)(&mut parameters, value)
                .filter(|()| possible)
                .ok_or_else(|| invalid(format!("{} cannot be said to be {value}", field.name)))?;
        }
        Ok(parameters)
    }
}

/// Why parameters are not possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// No parameter has this name.
    #[error("there is no parameter \"{0}\"")]
    Unknown(String),
    /// Outside its range.
    #[error("{name} is {value}, it must be from {min} to {max}")]
    Range {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: u64,
        /// Its least value.
        min: u64,
        /// Its largest value.
        max: u64,
    },
    /// Of a later protocol version.
    #[error("{name} takes protocol version {since}, this is version {version}")]
    Version {
        /// The parameter.
        name: &'static str,
        /// The version that brought it.
        since: Version,
        /// The version in question.
        version: Version,
    },
    /// Further than one vote may move it.
    #[error("{name} is {now}: one vote may move it to from {least} to {most}, not to {value}")]
    Move {
        /// The parameter.
        name: &'static str,
        /// Its value.
        now: u64,
        /// The value in question.
        value: u64,
        /// The least value that one vote may give it.
        least: u64,
        /// The largest.
        most: u64,
    },
    /// Two parameters contradict each other.
    #[error("{lesser} ({value}) exceeds {greater} ({limit})")]
    Order {
        /// The one that must not be larger.
        lesser: &'static str,
        /// Its value.
        value: u64,
        /// The one that must not be smaller.
        greater: &'static str,
        /// Its value.
        limit: u64,
    },
}

impl Parameters {
    /// Checks every range, and the pairs that depend on each other.
    pub fn validate(&self) -> Result<(), ParameterError> {
        for field in FIELDS {
            let value = field.get(self);
            if value < field.min || value > field.max {
                let Field { name, min, max, .. } = *field;
                return Err(ParameterError::Range { name, value, min, max });
            }
        }
        let waited = self.timeout_propose_ms;
        let vote_fee = self.fee_per_byte.0.saturating_mul(VOTE_BYTES) + self.fee_flat.0;
        let pairs = [
            (
                "transaction_bytes_max",
                self.transaction_bytes_max,
                "block_bytes_max",
                self.block_bytes_max,
            ),
            (
                "registration_price_min",
                self.registration_price_min.0,
                "registration_price",
                self.registration_price.0,
            ),
            (
                "registration_difficulty_min",
                self.registration_difficulty_min,
                "registration_difficulty",
                self.registration_difficulty,
            ),
            // Whoever may vote can pay for it.
            ("the fee of a vote", vote_fee, "stake_min", self.stake_min.0),
            // Nobody waits longer for votes than for a whole block.
            ("timeout_prevote_ms", self.timeout_prevote_ms, "timeout_propose_ms", waited),
            ("timeout_precommit_ms", self.timeout_precommit_ms, "timeout_propose_ms", waited),
            // A full block, and the end of an epoch, are made while the others wait for them.
            ("block_cost_max", self.block_cost_max, "timeout_propose_ms in us", waited * 1_000),
            (
                "the work of an epoch's end",
                self.epoch_units(),
                "block_cost_max",
                self.block_cost_max,
            ),
        ];
        for (lesser, value, greater, limit) in pairs {
            if value > limit {
                return Err(ParameterError::Order { lesser, value, greater, limit });
            }
        }
        Ok(())
    }

    /// The most work that the end of an epoch can take, in cost units: a market that is full, in
    /// which every row is, and every walk goes everywhere.
    ///
    /// A unit is 4,096 steps of walks along a weight (measured: 4,400 a microsecond in a sparse
    /// market, 15,700 in a dense one with 512-bit vectors), 100 weights read, 50 entries of payout
    /// rows written, a tenth of a peer.
    pub fn epoch_units(&self) -> u64 {
        let peers = u128::from(self.peers_max);
        let weights = peers * u128::from(self.row_length_max.min(self.peers_max));
        let payouts = peers * u128::from(self.payouts_max.min(self.peers_max));
        // A walk that restarts is followed until less than 1e-17 of it is left.
        let steps = if self.market_restart {
            40 * u128::from(BILLION) / u128::from(self.market_restart_ppb.max(1)) + 1
        } else {
            u128::from(self.market_walk_depth)
        };
        let passes = match self.market_rule {
            MarketRule::Paper | MarketRule::Median => 0,
            MarketRule::ConnectedMedian => 1,
            MarketRule::CredibleMedian => 2,
        };
        let opinions = peers.min(u128::from(self.market_opinions_max)) * steps * passes;
        let connections = peers * u128::from(self.market_depth);
        let walked = (opinions + connections) * weights / 4_096;
        let units = walked + weights / 100 + payouts / 50 + 10 * peers;
        u64::try_from(units).unwrap_or(u64::MAX)
    }

    /// Checks that no parameter differs from its default that a protocol version does not know.
    ///
    /// # Errors
    /// The first such parameter.
    pub fn check_version(&self, version: Version) -> Result<(), ParameterError> {
        let unknown =
            |field: &&Field| field.since > version && field.get(self) != field.default_value();
        FIELDS.iter().find(unknown).map_or(Ok(()), |Field { name, since, .. }| {
            Err(ParameterError::Version { name, since: *since, version })
        })
    }

    /// These parameters with one changed; only its own range is checked.
    ///
    /// # Errors
    /// No such parameter, or a value outside its range.
    pub fn with(&self, change: &ParameterChange) -> Result<Self, ParameterError> {
        change.check_form()?;
        let field = change.field()?;
        let Field { name, min, max, .. } = *field;
        let range = ParameterError::Range { name, value: change.value, min, max };
        let mut changed = self.clone();
        (field.set)(&mut changed, change.value).ok_or(range)?;
        Ok(changed)
    }

    /// These parameters with one moved by a vote: checked like a genesis, and no further than one
    /// vote may move it ([`Field::reach`]).
    ///
    /// ```
    /// use muster_ledger::parameters::{ParameterChange, Parameters};
    /// let change = ParameterChange { name: "epoch_blocks".into(), value: 20 };
    /// assert_eq!(Parameters::default().moved(&change).unwrap().epoch_blocks, 20);
    /// let change = ParameterChange { name: "epoch_blocks".into(), value: 21 };
    /// let error = Parameters::default().moved(&change).unwrap_err();
    /// let words = "epoch_blocks is 10: one vote may move it to from 5 to 20, not to 21";
    /// assert_eq!(error.to_string(), words);
    /// ```
    ///
    /// # Errors
    /// What [`Parameters::with`] and [`Parameters::validate`] find, and a move too far.
    pub fn moved(&self, change: &ParameterChange) -> Result<Self, ParameterError> {
        let changed = self.with(change)?;
        let field = change.field()?;
        let (now, value) = (field.get(self), change.value);
        let (least, most) = field.reach(now);
        if value < least || value > most {
            return Err(ParameterError::Move { name: field.name, now, value, least, most });
        }
        changed.validate()?;
        Ok(changed)
    }
}

/// A proposed value for one parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, Serialize, Deserialize)]
pub struct ParameterChange {
    /// The parameter's name, one of [`FIELDS`].
    pub name: String,
    /// The value as a number: grains for money, 0 or 1 for switches, the rule's number.
    pub value: u64,
}

impl BorshDeserialize for ParameterChange {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        let name = read_text(reader, NAME_BYTES_MAX)?;
        Ok(Self { name, value: u64::deserialize_reader(reader)? })
    }
}

impl ParameterChange {
    /// Whether it is possible on its own, before the other parameters are looked at.
    ///
    /// Returns the protocol version that brought the parameter.
    ///
    /// # Errors
    /// No such parameter, or a value outside its range.
    pub fn check_form(&self) -> Result<Version, ParameterError> {
        let Field { name, min, max, since, .. } = *self.field()?;
        let value = self.value;
        if value < min || value > max {
            return Err(ParameterError::Range { name, value, min, max });
        }
        Ok(since)
    }

    fn field(&self) -> Result<&'static Field, ParameterError> {
        let unknown = || ParameterError::Unknown(self.name.chars().take(NAME_BYTES_MAX).collect());
        FIELDS.iter().find(|field| field.name == self.name).ok_or_else(unknown)
    }
}

impl fmt::Display for ParameterChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} = {}", self.name, self.value)
    }
}
