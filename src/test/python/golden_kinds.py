"""Golden runs of dictionaries of other kinds: PyTorch autograd, 20 steps.

Usage: python golden_kinds.py <out folder> [<case> ...]

Writes kind-<case>.safetensors for each case: starting parameters, batches stacked as [steps, batch,
width], the loss of every step, and the parameters after steps 1, 5 and 20. Adam is torch.optim.Adam,
SparseAdam that of golden_training.py (here the skip connection and the decoder biases move by Adam).

skip        a skip transcoder: W_skip starts at 0
crosscoder  three sites side by side; ranks and penalty take the sum of the norms per site
crosslayer  three layers; features of layer l read input l and write outputs l and above
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

STEPS, BATCH, K = 20, 16, 4
PENALTY = 0.3
LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-2, 0.9, 0.999, 1e-8


class Adam:
    """Adam; of the tensors whose name is in `sparse` only entries with a gradient move."""

    def __init__(self, parameters, sparse):
        self.parameters, self.sparse, self.count = parameters, sparse, 0
        self.first = {n: torch.zeros_like(p) for n, p in parameters.items()}
        self.second = {n: torch.zeros_like(p) for n, p in parameters.items()}

    @torch.no_grad()
    def step(self):
        self.count += 1
        for name, p in self.parameters.items():
            m, v = self.first[name], self.second[name]
            m.mul_(BETA1).add_(p.grad, alpha=1 - BETA1)
            v.mul_(BETA2).addcmul_(p.grad, p.grad, value=1 - BETA2)
            m_hat = m / (1 - BETA1**self.count)
            v_hat = v / (1 - BETA2**self.count)
            moved = LEARNING_RATE * m_hat / (v_hat.sqrt() + EPSILON)
            p.sub_(torch.where(p.grad != 0, moved, torch.zeros_like(moved)) if name in self.sparse else moved)
            p.grad = None


def largest(rank, k):
    return torch.zeros_like(rank).scatter_(1, rank.detach().topk(k, dim=1).indices, 1.0)


def train(out, case, start, inputs, targets, forward, settings, optimiser, shared):
    parameters = {n: p.clone().requires_grad_() for n, p in start.items()}
    if optimiser == "adam":
        adam = torch.optim.Adam(parameters.values(), lr=LEARNING_RATE, betas=(BETA1, BETA2), eps=EPSILON)
    else:
        adam = Adam(parameters, [n for n in parameters if n not in shared])
    tensors = {f"start.{n}": p.clone() for n, p in start.items()}
    tensors["inputs"] = inputs.contiguous()
    if targets is not inputs:
        tensors["targets"] = targets.contiguous()
    losses = []
    for step in range(1, STEPS + 1):
        found, penalty = forward(parameters, inputs[step - 1])
        loss = (found - targets[step - 1]).pow(2).sum(1).mean() + PENALTY * penalty
        if optimiser == "adam":
            adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
        if step in (1, 5, 20):
            for n, p in parameters.items():
                tensors[f"after{step}.{n}"] = p.detach().clone()
    tensors["losses"] = torch.tensor(losses, dtype=torch.float64)
    settings = dict(
        settings, optimiser=optimiser, steps=STEPS, batch=BATCH, k=K, learningRate=LEARNING_RATE,
        beta1=BETA1, beta2=BETA2, epsilon=EPSILON, penalty=PENALTY,
    )
    save_file(tensors, out / f"kind-{case}.safetensors", metadata={"settings": json.dumps(settings)})
    print(case, losses[0], losses[-1])


def skip(out, case, seed, optimiser):
    g = torch.Generator().manual_seed(seed)
    width_in, width_out, features = 8, 6, 24
    inputs = torch.randn(STEPS, BATCH, width_in, generator=g) @ torch.randn(width_in, width_in, generator=g) * 0.5
    targets = torch.relu(inputs @ torch.randn(width_in, width_out, generator=g)) * 0.4 + 0.3
    start = {
        "encoder": torch.randn(features, width_in, generator=g) * 0.3,
        "encoder_bias": torch.randn(features, generator=g) * 0.1,
        "decoder": torch.randn(features, width_out, generator=g) * 0.3,
        "decoder_bias": torch.randn(width_out, generator=g) * 0.2,
        "skip": torch.zeros(width_out, width_in),
    }

    def forward(p, x):
        f = torch.relu(x @ p["encoder"].T + p["encoder_bias"])
        return (f * largest(f, K)) @ p["decoder"] + p["decoder_bias"] + x @ p["skip"].T, 0.0

    settings = dict(inputWidth=width_in, outputWidth=width_out, features=features)
    train(out, case, start, inputs, targets, forward, settings, optimiser, ("decoder_bias", "skip"))


def crosscoder(out, case, seed, optimiser, selection, centred):
    g = torch.Generator().manual_seed(seed)
    sites, features = (3, 5, 4), 24
    width = sum(sites)
    inputs = torch.randn(STEPS, BATCH, width, generator=g) @ torch.randn(width, width, generator=g) * 0.4 + 0.2
    decoder = torch.randn(features, width, generator=g) * torch.rand(features, 1, generator=g)
    start = {
        "encoder": decoder.clone(),
        "encoder_bias": torch.randn(features, generator=g) * 0.1,
        "decoder": decoder,
        "decoder_bias": torch.randn(width, generator=g) * 0.2,
    }

    def forward(p, x):
        seen = x - p["decoder_bias"] if centred else x
        f = torch.relu(seen @ p["encoder"].T + p["encoder_bias"])
        norms = sum(part.norm(dim=1) for part in p["decoder"].split(sites, dim=1))
        if selection == "relu":
            return f @ p["decoder"] + p["decoder_bias"], (f * norms).sum(1).mean()
        return (f * largest(f * norms, K)) @ p["decoder"] + p["decoder_bias"], 0.0

    settings = dict(
        inputWidth=width, outputWidth=width, features=features, sites=sites, selection=selection,
        subtractDecoderBias=centred,
    )
    train(out, case, start, inputs, inputs, forward, settings, optimiser, ("decoder_bias",))


def crosslayer(out, case, seed, optimiser, by_norm=False):
    g = torch.Generator().manual_seed(seed)
    reads, writes, features = (5, 4, 6), (3, 5, 4), 12
    inputs = torch.randn(STEPS, BATCH, sum(reads), generator=g) * 0.8 + 0.1
    targets = torch.relu(inputs @ torch.randn(sum(reads), sum(writes), generator=g)) * 0.4 - 0.3
    start = {"decoder_bias": torch.randn(sum(writes), generator=g) * 0.2}
    for layer, width in enumerate(reads):
        start[f"{layer}.encoder"] = torch.randn(features, width, generator=g) * 0.4
        start[f"{layer}.encoder_bias"] = torch.randn(features, generator=g) * 0.1
        start[f"{layer}.decoder"] = torch.randn(features, sum(writes[layer:]), generator=g) * 0.3

    def forward(p, x):
        found = p["decoder_bias"].expand(len(x), -1)
        for layer, part in enumerate(x.split(reads, dim=1)):
            f = torch.relu(part @ p[f"{layer}.encoder"].T + p[f"{layer}.encoder_bias"])
            decoder = p[f"{layer}.decoder"]
            rank = f
            if by_norm:
                rank = f * sum(part.norm(dim=1) for part in decoder.split(writes[layer:], dim=1))
            written = (f * largest(rank, K)) @ decoder
            below = torch.zeros(len(x), sum(writes[:layer]))
            found = found + torch.cat([below, written], dim=1)
        return found, 0.0

    settings = dict(reads=reads, writes=writes, features=features, rankByDecoderNorm=by_norm)
    train(out, case, start, inputs, targets, forward, settings, optimiser, ("decoder_bias",))


def main():
    out = Path(sys.argv[1])
    torch.set_num_threads(1)
    cases = {
        "skip-adam": lambda case: skip(out, case, 1, "adam"),
        "skip-sparse-adam": lambda case: skip(out, case, 2, "sparse-adam"),
        "crosscoder-adam": lambda case: crosscoder(out, case, 3, "adam", "topk", True),
        "crosscoder-sparse-adam": lambda case: crosscoder(out, case, 4, "sparse-adam", "topk", False),
        "crosscoder-adam-relu": lambda case: crosscoder(out, case, 5, "adam", "relu", False),
        "crosscoder-sparse-adam-relu": lambda case: crosscoder(out, case, 6, "sparse-adam", "relu", True),
        "crosslayer-adam": lambda case: crosslayer(out, case, 7, "adam"),
        "crosslayer-sparse-adam": lambda case: crosslayer(out, case, 8, "sparse-adam", True),
    }
    for case, run in cases.items():
        if not sys.argv[2:] or case in sys.argv[2:]:
            run(case)


main()
