//! The one list of all actions: encodings, the fixed sequence and the random markets all go
//! through it.

use muster_ledger::change::Change;
use muster_ledger::crypto::hash;
use muster_ledger::money::Grains;
use muster_ledger::parameters::ParameterChange;
use muster_ledger::presence::{Design, Puzzle};
use muster_ledger::protocol::{Switch, Version};
use muster_ledger::state::governance::proposals;
use muster_ledger::transaction::market::{
    HotKeyReplacement, Payment, Registration, find_work, weights_commitment,
};
use muster_ledger::transaction::presence::Unlocks;
use muster_ledger::transaction::{Action, account, governance, market, presence, stake};
use muster_ledger::types::{PeerId, RoundId, Row, Share};

use crate::support::{Chain, address, design, endpoint, key, mst, row, solve};

/// A stream of numbers from a seed, for scenarios that must never change.
pub struct Numbers {
    seed: u64,
    count: u64,
}

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self { seed, count: 0 }
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        let digest = hash("numbers", &[&self.seed.to_le_bytes(), &self.count.to_le_bytes()]);
        self.count += 1;
        u64::from_le_bytes(digest.0[..8].try_into().unwrap()) % bound
    }

    fn peer(&mut self) -> PeerId {
        PeerId(self.below(6) as u32)
    }

    fn amount(&mut self) -> Grains {
        Grains(1 + self.below(3_000_000_000))
    }
}

pub const PEOPLE: [&str; 12] = [
    "alice", "bob", "cold-0", "cold-1", "cold-2", "cold-3", "hot-0", "hot-1", "hot-2", "hot-3",
    "hot-n0", "hot-n1",
];

/// Makes an action of one kind, by numbers from the stream, for a signer of this name.
pub type Make = fn(&Chain, &mut Numbers, &str) -> Action;

