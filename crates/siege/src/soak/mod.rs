//! A market for a long time, with attackers, load and faults: what every process takes is written
//! down as it goes, and at the end a line is drawn through it.

mod figure;
mod record;
mod summary;
mod wanted;

use std::time::{Duration, Instant};

pub use record::{Record, Sample};
pub use summary::Summary;
pub use wanted::Wanted;

use crate::attack::{Orders, Tallies};
use crate::error::SiegeError;
use crate::faults::Fate;
use crate::honest::{Lives, People, crowd};
use crate::market::Market;
use crate::process::Process;
use crate::siege::attackers;
use crate::watch::{Watch, blocks};

/// How often processes are looked at.
const SAMPLE: Duration = Duration::from_secs(2);
/// How often blocks are fetched, what takes little is written down, and progress is told.
const ROUND: Duration = Duration::from_secs(30);
/// How long nothing befalls anybody at first.
const QUIET: Duration = Duration::from_secs(60);
/// Between two faults, on average.
const PAUSE: Duration = Duration::from_secs(40);
/// How long people may finish what they began.
const LAST: Duration = Duration::from_secs(30);

/// Lets a market run, and says what came of it. Ctrl-C ends it early, and well.
///
/// # Errors
/// [`SiegeError`]; a process that ends although nothing befell it ends the run.
pub async fn run(wanted: &Wanted) -> Result<Summary, SiegeError> {
    let mut market = Market::start(wanted.plan.clone())?;
    eprintln!("==> the market begins");
    market.wait_begin().await?;
    let watch = Watch::begin(&market)?;
    crowd(&market).await?;
    let people = People::begin(&market, &watch)?;
    let orders = Orders::new(&market, wanted.rates.clone());
    let mut attackers = match wanted.rates.is_empty() {
        true => None,
        false => Some(attackers(&orders, &wanted.plan)?),
    };
    let mut soak = Soak {
        record: Record::begin(&wanted.plan.home, &market, &attackers)?,
        validators: Fate::of_validators(wanted.plan.seed, PAUSE),
        peers: Fate::of_peers(wanted.plan.seed, PAUSE),
        lives: Lives::default(),
        began: Instant::now(),
    };
    soak.live(wanted.duration, &mut market, &people, &attackers).await?;
    soak.validators.end(&mut market.validators)?;
    soak.peers.end(&mut market.peers)?;
    if let Some(attackers) = &mut attackers {
        attackers.kill();
    }
    tokio::time::sleep(LAST.min(wanted.duration)).await;
    soak.collect(&market, &people).await?;
    let level = level(&market).await?;
    market.end();
    let tallies = Tallies::read(&orders.tallies).unwrap_or_default();
    let Soak { record, lives, .. } = soak;
    let faults = soak.validators.count + soak.peers.count;
    let summary = Summary::of(record, lives, level, faults, wanted, tallies);
    figure::draw(&summary, &wanted.figure)?;
    Ok(summary)
}

/// How far behind the newest each validator is at the end, in blocks.
async fn level(market: &Market) -> Result<Vec<u64>, SiegeError> {
    let mut heights = Vec::new();
    for validator in 0..market.plan.validators {
        heights.push(market.client(validator)?.status().await?.height);
    }
    let newest = heights.iter().copied().max().unwrap_or(0);
    Ok(heights.iter().map(|height| newest - height).collect())
}

/// What is kept of a run.
#[derive(Debug)]
struct Soak {
    record: Record,
    validators: Fate,
    peers: Fate,
    lives: Lives,
    began: Instant,
}

impl Soak {
    async fn live(
        &mut self,
        duration: Duration,
        market: &mut Market,
        people: &People,
        attackers: &Option<Process>,
    ) -> Result<(), SiegeError> {
        let mut told = Instant::now();
        let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
        while self.began.elapsed() < duration {
            tokio::select! {
                () = tokio::time::sleep(SAMPLE) => {}
                _ = &mut interrupt => {
                    eprintln!("==> ended early: what there is so far is summed up");
                    return Ok(());
                }
            }
            if self.began.elapsed() > QUIET {
                let befell = [
                    self.validators.go_on(&mut market.validators)?,
                    self.peers.go_on(&mut market.peers)?,
                ];
                for word in befell.into_iter().flatten() {
                    eprintln!("    {:>5} s  {word}", self.began.elapsed().as_secs());
                    self.record.befell(self.began.elapsed(), &word)?;
                }
            }
            market.check_the_well(&self.validators, &self.peers)?;
            self.record.sample(self.began.elapsed(), market, attackers)?;
            if told.elapsed() >= ROUND {
                told = Instant::now();
                self.collect(market, people).await?;
                let words = self.record.progress();
                let (now, all) = (self.began.elapsed().as_secs(), duration.as_secs());
                eprintln!("==> {now} of {all} s: {words}");
            }
        }
        Ok(())
    }

    /// Fetches the blocks and what people came to since the last time.
    async fn collect(&mut self, market: &Market, people: &People) -> Result<(), SiegeError> {
        let lives = people.take();
        self.lives.transfers.extend(lives.transfers);
        self.lives.bought.extend(lives.bought);
        let last = market.client(market.plan.validators - 1)?;
        let fresh = blocks(&last, self.record.height()).await?;
        self.record.blocks(&fresh)
    }
}
