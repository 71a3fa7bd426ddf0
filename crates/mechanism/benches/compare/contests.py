"""The contests, in the order of the page; `contests()` gives them all."""
import csv
import os
import statistics
import sys
from array import array
from pathlib import Path

from contest import (
    FOLDER,
    ROOT,
    Contest,
    Goal,
    gigabytes,
    microseconds,
    milliseconds,
    ours,
    python,
    rust,
    times_faster,
    wall,
)


def ranking(graph, words, everybody, goals, rounds):
    path = FOLDER / graph
    rivals = {
        "scipy": "scipy",
        "igraph": "igraph (PRPACK)",
        "fast_pagerank": "fast-pagerank",
        "graphblas": "SuiteSparse:GraphBLAS",
        "networkit": "networkit (ordinary PageRank)",
        "networkx": "networkx",
    }
    sides = [
        ours("Muster", "rank", path, "users", 1.5e-10),
        ours("Muster, two threads", "rank", path, "users", 1.5e-10, threads=2),
    ]
    sides += [
        python(name, "rank", key, path)
        for key, name in rivals.items()
        if everybody or key != "networkx"
    ]
    sides.append(rust("graph (ordinary PageRank, unweighted, single precision, to 1e-6)", "rank", path))
    return Contest(
        f"Ranking: {words}",
        "Designated PageRank, restart 0.15, L1 error 1e-9, power iteration where the rival leaves "
        "the choice to its user; the graph stands ready in the form that the program wants",
        sides,
        goals,
        rounds,
        reference=ours("exact", "rank", path, "users", 1e-13),
        built="edges to graph",
        memory=True,
    )


def contributions(graph, words, count, goals, rounds):
    path = FOLDER / graph
    sides = [
        ours("Muster", "contributions", path, count),
        ours("Muster, two threads", "contributions", path, count, threads=2),
        python("scipy, one server at a time", "contributions", "scipy", path, count, 1),
    ]
    if graph != "rmat20":
        sides.append(
            python("scipy, eight at a time", "contributions", "scipy", path, count, 8)
        )
    return Contest(
        f"Contributions: {words}",
        f"columns of C for {count} servers, relative L1 error 1e-9; figures are for one server",
        sides,
        goals,
        rounds,
        pieces=count,
        built="preparation",
    )


def payoffs(graph, words):
    path = FOLDER / graph
    return Contest(
        f"Payoffs: {words}",
        "what every user earns, relative L1 error 1e-9",
        [ours("Muster", "payoffs", path), python("scipy", "payoffs", "scipy", path)],
        built="preparation",
    )


def epoch(peers, active, density, goals, rounds, dense=False):
    task = lambda rule: ["epoch", rule, peers, active, density]
    sides = [
        ours("Muster, `median`", *task("median")),
        ours("Muster, `median`, two threads", *task("median"), threads=2),
        ours("production's kind, Rust", *task("rival")),
    ]
    if dense:
        sides.append(python("numpy, dense", "epoch", "numpy", FOLDER))
    count = f"{peers * density * active / 1e6:.2g} M"
    return Contest(
        f"Market epoch: {peers:,} peers, {active} give weights, {count} of them",
        "column medians, clipping, ranks, trust and incentive (ours: connectivity and the gradient "
        "too; theirs: bonds and dividends)",
        sides,
        goals,
        rounds,
    )


def epoch_rules(peers, active, density, goals, rounds):
    rules = ["connected-median", "median", "paper"]
    sides = [ours(f"`{rule}`", "epoch", rule, peers, active, density) for rule in rules]
    sides.append(ours("`connected-median`, two threads", *sides[0].task, threads=2))
    return Contest(
        f"Market rules: {peers:,} peers, {active} give weights",
        "an epoch under each rule; walks of 5 steps, mass of 1e-4 and less not walked on",
        sides,
        goals,
        rounds,
        agree=float("inf"),
    )


def million(rounds):
    rules = ["connected-median", "median", "paper"]
    sides = [
        ours(f"`{rule}`, two threads", "epoch", rule, 1_000_000, 32, threads=2) for rule in rules
    ]
    return Contest(
        "Market epoch: 1,000,000 peers, 32 weights each",
        "all have stake; connectivity exact up to 1/32, 1,024 opinions by restart 0.3 truncated "
        "at 1e-3; memory without the weights' own generation",
        sides,
        [wall_each(rule, side) for rule, side in zip(rules, range(3))] + [gigabytes(2)],
        rounds,
        agree=float("inf"),
        memory=True,
    )


def wall_each(rule, side):
    value = lambda contest: statistics.median(contest.sides[side].wall)
    return Goal(f"`{rule}` in at most 1.5 s of wall time on two cores", value, 1.5)


