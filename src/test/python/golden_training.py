"""Golden runs of dictionary learning: PyTorch autograd, dense optimisers, 20 steps.

Usage: python golden_training.py <out folder> [<case> ...]

Without names of cases it writes all of them. Writes training-<case>.safetensors for each case. A file holds the starting parameters, the batches
(stacked, [steps, batch, width]), the loss of every step and the parameters after steps 1, 5 and 20.
The Adam is torch.optim.Adam. SparseAdam is written out densely from its definition: the moments of
every entry decay at each step, an entry moves only where its gradient is not zero, and the bias
correction counts all steps. Thresholds learn by a straight-through estimate, whose backward passes
are written here as the paper of JumpReLU has them (arXiv 2407.14435).
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

STEPS, BATCH, FEATURES, K = 20, 16, 24, 4
PENALTY = 0.3
LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-2, 0.9, 0.999, 1e-8
NAMES = ("encoder", "encoder_bias", "decoder", "decoder_bias")
BANDWIDTH, NEAR_ZERO, RESIDUAL = 0.4, 1e-3, 1.5
EXPONENTS = [1 - 0.04 * (step // 4) * 4 for step in range(STEPS)]
EXTRAS = {"jumprelu": ("log_threshold",), "gated": ("log_scale", "magnitude_bias")}


def window(distance):
    return (distance.abs() < BANDWIDTH / 2).float() / BANDWIDTH


class JumpReLU(torch.autograd.Function):
    @staticmethod
    def forward(context, value, threshold):
        context.save_for_backward(value, threshold)
        return value * (value > threshold)

    @staticmethod
    def backward(context, gradient):
        value, threshold = context.saved_tensors
        of_threshold = -threshold * window(value - threshold) * gradient
        return (value > threshold) * gradient, of_threshold.sum(0)


class Step(torch.autograd.Function):
    @staticmethod
    def forward(context, value, threshold):
        context.save_for_backward(value, threshold)
        return (value > threshold).float()

    @staticmethod
    def backward(context, gradient):
        value, threshold = context.saved_tensors
        return torch.zeros_like(value), (-window(value - threshold) * gradient).sum(0)


def charge(codes, norms, penalty, exponent):
    """What the codes cost, as the mean over rows."""
    charged = codes * norms
    if penalty == "tanh":
        return torch.tanh(2 * charged).sum(1).mean()
    if penalty == "power":
        return ((charged + NEAR_ZERO) ** exponent - NEAR_ZERO**exponent).sum(1).mean()
    return charged.sum(1).mean()


def learned(parameters, x, y, subtract_bias, selection, penalty):
    """Reconstruction, and all of the loss beside its error: learned thresholds and gates."""
    encoder, encoder_bias, decoder, decoder_bias = parameters[:4]
    products = (x - decoder_bias if subtract_bias else x) @ encoder.T
    if selection == "jumprelu":
        threshold = parameters[4].exp()
        value = products + encoder_bias
        codes = JumpReLU.apply(value, threshold)
        cost = (
            Step.apply(value, threshold).sum(1).mean()
            if penalty == "count"
            else charge(codes, decoder.norm(dim=1), penalty, 1)
        )
        return codes @ decoder + decoder_bias, PENALTY * cost, 0.0
    log_scale, magnitude_bias = parameters[4:]
    opening = torch.relu(products + encoder_bias)
    codes = (opening > 0) * torch.relu(log_scale.exp() * products + magnitude_bias)
    cost = charge(opening, decoder.norm(dim=1), penalty, 1)
    auxiliary = (opening @ decoder.detach() + decoder_bias.detach() - y).pow(2).sum(1).mean()
    return codes @ decoder + decoder_bias, PENALTY * cost, auxiliary


class SparseAdam:
    def __init__(self, parameters):
        self.parameters = parameters
        self.first = [torch.zeros_like(p) for p in parameters]
        self.second = [torch.zeros_like(p) for p in parameters]
        self.step_count = 0

    @torch.no_grad()
    def step(self):
        self.step_count += 1
        for p, m, v in zip(self.parameters, self.first, self.second):
            if p.grad is None:
                continue
            m.mul_(BETA1).add_(p.grad, alpha=1 - BETA1)
            v.mul_(BETA2).addcmul_(p.grad, p.grad, value=1 - BETA2)
            m_hat = m / (1 - BETA1**self.step_count)
            v_hat = v / (1 - BETA2**self.step_count)
            moved = LEARNING_RATE * m_hat / (v_hat.sqrt() + EPSILON)
            p.sub_(torch.where(p.grad != 0, moved, torch.zeros_like(moved)))

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None


def pursue(parameters, x, subtract_bias):
    """Codes of matching pursuit, picks outside of autograd and amounts inside."""
    decoder, decoder_bias = parameters[2:4]
    residual = x - decoder_bias if subtract_bias else x
    codes = torch.zeros(len(x), len(decoder))
    done = torch.zeros(len(x), dtype=torch.bool)
    for _ in range(K):
        with torch.no_grad():
            picks = (residual @ decoder.T).argmax(1)
        rows = decoder[picks]
        amounts = torch.relu((residual * rows).sum(1)) * ~done
        with torch.no_grad():
            again = codes.gather(1, picks[:, None]).squeeze(1) != 0
        codes = codes.scatter_add(1, picks[:, None], amounts[:, None])
        residual = residual - amounts[:, None] * rows
        done = done | again | (amounts == 0) | (residual.norm(dim=1) < RESIDUAL)
    return codes


def forward(parameters, x, subtract_bias, rank_by_norm, selection, penalty, exponent):
    if selection == "pursuit":
        return pursue(parameters, x, subtract_bias), 0.0
    encoder, encoder_bias, decoder, decoder_bias = parameters
    seen = x - decoder_bias if subtract_bias else x
    activation = seen @ encoder.T + encoder_bias
    activation = activation if selection == "abstopk" else torch.relu(activation)
    rank = activation * decoder.norm(dim=1) if rank_by_norm else activation
    if selection == "relu":
        mask = torch.ones_like(activation)
    elif selection == "batchtopk":
        chosen = rank.detach().flatten().topk(K * len(x)).indices
        mask = torch.zeros_like(activation).flatten().scatter_(0, chosen, 1.0).view_as(activation)
    else:
        chosen = rank.detach().abs().topk(K, dim=1).indices
        mask = torch.zeros_like(activation).scatter_(1, chosen, 1.0)
    cost = charge(activation, decoder.norm(dim=1), penalty, exponent) if selection == "relu" else 0.0
    return activation * mask, PENALTY * cost


def run(
    out, case, seed, optimiser, subtract_bias, rank_by_norm, width_in, width_out, selection="topk", penalty="linear",
    prefixes=(FEATURES,),
):
    if sys.argv[2:] and case not in sys.argv[2:]:
        return
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator)

    mixing = normal(width_in, width_in)
    inputs = normal(STEPS, BATCH, width_in) @ mixing * 0.5 + 0.3
    targets = inputs if width_in == width_out else inputs @ normal(width_in, width_out) * 0.4
    decoder = normal(FEATURES, width_out)
    decoder = decoder / decoder.norm(dim=1, keepdim=True) * (0.5 + torch.rand(FEATURES, 1, generator=generator))
    if selection == "pursuit":
        decoder = decoder / decoder.norm(dim=1, keepdim=True)
    encoder = decoder.clone() if width_in == width_out else normal(FEATURES, width_in) * 0.3
    start = [encoder, normal(FEATURES) * 0.1, decoder, normal(width_out) * 0.2]
    extras = EXTRAS.get(selection, ())
    names = NAMES + extras
    if selection == "jumprelu":
        start.append(torch.log(0.2 + 0.6 * torch.rand(FEATURES, generator=generator)))
    elif selection == "gated":
        start += [normal(FEATURES) * 0.1, normal(FEATURES) * 0.3]
    parameters = [p.clone().requires_grad_() for p in start]
    steps = (
        torch.optim.Adam(parameters, lr=LEARNING_RATE, betas=(BETA1, BETA2), eps=EPSILON)
        if optimiser == "adam"
        else SparseAdam(parameters)
    )
    tensors = {f"start.{n}": p.clone() for n, p in zip(names, start)}
    tensors["inputs"] = inputs.contiguous()
    if width_in != width_out:
        tensors["targets"] = targets.contiguous()
    losses = []
    for step in range(1, STEPS + 1):
        x, y = inputs[step - 1], targets[step - 1]
        auxiliary = 0.0
        if extras:
            found, cost, auxiliary = learned(parameters, x, y, subtract_bias, selection, penalty)
        else:
            codes, cost = forward(
                parameters, x, subtract_bias, rank_by_norm, selection, penalty, EXPONENTS[step - 1]
            )
            decoder, decoder_bias = parameters[2:4]
            nested = [codes[:, :end] @ decoder[:end] + decoder_bias for end in prefixes]
            found = nested[-1]
        loss = (found - y).pow(2).sum(1).mean() + cost
        steps.zero_grad()
        if len(prefixes) > 1:
            # What is written down is the error of the whole, what is learned from the mean of all.
            sum((part - y).pow(2).sum(1).mean() for part in nested).div(len(prefixes)).backward()
        else:
            (loss + auxiliary).backward()
        steps.step()
        losses.append(loss.item())
        if step in (1, 5, 20):
            for n, p in zip(names, parameters):
                tensors[f"after{step}.{n}"] = p.detach().clone()
    tensors["losses"] = torch.tensor(losses, dtype=torch.float64)
    settings = dict(
        optimiser=optimiser, subtractDecoderBias=subtract_bias, rankByDecoderNorm=rank_by_norm,
        inputWidth=width_in, outputWidth=width_out, features=FEATURES, k=K, steps=STEPS,
        selection=selection, penalty=PENALTY if selection == "relu" or extras else 0, batch=BATCH, learningRate=LEARNING_RATE, beta1=BETA1, beta2=BETA2, epsilon=EPSILON,
    )
    if penalty != "linear":
        settings["penaltyKind"] = penalty
    if len(prefixes) > 1:
        settings["prefixes"] = prefixes
    if penalty == "power":
        settings["exponents"] = EXPONENTS
    if selection == "pursuit":
        settings["residual"] = RESIDUAL
    if selection == "jumprelu":
        settings["bandwidth"] = BANDWIDTH
    save_file(tensors, out / f"training-{case}.safetensors", metadata={"settings": json.dumps(settings)})
    print(case, losses[0], losses[-1])


def main():
    out = Path(sys.argv[1])
    torch.set_num_threads(1)
    seed = 0
    for optimiser in ("adam", "sparse-adam"):
        for subtract_bias in (False, True):
            for rank_by_norm in (False, True):
                case = "-".join(
                    [optimiser, "centred" if subtract_bias else "plain", "norm" if rank_by_norm else "value"]
                )
                seed += 1
                run(out, case, seed, optimiser, subtract_bias, rank_by_norm, 8, 8)
        seed += 1
        run(out, f"{optimiser}-transcoder", seed, optimiser, False, True, 8, 6)
    for selection in ("batchtopk", "relu"):
        for optimiser, subtract_bias, rank_by_norm in (("adam", True, False), ("sparse-adam", False, True)):
            seed += 1
            run(out, f"{optimiser}-{selection}", seed, optimiser, subtract_bias, rank_by_norm, 8, 8, selection)
    for case, optimiser, subtract_bias, selection, penalty in (
        ("adam-jumprelu-count", "adam", True, "jumprelu", "count"),
        ("sparse-adam-jumprelu-count", "sparse-adam", False, "jumprelu", "count"),
        ("adam-jumprelu-linear", "adam", False, "jumprelu", "linear"),
        ("sparse-adam-jumprelu-tanh", "sparse-adam", True, "jumprelu", "tanh"),
        ("adam-relu-power", "adam", True, "relu", "power"),
        ("sparse-adam-relu-power", "sparse-adam", False, "relu", "power"),
        ("adam-gated", "adam", True, "gated", "linear"),
        ("sparse-adam-gated", "sparse-adam", False, "gated", "linear"),
    ):
        seed += 1
        run(out, case, seed, optimiser, subtract_bias, False, 8, 8, selection, penalty)
    for case, optimiser, subtract_bias, rank_by_norm, selection, prefixes in (
        ("adam-abstopk", "adam", True, False, "abstopk", (FEATURES,)),
        ("sparse-adam-abstopk", "sparse-adam", False, True, "abstopk", (FEATURES,)),
        ("adam-topk-nested", "adam", True, True, "topk", (5, 14, FEATURES)),
        ("sparse-adam-topk-nested", "sparse-adam", True, False, "topk", (10, FEATURES)),
        ("adam-batchtopk-nested", "adam", False, False, "batchtopk", (3, 6, 12, FEATURES)),
        ("adam-pursuit", "adam", True, False, "pursuit", (FEATURES,)),
        ("sparse-adam-pursuit", "sparse-adam", False, False, "pursuit", (FEATURES,)),
    ):
        seed += 1
        run(
            out, case, seed, optimiser, subtract_bias, rank_by_norm, 8, 8, selection,
            prefixes=prefixes,
        )


main()
