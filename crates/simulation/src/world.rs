//! The world: virtual time, one event after another, and the rules checked at each.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use malachitebft_core_types::ValueResponse;
use malachitebft_peer::PeerId;
use muster_chain::consensus::codec::EngineCodec;
use muster_chain::consensus::context::{Address, Height};
use muster_chain::consensus::signing::ValidatorSigner;
use muster_ledger::crypto::Hash;
use muster_ledger::genesis::Genesis;
use muster_mechanism::random::Stream;

use crate::adversary::{Adversary, Plot};
use crate::law::{Law, Violation};
use crate::load;
use crate::mail::{Deed, Mail, Stop};
use crate::message::{Message, Packet};
use crate::mutation::Mutation;
use crate::node::Node;
use crate::plan::{Fault, HEAL_MS, Plan, Vice};
use crate::rival::Rival;
use crate::trace::Trace;
use crate::weather::Weather;

/// Heights that everybody honest must reach after the faults ended, beyond the highest then.
const HEIGHTS_AFTER: u64 = 3;
/// Within how long, milliseconds.
pub const PATIENCE_MS: u64 = 120_000;
/// How often a node says how far it is and looks whether it is behind, milliseconds.
const TICK_MS: u64 = 500;
/// How often somebody wants something of the ledger, milliseconds, on average.
const LOAD_MS: u64 = 250;
/// How long a host takes for a question at most, milliseconds.
const WORK_MS: u64 = 25;
/// How long a node that stopped by itself stays down, milliseconds.
const REST_MS: u64 = 500;
/// Steps after which a run is given up: nothing honest needs as many.
const STEPS_MAX: u64 = 2_000_000;

/// What happens at a moment.
#[derive(Debug)]
enum Event {
    /// Mail for a node in a life of it.
    Mail(usize, u64, Box<Mail>),
    /// A node's host answers a question.
    Work(usize, u64),
    /// A packet arrives: at whom, from whom.
    Packet(usize, usize, Packet),
    /// A node looks around.
    Tick(usize, u64),
    /// Somebody wants something.
    Load,
    /// Power goes, after so many operations.
    Cut(usize, u64),
    /// Power comes.
    Start(usize),
    /// All faults end.
    Heal,
}

struct Entry {
    at_ms: u64,
    number: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at_ms, self.number).cmp(&(other.at_ms, other.number))
    }
}

/// A run while it goes on.
pub struct World {
    plan: Plan,
    mutation: Option<Mutation>,
    genesis: Genesis,
    chain: Hash,
    nodes: Vec<Node>,
    adversaries: BTreeMap<usize, Adversary>,
    plot: Plot,
    weather: Weather,
    /// What happens, by time and then in the order in which it was caused.
    events: BinaryHeap<Reverse<Entry>>,
    numbers: u64,
    now_ms: u64,
    steps: u64,
    /// The height that everybody honest must reach; known when the faults ended.
    goal: Option<u64>,
    /// How long each node stays down once its power is gone.
    down_ms: BTreeMap<usize, u64>,
    stream: Stream,
    law: Law,
    /// What happened.
    pub trace: Trace,
}

impl World {
    /// The world of a plan at its beginning.
    pub fn new(plan: Plan, mutation: Option<Mutation>, trace: Trace) -> Self {
        let genesis = load::genesis(plan.validators);
        let chain = genesis.chain_id();
        let nodes: Vec<Node> = (0..plan.validators).map(Node::new).collect();
        let members: Vec<Address> = nodes.iter().map(|node| Address(node.public())).collect();
        let mut adversaries = BTreeMap::new();
        for (index, node) in nodes.iter().enumerate().filter(|(i, _)| plan.is_dishonest(*i)) {
            let signer = ValidatorSigner::new(chain, node.key.clone());
            let stream = Stream::new(plan.seed, 100 + index as u64);
            let vices = plan.vices(index);
            adversaries.insert(index, Adversary::new(vices, members.clone(), signer, stream));
        }
        let weather = Weather::new(&plan.faults, Stream::new(plan.seed, 2));
        let stream = Stream::new(plan.seed, 3);
        let mut world = Self {
            mutation,
            genesis,
            chain,
            nodes,
            adversaries,
            plot: Plot::default(),
            weather,
            events: BinaryHeap::new(),
            numbers: 0,
            now_ms: 0,
            steps: 0,
            goal: None,
            down_ms: BTreeMap::new(),
            stream,
            law: Law::default(),
            trace,
            plan,
        };
        world.lay_out();
        world
    }

