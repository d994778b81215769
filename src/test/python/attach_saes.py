"""Attaches dictionaries to a tiny model of TransformerLens's with random weights, as SAELens does.

Usage: python attach_saes.py FOLDER

FOLDER holds a dictionary of SAELens's format per folder. Each is attached by run_with_cache_with_saes
to the hook point that its cfg.json names; its codes have to be those of the activations that the
model has there without it. Prints each folder's name and how many features fire on average.
"""

import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import torch
from sae_lens import SAE, HookedSAETransformer
from transformer_lens import HookedTransformerConfig

torch.manual_seed(3)
model = HookedSAETransformer(HookedTransformerConfig(
    n_layers=2, d_model=6, n_ctx=16, d_head=3, n_heads=2, d_mlp=12, d_vocab=29, act_fn="gelu",
    seed=3, device="cpu",
))
tokens = torch.randint(0, 29, (2, 16))
_, plain = model.run_with_cache(tokens)
for folder in sorted(Path(sys.argv[1]).iterdir()):
    sae = SAE.load_from_disk(folder)
    hook = sae.cfg.metadata.hook_name
    _, cache = model.run_with_cache_with_saes(tokens, saes=[sae])
    codes = cache[f"{hook}.hook_sae_acts_post"]
    torch.testing.assert_close(codes, sae.encode(plain[hook]))
    assert codes.shape == (2, 16, 20), codes.shape
    print(folder.name, (codes != 0).sum(-1).float().mean().item())
