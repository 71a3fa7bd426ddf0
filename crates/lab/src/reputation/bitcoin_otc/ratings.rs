//! The web of trust of Bitcoin OTC: reading it, and what it says of people.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use muster_mechanism::reputation::{EndorsementGraph, RankSettings, ReputationError};

use crate::experiment::ExperimentError;

/// The file's name in the data directory.
pub const FILE: &str = "bitcoin-otc.csv";
const COLUMNS: [&str; 4] = ["source", "target", "rating", "time"];
/// More than this is not the file that we know: it has 1 MB.
const BYTES_MAX: u64 = 64 << 20;
const RATINGS_MIN: usize = 100;

/// One rating of a person by another, people numbered from 0 in the order of their identities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rating {
    /// Who rates.
    pub source: u32,
    /// Who is rated.
    pub target: u32,
    /// From -10 to 10, not 0.
    pub value: f64,
}

/// All ratings, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Web {
    /// The identity of each person in the file.
    pub people: Vec<u32>,
    /// The ratings.
    pub ratings: Vec<Rating>,
}

/// Reads the ratings in the order of time. Ratings of oneself and of 0 say nothing and are left
/// out.
///
/// # Errors
/// With the line: other columns, fields that are no numbers, ratings out of range. Too large or too
/// small a file.
pub fn read(directory: &Path) -> Result<Web, ExperimentError> {
    let path = directory.join(FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ExperimentError::DataMissing { file: FILE });
        }
        Err(error) => return Err(bad(&path, None, error.to_string())),
    };
    parse(&path, file.take(BYTES_MAX + 1))
}

fn bad(path: &Path, line: Option<u64>, reason: String) -> ExperimentError {
    let file = match line {
        Some(line) => format!("{}, line {line}", path.display()),
        None => path.display().to_string(),
    };
    ExperimentError::Data { file, reason }
}

fn parse(path: &Path, input: impl Read) -> Result<Web, ExperimentError> {
    let mut reader = csv::Reader::from_reader(input);
    let line_of = |error: &csv::Error| error.position().map(csv::Position::line);
    let headers = reader.headers().map_err(|e| bad(path, line_of(&e), e.to_string()))?;
    if headers.iter().ne(COLUMNS) {
        let reason = format!("the columns must be {}", COLUMNS.join(","));
        return Err(bad(path, Some(1), reason));
    }
    let mut timed: Vec<(f64, [u32; 2], f64)> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| bad(path, line_of(&e), e.to_string()))?;
        let position = record.position().map_or((0, 0), |p| (p.line(), p.byte()));
        if position.1 >= BYTES_MAX {
            return Err(bad(path, None, format!("it has more than {BYTES_MAX} bytes")));
        }
        let field = |k: usize, wanted: &str| {
            let reason = format!("{} is {:?}, not {wanted}", COLUMNS[k], clipped(&record[k]));
            bad(path, Some(position.0), reason)
        };
        let person = |k: usize| record[k].parse::<u32>().map_err(|_| field(k, "a whole number"));
        let edge = [person(0)?, person(1)?];
        let value = record[2].parse::<i8>().ok().filter(|value| (-10..=10).contains(value));
        let value = value.ok_or_else(|| field(2, "a whole number from -10 to 10"))?;
        let time = record[3].parse::<f64>().ok().filter(|time| time.is_finite());
        let time = time.ok_or_else(|| field(3, "a time in seconds"))?;
        if edge[0] != edge[1] && value != 0 {
            timed.push((time, edge, f64::from(value)));
        }
    }
    if timed.len() < RATINGS_MIN {
        let reason = format!("it has {} ratings; at least {RATINGS_MIN} are needed", timed.len());
        return Err(bad(path, None, reason));
    }
    timed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut people: Vec<u32> = timed.iter().flat_map(|rating| rating.1).collect();
    people.sort_unstable();
    people.dedup();
    let place: BTreeMap<u32, u32> = people.iter().copied().zip(0..).collect();
    let ratings = timed
        .into_iter()
        .map(|(_, [source, target], value)| Rating {
            source: place[&source],
            target: place[&target],
            value,
        })
        .collect();
    Ok(Web { people, ratings })
}

/// The beginning of a field that may be long.
fn clipped(field: &str) -> String {
    field.chars().take(30).collect()
}

/// What ratings say of every person, by one measure each.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Ratings received.
    pub received: Vec<f64>,
    /// The share of them that is negative; 0 of none.
    pub negative: Vec<f64>,
    /// Their mean; 0 of none.
    pub mean_rating: Vec<f64>,
    /// Designated PageRank over positive ratings, everybody a user and a server.
    pub reputation: Vec<f64>,
    /// Ordinary PageRank over positive ratings.
    pub pagerank: Vec<f64>,
    /// Mean rating, each weighted by the reputation of who gave it; 0 of none.
    pub weighted_rating: Vec<f64>,
}

