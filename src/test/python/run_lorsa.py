"""Runs a Lorsa that Sluice trained, without Sluice: the program in docs/lorsa.md.

Usage: run_lorsa.py FOLDER INPUT.safetensors OUT.safetensors

INPUT has "x", what attention reads of one context, [length, inputWidth]; OUT gets "output".
"""

import json
import sys

import torch
from safetensors.torch import load_file, save_file

folder, given, out = sys.argv[1:]
c, w = json.load(open(f"{folder}/lorsa.json")), load_file(f"{folder}/lorsa.safetensors")


def activations(x):
    """The activations of all heads on one context, before selection: [length, heads]."""
    n, g, r = len(x), c["groups"], c["headDim"]
    f = torch.tensor(c.get("rotaryFrequencies", []))
    angles = torch.arange(n)[:, None, None] * f

    def rotated(q):
        a, b, rest = q.split([len(f), len(f), r - 2 * len(f)], -1)
        return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin(), rest], -1)

    query = rotated((x @ w["query"].T + w["query_bias"]).view(n, g, r))
    key = rotated((x @ w["key"].T + w["key_bias"]).view(n, g, r))
    scores = torch.einsum("tgr,sgr->gts", query, key) * c["scale"]
    if c["cap"]:
        scores = c["cap"] * torch.tanh(scores / c["cap"])
    back = torch.arange(n)[:, None] - torch.arange(n)  # how far before the query a key is
    hidden = (back < 0) & c["causal"] | (back >= (c["window"] or n))
    pattern = scores.masked_fill(hidden, -torch.inf).softmax(-1)
    value = (x @ w["value"].T + w["value_bias"]).view(n, g, -1)
    return torch.einsum("gts,sgh->tgh", pattern, value).reshape(n, -1)


z = activations(load_file(given)["x"])
score = z * w["output"].norm(dim=1) if c["rankByOutputNorm"] else z
kept = score.topk(c["k"]).indices
codes = torch.zeros_like(z).scatter(-1, kept, z.gather(-1, kept).relu())
output = codes @ w["output"] + w["output_bias"]
save_file({"output": output.contiguous()}, out)
