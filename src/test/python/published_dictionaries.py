"""Tiny random dictionaries in the layouts in which large ones were published, as golden files.

Usage: python published_dictionaries.py OUT [gemma_scope] [gemma_scope_2] [llama_scope] ...

Each folder has the published files at the depth at which they lie in their repositories, and at its
top `expected.safetensors`: inputs `x`, and the `codes` and the `reconstruction`. Where SAELens reads
the format, its own loader and forward pass compute them (what it would fetch from the hub is given
to it from the folder); elsewhere the formula that the authors published, in NumPy. `place.txt` says
what to name: a folder, or a file.

Needs sae-lens.
"""

import json
import os
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import numpy as np
import torch
from safetensors.torch import save_file

WIDTH, OUT_WIDTH, FEATURES, ROWS, K = 6, 5, 20, 24, 4


def inputs(seed, width=WIDTH):
    generator = torch.Generator().manual_seed(1000 + seed)
    mixing = torch.randn(width, width, generator=generator)
    return torch.randn(ROWS, width, generator=generator) @ mixing + 0.7


def weights(seed, out=WIDTH):
    """Feature-major matrices; no zero bias and no unit row, so that nothing is right by accident."""
    g = np.random.default_rng(seed)
    lengths = 0.4 + g.random((FEATURES, 1))
    return dict(
        encoder=(0.5 * g.normal(size=(FEATURES, WIDTH))).astype(np.float32),
        decoder=(0.5 * g.normal(size=(FEATURES, out)) * lengths).astype(np.float32),
        b_enc=(0.4 * g.normal(size=FEATURES)).astype(np.float32),
        b_dec=(0.4 * g.normal(size=out)).astype(np.float32),
        threshold=(0.1 + 0.5 * g.random(FEATURES)).astype(np.float32),
        skip=(0.3 * g.normal(size=(out, WIDTH))).astype(np.float32),
    )


def expected(folder, place, x, codes, reconstruction):
    codes, reconstruction = (torch.as_tensor(np.asarray(v), dtype=torch.float32) for v in (codes, reconstruction))
    active = (codes != 0).sum(1).float().mean().item()
    assert 0.5 < active < FEATURES, (folder, active)
    save_file(
        dict(x=x, codes=codes.contiguous(), reconstruction=reconstruction.contiguous()),
        folder / "expected.safetensors",
    )
    (folder / "place.txt").write_text(place + "\n")
    print(folder.name, f"L0 {active:.1f}")


@torch.no_grad()
def saelens(loader, root, repo, name, x, scale=1.0, **overrides):
    """What SAELens computes with a loader of published dictionaries, for a repository at `root`."""
    from safetensors import safe_open
    from sae_lens.loading import pretrained_sae_loaders as loaders
    from sae_lens.registry import get_sae_class
    from huggingface_hub.utils import EntryNotFoundError

    def local(repo_id=None, filename=None, subfolder=None, **_):
        path = root / (f"{subfolder}/{filename}" if subfolder else filename)
        if not path.exists():
            raise EntryNotFoundError(str(path))
        return str(path)

    def shapes(repo_id, filename):
        with safe_open(root / filename, framework="pt") as f:
            return {key: list(f.get_tensor(key).shape) for key in f.keys()}

    loaders.hf_hub_download = local
    loaders.get_safetensors_tensor_shapes = shapes
    cfg, state, _ = loaders.NAMED_PRETRAINED_SAE_LOADERS[loader](repo, name, "cpu", False, overrides)
    cfg = loaders.handle_config_defaulting(cfg | dict(device="cpu"))
    sae_class, config_class = get_sae_class(cfg["architecture"])
    sae = sae_class(config_class.from_dict(cfg))
    sae.turn_off_forward_pass_hook_z_reshaping()
    sae.process_state_dict_for_loading(state)
    sae.load_state_dict(state)
    if scale != 1:
        sae.fold_activation_norm_scaling_factor(scale)
    return sae.encode(x).numpy(), sae(x).numpy(), sae.cfg


# ---- Gemma Scope ----