    /// Puts what the plan says into the calendar.
    fn lay_out(&mut self) {
        for node in 0..self.nodes.len() {
            self.after(node as u64, Event::Start(node));
        }
        for fault in self.plan.faults.clone() {
            match fault {
                Fault::Crash(at, node, operations, down) => {
                    self.down_ms.insert(node, down);
                    self.after(at, Event::Cut(node, operations));
                }
                Fault::Blackout(at, operations, down) => {
                    for node in 0..self.nodes.len() {
                        let operations = self.stream.below(operations + 1);
                        self.down_ms.insert(node, down);
                        self.after(at, Event::Cut(node, operations));
                    }
                }
                Fault::Clock(node, offset, drift) => self.nodes[node].clock = (offset, drift),
                Fault::Member(..)
                | Fault::Partition(..)
                | Fault::Loss(..)
                | Fault::Slow(..)
                | Fault::Twice(..) => {}
            }
        }
        self.after(LOAD_MS, Event::Load);
        self.after(HEAL_MS, Event::Heal);
    }

    fn after(&mut self, delay_ms: u64, event: Event) {
        self.numbers += 1;
        let entry = Entry { at_ms: self.now_ms + delay_ms, number: self.numbers, event };
        self.events.push(Reverse(entry));
    }

    /// The highest height that anybody applied.
    pub fn top(&self) -> u64 {
        self.law.top()
    }

