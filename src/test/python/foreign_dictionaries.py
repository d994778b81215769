"""Dictionaries of other libraries, by their own code: made as golden files, or loaded and run.

Usage: python foreign_dictionaries.py make OUT [saelens] [norms] [centred] [sparsify] [old] ...
       python foreign_dictionaries.py run LIST.json

`make` writes a folder per case, saved by the library itself, with `expected.safetensors`: inputs
`x`, and the `codes` and the `reconstruction` that the library computes from them. `run` takes a list of [format, folder, input, output]: it loads each folder
by the library's own loader and computes the codes and the reconstruction of the input's `x`.

Needs sae-lens, eai-sparsify, dictionary-learning and llamascopium (the last with --no-deps will do).
"""

import json
import math
import os
import sys
import types
import warnings
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("SPARSIFY_DISABLE_TRITON", "1")
warnings.filterwarnings("ignore")

import torch
from safetensors.torch import load_file, save_file

WIDTH, FEATURES, ROWS, K = 6, 20, 24, 4


def llamascopium():
    """The autoencoder alone: the package itself would import databases and servers."""
    if "llamascopium" not in sys.modules:
        root = find_spec("llamascopium").submodule_search_locations[0]
        for name in ("", "models", "backend"):
            module = types.ModuleType(".".join(filter(None, ["llamascopium", name])))
            module.__path__ = [os.path.join(root, name)]
            sys.modules[module.__name__] = module
        model = types.ModuleType("llamascopium.backend.language_model")
        model.LanguageModelConfig = object
        sys.modules[model.__name__] = model
    from llamascopium.models import sae

    return sae


# ---- load and run ----


def trained_as(cfg):
    """What the metadata say of the training has to make a config of SAELens's own."""
    from sae_lens.registry import get_sae_training_class

    if cfg.metadata.training_architecture:
        details = cfg.metadata.training_architecture_details
        _, training = get_sae_training_class(cfg.metadata.training_architecture)
        made = training(d_in=cfg.d_in, d_sae=cfg.d_sae, **details)
        if "matryoshka_widths" in details:
            assert made.matryoshka_widths[-1] == cfg.d_sae, made
            assert sorted(set(made.matryoshka_widths)) == made.matryoshka_widths, made


@torch.no_grad()
def run_saelens(folder, x):
    from sae_lens import SAE

    sae = SAE.load_from_disk(folder, dtype="float32")
    trained_as(sae.cfg)
    # Inputs are rows; of a hook with heads they have them side by side.
    sae.turn_off_forward_pass_hook_z_reshaping()
    if (sae.cfg.metadata.model_from_pretrained_kwargs or {}).get("center_writing_weights"):
        # Its model has activations without their means, as make_centred checks.
        mean = x.mean(1, keepdim=True)
        return sae.encode(x - mean), sae(x - mean) + mean
    # A skip transcoder adds what it skips in its forward pass only.
    return sae.encode(x), sae(x)


@torch.no_grad()
def run_sparsify(folder, x):
    from sparsify import SparseCoder

    coder = SparseCoder.load_from_disk(folder)
    values, indices, _ = coder.encode(x)
    codes = torch.zeros(len(x), coder.num_latents).scatter(1, indices, values)
    return codes, coder(x).sae_out


def run_llamascopium(folder, x):
    return encode_scaled(llamascopium().SparseAutoEncoder.from_local(str(folder)), x)


@torch.no_grad()
def encode_scaled(sae, x):
    read, written = sae.cfg.hook_point_in, sae.cfg.hook_point_out
    batch, factors = sae.normalize_activations({read: x, written: x}, return_scale_factor=True)
    codes = sae.encode(batch[read])
    return codes, sae.denormalize_activations({written: sae.decode(codes)}, factors)[written]


@torch.no_grad()
def run_dictionary_learning(folder, x):
    from dictionary_learning.utils import load_dictionary

    dictionary, _ = load_dictionary(str(folder), device="cpu")
    codes = dictionary.encode(x)
    return codes, dictionary.decode(codes)


RUN = dict(
    saelens=run_saelens, sparsify=run_sparsify, llamascopium=run_llamascopium,
    dictionary_learning=run_dictionary_learning,
)


# ---- make ----


