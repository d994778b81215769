"""Writes src/test/resources/golden/death.safetensors: NumPy's answers for predicted dead features.

It shares no code and no formula of the sampling with Sluice: rows are drawn in the space of the
activations instead of along eigenvectors, ten times as many, and tails come from math.erfc.

Run from the repository root: python src/test/python/death_golden.py
"""

import math

import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(26053151)
d = 40
mixing, _ = np.linalg.qr(rng.standard_normal((d, d)))
covariance = (mixing * np.logspace(0, -3, d)) @ mixing.T
covariance = (covariance + covariance.T) / 2
mean = 0.35 * rng.standard_normal(d)
tau = 0.99

values, vectors = np.linalg.eigh(covariance)
values, vectors = values[::-1], vectors[:, ::-1]
kept = int(np.searchsorted(np.cumsum(values), tau * values.sum()) + 1)
tail = np.vectorize(lambda z: 0.5 * math.erfc(z / math.sqrt(2)), otypes=[float])


def directions(start, count):
    if start == 0:
        rows = rng.standard_normal((count, d))
    else:
        rows = rng.uniform(-1, 1, (count, kept)) @ vectors[:, :kept].T
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def share(start, centred, features, k, tokens):
    rows = directions(start, 80_000)
    means = np.zeros(len(rows)) if centred else rows @ mean
    deviations = np.sqrt(np.einsum("ij,jk,ik->i", rows, covariance, rows))
    low, high = 0.0, 40.0
    for _ in range(40):
        middle = (low + high) / 2
        if tail((middle - means) / deviations).mean() > k / features:
            low = middle
        else:
            high = middle
    fires = tail((low - means) / deviations)
    return (np.exp(tokens * np.log1p(-np.minimum(fires, 1 - 1e-16)))).mean()


cases = [
    (start, centred, features, k, tokens)
    for start in (0, 1)
    for centred in (0, 1)
    for features, k, tokens in ((256, 8, 2000), (4096, 8, 2000), (4096, 32, 20000), (64, 48, 500))
]
points = np.array([-6.0, -1.0, 0.0, 0.3, 1.0, 2.9, 3.0, 3.1, 5.0, 8.0, 20.0, 37.0])
save_file(
    {
        "mean": mean,
        "covariance": covariance,
        "gamma": np.array([np.linalg.norm(mean) / np.linalg.norm(np.sqrt(np.diag(covariance)))]),
        "cases": np.array(cases, dtype=np.int64),
        "shares": np.array([share(*case) for case in cases]),
        "points": points,
        "tails": tail(points),
    },
    "src/test/resources/golden/death.safetensors",
)
