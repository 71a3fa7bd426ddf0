"""What others use for the same work: one contestant a process, told on stdin when to run.

`python rivals.py RESULT TASK RIVAL ..` speaks as `main.rs` does; `compare.py` drives both.
"""
import importlib.metadata
import json
import sys
import time

import numpy as np


def memory(field):
    """Kibibytes, of this process."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field))


def serve(result, work, flat, built=0.0, package="numpy", before=0):
    """Runs `work` on demand. `built`: processor seconds it took to make the structures it works
    on; `before`: resident memory before they and their libraries' buffers came."""
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    version = f"{package} {importlib.metadata.version(package)}"
    print(json.dumps({"built": built, "version": version}), flush=True)
    last = None
    for _ in sys.stdin:
        processor, clock, runs = time.process_time(), time.perf_counter(), 0
        while runs == 0 or time.process_time() - processor < 0.1:
            last = work()
            runs += 1
        processor, clock = time.process_time() - processor, time.perf_counter() - clock
        line = {"processor": processor / runs, "wall": clock / runs}
        print(json.dumps({**line, "memory": memory("VmHWM") - before}), flush=True)
    if last is None:
        sys.exit("nobody asked for a run")
    np.asarray(flat(last), dtype="<f8").tofile(result)


def timed(make):
    start = time.process_time()
    made = make()
    return made, time.process_time() - start


def load(graph):
    users, servers = map(int, open(graph + ".sizes").read().split())
    source = np.fromfile(graph + ".source", "<u4").astype(np.int64)
    target = np.fromfile(graph + ".target", "<u4").astype(np.int64)
    weight = np.fromfile(graph + ".weight", "<f4").astype(float)
    return users, servers, source, target, weight


# Ranking. A server's mass goes back to the users, and so do restarts.


def rank_scipy(result, graph, error=1e-9, alpha=0.15):
    import scipy.sparse as sparse

    before = memory("VmRSS")
    users, servers, source, target, weight = load(graph)

    def make():
        scale = (1 - alpha) / np.bincount(source, weight, users)
        shape = (users + servers, users)
        matrix = sparse.csr_matrix((weight * scale[source], (target, source)), shape)
        # Servers are left out of the iteration and filled in at the end.
        return matrix[:users].copy(), matrix[users:].copy()

    (among, to_servers), built = timed(make)
    del source, target, weight

    def work():
        x = np.full(users, 1 / users)
        while True:
            y = among @ x
            y += (1 - y.sum()) / users
            if np.abs(y - x).sum() < error:
                break
            x = y
        # In the iteration, what goes to servers comes back in the same step.
        ranks = np.concatenate([y, to_servers @ y])
        return ranks / ranks.sum()

    serve(result, work, lambda x: x, built, "scipy", before)


def reset_vector(users, servers):
    reset = np.zeros(users + servers)
    reset[:users] = 1 / users
    return reset


def rank_igraph(result, graph):
    import igraph

    before = memory("VmRSS")
    users, servers, source, target, weight = load(graph)
    edges = np.stack([source, target], 1)
    made, built = timed(lambda: igraph.Graph(users + servers, edges, directed=True))
    made.es["weight"] = weight
    del edges, source, target
    reset = reset_vector(users, servers).tolist()
    work = lambda: made.personalized_pagerank(reset=reset, weights="weight", damping=0.85)
    serve(result, work, lambda x: x, built, "igraph", before)


def rank_networkit(result, graph, error=1e-10):
    """Ordinary PageRank: it has no designated form."""
    import networkit

    networkit.setNumberOfThreads(1)
    before = memory("VmRSS")
    users, servers, source, target, weight = load(graph)
    nodes = users + servers
    make = lambda: networkit.GraphFromCoo((weight, (source, target)), nodes, True, True)
    made, built = timed(make)

    def work():
        handling = networkit.centrality.SinkHandling.DistributeSinks
        ranking = networkit.centrality.PageRank(made, 0.85, error, distributeSinks=handling)
        ranking.norm = networkit.centrality.Norm.L1_NORM
        ranking.maxIterations = 1000
        ranking.run()
        return ranking.scores()

    serve(result, work, lambda x: np.array(x) / np.sum(x), built, "networkit", before)


def rank_fast_pagerank(result, graph, error=1e-11):
    import fast_pagerank
    import scipy.sparse as sparse

    before = memory("VmRSS")
    users, servers, source, target, weight = load(graph)
    nodes = users + servers
    make = lambda: sparse.csr_matrix((weight, (source, target)), (nodes, nodes))
    made, built = timed(make)
    del source, target, weight
    reset = reset_vector(users, servers)
    options = {"p": 0.85, "max_iter": 1000, "tol": error, "personalize": reset}
    work = lambda: fast_pagerank.pagerank_power(made, **options)
    serve(result, work, lambda x: x, built, "fast-pagerank", before)