/// Every kind of action, with the protocol version that brought it. [`name`] says which kind one
/// is, and the compiler that none is missing there; that none is missing here, the tests that go
/// through the list.
pub const KINDS: &[(&str, u32, Make)] = &[
    ("transfer", 1, |_, numbers, _| {
        let to = address(PEOPLE[numbers.below(12) as usize]);
        account::Action::Transfer { to, amount: numbers.amount() }.into()
    }),
    ("close", 1, |_, numbers, signer| {
        // One alone, so that the others have something to act with; nobody may in favour of itself.
        let to = if signer == "bob" { PEOPLE[numbers.below(12) as usize] } else { signer };
        account::Action::Close { to: address(to) }.into()
    }),
    ("stake", 1, |_, numbers, _| {
        stake::Action::Stake { peer: numbers.peer(), amount: numbers.amount() }.into()
    }),
    ("unstake", 1, |_, numbers, _| {
        stake::Action::Unstake { peer: numbers.peer(), amount: numbers.amount() }.into()
    }),
    ("register by work", 1, |chain, numbers, signer| {
        // Nobody but the newcomer may sign this.
        let own = signer.strip_prefix("hot-n").map_or(numbers.below(2), |own| own.parse().unwrap());
        let market = chain.state.registration();
        let (difficulty, challenge) = (market.difficulty, market.challenge);
        register(chain, own, |id, hot, cold| {
            let nonce = find_work(id, &challenge, hot, cold, difficulty, 0, 10_000).unwrap_or(5);
            Payment::Work { nonce }
        })
    }),
    ("register by burning", 1, |chain, numbers, _| {
        register(chain, 2 + numbers.below(2), |_, _, _| Payment::Burn {
            price_max: Grains(2_000_000_000),
        })
    }),
    ("set endpoint", 1, |_, numbers, _| {
        let endpoint = endpoint(&format!("e{}", numbers.below(5)));
        market::Action::SetEndpoint { endpoint }.into()
    }),
    ("commit weights", 1, |chain, _, signer| {
        let (id, hot) = (chain.state.chain(), address(signer));
        let commitment = weights_commitment(&id, &hot, &row(&[0, 1]), &[1; 32]);
        market::Action::CommitWeights { commitment }.into()
    }),
    ("reveal weights", 1, |_, _, _| {
        market::Action::RevealWeights { weights: row(&[0, 1]), salt: [1; 32] }.into()
    }),
    ("set weights", 1, |_, numbers, _| {
        let mut weights = Vec::new();
        for peer in 0..6 {
            if numbers.below(2) == 0 {
                weights.push((PeerId(peer), Share(1 + numbers.below(160_000_000) as u32)));
            }
        }
        market::Action::SetWeights { weights: Row::new(weights).unwrap() }.into()
    }),
    ("emit", 1, |_, _, _| market::Action::Emit.into()),
    ("replace hot key", 2, |chain, numbers, signer| {
        let owned = chain.state.peers().find(|(_, peer)| peer.cold == address(signer));
        let peer = owned.map_or_else(|| numbers.peer(), |(id, _)| id);
        let hot = key(&format!("hot-r{}", numbers.below(4)));
        let replacement = Box::new(HotKeyReplacement::agree(&chain.state.chain(), peer, &hot));
        market::Action::ReplaceHotKey { replacement }.into()
    }),
    ("leave", 2, |chain, numbers, signer| {
        let owned = chain.state.peers().find(|(_, peer)| peer.cold == address(signer));
        let any = numbers.peer();
        market::Action::Leave { peer: owned.map_or(any, |(id, _)| id) }.into()
    }),
    ("propose a parameter", 1, |_, numbers, _| {
        let changes = [("commission_ppb", 50_000_000), ("peers_max", 5)];
        let (name, value) = changes[numbers.below(2) as usize];
        let change = Change::Parameter(ParameterChange { name: name.into(), value });
        governance::Action::Propose { change }.into()
    }),
    ("propose an upgrade", 1, |chain, numbers, _| {
        // Beyond what a test lives to see.
        let height = chain.state.height().after(1_000 + numbers.below(10));
        let version = Version(1 + numbers.below(3) as u32);
        let change = Change::Upgrade(Switch { version, height });
        governance::Action::Propose { change }.into()
    }),
    ("vote", 1, |chain, numbers, _| {
        let latest = chain.state.the(proposals()).next;
        let proposal = latest.saturating_sub(1 + numbers.below(3));
        let approve = numbers.below(4) > 0;
        governance::Action::Vote { proposal, approve }.into()
    }),
    ("open a round", 3, |chain, numbers, signer| {
        let prize = mst(numbers.below(3));
        let unlocks = unlocks(chain, numbers, signer);
        let puzzle = if numbers.below(4) == 0 { Puzzle::Equihash } else { Puzzle::Sha256 };
        let design = Box::new(Design { puzzle, ..design() });
        presence::Action::Open { design, unlocks, prize, deposit_max: mst(3) }.into()
    }),
    ("solve a round", 3, |chain, numbers, signer| {
        let begun = chain.state.rounds().filter(|(_, round)| round.beginning.is_some());
        let round = begun.last().map_or(RoundId(numbers.below(3)), |(id, _)| id);
        solve(chain, round, signer).into()
    }),
    ("claim a prize", 3, |chain, numbers, signer| {
        let own = |round: &muster_ledger::state::presence::Round| {
            let first = round.solutions.first();
            !round.prize.is_zero() && first.is_some_and(|first| first.solver == address(signer))
        };
        let solved = chain.state.rounds().find(|(_, round)| own(round));
        let round = solved.map_or(RoundId(numbers.below(3)), |(id, _)| id);
        let to = address(PEOPLE[numbers.below(12) as usize]);
        presence::Action::Claim { round, to }.into()
    }),
];

