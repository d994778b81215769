"""Makes the golden files of configurations: what transformers makes of the keys of config.json.

config-keys.json has the keys of the configuration classes with their defaults. config-variants.json
has changes to the configurations of the tiny models beside it, and what each model then computes: the
mean loss of a language model, the mean last hidden state of an encoder. A change that Sluice refuses
has the key that its message names instead. gguf-keys.json has llama.cpp's keys of an architecture.
Usage: config_golden.py GOLDEN_MODEL_FOLDER [NAME...], where names choose models whose variants are
computed; the others stay as they are in config-variants.json
"""

import dataclasses
import json
import pathlib
import shutil
import sys
import tempfile

import gguf
import torch
import transformers
from safetensors.numpy import load_file
from transformers import AutoModel, AutoModelForCausalLM, GenerationConfig

golden = pathlib.Path(sys.argv[1])

CLASSES = "Llama Mistral Qwen2 Qwen3 Gemma Gemma2 Gemma3Text Gemma3 Phi3 Olmo2 Starcoder2 GPT2 GPTNeoX Bert".split()
CLASSES += "Mixtral Qwen2Moe Qwen3Moe Roberta XLMRoberta ModernBert".split()
ENCODERS = ("tiny-bert", "tiny-roberta", "tiny-modernbert")
QUANTISED = [
    {"quant_method": "gptq", "bits": 4},
    {"quant_method": "awq", "bits": 4},
    {"quant_method": "fp8"},
    {"quant_method": "compressed-tensors"},
    {"load_in_4bit": True},
]
# What published files carry beside the keys of the classes.
PUBLISHED = {
    "_name_or_path": "someone/model", "torch_dtype": "float16", "transformers_version": "4.31.0",
    "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}, "task_specific_params": {"text-generation": {"max_length": 50}},
    "do_sample": True, "temperature": 0.6, "max_length": 4096, "output_past": True, "gradient_checkpointing": False,
    "unsloth_version": "2024.9", "auto_map": {"AutoConfig": "configuration_x.XConfig"}, "tokenizer_class": "GPT2Tokenizer",
    "_attn_implementation_autoset": True, "pruned_heads": {}, "chunk_size_feed_forward": 1, "use_bfloat16": False,
}  # fmt: skip
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}


ROPE = {"rope_scaling": None, "rope_theta": 10000.0}


def change(model, drop=(), refused=None, **values):
    return {"model": model, "drop": list(drop), "set": values, "refused": refused}


