"""The codes of some vectors by PyTorch: `encode_dictionary.py FOLDER VECTORS.f32 K` prints, for
each vector, its features in ascending order and their values."""

import json
import sys

import numpy
import torch
from safetensors.torch import load_file

folder, vectors, k = sys.argv[1], sys.argv[2], int(sys.argv[3])
config = json.load(open(f"{folder}/dictionary.json"))
w = load_file(f"{folder}/dictionary.safetensors")
x = torch.from_numpy(numpy.fromfile(vectors, dtype="<f4").reshape(-1, config["inputWidth"]))
x = x.double()
if config["subtractDecoderBias"]:
    x = x - w["decoder_bias"].double()
pre = torch.relu(x @ w["encoder"].double().T + w["encoder_bias"].double())
rank = pre * w["decoder"].double().norm(dim=1) if config["rankByDecoderNorm"] else pre
top = rank.topk(k).indices.sort(dim=1).values
for features, values in zip(top.tolist(), pre.gather(1, top).tolist()):
    print(" ".join(f"{f}:{v!r}" for f, v in zip(features, values) if v > 0))
