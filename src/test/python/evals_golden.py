"""What SAELens's own evals measure of small dictionaries on tiny models, for EvalsTest.

Usage: python evals_golden.py MODELS OUT    (an interpreter with sae_lens and transformer_lens)

MODELS is src/test/resources/golden/model/causal, OUT src/test/resources/golden/evals. Each case is a
folder with a random dictionary in SAELens's format and evals.json: the texts (a context each), what
run_evals says of them, the same by position, and mean ablation, which SAELens does not have. A case
has one ignored token, at the first position of each context: tiny-llama's <s>, which its tokenizer
adds, and 'call' for tiny-gpt2, whose tokenizer adds none.
"""

import json
import pathlib
import sys
import warnings

warnings.filterwarnings("ignore")

import torch
from sae_lens import evals
from sae_lens.saes import jumprelu_sae, standard_sae, topk_sae
from sae_lens.saes.sae import SAEMetadata
from sae_lens.training.activation_scaler import ActivationScaler
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions.gpt2 import convert_gpt2_weights
from transformer_lens.pretrained.weight_conversions.llama import convert_llama_weights
from transformers import AutoModelForCausalLM

CONTEXTS, LENGTH, WIDTH, FEATURES = 6, 12, 24, 40
models, out = map(pathlib.Path, sys.argv[1:])


def hooked(name):
    source = AutoModelForCausalLM.from_pretrained(models / name, dtype=torch.float32).eval()
    c = source.config
    common = dict(
        n_layers=3, d_model=WIDTH, n_ctx=64, n_heads=4, d_mlp=28, d_vocab=48, device="cpu",
        default_prepend_bos=False, seed=1,
    )
    if name == "tiny-gpt2":
        config = HookedTransformerConfig(
            **common, d_head=6, act_fn="gelu_new", normalization_type="LN",
            eps=c.layer_norm_epsilon,
        )
        weights = convert_gpt2_weights(source, config)
    else:
        rope = c.rope_parameters
        config = HookedTransformerConfig(
            **common, d_head=8, act_fn="silu", normalization_type="RMS", eps=c.rms_norm_eps,
            n_key_value_heads=2, gated_mlp=True, final_rms=True, positional_embedding_type="rotary",
            rotary_dim=8, rotary_adjacent_pairs=False, rotary_base=int(rope["rope_theta"]),
            use_NTK_by_parts_rope=True, NTK_by_parts_factor=rope["factor"],
            NTK_by_parts_low_freq_factor=rope["low_freq_factor"],
            NTK_by_parts_high_freq_factor=rope["high_freq_factor"],
            NTK_original_ctx_len=rope["original_max_position_embeddings"],
        )
        weights = convert_llama_weights(source, config)
    model = HookedTransformer(config)
    missing = model.load_state_dict(weights, strict=False).missing_keys
    assert all(part in key for key in missing for part in ["."]), missing
    ids = torch.arange(3, 3 + LENGTH)[None]
    torch.testing.assert_close(model(ids), source(ids).logits, rtol=1e-4, atol=1e-4)
    return model


def dictionary(kind, hook, seed):
    torch.manual_seed(seed)
    metadata = SAEMetadata(hook_name=hook, model_name="tiny", prepend_bos=True)
    common = dict(d_in=WIDTH, d_sae=FEATURES, dtype="float32", device="cpu", metadata=metadata,
                  apply_b_dec_to_input=True, normalize_activations="none", reshape_activations="none")
    if kind == "standard":
        sae = standard_sae.StandardSAE(standard_sae.StandardSAEConfig(**common))
    elif kind == "jumprelu":
        sae = jumprelu_sae.JumpReLUSAE(jumprelu_sae.JumpReLUSAEConfig(**common))
    else:
        sae = topk_sae.TopKSAE(
            topk_sae.TopKSAEConfig(**common, k=7, rescale_acts_by_decoder_norm=False))
    with torch.no_grad():
        decoder = torch.nn.functional.normalize(torch.randn(FEATURES, WIDTH), dim=1)
        sae.W_dec.copy_(decoder)
        sae.W_enc.copy_(0.6 * decoder.T + 0.05 * torch.randn(WIDTH, FEATURES))
        sae.b_dec.copy_(0.1 * torch.randn(WIDTH))
        sae.b_enc.copy_(0.1 * torch.randn(FEATURES) - 0.2)
        if kind == "jumprelu":
            sae.threshold.copy_(0.1 + 0.2 * torch.rand(FEATURES))
    return sae.eval()


class Tokens:
    """The part of SAELens's store that evals use."""

    store_batch_size_prompts = CONTEXTS
    context_size = LENGTH

    def __init__(self, tokens):
        self.tokens = tokens
        self.at = 0

    def get_batch_tokens(self, size):
        batch = self.tokens[self.at : self.at + size]
        self.at = (self.at + size) % CONTEXTS
        return batch

    def reset_input_dataset(self):
        self.at = 0