def make_gemma_scope(out):
    cases = [
        ("res", "gemma-scope-2b-pt-res", np.savez, "<f4", "C"),
        ("att-deflated", "gemma-scope-9b-it-att", np.savez_compressed, "<f4", "C"),
        ("mlp-fortran", "gemma-scope-2b-pt-mlp", np.savez, "<f8", "F"),
        ("transcoder-big-endian", "gemma-scope-2b-pt-transcoders", np.savez_compressed, ">f4", "F"),
    ]
    for seed, (name, repo, save, dtype, order) in enumerate(cases):
        folder = out / f"gemma_scope-{name}"
        inner = "layer_12/width_16k/average_l0_22"
        place = f"{repo}/{inner}"
        (folder / place).mkdir(parents=True, exist_ok=True)
        w = weights(seed)
        arrays = dict(
            W_enc=w["encoder"].T, W_dec=w["decoder"], b_enc=w["b_enc"], b_dec=w["b_dec"], threshold=w["threshold"])
        save(folder / place / "params.npz", **{key: np.asarray(v, dtype=dtype, order=order) for key, v in arrays.items()})
        x = inputs(seed)
        loader = "gemma_2_transcoder" if "transcoder" in repo else "gemma_2"
        if dtype == ">f4":  # which PyTorch does not take: the same numbers in the other order
            native = out / "native" / inner
            native.mkdir(parents=True)
            np.savez(native / "params.npz", **arrays)
            root = out / "native"
        else:
            root = folder / repo
        sizes = dict(d_in=WIDTH, d_sae=FEATURES, d_out=WIDTH)
        codes, reconstruction, cfg = saelens(loader, root, f"google/{repo}", inner, x, **sizes)
        print(cfg.metadata.model_name, cfg.metadata.hook_name)
        expected(folder, place, x, codes, reconstruction)


# ---- Gemma Scope 2 ----


def make_gemma_scope_2(out):
    cases = [
        ("resid", "resid_post_all/layer_10_width_262k_l0_small", True, False, WIDTH),
        ("attn", "attn_out/layer_3_width_16k_l0_big", True, False, WIDTH),
        ("transcoder", "transcoder_all/layer_5_width_16k_l0_big_affine", True, True, OUT_WIDTH),
        ("unconfigured", "transcoder_all/layer_7_width_16k_l0_small", False, False, WIDTH),
    ]
    modules = dict(
        resid_post="output", attn_out="self_attn.o_proj.input", transcoder="pre_feedforward_layernorm.output")
    for seed, (name, inner, configured, affine, width) in enumerate(cases, 20):
        repo = "gemma-scope-2-1b-pt"
        folder = out / f"gemma_scope_2-{name}"
        target = folder / repo / inner
        target.mkdir(parents=True, exist_ok=True)
        w = weights(seed, width)
        tensors = dict(
            w_enc=w["encoder"].T, w_dec=w["decoder"], b_enc=w["b_enc"], b_dec=w["b_dec"], threshold=w["threshold"])
        if affine:
            tensors["affine_skip_connection"] = w["skip"].T
        save_file({key: torch.tensor(v).contiguous() for key, v in tensors.items()}, target / "params.safetensors")
        if configured:
            kind = next(key for key in modules if inner.startswith(key))
            layer = inner.split("layer_")[1].split("_")[0]
            into = f"model.layers.{layer}.{modules[kind]}"
            config = dict(
                hf_hook_point_in=into, hf_hook_point_out=into, width=FEATURES, model_name="google/gemma-3-1b-pt",
                architecture="jump_relu", l0=20, affine_connection=affine, type="sae")
            if kind == "transcoder":
                config |= dict(type="transcoder", hf_hook_point_out=f"model.layers.{layer}.post_feedforward_layernorm.output")
            (target / "config.json").write_text(json.dumps(config))
        x = inputs(seed)
        codes, reconstruction, cfg = saelens("gemma_3", folder / repo, f"google/{repo}", inner, x)
        print(cfg.metadata.model_name, cfg.metadata.hook_name, cfg.metadata.hook_name_out)
        expected(folder, f"{repo}/{inner}", x, codes, reconstruction)


# ---- Llama Scope ----


