"""Makes the golden files of the causal language models: what transformers computes.

For each architecture a tiny random checkpoint, and beside it the logits, the hook points and a
greedily generated text. Settings are not the usual ones, so that a default does not hide a mistake:
windows shorter than the texts, scaled rotary positions, heads of another width than d / heads.
Usage: causal_golden.py OUT [NAME...], where names choose some of the checkpoints
"""

import json
import pathlib
import shutil
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers.models.falcon import FalconConfig, FalconForCausalLM
from transformers.models.gemma import GemmaConfig, GemmaForCausalLM
from transformers.models.gemma2 import Gemma2Config, Gemma2ForCausalLM
from transformers.models.gemma3 import Gemma3ForCausalLM, Gemma3TextConfig
from transformers.models.gpt2 import GPT2Config, GPT2LMHeadModel
from transformers.models.gpt_neox import GPTNeoXConfig, GPTNeoXForCausalLM
from transformers.models.llama import LlamaConfig, LlamaForCausalLM
from transformers.models.mistral import MistralConfig, MistralForCausalLM
from transformers.models.mixtral import MixtralConfig, MixtralForCausalLM
from transformers.models.olmo2 import Olmo2Config, Olmo2ForCausalLM
from transformers.models.phi3 import Phi3Config, Phi3ForCausalLM
from transformers.models.qwen2 import Qwen2Config, Qwen2ForCausalLM
from transformers.models.qwen2_moe import Qwen2MoeConfig, Qwen2MoeForCausalLM
from transformers.models.qwen3 import Qwen3Config, Qwen3ForCausalLM
from transformers.models.qwen3_moe import Qwen3MoeConfig, Qwen3MoeForCausalLM
from transformers.models.starcoder2 import Starcoder2Config, Starcoder2ForCausalLM

out = pathlib.Path(sys.argv[1])

WORDS = ["<s>", "</s>", "<unk>", "the", "whale", "white", "sea", "of", "a", ".", ",", "call", "me"]
WORDS += ["ishmael", "ship", "sail", "and", "on", "to", "in", "that", "his", "it", "i", "he", "but"]
WORDS += ["with", "as", "is", "was", "for", "all", "this", "at", "by", "not", "from", "him", "so"]
VOCABULARY = 48
COLUMNS = 10  # of each hook point, to keep the files small
TEXTS = [[0, 11, 12, 13, 9, 3, 5, 4, 7, 3, 6, 28, 31, 20, 22, 29], [0, 23, 15, 3, 6, 9, 40, 47, 2], [0, 4, 9]]

SIZES = dict(vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=3, num_attention_heads=4)
SIZES |= dict(intermediate_size=28, max_position_embeddings=64, initializer_range=0.3)
SIZES |= dict(bos_token_id=0, eos_token_id=1, pad_token_id=None)

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LLAMA3 |= {"original_max_position_embeddings": 32, "rope_theta": 100.0}

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 10.0}
LONGROPE = {"rope_type": "longrope", "short_factor": [1.0, 1.5], "long_factor": [2.0, 4.0]}
LONGROPE |= {"rope_theta": 100.0, "partial_rotary_factor": 0.67}


