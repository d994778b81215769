"""A golden resampling of dead features (Bricken et al. 2023), by PyTorch.

Usage: python golden_resampling.py <out folder>

Writes resampling.safetensors: a TopK dictionary with Adam's moments and the token counts at which
its features fired last, a batch, uniform numbers, and what stands there afterwards. Each dead
feature takes the direction of an input drawn with probability proportional to the square of its
squared error: the decoder row at the mean length of living rows, the encoder row at 0.2 of theirs,
encoder bias and moments 0.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

FEATURES, WIDTH, ROWS, K, CLOCK = 14, 6, 9, 3, 100


def main():
    generator = torch.Generator().manual_seed(7)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    shapes = dict(encoder=(FEATURES, WIDTH), encoder_bias=(FEATURES,), decoder=(FEATURES, WIDTH), decoder_bias=(WIDTH,))
    state = {}
    for name, shape in shapes.items():
        state[name] = normal(*shape)
        state[name + ".first_moment"] = normal(*shape)
        state[name + ".second_moment"] = normal(*shape).square()
    last_fired = torch.randint(0, 200, (FEATURES,), generator=generator)
    batch = normal(ROWS, WIDTH) + 0.5
    dead = last_fired <= CLOCK
    uniform = torch.rand(int(dead.sum()), generator=generator, dtype=torch.float64)

    seen = batch - state["decoder_bias"]
    values = torch.relu(seen @ state["encoder"].T + state["encoder_bias"])
    codes = values * torch.zeros_like(values).scatter_(1, values.topk(K, dim=1).indices, 1.0)
    loss = (codes @ state["decoder"] + state["decoder_bias"] - batch).double().square().sum(1)
    upto = loss.square().cumsum(0)
    drawn = torch.searchsorted(upto, uniform * upto[-1], right=True)
    direction = torch.nn.functional.normalize(seen[drawn].double(), dim=1)

    after = {name: tensor.clone() for name, tensor in state.items()}
    after["decoder"][dead] = (direction * state["decoder"][~dead].double().norm(dim=1).mean()).float()
    after["encoder"][dead] = (direction * 0.2 * state["encoder"][~dead].double().norm(dim=1).mean()).float()
    after["encoder_bias"][dead] = 0
    for name in ("encoder", "encoder_bias", "decoder"):
        after[name + ".first_moment"][dead] = 0
        after[name + ".second_moment"][dead] = 0
    tensors = {"before." + n: t for n, t in state.items()} | {"after." + n: t for n, t in after.items()}
    tensors |= dict(last_fired=last_fired, batch=batch, uniform=uniform)
    save_file(tensors, Path(sys.argv[1]) / "resampling.safetensors")
    print(int(dead.sum()), "of", FEATURES, "dead; drew", drawn.tolist())


main()
