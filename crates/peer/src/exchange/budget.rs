//! What callers may hold of something that there is a bounded amount of.
//!
//! Each tier has an amount of its own. Half of what the staked have is common to them; of the
//! other half each has as much as its part of all stake, which nobody else can use up. So whoever
//! puts dust at stake under a hundred keys fills the common half at most.

use crate::exchange::limits::Share;
use crate::exchange::tier::{Claim, Holder, Tier};
use std::collections::HashMap;

/// Why a claim goes too far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// The holder has as much as one may hold.
    Holder {
        /// What it holds.
        held: usize,
        /// The most.
        max: usize,
    },
    /// The tier's amount is spent, or the common half of it.
    Tier {
        /// What its callers hold.
        held: usize,
    },
}

/// The amounts of all tiers.
#[derive(Debug)]
pub struct Budget {
    strangers: Amount,
    stakeless: Amount,
    staked: Amount,
}

/// What one tier has.
#[derive(Debug)]
struct Amount {
    share: Share,
    /// Part of it that is divided by stake.
    divided: usize,
    held: usize,
    /// What is held beyond the parts by stake.
    common: usize,
    holders: HashMap<Holder, Held>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    amount: usize,
    /// What nobody else can use up, fixed while it holds anything.
    own: usize,
}

impl Held {
    fn common(self) -> usize {
        self.amount.saturating_sub(self.own)
    }
}

impl Budget {
    /// Nothing is held yet.
    #[must_use]
    pub fn new(shares: [Share; 3]) -> Self {
        let [strangers, stakeless, staked] = shares;
        let half = staked.all / 2;
        Self {
            strangers: Amount::new(strangers, 0),
            stakeless: Amount::new(stakeless, 0),
            staked: Amount::new(staked, half),
        }
    }

    fn of(&mut self, tier: Tier) -> &mut Amount {
        match tier {
            Tier::Stranger => &mut self.strangers,
            Tier::Stakeless => &mut self.stakeless,
            Tier::Staked => &mut self.staked,
        }
    }

    /// Takes `amount` for a caller.
    ///
    /// # Errors
    /// [`Spent`], and nothing is taken.
    pub fn take(&mut self, claim: &Claim, amount: usize) -> Result<(), Spent> {
        if amount == 0 {
            return Ok(());
        }
        self.of(claim.tier).take(claim, amount)
    }

    /// Gives back what was taken.
    pub fn give(&mut self, tier: Tier, holder: &Holder, amount: usize) {
        self.of(tier).give(holder, amount);
    }

    /// What all hold together.
    #[must_use]
    pub fn held(&self) -> usize {
        self.strangers.held + self.stakeless.held + self.staked.held
    }
}

impl Amount {
    fn new(share: Share, divided: usize) -> Self {
        Self { share, divided, held: 0, common: 0, holders: HashMap::new() }
    }

    fn take(&mut self, claim: &Claim, amount: usize) -> Result<(), Spent> {
        let fresh = || Held { amount: 0, own: (self.divided as f64 * claim.part) as usize };
        let before = self.holders.get(&claim.holder).copied().unwrap_or_else(fresh);
        let after = Held { amount: before.amount.saturating_add(amount), ..before };
        if after.amount > self.share.each {
            return Err(Spent::Holder { held: before.amount, max: self.share.each });
        }
        let common = self.common + after.common() - before.common();
        if common > self.share.all - self.divided || self.held + amount > self.share.all {
            return Err(Spent::Tier { held: self.held });
        }
        self.common = common;
        self.held += amount;
        self.holders.insert(claim.holder, after);
        Ok(())
    }

    fn give(&mut self, holder: &Holder, amount: usize) {
        let Some(held) = self.holders.get_mut(holder) else {
            return;
        };
        let before = held.common();
        held.amount -= amount;
        self.common -= before - held.common();
        self.held -= amount;
        if held.amount == 0 {
            self.holders.remove(holder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::address::Network;
    use muster_ledger::crypto::PublicKey;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    const SHARES: [Share; 3] =
        [Share { all: 30, each: 20 }, Share { all: 30, each: 20 }, Share { all: 100, each: 80 }];

    fn claim(who: u8, part: f64) -> Claim {
        let holder = Holder::Peer(PublicKey([who; 32]));
        Claim { tier: Tier::Staked, holder, part, standing: 0.0, stake: 1 }
    }

    fn stranger(host: u8) -> Claim {
        Claim::of_stranger(Network::of(Ipv4Addr::new(1, 1, 1, host).into()))
    }

    #[test]
    fn what_a_stake_stands_for_is_there_whatever_the_others_hold() {
        let mut budget = Budget::new(SHARES);
        // Dust under many keys gets the common half, and no more.
        let mut taken = 0;
        for who in 0..100 {
            taken += usize::from(budget.take(&claim(who, 1e-9), 1).is_ok());
        }
        assert_eq!(taken, 50);
        assert_eq!(budget.take(&claim(200, 0.8), 40), Ok(()));
        assert_eq!(budget.take(&claim(200, 0.8), 1), Err(Spent::Tier { held: 90 }));
        assert_eq!(budget.take(&claim(201, 0.2), 10), Ok(()));
        // Strangers have theirs, and one network not all of it.
        assert_eq!(budget.take(&stranger(1), 20), Ok(()));
        assert_eq!(budget.take(&stranger(1), 1), Err(Spent::Holder { held: 20, max: 20 }));
        assert_eq!(budget.take(&stranger(2), 10), Ok(()));
        assert_eq!(budget.take(&stranger(2), 1), Err(Spent::Tier { held: 30 }));
    }

    proptest! {
        #[test]
        fn no_tier_exceeds_its_amount_and_everything_comes_back(
            steps in proptest::collection::vec(
                (0_u8..6, any::<bool>(), 0_usize..60, 0.0..0.5, any::<bool>()), 1..200),
        ) {
            let mut budget = Budget::new(SHARES);
            let mut held: Vec<(Claim, usize)> = Vec::new();
            for (who, staked, amount, part, release) in steps {
                let claim = if staked { claim(who, part) } else { stranger(who) };
                if budget.take(&claim, amount).is_ok() {
                    held.push((claim, amount));
                }
                for (tier, share) in [(Tier::Stranger, SHARES[0]), (Tier::Staked, SHARES[2])] {
                    let of: Vec<_> = held.iter().filter(|(c, _)| c.tier == tier).collect();
                    prop_assert!(of.iter().map(|(_, amount)| amount).sum::<usize>() <= share.all);
                    for (claim, _) in &of {
                        let own = of.iter().filter(|(c, _)| c.holder == claim.holder);
                        prop_assert!(own.map(|(_, amount)| amount).sum::<usize>() <= share.each);
                    }
                }
                if release && !held.is_empty() {
                    let (claim, amount) = held.swap_remove(0);
                    budget.give(claim.tier, &claim.holder, amount);
                }
            }
            for (claim, amount) in held {
                budget.give(claim.tier, &claim.holder, amount);
            }
            prop_assert_eq!(budget.held(), 0);
            prop_assert_eq!(budget.staked.common, 0);
            prop_assert!(budget.strangers.holders.is_empty() && budget.staked.holders.is_empty());
        }
    }
}