def contests():
    """All of them; in order of the page."""
    large = "RMAT, 1,048,576 nodes, 16 M edges"
    small = "RMAT, 65,536 nodes, 1 M edges"
    yield ranking(
        "rmat20",
        large,
        False,
        [milliseconds(180), gigabytes(0.3), times_faster("scipy", 5.8), times_faster("igraph", 23)],
        3,
    )
    yield ranking("rmat16", small, True, [], 5)
    if trust_network():
        yield ranking("otc", "Bitcoin-OTC, positive ratings", True, [times_faster("scipy", 5)], 5)
    goals = [milliseconds(2, 16), times_faster("scipy, one", 40)]
    yield contributions("rmat16", small, 16, goals, 5)
    goals = [milliseconds(200, 8), times_faster("scipy, one", 27)]
    yield contributions("rmat20", large, 8, goals, 1)
    yield payoffs("rmat16", small)
    yield Contest(
        "Ranking: one of 20,000 users endorses anew",
        "six endorsements a user, L1 residual 1e-5; pushed along them, or a graph made and ranked anew",
        [ours("Muster, pushed", "change", "pushed"), ours("Muster, solved", "change", "solved")],
        agree=float("inf"),
    )
    yield Contest(
        "Endorsements: the best response, 1,000 servers",
        "one user's payoff is the highest, the others' endorsements given",
        [ours("Muster", "response", 1_000), python("numpy", "response", "numpy", 1_000)],
    )
    yield Contest(
        "Committee: an honest majority of 1,000 members",
        "each honest with a probability of its own",
        [ours("Muster", "majority", 1_000), python("numpy", "majority", "numpy", 1_000)],
    )
    yield epoch(256, 64, 0.75, [], 5)
    yield epoch(1_024, 64, 0.93, [], 5)
    yield epoch(4_096, 256, 0.9375, [milliseconds(13)], 5, dense=True)
    yield epoch(16_384, 512, 0.966, [milliseconds(100)], 3)
    yield epoch_rules(4_096, 256, 0.9375, [milliseconds(13)], 5)
    yield epoch_rules(16_384, 512, 0.966, [milliseconds(100)], 3)
    yield million(2)
    yield Contest(
        "Simulator: appendix 12.7",
        "105 peers, 2,000 blocks",
        [ours("Muster", "cabal"), python("numpy", "cabal", "numpy", FOLDER)],
        [milliseconds(2)],
    )
    yield Contest(
        "Gradient: appendix 12.7",
        "105 peers, one step",
        [
            ours("Muster", "gradient"),
            python("numpy, vectorised", "gradient", "numpy", FOLDER),
            python("numpy, looped over as in the listing", "gradient", "loops", FOLDER),
        ],
        [microseconds(5)],
        rounds=2,
    )
    yield designs(3, [microseconds(250)])
    yield designs(14, [])
    yield Contest(
        "Presence: one deadline, m = n = 50,000",
        "`E_T W`; ours is accurate to 1e-12 for every deadline, theirs cancels for short ones",
        [
            ours("Muster", "presence", "deadline", 50_000),
            python("numpy", "presence", "numpy", "deadline", 50_000),
        ],
        [microseconds(15)],
        agree=1e-11,
    )
    yield Contest(
        "Presence: `T*`, m = n = 50,000",
        "the root of `E_T W = W*`",
        [
            ours("Muster", "presence", "maximum", 50_000),
            python("numpy and scipy's Brent", "presence", "numpy", "maximum", 50_000),
        ],
        [milliseconds(1)],
        agree=1e-9,
    )
    yield Contest(
        "Presence: `T°`, m = n = 50,000",
        "the deadline of the highest welfare",
        [
            ours("Muster", "presence", "best", 50_000),
            python("numpy and scipy's Brent", "presence", "numpy", "best", 50_000),
        ],
        agree=1e-9,
    )
    yield Contest(
        "Presence: a curve of 1,000 deadlines, m = n = 500,000",
        "`E_T W` from a thousandth of the middle to a thousand times it",
        [
            ours("Muster", "presence", "curve", 500_000),
            ours("Muster, two threads", "presence", "curve", 500_000, threads=2),
        ],
        [wall(1)],
        rounds=3,
    )


def designs(flags, goals):
    rivals = ["scipy", "highspy", "clarabel"]
    sides = [ours("Muster", "design", flags)]
    sides += [python(name, "design", name, flags) for name in rivals]
    sides.append(rust("microlp, row by row", "design", FOLDER / f"design-{flags}"))
    return Contest(
        f"Verification: a design of {flags + 2} types",
        "the compactness program with its model; ours makes the optimum unique as well, microlp's "
        "coefficients are ready",
        sides,
        goals,
    )


def trust_network():
    """Writes the ratings above zero as a graph, nodes without any as servers; None if absent."""
    data = ROOT.parent / "shared/data/bitcoin-otc.csv"
    data = Path(os.environ.get("MUSTER_BITCOIN_OTC", data))
    if not data.exists():
        print(f"{data} is not there: its ranking is left out", file=sys.stderr)
        return None
    with data.open() as lines:
        ratings = list(csv.DictReader(lines))
    rows = [(row["source"], row["target"], float(row["rating"])) for row in ratings]
    rows = [row for row in rows if row[2] > 0]
    sources = list(dict.fromkeys(row[0] for row in rows))
    known = set(sources)
    sinks = list(dict.fromkeys(row[1] for row in rows if row[1] not in known))
    index = {node: i for i, node in enumerate(sources + sinks)}
    for ending, kind, column in [("source", "I", 0), ("target", "I", 1), ("weight", "f", 2)]:
        values = [row[column] if column == 2 else index[row[column]] for row in rows]
        (FOLDER / f"otc.{ending}").write_bytes(array(kind, values).tobytes())
    (FOLDER / "otc.sizes").write_text(f"{len(sources)} {len(sinks)}")
    return FOLDER / "otc"
