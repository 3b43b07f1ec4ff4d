"""Records what verl and TRL compute for the objectives of `prentice_train::objective`, with gradients from autograd.

Run it in any environment on the CPU with torch, verl and trl (the versions used are in the golden files) and what these
two import, notably ray, tensordict, omegaconf, accelerate and datasets:

    python make.py

It writes `policy.json` and `preference.json` beside itself. Everything is float64; inputs that are float32 in the
engine are rounded to float32 first. Upstream's own functions are called:

- `verl.trainer.ppo.core_algos`: advantages, policy losses, penalties, aggregation, the value loss.
- `trl.trainer.dpo_trainer.DPOTrainer._compute_loss` (DPO, IPO), `trl.trainer.kto_trainer.KTOTrainer._compute_loss`,
  `trl.experimental.orpo.ORPOTrainer.odds_ratio_loss`, `trl.experimental.cpo.CPOTrainer.cpo_loss` (SimPO; smoothed
  DPO), on objects that have just the attributes these methods read.
- `trl.trainer.grpo_trainer.GRPOTrainer._compute_loss`: nothing is recorded; the script stops if it does not agree with
  verl where both have an algorithm.

What is restated here, since upstream has it inside larger functions, names its source. A case holds the algorithm in
the engine's own format, which the functions below translate.
"""

import collections
import importlib.metadata
import json
import os
import pathlib
import types

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

import numpy
import torch
import torch.nn.functional as F
from trl.experimental.cpo.cpo_trainer import CPOTrainer
from trl.experimental.orpo.orpo_trainer import ORPOTrainer
from trl.trainer.dpo_trainer import DPOTrainer
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.kto_trainer import KTOTrainer
from verl.trainer.config import AlgoConfig
from verl.trainer.ppo import core_algos
from verl.workers.config import ActorConfig

HERE = pathlib.Path(__file__).parent
LONGEST = 14

# ---- Policy objectives: algorithms, in the engine's format ----

CLIP = {"form": "clip", "low": 0.2, "high": 0.2, "dual": None}
GRPO = {
    "advantage": {"estimator": "group_mean", "deviation_epsilon": 1e-6},
    "ratio": "token",
    "surrogate": CLIP,
    "aggregation": {"mean": "token"},
    "kl": None,
    "overlong": None,
    "dynamic_sampling": None,
    "value": None,
}


def kl(coefficient, estimator, place):
    return {"coefficient": coefficient, "estimator": estimator, "place": place}


PER_SEQUENCE = {"mean": "sequence"}
DAPO = GRPO | {
    "surrogate": CLIP | {"high": 0.28},
    "overlong": {"length": LONGEST, "buffer": 3, "factor": 1.0},
    "dynamic_sampling": {"rounds": 10},
}
GSPO = GRPO | {
    "ratio": "sequence",
    "surrogate": CLIP | {"low": 3e-4, "high": 4e-4},
    "aggregation": PER_SEQUENCE,
}
CISPO = GRPO | {"surrogate": {"form": "clipped_weight", "low": 1.0, "high": 0.2}}
PPO = GRPO | {
    "advantage": {"estimator": "generalised", "gamma": 1.0, "lambda": 1.0},
    "value": {"coefficient": 0.1, "clip": 0.5},
}
REINFORCE = GRPO | {
    "advantage": {"estimator": "whitened_returns", "gamma": 1.0},
    "kl": kl(0.01, "k1", "reward"),
}
ALGORITHMS = {
    "grpo": GRPO | {"aggregation": PER_SEQUENCE, "kl": kl(0.001, "k3", "loss")},
    "dr-grpo": GRPO
    | {
        "advantage": {"estimator": "group_mean", "deviation_epsilon": None},
        "aggregation": {"mean": "constant_length", "length": LONGEST},
    },
    "dapo": DAPO,
    "rloo": GRPO | {"advantage": {"estimator": "leave_one_out"}, "kl": kl(0.05, "k1", "reward")},
    "reinforce++": REINFORCE,
    "reinforce++-baseline": GRPO
    | {"advantage": {"estimator": "whitened_group_mean"}, "kl": kl(0.001, "k2", "loss")},
    "gspo": GSPO,
    "cispo": CISPO,
    "ppo": PPO,
    # Parts that no preset has, and coefficients large enough to be seen at 1e-5.
    "grpo, strong k3": GRPO | {"aggregation": PER_SEQUENCE, "kl": kl(0.3, "k3", "loss")},
    "strong k2 in the loss": GRPO | {"kl": kl(0.3, "k2", "loss")},
    "strong k1 in the loss": GRPO | {"kl": kl(0.3, "k1", "loss")},
    "k3 in the reward": REINFORCE | {"kl": kl(0.3, "k3", "reward")},
    "discounted returns": REINFORCE | {"advantage": {"estimator": "whitened_returns", "gamma": 0.9}},
    "dual clip": GRPO | {"surrogate": CLIP | {"dual": 3.0}},
    "wide gspo": GSPO | {"surrogate": CLIP | {"low": 0.04, "high": 0.06}, "aggregation": {"mean": "token"}},
    "cispo, two bounds": CISPO | {"surrogate": {"form": "clipped_weight", "low": 0.2, "high": 0.28}},
    "ppo, discounted": PPO
    | {
        "advantage": {"estimator": "generalised", "gamma": 0.99, "lambda": 0.95},
        "kl": kl(0.05, "k2", "reward"),
        "value": {"coefficient": 1.0, "clip": 0.2},
    },
}