def variants():
    rope = ["rope_parameters"]
    models = ["tiny-gpt2", "tiny-neox", "tiny-llama", "tiny-mistral", "tiny-qwen2", "tiny-qwen3", "tiny-gemma2"]
    models += ["tiny-gemma", "tiny-gemma3", "tiny-phi3", "tiny-olmo2", "tiny-starcoder2"]
    for model in models:
        yield change(model, **PUBLISHED)
        yield change(model, is_causal=False, refused="is_causal")
        yield change(model, is_causal=None, refused="is_causal")
        yield change(model, is_causal=True, is_decoder=True, attention_dropout=0.5)
        yield change(model, tie_word_embeddings=True)  # and where the head differs, it is used
        yield change(model, is_encoder_decoder=True, refused="is_encoder_decoder")
        yield change(model, wholly_new_key=1, refused="wholly_new_key")
    for settings in QUANTISED:
        yield change("tiny-llama", quantization_config=settings, refused=settings.get("quant_method", "bitsandbytes"))
    yield change("tiny-llama", quantization={"group_size": 64, "bits": 4}, refused="quantization")

    yield change("tiny-llama", rope, rope_scaling={"type": "linear", "factor": 2.0}, rope_theta=100.0)
    yield change("tiny-llama", rope, rope_scaling={"type": "linear", "factor": 2.0})
    yield change("tiny-llama", rope, rope_scaling={"rope_type": "linear", "type": "dynamic", "factor": 2.0})
    yield change("tiny-llama", rope, rope_scaling={"type": "dynamic", "factor": 2.0}, rope_theta=100.0)
    yield change("tiny-llama", rope, rope_scaling=LLAMA3 | {"original_max_position_embeddings": 16}, rope_theta=100.0)
    yield change("tiny-llama", rope, rope_scaling=LLAMA3, rope_theta=100.0)
    yield change("tiny-llama", rope, rope_scaling={}, rope_theta=50)
    yield change("tiny-llama", rope, rope_scaling=None, rope_theta=50)
    yield change("tiny-llama", rope)
    yield change("tiny-llama", rope_parameters={"rope_theta": 100.0})
    yield change("tiny-llama", rope_parameters={"rope_type": "default"}, rope_theta=100.0)
    yield change("tiny-llama", rope_parameters={"rope_type": "default", "rope_theta": 100.0}, rope_theta=7.0)
    yield change("tiny-llama", rope_parameters=LLAMA3 | {"rope_theta": 100.0})
    yield change("tiny-llama", rope_parameters=LLAMA3 | {"rope_theta": 100.0}, original_max_position_embeddings=8)
    yield change("tiny-llama", rope_parameters={"type": "linear", "factor": 4, "rope_theta": 100.0, "beta_fast": 32})
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
    yield change("tiny-llama", rope, rope_scaling={"type": "yarn", "factor": 2.0}, rope_theta=50.0)
    yield change("tiny-llama", rope, rope_scaling=yarn, rope_theta=10.0)
    yield change("tiny-llama", rope, rope_scaling=yarn | {"truncate": False, "beta_fast": 1.5}, rope_theta=10.0)
    yield change("tiny-llama", rope, rope_scaling=yarn | {"beta_fast": 4, "beta_slow": 0.5}, rope_theta=10.0)
    yield change("tiny-llama", rope, rope_scaling=yarn | {"attention_factor": 0.8}, rope_theta=10.0)
    yield change("tiny-llama", rope, rope_scaling=yarn | {"mscale": 2.0, "mscale_all_dim": 0.5}, rope_theta=10.0)
    yield change("tiny-llama", rope, rope_scaling=yarn | {"mscale": 2.0}, rope_theta=10.0)
    yield change("tiny-llama", rope, rope_scaling=yarn, rope_theta=10.0, original_max_position_embeddings=8)
    yield change("tiny-llama", rope, rope_scaling={"type": "yarn"}, refused="factor")
    yield change("tiny-llama", rope, rope_scaling=yarn | {"truncate": 1}, refused="truncate")
    yield change("tiny-llama", rope, rope_scaling=yarn | {"attention_factor": 0.0}, refused="factor")
    for kind in ("longrope", "proportional", "mrope"):
        yield change("tiny-llama", rope, rope_scaling={"type": kind, "factor": 2.0}, refused=kind)
    yield change("tiny-llama", rope, rope_scaling={"type": "linear"}, refused="factor")
    yield change("tiny-llama", rope_scaling={"type": "linear", "factor": 2.0}, refused="rope_parameters")
    yield change("tiny-llama", rope, rope_scaling={"type": "default", "mrope_section": [1, 1, 2]}, refused="mrope_section")
    yield change("tiny-llama", rope_parameters={"full_attention": {"rope_theta": 1.0}}, refused="full_attention")
    yield change("tiny-llama", partial_rotary_factor=0.5, refused="partial_rotary_factor")
    yield change("tiny-llama", rope_interleaved=True, refused="rope_interleaved")
    yield change("tiny-llama", is_llama_config=True, rope_interleaved=False, pretraining_tp=2)
    yield change("tiny-llama", ["rms_norm_eps", "hidden_act", "attention_bias", "mlp_bias"])
    yield change("tiny-llama", ["max_position_embeddings", "tie_word_embeddings"])
    yield change("tiny-llama", rms_norm_eps=0.01)
    for name in ("gelu", "gelu_python", "gelu_new", "gelu_fast", "gelu_accurate", "gelu_python_tanh", "relu", "swish"):
        yield change("tiny-llama", hidden_act=name)
    yield change("tiny-llama", sliding_window=5, refused="sliding_window")
    yield change("tiny-llama", sliding_window=64, use_sliding_window=False, max_window_layers=1)
    yield change("tiny-llama", layer_types=["sliding_attention"] * 3, refused="layer_types")
    yield change("tiny-llama", per_layer_config={"0": {"rms_norm_eps": 1.0}}, refused="per_layer_config")

    yield change("tiny-mistral", sliding_window=None)
    yield change("tiny-mistral", ["sliding_window", "head_dim"])
    yield change("tiny-mistral", head_dim=None)
    yield change("tiny-mistral", rope, rope_theta=77.0)
    yield change("tiny-mistral", layer_types=["full_attention"] * 3, refused="layer_types")
    yield change("tiny-mistral", attention_bias=True, refused="attention_bias")

    types = ["layer_types"]
    yield change("tiny-qwen2", types)
    yield change("tiny-qwen2", types, max_window_layers=2)
    yield change("tiny-qwen2", [*types, "max_window_layers"])
    yield change("tiny-qwen2", types, use_sliding_window=False)
    yield change("tiny-qwen2", types, sliding_window=None)
    yield change("tiny-qwen2", [*types, "sliding_window"], max_window_layers=0)
    yield change("tiny-qwen2", layer_types=["sliding_attention", "full_attention", "sliding_attention"])
    yield change("tiny-qwen2", use_sliding_window=False, refused="sliding_window")
    yield change("tiny-qwen2", layer_types=["full_attention"] * 4, refused="layer_types")
    yield change("tiny-qwen2", attention_bias=False, refused="attention_bias")
    yield change("tiny-qwen2", use_mrope=True, refused="use_mrope")

    yield change("tiny-qwen3", types, use_sliding_window=True, sliding_window=4, max_window_layers=1)
    yield change("tiny-qwen3", ["attention_bias", "use_sliding_window", "sliding_window", *types, *rope])

    yield change("tiny-gemma2", hidden_act="gelu")
    yield change("tiny-gemma2", ["hidden_activation"], hidden_act="relu")
    yield change("tiny-gemma2", hidden_activation="relu", hidden_act="gelu")
    yield change("tiny-gemma2", ["attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar"])
    yield change("tiny-gemma2", attn_logit_softcapping=None, final_logit_softcapping=None)
    yield change("tiny-gemma2", types)
    yield change("tiny-gemma2", [*types, "sliding_window"])
    yield change("tiny-gemma2", layer_types=["full_attention"] * 3)
    yield change("tiny-gemma2", layer_types=["full_attention"] * 3, sliding_window=None, refused="sliding_window")
    yield change("tiny-gemma2", sliding_window=None, refused="sliding_window")
    yield change("tiny-gemma2", sliding_window_size=4, cache_implementation="hybrid")
    yield change("tiny-gemma2", sliding_window_size=9, refused="sliding_window_size")
    yield change("tiny-gemma2", use_bidirectional_attention=True, refused="use_bidirectional_attention")
    yield change("tiny-gemma2", attn_logit_softcapping=0.0, refused="attn_logit_softcapping")

    yield change("tiny-gemma", hidden_act="gelu")
    yield change("tiny-gemma", hidden_act="gelu", hidden_activation="gelu_pytorch_tanh", **ROPE)
    yield change("tiny-gemma", hidden_act="relu", hidden_activation=None)
    yield change("tiny-gemma", hidden_act="relu", hidden_activation="gelu_pytorch_tanh", refused="hidden_activation")
    yield change("tiny-gemma", ["hidden_act", "attention_bias", "rms_norm_eps", *rope])
    yield change("tiny-gemma", rope, rope_scaling=yarn, rope_theta=10.0)
    yield change("tiny-gemma", use_bidirectional_attention=True, refused="use_bidirectional_attention")

    three = ["sliding_attention", "full_attention", "full_attention"]
    full, sliding = {"rope_type": "default", "rope_theta": 30.0}, {"rope_type": "default", "rope_theta": 9.0}
    yield change("tiny-gemma3", rope)
    yield change("tiny-gemma3", rope, rope_theta=30.0, rope_local_base_freq=9.0, rope_scaling=None)
    yield change("tiny-gemma3", rope, rope_theta=30.0, rope_scaling={"rope_type": "linear", "factor": 8.0})
    yield change("tiny-gemma3", rope, rope_scaling=yarn | {"rope_theta": 10.0})
    yield change("tiny-gemma3", rope, rope_scaling={"type": "linear", "factor": 8.0}, refused="type")
    yield change("tiny-gemma3", rope_parameters={"full_attention": full, "sliding_attention": sliding}, rope_theta=7.0)
    yield change("tiny-gemma3", rope_parameters={"full_attention": full}, rope_local_base_freq=9.0)
    yield change("tiny-gemma3", rope_parameters={"full_attention": full, "sliding_attention": yarn | {"rope_theta": 10.0}})
    yield change("tiny-gemma3", rope_parameters=full, refused="rope_type")
    yield change("tiny-gemma3", layer_types=three)
    yield change("tiny-gemma3", types)
    yield change("tiny-gemma3", types, sliding_window_pattern=2)
    yield change("tiny-gemma3", [*types, "sliding_window"], sliding_window_pattern=3)
    yield change("tiny-gemma3", sliding_window_pattern=2)
    yield change("tiny-gemma3", final_logit_softcapping=5.0)
    yield change("tiny-gemma3", attn_logit_softcapping=5.0, refused="attn_logit_softcapping")
    yield change("tiny-gemma3", sliding_window=None, refused="sliding_window")
    yield change("tiny-gemma3", ["query_pre_attn_scalar", "hidden_activation", "attention_bias", "rms_norm_eps"])
    yield change("tiny-gemma3", use_bidirectional_attention=True, refused="use_bidirectional_attention")

    long = {"type": "longrope", "short_factor": [1.1, 1.2, 1.3], "long_factor": [2.0, 3.0, 4.0], "rope_theta": 50.0}
    yield change("tiny-phi3", rope)
    yield change("tiny-phi3", rope, rope_theta=30.0, partial_rotary_factor=0.67)
    yield change("tiny-phi3", rope, rope_scaling=long)
    yield change("tiny-phi3", rope, rope_scaling=long | {"type": "su", "original_max_position_embeddings": 32})
    yield change("tiny-phi3", rope, rope_scaling=long | {"type": "yarn", "factor": 3.0})
    yield change("tiny-phi3", rope, rope_scaling=long | {"attention_factor": 1.3})
    yield change("tiny-phi3", rope, rope_scaling=long, original_max_position_embeddings=32)
    yield change("tiny-phi3", rope, rope_scaling=long | {"short_factor": [1.0]}, refused="short_factor")
    yield change("tiny-phi3", rope, rope_scaling={"type": "longrope"}, refused="long_factor")
    yield change("tiny-phi3", rope, rope_scaling={"type": "linear", "factor": 2.0}, refused="linear")
    yield change("tiny-phi3", sliding_window=None)
    yield change("tiny-phi3", ["sliding_window", "rms_norm_eps", "hidden_act"])
    yield change("tiny-phi3", attention_bias=True, refused="attention_bias")
    yield change("tiny-phi3", lm_head_bias=True, refused="lm_head_bias")

    yield change("tiny-olmo2", ["rms_norm_eps", "hidden_act", "attention_bias", *rope])
    yield change("tiny-olmo2", rope, rope_scaling=yarn, rope_theta=10.0)
    yield change("tiny-olmo2", hidden_act="gelu", rms_norm_eps=0.01)
    yield change("tiny-olmo2", clip_qkv=8.0, refused="clip_qkv")

    yield change("tiny-starcoder2", sliding_window=None)
    yield change("tiny-starcoder2", ["sliding_window", "norm_epsilon", "hidden_act", "use_bias", *rope])
    yield change("tiny-starcoder2", use_bias=False, norm_epsilon=0.01)
    yield change("tiny-starcoder2", rope, rope_theta=999.44, rope_scaling=None, mlp_type="default")
    yield change("tiny-starcoder2", norm_type="rms_norm", refused="norm_type")
    yield change("tiny-starcoder2", layer_norm_epsilon=0.1, refused="layer_norm_epsilon")

    own = ["n_layer", "n_embd", "n_head", "n_positions"]
    shared = dict(num_hidden_layers=3, hidden_size=24, num_attention_heads=4, max_position_embeddings=64)
    yield change("tiny-gpt2", own, **shared)
    yield change("tiny-gpt2", **shared)
    yield change("tiny-gpt2", num_attention_heads=2, refused="num_attention_heads")
    yield change("tiny-gpt2", layer_norm_epsilon=0.01, n_ctx=32, reorder_and_upcast_attn=True)
    yield change("tiny-gpt2", ["activation_function", "layer_norm_epsilon", "tie_word_embeddings", "scale_attn_weights"])
    yield change("tiny-gpt2", activation_function="gelu")
    yield change("tiny-gpt2", scale_attn_weights=False, refused="scale_attn_weights")
    yield change("tiny-gpt2", scale_attn_by_inverse_layer_idx=True, refused="scale_attn_by_inverse_layer_idx")
    yield change("tiny-gpt2", add_cross_attention=True, refused="add_cross_attention")

    yield change("tiny-neox", rope, rotary_pct=1.0, rotary_emb_base=100)
    yield change("tiny-neox", rope, rotary_pct=0.34)
    yield change("tiny-neox", rope, rotary_pct=0.34, partial_rotary_factor=0.34, rope_theta=10000.0)
    yield change("tiny-neox", rope, rope_scaling={"type": "linear", "factor": 2.0}, rotary_pct=0.67)
    yield change("tiny-neox", rotary_pct=0.25, rotary_emb_base=77)
    yield change("tiny-neox", rope, rotary_pct=0.67, rope_theta=500.0, refused="rope_theta")
    yield change("tiny-neox", partial_rotary_factor=0.5, refused="partial_rotary_factor")
    yield change("tiny-neox", use_parallel_residual=False)
    yield change("tiny-neox", use_parallel_residual=None, refused="use_parallel_residual")
    yield change("tiny-neox", attention_bias=False, layer_norm_eps=0.01)
    yield change("tiny-neox", ["attention_bias", "layer_norm_eps", "hidden_act", "use_parallel_residual"])

    yield change("tiny-mixtral", **PUBLISHED)
    yield change("tiny-mixtral", sliding_window=None, router_jitter_noise=0.5, output_router_logits=True)
    yield change("tiny-mixtral", ["sliding_window", *rope])  # no window, and a base of its own
    yield change("tiny-mixtral", rope, rope_theta=77.0, num_experts_per_tok=1)
    yield change("tiny-mixtral", ["num_experts_per_tok", "rms_norm_eps", "hidden_act"])
    yield change("tiny-mixtral", num_experts_per_tok=5, hidden_act="gelu", num_experts=5)
    yield change("tiny-mixtral", num_experts=4, refused="num_experts")
    yield change("tiny-mixtral", num_experts_per_tok=6, refused="6 experts")
    yield change("tiny-mixtral", layer_types=["sliding_attention"] * 3, refused="layer_types")

    yield change("tiny-qwen2-moe", **PUBLISHED)
    yield change("tiny-qwen2-moe", types)
    yield change("tiny-qwen2-moe", types, max_window_layers=3)
    yield change("tiny-qwen2-moe", types, use_sliding_window=False, norm_topk_prob=True)
    yield change("tiny-qwen2-moe", ["norm_topk_prob", "qkv_bias"], num_experts_per_tok=6)
    yield change("tiny-qwen2-moe", layer_types=["full_attention", "sliding_attention", "full_attention"])
    yield change("tiny-qwen2-moe", use_sliding_window=False, refused="sliding_window")
    yield change("tiny-qwen2-moe", decoder_sparse_step=0, refused="decoder_sparse_step")
    yield change("tiny-qwen2-moe", n_group=2, refused="n_group")

    yield change("tiny-qwen3-moe", **PUBLISHED, max_window_layers=2)
    yield change("tiny-qwen3-moe", use_sliding_window=False, norm_topk_prob=False)
    yield change("tiny-qwen3-moe", ["num_local_experts", "norm_topk_prob"], num_experts=7, sliding_window=None)
    yield change("tiny-qwen3-moe", num_experts=7, num_experts_per_tok=1)
    yield change("tiny-qwen3-moe", num_experts=8, refused="num_local_experts")
    yield change("tiny-qwen3-moe", shared_expert_intermediate_size=4, refused="shared_expert_intermediate_size")

    yield change("tiny-roberta", **PUBLISHED)
    yield change("tiny-roberta", ["pad_token_id", "hidden_act"], layer_norm_eps=0.001)
    yield change("tiny-roberta", pad_token_id=4)  # which then is in a text, and not counted
    yield change("tiny-roberta", model_type="xlm-roberta", position_embedding_type="absolute")
    yield change("tiny-roberta", pad_token_id=None, refused="pad_token_id")
    yield change("tiny-roberta", is_decoder=True, refused="is_decoder")
    yield change("tiny-roberta", position_embedding_type="relative_key", refused="position_embedding_type")

    full, local = {"rope_type": "default", "rope_theta": 50.0}, {"rope_type": "default", "rope_theta": 7.0}
    published = dict(global_attn_every_n_layers=2, global_rope_theta=160.0, local_rope_theta=10.0)
    published |= dict(position_embedding_type="absolute", layer_norm_eps=1e-05, reference_compile=None)
    yield change("tiny-modernbert", **PUBLISHED)
    yield change("tiny-modernbert", [*types, *rope], **published)
    yield change("tiny-modernbert", [*types, *rope], local_attention=6, hidden_activation="relu")
    yield change("tiny-modernbert", ["norm_eps", "hidden_activation", "local_attention"])
    yield change("tiny-modernbert", rope_parameters={"full_attention": full, "sliding_attention": local}, norm_eps=0.01)
    yield change("tiny-modernbert", rope_parameters={"full_attention": full})
    yield change("tiny-modernbert", rope_parameters={"full_attention": full | {"rope_type": "linear", "factor": 2.0}})
    yield change("tiny-modernbert", layer_types=["sliding_attention"] * 4)
    yield change("tiny-modernbert", layer_types=["full_attention"] * 3, refused="layer_types")
    yield change("tiny-modernbert", [*types, *rope], global_rope_theta=50.0, global_attn_every_n_layers=0, refused="global_attn")
    yield change("tiny-modernbert", is_causal=True, refused="is_causal")

    yield change("tiny-bert", **PUBLISHED)
    yield change("tiny-bert", hidden_act="relu")
    yield change("tiny-bert", hidden_act="gelu_new", layer_norm_eps=0.001)
    yield change("tiny-bert", ["layer_norm_eps", "hidden_act", "type_vocab_size"], directionality="bidi", pooler_fc_size=3)
    yield change("tiny-bert", is_decoder=True, refused="is_decoder")
    yield change("tiny-bert", is_causal=True, refused="is_causal")
    yield change("tiny-bert", position_embedding_type="relative_key", refused="position_embedding_type")
    yield change("tiny-bert", position_embedding_type="absolute", add_cross_attention=False)
    yield change("tiny-bert", alibi_starting_size=512, refused="alibi_starting_size")


