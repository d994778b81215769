"""Where the predicted share of dead features and the counted one part, one assumption at a time.

Usage: dead_parts.py STORE HOOK [FEATURES [K [TOKENS]]]

For a new TopK dictionary, random or ASI, centred or not, the share of features that are among the k
largest of none of TOKENS tokens:

  predicted   tokens are normal, and all have one threshold (sluice spectrum, if centred)
  own         tokens are normal, and each has its own threshold, c times the length of what the
              features see of it, with c so that k features are expected above it
  normal      counted on tokens that are drawn from the normal distribution
  shuffled    counted on tokens of the store, drawn at random, as training draws them
  in a row    counted on neighbouring tokens of the store
  directions  as own, with mean and covariance of tokens of length 1 (not centred: selection does
              not depend on their length; sluice spectrum integrates where this draws tokens)
"""

import pathlib
import sys
from statistics import NormalDist

import numpy as np
import pyarrow.ipc as ipc
import torch

store, hook = pathlib.Path(sys.argv[1]), sys.argv[2]
features, k, tokens = (int(a) for a in (sys.argv[3:] + ["16384", "32", "10000"][len(sys.argv) - 3 :])[:3])
ROWS, SAMPLES = 4096, 512  # Rows of features, and tokens whose thresholds are averaged.
rng = np.random.default_rng(0)
torch.set_num_threads(1)

parts = []
for shard in sorted(store.glob("shard-*.arrow")):
    column = ipc.open_file(str(shard)).read_all()[hook].combine_chunks()
    parts.append(np.asarray(column.flatten(), dtype=np.float32).reshape(len(column), -1))
x = np.concatenate(parts)
d = x.shape[1]


def above(z):
    return torch.special.ndtr(-torch.as_tensor(np.ascontiguousarray(z))).numpy()


def moments(rows):
    mean = rows.mean(0, dtype=np.float64)
    centred = rows - mean.astype(np.float32)
    return mean, (centred.T @ centred).astype(np.float64) / len(rows)


mu, sigma = moments(x)
values, vectors = np.linalg.eigh(sigma)
values, vectors = values[::-1], vectors[:, ::-1]
active = int(np.searchsorted(np.cumsum(values), 0.99 * values.sum()) + 1)


def drawn(start, count):
    if start == "random":
        rows = rng.standard_normal((count, d))
    else:
        rows = rng.uniform(-1, 1, (count, active)) @ vectors[:, :active].T
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def never(fires):
    return np.exp(tokens * np.log1p(-np.minimum(fires, 1 - 1e-12))).mean()


def solved(fires, low, high):
    """The chances to fire at the threshold where k features are expected to."""
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if fires(middle).mean() > k / features else (low, middle)
    return fires(low)


def predicted(rows, mean, covariance):
    m, s = rows @ mean, np.sqrt(np.einsum("ij,ij->i", rows @ covariance, rows))
    return never(solved(lambda t: above((t - m) / s), 0, (m + 40 * s).max()))


def own(rows, mean, covariance, seen):
    """Given the part of a token that does not depend on the product, the threshold is a root."""
    root = np.linalg.cholesky(covariance + 1e-9 * np.eye(d) * np.trace(covariance) / d)
    samples = mean + rng.standard_normal((SAMPLES, d)) @ root.T
    along = rows @ covariance
    m, s2 = (rows @ mean)[:, None], np.einsum("ij,ij->i", along, rows)[:, None]
    seen_along = along @ seen
    square = np.einsum("ij,ij->i", seen_along, along)[:, None] / s2**2
    b = rows @ samples.T - m
    cross = seen_along @ samples.T / s2
    lengths = np.einsum("ij,ij->i", samples @ seen, samples)[None]
    left, mixed = lengths - 2 * b * cross + b * b * square, cross - b * square

    def fires(c):
        a2, a1, a0 = 1 - c * c * square, m - c * c * mixed, m * m - c * c * left
        return above((-a1 + np.sqrt(np.maximum(a1 * a1 - a2 * a0, 0))) / a2 / np.sqrt(s2)).mean(1)

    z = NormalDist().inv_cdf(1 - k / features)
    return never(solved(fires, 0.6 * z, 1.2 * z))


def counted(rows, batches):
    weights = torch.from_numpy(rows.astype(np.float32)).T.contiguous()
    fired = torch.zeros(features, dtype=torch.bool)
    for batch in batches:
        best = (torch.from_numpy(batch.astype(np.float32)) @ weights).topk(k, 1, sorted=False)
        fired[best.indices[best.values > 0]] = True
    return 1 - fired.double().mean().item()


def cut(rows):
    return (rows[i : i + 500] for i in range(0, len(rows), 500))


print("start centred predicted own normal shuffled in-a-row directions")
for start in ("random", "asi"):
    seen = np.eye(d) / d if start == "random" else vectors[:, :active] @ vectors[:, :active].T / active
    few, many = drawn(start, ROWS), drawn(start, features)
    for centred in (False, True):
        mean, shift = (np.zeros(d), mu) if centred else (mu, np.zeros(d))
        root = np.linalg.cholesky(sigma + 1e-9 * np.eye(d) * np.trace(sigma) / d)
        real = x - shift.astype(np.float32)
        first = len(real) // 3
        shares = [
            predicted(few, mean, sigma),
            own(few, mean, sigma, seen),
            counted(many, (mean + rng.standard_normal((500, d)) @ root.T for _ in range(tokens // 500))),
            counted(many, cut(real[rng.permutation(len(real))[:tokens]])),
            counted(many, cut(real[first : first + tokens])),
            float("nan")
            if centred
            else own(few, *moments(real / np.linalg.norm(real, axis=1, keepdims=True)), seen),
        ]
        print(start, "yes" if centred else "no", *("%.1f%%" % (100 * s) for s in shares), flush=True)
