//! Endorsement graphs from tables: text or Parquet with any labels, or sparse matrices.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, anyhow, bail, ensure};
use muster_mechanism::reputation::EndorsementGraph;
use muster_tables::Table;

/// A graph whose servers have names.
pub struct Labelled {
    pub graph: EndorsementGraph,
    /// The name of each server.
    pub servers: Vec<String>,
    /// Edges with negative weights, which were left out.
    pub distrusted: usize,
}

/// Not numbered yet.
const NONE: u32 = u32::MAX;

/// The most users and servers together: some 10 GB of memory while ranking.
const NODES_MAX: usize = 1 << 27;

/// Refuses numbers of nodes that no memory holds, however few endorsements there are.
pub fn fits(users: usize, servers: usize) -> Result<()> {
    ensure!(
        users.saturating_add(servers) <= NODES_MAX,
        "fields `users` and `servers`: {users} users and {servers} servers do not fit: at most \
         {NODES_MAX} nodes do"
    );
    Ok(())
}

impl Labelled {
    /// Every node a user and, as a replica, a server.
    pub fn everyone(mut table: Table) -> Result<Self> {
        let distrusted = leave_out_distrust(&mut table);
        let count = match table.shape {
            Some((rows, columns)) => {
                ensure!(
                    rows == columns,
                    "the matrix is {rows} x {columns}: to rank everyone it must be square"
                );
                rows
            }
            None => number_in_order(&mut table),
        };
        fits(count, count)?;
        let graph = EndorsementGraph::rank_everyone(count, table.entries.iter().copied())?;
        let servers = (0..count).map(|node| name(&table.names, node)).collect();
        Ok(Self { graph, servers, distrusted })
    }

    /// The servers are those of a list, one label a line; all others are users.
    pub fn with_servers(mut table: Table, list: &str) -> Result<Self> {
        let distrusted = leave_out_distrust(&mut table);
        let nodes = match table.shape {
            Some((rows, columns)) => rows.max(columns),
            None => table.names.len(),
        };
        fits(nodes, 0)?;
        let (servers, mut place) = chosen(&table, nodes, list)?;
        // Users are numbered as they appear; matrices number theirs.
        let mut users = 0;
        let mut user = |place: &mut u32| {
            if *place == NONE {
                *place = users;
                users += 1;
            }
        };
        let is_server: Vec<bool> = place.iter().map(|&p| p != NONE).collect();
        if table.shape.is_some() {
            place.iter_mut().for_each(&mut user);
        }
        for &(source, target, _) in &table.entries {
            ensure!(
                !is_server[source as usize],
                "{} is a server and must not endorse; --rank-everyone lets every node do both",
                name(&table.names, source as usize)
            );
            user(&mut place[source as usize]);
            user(&mut place[target as usize]);
        }
        let node = |v: u32| place[v as usize] + if is_server[v as usize] { users } else { 0 };
        let edges = table.entries.iter().map(|&(s, t, w)| (node(s), node(t), w));
        let graph = EndorsementGraph::new(users as usize, servers.len(), edges)?;
        Ok(Self { graph, servers, distrusted })
    }

    /// A matrix of users by users and servers says who is who.
    pub fn by_shape(mut table: Table) -> Result<Self> {
        let distrusted = leave_out_distrust(&mut table);
        let Some((users, nodes)) = table.shape else {
            bail!(
                "a list of edges does not say who is a server: give --servers FILE or \
                 --rank-everyone"
            );
        };
        ensure!(
            nodes > users,
            "the matrix is {users} x {nodes}: without --servers or --rank-everyone it has a column \
             for every user and then for every server"
        );
        fits(users, nodes - users)?;
        let graph = EndorsementGraph::new(users, nodes - users, table.entries.iter().copied())?;
        let servers = (0..nodes - users).map(|server| server.to_string()).collect();
        Ok(Self { graph, servers, distrusted })
    }
}

/// Takes negative weights out and counts them.
fn leave_out_distrust(table: &mut Table) -> usize {
    let all = table.entries.len();
    table.entries.retain(|entry| entry.2 >= 0.0);
    all - table.entries.len()
}

/// Numbers the nodes that are left in the order of their appearance, and says how many there are.
fn number_in_order(table: &mut Table) -> usize {
    let mut place = vec![NONE; table.names.len()];
    let mut names = Vec::new();
    let mut number = |node: &mut u32| {
        let place = &mut place[*node as usize];
        if *place == NONE {
            *place = names.len() as u32;
            names.push(std::mem::take(&mut table.names[*node as usize]));
        }
        *node = *place;
    };
    for (source, target, _) in &mut table.entries {
        number(source);
        number(target);
    }
    table.names = names;
    table.names.len()
}

/// The name of a node; its number where the table has no names.
fn name(names: &[String], node: usize) -> String {
    names.get(node).cloned().unwrap_or_else(|| node.to_string())
}

/// The labels of a list of servers, and for every node its number among them.
fn chosen(table: &Table, nodes: usize, list: &str) -> Result<(Vec<String>, Vec<u32>)> {
    let index: HashMap<&str, u32> = table.names.iter().map(String::as_str).zip(0..).collect();
    let mut place = vec![NONE; nodes];
    let mut servers: Vec<String> = Vec::new();
    let mut absent = HashSet::new();
    for (at, label) in list.lines().map(str::trim).enumerate() {
        if label.is_empty() || label.starts_with('#') {
            continue;
        }
        let node = if table.shape.is_some() {
            let node = label.parse().ok().filter(|&node: &u32| (node as usize) < nodes);
            Some(node.ok_or_else(|| {
                anyhow!("line {} of the servers: there is no node `{label}` among {nodes}", at + 1)
            })?)
        } else {
            index.get(label).copied()
        };
        let number = u32::try_from(servers.len()).context("there are too many servers")?;
        match node {
            Some(node) if place[node as usize] == NONE => place[node as usize] = number,
            None if absent.insert(label) => {}
            // Named twice.
            _ => continue,
        }
        servers.push(label.to_owned());
    }
    Ok((servers, place))
}