def rank_networkx(result, graph, error=1e-9):
    import networkx

    before = memory("VmRSS")
    users, servers, source, target, weight = load(graph)
    made = networkx.DiGraph()

    def make():
        made.add_nodes_from(range(users + servers))
        made.add_weighted_edges_from(zip(source.tolist(), target.tolist(), weight.tolist()))

    built = timed(make)[1]
    nodes = users + servers
    reset = dict(enumerate(reset_vector(users, servers)))
    work = lambda: networkx.pagerank(made, 0.85, reset, max_iter=1000, tol=error / nodes)
    flat = lambda ranks: [ranks[i] for i in range(nodes)]
    serve(result, work, flat, built, "networkx", before)


def rank_graphblas(result, graph, error=1e-9, alpha=0.15):
    import graphblas

    graphblas.ss.config["nthreads"] = 1
    before = memory("VmRSS")
    users, servers, source, target, weight = load(graph)
    scale = (1 - alpha) / np.bincount(source, weight, users)
    user = target < users
    edges = (target, source, weight * scale[source])

    def matrix(rows, chosen, first):
        triples = (edges[0][chosen] - first, edges[1][chosen], edges[2][chosen])
        return graphblas.Matrix.from_coo(*triples, nrows=rows, ncols=users)

    make = lambda: (matrix(users, user, 0), matrix(servers, ~user, users))
    (among, to_servers), built = timed(make)
    del edges, source, target, weight
    multiply = graphblas.semiring.plus_times

    def work():
        x = graphblas.Vector.from_scalar(1 / users, users)
        y = graphblas.Vector(float, users)
        while True:
            y << graphblas.Vector.from_scalar(0.0, users)
            y(graphblas.binary.plus) << multiply(among @ x)
            y << graphblas.binary.plus(y, (1 - y.reduce().value) / users)
            gap = graphblas.binary.minus(y | x).apply("abs").reduce().value
            if gap < error:
                break
            x, y = y, x
        last = graphblas.Vector.from_scalar(0.0, servers)
        last(graphblas.binary.plus) << multiply(to_servers @ y)
        ranks = np.concatenate([y.to_dense(), last.to_dense()])
        return ranks / ranks.sum()

    serve(result, work, lambda x: x, built, "python-graphblas", before)


# Contributions.


def steps(graph, alpha=0.15):
    """Steps of the walk from users, to users and to servers."""
    import scipy.sparse as sparse

    users, servers, source, target, weight = load(graph)
    scale = (1 - alpha) / np.bincount(source, weight, users)
    shape = (users, users + servers)
    matrix = sparse.csr_matrix((weight * scale[source], (source, target)), shape)
    return matrix[:, :users].copy(), matrix[:, users:].copy()


def fixed_point(matrix, right, error=1e-9):
    """z = right + matrix z, for one or more columns."""
    z = right.copy()
    while True:
        y = right + matrix @ z
        if (np.abs(y - z).sum(0) <= error * np.abs(y).sum(0)).all():
            return y
        z = y


def contributions_scipy(result, graph, count, block):
    count, block = int(count), int(block)
    before = memory("VmRSS")
    (among, to_servers), built = timed(lambda: steps(graph))
    right_sides = to_servers[:, :count].toarray()
    del to_servers
    solve = lambda right: fixed_point(among, right)

    def work():
        if block == 1:
            return [solve(right_sides[:, j].copy()) for j in range(count)]
        groups = range(0, count, block)
        blocks = [np.ascontiguousarray(right_sides[:, j : j + block]) for j in groups]
        return [column for b in blocks for column in solve(b).T]

    serve(result, work, np.concatenate, built, "scipy", before)


def payoffs_scipy(result, graph):
    """Every server's reward in parts of what its endorsers contribute to it, all in one solve."""
    before = memory("VmRSS")

    def make():
        among, to_servers = steps(graph)
        starts = fixed_point(among.T.tocsr(), np.ones(among.shape[0]))
        return among, to_servers, to_servers.T @ starts

    (among, to_servers, totals), built = timed(make)

    def work():
        share = np.divide(0.5, totals, out=np.zeros_like(totals), where=totals > 0)
        return fixed_point(among, to_servers @ share)

    serve(result, work, lambda payoffs: payoffs, built, "scipy", before)


# The game of endorsements, and committees.


