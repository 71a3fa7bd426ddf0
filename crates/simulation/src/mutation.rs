//! Faults that are built in on purpose, one at a time, to show that the simulation would find them.

/// A fault in honest nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Mutation {
    /// The engine's log is not synced before a vote is sent.
    LogNotSynced,
    /// What the engine's log says is forgotten at a start: votes, and the locked block.
    LogForgotten,
    /// A proposal is voted for before its body is durable.
    ProposalsNotSynced,
    /// A decision is told before its block is durable.
    DecisionsNotSynced,
    /// More than a third of the votes is taken for a quorum.
    QuorumOfOneThird,
    /// A block that breaks a rule is voted for.
    ValidityIgnored,
    /// Certificates of synced blocks are not checked.
    CertificatesUnchecked,
    /// Signatures of votes and proposals are not checked.
    SignaturesUnchecked,
}

impl Mutation {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::LogNotSynced,
        Self::LogForgotten,
        Self::ProposalsNotSynced,
        Self::DecisionsNotSynced,
        Self::QuorumOfOneThird,
        Self::ValidityIgnored,
        Self::CertificatesUnchecked,
        Self::SignaturesUnchecked,
    ];
}
