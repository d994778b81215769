"""What transformers computes at the hook points of heads, for the checkpoints of causal_golden.py and
model_golden.py: q and k before and after the rotation by position, v, and the attention pattern of one
layer; and what comes out where one of them is replaced.

Every architecture calls the functions of its module that rotate queries and keys and that attend: they
are wrapped here.
Usage: heads_golden.py GOLDEN_MODEL_FOLDER [NAME...]
"""

import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

golden = pathlib.Path(sys.argv[1])
COLUMNS = 10  # of each hook point, to keep the files small
KINDS = ("q_pre_rope", "k_pre_rope", "q", "k", "v")
REPLACED = 1  # the layer
FACTOR = 0.5  # at all tokens but the first


def side_by_side(heads):
    """[batch, heads, length, width] as [batch, length, heads * width]."""
    return heads.transpose(1, 2).flatten(2)


class Probe:
    """Wraps the functions of a model's module; keep(point, value) may return what takes the value's place."""

    def __init__(self, model, keep):
        self.module = sys.modules[type(model).__module__]
        self.keep = keep
        self.rotations = 0
        self.attentions = 0
        self.pattern = None

    def heads(self, layer, kind, heads):
        value = self.keep(f"layers.{layer}.{kind}", side_by_side(heads))
        if value is None:
            return heads
        return value.unflatten(2, (heads.shape[1], -1)).transpose(1, 2)

    def rotate(self, queries, keys, *args, **kwargs):
        layer, self.rotations = self.rotations, self.rotations + 1
        queries = self.heads(layer, "q_pre_rope", queries)
        keys = self.heads(layer, "k_pre_rope", keys)
        queries, keys = self.plain_rotate(queries, keys, *args, **kwargs)
        return self.heads(layer, "q", queries), self.heads(layer, "k", keys)

    def attend(self, module, queries, keys, values, *args, **kwargs):
        layer, self.attentions = self.attentions, self.attentions + 1
        if self.rotations == 0:
            for kind in ("q_pre_rope", "q"):
                queries = self.heads(layer, kind, queries)
            for kind in ("k_pre_rope", "k"):
                keys = self.heads(layer, kind, keys)
        values = self.heads(layer, "v", values)
        output, pattern = self.plain_attend(module, queries, keys, values, *args, **kwargs)
        if layer == REPLACED:
            self.pattern = pattern
        return output, pattern

    def split(self, module, joined):
        """Falcon's own way to queries, keys and values, [batch, length, heads, width]."""
        layer, self.attentions = self.attentions, self.attentions + 1
        queries, keys, values = self.plain_split(module, joined)
        return queries, keys, self.heads(layer, "v", values.transpose(1, 2)).transpose(1, 2)

    def __enter__(self):
        self.plain_rotate = getattr(self.module, "apply_rotary_pos_emb", None)
        self.plain_attend = getattr(self.module, "eager_attention_forward", None)
        if self.plain_rotate:
            self.module.apply_rotary_pos_emb = self.rotate
        if self.plain_attend:
            self.module.eager_attention_forward = self.attend
        else:
            self.plain_split = self.module.FalconAttention._split_heads
            self.module.FalconAttention._split_heads = lambda module, joined: self.split(module, joined)
        return self

    def __exit__(self, *_):
        if self.plain_rotate:
            self.module.apply_rotary_pos_emb = self.plain_rotate
        if self.plain_attend:
            self.module.eager_attention_forward = self.plain_attend
        else:
            self.module.FalconAttention._split_heads = self.plain_split


def loss(result, ids, mask):
    taken = torch.log_softmax(result.logits[:, :-1].double(), -1).gather(2, ids[:, 1:, None])[..., 0]
    return float(-taken[mask[:, 1:] > 0].mean())


def heads(name, folder, file):
    config = AutoConfig.from_pretrained(folder)
    encoder = "Causal" not in (config.architectures or ["Causal"])[0] and "LMHead" not in config.architectures[0]
    kind = AutoModel if encoder else AutoModelForCausalLM
    plain = dict(dtype=torch.float32, attn_implementation="eager", experts_implementation="eager")
    model = kind.from_pretrained(folder, **plain).eval()
    known = load_file(file)
    ids, mask = torch.from_numpy(known["input_ids"]), torch.from_numpy(known["attention_mask"])

    def run(keep):
        with Probe(model, keep) as probe, torch.no_grad():
            return model(ids, attention_mask=mask), probe

    seen = {}
    _, probe = run(lambda point, value: seen.update({point: value.clone()}))
    assert len(seen) == len(KINDS) * config.num_hidden_layers, (name, sorted(seen))
    tensors = {"input_ids": known["input_ids"], "attention_mask": known["attention_mask"]}
    tensors |= {point: np.ascontiguousarray(value[..., :COLUMNS].numpy()) for point, value in seen.items()}
    if probe.pattern is not None:
        tensors[f"layers.{REPLACED}.pattern"] = np.ascontiguousarray(probe.pattern.numpy())
    metadata = {}
    scale = torch.full((1, ids.shape[1], 1), FACTOR)
    scale[:, 0] = 1
    for kind in KINDS:
        replaced = f"layers.{REPLACED}.{kind}"
        result, _ = run(lambda at, value: value * scale if at == replaced else None)
        if encoder:
            tensors[f"{replaced}.hidden"] = result.last_hidden_state.numpy().copy()
        else:
            metadata[f"{replaced}.loss"] = repr(loss(result, ids, mask))
    save_file(tensors, file.with_name(f"{name}-heads.safetensors"), metadata=metadata)
    print(name, {k: f"{float(v):.5f}" for k, v in metadata.items()}, "encoder" if encoder else "")


for folder in sorted([*golden.glob("tiny-*/"), *golden.glob("causal/tiny-*/")]):
    file = folder.with_name(f"{folder.name}.safetensors")
    if file.is_file() and (folder / "config.json").is_file() and (len(sys.argv) < 3 or folder.name in sys.argv[2:]):
        heads(folder.name, folder, file)