def inputs(seed):
    generator = torch.Generator().manual_seed(1000 + seed)
    mixing = torch.randn(WIDTH, WIDTH, generator=generator)
    return torch.randn(ROWS, WIDTH, generator=generator) @ mixing + 0.7


@torch.no_grad()
def scramble(module, seed):
    """No zero bias and no unit row, so that nothing is right by accident."""
    generator = torch.Generator().manual_seed(seed)
    for name, p in sorted(module.named_parameters()):
        noise = torch.randn(p.shape, generator=generator)
        if name == "threshold":
            p.copy_(0.2 + noise.abs())
        elif "log_jumprelu_threshold" in name:
            p.copy_(0.5 * noise)
        elif p.ndim == 2:
            rows = p.shape[0] if p.shape[0] == FEATURES else 1
            p.copy_(0.5 * noise * (0.4 + torch.rand(rows, 1, generator=generator)))
        else:
            p.copy_(0.4 * noise)


def expected(folder, run, seed, x=None):
    x = inputs(seed) if x is None else x
    codes, reconstruction = run(folder, x)
    active = (codes != 0).sum(1).float().mean().item()
    assert 0.5 < active < FEATURES, (folder, active)
    save_file(
        dict(x=x, codes=codes.contiguous(), reconstruction=reconstruction.contiguous()),
        folder / "expected.safetensors",
    )
    print(folder.name, f"L0 {active:.1f}")


def make_saelens(out):
    from sae_lens.saes import abstopk_sae, batchtopk_sae, gated_sae, jumprelu_sae
    from sae_lens.saes import matryoshka_batchtopk_sae
    from sae_lens.saes import matching_pursuit_sae, standard_sae, topk_sae, transcoder
    from sae_lens.saes.sae import SAEMetadata

    shape = dict(d_in=WIDTH, d_sae=FEATURES)
    metadata = dict(metadata=SAEMetadata(model_name="tiny", hook_name="blocks.0.hook_attn_out"))
    standard, topk, jump = standard_sae, topk_sae, jumprelu_sae
    batch, matryoshka = batchtopk_sae, matryoshka_batchtopk_sae
    cases = [
        ("standard", standard.StandardSAE(standard.StandardSAEConfig(**shape, **metadata))),
        ("standard-plain", standard.StandardSAE(
            standard.StandardSAEConfig(**shape, **metadata, apply_b_dec_to_input=False))),
        ("topk", topk.TopKSAE(topk.TopKSAEConfig(**shape, **metadata, k=K))),
        ("topk-rescaled", topk.TopKSAE(
            topk.TopKSAEConfig(**shape, **metadata, k=K, rescale_acts_by_decoder_norm=True))),
        ("jumprelu", jump.JumpReLUSAE(jump.JumpReLUSAEConfig(**shape, **metadata))),
        ("gated", gated_sae.GatedSAE(gated_sae.GatedSAEConfig(**shape, **metadata))),
        ("transcoder", transcoder.Transcoder(transcoder.TranscoderConfig(
            **shape, **metadata, d_out=5, apply_b_dec_to_input=False))),
        ("jumprelu-transcoder", transcoder.JumpReLUTranscoder(transcoder.JumpReLUTranscoderConfig(
            **shape, **metadata, d_out=5, apply_b_dec_to_input=False))),
        ("skip-transcoder", transcoder.SkipTranscoder(transcoder.SkipTranscoderConfig(
            **shape, **metadata, d_out=5, apply_b_dec_to_input=False))),
        ("matching-pursuit", matching_pursuit_sae.MatchingPursuitSAE(
            matching_pursuit_sae.MatchingPursuitSAEConfig(
                **shape, **metadata, max_iterations=5, residual_threshold=0.6))),
        ("abstopk", abstopk_sae.AbsTopKSAE(abstopk_sae.AbsTopKSAEConfig(
            **shape, **metadata, k=K, rescale_acts_by_decoder_norm=True))),
        ("jumprelu-skip-transcoder", transcoder.JumpReLUSkipTranscoder(
            transcoder.JumpReLUSkipTranscoderConfig(
                **shape, **metadata, d_out=5, apply_b_dec_to_input=False))),
    ]
    for seed, (name, sae) in enumerate(cases):
        scramble(sae, seed)
        folder = out / f"saelens-{name}"
        if name == "standard-plain":
            sae = sae.to(dtype=torch.bfloat16)
        sae.save_model(folder)
        expected(folder, run_saelens, seed)
    trained = [
        ("batchtopk", batch.BatchTopKTrainingSAE(
            batch.BatchTopKTrainingSAEConfig(**shape, **metadata, k=K))),
        ("matryoshka", matryoshka.MatryoshkaBatchTopKTrainingSAE(
            matryoshka.MatryoshkaBatchTopKTrainingSAEConfig(
                **shape, **metadata, k=K, matryoshka_widths=[8, FEATURES]))),
    ]
    for seed, (name, sae) in enumerate(trained, 20):
        scramble(sae, seed)
        sae.topk_threshold = torch.tensor(0.8, dtype=torch.float64)
        folder = out / f"saelens-{name}"
        sae.save_inference_model(folder)
        expected(folder, run_saelens, seed)
        # The same as a checkpoint of training, which computes the same when it is used.
        checkpoint = out / f"saelens-{name}-checkpoint"
        sae.save_model(checkpoint)
        (checkpoint / "expected.safetensors").write_bytes((folder / "expected.safetensors").read_bytes())


