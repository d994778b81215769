"""Makes tiny language models as GGUF files, and what transformers computes with them.

The files are arranged as llama.cpp's own converter arranges them. What is expected comes from the
very file, loaded by transformers, which undoes that arrangement by itself; only GPT-NeoX, Gemma and
OLMo 2, which it does not load from GGUF, are run from the weights that were written (not quantised).
Usage: gguf_models.py OUT TEXT [NAME...], where names choose some of the architectures
"""

import json
import pathlib
import sys

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM
from transformers.models.gemma import GemmaConfig, GemmaForCausalLM
from transformers.models.gemma2 import Gemma2Config, Gemma2ForCausalLM
from transformers.models.gemma3 import Gemma3ForCausalLM, Gemma3TextConfig
from transformers.models.gpt2 import GPT2Config, GPT2LMHeadModel
from transformers.models.gpt_neox import GPTNeoXConfig, GPTNeoXForCausalLM
from transformers.models.llama import LlamaConfig, LlamaForCausalLM
from transformers.models.olmo2 import Olmo2Config, Olmo2ForCausalLM
from transformers.models.qwen2 import Qwen2Config, Qwen2ForCausalLM
from transformers.models.qwen3 import Qwen3Config, Qwen3ForCausalLM
from transformers.models.starcoder2 import Starcoder2Config, Starcoder2ForCausalLM

out, novel = map(pathlib.Path, sys.argv[1:3])
out.mkdir(parents=True, exist_ok=True)

COLUMNS = 10  # of logits and each hook point, to keep the files small
HEADS, KEY_VALUE_HEADS = 4, 2
BLOCKS = [Type.Q4_1, Type.Q8_0, Type.Q5_0, Type.Q5_1, Type.Q4_0, Type.F16, Type.BF16, Type.F32]

trained = Tokenizer(models.BPE())
trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
trained.train_from_iterator(
    [novel.read_text()[:20_000]],
    trainers.BpeTrainer(
        vocab_size=288, special_tokens=["<s>", "</s>"], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    ),
)
vocabulary = [token for token, _ in sorted(trained.get_vocab().items(), key=lambda item: item[1])]
merges = [" ".join(pair) for pair in json.loads(trained.to_str())["model"]["merges"]]

SIZES = dict(vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=HEADS)
SIZES |= dict(intermediate_size=64, max_position_embeddings=64, initializer_range=0.3)
SIZES |= dict(bos_token_id=0, eos_token_id=1, pad_token_id=None)
ROPE = {"rope_type": "default", "rope_theta": 500.0}
TEXTS = [[0, 70, 81, 270, 9, 3, 250, 4, 287, 32, 64, 28, 31, 20, 122, 29], [0, 23, 150, 30, 2, 9, 40], [0, 4, 9]]

WINDOWS = ["sliding_attention", "full_attention"]
UNLOADED = ("gptneox", "gemma", "olmo2")

LLAMA = ("model.layers", "self_attn.o_proj", "mlp.down_proj")
MODELS = {
    "llama": (LlamaForCausalLM(LlamaConfig(**SIZES, num_key_value_heads=KEY_VALUE_HEADS, rope_parameters=ROPE)), LLAMA),
    "qwen2": (
        Qwen2ForCausalLM(
            Qwen2Config(**SIZES, num_key_value_heads=KEY_VALUE_HEADS, tie_word_embeddings=True, rope_parameters=ROPE)
        ),
        LLAMA,
    ),
    "qwen3": (
        Qwen3ForCausalLM(
            Qwen3Config(**SIZES, num_key_value_heads=KEY_VALUE_HEADS, head_dim=8, rope_parameters=ROPE)
        ),
        LLAMA,
    ),
    "gemma2": (
        Gemma2ForCausalLM(
            Gemma2Config(
                **SIZES, num_key_value_heads=KEY_VALUE_HEADS, head_dim=16, sliding_window=4, query_pre_attn_scalar=16,
                rope_parameters=ROPE,
            )
        ),
        LLAMA,
    ),
    "gemma": (
        GemmaForCausalLM(
            GemmaConfig(**SIZES, num_key_value_heads=KEY_VALUE_HEADS, head_dim=16, rope_parameters=ROPE)
        ),
        LLAMA,
    ),
    "gemma3": (
        Gemma3ForCausalLM(
            Gemma3TextConfig(
                **SIZES, num_key_value_heads=KEY_VALUE_HEADS, head_dim=16, sliding_window=4, query_pre_attn_scalar=16,
                layer_types=WINDOWS,
            )
        ),
        LLAMA,
    ),
    "olmo2": (
        Olmo2ForCausalLM(Olmo2Config(**SIZES, num_key_value_heads=KEY_VALUE_HEADS, rope_parameters=ROPE)),
        LLAMA,
    ),
    "starcoder2": (
        Starcoder2ForCausalLM(
            Starcoder2Config(**SIZES, num_key_value_heads=KEY_VALUE_HEADS, rope_parameters=ROPE)
        ),
        ("model.layers", "self_attn.o_proj", "mlp.c_proj"),
    ),
    "gpt2": (
        GPT2LMHeadModel(
            GPT2Config(
                vocab_size=len(vocabulary), n_embd=32, n_layer=2, n_head=HEADS, n_positions=64, initializer_range=0.3,
                bos_token_id=0, eos_token_id=1,
            )
        ),
        ("transformer.h", "attn.c_proj", "mlp.c_proj"),
    ),
    "gptneox": (
        GPTNeoXForCausalLM(
            GPTNeoXConfig(
                **SIZES, use_parallel_residual=True,
                rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5},
            )
        ),
        ("gpt_neox.layers", "attention.dense", "mlp.dense_4h_to_h"),
    ),
}


