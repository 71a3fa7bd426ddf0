//! Payments that were taken: none is taken twice.
//!
//! An account's transaction is decided under its nonce once, so a payment is known by its payer and
//! nonce, whatever else it says. It is remembered until it expires: from then on the ledger takes
//! it no more, and nor does the till. When too many are remembered, none is taken; nothing that
//! could be used again is forgotten.
//!
//! They are not remembered over a restart, which ends every continuation that is being written.
//! What could be used once more are payments that wait for a block at that moment, and whoever
//! made them did not hear to the end what they paid for.

use muster_ledger::crypto::PublicKey;
use std::collections::HashMap;

/// Most payments that are remembered.
const PAYMENTS_MAX: usize = 4096;

/// Why a payment is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaymentsError {
    /// Another request came with it, or with another of the same nonce.
    #[error(
        "a payment of this account with the nonce {nonce} was taken already: one payment buys one continuation"
    )]
    Taken {
        /// The nonce.
        nonce: u64,
    },
    /// Too many are remembered.
    #[error("{PAYMENTS_MAX} payments are remembered until they expire: try later")]
    Full,
}

/// The payments of all payers, with the heights up to which they are good.
#[derive(Debug, Default)]
pub struct Payments {
    taken: HashMap<(PublicKey, u64), u64>,
    /// The height that what has expired was last forgotten at.
    cleared: u64,
}

impl Payments {
    /// Takes a payment of `payer` that expires at height `expires`, now that the ledger is at
    /// `height`.
    ///
    /// # Errors
    /// [`PaymentsError`].
    pub fn take(
        &mut self,
        payer: PublicKey,
        nonce: u64,
        expires: u64,
        height: u64,
    ) -> Result<(), PaymentsError> {
        if height > self.cleared {
            self.cleared = height;
            self.taken.retain(|_, expires| *expires > height);
        }
        if self.taken.contains_key(&(payer, nonce)) {
            return Err(PaymentsError::Taken { nonce });
        }
        if self.taken.len() >= PAYMENTS_MAX {
            return Err(PaymentsError::Full);
        }
        self.taken.insert((payer, nonce), expires);
        Ok(())
    }

    /// Gives back a payment that the ledger did not take.
    pub fn give_back(&mut self, payer: PublicKey, nonce: u64) {
        self.taken.remove(&(payer, nonce));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payer(who: u8) -> PublicKey {
        PublicKey([who; 32])
    }

    #[test]
    fn a_payment_is_taken_once_until_it_expires() {
        let mut payments = Payments::default();
        assert_eq!(payments.take(payer(1), 5, 20, 10), Ok(()));
        let taken = Err(PaymentsError::Taken { nonce: 5 });
        assert_eq!(payments.take(payer(1), 5, 20, 10), taken);
        assert_eq!(payments.take(payer(1), 5, 30, 19), taken, "another of the same nonce");
        assert_eq!(payments.take(payer(1), 6, 20, 10), Ok(()));
        assert_eq!(payments.take(payer(2), 5, 20, 10), Ok(()));
        assert_eq!(
            payments.take(payer(1), 5, 40, 20),
            Ok(()),
            "the ledger takes the first no more"
        );
        payments.give_back(payer(2), 5);
        assert_eq!(payments.take(payer(2), 5, 40, 20), Ok(()));
    }

    #[test]
    fn nothing_is_forgotten_to_make_room() {
        let mut payments = Payments::default();
        for nonce in 0..PAYMENTS_MAX as u64 {
            assert_eq!(payments.take(payer(1), nonce, 20, 10), Ok(()));
        }
        assert_eq!(payments.take(payer(2), 0, 20, 10), Err(PaymentsError::Full));
        assert_eq!(payments.take(payer(1), 0, 20, 10), Err(PaymentsError::Taken { nonce: 0 }));
        assert_eq!(payments.take(payer(2), 0, 40, 20), Ok(()));
        assert_eq!(payments.taken.len(), 1);
    }
}
