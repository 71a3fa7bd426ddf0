//! A siege: a market left in peace, the same market with everybody at its doors, and in peace
//! again; and whether it worked all the while.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_files::{Readers, replace};
use serde::Serialize;

use crate::attack::{Attack, Orders, Tallies};
use crate::error::SiegeError;
use crate::honest::{People, crowd};
use crate::lan;
use crate::market::{Market, Plan, Site};
use crate::phase::{Phase, Scene};
use crate::process::{Ground, Process, Task};
use crate::watch::Watch;

/// How long the market is left alone before it is looked at.
const WARM_UP: Duration = Duration::from_secs(15);
/// How long attackers may take to be at work before it is looked at again.
const APPROACH: Duration = Duration::from_secs(10);

/// What a siege is to be.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The market.
    pub plan: Plan,
    /// Who attacks, and how much.
    pub rates: BTreeMap<Attack, f64>,
    /// How long each phase lasts.
    pub phase: Duration,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// In peace, under siege, and after it.
    pub phases: [Phase; 3],
    /// What was attacked with, and how much.
    pub rates: BTreeMap<Attack, f64>,
    /// What the attackers counted.
    pub tallies: Tallies,
}

/// Holds a siege. What happens is told on stderr.
///
/// # Errors
/// [`SiegeError`].
pub async fn hold(wanted: &Wanted) -> Result<Outcome, SiegeError> {
    let mut market = Market::start(wanted.plan.clone())?;
    say("the market begins");
    market.wait_begin().await?;
    let watch = Watch::begin(&market)?;
    crowd(&market).await?;
    let people = People::begin(&market, &watch)?;
    tokio::time::sleep(WARM_UP).await;
    let mut peace = Scene { market: &mut market, watch: &watch, people: &people, attackers: None };
    let calm = live(&mut peace, "in peace", wanted.phase).await?;

    let orders = Orders::new(&market, wanted.rates.clone());
    let mut attackers = attackers(&orders, &wanted.plan)?;
    tokio::time::sleep(APPROACH).await;
    let began = Tallies::read(&orders.tallies).is_some();
    if attackers.has_ended() || !began {
        let log = attackers.task.log.display().to_string();
        return Err(SiegeError::Ended { name: attackers.task.name.clone(), log });
    }
    let mut war =
        Scene { market: &mut market, watch: &watch, people: &people, attackers: Some(&attackers) };
    let siege = live(&mut war, "under siege", wanted.phase).await?;
    attackers.kill();
    let tallies = Tallies::read(&orders.tallies).unwrap_or_default();

    let mut peace = Scene { market: &mut market, watch: &watch, people: &people, attackers: None };
    let after = live(&mut peace, "after it", wanted.phase / 2).await?;
    say("the market ends");
    market.end();
    Ok(Outcome { phases: [calm, siege, after], rates: wanted.rates.clone(), tallies })
}

async fn live(scene: &mut Scene<'_>, name: &str, phase: Duration) -> Result<Phase, SiegeError> {
    say(&format!("{name}: {} s", phase.as_secs()));
    let mut told = 0;
    let progress = |seconds: u64| {
        if seconds / 10 > told {
            told = seconds / 10;
            say(&format!("{name}: {seconds} of {} s", phase.as_secs()));
        }
    };
    scene.live(name, phase, progress).await
}

/// Starts the attackers as a process of their own: this program again.
///
/// # Errors
/// [`SiegeError::System`], [`SiegeError::Network`].
pub fn attackers(orders: &Orders, plan: &Plan) -> Result<Process, SiegeError> {
    let path = orders.home.join("orders.json");
    let text = serde_json::to_vec(orders).expect("orders are JSON");
    let fault = SiegeError::system(format!("cannot write {}", path.display()));
    replace(&path, &text, Readers::Owner).map_err(fault)?;
    let program =
        std::env::current_exe().map_err(SiegeError::system("cannot find this program"))?;
    let address = plan.address(Site::Strangers, 0);
    let [a, b, ..] = address.octets();
    Process::start(Task {
        name: "strangers".into(),
        program,
        arguments: vec![
            "attack".into(),
            path.display().to_string(),
            "--supervised".into(),
            std::process::id().to_string(),
        ],
        address,
        // All of the /16 is theirs.
        more: (plan.ground == Ground::Lan).then(|| format!("{a}.{b}.255.254/16")),
        log: orders.home.join("log"),
        ground: plan.ground,
    })
}

/// Makes the network that the market stands in, if it stands in one.
///
/// # Errors
/// [`SiegeError::Network`].
pub fn prepare(plan: &Plan) -> Result<(), SiegeError> {
    // Thousands of connections are held here and by the attackers.
    let _ = muster_files::raise_open_files_max();
    match plan.ground {
        Ground::Lan => lan::open(),
        Ground::Here => Ok(()),
    }
}

fn say(text: &str) {
    eprintln!("==> {text}");
}