    /// The world's time, milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    fn is_honest(&self, node: usize) -> bool {
        !self.adversaries.contains_key(&node)
    }

    fn violation(&self, node: usize, what: impl ToString) -> Violation {
        Violation { at_ms: self.now_ms, node, what: what.to_string() }
    }

    /// Lets the next thing happen; whether the run goes on.
    ///
    /// # Errors
    /// A rule is broken.
    pub fn step(&mut self) -> Result<bool, Violation> {
        let Some(Reverse(entry)) = self.events.pop() else {
            return Err(self.violation(0, "nothing happens any more"));
        };
        self.now_ms = entry.at_ms;
        self.steps += 1;
        self.happen(entry.event)?;
        let Some(goal) = self.goal else { return Ok(true) };
        let behind = (0..self.nodes.len()).find(|node| {
            let height = self.nodes[*node].running.as_ref().map(|r| r.engine.shell.host.tip());
            self.is_honest(*node) && height.is_none_or(|tip| tip.height() < goal)
        });
        match behind {
            None => Ok(false),
            Some(node) if self.now_ms > HEAL_MS + PATIENCE_MS || self.steps > STEPS_MAX => {
                let what = format!(
                    "no progress: it is at {:?} and not beyond height {goal}, {PATIENCE_MS} ms \
                     after the faults ended; the others are at {}",
                    self.nodes[node].running.as_ref().and_then(|r| r.engine.place()),
                    self.top()
                );
                Err(self.violation(node, what))
            }
            Some(_) => Ok(true),
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Mail(node, session, mail) => {
                if self.nodes[node].session != session {
                    return Ok(());
                }
                self.trace.note(self.now_ms, node, || describe(&mail));
                let place = |world: &Self| world.nodes[node].running.as_ref()?.engine.place();
                let before = place(self);
                self.with(node, |engine| engine.take(*mail))?;
                if let (Some(before), Some(after)) = (before, place(self))
                    && before.0 == after.0
                {
                    self.trace.tally.rounds += u64::try_from(after.1 - before.1).unwrap_or(0);
                }
                Ok(())
            }
            Event::Work(node, session) => {
                if self.nodes[node].session != session {
                    return Ok(());
                }
                self.with(node, |engine| engine.shell.answer().map(|_| ()))
            }
            Event::Packet(to, from, packet) => self.arrive(to, from, &packet),
            Event::Tick(node, session) => self.tick(node, session),
            Event::Load => {
                self.want();
                let delay = self.stream.below(2 * LOAD_MS);
                self.after(1 + delay, Event::Load);
                Ok(())
            }
            Event::Cut(node, operations) => {
                self.trace.note(self.now_ms, node, || format!("cut after {operations}"));
                match operations {
                    0 => self.stop(node, &Stop::Power),
                    _ => {
                        self.nodes[node].disk.cut_after(operations);
                        Ok(())
                    }
                }
            }
            Event::Start(node) => self.start(node),
            Event::Heal => {
                self.goal = Some(self.top() + HEIGHTS_AFTER);
                for node in &mut self.nodes {
                    node.clock = (0, 0);
                    node.disk.mend();
                }
                Ok(())
            }
        }
    }

    /// Lets a node's engine do something, and carries out what it does.
    fn with(
        &mut self,
        node: usize,
        work: impl FnOnce(&mut crate::engine::Engine) -> Result<(), Stop>,
    ) -> Result<(), Violation> {
        let clock_ms = self.nodes[node].clock_ms(self.now_ms);
        let Some(running) = &mut self.nodes[node].running else { return Ok(()) };
        running.engine.shell.now_ms = self.now_ms;
        running.engine.shell.clock_ms = clock_ms;
        let mut result = work(&mut running.engine);
        if result.is_ok() && self.nodes[node].disk.is_out() {
            result = Err(Stop::Power);
        }
        let running = self.nodes[node].running.as_mut().expect("it runs");
        let mut deeds = std::mem::take(&mut running.engine.shell.deeds);
        if matches!(result, Err(Stop::Power)) {
            // What was said in the moment before the power went may not have left.
            let left = self.stream.below(deeds.len() as u64 + 1) as usize;
            let mut place = 0;
            deeds.retain(|deed| {
                place += 1;
                place <= left || matches!(deed, Deed::Applied(..))
            });
        }
        for deed in deeds {
            self.carry_out(node, deed)?;
        }
        match result {
            Ok(()) => Ok(()),
            Err(stop) => self.stop(node, &stop),
        }
    }

    fn stop(&mut self, node: usize, stop: &Stop) -> Result<(), Violation> {
        if self.nodes[node].running.is_none() {
            return Ok(());
        }
        self.trace.note(self.now_ms, node, || stop.to_string());
        // A dishonest member may break anything of its own.
        if let Stop::Fault(what) = stop
            && self.is_honest(node)
        {
            return Err(self.violation(node, what));
        }
        self.nodes[node].halt();
        let down_ms = self.down_ms.get(&node).copied().unwrap_or(REST_MS);
        self.after(down_ms, Event::Start(node));
        Ok(())
    }

    fn start(&mut self, node: usize) -> Result<(), Violation> {
        if self.nodes[node].running.is_some() {
            return Ok(());
        }
        // Where a plan takes a node's power, it may go again while the node starts.
        let again = self.down_ms.contains_key(&node) && self.now_ms < HEAL_MS;
        let fuse = (again && self.stream.below(3) == 0).then(|| self.stream.below(60));
        let started = self.nodes[node].start(&self.genesis, self.mutation, fuse, &mut self.stream);
        self.trace.note(self.now_ms, node, || format!("starts: {started:?}"));
        match started {
            Ok(()) => {}
            Err(Stop::Fault(what)) if self.is_honest(node) => {
                return Err(self.violation(node, what));
            }
            Err(_) => {
                self.nodes[node].halt();
                self.after(REST_MS, Event::Start(node));
                return Ok(());
            }
        }
        if self.is_honest(node) {
            let running = self.nodes[node].running.as_ref().expect("it started");
            let opened = self.law.open(node, &running.engine.shell.host.tip(), &running.store);
            opened.map_err(|what| self.violation(node, what))?;
        }
        let session = self.nodes[node].session;
        self.trace.tally.restarts += u64::from(session > 1);
        self.after(0, Event::Mail(node, session, Box::new(Mail::Up)));
        self.after(TICK_MS, Event::Tick(node, session));
        Ok(())
    }

    fn carry_out(&mut self, node: usize, deed: Deed) -> Result<(), Violation> {
        let session = self.nodes[node].session;
        match deed {
            Deed::Broadcast(message) => self.broadcast(node, message)?,
            Deed::Remind(delay_ms, mail) => {
                self.after(delay_ms, Event::Mail(node, session, Box::new(mail)))
            }
            Deed::Work => {
                let delay = self.stream.below(WORK_MS);
                self.after(delay, Event::Work(node, session));
            }
            Deed::Started(height, replayed) => {
                self.trace.tally.replayed += replayed as u64;
                if let Some(running) = &mut self.nodes[node].running {
                    running.catch_up.started(height);
                }
                if self.adversaries.get(&node).is_some_and(|a| a.has(Vice::FalseHistory))
                    && let Some(rival) = self.rival(node, false)
                {
                    self.plot.keep(height, rival);
                }
                self.give(node);
            }
            Deed::Applied(height, block) => {
                self.trace.note(self.now_ms, node, || format!("applied {height} {block}"));
                let first = height > self.top();
                if self.is_honest(node)
                    && let Some(running) = &self.nodes[node].running
                {
                    if first && let Ok(Some(decided)) = running.store.decided(height) {
                        self.trace.tally.transactions += decided.transactions;
                    }
                    let tip = running.engine.shell.host.tip();
                    let applied = self.law.apply(node, height, block, &tip);
                    applied.map_err(|what| self.violation(node, what))?;
                }
            }
            Deed::Useless(height, theirs) => {
                if let Some(running) = &mut self.nodes[node].running {
                    running.catch_up.useless(height, theirs);
                }
            }
        }
        Ok(())
    }

    fn rival(&mut self, node: usize, false_root: bool) -> Option<Rival> {
        let running = self.nodes[node].running.as_ref()?;
        let tip = running.engine.shell.host.tip();
        let later_ms = self.stream.below(100);
        let proposer = self.nodes[node].public();
        Rival::build(&tip, &running.store, proposer, later_ms, false_root)
    }

    fn broadcast(&mut self, node: usize, message: Message) -> Result<(), Violation> {
        if let Some(mut adversary) = self.adversaries.remove(&node) {
            let mut plot = std::mem::take(&mut self.plot);
            let letters =
                adversary.twist(message, &mut plot, |false_root| self.rival(node, false_root));
            self.plot = plot;
            self.adversaries.insert(node, adversary);
            for (to, message) in letters.into_iter().filter(|(to, _)| *to != node) {
                self.trace.tally.dishonest += 1;
                self.transmit(node, to, &message);
            }
            return Ok(());
        }
        let key = self.nodes[node].public();
        let sent = self.law.send(node, &key, &message);
        sent.map_err(|what| self.violation(node, what))?;
        let packet = message.pack();
        for to in (0..self.nodes.len()).filter(|to| *to != node) {
            self.send(node, to, message.word(), &packet);
        }
        Ok(())
    }

    fn transmit(&mut self, from: usize, to: usize, message: &Message) {
        self.send(from, to, message.word(), &message.pack());
    }

    fn send(&mut self, from: usize, to: usize, word: &str, packet: &Packet) {
        self.trace.note(self.now_ms, from, || format!("{word} to {to}, {} bytes", packet.len()));
        for at_ms in self.weather.arrivals(self.now_ms, from, to) {
            self.after(at_ms - self.now_ms, Event::Packet(to, from, packet.clone()));
        }
    }

    fn arrive(&mut self, to: usize, from: usize, packet: &Packet) -> Result<(), Violation> {
        let session = self.nodes[to].session;
        let Some(running) = &self.nodes[to].running else { return Ok(()) };
        let codec = EngineCodec { inlet: Some(running.engine.shell.host.inlet()) };
        let Some(message) = packet.open(&codec) else { return Ok(()) };
        if self.adversaries.contains_key(&to) {
            self.plot.hear(&message);
        }
        let running = self.nodes[to].running.as_mut().expect("it runs");
        match message {
            Message::Status(tip) => running.catch_up.heard(from, tip),
            Message::Ask(number, first, last) => {
                return self.history(to, from, (number, first, last));
            }
            Message::Answer(number, values) => {
                running.catch_up.answered(from, number, values);
                self.give(to);
            }
            Message::Transactions(transactions) => {
                // What is refused is refused.
                let _ = running.mempool.submit(transactions);
            }
            message => {
                self.after(0, Event::Mail(to, session, Box::new(Mail::Network(from, message))))
            }
        }
        Ok(())
    }

    /// A node answers another that is behind.
    fn history(
        &mut self,
        node: usize,
        asker: usize,
        (number, first, last): (u64, u64, u64),
    ) -> Result<(), Violation> {
        let liar = self.adversaries.get(&node).is_some_and(|a| a.has(Vice::FalseHistory));
        let members: Vec<Address> = self.nodes.iter().map(|n| Address(n.public())).collect();
        let Some(running) = &self.nodes[node].running else { return Ok(()) };
        let values = match self.plot.false_history(first, &members).filter(|_| liar) {
            Some(value) => vec![value],
            None => match running.engine.shell.host.history(Height(first), Height(last)) {
                Ok(values) => values,
                Err(_) if self.nodes[node].disk.is_out() => return self.stop(node, &Stop::Power),
                Err(error) => return Err(self.violation(node, error)),
            },
        };
        self.transmit(node, asker, &Message::Answer(number, values));
        Ok(())
    }

    /// Gives the engine the block of its height that another node sent.
    fn give(&mut self, node: usize) {
        let session = self.nodes[node].session;
        let Some(running) = &mut self.nodes[node].running else { return };
        if let Some((from, value)) = running.catch_up.give(self.now_ms) {
            self.trace.tally.synced += 1;
            let response = ValueResponse::new(peer(from), value.value_bytes, value.certificate);
            self.after(0, Event::Mail(node, session, Box::new(Mail::Synced(response))));
        }
    }

    fn tick(&mut self, node: usize, session: u64) -> Result<(), Violation> {
        if self.nodes[node].session != session {
            return Ok(());
        }
        self.after(TICK_MS, Event::Tick(node, session));
        let Some(running) = &mut self.nodes[node].running else { return Ok(()) };
        let tip = running.engine.shell.host.tip().height();
        let request = running.catch_up.ask(self.now_ms, &mut self.stream);
        if tip > 0 {
            self.broadcast(node, Message::Status(tip))?;
        }
        if let Some(request) = request {
            let message = Message::Ask(request.number, request.first, request.last);
            self.transmit(node, request.node, &message);
        }
        Ok(())
    }

    /// Somebody hands a transaction to a node, which tells the others.
    fn want(&mut self) {
        let node = self.stream.below(self.nodes.len() as u64) as usize;
        let Some(running) = &self.nodes[node].running else { return };
        let state = running.engine.shell.host.tip().state.clone();
        let mempool = running.mempool.clone();
        let nonce = |key: &_| mempool.nonce_after(key, state.account(key).nonce);
        let transaction = load::transaction(self.chain, &state, nonce, &mut self.stream);
        if mempool.submit(vec![transaction.clone()])[0].is_ok() {
            let message = Message::Transactions(vec![transaction]);
            let packet = message.pack();
            for to in (0..self.nodes.len()).filter(|to| *to != node) {
                self.send(node, to, message.word(), &packet);
            }
        }
    }
}

/// The network identity of a node.
fn peer(node: usize) -> PeerId {
    // An identity multihash of the node's number in eight bytes.
    let bytes = [[0, 8].as_slice(), &(node as u64).to_be_bytes()].concat();
    PeerId::from_bytes(&bytes).expect("it is a multihash")
}

fn describe(mail: &Mail) -> String {
    match mail {
        Mail::Up => "up".to_string(),
        Mail::Start(height, _) => format!("start {height}"),
        Mail::Propose(value) => format!("propose {} {} {}", value.height, value.round, value.value),
        Mail::Value(value, origin) => format!(
            "value {} {} {} {:?} {origin:?}",
            value.height, value.round, value.value, value.validity
        ),
        Mail::Synced(response) => format!("synced {}", response.certificate.height),
        Mail::Elapsed(timeout, generation) => {
            let kind = format!("{:?}", timeout.kind);
            // The core puts a time of this computer into one of them.
            let kind = kind.split('(').next().unwrap_or("").to_string();
            format!("elapsed {kind} {} {generation}", timeout.round)
        }
        Mail::Network(from, message) => format!("{} from {from}", message.word()),
    }
}