def response_numpy(result, servers):
    j = np.arange(int(servers))
    others, trust = j % 37 + 0.5, (j % 11 + 1) / 12

    def work():
        order = np.argsort(-trust / others, kind="stable")
        o, root = others[order], np.sqrt(trust * others)[order]
        # 1 / sqrt(mu), if the servers up to each are endorsed.
        level = (1 + np.cumsum(o)) / np.cumsum(root)
        last = np.flatnonzero(root * level > o)[-1]
        return np.maximum(0, np.sqrt(trust * others) * level[last] - others)

    serve(result, work, lambda strategy: strategy)


def majority_numpy(result, members):
    """One member after the other."""
    honesty = (np.arange(int(members)) % 11 + 1) / 12

    def work():
        counts = np.zeros(len(honesty) + 1)
        counts[0] = 1
        for n, p in enumerate(honesty):
            counts[1 : n + 2] = counts[1 : n + 2] * (1 - p) + counts[: n + 1] * p
            counts[0] *= 1 - p
        return counts[len(honesty) // 2 + 1 :].sum()

    serve(result, work, lambda probability: [probability])


# The market.


def epoch_numpy(result, folder):
    """The rows that give weights, dense: column medians by sorting, bonds as a moving average."""
    weights = np.fromfile(f"{folder}/epoch.weights", "<f8").reshape(256, 4096)
    stake = np.fromfile(f"{folder}/epoch.stake", "<f8")
    stake = stake[:256] / stake.sum()
    bonds = np.zeros_like(weights)

    def work():
        ranks = stake @ weights
        order = np.argsort(-weights, axis=0)
        held = np.cumsum(stake[order], axis=0)
        first = np.argmax(held >= 0.5, axis=0)
        median = weights[order[first, np.arange(4096)], np.arange(4096)]
        clipped = np.minimum(weights, median)
        after = stake @ clipped
        trust = np.divide(after, ranks, out=np.zeros_like(after), where=ranks > 0)
        incentive = after / after.sum()
        held = stake[:, None] * clipped
        fresh = np.divide(held, after, out=np.zeros_like(held), where=after > 0)
        dividends = (0.1 * fresh + 0.9 * bonds) @ incentive
        return incentive, trust, dividends

    serve(result, work, lambda outcome: outcome[0])


def cabal_inputs(folder):
    weights = np.zeros((105, 105))
    weights[:5, :5] = np.fromfile(f"{folder}/cabal.honest", "<f8").reshape(5, 5)
    weights[5:, 5:] = np.fromfile(f"{folder}/cabal.weights", "<f8").reshape(100, 100)
    side = np.arange(105) < 5
    connected = np.where(side[:, None] == side[None, :], 1.0, -1.0)
    return weights, connected, np.fromfile(f"{folder}/cabal.stake", "<f8")


def cabal_numpy(result, folder):
    weights, connected, start = cabal_inputs(folder)

    def work():
        stake, shares = start.copy(), []
        for _ in range(2000):
            ranks = weights.T @ stake / stake.sum()
            trust = 1 / (1 + np.exp(-(connected.T @ stake)))
            assert -ranks @ (trust - 0.5) < 0
            incentive = ranks * trust
            stake += 0.01 * incentive / incentive.sum()
            shares.append(stake[5:].sum() / stake.sum())
        return shares

    serve(result, work, lambda shares: shares)


def gradient_numpy(result, folder):
    weights, connected, stake = cabal_inputs(folder)

    def work():
        total = stake.sum()
        ranks = weights.T @ stake / total
        trust = 1 / (1 + np.exp(-(connected.T @ stake)))
        slope = ranks * trust * (1 - trust)
        return -stake * (weights @ (trust - 0.5) / total + connected @ slope)

    serve(result, work, lambda gradient: gradient)


def gradient_loops(result, folder):
    """Three nested loops over Python lists of numpy numbers, as in the paper's listing."""
    weights, connected, stake = cabal_inputs(folder)
    sigmoid = lambda x: 1 / (1 + np.exp(-x))

    def work():
        total, n = stake.sum(), len(stake)
        ranks = weights.T @ stake / total
        gradient = []
        for i in range(n):
            mine = 0.0
            for k in range(n):
                inner = 0.0
                for j in range(n):
                    inner += stake[j] * connected[j, k]
                trust = sigmoid(inner)
                mine += connected[i, k] * ranks[k] * trust * (1 - trust)
                mine += weights[i, k] * (trust - 0.5) / total
            gradient.append(-stake[i] * mine)
        return gradient

    serve(result, work, lambda gradient: gradient)


# Verification: the compactness program of the lossy channel, min M with |T| <= M.


def program(flags, margin=0.2):
    """(objective, rows, limits): minimise `objective x` where `rows x <= limits`, x free."""
    m = flags + 2
    prior = np.full(m, 0.5 / flags)
    prior[0], prior[-1] = 0.5, 0
    o = np.zeros((m, m))
    o[0, 0] = 1
    o[1:, 0] = 0.5
    o[1:, 1:] = 0.5 * np.eye(m - 1)
    o[-1, -1] = 0.25
    o[-1, 1:-1] = 0.25 / flags
    q = prior @ o
    joint = o.T @ np.diag(prior) @ o
    belief = np.array([joint[x] / q[x] if q[x] > 0 else o[-1] for x in range(m)])
    cost = np.array([1 / 3] + list(range(2, m)) + [m - 1.0])
    rows, limits = [], []
    for r in range(m):
        for x in range(m):
            row = np.zeros(m * m + 1)
            row[r * m : r * m + m] = belief[x] * (-1 if x == r else 1)
            rows.append(row)
            limits.append(-(cost[x] + margin) if x == r else cost[x] - margin)
        row = np.zeros(m * m + 1)
        row[r * m : r * m + m] = q
        rows.append(row)
        limits.append(-margin)
    for sign in (1, -1):
        for k in range(m * m):
            row = np.zeros(m * m + 1)
            row[k], row[-1] = sign, -1
            rows.append(row)
            limits.append(0)
    objective = np.zeros(m * m + 1)
    objective[-1] = 1
    return objective, np.array(rows), np.array(limits, dtype=float)


def program_write(result, flags):
    """For rivals in other languages: the number of variables, then each row with its limit."""
    objective, rows, limits = program(int(flags))
    lines = [" ".join(map(repr, map(float, [*row, limit]))) for row, limit in zip(rows, limits)]
    with open(result, "w") as file:
        file.write("\n".join([str(len(objective)), *lines]) + "\n")


def design_scipy(result, flags):
    import scipy.optimize

    solve = lambda o, a, b: scipy.optimize.linprog(o, a, b, bounds=(None, None))
    serve(result, lambda: solve(*program(int(flags))), lambda s: [s.fun], 0.0, "scipy")


def design_highspy(result, flags):
    import highspy
    import scipy.sparse as sparse

    def work():
        objective, rows, limits = program(int(flags))
        columns = sparse.csc_matrix(rows)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(objective), len(limits)
        model.col_cost_ = objective
        model.col_lower_ = np.full(len(objective), -highspy.kHighsInf)
        model.col_upper_ = np.full(len(objective), highspy.kHighsInf)
        model.row_lower_, model.row_upper_ = np.full(len(limits), -highspy.kHighsInf), limits
        model.a_matrix_.start_, model.a_matrix_.index_ = columns.indptr, columns.indices
        model.a_matrix_.value_ = columns.data
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.passModel(model)
        solver.run()
        return solver.getInfo().objective_function_value

    serve(result, work, lambda value: [value], 0.0, "highspy")


def design_clarabel(result, flags):
    import clarabel
    import scipy.sparse as sparse

    def work():
        objective, rows, limits = program(int(flags))
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        cones = [clarabel.NonnegativeConeT(len(limits))]
        nothing = sparse.csc_matrix((len(objective), len(objective)))
        solver = clarabel.DefaultSolver(
            nothing, objective, sparse.csc_matrix(rows), limits, cones, settings
        )
        return solver.solve().obj_val

    serve(result, work, lambda value: [value], 0.0, "clarabel")


# Presence: the closed form by independence, without care for small decay.


def presence_numpy(result, what, half):
    size = int(half)
    i, j = np.arange(1, size + 1), np.arange(size + 1)
    p = np.exp(-0.5 * ((i - 1 - size / 2) / (size / 10)) ** 2)
    q = np.exp(-0.5 * ((j - (size + 1) / 2) / (size / 6)) ** 2)
    p, q, w = p / p.sum(), q / q.sum(), i.astype(float)
    s, null, pw = 0.5 / size, size * 0.505, p * w

    def survivals(deadline):
        return np.exp(-s * deadline * i), np.exp(-s * deadline * j)

    def payoff(deadline):
        a, b = survivals(deadline)
        eb = q @ b
        return (pw.sum() - pw @ a * eb) / (1 - p @ a * eb)

    def marginal_welfare(deadline):
        a, b = survivals(deadline)
        gain = p * (w - null) * a
        return i @ gain * (q @ b) + gain.sum() * (j * q @ b)

    def root(f):
        import scipy.optimize

        return [scipy.optimize.brentq(f, 1e-3, 1e3, xtol=1e-13)]

    work = {
        "deadline": lambda: [payoff(1.0)],
        "maximum": lambda: root(lambda t: payoff(t) - null),
        "best": lambda: root(marginal_welfare),
    }[what]
    serve(result, work, lambda value: value, 0.0, "numpy" if what == "deadline" else "scipy")


if __name__ == "__main__":
    result, task, rival, *rest = sys.argv[1:]
    globals()[f"{task}_{rival}"](result, *rest)