def make_batch():
    """Rows are trajectories, padded on the right: groups of different sizes, interleaved."""
    random = numpy.random.default_rng(20250314)
    masks = [
        # 1 is a token of the policy, 0 an observation.
        "11111111", "1110001111", "1", "11111100", "11111111111111", "110111011110",
        "0011111", "11111", "1111111", "000", "11", "111111111111", "1111",
    ]  # fmt: skip
    groups = [0, 1, 0, 2, 1, 2, 0, 1, 2, 1, 2, 0, 3]
    # Group 2 does not vary; group 3 has one member; row 9 has no token of the policy and still counts in its group.
    rewards = [1.0, 0.0, 0.25, 0.1, 1.0, 0.1, 0.0, 0.75, 0.1, 0.5, 0.1, -0.5, 0.0]
    # Row 0 is on policy; the others move by so much.
    moves = [0.0, 0.3, 0.3, 1e-3, 0.6, 1.0, 0.4, 2e-4, 0.6, 0.1, 1.2, 0.25, 2e-4]
    rows, width = len(masks), max(map(len, masks))

    def padded(scale, offset=0.0):
        return torch.tensor(random.normal(offset, scale, (rows, width)), dtype=torch.float32).double()

    mask = torch.tensor([[float(c == "1") for c in m.ljust(width, "0")] for m in masks], dtype=torch.float64)
    behaviour = -padded(1.0).abs() - 0.05
    current = behaviour + torch.tensor(moves, dtype=torch.float64)[:, None] * padded(1.0)
    reference = behaviour + padded(0.4)
    # Past verl's bounds of k3: the estimate above 10, and the difference above 20.
    reference[4, 3], reference[8, 2] = behaviour[4, 3] + 4.0, behaviour[8, 2] + 25.0
    values = padded(0.5, 0.3)
    return types.SimpleNamespace(
        lengths=[len(m) for m in masks],
        groups=groups,
        mask=mask,
        rewards=torch.tensor(rewards, dtype=torch.float64),
        behaviour=behaviour.float().double(),
        current=current.float().double(),
        reference=reference.float().double(),
        values=values,
        predicted=(values + padded(0.5)).float().double(),
    )


def token_rewards(algorithm, batch):
    rewards = batch.rewards.clone()
    if overlong := algorithm["overlong"]:
        # verl/workers/reward_manager/dapo.py, DAPORewardManager.__call__.
        exceed = batch.mask.sum(-1) - (overlong["length"] - overlong["buffer"])
        rewards += torch.clamp(-exceed / overlong["buffer"] * overlong["factor"], max=0)
    placed = torch.zeros_like(batch.mask)
    for row, mask in enumerate(batch.mask):
        # The engine's choice: the last token of the policy. Where there is none, any place enters the score.
        own = mask.nonzero()
        placed[row, own[-1].item() if len(own) else 0] = rewards[row]
    penalty = algorithm["kl"]
    if penalty and penalty["place"] == "reward":
        # verl/trainer/ppo/ray_trainer.py, apply_kl_penalty.
        divergence = core_algos.kl_penalty(batch.behaviour, batch.reference, penalty["estimator"])
        placed = placed - penalty["coefficient"] * divergence * batch.mask
    return placed


