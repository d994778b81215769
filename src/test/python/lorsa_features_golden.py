"""Golden values of a Lorsa's features: codes, source positions, and what the model's heads write.

Usage: lorsa_features_golden.py MODELS OUT, where MODELS is src/test/resources/golden/model/causal

Writes OUT/lorsa-features-<checkpoint>.safetensors with a random Lorsa (its tensors by their names,
its settings as metadata) over layer 1 and, computed by transformers with hooks and by PyTorch:

  input_ids   contexts of the model, [contexts, length]
  attn_in     what the layer's attention reads, [contexts, length, width]
  attn_out    what it writes, the same
  codes       the activations that stay, [contexts, length, heads]; 0 where a head does not fire
  sources     what each position gives to each activation, [contexts, length, heads, length]
  written     what each head of the model writes along each output direction, [contexts, length,
              heads, model heads]
  constant    what biases write there: that of W_O less the Lorsa's output bias, [heads]
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

models, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
LAYER, CONTEXTS, LENGTH = 1, 4, 9
SPECS = {
    "tiny-llama": dict(heads=24, groups=8, headDim=6, scale=0.5, cap=0.0, window=0, k=3, rankByOutputNorm=False, rotaryFrequencies=[1.0, 0.125]),
    "tiny-gpt2": dict(heads=18, groups=6, headDim=5, scale=0.5, cap=2.0, window=4, k=4, rankByOutputNorm=True, rotaryFrequencies=[]),
}


def rotated(q, f):
    """q [length, groups, headDim]: pair (i, i + n) turned by position times frequency."""
    angles = torch.arange(len(q), dtype=torch.float64)[:, None, None] * f
    a, b, rest = q.split([len(f), len(f), q.shape[-1] - 2 * len(f)], -1)
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin(), rest], -1)


for name, spec in SPECS.items():
    torch.manual_seed(11)
    model = AutoModelForCausalLM.from_pretrained(models / name, dtype=torch.float64).eval()
    gpt2 = name == "tiny-gpt2"
    block = (model.transformer.h if gpt2 else model.model.layers)[LAYER]
    module = block.attn.c_proj if gpt2 else block.self_attn.o_proj
    w_o = module.weight.detach().T if gpt2 else module.weight.detach()
    d, model_heads = model.config.hidden_size, model.config.num_attention_heads
    b_o = module.bias.detach() if module.bias is not None else torch.zeros(d, dtype=torch.float64)
    seen = {}
    (block.ln_1 if gpt2 else block.input_layernorm).register_forward_hook(lambda m, i, o: seen.update(x=o))
    module.register_forward_hook(lambda m, i, o: seen.update(z=i[0], y=o))
    ids = torch.randint(3, 40, (CONTEXTS, LENGTH))
    with torch.no_grad():
        model(ids)
    # What is stored is float32.
    x, y, z = seen["x"].float().double(), seen["y"].float(), seen["z"]

    g, r, heads = spec["groups"], spec["headDim"], spec["heads"]
    shapes = dict(query=(g * r, d), query_bias=(g * r,), key=(g * r, d), key_bias=(g * r,))
    shapes |= dict(value=(heads, d), value_bias=(heads,), output=(heads, d), output_bias=(d,))
    lorsa = {n: (0.4 * torch.randn(s, dtype=torch.float64)).float() for n, s in shapes.items()}
    w = {n: p.double() for n, p in lorsa.items()}
    f = torch.tensor(spec["rotaryFrequencies"], dtype=torch.float64)
    codes, sources = [], []
    for one in x:
        query = rotated((one @ w["query"].T + w["query_bias"]).view(LENGTH, g, r), f)
        key = rotated((one @ w["key"].T + w["key_bias"]).view(LENGTH, g, r), f)
        scores = torch.einsum("tgr,sgr->gts", query, key) * spec["scale"]
        if spec["cap"]:
            scores = spec["cap"] * torch.tanh(scores / spec["cap"])
        back = torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)
        hidden = (back < 0) | (back >= (spec["window"] or LENGTH))
        pattern = scores.masked_fill(hidden, -torch.inf).softmax(-1).repeat_interleave(heads // g, 0)
        given = torch.einsum("hts,sh->ths", pattern, one @ w["value"].T)
        activation = given.sum(-1) + w["value_bias"]
        score = activation * w["output"].norm(dim=1) if spec["rankByOutputNorm"] else activation
        kept = torch.zeros_like(score).scatter(-1, score.topk(spec["k"]).indices, 1)
        codes.append((activation * kept).relu())
        sources.append(given)
    by_head = (w["output"] @ w_o).unflatten(-1, (model_heads, -1))  # [heads, model heads, head_dim]
    written = torch.einsum("ctjr,hjr->cthj", z.unflatten(-1, (model_heads, -1)), by_head)
    constant = w["output"] @ (b_o - w["output_bias"])
    whole = (y.double() - w["output_bias"]) @ w["output"].T
    assert torch.allclose(written.sum(-1) + constant, whole, atol=1e-5), name
    tensors = lorsa | {"input_ids": ids, "attn_in": x.float(), "attn_out": y}
    tensors |= {"codes": torch.stack(codes).float(), "sources": torch.stack(sources).float()}
    tensors |= {"written": written.float(), "constant": constant.float()}
    settings = spec | {"inputWidth": d, "outputWidth": d, "causal": True}
    save_file(
        {n: t.contiguous() for n, t in tensors.items()},
        out / f"lorsa-features-{name}.safetensors",
        metadata={"settings": json.dumps(settings)},
    )