def llama_scope(w, x, cfg):
    """What Language-Model-SAEs of October 2024 computes: `SparseAutoEncoder.from_config`, `encode`,
    `decode`, in float64."""
    x, encoder, decoder, b_enc, b_dec = (
        np.asarray(v, dtype=np.float64) for v in (x, w["encoder"], w["decoder"], w["b_enc"], w["b_dec"]))
    if cfg["norm_activation"] == "dataset-wise":
        read, written = (np.sqrt(cfg["d_model"]) / cfg["dataset_average_activation_norm"][side] for side in ("in", "out"))
        b_enc, b_dec, decoder = b_enc / read, b_dec / written, decoder * read / written
    if not cfg["use_decoder_bias"]:
        b_dec = 0 * b_dec
    if cfg["sparsity_include_decoder_norm"]:
        norms = np.linalg.norm(decoder, axis=1)
        decoder, encoder, b_enc = decoder / norms[:, None], encoder * norms[:, None], b_enc * norms
    if cfg["use_decoder_bias"] and cfg["apply_decoder_bias_to_pre_encoder"]:
        x = x - b_dec
    pre = x @ encoder.T + b_enc
    if cfg["act_fn"] == "jumprelu" or cfg["act_fn"] == "topk" and cfg["jump_relu_threshold"] > 0:
        codes = np.where(pre > cfg["jump_relu_threshold"], pre, 0)
    else:
        codes = largest(np.maximum(pre, 0), cfg["top_k"])
    return codes, codes @ decoder + b_dec


def largest(values, k):
    codes = np.zeros_like(values)
    rows = np.arange(len(values))[:, None]
    chosen = np.argsort(-values, axis=1, kind="stable")[:, :k]
    codes[rows, chosen] = values[rows, chosen]
    return codes


def make_llama_scope(out):
    base = dict(
        use_decoder_bias=True, use_glu_encoder=False, norm_activation="dataset-wise",
        sparsity_include_decoder_norm=True, apply_decoder_bias_to_pre_encoder=False, act_fn="jumprelu",
        jump_relu_threshold=0.3, top_k=K, d_model=WIDTH, d_sae=FEATURES, expansion_factor=3,
        dataset_average_activation_norm={"in": 3.5, "out": 3.5}, init_decoder_norm=0.5, lp=1,
        sae_pretrained_name_or_path=None, strict_loading=True, dtype="torch.bfloat16",
        hook_point_in="blocks.15.hook_resid_post", hook_point_out="blocks.15.hook_resid_post")
    transcoder = dict(
        hook_point_in="blocks.15.ln2.hook_normalized", hook_point_out="blocks.15.hook_mlp_out",
        dataset_average_activation_norm={"in": 2.5, "out": 0.9})
    cases = [
        ("R", "Llama3_1-8B-Base-LXR-8x/Llama3_1-8B-Base-L15R-8x", {}),
        ("TC", "Llama3_1-8B-Base-LXTC-8x/Llama3_1-8B-Base-L15TC-8x", transcoder),
        ("subtracted", "subtracted", dict(apply_decoder_bias_to_pre_encoder=True)),
        ("topk", "topk", dict(act_fn="topk", jump_relu_threshold=0.0, norm_activation="inference",
                              hook_point_in="blocks.3.hook_attn_out", hook_point_out="blocks.3.hook_attn_out")),
        ("topk-threshold", "topk", dict(act_fn="topk", sparsity_include_decoder_norm=False, use_decoder_bias=False)),
    ]
    for seed, (name, inner, changes) in enumerate(cases, 40):
        cfg = base | changes
        folder = out / f"llama_scope-{name}"
        target = folder / inner / "checkpoints"
        target.mkdir(parents=True, exist_ok=True)
        w = weights(seed)
        tensors = {"encoder.weight": w["encoder"], "encoder.bias": w["b_enc"], "decoder.weight": w["decoder"].T}
        if cfg["use_decoder_bias"]:
            tensors["decoder.bias"] = w["b_dec"]
        save_file({key: torch.tensor(v).contiguous() for key, v in tensors.items()}, target / "final.safetensors")
        (target.parent / "hyperparams.json").write_text(json.dumps(cfg, indent=4))
        x = inputs(seed)
        codes, reconstruction = llama_scope(w, x.numpy(), cfg)
        expected(folder, inner, x, codes, reconstruction)
    # SAELens leaves decoder norms out. Where they are 1, it makes the same of an autoencoder.
    w = weights(50)
    w["decoder"] /= np.linalg.norm(w["decoder"], axis=1, keepdims=True)
    root = out / "unit"
    (root / "L15R/checkpoints").mkdir(parents=True)
    tensors = {"encoder.weight": w["encoder"], "encoder.bias": w["b_enc"], "decoder.weight": w["decoder"].T, "decoder.bias": w["b_dec"]}
    save_file({key: torch.tensor(v).contiguous() for key, v in tensors.items()}, root / "L15R/checkpoints/final.safetensors")
    (root / "L15R/hyperparams.json").write_text(json.dumps(base))
    x = inputs(50)
    _, ours = llama_scope(w, x.numpy(), base)
    _, theirs, _ = saelens("llama_scope", root, "fnlp/Llama3_1-8B-Base-LXR-8x", "L15R", x, scale=WIDTH**0.5 / 3.5, dtype="float32")
    assert np.abs(ours - theirs).max() < 1e-5 * np.abs(ours).max(), np.abs(ours - theirs).max()


