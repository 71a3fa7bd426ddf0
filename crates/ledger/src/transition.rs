//! A state being changed: an overlay over an immutable state, so that a failed action leaves no
//! trace and the changes of a block are known exactly.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::crypto::PublicKey;
use crate::money::Grains;
use crate::outcome::{Event, Rejection};
use crate::parameters::Parameters;
use crate::state::account::{Account, account};
use crate::state::chain::{self, Supply};
use crate::state::{Key, Part, Read, Singleton, Slot, State, Value};
use crate::types::PeerId;

pub(crate) type Changes = BTreeMap<Key, Option<Value>>;

/// Three layers, read from the top: what the current action changed, what the block changed
/// since the last [`Transition::flush`], the state with everything before.
pub(crate) struct Transition {
    origin: State,
    state: State,
    flushed: Changes,
    block: Changes,
    action: Changes,
    events: Vec<Event>,
    /// The parameters, which every transaction asks for several times, while nobody changes them.
    parameters: Option<Arc<Parameters>>,
    /// Events of the block that the current action may not take back.
    events_kept: usize,
}

impl Read for Transition {
    fn get(&self, key: &Key) -> Option<&Value> {
        match self.action.get(key).or_else(|| self.block.get(key)) {
            Some(value) => value.as_ref(),
            None => self.state.get(key),
        }
    }

    fn parameters(&self) -> &Arc<Parameters> {
        match &self.parameters {
            Some(parameters) => parameters,
            None => self.the(chain::parameters()),
        }
    }
}

impl Transition {
    pub(crate) fn new(state: &State) -> Self {
        Self {
            origin: state.clone(),
            state: state.clone(),
            flushed: Changes::new(),
            block: Changes::new(),
            action: Changes::new(),
            events: Vec::new(),
            parameters: Some(Read::parameters(state).clone()),
            events_kept: 0,
        }
    }

    /// Writes an entry.
    pub(crate) fn put<P: Part, T>(&mut self, slot: Slot<P::Key, P, T>, entry: T) {
        let key = slot.key.into();
        if key == chain::Key::Parameters.into() {
            self.parameters = None;
        }
        self.action.insert(key, Some((slot.wrap)(entry).close()));
    }

    /// Writes an entry that every state has.
    pub(crate) fn set<P: Part, T>(&mut self, singleton: Singleton<P::Key, P, T>, entry: T) {
        self.put(singleton.0, entry);
    }

    /// Removes an entry, if it is there.
    pub(crate) fn remove<P: Part, T>(&mut self, slot: Slot<P::Key, P, T>) {
        self.action.insert(slot.key.into(), None);
    }

    pub(crate) fn event(&mut self, event: impl Into<Event>) {
        self.events.push(event.into());
    }

    /// Keeps what was changed since the last commit.
    pub(crate) fn commit(&mut self) {
        // Not `append`, which rebuilds the larger map: a block commits twice a transaction.
        self.block.extend(std::mem::take(&mut self.action));
        self.events_kept = self.events.len();
    }

    /// Forgets what was changed since the last commit.
    pub(crate) fn rollback(&mut self) {
        self.action.clear();
        self.events.truncate(self.events_kept);
    }

    /// Does something of which nothing is left if it is refused, but all that the current action
    /// did before.
    pub(crate) fn attempt(
        &mut self,
        deed: impl FnOnce(&mut Self) -> Result<(), Rejection>,
    ) -> Result<(), Rejection> {
        let (action, events) = (self.action.clone(), self.events.len());
        let done = deed(self);
        if done.is_err() {
            self.action = action;
            self.events.truncate(events);
        }
        done
    }

    /// Moves all changes into the state below, for scans over it.
    pub(crate) fn flush(&mut self) -> &State {
        self.commit();
        self.state.apply(self.block.iter());
        self.flushed.append(&mut self.block);
        &self.state
    }

    /// The state below, with everything up to the last flush.
    pub(crate) fn base(&self) -> &State {
        &self.state
    }

    /// The state before the block.
    pub(crate) fn origin(&self) -> &State {
        &self.origin
    }

    /// By how much the entries' money changed, the state after everything, its exact differences
    /// from the state before, and the events.
    pub(crate) fn finish(mut self) -> (i128, State, Changes, Vec<Event>) {
        self.flush();
        let origin = &self.origin;
        let money = |value: Option<&Value>| value.map_or(0, |value| value.money() as i128);
        let mut moved = 0_i128;
        let mut changes = self.flushed;
        changes.retain(|key, value| {
            let before = origin.get(key);
            moved += money(value.as_ref()) - money(before);
            before != value.as_ref()
        });
        (moved, self.state, changes, self.events)
    }

    pub(crate) fn put_account(&mut self, key: &PublicKey, entry: Account) {
        self.put(account(*key), entry);
    }

    pub(crate) fn put_supply(&mut self, supply: Supply) {
        self.set(chain::supply(), supply);
    }

    /// Adds to an account, or opens one. Fails only where a sum exceeds `u64`, which the supply
    /// forbids: whether an amount is enough to open an account is the caller's to ask.
    pub(crate) fn credit(&mut self, key: &PublicKey, amount: Grains) -> Result<(), Rejection> {
        if amount.is_zero() {
            return Ok(());
        }
        let account = match self.entry(account(*key)).copied() {
            Some(mut account) => {
                account.balance = account.balance.checked_add(amount).ok_or(Rejection::Overflow)?;
                account
            }
            None => Account::open(self.clock().height, amount, self.parameters().account_deposit),
        };
        self.put_account(key, account);
        Ok(())
    }

    /// Takes from an account what it has.
    pub(crate) fn debit(&mut self, key: &PublicKey, amount: Grains) -> Result<(), Rejection> {
        let mut account = self.account(key);
        let available = account.balance;
        account.balance = available
            .checked_sub(amount)
            .ok_or(Rejection::Balance { needed: amount, available })?;
        self.put_account(key, account);
        Ok(())
    }

    /// Counts money as destroyed; the caller has taken it from an entry.
    pub(crate) fn burn(&mut self, amount: Grains) -> Result<(), Rejection> {
        let mut supply = self.supply();
        supply.burned = supply.burned.checked_add(amount).ok_or(Rejection::Overflow)?;
        self.put_supply(supply);
        Ok(())
    }

    /// The hot key's peer.
    pub(crate) fn own_peer(&self, hot: &PublicKey) -> Result<PeerId, Rejection> {
        self.peer_id(hot).ok_or(Rejection::NotAPeer { key: *hot })
    }
}
