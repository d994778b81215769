"""A golden run of low-rank sparse attention by Llamascopium's own class, in the form of lorsa_golden.py.

Usage: python lorsa_llamascopium.py <out folder>

Its LowRankSparseAttention computes, PyTorch differentiates, torch.optim.Adam moves. Writes
lorsa-llamascopium.safetensors. Needs llamascopium (--no-deps will do), einops, jaxtyping and
transformer-lens.
"""

import json
import os
import sys
import types
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import save_file

STEPS, CONTEXTS, LENGTH, FROM = 20, 3, 7, 1
ADAM = dict(learningRate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8)


def module():
    """The class alone: the package itself would import databases and servers."""
    root = find_spec("llamascopium").submodule_search_locations[0]
    for name in ("", "models", "backend"):
        part = types.ModuleType(".".join(filter(None, ["llamascopium", name])))
        part.__path__ = [os.path.join(root, name)]
        sys.modules[part.__name__] = part
    model = types.ModuleType("llamascopium.backend.language_model")
    model.LanguageModelConfig = object
    sys.modules[model.__name__] = model
    from llamascopium.models import lorsa

    return lorsa


def parameters(lorsa):
    """Its parameters under our names, and how each is laid out for us."""
    rows = lambda w: w.permute(0, 2, 1).flatten(0, 1)  # [groups, d, headDim] -> [groups * headDim, d]
    same = lambda w: w
    return {
        "query": (lorsa.W_Q, rows), "query_bias": (lorsa.b_Q, torch.flatten),
        "key": (lorsa.W_K, rows), "key_bias": (lorsa.b_K, torch.flatten),
        "value": (lorsa.W_V, same), "value_bias": (lorsa.b_V, same),
        "output": (lorsa.W_O, same), "output_bias": (lorsa.b_D, same),
    }  # fmt: skip


def main():
    out = Path(sys.argv[1])
    torch.set_num_threads(1)
    torch.manual_seed(4)
    lib = module()
    cfg = lib.LorsaConfig(
        hook_point_in="in", hook_point_out="out", d_model=8, expansion_factor=2, n_qk_heads=4, d_qk_head=6,
        rotary_dim=6, rotary_base=100, rotary_adjacent_pairs=False, n_ctx=LENGTH, attn_scale=2.0,
        act_fn="topk", top_k=5, dtype=torch.float32, device="cpu", sparsity_include_decoder_norm=True,
    )
    lorsa = lib.LowRankSparseAttention(cfg)
    named = parameters(lorsa)
    for name, (p, _) in named.items():
        p.data = torch.randn_like(p) * (0.1 if name.endswith("bias") else 0.4)
    inputs = torch.randn(STEPS, CONTEXTS, LENGTH, 8)
    targets = (inputs + inputs.cumsum(2) * 0.3) @ (torch.randn(8, 8) * 0.4) + 0.2
    frequencies = 1 / 100 ** (torch.arange(0, 6, 2).float() / 6)

    def keep(prefix, grad=False):
        return {
            f"{prefix}.{n}": layout(p.grad if grad else p.detach()).contiguous().clone()
            for n, (p, layout) in named.items()
        }

    tensors = keep("start") | {"inputs": inputs, "targets": targets, "rotary": frequencies}
    tensors["lengths"] = torch.full((CONTEXTS,), LENGTH)
    adam = torch.optim.Adam(
        [p for p, _ in named.values()], lr=ADAM["learningRate"], betas=(ADAM["beta1"], ADAM["beta2"]),
        eps=ADAM["epsilon"],
    )
    losses = []
    for step in range(1, STEPS + 1):
        found = lorsa.decode(lorsa.encode(inputs[step - 1]))
        loss = (found - targets[step - 1])[:, FROM:].pow(2).sum(-1).mean()
        adam.zero_grad()
        loss.backward()
        if step == 1:
            tensors |= keep("gradient", grad=True) | {"found": found.detach().clone()}
        adam.step()
        losses.append(loss.item())
        if step in (1, STEPS):
            tensors |= keep(f"after{step}")
    tensors["losses"] = torch.tensor(losses, dtype=torch.float64)
    settings = dict(
        inputWidth=8, outputWidth=8, heads=16, groups=4, headDim=6, scale=0.5, k=5, causal=True, window=0, cap=0.0,
        rankByOutputNorm=True, steps=STEPS,
    ) | ADAM | {"from": FROM}
    save_file(tensors, out / "lorsa-llamascopium.safetensors", metadata={"settings": json.dumps(settings)})
    print("llamascopium", losses[0], losses[-1])


main()