# ---- OpenAI ----


def make_pytorch_openai(out):
    for seed, (name, place, activation) in enumerate([
        ("topk", "resid_delta_mlp_v5_32k/autoencoders/6.pt", "TopK"),
        ("relu", "mlp_post_act/autoencoders/11.pt", None),
    ], 60):
        folder = out / f"pytorch-openai-{name}"
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        w = weights(seed)
        state = {
            "pre_bias": w["b_dec"], "latent_bias": w["b_enc"], "encoder.weight": w["encoder"],
            "decoder.weight": w["decoder"].T.copy(), "latents_activation_frequency": np.ones(FEATURES, np.float32),
            "latents_mean_square": np.zeros(FEATURES, np.float32), "stats_last_nonzero": np.zeros(FEATURES, np.int64)}
        state = {key: torch.tensor(value) for key, value in state.items()}
        if activation:
            state |= dict(activation=activation, activation_state_dict=dict(k=K, postact_fn="ReLU"))
        torch.save(state, folder / place)
        x = inputs(seed)
        if activation:
            x[0] = 1.5  # a token that does not vary
            x[1] *= 1e-4
        read, mean, std = x.numpy().astype(np.float64), 0, 1
        if activation:
            mean, std = read.mean(1, keepdims=True), read.std(1, ddof=1, keepdims=True)
            read = (read - mean) / (std + 1e-5)
        pre = (read - w["b_dec"]) @ w["encoder"].T.astype(np.float64) + w["b_enc"]
        codes = np.maximum(pre, 0)
        codes = largest(codes, K) if activation else codes
        reconstruction = (codes @ w["decoder"].astype(np.float64) + w["b_dec"]) * std + mean
        expected(folder, place, x, codes, reconstruction)


# ---- other files of their own ----


def make_pytorch(out):
    """Published with SAELens's loaders for them as the only code that reads them."""
    linear = lambda w, en, de: {f"{en}.weight": w["encoder"], f"{en}.bias": w["b_enc"], f"{de}.weight": w["decoder"].T, f"{de}.bias": w["b_dec"]}
    plain = lambda w: dict(W_enc=w["encoder"], W_dec=w["decoder"].T, b_enc=w["b_enc"], b_dec=w["b_dec"])
    turned = lambda w: dict(W_enc=w["encoder"].T, W_dec=w["decoder"], b_enc=w["b_enc"], b_dec=w["b_dec"])
    qwen = "SAE-Res-Qwen3-1.7B-Base-W32K-L0_%d"
    config = dict(model_type="topk_sae", base_model="Qwen/Qwen3-1.7B-Base", d_model=WIDTH, d_sae=FEATURES, k=K,
                  num_layers=28, hook_point="resid_post", dtype="float32")
    sizes = dict(d_in=WIDTH, d_sae=FEATURES)
    top = dict(activation_fn_kwargs=dict(k=K))
    cases = [
        ("goodfire", "goodfire", "Goodfire/Llama-3.1-8B-Instruct-SAE-l19", "Llama-3.1-8B-Instruct-SAE-l19.pth",
         lambda w: linear(w, "encoder_linear", "decoder_linear"), None, dict(dtype="float32")),
        ("deepseek", "deepseek_r1", "qresearch/DeepSeek-R1-Distill-Llama-8B-SAE-l19", "DeepSeek-R1-Distill-Llama-8B-SAE-l19.pt",
         lambda w: linear(w, "encoder", "decoder"), None, dict(dtype="float32")),
        ("qwen", "qwen_scope", "Qwen/" + qwen % 50, "layer5.sae.pt", plain, ("config.json", config), top),
        ("qwen-unconfigured", "qwen_scope", "Qwen/" + qwen % K, "layer6.sae.pt", plain, None, top),
        ("hook-z", "connor_rob_hook_z", "ckkissane/attn-saes", "gpt2-small_L5_Hcat_z_v9.pt", turned,
         ("gpt2-small_L5_Hcat_z_v9_cfg.json", dict(act_size=WIDTH, dict_size=FEATURES, act_name="blocks.5.attn.hook_z", l1_coeff=2)), {}),
    ]
    for seed, (name, loader, repo, file, tensors, beside, overrides) in enumerate(cases, 90):
        folder = out / f"pytorch-{name}"
        root = folder / repo.split("/")[1]
        root.mkdir(parents=True, exist_ok=True)
        w = weights(seed)
        torch.save({key: torch.tensor(v).contiguous() for key, v in tensors(w).items()}, root / file)
        if beside:
            (root / beside[0]).write_text(json.dumps(beside[1]))
        x = inputs(seed)
        more = {} if loader == "connor_rob_hook_z" else sizes
        codes, reconstruction, cfg = saelens(loader, root, repo, file, x, **(more | overrides))
        print(cfg.metadata.model_name, cfg.metadata.hook_name)
        expected(folder, f"{root.name}/{file}", x, codes, reconstruction)