def checkpoints():
    """Name, model, type in the file, whether texts begin with <s>, parts of a layer by hook point."""
    llama = ("model.layers", "self_attn.o_proj", "mlp.down_proj")
    yield (
        "tiny-gpt2",
        GPT2LMHeadModel(
            GPT2Config(
                vocab_size=VOCABULARY, n_embd=24, n_layer=3, n_head=4, n_inner=28, n_positions=64,
                initializer_range=0.3, bos_token_id=0, eos_token_id=1,
            )
        ),
        torch.float32,
        False,
        ("transformer.h", "attn.c_proj", "mlp.c_proj"),
    )
    for name, parallel in (("tiny-neox", True), ("tiny-neox-sequential", False)):
        yield (
            name,
            GPTNeoXForCausalLM(
                GPTNeoXConfig(
                    **SIZES, use_parallel_residual=parallel,
                    rope_parameters={"rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.67},
                )
            ),
            torch.float16,
            False,
            ("gpt_neox.layers", "attention.dense", "mlp.dense_4h_to_h"),
        )
    yield (
        "tiny-llama",
        LlamaForCausalLM(LlamaConfig(**SIZES, num_key_value_heads=2, head_dim=8, rope_parameters=LLAMA3)),
        torch.float32,
        True,
        llama,
    )
    yield (
        "tiny-mistral",
        MistralForCausalLM(MistralConfig(**SIZES, num_key_value_heads=2, sliding_window=5)),
        torch.bfloat16,
        True,
        llama,
    )
    yield (
        "tiny-qwen2",
        Qwen2ForCausalLM(
            Qwen2Config(
                **SIZES, num_key_value_heads=1, use_sliding_window=True, sliding_window=4, max_window_layers=1,
                tie_word_embeddings=True,
                rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1000.0},
            )
        ),
        torch.bfloat16,
        False,
        llama,
    )
    yield (
        "tiny-qwen3",
        Qwen3ForCausalLM(Qwen3Config(**SIZES, num_key_value_heads=2, head_dim=10)),
        torch.bfloat16,
        False,
        llama,
    )
    yield (
        "tiny-gemma2",
        Gemma2ForCausalLM(
            Gemma2Config(
                **SIZES, num_key_value_heads=2, head_dim=8, sliding_window=4, query_pre_attn_scalar=12,
                attn_logit_softcapping=3.0, final_logit_softcapping=5.0,
            )
        ),
        torch.bfloat16,
        True,
        llama,
    )
    yield (
        "tiny-gemma",
        GemmaForCausalLM(GemmaConfig(**SIZES, num_key_value_heads=1, head_dim=8)),
        torch.bfloat16,
        True,
        llama,
    )
    yield (
        "tiny-starcoder2",
        Starcoder2ForCausalLM(
            Starcoder2Config(**SIZES, num_key_value_heads=2, sliding_window=5, rope_parameters=YARN)
        ),
        torch.bfloat16,
        False,
        ("model.layers", "self_attn.o_proj", "mlp.c_proj"),
    )
    yield (
        "tiny-olmo2",
        Olmo2ForCausalLM(
            Olmo2Config(
                **SIZES, num_key_value_heads=2,
                rope_parameters={"rope_type": "default", "rope_theta": 500.0},
            )
        ),
        torch.bfloat16,
        False,
        llama,
    )
    yield (
        "tiny-gemma3",
        Gemma3ForCausalLM(
            Gemma3TextConfig(
                **SIZES, num_key_value_heads=2, head_dim=8, sliding_window=4, query_pre_attn_scalar=12,
                layer_types=["sliding_attention", "full_attention", "sliding_attention"],
                rope_parameters={
                    "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
                    "full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1000.0},
                },
            )
        ),
        torch.bfloat16,
        True,
        llama,
    )
    yield (
        "tiny-phi3",
        Phi3ForCausalLM(
            Phi3Config(
                **SIZES | dict(max_position_embeddings=128), num_key_value_heads=2, sliding_window=5,
                original_max_position_embeddings=64, rope_parameters=LONGROPE,
            )
        ),
        torch.bfloat16,
        True,
        llama,
    )
    yield (
        "tiny-mixtral",
        MixtralForCausalLM(
            MixtralConfig(**SIZES, num_key_value_heads=2, sliding_window=6, num_local_experts=5, num_experts_per_tok=2)
        ),
        torch.bfloat16,
        True,
        ("model.layers", "self_attn.o_proj", "mlp"),
    )
    yield (
        "tiny-qwen2-moe",
        Qwen2MoeForCausalLM(
            Qwen2MoeConfig(
                **SIZES, num_key_value_heads=2, num_experts=6, num_experts_per_tok=3, moe_intermediate_size=10,
                shared_expert_intermediate_size=14, norm_topk_prob=False, mlp_only_layers=[1],
                use_sliding_window=True, sliding_window=5, max_window_layers=2,
            )
        ),
        torch.bfloat16,
        False,
        ("model.layers", "self_attn.o_proj", "mlp"),
    )
    yield (
        "tiny-qwen3-moe",
        Qwen3MoeForCausalLM(
            Qwen3MoeConfig(
                **SIZES, num_key_value_heads=2, head_dim=10, num_experts=7, num_experts_per_tok=3,
                moe_intermediate_size=10, norm_topk_prob=True, decoder_sparse_step=2,
                use_sliding_window=True, sliding_window=7,
            )
        ),
        torch.float32,
        False,
        ("model.layers", "self_attn.o_proj", "mlp"),
    )
    # No architecture of Sluice's own: a test adds it, as docs/extending.md says.
    yield (
        "tiny-falcon",
        FalconForCausalLM(
            FalconConfig(
                vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=3, num_attention_heads=4, ffn_hidden_size=28,
                max_position_embeddings=64, initializer_range=0.3, bos_token_id=0, eos_token_id=1,
                rope_parameters={"rope_type": "default", "rope_theta": 300.0},
            )
        ),
        torch.float32,
        False,
        ("transformer.h", "self_attention.dense", "mlp.dense_4h_to_h"),
    )


def tokenizer(begins):
    words = WORDS + [f"w{i}" for i in range(len(WORDS), VOCABULARY)]
    result = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    result.pre_tokenizer = pre_tokenizers.Whitespace()
    if begins:
        result.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return result