def make_norms(out):
    """Dictionaries of SAELens that normalise each token by itself."""
    from sae_lens.saes import gated_sae, jumprelu_sae, matching_pursuit_sae, standard_sae, topk_sae
    from sae_lens.saes import transcoder
    from sae_lens.saes.sae import SAEMetadata

    shape = dict(d_in=WIDTH, d_sae=FEATURES)
    shape |= dict(metadata=SAEMetadata(model_name="tiny", hook_name="blocks.0.hook_attn_out"))
    layer, constant = (dict(normalize_activations=name) for name in ("layer_norm", "constant_norm_rescale"))
    write = dict(d_out=5, apply_b_dec_to_input=False)
    cases = [
        ("layer-norm", standard_sae.StandardSAE(standard_sae.StandardSAEConfig(**shape, **layer))),
        ("layer-norm-plain-jumprelu", jumprelu_sae.JumpReLUSAE(
            jumprelu_sae.JumpReLUSAEConfig(**shape, **layer, apply_b_dec_to_input=False))),
        ("layer-norm-topk", topk_sae.TopKSAE(topk_sae.TopKSAEConfig(
            **shape, **layer, k=K, rescale_acts_by_decoder_norm=True))),
        ("layer-norm-pursuit", matching_pursuit_sae.MatchingPursuitSAE(
            matching_pursuit_sae.MatchingPursuitSAEConfig(
                **shape, **layer, max_iterations=5, residual_threshold=0.3))),
        ("layer-norm-transcoder", transcoder.Transcoder(
            transcoder.TranscoderConfig(**shape, **layer, **write))),
        ("layer-norm-skip-transcoder", transcoder.SkipTranscoder(
            transcoder.SkipTranscoderConfig(**shape, **layer, **write))),
        ("constant-norm", gated_sae.GatedSAE(gated_sae.GatedSAEConfig(**shape, **constant))),
        ("constant-norm-transcoder", transcoder.JumpReLUTranscoder(
            transcoder.JumpReLUTranscoderConfig(**shape, **constant, **write))),
    ]
    for seed, (name, sae) in enumerate(cases, 100):
        scramble(sae, seed)
        folder = out / f"saelens-{name}"
        sae.save_model(folder)
        # Among them a token that does not vary, and two so small that the epsilon counts.
        x = inputs(seed)
        x[0] = 1.5
        x[1] *= 1e-4
        x[2] *= 1e-5
        expected(folder, run_saelens, seed, x)


def tiny_gpt2(**processing):
    """A random GPT-2 as TransformerLens loads it with these settings."""
    from transformer_lens import HookedTransformer, HookedTransformerConfig

    config = dict(n_layers=2, d_model=WIDTH, n_ctx=8, d_head=3, n_heads=2, d_mlp=9, d_vocab=30,
        act_fn="gelu_new", normalization_type="LN", device="cpu", seed=7)
    model = HookedTransformer(HookedTransformerConfig(**config))
    scramble(model, 130)
    if processing:
        off = ("fold_ln", "center_writing_weights", "center_unembed", "fold_value_biases", "refactor_factored_attn_matrices")
        state = {name: value.clone() for name, value in model.state_dict().items()}
        model = HookedTransformer(HookedTransformerConfig(**config))
        model.load_and_process_state_dict(state, **dict.fromkeys(off, False) | processing)
    return model


