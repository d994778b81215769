"""Writes src/test/resources/golden/geometry.safetensors: NumPy's float64 answers for the geometry.

Run from the repository root: python src/test/python/geometry_golden.py
"""

import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(20250823)

# Activations of low effective rank: spectra fall over four decades, and the means are large.
n, d = 700, 37
scales = np.logspace(0, -2, d)
mixing, _ = np.linalg.qr(rng.standard_normal((d, d)))
rows = ((rng.standard_normal((n, d)) * scales) @ mixing + 5 * rng.standard_normal(d)).astype(np.float32)

x = rows.astype(np.float64)
mean = x.mean(0)
centred = x - mean
covariance = centred.T @ centred / n
values, vectors = np.linalg.eigh(covariance)
values = values[::-1].copy()
taus = np.array([0.5, 0.9, 0.99, 0.999])
dimension = np.array([int(np.searchsorted(np.cumsum(values), t * values.sum()) + 1) for t in taus])
sigma = np.linalg.svd(centred, compute_uv=False)
p = sigma / sigma.sum()
measures = np.array(
    [
        np.exp(-(p * np.log(p)).sum()),
        values.sum() ** 2 / (values**2).sum(),
        values.sum() / values[0],
        values.sum(),
    ]
)
k = 9
top = vectors[:, ::-1][:, :k]
projected = mean + centred @ top @ top.T

# An output projection of five heads, the second inside a space that the first shares in part.
heads, d_head = 5, 6
w = rng.standard_normal((heads * d_head, d)) @ np.diag(np.linspace(1, 0.05, d))
w[d_head : d_head + 3] = rng.standard_normal((3, d_head)) @ w[:d_head]
w = w.astype(np.float32)
w64 = w.astype(np.float64)
bases = []
head_sigma = []
for i in range(heads):
    u, s, vt = np.linalg.svd(w64[i * d_head : (i + 1) * d_head], full_matrices=False)
    bases.append(vt)
    head_sigma.append(s)
overlap = np.array(
    [[(np.linalg.svd(a @ b.T, compute_uv=False) ** 2).mean() for b in bases] for a in bases]
)

save_file(
    {
        "rows": rows,
        "mean": mean,
        "covariance": covariance,
        "eigenvalues": values,
        "taus": taus,
        "dimension": dimension.astype(np.int64),
        "measures": measures,
        "projected": projected[:20].copy(),
        "w_o": w,
        "w_o_singular": np.linalg.svd(w64, compute_uv=False),
        "head_singular": np.array(head_sigma),
        "overlap": overlap,
    },
    "src/test/resources/golden/geometry.safetensors",
)
