"""The loss curve of a TopK sparse autoencoder under plain PyTorch: autograd and torch.optim.Adam.

Usage: python loss_curve.py OUT.safetensors [--features 4096] [--steps 500] ...

Writes the starting parameters, the activations and the loss of every step, so that another trainer
can start from the same place and be compared. Step t takes the batch that begins at row
(t · batch) mod rows.
"""

import argparse
import json

import torch
from safetensors.torch import save_file

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("out")
parser.add_argument("--width", type=int, default=128)
parser.add_argument("--features", type=int, default=4096)
parser.add_argument("--k", type=int, default=32)
parser.add_argument("--batch", type=int, default=256)
parser.add_argument("--rows", type=int, default=16384)
parser.add_argument("--steps", type=int, default=500)
parser.add_argument("--learning-rate", type=float, default=1e-3)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--threads", type=int, default=2)
arguments = parser.parse_args()

torch.set_num_threads(arguments.threads)
generator = torch.Generator().manual_seed(arguments.seed)


def normal(*shape):
    return torch.randn(*shape, generator=generator)


width, features = arguments.width, arguments.features
spectrum = torch.exp(-torch.arange(width) / (width / 8))
basis, _ = torch.linalg.qr(normal(width, width))
x = (normal(arguments.rows, width) * spectrum @ basis.T + 0.3 * normal(width)).contiguous()
directions = normal(features, width)
directions = 0.1 * directions / directions.norm(dim=1, keepdim=True)
start = dict(
    encoder=directions, encoder_bias=torch.zeros(features), decoder=directions.clone(), decoder_bias=x.mean(0)
)
encoder, encoder_bias, decoder, decoder_bias = (p.clone().requires_grad_() for p in start.values())
adam = torch.optim.Adam([encoder, encoder_bias, decoder, decoder_bias], lr=arguments.learning_rate)
losses = []
for step in range(arguments.steps):
    first = step * arguments.batch % arguments.rows
    batch = x[first : first + arguments.batch]
    activation = torch.relu((batch - decoder_bias) @ encoder.T + encoder_bias)
    values, chosen = activation.topk(arguments.k, dim=1)
    code = torch.zeros_like(activation).scatter(1, chosen, values)
    loss = (code @ decoder + decoder_bias - batch).pow(2).sum(1).mean()
    adam.zero_grad()
    loss.backward()
    adam.step()
    losses.append(loss.item())
settings = {name.replace("learning_rate", "learningRate"): value for name, value in vars(arguments).items()}
save_file(
    {**start, "activations": x, "losses": torch.tensor(losses, dtype=torch.float64)},
    arguments.out,
    metadata={"settings": json.dumps(settings)},
)
print(losses[0], losses[-1])
