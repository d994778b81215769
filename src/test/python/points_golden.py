"""What transformers computes at the hook points inside a layer, for the checkpoints of causal_golden.py,
model_golden.py and encoder_golden.py: resid_in, resid_mid, mlp_in, mlp_act; and what comes out where one is replaced.

Where a module reads or writes a hook point, a hook of PyTorch is there. The residual stream between
attention and MLP is no module's: it is the layer's input plus what attention adds, and is replaced by
changing that.
Usage: points_golden.py GOLDEN_MODEL_FOLDER [NAME...], where names choose some of the checkpoints
"""

import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoModel, AutoModelForCausalLM

golden = pathlib.Path(sys.argv[1])
COLUMNS = 10  # of each hook point, to keep the files small
KINDS = ("resid_in", "resid_mid", "mlp_in", "mlp_act")
REPLACED = 1  # the layer
FACTOR = 0.5  # at all tokens but the first


def module(model, name):
    for part in name.split("."):
        model = getattr(model, part)
    return model


def has(model, name):
    try:
        return module(model, name) is not None
    except AttributeError:
        return False


#: The layers, and by layer what attention adds to the stream, the MLP, and its last projection.
LLAMA = ("model.layers", "self_attn.o_proj", "mlp", "mlp.down_proj")
NORMED = ("model.layers", "post_attention_layernorm", "mlp", "mlp.down_proj")
PARTS = {
    "tiny-gpt2": ("transformer.h", "attn.c_proj", "mlp", "mlp.c_proj"),
    "tiny-neox": ("gpt_neox.layers", "attention.dense", "mlp", "mlp.dense_4h_to_h"),
    "tiny-neox-sequential": ("gpt_neox.layers", "attention.dense", "mlp", "mlp.dense_4h_to_h"),
    "tiny-llama": LLAMA,
    "tiny-mistral": LLAMA,
    "tiny-qwen2": LLAMA,
    "tiny-qwen3": LLAMA,
    "tiny-gemma2": NORMED,
    "tiny-gemma": LLAMA,
    "tiny-starcoder2": ("model.layers", "self_attn.o_proj", "mlp", "mlp.c_proj"),
    "tiny-olmo2": NORMED,
    "tiny-gemma3": NORMED,
    "tiny-phi3": LLAMA,
    "tiny-mixtral": LLAMA,
    "tiny-qwen2-moe": LLAMA,
    "tiny-qwen3-moe": LLAMA,
    "tiny-falcon": ("transformer.h", "self_attention.dense", "mlp", "mlp.dense_4h_to_h"),
    "tiny-bert": ("encoder.layer", "attention.output.LayerNorm", "intermediate", "output.dense"),
    "tiny-roberta": ("encoder.layer", "attention.output.LayerNorm", "intermediate", "output.dense"),
    "tiny-modernbert": ("layers", "attn.Wo", "mlp", "mlp.Wo"),
}
ENCODERS = {"tiny-bert": {"add_pooling_layer": False}, "tiny-roberta": {"add_pooling_layer": False}, "tiny-modernbert": {}}


def hooked(model, name, keep):
    """Calls keep(point, value) for each hook point; its result, if any, takes the value's place."""
    layers, added, mlp, down = PARTS[name]

    def first(args, kwargs):
        return args[0] if args else kwargs["hidden_states"]

    def reads(point, inputs=None):
        def hook(_, args, kwargs):
            value = keep(point, first(args, kwargs))
            if inputs is not None:
                inputs[0] = first(args, kwargs) if value is None else value
            if value is None:
                return None
            return ((value, *args[1:]), kwargs) if args else ((), kwargs | {"hidden_states": value})

        return hook

    def adds(point, inputs):
        def hook(_, args, output):
            if added.endswith("LayerNorm"):  # the norm after the sum: its output is the stream
                return keep(point, output)
            middle = inputs[0] + output
            value = keep(point, middle)
            return None if value is None else output + (value - middle)

        return hook

    handles = []
    for i, layer in enumerate(module(model, layers)):
        at, inputs = f"layers.{i}.", [None]
        handles.append(layer.register_forward_pre_hook(reads(at + "resid_in", inputs), with_kwargs=True))
        handles.append(module(layer, added).register_forward_hook(adds(at + "resid_mid", inputs)))
        handles.append(module(layer, mlp).register_forward_pre_hook(reads(at + "mlp_in"), with_kwargs=True))
        if has(layer, down):  # a mixture of experts has no hidden layer that is one tensor
            handles.append(module(layer, down).register_forward_pre_hook(reads(at + "mlp_act"), with_kwargs=True))
    return handles


def run(model, name, ids, mask, keep):
    handles = hooked(model, name, keep)
    with torch.no_grad():
        result = model(ids, attention_mask=mask)
    for handle in handles:
        handle.remove()
    return result


def loss(result, ids, mask):
    taken = torch.log_softmax(result.logits[:, :-1].double(), -1).gather(2, ids[:, 1:, None])[..., 0]
    return float(-taken[mask[:, 1:] > 0].mean())


def points(name, folder, file):
    encoder = name in ENCODERS
    kind = AutoModel if encoder else AutoModelForCausalLM
    options = dict(attn_implementation="eager", experts_implementation="eager") | ENCODERS.get(name, {})
    model = kind.from_pretrained(folder, dtype=torch.float32, **options).eval()
    known = load_file(file)
    ids, mask = torch.from_numpy(known["input_ids"]), torch.from_numpy(known["attention_mask"])
    seen = {}
    run(model, name, ids, mask, lambda point, value: seen.update({point: value.clone()}))
    tensors = {"input_ids": known["input_ids"], "attention_mask": known["attention_mask"]}
    tensors |= {point: np.ascontiguousarray(value[..., :COLUMNS].numpy()) for point, value in seen.items()}
    metadata = {}
    scale = torch.full((1, ids.shape[1], 1), FACTOR)
    scale[:, 0] = 1
    for kind in KINDS:
        replaced = f"layers.{REPLACED}.{kind}"
        if replaced not in seen:
            continue
        result = run(model, name, ids, mask, lambda at, value: value * scale if at == replaced else None)
        if encoder:
            tensors[f"{replaced}.hidden"] = result.last_hidden_state.numpy().copy()
        else:
            metadata[f"{replaced}.loss"] = repr(loss(result, ids, mask))
    save_file(tensors, file.with_name(f"{name}-points.safetensors"), metadata=metadata)
    print(name, {k: f"{float(v):.5f}" for k, v in metadata.items()})


for name in sys.argv[2:] or PARTS:
    place = golden if name in ENCODERS else golden / "causal"
    points(name, place / name, place / f"{name}.safetensors")
