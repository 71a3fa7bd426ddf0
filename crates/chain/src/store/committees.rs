//! At which blocks the committee changed, and to whom: what is followed from the genesis.

use borsh::{BorshDeserialize, BorshSerialize};
use muster_ledger::committee::Validator;
use muster_ledger::encoding::encode;
use redb::{TableDefinition, WriteTransaction};

use super::{Decided, Store, StoreError};

/// Changes by height. They stay when their blocks are pruned: whoever follows committees from the
/// genesis needs all of them.
const COMMITTEES: TableDefinition<u64, &[u8]> = TableDefinition::new("committees");

/// A block that names another committee than the one that decided it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Change {
    /// The block.
    pub decided: Decided,
    /// The committee of the next one, in canonical order.
    pub next: Vec<Validator>,
}

pub(super) fn begin(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    transaction.open_table(COMMITTEES)?;
    Ok(())
}

pub(super) fn write(transaction: &WriteTransaction, change: &Change) -> Result<(), redb::Error> {
    let height = change.decided.header.height.0;
    transaction.open_table(COMMITTEES)?.insert(height, encode(change).as_slice())?;
    Ok(())
}

impl Store {
    /// The changes of the committee after a height, oldest first: at least one where there is
    /// one, and no more once their members are `members_max` or more.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn committees(&self, after: u64, members_max: usize) -> Result<Vec<Change>, StoreError> {
        let transaction = self.read()?;
        let table = transaction.open_table(COMMITTEES).map_err(|error| self.error(error))?;
        let mut changes = Vec::new();
        let mut members = 0;
        let rows = table.range(after.saturating_add(1)..).map_err(|error| self.error(error))?;
        for row in rows {
            let (_, change) = row.map_err(|error| self.error(error))?;
            let change =
                Change::try_from_slice(change.value()).map_err(|error| self.damaged(error))?;
            members += change.next.len();
            changes.push(change);
            if members >= members_max {
                break;
            }
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use muster_ledger::crypto::{Hash, SecretKey};
    use muster_ledger::genesis::Genesis;
    use muster_ledger::parameters::Parameters;
    use muster_ledger::protocol::Version;
    use muster_ledger::types::Height;

    use super::*;
    use crate::consensus::StoredCertificate;

    #[test]
    fn changes_are_given_in_pages_and_all_of_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let validator = |seed: u8| Validator {
            name: format!("validator-{seed}"),
            key: SecretKey::from_seed([seed; 32]).public(),
        };
        let genesis = Genesis {
            version: Version::NEWEST,
            name: "test".into(),
            time_ms: 0,
            parameters: Parameters::default(),
            validators: vec![validator(1)],
            accounts: Vec::new(),
            peers: Vec::new(),
        };
        let path = folder.path().join("database");
        let key = genesis.validators[0].key;
        let (store, _) = Store::open(&path, 1 << 20, &genesis, &key).expect("made");
        assert_eq!(store.committees(0, 1).expect("read"), []);
        let heights = [3, 8, 9, 20];
        for height in heights {
            let header = muster_ledger::block::Header {
                height: Height(height),
                ..genesis.header(Hash([0; 32]))
            };
            let hash = header.hash();
            let certificate =
                StoredCertificate { height, round: 0, block: hash, signatures: Vec::new() };
            let decided =
                Decided { header, hash, certificate, bytes: 0, transactions: 0, committee: 1 };
            let next = vec![validator(1), validator(height as u8)];
            let change = Change { decided, next };
            store.write(|transaction| write(transaction, &change)).expect("written");
        }
        // Two members a change: three of them end a page with the second change.
        let page = |after| {
            let changes = store.committees(after, 3).expect("read");
            assert!(changes.iter().all(|change| change.next.len() == 2));
            changes.iter().map(|change| change.decided.header.height.0).collect::<Vec<_>>()
        };
        assert_eq!(page(0), [3, 8]);
        assert_eq!(page(8), [9, 20]);
        assert_eq!((page(19), page(20), page(u64::MAX)), (vec![20], vec![], vec![]));
    }
}
