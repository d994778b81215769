"""Losses of tiny GPT-2 by transformers, with several activations replaced at once.

Usage: python replaced_losses.py MODEL GOLDEN CROSSCODER CROSS_LAYER [DICTIONARY] ...
Prints the loss of the model as it is, that with a crosscoder's reconstructions (made of what the
model as it is computes), and that with a cross-layer transcoder's outputs (made of what the very
pass computes), and that with each further dictionary. Nothing is replaced at the first token of a text. All dictionaries have ReLU.
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import load_file
from transformers.models.gpt2 import GPT2LMHeadModel

model_folder, golden, crosscoder, cross_layer, *others = map(pathlib.Path, sys.argv[1:])
model = GPT2LMHeadModel.from_pretrained(
    model_folder, dtype=torch.float32, attn_implementation="eager"
).eval()
tensors = load_file(golden)
ids, mask = tensors["input_ids"], tensors["attention_mask"]


def place(point):
    _, layer, kind = point.split(".")
    block = model.transformer.h[int(layer)]
    return {"attn_out": block.attn.c_proj, "mlp_out": block.mlp.c_proj, "resid": block}[kind]


@torch.no_grad()
def loss(hooks):
    """Each hook is a point and a function of its value, whose result, if any, takes its place."""

    def hooked(change):
        def hook(_, args, output):
            value = output[0] if isinstance(output, tuple) else output
            new = change(value)
            if new is None:
                return None
            new = torch.cat([value[:, :1], new[:, 1:]], 1)
            return (new, *output[1:]) if isinstance(output, tuple) else new

        return hook

    handles = [place(point).register_forward_hook(hooked(change)) for point, change in hooks]
    logits = model(ids, attention_mask=mask).logits.double()
    for handle in handles:
        handle.remove()
    taken = torch.log_softmax(logits[:, :-1], -1).gather(2, ids[:, 1:, None])[..., 0]
    return float(-taken[mask[:, 1:] > 0].mean())


def load(folder):
    config = json.loads((folder / "dictionary.json").read_text())
    w = load_file(folder / "dictionary.safetensors")
    sites = config.get("sites") or [{"hook": config["outputHook"], "width": config["outputWidth"]}]
    widths = [site["width"] for site in sites]

    norm = config.get("tokenNorm", {})

    def run(x):
        mean, factor, divisor = 0, 1, 1
        if norm.get("type") == "layer_norm":
            mean = x.mean(-1, keepdim=True)
            factor = (x - mean).std(-1, keepdim=True)
            divisor = factor + 1e-5
        elif norm:
            factor = divisor = x.norm(dim=-1, keepdim=True) / x.shape[-1] ** 0.5
        codes = torch.relu((x - mean) / divisor @ w["encoder"].T + w["encoder_bias"])
        made = codes @ w["decoder"] + w["decoder_bias"]
        if norm.get("undone"):
            made = made * factor + mean
        return dict(zip(points, made.split(widths, -1)))

    points = [site["hook"] for site in sites]
    return config["inputHook"], points, run


_, points, run = load(crosscoder)
seen = {}
print(loss([(point, lambda value, at=point: seen.update({at: value.clone()})) for point in points]))
made = run(torch.cat([seen[point] for point in points], -1))
print(loss([(point, lambda value, at=point: made[at]) for point in points]))

sums, hooks = {}, []
layers = [load(path) for path in sorted(cross_layer.glob("layer-*"))]
for point in layers[0][1]:
    hooks.append((point, lambda value, at=point: sums[at]))
for point, _, run in layers:

    def read(value, run=run):
        for at, part in run(value).items():
            sums[at] = sums.get(at, 0) + part

    hooks.append((point, read))
print(loss(hooks))

for folder in others:
    point, (output,), run = load(folder)
    if point == output:
        print(loss([(point, lambda value: run(value)[output])]))
    else:
        made = {}
        print(loss([
            (point, lambda value: made.update(run(value))), (output, lambda value: made[output]),
        ]))