@torch.no_grad()
def case(folder, model_name, kind, hook, ignored, seed):
    model = hooked(model_name)
    sae = dictionary(kind, hook, seed)
    words = json.loads((models / model_name / "tokenizer.json").read_text())["model"]["vocab"]
    names = {place: word for word, place in words.items()}
    usable = [i for i in range(3, 48) if i != ignored and names[i].isalpha()]
    places = torch.randint(0, len(usable), (CONTEXTS, LENGTH - 1))
    tokens = torch.cat([torch.full((CONTEXTS, 1), ignored), torch.tensor(usable)[places]], 1)
    store, scaler = Tokens(tokens), ActivationScaler()

    def run(prompts, **config):
        store.reset_input_dataset()
        return evals.run_evals(
            sae, store, model, scaler,
            evals.EvalConfig(batch_size_prompts=prompts, **config),
            exclude_special_tokens=[ignored],
        )

    # Losses are averaged over all batches, so their number does not matter; the legacy explained
    # variance is taken about the mean of each batch, so there is one.
    effects, _ = run(2, n_eval_reconstruction_batches=3, compute_kl=True, compute_ce_loss=True)
    tokens_of, features = run(
        CONTEXTS, n_eval_sparsity_variance_batches=1, compute_l2_norms=True,
        compute_sparsity_metrics=True, compute_variance_metrics=True,
        compute_featurewise_density_statistics=True,
    )
    by_token = evals.get_recons_loss(
        sae, model, scaler, tokens, compute_kl=True, compute_ce_loss=True, ignore_tokens=[ignored])

    _, cache = model.run_with_cache(tokens, names_filter=[hook])
    shaped = cache[hook]
    x = shaped.flatten(2)
    mean = x[:, 1:].mean((0, 1))
    logits, clean = model(tokens, return_type="both", loss_per_token=True)

    def ablate(value, hook):
        new = value.clone()
        new[:, 1:] = mean.reshape(value.shape[2:])
        return new

    ablated, loss = model.run_with_hooks(
        tokens, return_type="both", loss_per_token=True, fwd_hooks=[(hook, ablate)])
    by_token["ce_loss_with_mean_ablation"] = loss
    by_token["kl_div_with_mean_ablation"] = evals._kl(logits, ablated)
    codes = sae.encode(x)
    made = sae.decode(codes)
    error = (x - made).pow(2).sum(-1)
    spread = (x - mean).pow(2).sum(-1)
    tokens_by_position = {
        "mse": error.mean(0),
        "explained_variance": 1 - error.sum(0) / spread.sum(0),
        "explained_variance_legacy": (1 - error / spread).mean(0),
        "cossim": torch.nn.functional.cosine_similarity(x, made, dim=-1).mean(0),
        "l0": (codes != 0).sum(-1).float().mean(0),
        "l1": codes.abs().sum(-1).mean(0),
        "l2_norm_in": x.norm(dim=-1).mean(0),
        "l2_norm_out": made.norm(dim=-1).mean(0),
        "l2_ratio": (made.norm(dim=-1) / x.norm(dim=-1)).mean(0),
        "relative_reconstruction_bias": made.pow(2).sum(-1).mean(0) / (x * made).sum(-1).mean(0),
    }
    positions = {
        name: [None, *value[1:].tolist()] for name, value in tokens_by_position.items()
    } | {name: [None, *value.mean(0)[1:].tolist()] for name, value in by_token.items()}

    target = out / folder
    sae.save_model(target)
    found = {name: value for group in (effects | tokens_of).values() for name, value in group.items()}
    for name in ["ce_loss_with_mean_ablation", "kl_div_with_mean_ablation"]:
        found[name] = by_token[name][:, 1:].mean().item()
    skip = 1 if model_name == "tiny-llama" else 0  # the tokenizer adds it
    (target / "evals.json").write_text(json.dumps({
        "model": model_name,
        "context": LENGTH,
        "texts": [" ".join(names[i] for i in row[skip:]) for row in tokens.tolist()],
        "evals": found,
        # A feature that never fires has no firings per context.
        "features": {k: [v if v == v else None for v in vs] for k, vs in features.items()},
        "positions": positions,
    }, indent=1) + "\n")
    print(folder, json.dumps(found))


case("gpt2-standard", "tiny-gpt2", "standard", "blocks.1.hook_resid_post", 11, 1)
case("gpt2-jumprelu", "tiny-gpt2", "jumprelu", "blocks.1.attn.hook_z", 11, 2)
case("llama-topk", "tiny-llama", "topk", "blocks.1.hook_mlp_out", 0, 3)
