"""What transformers computes with a GGUF model: hook points, loss and greedy text for given ids.

Usage: real_model.py MODEL.gguf IDS.json CONTEXT OUT.safetensors

IDS.json: a list of ids; it is cut into contexts of CONTEXT. Hook points are kept for the first one.
"""

import json
import pathlib
import sys

import torch
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM
from transformers.models.llama import modeling_llama

model, ids, context, out = sys.argv[1:]
path = pathlib.Path(model)
torch.set_num_threads(2)
model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
ids = torch.tensor(json.loads(pathlib.Path(ids).read_text()))
contexts = ids[: len(ids) // int(context) * int(context)].reshape(-1, int(context))

seen, handles = {}, []
rotate = modeling_llama.apply_rotary_pos_emb
rotations = 0


def heads(value):
    """[batch, heads, length, width] as [batch, length, heads * width]."""
    return value.transpose(1, 2).flatten(2)


def observed_rotation(queries, keys, *args, **kwargs):
    global rotations
    at, rotations = f"layers.{rotations}.", rotations + 1
    rotated = rotate(queries, keys, *args, **kwargs)
    seen.update({at + "q_pre_rope": heads(queries), at + "k_pre_rope": heads(keys)})
    seen.update({at + "q": heads(rotated[0]), at + "k": heads(rotated[1])})
    return rotated


modeling_llama.apply_rotary_pos_emb = observed_rotation
for i, layer in enumerate(model.model.layers):
    at = f"layers.{i}."
    handles += [
        layer.input_layernorm.register_forward_hook(lambda _, a, o, at=at: seen.update({at + "attn_in": o})),
        layer.self_attn.v_proj.register_forward_hook(lambda _, a, o, at=at: seen.update({at + "v": o})),
        layer.self_attn.o_proj.register_forward_pre_hook(lambda _, a, at=at: seen.update({at + "z": a[0]})),
        layer.self_attn.o_proj.register_forward_hook(lambda _, a, o, at=at: seen.update({at + "attn_out": o})),
        layer.register_forward_pre_hook(lambda _, a, at=at: seen.update({at + "resid_in": a[0]})),
        layer.post_attention_layernorm.register_forward_pre_hook(
            lambda _, a, at=at: seen.update({at + "resid_mid": a[0]})
        ),
        layer.mlp.register_forward_pre_hook(lambda _, a, at=at: seen.update({at + "mlp_in": a[0]})),
        layer.mlp.down_proj.register_forward_pre_hook(lambda _, a, at=at: seen.update({at + "mlp_act": a[0]})),
        layer.mlp.register_forward_hook(lambda _, a, o, at=at: seen.update({at + "mlp_out": o})),
        layer.register_forward_hook(
            lambda _, a, o, at=at: seen.update({at + "resid": o[0] if isinstance(o, tuple) else o})
        ),
    ]
with torch.no_grad():
    model(contexts[:1])
    modeling_llama.apply_rotary_pos_emb = rotate
    for handle in handles:
        handle.remove()
    total, count = 0.0, 0
    for one in contexts:
        logits = model(one[None]).logits[0, :-1].double()
        total -= torch.log_softmax(logits, -1).gather(1, one[1:, None]).sum().item()
        count += len(one) - 1
    greedy = model.generate(
        contexts[:1, :24], attention_mask=torch.ones(1, 24, dtype=torch.long), do_sample=False, max_new_tokens=24
    )
tensors = {name: value[0].numpy().copy() for name, value in seen.items()}
tensors["greedy"] = greedy[0].numpy().copy()
save_file(tensors, out, metadata={"loss": repr(total / count)})