# ---- circuit-tracer ----


def make_circuit_tracer(out):
    cases = [
        ("relu", "relu", dict(feature_input_hook="mlp.hook_in", feature_output_hook="mlp.hook_out"), WIDTH),
        ("jump", "jump", dict(feature_input_hook="hook_resid_mid", feature_output_hook="hook_mlp_out"), WIDTH),
        ("skip", "skip", dict(feature_input_hook="hook_resid_mid", feature_output_hook="hook_mlp_out", activation="relu"), OUT_WIDTH),
    ]
    for seed, (name, inner, config, width) in enumerate(cases, 70):
        folder = out / f"circuit_tracer-{name}"
        (folder / inner).mkdir(parents=True, exist_ok=True)
        config = dict(model_name="Qwen/Qwen3-4B", model_kind="transcoder_set", scan="owner/set") | config
        lines = ["# Transcoders, one per layer", "---"]
        lines += [f'{key}: "{value}"' if isinstance(value, str) else f"{key}: {value}" for key, value in config.items()]
        (folder / inner / "config.yaml").write_text("\n".join(lines) + "\n")
        for layer in range(2):
            w = weights(seed + 10 * layer, width)
            tensors = dict(W_enc=w["encoder"], W_dec=w["decoder"], b_enc=w["b_enc"], b_dec=w["b_dec"])
            if name == "jump":
                tensors["activation_function.threshold"] = w["threshold"]
            if name == "skip":
                tensors["W_skip"] = w["skip"]
            save_file({key: torch.tensor(v).contiguous() for key, v in tensors.items()}, folder / inner / f"layer_{layer}.safetensors")
        x = inputs(seed)
        if name == "relu":
            for file in ("wandb-config.yaml",):
                (folder / inner / file).write_text(
                    "d_model: {value: %d}\nd_feature: {value: %d}\nbatch_size: {value: 8}\n" % (WIDTH, FEATURES))
            codes, reconstruction, _ = saelens("mwhanna_transcoder", folder / inner, "mwhanna/qwen3-4b-transcoders", "layer_1.safetensors", x)
            (folder / inner / "wandb-config.yaml").unlink()
        else:
            pre = x.numpy().astype(np.float64) @ w["encoder"].T + w["b_enc"]
            codes = pre * (pre > w["threshold"]) if name == "jump" else pre.clip(0)
            reconstruction = codes @ w["decoder"].astype(np.float64) + w["b_dec"]
            if name == "skip":
                reconstruction = reconstruction + x.numpy() @ w["skip"].T
        expected(folder, f"{inner}/layer_1.safetensors", x, codes, reconstruction)


def main():
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    makers = {name[5:]: make for name, make in globals().items() if name.startswith("make_")}
    for name in sys.argv[2:] or makers:
        makers[name](out)
    for scratch in ("native", "unit"):
        for path in sorted((out / scratch).rglob("*"), reverse=True) if (out / scratch).exists() else []:
            path.unlink() if path.is_file() else path.rmdir()
        if (out / scratch).exists():
            (out / scratch).rmdir()


main()
