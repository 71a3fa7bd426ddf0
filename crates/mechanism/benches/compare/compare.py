"""Our mathematics beside what others use for the same work, on this machine: `cargo xtask bench`.

Installs the rivals (requirements.txt) into a virtual environment under the target directory, makes
the inputs, lets ours and theirs take turns on them, checks that the results agree, and rewrites
the part of docs/benchmarks.md between its two markers. `--only WORD` runs the contests whose title
has the word and prints them instead; `--rounds N` changes how often everybody has a turn.
"""
import argparse
import csv
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import venv
from array import array
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
PAGE = ROOT / "docs/benchmarks.md"
TARGET = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
FOLDER = TARGET / "benchmarks"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
# The programs of the contestants: `main.rs`, `rivals.py`, `rivals/src/main.rs`.
OURS, PYTHON, RUST = "ours", "rivals in Python", "rivals in Rust"
ONE_THREAD = {
    name: "1"
    for name in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
}


@dataclass
class Side:
    """One contestant: a name, and the task that its program is given."""

    name: str
    task: list
    program: str
    threads: int = 1
    # What it says, filled in by the contest.
    version: str = ""
    built: float = 0.0
    processor: list = field(default_factory=list)
    wall: list = field(default_factory=list)
    memory: float = 0.0
    result: array = None

    def cost(self):
        return statistics.median(self.processor)


@dataclass
class Contest:
    """Contestants that do the same work; the first is ours and the measure of the others."""

    title: str
    work: str
    sides: list
    goals: list = field(default_factory=list)
    rounds: int = 5
    # A run is this many pieces of work.
    pieces: int = 1
    # Largest difference of results, in sum over the reference's sum of absolute values.
    agree: float = 1e-8
    # A side that is not timed, whose result is the measure of the others' errors.
    reference: Side = None
    built: str = ""
    memory: bool = False


@dataclass
class Goal:
    """`value(contest)` is to be at most, or with `least` at least, `bound`."""

    text: str
    value: object
    bound: float
    least: bool = False

    def line(self, contest):
        value = self.value(contest)
        if value is None:
            return None
        met = value >= self.bound if self.least else value <= self.bound
        short = self.bound / value if self.least else value / self.bound
        verdict = "met" if met else f"**missed** by a factor of {short:.2f}"
        return f"- {self.text}: {significant(value)}, {verdict}."


def ours(name, *task, threads=1):
    return Side(name, [str(t) for t in task], OURS, threads)


def python(name, *task):
    return Side(name, [str(t) for t in task], PYTHON)


def rust(name, *task):
    return Side(name, [str(t) for t in task], RUST)


def milliseconds(bound, pieces=1):
    each = lambda contest: contest.sides[0].cost() / pieces * 1e3
    return Goal(f"at most {bound:g} ms of processor time", each, bound)


def microseconds(bound):
    return Goal(f"at most {bound:g} us of processor time", lambda c: c.sides[0].cost() * 1e6, bound)


def times_faster(rival, factor):
    def value(contest):
        others = [side for side in contest.sides if side.name.startswith(rival)]
        return others[0].cost() / contest.sides[0].cost() if others else None

    return Goal(f"at least {factor:g} times as fast as {rival}", value, factor, least=True)


def gigabytes(bound):
    value = lambda contest: max(side.memory for side in contest.sides if side.program == OURS)
    return Goal(f"at most {bound:g} GB", value, bound)


def wall(bound):
    value = lambda contest: min(statistics.median(s.wall) for s in contest.sides if s.threads > 1)
    return Goal(f"at most {bound:g} s of wall time on two threads", value, bound)


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
        f"Scoring: a design of {flags + 2} types",
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