def padded(texts):
    ids = np.zeros((len(texts), max(map(len, texts))), np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask


def module(model, name):
    for part in name.split("."):
        model = getattr(model, part)
    return model


def hooked(model, parts, keep):
    """Calls keep(name, value) for each hook point; its result, if any, takes the value's place."""
    layers, attention, mlp = parts

    def before(name):
        def hook(_, args):
            value = keep(name, args[0])
            return None if value is None else (value,)

        return hook

    def after(name):
        def hook(_, args, output):
            tensor = output[0] if isinstance(output, tuple) else output
            value = keep(name, tensor)
            return None if value is None else (value, *output[1:]) if isinstance(output, tuple) else value

        return hook

    handles = []
    for i, layer in enumerate(module(model, layers)):
        handles.append(attention_input(layer, f"layers.{i}.attn_in", after, keep))
        handles.append(module(layer, attention).register_forward_pre_hook(before(f"layers.{i}.z")))
        handles.append(module(layer, attention).register_forward_hook(after(f"layers.{i}.attn_out")))
        handles.append(module(layer, mlp).register_forward_hook(after(f"layers.{i}.mlp_out")))
        handles.append(layer.register_forward_hook(after(f"layers.{i}.resid")))
    return handles


def attention_input(layer, point, after, keep):
    """A hook where attention reads: at the norm before it, or at the attention if there is none."""
    for name in ("ln_1", "input_layernorm"):
        if hasattr(layer, name):
            return getattr(layer, name).register_forward_hook(after(point))

    def hook(_, args, kwargs):
        value = keep(point, kwargs["hidden_states"])
        return None if value is None else (args, kwargs | {"hidden_states": value})

    return layer.self_attn.register_forward_pre_hook(hook, with_kwargs=True)


def losses(model, ids, mask):
    """Mean negative log-likelihood of every token but the first of each text."""
    with torch.no_grad():
        logits = model(ids, attention_mask=mask).logits.double()
    taken = torch.log_softmax(logits[:, :-1], -1).gather(2, ids[:, 1:, None])[..., 0]
    return float(-taken[mask[:, 1:] > 0].mean())


def golden(name, model, dtype, begins, parts):
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    for parameter in model.parameters():  # biases and norms start at 0 and 1, which would hide mistakes
        parameter.data += 0.1 * torch.randn_like(parameter)
    model.to(dtype).save_pretrained(folder, max_shard_size="20KB" if name == "tiny-llama" else "1GB")
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer(begins).save(str(folder / "tokenizer.json"))
    # Loaded anew: the conversion above has rounded the model's tables of angles, too.
    plain = dict(dtype=torch.float32, attn_implementation="eager", experts_implementation="eager")
    model = type(model).from_pretrained(folder, **plain).eval()

    ids, mask = (torch.from_numpy(array) for array in padded(TEXTS))
    seen = {}
    handles = hooked(model, parts, lambda point, value: seen.update({point: value.detach().clone()}))
    with torch.no_grad():
        logits = model(ids, attention_mask=mask).logits
    for handle in handles:
        handle.remove()
    tensors = {"input_ids": ids.numpy(), "attention_mask": mask.numpy(), "logits": logits.numpy().copy()}
    tensors |= {point: np.ascontiguousarray(value[..., :COLUMNS].numpy()) for point, value in seen.items()}
    text = ids[:1, :4]
    for _ in range(10):
        with torch.no_grad():
            text = torch.cat([text, model(text).logits[:, -1:].argmax(-1)], 1)
    tensors["greedy"] = text.numpy().copy()
    metadata = {"loss": repr(losses(model, ids, mask))}
    metadata |= interventions(model, parts, ids, mask, seen, tensors)
    save_file(tensors, out / f"{name}.safetensors", metadata=metadata)


def interventions(model, parts, ids, mask, seen, tensors):
    """Losses with one layer's attn_out and mlp_out replaced, at all tokens but the first of a text, as statistics are."""
    counted = mask.clone()
    counted[:, 0] = 0
    result = {}
    for kind in ("attn_out", "mlp_out"):
        point = f"layers.1.{kind}"
        rows = seen[point][counted > 0].double()
        mean = rows.mean(0)
        values, vectors = torch.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
        tensors[f"{point}.mean"] = mean.numpy().copy()
        tensors[f"{point}.covariance"] = ((rows - mean).T @ (rows - mean) / len(rows)).numpy().copy()

        def loss_with(change):
            def replaced(at, value):
                if at != point:
                    return None
                return torch.cat([value[:, :1], change(value[:, 1:].double()).float()], 1)

            handles = hooked(model, parts, replaced)
            try:
                return losses(model, ids, mask)
            finally:
                for handle in handles:
                    handle.remove()

        result[f"{point}.ablated"] = repr(loss_with(lambda x: mean.expand_as(x)))
        for k in (1, 6, 23):
            top = vectors[:, -k:]
            result[f"{point}.{k}"] = repr(loss_with(lambda x: (x - mean) @ top @ top.T + mean))
    return result


torch.manual_seed(0)
out.mkdir(parents=True, exist_ok=True)
for checkpoint in checkpoints():
    if not sys.argv[2:] or checkpoint[0] in sys.argv[2:]:
        golden(*checkpoint)
        print(checkpoint[0], flush=True)
