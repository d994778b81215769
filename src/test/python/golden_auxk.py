"""Golden runs of AuxK (Gao et al. 2024, arXiv 2406.04093): PyTorch autograd, 20 steps.

Usage: python golden_auxk.py <out folder>

Writes training-<case>.safetensors in the form of golden_training.py. Beside TopK's loss, the AUX_K
largest of the features that have not fired for WINDOW tokens reconstruct the residual, which is
detached; a third of the features start with short encoder rows, so that they win no contest.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

STEPS, BATCH, WIDTH, FEATURES, K = 20, 16, 8, 24, 4
AUX_K, AUX_WEIGHT, WINDOW = 3, 1 / 32, 32
LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-2, 0.9, 0.999, 1e-8
NAMES = ("encoder", "encoder_bias", "decoder", "decoder_bias")


class SparseAdam:
    """Moments of every entry decay at each step; an entry moves where its gradient is not zero."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.first = [torch.zeros_like(p) for p in parameters]
        self.second = [torch.zeros_like(p) for p in parameters]
        self.step_count = 0

    @torch.no_grad()
    def step(self):
        self.step_count += 1
        for p, m, v in zip(self.parameters, self.first, self.second):
            m.mul_(BETA1).add_(p.grad, alpha=1 - BETA1)
            v.mul_(BETA2).addcmul_(p.grad, p.grad, value=1 - BETA2)
            m_hat = m / (1 - BETA1**self.step_count)
            v_hat = v / (1 - BETA2**self.step_count)
            moved = LEARNING_RATE * m_hat / (v_hat.sqrt() + EPSILON)
            p.sub_(torch.where(p.grad != 0, moved, torch.zeros_like(moved)))

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None


def largest(values, rank, k):
    chosen = rank.detach().topk(k, dim=1).indices
    return values * torch.zeros_like(values).scatter_(1, chosen, 1.0)


def run(out, case, seed, optimiser, subtract_bias, rank_by_norm):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    inputs = normal(STEPS, BATCH, WIDTH) @ normal(WIDTH, WIDTH) * 0.5 + 0.3
    decoder = normal(FEATURES, WIDTH)
    decoder = decoder / decoder.norm(dim=1, keepdim=True) * (0.5 + torch.rand(FEATURES, 1, generator=generator))
    encoder = decoder.clone()
    encoder[: FEATURES // 3] *= 0.05
    bias = normal(FEATURES) * 0.1
    bias[: FEATURES // 3] = 0.01
    start = [encoder, bias, decoder, normal(WIDTH) * 0.2]
    parameters = [p.clone().requires_grad_() for p in start]
    steps = (
        torch.optim.Adam(parameters, lr=LEARNING_RATE, betas=(BETA1, BETA2), eps=EPSILON)
        if optimiser == "adam"
        else SparseAdam(parameters)
    )
    tensors = {f"start.{n}": p.clone() for n, p in zip(NAMES, start)}
    tensors["inputs"] = inputs.contiguous()
    losses, added = [], []
    last_fired = torch.zeros(FEATURES, dtype=torch.int64)
    for step in range(1, STEPS + 1):
        x = inputs[step - 1]
        w_e, b_e, w_d, b_d = parameters
        activation = torch.relu((x - b_d if subtract_bias else x) @ w_e.T + b_e)
        rank = activation * w_d.norm(dim=1) if rank_by_norm else activation
        codes = largest(activation, rank, K)
        found = codes @ w_d + b_d
        error = (found - x).pow(2).sum(1).mean()
        tokens = step * BATCH
        last_fired[(codes > 0).any(0)] = tokens
        dead = last_fired <= tokens - WINDOW
        auxiliary = torch.zeros(())
        if dead.any():
            hidden = largest(activation * dead, rank * dead, min(AUX_K, int(dead.sum())))
            residual = (x - found).detach()
            auxiliary = AUX_WEIGHT * (hidden @ w_d - residual).pow(2).sum(1).mean()
        steps.zero_grad()
        (error + auxiliary).backward()
        steps.step()
        losses.append(error.item())
        added.append(auxiliary.item())
        if step in (1, 5, 20):
            for n, p in zip(NAMES, parameters):
                tensors[f"after{step}.{n}"] = p.detach().clone()
    tensors["losses"] = torch.tensor(losses, dtype=torch.float64)
    tensors["added"] = torch.tensor(added, dtype=torch.float64)
    settings = dict(
        optimiser=optimiser, subtractDecoderBias=subtract_bias, rankByDecoderNorm=rank_by_norm,
        inputWidth=WIDTH, outputWidth=WIDTH, features=FEATURES, k=K, steps=STEPS, batch=BATCH,
        auxK=AUX_K, auxWeight=AUX_WEIGHT, auxWindow=WINDOW, selection="topk", penalty=0,
        learningRate=LEARNING_RATE, beta1=BETA1, beta2=BETA2, epsilon=EPSILON,
    )
    save_file(tensors, out / f"training-{case}.safetensors", metadata={"settings": json.dumps(settings)})
    print(case, losses[0], losses[-1], added, int(dead.sum()))


def main():
    out = Path(sys.argv[1])
    torch.set_num_threads(1)
    run(out, "adam-auxk", 101, "adam", True, False)
    run(out, "sparse-adam-auxk", 102, "sparse-adam", False, True)


main()