/// What a round of this signer unlocks: nothing, or an action of any kind but those about rounds.
pub fn unlocks(chain: &Chain, numbers: &mut Numbers, signer: &str) -> Option<Unlocks> {
    // Those that are paid for by an account, and closing one, which is refused.
    const ACTIONS: [&str; 10] = [
        "transfer",
        "close",
        "stake",
        "unstake",
        "register by burning",
        "replace hot key",
        "leave",
        "propose a parameter",
        "propose an upgrade",
        "vote",
    ];
    let kind = ACTIONS.get(numbers.below(12) as usize)?;
    let (_, _, make) = KINDS.iter().find(|(name, _, _)| name == kind)?;
    match make(chain, numbers, signer) {
        Action::Account(action) => Some(Unlocks::Account(action)),
        Action::Stake(action) => Some(Unlocks::Stake(action)),
        Action::Market(action) => Some(Unlocks::Market(action)),
        Action::Governance(action) => Some(Unlocks::Governance(action)),
        Action::Presence(_) => None,
    }
}

/// Which kind an action is.
pub fn name(action: &Action) -> &'static str {
    match action {
        Action::Account(account::Action::Transfer { .. }) => "transfer",
        Action::Account(account::Action::Close { .. }) => "close",
        Action::Stake(stake::Action::Stake { .. }) => "stake",
        Action::Stake(stake::Action::Unstake { .. }) => "unstake",
        Action::Market(action) => match action {
            market::Action::Register { registration } => match registration.payment {
                Payment::Work { .. } => "register by work",
                Payment::Burn { .. } => "register by burning",
            },
            market::Action::SetEndpoint { .. } => "set endpoint",
            market::Action::CommitWeights { .. } => "commit weights",
            market::Action::RevealWeights { .. } => "reveal weights",
            market::Action::SetWeights { .. } => "set weights",
            market::Action::Emit => "emit",
            market::Action::ReplaceHotKey { .. } => "replace hot key",
            market::Action::Leave { .. } => "leave",
        },
        Action::Governance(action) => match action {
            governance::Action::Propose { change: Change::Parameter(_) } => "propose a parameter",
            governance::Action::Propose { change: Change::Upgrade(_) } => "propose an upgrade",
            governance::Action::Vote { .. } => "vote",
        },
        Action::Presence(action) => match action {
            presence::Action::Open { .. } => "open a round",
            presence::Action::Solve { .. } => "solve a round",
            presence::Action::Claim { .. } => "claim a prize",
        },
    }
}

fn register(
    chain: &Chain,
    newcomer: u64,
    pay: impl Fn(
        &muster_ledger::crypto::Hash,
        &muster_ledger::crypto::PublicKey,
        &muster_ledger::crypto::PublicKey,
    ) -> Payment,
) -> Action {
    let newcomer = format!("n{newcomer}");
    let (hot, cold) = (key(&format!("hot-{newcomer}")), address(&format!("cold-{newcomer}")));
    let id = chain.state.chain();
    let payment = pay(&id, &hot.public(), &cold);
    let registration = Registration::agree(&id, &hot, cold, endpoint(&newcomer), payment);
    market::Action::Register { registration: Box::new(registration) }.into()
}

/// The kinds of action that a version knows.
pub fn kinds(version: Version) -> Vec<(&'static str, Make)> {
    let known = KINDS.iter().filter(|(_, since, _)| *since <= version.0);
    known.map(|(kind, _, make)| (*kind, *make)).collect()
}

/// Any action of the version that the chain runs; many fail, which is part of it.
pub fn any_action(chain: &Chain, numbers: &mut Numbers, signer: &str) -> Action {
    let kinds = kinds(chain.state.limits().version);
    let (_, make) = kinds[numbers.below(kinds.len() as u64) as usize];
    make(chain, numbers, signer)
}

#[test]
fn the_list_makes_what_it_says() {
    let chain = Chain::with(2, muster_ledger::parameters::Parameters::default());
    for (kind, since, make) in KINDS {
        let action = make(&chain, &mut Numbers::new(1), "alice");
        assert_eq!((name(&action), action.terms().since.0), (*kind, *since));
    }
}