def without_singletons(batch, rewards):
    """verl gives a group of one its bare reward; the engine's choice is 0."""
    counts = collections.Counter(batch.groups)
    single = torch.tensor([counts[group] == 1 for group in batch.groups])
    return torch.where(single[:, None], torch.zeros_like(rewards), rewards)


def advantages(algorithm, batch):
    options = algorithm["advantage"]
    rewards, mask = token_rewards(algorithm, batch), batch.mask
    index = numpy.array(batch.groups)
    match options["estimator"]:
        case "group_mean":
            epsilon = options["deviation_epsilon"]
            scaled = {"norm_adv_by_std_in_grpo": epsilon is not None, "epsilon": epsilon or 0.0}
            rewards = without_singletons(batch, rewards)
            return core_algos.compute_grpo_outcome_advantage(rewards, mask, index, **scaled)[0], None
        case "leave_one_out":
            return core_algos.compute_rloo_outcome_advantage(without_singletons(batch, rewards), mask, index)[0], None
        case "whitened_group_mean":
            rewards = without_singletons(batch, rewards)
            function = core_algos.compute_reinforce_plus_plus_baseline_outcome_advantage
            return function(rewards, mask, index)[0], None
        case "whitened_returns":
            config = AlgoConfig(gamma=options["gamma"])
            return core_algos.compute_reinforce_plus_plus_outcome_advantage(rewards, mask, config)[0], None
        case "generalised":
            gamma, lam = options["gamma"], options["lambda"]
            credit, returns = core_algos.compute_gae_advantage_return(rewards, batch.values, mask, gamma, lam)
            return credit * mask, returns * mask


def aggregation(algorithm):
    match algorithm["aggregation"]:
        case {"mean": "sequence"}:
            return "seq-mean-token-mean", {}
        case {"mean": "token"}:
            return "token-mean", {}
        case {"mean": "constant_length", "length": length}:
            return "seq-mean-token-sum-norm", {"loss_scale_factor": length}


def policy_loss(algorithm, batch, credit):
    """The loss, differentiable by `current`, and the share of clipped tokens."""
    surrogate = algorithm["surrogate"]
    mode, extra = aggregation(algorithm)
    # A dual clip cannot be turned off, only put out of reach.
    config = ActorConfig(
        strategy="fsdp",
        rollout_n=1,
        ppo_micro_batch_size_per_gpu=1,
        clip_ratio_low=surrogate["low"],
        clip_ratio_high=surrogate["high"],
        clip_ratio_c=surrogate.get("dual") or 1e30,
        loss_agg_mode=mode,
    )
    config.global_batch_info.update(extra)
    if surrogate["form"] == "clipped_weight":
        function = core_algos.compute_policy_loss_cispo
    elif algorithm["ratio"] == "sequence":
        function = core_algos.compute_policy_loss_gspo
    else:
        function = core_algos.compute_policy_loss_vanilla
    loss, metrics = function(batch.behaviour, batch.current, credit, batch.mask, loss_agg_mode=mode, config=config)
    penalty = algorithm["kl"]
    if penalty and penalty["place"] == "loss":
        # verl/workers/utils/losses.py, ppo_loss.
        divergence = core_algos.kl_penalty(batch.current, batch.reference, penalty["estimator"])
        loss = loss + penalty["coefficient"] * core_algos.agg_loss(divergence, batch.mask, mode, **extra)
    return loss, metrics["actor/pg_clipfrac"] + metrics["actor/pg_clipfrac_lower"]


def ragged(batch, rows):
    return [row[:length].tolist() for row, length in zip(rows, batch.lengths, strict=True)]


