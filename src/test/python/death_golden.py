"""Writes src/test/resources/golden/death.safetensors: NumPy's answers for predicted dead features.

It shares no code and no formula of the sampling with Sluice: rows are drawn in the space of the
activations instead of along eigenvectors, ten times as many, and tails come from math.erfc. Own
thresholds of tokens are averaged over drawn tokens, each moved along the covariance of its product
with the row to where it meets its threshold (a root of a quadratic equation), where Sluice
integrates over a log-normal length.

Run from the repository root: python src/test/python/death_golden.py
"""

import math

import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(26053151)
d = 40
mixing, _ = np.linalg.qr(rng.standard_normal((d, d)))
covariance = (mixing * np.logspace(0, -1, d)) @ mixing.T
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


tokens_drawn = mean + rng.standard_normal((400_000, d)) @ np.linalg.cholesky(covariance).T
tokens_drawn *= np.exp(0.3 * rng.standard_normal((400_000, 1)))  # Lengths that no direction has.
mean = tokens_drawn.mean(0)
covariance = np.cov(tokens_drawn.T, bias=True)
units = tokens_drawn / np.linalg.norm(tokens_drawn, axis=1, keepdims=True)
unit_mean, unit_covariance = units.mean(0), np.cov(units.T, bias=True)
values, vectors = np.linalg.eigh(covariance)
values, vectors = values[::-1], vectors[:, ::-1]
kept = int(np.searchsorted(np.cumsum(values), tau * values.sum()) + 1)


def own_share(start, features, k, tokens):
    rows = directions(start, 5_000)
    seen = np.eye(d) / d if start == 0 else vectors[:, :kept] @ vectors[:, :kept].T / kept
    samples = unit_mean + rng.standard_normal((300, d)) @ np.linalg.cholesky(unit_covariance).T
    along = rows @ unit_covariance
    m, s2 = (rows @ unit_mean)[:, None], np.einsum("ij,ij->i", along, rows)[:, None]
    seen_along = along @ seen
    square = np.einsum("ij,ij->i", seen_along, along)[:, None] / s2**2
    b = rows @ samples.T - m
    cross = seen_along @ samples.T / s2
    left = np.einsum("ij,ij->i", samples @ seen, samples)[None] - 2 * b * cross + b * b * square
    mixed = cross - b * square

    def fires(c):
        a2, a1, a0 = 1 - c * c * square, m - c * c * mixed, m * m - c * c * left
        root = (-a1 + np.sqrt(np.maximum(a1 * a1 - a2 * a0, 0))) / a2
        return normal_tail(root / np.sqrt(s2)).mean(1)

    low, high = 0.0, 4.0
    for _ in range(22):
        middle = (low + high) / 2
        low, high = (middle, high) if fires(middle).mean() > k / features else (low, middle)
    assert (low * low * square < 0.9).all()  # Or a token's threshold would outgrow its product.
    return np.exp(tokens * np.log1p(-np.minimum(fires(low), 1 - 1e-16))).mean()


def normal_tail(z):
    """As tail, from a table, for many values."""
    return np.exp(np.interp(z, GRID, LOG_TAILS, left=0.0, right=-np.inf))


GRID = np.linspace(-8, 12, 20_001)
LOG_TAILS = np.log(tail(GRID))


def share(start, centred, features, k, tokens):
    if not centred:
        return own_share(start, features, k, tokens)
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
        "unit_mean": unit_mean,
        "unit_covariance": unit_covariance,
        "gamma": np.array([np.linalg.norm(mean) / np.linalg.norm(np.sqrt(np.diag(covariance)))]),
        "cases": np.array(cases, dtype=np.int64),
        "shares": np.array([share(*case) for case in cases]),
        "points": points,
        "tails": tail(points),
    },
    "src/test/resources/golden/death.safetensors",
)