def expected(variant, folder):
    """What transformers computes, in float32."""
    encoder = variant["model"] in ENCODERS
    place = golden if encoder else golden / "causal"
    batch = load_file(str(place / f"{variant['model']}.safetensors"))
    ids, mask = (torch.from_numpy(batch[name]) for name in ("input_ids", "attention_mask"))
    kind = AutoModel if encoder else AutoModelForCausalLM
    plain = dict(dtype=torch.float32, attn_implementation="eager", experts_implementation="eager")
    model = kind.from_pretrained(folder, **plain).eval()
    with torch.no_grad():
        result = model(ids, attention_mask=mask)
    if encoder:
        return result.last_hidden_state[mask > 0].double().mean(0).tolist()
    taken = torch.log_softmax(result.logits[:, :-1].double(), -1).gather(2, ids[:, 1:, None])[..., 0]
    return [float(-taken[mask[:, 1:] > 0].mean())]


def run(variant):
    source = golden / (variant["model"] if variant["model"] in ENCODERS else f"causal/{variant['model']}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for file in source.iterdir():
            shutil.copy(file, folder / file.name)
        config = json.loads((folder / "config.json").read_text())
        config = {key: value for key, value in config.items() if key not in variant["drop"]} | variant["set"]
        (folder / "config.json").write_text(json.dumps(config))
        if variant["refused"] is None:
            variant["expected"] = [float(f"{value:.7g}") for value in expected(variant, folder)]
    return variant


def keys():
    result = {}
    for name in CLASSES:
        kind = getattr(transformers, name + "Config")
        fields = {field.name: getattr(kind, field.name, None) for field in dataclasses.fields(kind)}
        fields |= dict.fromkeys(kind.attribute_map)
        result[kind.model_type] = dict(sorted(fields.items()))
    result["generation"] = sorted(GenerationConfig._get_default_generation_params())
    return result


def gguf_keys(namespace=gguf.Keys):
    """All keys that begin with an architecture's name."""
    result = set()
    for name, value in vars(namespace).items():
        if isinstance(value, type) and not name.startswith("_"):
            result |= gguf_keys(value)
        elif isinstance(value, str) and value.startswith("{arch}."):
            result.add(value.removeprefix("{arch}."))
    return result


(golden / "gguf-keys.json").write_text(json.dumps(sorted(gguf_keys())) + "\n")
(golden / "config-keys.json").write_text(json.dumps(keys(), indent=1) + "\n")
chosen = sys.argv[2:]
known = json.loads((golden / "config-variants.json").read_text()) if chosen else []
known = {json.dumps([each["model"], each["drop"], each["set"]]): each for each in known}


def computed(variant):
    before = known.get(json.dumps([variant["model"], variant["drop"], variant["set"]]))
    return run(variant) if before is None or variant["model"] in chosen else before


lines = [json.dumps(computed(variant)) for variant in variants()]
(golden / "config-variants.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