class Running:
    """A contestant's process."""

    def __init__(self, side, programs, scratch):
        self.side = side
        self.result = Path(scratch) / side.name.replace(" ", "_").replace("/", "_")
        command = [str(word) for word in [*programs[side.program], self.result, *side.task]]
        threads = {name: str(side.threads) for name in ONE_THREAD}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **threads},
            text=True,
        )
        ready = self.line()
        side.built, side.version = ready["built"], ready.get("version", "")

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.side.name} ended before its time; what it says stands above")
        return json.loads(line)

    def turn(self, counts):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        told = self.line()
        if counts:
            self.side.processor.append(told["processor"])
            self.side.wall.append(told["wall"])
        self.side.memory = max(self.side.memory, told["memory"] * 1024 / 1e9)

    def finish(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit(f"{self.side.name} failed; what it says stands above")
        self.side.result = array("d", self.result.read_bytes())


def run(contest, programs, rounds):
    """One turn to warm up, then turns in order, round by round."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        if contest.reference:
            exact = Running(contest.reference, programs, scratch)
            exact.turn(False)
            exact.finish()
        everybody = [Running(side, programs, scratch) for side in contest.sides]
        for turn in range(1 + (rounds or contest.rounds)):
            for running in everybody:
                running.turn(turn > 0)
        for running in everybody:
            running.finish()
    check(contest)


def difference(side, reference):
    gap = sum(abs(a - b) for a, b in zip(side.result, reference, strict=True))
    return gap / sum(map(abs, reference))


def check(contest):
    """Fails where results differ by more than the contest allows."""
    reference = (contest.reference or contest.sides[0]).result
    for side in contest.sides:
        side.difference = None
        if contest.agree == float("inf") or "ordinary" in side.name:
            continue
        side.difference = difference(side, reference)
        if not side.difference <= contest.agree:
            sys.exit(f"{contest.title}: {side.name} differs by {side.difference:.1e}")


def significant(value):
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def duration(seconds):
    for unit, scale in [("s", 1), ("ms", 1e3), ("us", 1e6)]:
        if seconds * scale >= 1:
            return f"{significant(seconds * scale)} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def table(contest):
    """The contest as lines of Markdown."""
    columns = ["", "processor time", "least", "wall time", "times ours"]
    columns += ["L1 difference"] if contest.agree < float("inf") else []
    columns += ["memory"] if contest.memory else []
    columns += [contest.built] if contest.built else []
    lines = [f"### {contest.title}", "", contest.work[0].upper() + contest.work[1:] + ".", ""]
    lines += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    ours = contest.sides[0].cost()
    for side in contest.sides:
        version = f", {side.version}" if side.version else ""
        each = 1 / contest.pieces
        row = [
            side.name + version,
            duration(side.cost() * each),
            duration(min(side.processor) * each),
            duration(statistics.median(side.wall) * each),
            significant(side.cost() / ours),
        ]
        if contest.agree < float("inf"):
            row.append("" if side.difference is None else f"{side.difference:.0e}")
        row += [f"{side.memory:.2f} GB"] if contest.memory else []
        row += [duration(side.built) if side.built else ""] if contest.built else []
        lines.append("| " + " | ".join(row) + " |")
    goals = [line for goal in contest.goals if (line := goal.line(contest))]
    return "\n".join(lines + ([""] + goals if goals else [])) + "\n"


def machine():
    with open("/proc/cpuinfo") as lines:
        models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor()
    cores = len(models) or os.cpu_count()
    return f"{cores} cores of {model}, {platform.system()} {platform.machine()}"


def page(tables, load):
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.strip()
    day = datetime.datetime.now(datetime.timezone.utc).date()
    introduction = (
        f"Measured on {day} by `cargo xtask bench`: {machine()}, {rustc}, Python "
        f"{platform.python_version()}; load of the machine before it began {load:.1f}. One thread, "
        "unless two are named; contestants take turns on the same inputs, each in a process of its "
        "own; medians, the least beside them. Memory is what the process holds at its peak while it "
        "works, its graph included; for Python without its libraries."
    )
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    middle = f"{BEGIN}\n\n{introduction}\n\n" + "\n".join(tables) + f"\n{END}"
    PAGE.write_text(before + middle + after)


def install():
    """The Python of the rivals' virtual environment."""
    home = TARGET / "benchmarks/rivals"
    program = home / "bin/python"
    wanted = (HERE / "requirements.txt").read_text()
    stamp = home / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("==> installing the rivals", file=sys.stderr)
        venv.create(home, with_pip=True, clear=True)
        pip = [program, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"]
        subprocess.run(pip, check=True)
        stamp.write_text(wanted)
    return program


def build():
    """Our side's program."""
    print("==> building ours", file=sys.stderr)
    command = ["cargo", "bench", "--package", "muster-mechanism", "--bench", "compare"]
    command += ["--no-run", "--message-format=json-render-diagnostics"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    programs = [m["executable"] for m in found if m.get("target", {}).get("name") == "compare"]
    return Path(next(program for program in programs if program))


def build_rivals():
    """The program of the rivals in Rust."""
    print("==> building the rivals in Rust", file=sys.stderr)
    target = FOLDER / "rust"
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--target-dir", target]
    subprocess.run(command, cwd=HERE / "rivals", check=True)
    return target / "release/muster-rivals"


def generate(programs):
    """Makes the inputs anew where ours is newer than they are."""
    last = FOLDER / "design-14"
    if last.exists() and last.stat().st_mtime >= programs[OURS][0].stat().st_mtime:
        return
    print("==> making the inputs", file=sys.stderr)
    subprocess.run([*programs[OURS], "generate", FOLDER], check=True)
    for flags in [3, 14]:
        task = [FOLDER / f"design-{flags}", "program", "write", str(flags)]
        subprocess.run([*programs[PYTHON], *task], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", help="run only contests with this word in the title, and print")
    parser.add_argument("--rounds", type=int, help="turns of every contestant")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    programs = {
        OURS: [build()],
        PYTHON: [install(), HERE / "rivals.py"],
        RUST: [build_rivals()],
    }
    load = os.getloadavg()[0]
    generate(programs)
    tables = []
    for contest in contests():
        if options.only and options.only.lower() not in contest.title.lower():
            continue
        print(f"==> {contest.title}", file=sys.stderr, flush=True)
        run(contest, programs, options.rounds)
        tables.append(table(contest))
        if options.only:
            print(tables[-1])
    if not options.only:
        page(tables, load)


if __name__ == "__main__":
    main()
