"""Writes src/test/resources/golden/features.safetensors: a small store, a TopK dictionary, and what
NumPy computes of its features: densities, means, histograms, norms, similar features, contexts.

All values lie on a grid on which float32 sums are exact, so that activations are equal and ties are
real. Run from the repository root: python src/test/python/features_golden.py
"""

import numpy as np
from safetensors.numpy import save_file

ROWS, WIDTH, FEATURES, K = 700, 14, 90, 6
TOP, LOWER, QUANTILES, BEFORE, AFTER = 5, 7, 5, 6, 3
FIRST_POSITION, WINDOW = 1, 150
FIRST, STEP, BINS = -4.0, 0.25, 32
STARTS = [0, 130, 131, 400]  # Documents; contexts of 50 tokens begin anew in each.

rng = np.random.default_rng(15)


def grid(shape, step, most):
    return (rng.integers(-most, most + 1, shape) * step).astype(np.float32)


x = grid((ROWS, WIDTH), 1 / 8, 24)
x[:, 9:] /= 256  # Directions with hardly any variance.
encoder = grid((FEATURES, WIDTH), 1 / 8, 8)
encoder_bias = grid(FEATURES, 1 / 4, 6)
# Equal features: of two, the lower index stays.
encoder[::9], encoder_bias[::9] = encoder[1::9], encoder_bias[1::9]
encoder_bias[7] = -1000  # A feature that never fires.
decoder = grid((FEATURES, WIDTH), 1 / 4, 9)
decoder[30] = decoder[31]
decoder_bias = np.zeros(WIDTH, np.float32)
tokens = rng.integers(0, 50, ROWS).astype(np.int32)
documents = np.zeros(ROWS, np.int32)
positions = np.zeros(ROWS, np.int32)
for number, (start, end) in enumerate(zip(STARTS, STARTS[1:] + [ROWS])):
    documents[start:end] = number
    positions[start:end] = np.arange(end - start) % 50

# Codes: after ReLU the k largest of each token; tokens at position 0 are not read.
read = np.flatnonzero(positions >= FIRST_POSITION)
pre = np.maximum(x.astype(np.float64) @ encoder.astype(np.float64).T + encoder_bias, 0)
codes = np.zeros((ROWS, FEATURES))
for row in read:
    kept = np.argsort(-pre[row], kind="stable")[:K]
    codes[row, kept] = pre[row, kept]

count = (codes > 0).sum(0)
total = codes.sum(0)
mean = np.divide(total, count, out=np.zeros(FEATURES), where=count > 0)
histogram = np.zeros((FEATURES, BINS), np.int32)
for feature in range(FEATURES):
    values = codes[:, feature][codes[:, feature] > 0]
    bins = np.clip(np.floor((np.log10(values) - FIRST) / STEP), 0, BINS - 1).astype(int)
    np.add.at(histogram[feature], bins, 1)
dead = ~(codes[read[-WINDOW:]] > 0).any(0)

norm = np.linalg.norm
e, w = encoder.astype(np.float64), decoder.astype(np.float64)
unit = w / norm(w, axis=1, keepdims=True)
between = unit @ unit.T
similar = np.zeros((FEATURES, 5), np.int32)
similar_cosine = np.zeros((FEATURES, 5))
for feature in range(FEATURES):
    others = between[feature].copy()
    others[feature] = -2
    similar[feature] = np.argsort(-others, kind="stable")[:5]
    similar_cosine[feature] = others[similar[feature]]

# The active subspace: the directions of 99 % of the variance of the tokens that were read.
variances, vectors = np.linalg.eigh(np.cov(x[read].astype(np.float64).T, bias=True))
variances, vectors = variances[::-1], vectors[:, ::-1]
k = int(np.searchsorted(np.cumsum(variances), 0.99 * variances.sum()) + 1)
assert 3 < k < WIDTH and np.cumsum(variances)[k - 1] > 0.991 * variances.sum(), k
active_share = ((w @ vectors[:, :k]) ** 2).sum(1) / (w**2).sum(1)

columns = {
    name: []
    for name in "feature kind rank row document position activation first length".split()
}
context_tokens, context_activations = [], []


def add(feature, kind, rank, row):
    document = documents[row]
    start = STARTS[document]
    end = (STARTS + [ROWS])[document + 1]
    first, last = max(start, row - BEFORE), min(end, row + AFTER + 1)
    for name, value in [
        ("feature", feature),
        ("kind", kind),
        ("rank", rank),
        ("row", row),
        ("document", document),
        ("position", row - start),
        ("activation", codes[row, feature]),
        ("first", first - start),
        ("length", last - first),
    ]:
        columns[name].append(value)
    context_tokens.extend(tokens[first:last])
    context_activations.extend(codes[first:last, feature])


for feature in range(FEATURES):
    fires = np.flatnonzero(codes[:, feature] > 0)
    order = fires[np.lexsort((fires, -codes[fires, feature]))]
    for rank, row in enumerate(order[:TOP]):
        add(feature, 0, rank, row)
    below = order[TOP:]
    drawn = min(LOWER, len(below))
    ranks = {}
    for j in range(drawn):
        kind = 1 + j * min(QUANTILES, drawn) // drawn
        rank = ranks[kind] = ranks.get(kind, -1) + 1
        add(feature, kind, rank, below[(2 * j + 1) * len(below) // (2 * drawn)])

assert (codes.astype(np.float32) == codes).all(), "activations are exact in float32"
save_file(
    {
        "activations": x,
        "tokens": tokens,
        "documents": documents,
        "positions": positions,
        "encoder": encoder,
        "encoder_bias": encoder_bias,
        "decoder": decoder,
        "decoder_bias": decoder_bias,
        "count": count.astype(np.int32),
        "mean": mean,
        "max": codes.max(0),
        "histogram": histogram,
        "encoder_norm": norm(e, axis=1),
        "decoder_norm": norm(w, axis=1),
        "cosine": (e * w).sum(1) / (norm(e, axis=1) * norm(w, axis=1)),
        "active_share": active_share,
        "similar": similar,
        "similar_cosine": similar_cosine,
        "dead": dead.astype(np.int32),
        "context_tokens": np.array(context_tokens, np.int32),
        "context_activations": np.array(context_activations, np.float64),
        **{
            "context_" + name: np.array(values, np.float64 if name == "activation" else np.int32)
            for name, values in columns.items()
        },
    },
    "src/test/resources/golden/features.safetensors",
)