@torch.no_grad()
def make_centred(out):
    """Dictionaries of SAELens on a model that TransformerLens loads with center_writing_weights. `x`
    are the activations without it; what is reconstructed has their means again."""
    from sae_lens.saes import matching_pursuit_sae, standard_sae, topk_sae
    from sae_lens.saes.sae import SAEMetadata

    tokens = torch.arange(ROWS).reshape(4, -1)
    logits, raw = tiny_gpt2().run_with_cache(tokens)
    processed = {}
    attention = {"attn.hook_q", "attn.hook_k", "attn.hook_v", "attn.hook_z"}
    written = {"hook_resid_pre", "hook_attn_out", "hook_resid_mid", "hook_mlp_out", "hook_resid_post"}
    for setting, changed in dict(
        center_writing_weights=written, fold_ln=set(), center_unembed=set(),
        fold_value_biases={"attn.hook_v", "attn.hook_z"}, refactor_factored_attn_matrices=attention,
    ).items():
        others, cache = tiny_gpt2(**{setting: True}).run_with_cache(tokens)
        torch.testing.assert_close(others.log_softmax(-1), logits.log_softmax(-1), atol=1e-4, rtol=1e-4)
        same = {"ln1.hook_normalized", "ln2.hook_normalized", "mlp.hook_post"} | attention | written
        for name in same:
            for layer in range(2):
                difference = (cache[f"blocks.{layer}.{name}"] - raw[f"blocks.{layer}.{name}"]).abs().max()
                assert (difference > 1e-2) if name in changed else (difference < 1e-4), (setting, name, difference)
        processed[setting] = cache
    shape = dict(d_in=WIDTH, d_sae=FEATURES)
    for seed, (name, make, config, settings, hook) in enumerate([
        ("centred-norm", standard_sae.StandardSAE, standard_sae.StandardSAEConfig, {}, "blocks.1.hook_resid_pre"),
        ("centred-norm-topk", topk_sae.TopKSAE, topk_sae.TopKSAEConfig,
            dict(k=K, rescale_acts_by_decoder_norm=True), "blocks.1.hook_attn_out"),
        ("centred-norm-pursuit", matching_pursuit_sae.MatchingPursuitSAE, matching_pursuit_sae.MatchingPursuitSAEConfig,
            dict(max_iterations=5, residual_threshold=0.3), "blocks.0.hook_mlp_out"),
        ("centred-layer-norm", standard_sae.StandardSAE, standard_sae.StandardSAEConfig,
            dict(normalize_activations="layer_norm"), "blocks.1.hook_resid_post"),
    ], 130):
        metadata = SAEMetadata(
            model_name="gpt2-small", hook_name=hook, model_from_pretrained_kwargs=dict(center_writing_weights=True))
        sae = make(config(**shape, **settings, metadata=metadata))
        scramble(sae, seed)
        folder = out / f"saelens-{name}"
        sae.save_model(folder)
        x, centred = (cache[hook].reshape(ROWS, WIDTH) for cache in (raw, processed["center_writing_weights"]))
        mean = x.mean(1, keepdim=True)
        assert mean.abs().mean() > 0.05, mean
        torch.testing.assert_close(centred, x - mean, atol=1e-5, rtol=1e-5)
        expected(folder, lambda folder, x: (sae.encode(centred), sae(centred) + mean), seed, x.contiguous())


def make_sparsify(out):
    from sparsify import SparseCoder, SparseCoderConfig

    for seed, (name, config) in enumerate([
        ("topk", SparseCoderConfig(num_latents=FEATURES, k=K)),
        ("transcoder", SparseCoderConfig(num_latents=FEATURES, k=K, transcode=True)),
        ("skip", SparseCoderConfig(num_latents=FEATURES, k=K, transcode=True, skip_connection=True)),
    ], 30):
        coder = SparseCoder(WIDTH, config)
        scramble(coder, seed)
        folder = out / f"sparsify-{name}"
        coder.save_to_disk(folder)
        expected(folder, run_sparsify, seed)


