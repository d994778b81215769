"""Golden values of what a feature's rows do in a model, for each tiny checkpoint of causal_golden.py.

Usage: effects_golden.py MODELS OUT [NAME...], where MODELS is src/test/resources/golden/model/causal
and names choose some of the checkpoints

Writes OUT/<checkpoint>.safetensors with random rows and, computed by transformers with hooks:

  direct.<point>         rows [features, width] that are added to a hook point
  direct_logits.<point>  what they add to the logits on the direct path, [features, vocabulary]: the
                         norms that follow the point and the head, whose division is left out
  sources.<kind>         encoder rows [features, width] of attn_out and z of layer 1
  sources_bias.<kind>    their pre-activation of the biases alone, [features]
  sources_values.<kind>  what each source position gives to each pre-activation, split by head,
                         [features, length, heads, length]
  activations.<kind>     the pre-activations from the hook, [features, length]
  input_ids              the text, [length]
"""

import pathlib
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM

models, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)
LAYER, FEATURES = 1, 2
TEXT = [0, 11, 12, 13, 9, 3, 5, 4, 7, 3, 6, 28]


class Parts:
    """Where transformers keeps the parts of a layer."""

    def __init__(self, model):
        self.kind, self.config = model.config.model_type, model.config
        if self.kind == "gpt2":
            self.layers, self.norm = model.transformer.h, model.transformer.ln_f
        elif self.kind == "gpt_neox":
            self.layers, self.norm = model.gpt_neox.layers, model.gpt_neox.final_layer_norm
        else:
            self.layers, self.norm = model.model.layers, model.model.norm
        self.head = model.get_output_embeddings().weight.detach()
        self.heads = self.config.num_attention_heads

    def output(self, layer):
        """The module of W_O, its weight as [d_model, heads * head_dim], and its bias or None."""
        if self.kind == "gpt2":
            module = self.layers[layer].attn.c_proj
            return module, module.weight.detach().T, module.bias.detach()
        block = self.layers[layer]
        module = block.attention.dense if self.kind == "gpt_neox" else block.self_attn.o_proj
        return module, module.weight.detach(), None if module.bias is None else module.bias.detach()

    def values(self, layer, seen):
        """The values of every head, [heads, length, head_dim], from what a projection has returned."""
        if self.kind == "gpt2":
            v = seen[0].chunk(3, -1)[2]
            return v.unflatten(-1, (self.heads, -1)).transpose(0, 1)
        if self.kind == "gpt_neox":
            return seen[0].unflatten(-1, (self.heads, 3, -1))[:, :, 2].transpose(0, 1)
        groups = self.config.num_key_value_heads
        if self.kind == "phi3":
            width = self.config.hidden_size // self.heads * groups
            seen = seen[..., -width:]
        v = seen[0].unflatten(-1, (groups, -1)).transpose(0, 1)
        return v.repeat_interleave(self.heads // groups, 0)

    def value_module(self, layer):
        block = self.layers[layer]
        if self.kind == "gpt2":
            return block.attn.c_attn
        if self.kind == "phi3":
            return block.self_attn.qkv_proj
        return block.attention.query_key_value if self.kind == "gpt_neox" else block.self_attn.v_proj


def without_division(norm, x):
    """A norm's linear part: its weight and, of a LayerNorm, the mean."""
    weight = norm.weight.detach()
    if isinstance(norm, torch.nn.LayerNorm):
        return (x - x.mean(-1, keepdim=True)) * weight
    if "Gemma" in type(norm).__name__:
        weight = 1 + weight
    return x * weight


for folder in sorted(models.iterdir()):
    if not (folder / "config.json").exists() or folder.name == "tiny-falcon":
        continue
    if sys.argv[3:] and folder.name not in sys.argv[3:]:
        continue
    torch.manual_seed(7)
    plain = dict(dtype=torch.float64, attn_implementation="eager", experts_implementation="eager")
    model = AutoModelForCausalLM.from_pretrained(folder, **plain).eval()
    parts = Parts(model)
    d = model.config.hidden_size
    module, w_o, b_o = parts.output(LAYER)
    result = {"input_ids": np.array(TEXT, np.int64)}

    block = parts.layers[LAYER]
    normed = parts.kind in ("gemma2", "gemma3_text", "olmo2")
    after = {
        "attn_out": block.post_attention_layernorm if normed else None,
        "mlp_out": block.post_feedforward_layernorm if normed else None,
        "resid": None,
    }
    after["z"] = after["attn_out"]
    for point, norm in after.items():
        rows = torch.randn(FEATURES, w_o.shape[1] if point == "z" else d, dtype=torch.float64)
        written = rows @ w_o.T if point == "z" else rows
        if norm is not None:
            written = without_division(norm, written)
        logits = without_division(parts.norm, written) @ parts.head.T
        result[f"direct.{point}"], result[f"direct_logits.{point}"] = rows, logits

    seen = {}
    hooks = [
        parts.value_module(LAYER).register_forward_hook(lambda m, i, o: seen.update(value=o)),
        module.register_forward_hook(lambda m, i, o: seen.update(z=i[0], attn_out=o)),
    ]
    with torch.no_grad():
        pattern = model(torch.tensor([TEXT]), output_attentions=True).attentions[LAYER][0]
    values = parts.values(LAYER, seen["value"])
    for kind in ("attn_out", "z"):
        rows = torch.randn(FEATURES, w_o.shape[1] if kind == "z" else d, dtype=torch.float64)
        onto = (rows if kind == "z" else rows @ w_o).unflatten(-1, (parts.heads, -1))
        bias = rows @ b_o if kind == "attn_out" and b_o is not None else torch.zeros(FEATURES, dtype=torch.float64)
        shares = torch.einsum("hts,hsr,fhr->fths", pattern, values, onto)
        activations = (seen[kind][0] @ rows.T).T
        assert torch.allclose(shares.sum((2, 3)) + bias[:, None], activations, atol=1e-9), folder.name
        result |= {f"sources.{kind}": rows, f"sources_bias.{kind}": bias}
        result |= {f"sources_values.{kind}": shares, f"activations.{kind}": activations}
    for hook in hooks:
        hook.remove()
    arrays = {k: np.ascontiguousarray(v.numpy().astype(np.float32) if torch.is_tensor(v) else v) for k, v in result.items()}
    save_file(arrays, out / f"{folder.name}.safetensors")