def policy_case(name, algorithm, batch):
    batch.current = batch.current.detach().requires_grad_()
    credit, returns = advantages(algorithm, batch)
    loss, clip_fraction = policy_loss(algorithm, batch, credit)
    (gradient,) = torch.autograd.grad(loss, batch.current)
    case = {
        "name": name,
        "algorithm": algorithm,
        "advantages": ragged(batch, credit),
        "loss": loss.item(),
        "clip_fraction": clip_fraction,
        "d_log_probabilities": ragged(batch, gradient),
    }
    if value := algorithm["value"]:
        predicted = batch.predicted.detach().requires_grad_()
        mode, extra = aggregation(algorithm)
        value_loss, value_clip_fraction = core_algos.compute_value_loss(
            predicted, returns, batch.values, batch.mask, value["clip"], mode, **extra
        )
        value_loss = value["coefficient"] * value_loss
        (gradient,) = torch.autograd.grad(value_loss, predicted)
        case |= {
            "returns": ragged(batch, returns),
            "value_loss": value_loss.item(),
            "value_clip_fraction": value_clip_fraction.item(),
            "d_values": ragged(batch, gradient),
        }
    return case


class Alone:
    """An accelerator of one process."""

    device = "cpu"
    num_processes = 1

    def gather(self, x):
        return x

    gather_for_metrics = gather

    def reduce(self, x, reduction=None):
        return x


def compare_with_trl(batch):
    """TRL and verl agree, given advantages, where both have an algorithm and none of the edge cases occurs."""
    keep = batch.mask.sum(-1) > 0
    reference = torch.where((batch.reference - batch.behaviour).abs() > 2, batch.behaviour, batch.reference)
    # TRL differentiates GSPO's ratio as a whole, which gives the same where a sequence has one advantage.
    for name, loss_type in {
        "grpo": "grpo",
        "grpo, strong k3": "grpo",
        "dr-grpo": "dr_grpo",
        "dapo": "dapo",
        "cispo": "cispo",
        "gspo": "grpo",
        "wide gspo": "dapo",
    }.items():
        algorithm = ALGORITHMS[name]
        part = types.SimpleNamespace(
            current=batch.current.detach()[keep].requires_grad_(),
            behaviour=batch.behaviour[keep],
            reference=reference[keep],
            mask=batch.mask[keep],
        )
        credit = advantages(algorithm, batch)[0][keep]
        scalar = torch.stack([row[mask > 0][0] for row, mask in zip(credit, part.mask, strict=True)])
        surrogate = algorithm["surrogate"]
        cispo = loss_type == "cispo"
        trainer = types.SimpleNamespace(
            accelerator=Alone(),
            model=types.SimpleNamespace(training=True),
            args=types.SimpleNamespace(use_bias_correction_kl=False, delta=None, steps_per_generation=1),
            beta=algorithm["kl"]["coefficient"] if algorithm["kl"] else 0.0,
            epsilon_low=surrogate["low"],
            # TRL's bound for CISPO is on the weight itself.
            epsilon_high=surrogate["high"] + (1 if cispo else 0),
            importance_sampling_level=algorithm["ratio"],
            loss_type=loss_type,
            max_completion_length=LONGEST,
            current_gradient_accumulation_steps=1,
            aux_loss_enabled=False,
            top_entropy_quantile=1.0,
            off_policy_mask_threshold=None,
            use_vllm=False,
            _entropy_bonus_enabled=False,
            _metrics={"train": collections.defaultdict(list)},
            _get_per_token_logps_and_entropies=lambda *a, current=part.current, **k: (current, current.detach(), None),
        )
        ids = torch.zeros_like(part.mask, dtype=torch.long)
        inputs = {
            "prompt_ids": ids[:, :1],
            "prompt_mask": ids[:, :1],
            "completion_ids": ids,
            "completion_mask": part.mask,
            "advantages": scalar,
            "old_per_token_logps": part.behaviour,
            "ref_per_token_logps": part.reference,
            "num_items_in_batch": part.mask.sum(),
        }
        theirs = GRPOTrainer._compute_loss(trainer, None, inputs)
        ours, _ = policy_loss(algorithm, part, credit)
        for a, b in zip((theirs, *torch.autograd.grad(theirs, part.current)),
                        (ours, *torch.autograd.grad(ours, part.current)), strict=True):  # fmt: skip
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9, msg=lambda m: f"{name}: {m}")


# ---- Preferences ----


def make_scores(random, rows, drift):
    tokens = random.integers(1, 20, rows)
    policy = -tokens * random.uniform(0.05, 1.5, rows)
    reference = policy + random.normal(0.0, drift, rows)
    return [torch.tensor(x, dtype=torch.float64) for x in (policy, reference, tokens)]