def make_old(out):
    """Files as earlier versions of the libraries left them, by what those still make of them, or,
    where they do not read them any more, by what the versions computed."""
    from sae_lens.saes import standard_sae, topk_sae
    from sparsify import SparseCoder, SparseCoderConfig

    # SAELens of 2024: no architecture, other names, a scale of ones, and what json.dump makes of
    # settings that are no numbers.
    shape = dict(d_in=WIDTH, d_sae=FEATURES)
    cases = [
        ("2024-spring", standard_sae.StandardSAE(standard_sae.StandardSAEConfig(**shape)), dict(
            model_name="gpt2-small", hook_point="blocks.8.hook_resid_pre", hook_point_layer=8,
            hook_point_head_index=None, expansion_factor=3, l1_coefficient=8e-05,
            use_ghost_grads=True, mse_loss_normalization=float("nan"), lr=float("inf"))),
        ("2024-topk", topk_sae.TopKSAE(topk_sae.TopKSAEConfig(**shape, k=K)), dict(
            architecture="standard", activation_fn_str="topk", activation_fn_kwargs=dict(k=K),
            model_name="gpt2", hook_name="blocks.8.attn.hook_z", hook_layer=8,
            hook_head_index=None, prepend_bos=False, normalize_activations=None,
            finetuning_scaling_factor=False, sae_lens_training_version="3.4.1")),
    ]
    for seed, (name, sae, config) in enumerate(cases, 80):
        scramble(sae, seed)
        folder = out / f"saelens-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: p.data.contiguous() for name, p in sae.named_parameters()}
        if name == "2024-spring":
            weights["scaling_factor"] = torch.ones(FEATURES)
        save_file(weights, folder / "sae_weights.safetensors")
        (folder / "cfg.json").write_text(
            json.dumps(config | shape | dict(dtype="torch.float32", device="cpu")))
        expected(folder, run_saelens, seed)

    for seed, (name, config) in enumerate([
        ("untold", SparseCoderConfig(num_latents=FEATURES, k=K)),
        ("untold-skip", SparseCoderConfig(num_latents=FEATURES, k=K, skip_connection=True)),
        ("signed", SparseCoderConfig(num_latents=FEATURES, k=K)),
    ], 90):
        coder = SparseCoder(WIDTH, config)
        scramble(coder, seed)
        folder = out / f"sparsify-{name}"
        coder.save_to_disk(folder)
        cfg = json.loads((folder / "cfg.json").read_text())
        for key in ("transcode", "activation"):
            del cfg[key]
        cfg["signed"] = name == "signed"
        (folder / "cfg.json").write_text(json.dumps(cfg))
        expected(folder, run_signed_sparsify if name == "signed" else run_sparsify, seed)


