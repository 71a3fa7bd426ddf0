//! What strangers do, each on its own and all together; and counts of what they did and what came
//! of it. They run in a process of their own.

mod consensus;
mod http;
mod orders;
mod payment;
mod peers;
mod pool;
mod scene;
mod tally;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

pub use orders::{Attack, Orders};
pub use tally::{Tallies, Tally};

use crate::error::SiegeError;
use scene::Scene;

/// How often the counts are written.
const WRITE_INTERVAL: Duration = Duration::from_millis(500);

/// Attacks that go on until this is dropped.
#[derive(Debug)]
pub struct Assault {
    /// What was done so far.
    pub tallies: Arc<Tallies>,
    _tasks: JoinSet<()>,
}

/// Begins all attacks that are ordered.
///
/// # Errors
/// [`SiegeError`], where an attacker cannot be made; what those who are attacked refuse is counted.
pub async fn begin(orders: Orders) -> Result<Assault, SiegeError> {
    let orders = Arc::new(orders);
    let tallies = Arc::new(Tallies::new(orders.rates.keys().copied()));
    let mut tasks = JoinSet::new();
    for (&attack, &rate) in &orders.rates {
        let tally = tallies.of(attack);
        let scene = Scene { orders: orders.clone(), tally, rate };
        match attack {
            Attack::Parts => consensus::parts(&scene, &mut tasks).await?,
            Attack::Idle => http::idle(&scene, &mut tasks),
            Attack::Readers => http::readers(&scene, &mut tasks),
            Attack::Streams => http::streams(&scene, &mut tasks),
            Attack::Bodies => http::bodies(&scene, &mut tasks),
            Attack::Questions => http::questions(&scene, &mut tasks),
            Attack::Signatures => pool::signatures(&scene, &mut tasks),
            Attack::Gaps => pool::gaps(&scene, &mut tasks),
            Attack::Promises => pool::promises(&scene, &mut tasks),
            Attack::Solutions => pool::solutions(&scene, &mut tasks)?,
            Attack::Proposals => pool::proposals(&scene, &mut tasks)?,
            Attack::Connections => peers::connections(&scene, &mut tasks),
            Attack::Announcements => peers::announcements(&scene, &mut tasks),
            Attack::Keeps => peers::keeps(&scene, &mut tasks)?,
            Attack::Payments => payment::payments(&scene, &mut tasks)?,
        }
    }
    Ok(Assault { tallies, _tasks: tasks })
}

/// Attacks until the process is killed, and writes down the counts on the way.
///
/// # Errors
/// Those of [`begin`].
pub async fn run(orders: Orders) -> Result<(), SiegeError> {
    let path = orders.tallies.clone();
    let assault = begin(orders).await?;
    loop {
        tokio::time::sleep(WRITE_INTERVAL).await;
        assault.tallies.write(&path)?;
    }
}
