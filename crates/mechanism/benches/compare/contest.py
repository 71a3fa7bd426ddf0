"""What a contest is: contestants, who they are and how they did, and goals for ours."""
import os
import statistics
from array import array
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
FOLDER = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "benchmarks"
# The programs of the contestants: `main.rs`, `rivals.py`, `rivals/src/main.rs`.
OURS, PYTHON, RUST = "ours", "rivals in Python", "rivals in Rust"


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


def significant(value):
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