class Scored:
    """A model whose answer is known: each response's log-probability, spread evenly over its tokens."""

    training = True

    def __init__(self, policy, tokens):
        width = int(tokens.max())
        self.mask = (torch.arange(width) < tokens[:, None]).double()
        spread = self.mask * (policy / tokens)[:, None]
        rest = {key: self.mask * 0 for key in ("entropy", "mean_logits")}
        self.outputs = types.SimpleNamespace(log_probs=spread, is_top1=self.mask > 0, **rest)
        # Position 0 is the prompt; log-probabilities are those of the token after each position.
        ids = torch.zeros(len(tokens), width + 1, dtype=torch.long)
        completion = torch.cat([torch.zeros(len(tokens), 1), self.mask], 1)
        self.inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "completion_mask": completion.long()}

    def __call__(self, **_):
        return self.outputs


def trainer_of(model, **options):
    return types.SimpleNamespace(
        accelerator=Alone(),
        model=model,
        aux_loss_enabled=False,
        precompute_ref_logps=True,
        _metrics={"train": collections.defaultdict(list)},
        _total_train_tokens=0,
        _tp_size=1,
        **options,
    )


def dpo_trainer_loss(loss_type, beta, chosen, rejected):
    policy, reference, tokens = (torch.cat(pair) for pair in zip(chosen, rejected, strict=True))
    model = Scored(policy, tokens)
    references = dict(zip(("ref_chosen_logps", "ref_rejected_logps"), reference.chunk(2), strict=True))
    trainer = trainer_of(
        model,
        beta=beta,
        label_smoothing=0.0,
        ld_alpha=None,
        f_divergence_type="reverse_kl",
        loss_types=[loss_type],
        loss_weights=[1.0],
        use_weighting=False,
    )
    loss = DPOTrainer._compute_loss(trainer, model, model.inputs | references, False)
    return loss, {key: trainer._metrics["train"][f"rewards/{key}"][-1] for key in ("margins", "accuracies")}


def paired_loss(objective, chosen, rejected):
    policy = [chosen[0], rejected[0]]
    averages = [chosen[0] / chosen[2], rejected[0] / rejected[2]]
    rewards = None
    match objective:
        case {"objective": "dpo", "beta": beta, "label_smoothing": 0.0}:
            loss, metrics = dpo_trainer_loss("sigmoid", beta, chosen, rejected)
            return loss, metrics["margins"], metrics["accuracies"]
        case {"objective": "dpo", "beta": beta, "label_smoothing": smoothing}:
            # The conservative form has left DPOTrainer; CPOTrainer has it, of log-ratios if these are given to it.
            trainer = types.SimpleNamespace(
                accelerator=Alone(), beta=beta, label_smoothing=smoothing, loss_type="sigmoid", alpha=0.0
            )
            ratios = [side[0] - side[1] for side in (chosen, rejected)]
            losses, *rewards = CPOTrainer.cpo_loss(trainer, *ratios)
            loss = losses.mean()
        case {"objective": "ipo", "beta": beta}:
            loss, metrics = dpo_trainer_loss("ipo", beta, chosen, rejected)
            return loss, metrics["margins"], metrics["accuracies"]
        case {"objective": "orpo", "beta": beta}:
            trainer = types.SimpleNamespace(accelerator=Alone(), beta=beta)
            losses, *rewards, _, _ = ORPOTrainer.odds_ratio_loss(trainer, *averages)
            # ORPOTrainer.concatenated_forward and get_batch_loss_metrics; the engine leaves out the prompts' tokens.
            likelihood = -policy[0].sum() / chosen[2].sum()
            loss = likelihood - losses.mean()
        case {"objective": "sim_po", "beta": beta, "gamma": gamma}:
            trainer = types.SimpleNamespace(
                accelerator=Alone(), beta=beta, label_smoothing=0.0, loss_type="simpo", alpha=0.0, simpo_gamma=gamma
            )
            losses, *rewards = CPOTrainer.cpo_loss(trainer, *averages)
            loss = losses.mean()
    return loss, (rewards[0] - rewards[1]).mean().item(), (rewards[0] > rewards[1]).double().mean().item()


