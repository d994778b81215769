"""Saves a checkpoint in safetensors as PyTorch does, in one file and in two shards with an index.

The files hold a state_dict of parameters, as older versions of transformers saved it: the head and
the embedding that are tied share their values.
Usage: pytorch_checkpoint.py MODEL OUT, which gets the folders single and sharded
"""

import json
import pathlib
import shutil
import sys

import torch
from transformers import AutoModelForCausalLM

source, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
state = AutoModelForCausalLM.from_pretrained(source, dtype="auto").state_dict()
half = len(state) // 2
shards = {
    "pytorch_model-00001-of-00002.bin": dict(list(state.items())[:half]),
    "pytorch_model-00002-of-00002.bin": dict(list(state.items())[half:]),
}
for name in ("single", "sharded"):
    folder = out / name
    folder.mkdir(parents=True)
    for file in ("config.json", "tokenizer.json"):
        shutil.copy(source / file, folder / file)
torch.save(state, out / "single" / "pytorch_model.bin")
for file, tensors in shards.items():
    torch.save(tensors, out / "sharded" / file)
index = {"metadata": {}, "weight_map": {key: file for file, tensors in shards.items() for key in tensors}}
(out / "sharded" / "pytorch_model.bin.index.json").write_text(json.dumps(index))