/// All measures from `ratings` among `people` people.
pub fn scores(people: usize, ratings: &[Rating], restart: f64) -> Result<Scores, ReputationError> {
    let mut received = vec![0.0; people];
    let mut negative = vec![0.0; people];
    let mut total = vec![0.0; people];
    for rating in ratings {
        let target = rating.target as usize;
        received[target] += 1.0;
        negative[target] += f64::from(u8::from(rating.value < 0.0));
        total[target] += rating.value;
    }
    let reputation = reputation(people, ratings, restart)?;
    let (mut weighted, mut weights) = (vec![0.0; people], vec![0.0; people]);
    // Who has no reputation yet counts like the least reputed who has.
    let least = reputation.iter().copied().filter(|rho| *rho > 0.0).fold(1.0, f64::min);
    for rating in ratings {
        let weight = reputation[rating.source as usize].max(least);
        weighted[rating.target as usize] += weight * rating.value;
        weights[rating.target as usize] += weight;
    }
    let share = |sums: &[f64], counts: &[f64]| -> Vec<f64> {
        sums.iter().zip(counts).map(|(s, n)| if *n > 0.0 { s / n } else { 0.0 }).collect()
    };
    Ok(Scores {
        negative: share(&negative, &received),
        mean_rating: share(&total, &received),
        weighted_rating: share(&weighted, &weights),
        pagerank: pagerank(people, ratings, restart)?,
        reputation,
        received,
    })
}

fn endorsements(ratings: &[Rating]) -> impl Iterator<Item = (u32, u32, f64)> + Clone + '_ {
    ratings.iter().filter(|r| r.value > 0.0).map(|r| (r.source, r.target, r.value))
}

/// rho over positive ratings: whom those trust who are trusted.
pub fn reputation(
    people: usize,
    ratings: &[Rating],
    restart: f64,
) -> Result<Vec<f64>, ReputationError> {
    let graph = EndorsementGraph::rank_everyone(people, endorsements(ratings))?;
    Ok(graph.rank(&RankSettings { restart, ..RankSettings::default() })?.reputation)
}

/// Ordinary PageRank of the people, up to a factor. Who endorses nobody sends the walk to anybody:
/// by way of one server that stands for it, which leaves the people's proportions as they are.
fn pagerank(people: usize, ratings: &[Rating], restart: f64) -> Result<Vec<f64>, ReputationError> {
    let mut endorses = vec![false; people];
    endorsements(ratings).for_each(|edge| endorses[edge.0 as usize] = true);
    let anybody = people as u32;
    let exits = (0..anybody).filter(|&u| !endorses[u as usize]).map(|u| (u, anybody, 1.0));
    let graph = EndorsementGraph::new(people, 1, endorsements(ratings).chain(exits))?;
    let settings = RankSettings { restart, ..RankSettings::default() };
    Ok(graph.rank(&settings)?.pagerank[..people].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ratings: &str) -> String {
        let filler: String = (0..100).map(|k| format!("{k},{},1,{k}\n", k + 1)).collect();
        format!("source,target,rating,time\n{filler}{ratings}")
    }

    #[test]
    fn ratings_are_read_in_the_order_of_time() {
        let web =
            parse(Path::new(FILE), text("7,9,-10,-1.5\n3,3,5,0\n").as_bytes()).expect("valid");
        assert_eq!((web.people.len(), web.ratings.len()), (101, 101));
        assert_eq!(web.ratings[0], Rating { source: 7, target: 9, value: -10.0 });
    }

    #[test]
    fn bad_lines_are_named() {
        let check = |input: &str, wanted: &str| {
            let error = parse(Path::new(FILE), input.as_bytes()).expect_err(wanted).to_string();
            assert!(error.contains(wanted), "{error:?} does not say {wanted:?}");
        };
        check("a,b,c\n1,2,3\n", "line 1");
        check(&text("1,2,11,5\n"), "line 102: rating is \"11\"");
        check(&text("1,x,1,5\n"), "line 102: target is \"x\"");
        check(&text("-1,2,1,5\n"), "line 102: source");
        check(&text("1,2,1,inf\n"), "line 102: time");
        check(&text("1,2,1\n"), "line 102");
        check("source,target,rating,time\n1,2,3,4\n", "1 ratings; at least 100");
        check("", "line 1");
        let broken = [text("").as_bytes(), b"1,2,\xff,4\n"].concat();
        assert!(parse(Path::new(FILE), broken.as_slice()).is_err());
    }

    #[test]
    fn pagerank_is_the_ordinary_one() {
        // 0 -> 1 -> 2, 2 endorses nobody: x = (1-a) x P + c with the walk from 2 going anywhere.
        let rating = |source, target| Rating { source, target, value: 1.0 };
        let ranks = pagerank(3, &[rating(0, 1), rating(1, 2)], 0.15).expect("valid");
        let mut wanted = [1.0 / 3.0; 3];
        for _ in 0..500 {
            let even = (0.15 + 0.85 * wanted[2]) / 3.0;
            wanted = [even, even + 0.85 * wanted[0], even + 0.85 * wanted[1]];
        }
        let total: f64 = ranks.iter().sum();
        for (found, wanted) in ranks.iter().zip(wanted) {
            assert!((found / total - wanted).abs() < 1e-12, "{found} {wanted}");
        }
    }
}