def score_rows(policy, reference, tokens):
    rows = zip(policy.tolist(), reference.tolist(), tokens.long().tolist(), strict=True)
    return [dict(zip(("policy", "reference", "tokens"), row, strict=True)) for row in rows]


def paired_case(name, objective, random):
    chosen, rejected = make_scores(random, 7, 3.0), make_scores(random, 7, 3.0)
    leaves = [side[0].requires_grad_() for side in (chosen, rejected)]
    loss, margin, accuracy = paired_loss(objective, chosen, rejected)
    d_chosen, d_rejected = torch.autograd.grad(loss, leaves)
    return {
        "name": name,
        "objective": {"paired": objective},
        "chosen": score_rows(*chosen),
        "rejected": score_rows(*rejected),
        "loss": loss.item(),
        "margin": margin,
        "accuracy": accuracy,
        "d_chosen": d_chosen.tolist(),
        "d_rejected": d_rejected.tolist(),
    }


def kto_case(name, options, labels, shift, random):
    policy, reference, tokens = make_scores(random, len(labels), 4.0)
    mismatched = make_scores(random, len(labels), 4.0)
    mismatched[0] = mismatched[1] + shift
    model = Scored(policy.requires_grad_(), tokens)
    trainer = trainer_of(
        model,
        calculate_KL=True,
        loss_type="kto",
        _compute_kl_logps=lambda *_: mismatched[0],
        **options,
    )
    inputs = model.inputs | {
        "label": torch.tensor(labels),
        "ref_logps": reference,
        "ref_KL_logps": mismatched[1],
    }
    loss = KTOTrainer._compute_loss(trainer, model, inputs, False)
    (gradient,) = torch.autograd.grad(loss, policy)
    return {
        "name": name,
        "objective": {"kto": options},
        "scores": score_rows(policy, reference, tokens),
        "desirable": labels,
        "mismatched": score_rows(*mismatched),
        "divergence": trainer._metrics["train"]["kl"][-1],
        "loss": loss.item(),
        "d_scores": gradient.tolist(),
    }


def write(name, content):
    versions = {package: importlib.metadata.version(package) for package in ("torch", "verl", "trl", "transformers")}
    versions["torch"] = versions["torch"].split("+")[0]
    text = json.dumps({"versions": versions} | content, separators=(",", ":"))
    # A line for each case.
    text = text.replace('{"name"', '\n{"name"')
    (HERE / name).write_text(text + "\n")


def main():
    batch = make_batch()
    compare_with_trl(batch)
    write(
        "policy.json",
        {
            "longest": LONGEST,
            "groups": batch.groups,
            "rewards": batch.rewards.tolist(),
            "masks": [[bool(x) for x in row] for row in ragged(batch, batch.mask)],
            **{
                key: ragged(batch, getattr(batch, key))
                for key in ("behaviour", "current", "reference", "values", "predicted")
            },
            "cases": [policy_case(name, algorithm, batch) for name, algorithm in ALGORITHMS.items()],
        },
    )
    random = numpy.random.default_rng(20250315)
    dpo = {"objective": "dpo", "beta": 0.1, "label_smoothing": 0.0}
    paired = {
        "dpo": dpo,
        "dpo, smoothed": dpo | {"beta": 0.5, "label_smoothing": 0.2},
        "ipo": {"objective": "ipo", "beta": 0.1},
        "ipo, strong": {"objective": "ipo", "beta": 0.8},
        "orpo": {"objective": "orpo", "beta": 0.1},
        "orpo, strong": {"objective": "orpo", "beta": 1.5},
        "simpo": {"objective": "sim_po", "beta": 2.0, "gamma": 1.0},
    }
    kto = {"beta": 0.1, "desirable_weight": 1.0, "undesirable_weight": 1.0}
    weighted = {"beta": 0.4, "desirable_weight": 1.5, "undesirable_weight": 0.75}
    some = [True, False, False, True, True, False, True]
    write(
        "preference.json",
        {
            "paired": [paired_case(name, objective, random) for name, objective in paired.items()],
            "labelled": [
                kto_case("kto", kto, some, 1.3, random),
                kto_case("kto, weighted, divergence held at 0", weighted, some, -0.9, random),
                kto_case("kto, no bad example", weighted, [True] * 4, 0.4, random),
            ],
        },
    )


main()