def interleaved(weight, heads):
    """What the converter does to Llama's queries and keys."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.swapaxes(1, 2).reshape(weight.shape)


def arranged(architecture, name, weight):
    if architecture == "llama" and ".q_proj." in name:
        return interleaved(weight, HEADS)
    if architecture == "llama" and ".k_proj." in name:
        return interleaved(weight, KEY_VALUE_HEADS)
    if architecture.startswith("gemma") and name.endswith("norm.weight"):
        return weight + 1
    if architecture == "gpt2" and ".c_" in name and name.endswith(".weight"):
        return np.ascontiguousarray(weight.T)
    if architecture == "gptneox" and ".query_key_value." in name:
        heads = weight.reshape(HEADS, 3, -1, *weight.shape[1:])
        return np.ascontiguousarray(heads.swapaxes(0, 1)).reshape(weight.shape)
    return weight


def write(architecture, model, path):
    config = model.config
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("tiny")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_feed_forward_length(64 if architecture != "gpt2" else 128)
    writer.add_head_count(HEADS)
    if architecture in ("gpt2", "gptneox"):
        writer.add_layer_norm_eps(1e-5)
    else:
        writer.add_head_count_kv(KEY_VALUE_HEADS)
        if architecture == "starcoder2":
            writer.add_layer_norm_eps(config.norm_epsilon)
        else:
            writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_freq_base(500.0 if architecture != "gemma2" else 10000.0)
    if architecture == "llama":
        writer.add_rope_dimension_count(8)
    if architecture == "gptneox":
        writer.add_rope_dimension_count(4)
        writer.add_parallel_residual(True)
    if architecture in ("qwen3", "gemma", "gemma2", "gemma3"):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if architecture == "gemma2":
        writer.add_sliding_window(4)
        writer.add_attn_logit_softcapping(50.0)
        writer.add_final_logit_softcapping(30.0)
    if architecture == "gemma3":
        writer.add_sliding_window(4)
        writer.add_sliding_window_pattern(2)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(vocabulary)
    writer.add_token_merges(merges)
    writer.add_token_types([3, 3] + [1] * (len(vocabulary) - 2))
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(architecture in ("llama", "gemma", "gemma2", "gemma3"))
    names = gguf.get_tensor_name_map(
        next(a for a, n in gguf.MODEL_ARCH_NAMES.items() if n == architecture), config.num_hidden_layers
    )
    state = model.state_dict()
    tied = config.tie_word_embeddings
    for i, (name, tensor) in enumerate(state.items()):
        if name in ("lm_head.weight", "embed_out.weight") and tied or name.endswith((".attn.bias", ".masked_bias")):
            continue
        weight = arranged(architecture, name, tensor.numpy())
        kind = BLOCKS[i % len(BLOCKS)] if weight.ndim == 2 and architecture not in UNLOADED else Type.F32
        if architecture in ("gemma", "olmo2") and weight.ndim == 2:
            kind = Type.F16  # as it was rounded
        writer.add_tensor(
            names.get_name(name, try_suffixes=(".weight", ".bias")), gguf.quantize(weight, kind), raw_dtype=kind
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def module(model, name):
    for part in name.split("."):
        model = getattr(model, part)
    return model


def expected(architecture, model, parts):
    seen = {}
    layers, attention, mlp = parts
    for i, layer in enumerate(module(model, layers)):
        at = f"layers.{i}."
        module(layer, attention).register_forward_pre_hook(lambda _, args, at=at: seen.update({at + "z": args[0]}))
        module(layer, attention).register_forward_hook(lambda _, a, o, at=at: seen.update({at + "attn_out": o}))
        module(layer, mlp).register_forward_hook(lambda _, a, o, at=at: seen.update({at + "mlp_out": o}))
        layer.register_forward_hook(
            lambda _, a, o, at=at: seen.update({at + "resid": o[0] if isinstance(o, tuple) else o})
        )
    ids = torch.zeros(len(TEXTS), max(map(len, TEXTS)), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(TEXTS):
        ids[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = 1
    with torch.no_grad():
        seen["logits"] = model(ids, attention_mask=mask).logits
    tensors = {"input_ids": ids.numpy(), "attention_mask": mask.numpy()}
    tensors |= {name: np.ascontiguousarray(value[..., :COLUMNS].numpy()) for name, value in seen.items()}
    save_file(tensors, out / f"{architecture}.safetensors")


torch.manual_seed(0)
for architecture, (model, parts) in MODELS.items():
    if sys.argv[3:] and architecture not in sys.argv[3:]:
        continue
    if architecture == "gemma2":  # transformers takes no rope base from Gemma's files
        model.config.rope_parameters = {"rope_type": "default", "rope_theta": 10000.0}
    for parameter in model.parameters():  # biases and norms start at 0 and 1, which would hide mistakes
        parameter.data += 0.1 * torch.randn_like(parameter)
        if architecture in ("gemma", "olmo2") and parameter.ndim == 2:
            parameter.data = parameter.data.half().float()
    path = out / f"{architecture}.gguf"
    write(architecture, model.eval(), path)
    if architecture not in UNLOADED:
        unread = {"qwen3": {"head_dim": 8}, "gpt2": {"n_positions": 64}}  # though in the file
        unread |= {"gemma3": {"layer_types": WINDOWS}, "starcoder2": {"rope_parameters": ROPE}}
        model = AutoModelForCausalLM.from_pretrained(
            out, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager",
            **unread.get(architecture, {}),
        ).eval()
        if architecture in ("gemma2", "gemma3"):  # not in the file, but what llama.cpp takes
            for layer in model.model.layers:
                layer.self_attn.scaling = 16**-0.5
    expected(architecture, model, parts)
    print(architecture, flush=True)
