"""Writes src/test/resources/golden/compare.safetensors: matched features of two small dictionaries.

Assignments come from SciPy's exact solver, the rest from NumPy over the full matrix of pairs.

Run from the repository root: python src/test/python/compare_golden.py
"""

import numpy as np
from safetensors.numpy import save_file
from scipy.optimize import linear_sum_assignment

rng = np.random.default_rng(260612138)
d, ha, hb, k = 24, 200, 260, 6
shared = rng.standard_normal((120, d))
a = np.concatenate([shared + 0.2 * rng.standard_normal(shared.shape), rng.standard_normal((ha - 120, 5)) @ rng.standard_normal((5, d))])
b = np.concatenate([shared, rng.standard_normal((hb - 120, d))])[rng.permutation(hb)]
a[7] = 0
a, b = a.astype(np.float32), b.astype(np.float32)


def unit(x):
    norm = np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    return x / np.where(norm == 0, 1, norm)


cosines = unit(a) @ unit(b).T
positive = np.maximum(cosines, 0)
i, j = linear_sum_assignment(-positive)

unstable = positive.max(1) < 0.7
rows = unit(a)[unstable]
values = np.linalg.eigvalsh(rows.T @ rows / len(rows))[::-1]
dimension = int(np.searchsorted(np.cumsum(values), 0.99 * values.sum()) + 1)

x = rng.standard_normal((700, d)).astype(np.float32)


def fires(w):
    z = x.astype(np.float64) @ w.T.astype(np.float64)
    top = np.argsort(-z, axis=1)[:, :k]
    on = np.zeros(z.shape)
    np.put_along_axis(on, top, 1, axis=1)
    return on * (z > 0)


fa, fb = fires(a), fires(b)
both = fa.T @ fb
either = fa.sum(0)[:, None] + fb.sum(0)[None, :] - both
jaccard = both / np.where(either == 0, 1, either)
m, n = linear_sum_assignment(-jaccard)

save_file(
    {
        "a": a,
        "b": b,
        "x": x,
        "best_a": positive.max(1),
        "best_b": positive.max(0),
        "best_of_a": positive.argmax(1).astype(np.int64),
        "assigned": np.array([positive[i, j].sum(), jaccard[m, n].sum()]),
        "unstable": np.array([unstable.sum(), dimension, values.sum() ** 2 / (values**2).sum()]),
        "jaccard_a": jaccard.max(1),
        "jaccard_b": jaccard.max(0),
        "fired": np.array([(fa.sum(0) > 0).sum(), (fb.sum(0) > 0).sum()], dtype=np.int64),
    },
    "src/test/resources/golden/compare.safetensors",
)