def make_older(out):
    """More of what earlier versions wrote: Language-Model-SAEs of 2025, a fine-tuning scale of SAELens,
    dictionary_learning before thresholds and with p-annealing."""
    module = llamascopium()
    base = dict(
        sae_type="sae", d_model=WIDTH, expansion_factor=FEATURES / WIDTH, use_decoder_bias=True, top_k=K,
        use_glu_encoder=False, norm_activation="dataset-wise", sparsity_include_decoder_norm=True,
        apply_decoder_bias_to_pre_encoder=False, hook_point_in="blocks.5.hook_resid_post",
        hook_point_out="blocks.5.hook_resid_post", sae_pretrained_name_or_path=None, dtype="torch.float32")
    for seed, (name, changes) in enumerate([
        ("2025-jumprelu", dict(act_fn="jumprelu", jumprelu_threshold_window=2.0)),
        ("2025-threshold", dict(act_fn="jumprelu", jump_relu_threshold=0.4, apply_decoder_bias_to_pre_encoder=True)),
        ("2025-topk", dict(act_fn="topk", apply_decoder_bias_to_pre_encoder=True, hook_point_out="blocks.5.hook_mlp_out")),
    ], 110):
        config = base | changes
        read, written = config["hook_point_in"], config["hook_point_out"]
        norms = {read: 3.5} | ({written: 1.9} if written != read else {})
        known = {"act_fn", "norm_activation", "sparsity_include_decoder_norm", "hook_point_in", "hook_point_out", "top_k"}
        sae = module.SparseAutoEncoder(module.SAEConfig(
            d_model=WIDTH, expansion_factor=FEATURES / WIDTH, **{key: config[key] for key in known}))
        scramble(sae, seed)
        sae.set_dataset_average_activation_norm(norms)
        if "jump_relu_threshold" in config:
            sae.activation_function.log_jumprelu_threshold.data.fill_(math.log(config["jump_relu_threshold"]))
        tensors = {
            "encoder.weight": sae.W_E.data.T, "encoder.bias": sae.b_E.data.clone(),
            "decoder.weight": sae.W_D.data.T, "decoder.bias": sae.b_D.data}
        if name == "2025-jumprelu":
            tensors["log_jumprelu_threshold"] = sae.activation_function.log_jumprelu_threshold.data
        tensors |= {f"dataset_average_activation_norm.{hook}": torch.tensor(norm) for hook, norm in norms.items()}
        folder = out / f"llamascopium-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "sae_weights.safetensors")
        (folder / "config.json").write_text(json.dumps(config))
        if config["apply_decoder_bias_to_pre_encoder"]:  # as today's library has no such setting
            sae.b_E.data -= sae.b_D.data @ sae.W_E.data
        expected(folder, lambda _, x: encode_scaled(sae, x), seed)

    from sae_lens.saes import standard_sae

    shape = dict(d_in=WIDTH, d_sae=FEATURES)
    sae = standard_sae.StandardSAE(standard_sae.StandardSAEConfig(**shape))
    scramble(sae, 120)
    scale = 0.5 + torch.rand(FEATURES, generator=torch.Generator().manual_seed(120))
    folder = out / "saelens-2024-finetuned"
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: p.data.contiguous() for name, p in sae.named_parameters()} | dict(scaling_factor=scale)
    save_file(weights, folder / "sae_weights.safetensors")
    (folder / "cfg.json").write_text(json.dumps(shape | dict(
        dtype="float32", device="cpu", model_name="gpt2-small", hook_point="blocks.2.hook_mlp_out", hook_point_layer=2,
        hook_point_head_index=None, activation_fn_str="relu", finetuning_scaling_factor=True, prepend_bos=True,
        normalize_activations="none", apply_b_dec_to_input=True, sae_lens_training_version="3.1.1")))

    @torch.no_grad()
    def finetuned(_, x):
        """Versions 3 to 5: `apply_finetuning_scaling_factor` is the first step of `decode`."""
        codes = sae.encode(x)
        return codes, (codes * scale) @ sae.W_dec + sae.b_dec

    expected(folder, finetuned, 120)

    from dictionary_learning import dictionary as d
    from dictionary_learning.trainers.batch_top_k import BatchTopKSAE

    annealed, batch = d.AutoEncoder(WIDTH, FEATURES), BatchTopKSAE(WIDTH, FEATURES, K)
    for seed, (name, ae, place) in enumerate([
        ("PAnneal", annealed, "resid_post_layer_3"), ("BatchTopKSAE-2024", batch, "mlp_out_layer_3")], 130):
        scramble(ae, seed)
        folder = out / f"dictionary_learning-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        trainer = dict(
            trainer_class="PAnnealTrainer" if ae is annealed else "TrainerBatchTopK", dict_class=type(ae).__name__,
            activation_dim=WIDTH, dict_size=FEATURES, layer=3, lm_name="EleutherAI/pythia-70m-deduped",
            submodule_name=place, wandb_name="x", **({} if ae is annealed else {"k": K}))
        (folder / "config.json").write_text(json.dumps(dict(trainer=trainer, buffer=dict(ctx_len=128))))
        state = {key: value for key, value in ae.state_dict().items() if key not in ("threshold", "k")}
        torch.save(state, folder / "ae.pt")
        expected(folder, run_dictionary_learning if ae is annealed else lambda _, x: run_batch(batch, x), seed)


@torch.no_grad()
def run_batch(ae, x):
    codes = ae.encode(x, use_threshold=False)
    return codes, ae.decode(codes)


