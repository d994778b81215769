"""Golden runs of low-rank sparse attention (Lorsa): PyTorch autograd and torch.optim.Adam, 20 steps.

Usage: python lorsa_golden.py <out folder>

Writes lorsa-<case>.safetensors for each case: the starting parameters, the batches (stacked,
[steps, contexts, length, width], padded on the right, with their lengths), the gradients of the
first step, the loss of every step, and the parameters after steps 1 and 20. The forward pass is
written out here from its definition, head by head, with a dense mask for what is selected.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

STEPS, CONTEXTS, LENGTH = 20, 3, 7
ADAM = dict(learningRate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8)
NAMES = ("query", "query_bias", "key", "key_bias", "value", "value_bias", "output", "output_bias")


def rotated(x, frequencies):
    """x [contexts, length, groups, headDim]: pair (i, i + n) turned by position times frequency."""
    n = len(frequencies)
    if n == 0:
        return x
    angles = torch.arange(x.shape[1])[:, None] * frequencies
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    a, b, rest = x[..., :n], x[..., n : 2 * n], x[..., 2 * n :]
    return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)


def seen(case, lengths):
    """Which keys a query sees: [contexts, length, length]."""
    query, key = torch.arange(LENGTH)[:, None], torch.arange(LENGTH)[None]
    if not case["causal"]:
        return (key < lengths[:, None, None]).expand(-1, LENGTH, -1)
    visible = key <= query
    if case["window"]:
        visible = visible & (query - key < case["window"])
    return visible.expand(len(lengths), -1, -1)


def forward(case, frequencies, p, x, lengths):
    groups, heads = case["groups"], case["heads"]
    split = (CONTEXTS, LENGTH, groups, case["headDim"])
    q = rotated((x @ p["query"].T + p["query_bias"]).reshape(split), frequencies)
    k = rotated((x @ p["key"].T + p["key_bias"]).reshape(split), frequencies)
    scores = torch.einsum("ctgr,csgr->cgts", q, k) * case["scale"]
    if case["cap"]:
        scores = case["cap"] * torch.tanh(scores / case["cap"])
    pattern = scores.masked_fill(~seen(case, lengths)[:, None], -torch.inf).softmax(-1)
    v = x @ p["value"].T + p["value_bias"]
    z = torch.stack(
        [torch.einsum("cts,cs->ct", pattern[:, h // (heads // groups)], v[..., h]) for h in range(heads)], -1
    )
    rank = z * p["output"].norm(dim=1) if case["rankByOutputNorm"] else z
    kept = torch.zeros_like(z).scatter(-1, rank.topk(case["k"], -1).indices, 1)
    return (z * kept).relu() @ p["output"] + p["output_bias"]


def run(out, name, seed, case, frequencies):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    d, m, queries = case["inputWidth"], case["outputWidth"], case["groups"] * case["headDim"]
    inputs = normal(STEPS, CONTEXTS, LENGTH, d)
    mixing = normal(d, m) * 0.4
    targets = (inputs + inputs.cumsum(2) * 0.3) @ mixing + 0.2
    lengths = torch.tensor([LENGTH, 4, 6])
    shapes = [(queries, d), (queries,), (queries, d), (queries,), (case["heads"], d), (case["heads"],)]
    shapes += [(case["heads"], m), (m,)]
    scales = [0.4, 0.1, 0.4, 0.1, 0.4, 0.1, 0.4, 0.1]
    start = {n: normal(*s) * scale for n, s, scale in zip(NAMES, shapes, scales)}
    start["output"] *= 0.5 + torch.rand(case["heads"], 1, generator=generator)
    parameters = {n: p.clone().requires_grad_() for n, p in start.items()}
    adam = torch.optim.Adam(
        parameters.values(), lr=ADAM["learningRate"], betas=(ADAM["beta1"], ADAM["beta2"]), eps=ADAM["epsilon"]
    )
    positions = torch.arange(LENGTH)
    counted = (positions >= case["from"]) & (positions < lengths[:, None])
    tensors = {f"start.{n}": p.clone() for n, p in start.items()}
    tensors |= {"inputs": inputs, "targets": targets, "lengths": lengths, "rotary": frequencies}
    losses = []
    for step in range(1, STEPS + 1):
        found = forward(case, frequencies, parameters, inputs[step - 1], lengths)
        loss = (found - targets[step - 1]).pow(2).sum(-1)[counted].mean()
        adam.zero_grad()
        loss.backward()
        if step == 1:
            tensors |= {f"gradient.{n}": p.grad.clone() for n, p in parameters.items()}
            tensors["found"] = found.detach().clone()
        adam.step()
        losses.append(loss.item())
        if step in (1, STEPS):
            tensors |= {f"after{step}.{n}": p.detach().clone() for n, p in parameters.items()}
    tensors["losses"] = torch.tensor(losses, dtype=torch.float64)
    settings = case | ADAM | {"steps": STEPS}
    save_file(tensors, out / f"lorsa-{name}.safetensors", metadata={"settings": json.dumps(settings)})
    print(name, losses[0], losses[-1])


def main():
    out = Path(sys.argv[1])
    torch.set_num_threads(1)
    common = dict(inputWidth=10, outputWidth=8, heads=12, groups=3, headDim=6, scale=0.4, k=4)
    causal = common | {"causal": True, "window": 0, "cap": 0.0, "rankByOutputNorm": False, "from": 1}
    run(out, "causal", 1, causal, torch.tensor([1.0, 0.3, 0.05]))
    limited = causal | {"window": 3, "cap": 2.0, "rankByOutputNorm": True, "from": 0}
    run(out, "window-cap-norm", 2, limited, torch.tensor([0.7, 0.2]))
    # With neither rotation nor cap a key's bias would have no effect, and its gradient be noise.
    both = common | {"causal": False, "window": 0, "cap": 3.0, "rankByOutputNorm": False, "from": 0}
    run(out, "bidirectional", 3, both, torch.tensor([]))


main()
