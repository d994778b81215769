"""An encoder's product in bfloat16 as PyTorch's autocast computes it.

Usage: python golden_precision.py <out folder>

Writes bfloat16-product.safetensors: tokens, an encoder and its bias, a decoder and its bias, and the
activations linear(x - b_dec, encoder, bias) under torch.autocast("cpu", torch.bfloat16), widened.
"""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

ROWS, WIDTH, FEATURES = 16, 24, 96


def main():
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(16)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    tensors = {
        "inputs": normal(ROWS, WIDTH) + 0.2,
        "encoder": normal(FEATURES, WIDTH) * 0.4,
        "encoder_bias": normal(FEATURES) * 0.3,
        "decoder": normal(FEATURES, WIDTH) * 0.4,
        "decoder_bias": normal(WIDTH) * 0.2,
    }
    with torch.autocast("cpu", torch.bfloat16):
        product = F.linear(
            tensors["inputs"] - tensors["decoder_bias"], tensors["encoder"], tensors["encoder_bias"]
        )
    assert product.dtype == torch.bfloat16
    tensors["activations"] = product.float()
    save_file(tensors, Path(sys.argv[1]) / "bfloat16-product.safetensors")
    exact = F.linear(
        tensors["inputs"] - tensors["decoder_bias"], tensors["encoder"], tensors["encoder_bias"]
    )
    print("largest difference from float32:", (product.float() - exact).abs().max().item())


main()
