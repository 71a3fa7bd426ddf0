"""What others need for the same work: scipy and numpy, cpu-seconds, best of several.

    python3 -m venv rivals && rivals/bin/pip install numpy scipy
    rivals/bin/python crates/mechanism/benches/rivals.py [scale]

The graphs have the distribution of benches/reputation.rs (RMAT 0.57, 0.19, 0.19, 0.05; 16 edges a
node; nodes without outgoing edges are servers), not the same edges.
"""
import sys
import time

import numpy as np
import scipy
import scipy.optimize
import scipy.sparse as sparse


def best(work, repeats=5):
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def rmat(scale, degree=16):
    """(Q, R) with normalised rows."""
    random = np.random.default_rng(scale)
    nodes, edges = 1 << scale, np.empty(0, np.int64)
    label = random.permutation(nodes)
    while len(edges) < degree * nodes:
        count = degree * nodes - len(edges)
        a, b = np.zeros(count, np.int64), np.zeros(count, np.int64)
        for _ in range(scale):
            d = random.random(count)
            a, b = 2 * a + (d >= 0.76), 2 * b + (((d >= 0.57) & (d < 0.76)) | (d >= 0.95))
        fresh = (label[a] << 32 | label[b])[a != b]
        edges = np.unique(np.concatenate([edges, fresh]))
    source, target = edges >> 32, edges & 0xFFFFFFFF
    users = np.unique(source)
    matrix = sparse.csr_matrix((random.random(len(edges)), (source, target)), (nodes, nodes))[users]
    matrix = sparse.diags(1 / np.asarray(matrix.sum(1)).ravel()) @ matrix
    servers = np.setdiff1d(np.arange(nodes), users)
    return sparse.csr_matrix(matrix[:, users]), sparse.csr_matrix(matrix[:, servers])


def rank(q, r, error=1e-9, alpha=0.15):
    qt, n = q.T.tocsr(), q.shape[0]

    def work():
        x = np.full(n, 1 / n)
        while True:
            # A server's mass goes back to the users, and so do restarts: what is not kept is spread.
            y = (1 - alpha) * (qt @ x)
            y += (1 - y.sum()) / n
            if np.abs(y - x).sum() < error:
                return y
            x = y

    return best(work)


def contribution(q, r, error=1e-9, alpha=0.15):
    def work():
        right = (1 - alpha) * r[:, 0].toarray().ravel()
        z = right.copy()
        while True:
            y = right + (1 - alpha) * (q @ z)
            if np.abs(y - z).sum() <= error * np.abs(y).sum():
                return y
            z = y

    return best(work)


def presence(size=50_000):
    i, j = np.arange(1, size + 1), np.arange(size + 1)
    p = np.exp(-0.5 * ((i - size / 2) / (size / 10)) ** 2)
    q = np.exp(-0.5 * ((j - size / 2) / (size / 6)) ** 2)
    p, q, w = p / p.sum(), q / q.sum(), i.astype(float)
    s = 0.5 / size

    def work():
        a, b = np.exp(-s * i), np.exp(-s * j)
        eb = q @ b
        return (p @ w - (p * w) @ a * eb) / (1 - p @ a * eb)

    return best(lambda: [work() for _ in range(20)]) / 20


def scoring(flags=3, margin=0.2):
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

    def work():
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
        return scipy.optimize.linprog(objective, np.array(rows), limits, bounds=(None, None))

    return best(lambda: [work() for _ in range(10)]) / 10


if __name__ == "__main__":
    scale = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, RMAT scale {scale}")
    graph = rmat(scale)
    print(f"rank, L1 1e-9:                       {rank(*graph):.4f} cpu-s")
    print(f"contribution of one server, 1e-9:    {contribution(*graph):.4f} cpu-s")
    print(f"presence, one deadline, m = n = 5e4: {presence() * 1e6:.1f} cpu-us")
    print(f"scoring, M* of five types:           {scoring() * 1e6:.0f} cpu-us")
