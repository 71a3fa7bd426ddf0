//! The engine of one node: its pure core, and the order in which mail reaches it.
//!
//! Modelled after `engine/src/consensus.rs`: mail that comes before a height runs waits in a
//! buffer; when a height starts, what the log holds of it is fed to the core before anything else,
//! and nothing is written to the log meanwhile.

use std::collections::VecDeque;

use malachitebft_app::consensus::{
    Error, Input, LivenessMsg, Params, SignedConsensusMsg, State, process,
};
use malachitebft_app::metrics::Metrics;
use malachitebft_core_types::{
    HeightParams, ThresholdParam, ThresholdParams, Timeout, ValuePayload,
};
use muster_chain::consensus::context::{Address, Height, MusterContext, ValidatorSet};

use crate::log::Entry;
use crate::mail::{Deed, Mail, Stop};
use crate::message::Message;
use crate::mutation::Mutation;
use crate::shell::{Phase, Shell};

/// Mail that waits for a height to run, as many as the engine's actor lets wait.
const BUFFER_MAX: usize = 1_024;
/// Heights ahead of which messages wait in the core, and messages of each: the engine's defaults.
const QUEUE_HEIGHTS: usize = 10;
const QUEUE_MESSAGES: usize = 500;

/// The engine of one node.
pub struct Engine {
    core: Option<State<MusterContext>>,
    /// What surrounds the core.
    pub shell: Shell,
    buffer: VecDeque<Mail>,
    metrics: Metrics,
}

impl Engine {
    /// An engine that has not started.
    pub fn new(shell: Shell) -> Self {
        let metrics = Metrics::new();
        Self { core: None, shell, buffer: VecDeque::new(), metrics }
    }

    /// The height and round that the core is at; nothing before it started.
    pub fn place(&self) -> Option<(u64, i64)> {
        self.core.as_ref().map(|core| (core.height().0, core.round().as_i64()))
    }

    /// Takes mail.
    ///
    /// # Errors
    /// The node stops.
    pub fn take(&mut self, mail: Mail) -> Result<(), Stop> {
        let starts = matches!(mail, Mail::Up | Mail::Start(..));
        if self.shell.phase != Phase::Running && !starts {
            if self.buffer.len() < BUFFER_MAX {
                self.buffer.push_back(mail);
            }
            return Ok(());
        }
        match mail {
            Mail::Up => {
                let (height, params) = self.shell.host.ready();
                self.shell.deeds.push(Deed::Remind(0, Mail::Start(height, params)));
                Ok(())
            }
            Mail::Start(height, params) => self.start(height, params),
            Mail::Propose(value) => self.process(Input::Propose(value)),
            Mail::Value(value, origin) => self.process(Input::ProposedValue(value, origin)),
            Mail::Synced(response) => self.process(Input::SyncValueResponse(response)),
            Mail::Elapsed(timeout, generation) => self.elapsed(timeout, generation),
            Mail::Network(_, message) => self.hear(message),
        }
    }

    fn elapsed(&mut self, timeout: Timeout, generation: u64) -> Result<(), Stop> {
        if !self.shell.take_timer(&timeout, generation) {
            return Ok(());
        }
        self.process(Input::TimeoutElapsed(timeout))
    }

    fn hear(&mut self, message: Message) -> Result<(), Stop> {
        match message {
            Message::Consensus(SignedConsensusMsg::Vote(vote))
            | Message::Liveness(LivenessMsg::Vote(vote)) => self.process(Input::Vote(vote)),
            Message::Consensus(SignedConsensusMsg::Proposal(proposal)) => {
                self.process(Input::Proposal(proposal))
            }
            Message::Liveness(LivenessMsg::PolkaCertificate(certificate)) => {
                self.process(Input::PolkaCertificate(certificate))
            }
            Message::Liveness(LivenessMsg::SkipRoundCertificate(certificate)) => {
                self.process(Input::RoundCertificate(certificate))
            }
            Message::Part(part) => {
                self.shell.ask_part(*part);
                Ok(())
            }
            // The rest never reaches the engine's mailbox.
            Message::Status(_)
            | Message::Ask(..)
            | Message::Answer(..)
            | Message::Transactions(_) => Ok(()),
        }
    }

    fn start(&mut self, height: Height, params: HeightParams<MusterContext>) -> Result<(), Stop> {
        let own = Address(self.shell.signer.public());
        let set = params.validator_set.clone();
        if self.core.is_none() {
            self.core = Some(self.core_at(height, set.clone()));
        }
        self.shell.is_validator = set.contains(&own.0);
        let fetched = self.shell.log.start(height.0);
        let mut entries = fetched.map_err(|error| self.log_failed(error))?;
        if self.shell.mutation == Some(Mutation::LogForgotten) {
            entries.clear();
        }
        self.shell.timeouts = params.timeouts;
        self.shell.target = params.target_time.unwrap_or_default();
        self.shell.began_ms = self.shell.now_ms;
        // A day: the core would measure the real target with the computer's clock. The shell waits
        // for the real one.
        let target = Some(std::time::Duration::from_secs(86_400));
        let policy = params.vote_extension_policy;
        self.process(Input::StartHeight(height, set, false, target, policy))?;
        let replayed = entries.len();
        if !entries.is_empty() {
            self.shell.phase = Phase::Recovering;
            self.replay(entries)?;
        }
        self.shell.phase = Phase::Running;
        self.shell.deeds.push(Deed::Started(height.0, replayed));
        while self.shell.phase == Phase::Running
            && let Some(mail) = self.buffer.pop_front()
        {
            self.take(mail)?;
        }
        Ok(())
    }

    fn core_at(&self, height: Height, set: ValidatorSet) -> State<MusterContext> {
        let mut threshold_params = ThresholdParams::default();
        if self.shell.mutation == Some(Mutation::QuorumOfOneThird) {
            threshold_params.quorum = ThresholdParam::F_PLUS_ONE;
        }
        let params = Params {
            address: Address(self.shell.signer.public()),
            threshold_params,
            value_payload: ValuePayload::ProposalAndParts,
            enabled: true,
        };
        State::new(MusterContext, height, set, params, QUEUE_HEIGHTS, QUEUE_MESSAGES)
    }

    fn log_failed(&self, error: std::io::Error) -> Stop {
        if self.shell.disk.is_out() { Stop::Power } else { Stop::Log(error.to_string()) }
    }

    /// Feeds the log's entries to the core, up to the first that cannot be read: there the engine
    /// stops rather than sign what it may not remember.
    fn replay(&mut self, entries: Vec<Entry>) -> Result<(), Stop> {
        let core = self.core.as_mut().expect("a height started");
        let readable = || entries.iter().filter_map(|entry| entry.as_ref().ok());
        core.record_recovered_own_precommit_extensions(readable());
        core.index_wal_entries(readable());
        for entry in entries {
            self.process(entry.map_err(|error| Stop::Log(error.to_string()))?)?;
        }
        self.core.as_mut().expect("a height started").reset_entries_index();
        Ok(())
    }

    fn process(&mut self, input: Input<MusterContext>) -> Result<(), Stop> {
        let core = self.core.as_mut().expect("no mail is taken before a height started");
        let (shell, metrics) = (&mut self.shell, &self.metrics);
        let result: Result<(), Error<MusterContext>> = process!(
            input: input,
            state: core,
            metrics: metrics,
            with: effect => match shell.perform(effect) {
                Ok(resume) => Ok::<_, ()>(resume),
                Err(stop) => return Err(stop),
            }
        );
        result.map_err(|error| Stop::Fault(error.to_string()))
    }
}
