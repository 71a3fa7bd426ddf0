"""Our mathematics beside what others use for the same work, on this machine: `cargo xtask bench`.

Installs the rivals (requirements.txt) into a virtual environment under the target directory, makes
the inputs, lets ours and theirs take turns on them, checks that the results agree, and rewrites
the part of docs/benchmarks.md between its two markers. `--only WORD` runs the contests whose title
has the word and prints them instead; `--rounds N` changes how often everybody has a turn.
"""
import argparse
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
from pathlib import Path

from contest import FOLDER, HERE, OURS, PYTHON, ROOT, RUST, significant
from contests import contests

PAGE = ROOT / "docs/benchmarks.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
ONE_THREAD = {
    name: "1"
    for name in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
}


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
    home = FOLDER / "rivals"
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
