//! Endorsements from CSV: `source,target,weight`, any labels.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use muster_mechanism::reputation::EndorsementGraph;

/// A graph whose servers have names.
pub struct Labelled {
    pub graph: EndorsementGraph,
    /// The name of each server.
    pub servers: Vec<String>,
    /// Edges with negative weights, which were left out.
    pub distrusted: usize,
}

/// One line.
struct Edge<'a> {
    source: &'a str,
    target: &'a str,
    weight: f64,
}

impl Labelled {
    /// Every node a user and, as a replica, a server.
    pub fn everyone(text: &str) -> Result<Self> {
        let (edges, distrusted) = edges(text)?;
        let mut nodes = Names::default();
        let list = edges
            .iter()
            .map(|e| Ok((nodes.number(e.source)?, nodes.number(e.target)?, e.weight)))
            .collect::<Result<Vec<_>>>()?;
        let graph = EndorsementGraph::rank_everyone(nodes.list.len(), list.iter().copied())?;
        Ok(Self { graph, servers: nodes.list, distrusted })
    }

    /// The servers are those of a list, one label a line; all others are users.
    pub fn with_servers(text: &str, list: &str) -> Result<Self> {
        let (edges, distrusted) = edges(text)?;
        let mut servers = Names::default();
        for label in list.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            servers.number(label)?;
        }
        let mut users = Names::default();
        for edge in &edges {
            ensure!(
                !servers.index.contains_key(edge.source),
                "{} is a server and must not endorse; --rank-everyone lets every node do both",
                edge.source
            );
            users.number(edge.source)?;
            if !servers.index.contains_key(edge.target) {
                users.number(edge.target)?;
            }
        }
        let first = u32::try_from(users.list.len()).context("there are too many users")?;
        let node = |label: &str| match servers.index.get(label) {
            Some(server) => first + server,
            None => users.index[label],
        };
        let numbered = edges.iter().map(|e| (users.index[e.source], node(e.target), e.weight));
        let graph = EndorsementGraph::new(users.list.len(), servers.list.len(), numbered)?;
        Ok(Self { graph, servers: servers.list, distrusted })
    }
}

/// Labels in the order of their first appearance.
#[derive(Default)]
struct Names {
    index: BTreeMap<String, u32>,
    list: Vec<String>,
}

impl Names {
    fn number(&mut self, label: &str) -> Result<u32> {
        if let Some(&number) = self.index.get(label) {
            return Ok(number);
        }
        let number = u32::try_from(self.list.len()).context("there are too many nodes")?;
        self.index.insert(label.to_owned(), number);
        self.list.push(label.to_owned());
        Ok(number)
    }
}

/// The edges with weights of at least 0, and how many had less.
fn edges(text: &str) -> Result<(Vec<Edge<'_>>, usize)> {
    let (mut edges, mut distrusted, mut header) = (Vec::new(), 0, true);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut cells = line.split(',').map(str::trim);
        let (source, target, weight) = (cells.next(), cells.next(), cells.next());
        let (Some(source), Some(target), Some(weight)) = (source, target, weight) else {
            bail!("line {}: `{line}` is not source,target,weight", at + 1);
        };
        if std::mem::take(&mut header) {
            ensure!(
                weight.parse::<f64>().is_err(),
                "line {}: a header such as source,target,weight must come first",
                at + 1
            );
            continue;
        }
        let weight: f64 =
            weight.parse().with_context(|| format!("line {}: weight `{weight}`", at + 1))?;
        ensure!(weight.is_finite(), "line {}: weight {weight} is not finite", at + 1);
        ensure!(!source.is_empty() && !target.is_empty(), "line {}: an empty label", at + 1);
        if weight < 0.0 {
            distrusted += 1;
        } else {
            edges.push(Edge { source, target, weight });
        }
    }
    Ok((edges, distrusted))
}