@torch.no_grad()
def run_signed_sparsify(folder, x):
    """The version of July 2024, which had no ReLU where `signed` is true."""
    w = load_file(folder / "sae.safetensors")
    pre = (x - w["b_dec"]) @ w["encoder.weight"].T + w["encoder.bias"]
    _, indices = pre.abs().topk(K, sorted=False)
    codes = torch.zeros_like(pre).scatter(1, indices, pre.gather(1, indices))
    return codes, codes @ w["W_dec"] + w["b_dec"]


def make_llamascopium(out):
    module = llamascopium()
    cases = [
        ("topk", dict(act_fn="topk", norm_activation="dataset-wise")),
        ("jumprelu", dict(act_fn="jumprelu", norm_activation="dataset-wise")),
        ("jumprelu-value", dict(
            act_fn="jumprelu", norm_activation="inference", sparsity_include_decoder_norm=False)),
        ("relu", dict(act_fn="relu", norm_activation="inference", use_decoder_bias=False)),
        ("batchtopk", dict(act_fn="batchtopk", norm_activation="dataset-wise")),
        ("transcoder", dict(act_fn="topk", norm_activation="dataset-wise", hook_point_out="blocks.0.mlp_out")),
    ]
    for seed, (name, settings) in enumerate(cases, 40):
        settings = dict(hook_point_in="blocks.0.attn_out", hook_point_out="blocks.0.attn_out") | settings
        sae = module.SparseAutoEncoder(
            module.SAEConfig(d_model=WIDTH, expansion_factor=FEATURES / WIDTH, top_k=K, **settings))
        scramble(sae, seed)
        norms = {settings["hook_point_in"]: 3.5}
        norms[settings["hook_point_out"]] = norms.get(settings["hook_point_out"], 1.9)
        sae.set_dataset_average_activation_norm(norms)
        folder = out / f"llamascopium-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        sae.save_pretrained(folder)
        sae.cfg.save_hyperparameters(folder)
        expected(folder, run_llamascopium, seed)


def make_dictionary_learning(out):
    from dictionary_learning import dictionary as d
    from dictionary_learning.trainers.batch_top_k import BatchTopKSAE
    from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKSAE
    from dictionary_learning.trainers.top_k import AutoEncoderTopK

    cases = [
        d.AutoEncoder(WIDTH, FEATURES),
        d.AutoEncoderNew(WIDTH, FEATURES),
        d.GatedAutoEncoder(WIDTH, FEATURES),
        d.JumpReluAutoEncoder(WIDTH, FEATURES),
        AutoEncoderTopK(WIDTH, FEATURES, K),
        BatchTopKSAE(WIDTH, FEATURES, K),
        MatryoshkaBatchTopKSAE(WIDTH, FEATURES, K, [8, FEATURES - 8]),
    ]
    for seed, ae in enumerate(cases, 60):
        scramble(ae, seed)
        if hasattr(ae, "k") and not isinstance(ae, AutoEncoderTopK):
            ae.threshold = torch.tensor(0.6)
        kind = type(ae).__name__
        folder = out / f"dictionary_learning-{kind}"
        folder.mkdir(parents=True, exist_ok=True)
        # What trainSAE writes.
        trainer = dict(
            dict_class=kind, activation_dim=WIDTH, dict_size=FEATURES, layer=0, lm_name="tiny",
            submodule_name="blocks.0.attn_out", **({"k": K} if hasattr(ae, "k") else {}),
        )
        (folder / "config.json").write_text(json.dumps({"trainer": trainer}, indent=4))
        torch.save({name: value.cpu() for name, value in ae.state_dict().items()}, folder / "ae.pt")
        expected(folder, run_dictionary_learning, seed)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if sys.argv[1] == "make":
        out = Path(sys.argv[2])
        makers = dict(
            saelens=make_saelens, norms=make_norms, centred=make_centred, sparsify=make_sparsify, llamascopium=make_llamascopium,
            dictionary_learning=make_dictionary_learning, old=make_old, older=make_older,
        )
        for name in sys.argv[3:] or makers:
            makers[name](out)
    else:
        for name, folder, source, target in json.loads(Path(sys.argv[2]).read_text()):
            codes, reconstruction = RUN[name](folder, load_file(source)["x"])
            save_file(dict(codes=codes.contiguous(), reconstruction=reconstruction.contiguous()), target)


main()
