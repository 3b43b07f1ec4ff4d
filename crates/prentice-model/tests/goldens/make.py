"""Records what PyTorch and Transformers compute for two tiny decoders, as the reference for the engine's tests.

Run it in any environment with torch, transformers, numpy and safetensors (`bench/engine.py` makes one, to
which `pip install transformers safetensors` adds the rest):

    python make.py

It writes, beside itself, `llama/` (untied embeddings, no biases) and `qwen2/` (tied embeddings, query/key/value
biases), each with

- `config.json` and `model.safetensors`: the *initial* weights in Hugging Face layout. Llama's configuration is written
  as Transformers 5 does (`rope_parameters`), Qwen2's as the models published before it have it (`rope_theta`), so that
  a reader meets both.
- `golden.json`: the batch, and what eight training steps on it give. Its fields are described in `record`.

The models are the library's own `LlamaForCausalLM` and `Qwen2ForCausalLM` with eager attention, float32, on the CPU.
Rows are packed documents: positions restart and attention never crosses from one document to the next, which is told to
the models by `position_ids` and an explicit additive mask. Losses are taken once more in float64 from the same weights,
so that a test knows how much of a difference is rounding.
"""

import json
import math
import pathlib

import torch
import transformers
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

HERE = pathlib.Path(__file__).parent
LENGTH = 24
# Lengths of the documents in each row; what is left of a row is padding, which has no targets.
SEGMENTS = [[24], [10, 14], [7, 9]]
PADDING_TOKEN = 0
STEPS = 8
OPTIMISER = {"learning_rate": 3e-3, "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8, "weight_decay": 0.1, "clip": 1.0}
# In row 1: the start and end of the first document, the start and end of the second.
LOGIT_ROW, LOGIT_POSITIONS = 1, [0, 9, 10, 23]


def build_llama():
    config = LlamaConfig(
        vocab_size=67, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8,
        intermediate_size=48, rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        max_position_embeddings=64, tie_word_embeddings=False, attn_implementation="eager",
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def build_qwen2():
    config = Qwen2Config(
        vocab_size=61, hidden_size=48, num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2,
        intermediate_size=80, rms_norm_eps=1e-6, rope_parameters={"rope_type": "default", "rope_theta": 1000000.0},
        max_position_embeddings=64, tie_word_embeddings=True, attn_implementation="eager",
        bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    return Qwen2ForCausalLM(config)


def randomise(model, generator):
    """Weights large enough that logits, gradients and the clipping matter; norms and biases are not trivial either."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name:
                parameter.copy_(1.0 + 0.2 * noise)
            elif name.endswith("bias"):
                parameter.copy_(0.1 * noise)
            else:
                parameter.copy_(0.08 * noise)


def segment_ids():
    """The number of its document for every position, and a number of its own for every padding position."""
    ids = torch.empty(len(SEGMENTS), LENGTH, dtype=torch.long)
    for row, lengths in enumerate(SEGMENTS):
        numbers = [number for number, length in enumerate(lengths) for _ in range(length)]
        # A softmax needs at least one key: each padding position sees only itself.
        numbers += [len(lengths) + i for i in range(LENGTH - len(numbers))]
        ids[row] = torch.tensor(numbers)
    return ids


def position_ids():
    positions = torch.zeros(len(SEGMENTS), LENGTH, dtype=torch.long)
    for row, lengths in enumerate(SEGMENTS):
        numbers = [i for length in lengths for i in range(length)]
        positions[row, : len(numbers)] = torch.tensor(numbers)
    return positions


def forward(model, tokens):
    ids = segment_ids()
    dtype = model.get_input_embeddings().weight.dtype
    visible = (ids[:, :, None] == ids[:, None, :]) & torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril()
    mask = torch.zeros(len(SEGMENTS), 1, LENGTH, LENGTH, dtype=dtype)
    mask.masked_fill_(~visible[:, None], torch.finfo(dtype).min)
    output = model(input_ids=tokens, attention_mask=mask, position_ids=position_ids(), use_cache=False)
    return output.logits


def target_mask():
    """Positions whose next token belongs to the same document."""
    ids = segment_ids()
    mask = torch.zeros_like(ids, dtype=torch.bool)
    mask[:, :-1] = ids[:, :-1] == ids[:, 1:]
    return mask


def target_log_probabilities(logits, tokens):
    """Log-probability of the next token at every position that has one, row after row."""
    log_probabilities = torch.log_softmax(logits[:, :-1], dim=-1).gather(-1, tokens[:, 1:, None])[..., 0]
    return log_probabilities, target_mask()[:, :-1]


def mean_loss(logits, tokens):
    log_probabilities, mask = target_log_probabilities(logits, tokens)
    return -log_probabilities[mask].mean()


def check_documents_are_independent(model, tokens):
    """The packed logits must be those of each document alone: otherwise the mask did not reach the attention."""
    with torch.no_grad():
        packed = forward(model, tokens)
        for row, lengths in enumerate(SEGMENTS):
            start = 0
            for length in lengths:
                alone = model(input_ids=tokens[row : row + 1, start : start + length], use_cache=False).logits[0]
                difference = (packed[row, start : start + length] - alone).abs().max().item()
                assert difference < 1e-5, f"row {row}, document at {start}: {difference}"
                start += length


def train(model, tokens):
    """Eight steps; returns losses before each update, gradient norms before clipping, and step 0's norm by tensor."""
    parameters = dict(model.named_parameters())
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in parameters.values() if p.dim() >= 2], "weight_decay": OPTIMISER["weight_decay"]},
            {"params": [p for p in parameters.values() if p.dim() < 2], "weight_decay": 0.0},
        ],
        lr=OPTIMISER["learning_rate"],
        betas=(OPTIMISER["beta1"], OPTIMISER["beta2"]),
        eps=OPTIMISER["epsilon"],
    )
    losses, norms, by_tensor = [], [], {}
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = mean_loss(forward(model, tokens), tokens)
        loss.backward()
        if step == 0:
            by_tensor = {name: p.grad.norm().item() for name, p in parameters.items()}
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), OPTIMISER["clip"]).item())
        losses.append(loss.item())
        optimiser.step()
    return losses, norms, by_tensor


def write_config(model, path, before_version_5):
    config = json.loads(model.config.to_json_string(use_diff=False))
    kept = [
        "architectures", "attention_bias", "bos_token_id", "eos_token_id", "head_dim", "hidden_act", "hidden_size",
        "initializer_range", "intermediate_size", "max_position_embeddings", "mlp_bias", "model_type",
        "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "rms_norm_eps", "rope_parameters",
        "tie_word_embeddings", "use_sliding_window", "vocab_size",
    ]  # fmt: skip
    config = {key: config[key] for key in kept if config.get(key) is not None}
    config["architectures"] = [type(model).__name__]
    if before_version_5:
        config["rope_theta"] = config.pop("rope_parameters")["rope_theta"]
        config["torch_dtype"] = "float32"
    else:
        config["dtype"] = "float32"
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write_weights(model, path):
    # Tied tensors are listed once by `named_parameters`, as Transformers stores them.
    tensors = {name: parameter.detach().clone().contiguous() for name, parameter in model.named_parameters()}
    save_file(tensors, path, metadata={"format": "pt"})


def record(name, build, seed, before_version_5):
    """Writes one directory.

    `golden.json` holds `tokens` [3][24]; `segments`, the lengths of the documents of each row; `optimiser`; `losses`,
    the mean loss before each of the eight updates; `losses_float64`, the same computed in float64; `gradient_norms`,
    global, before clipping; `gradient_norms_by_tensor` at step 0; `logits` of `row` at `positions`, at step 0; and
    `log_probabilities_row_0`, of the 23 targets of row 0 at step 0.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = build().eval()
    randomise(model, generator)
    tokens = torch.randint(3, model.config.vocab_size, (len(SEGMENTS), LENGTH), generator=generator)
    for row, lengths in enumerate(SEGMENTS):
        tokens[row, sum(lengths) :] = PADDING_TOKEN
    check_documents_are_independent(model, tokens)

    directory = HERE / name
    directory.mkdir(exist_ok=True)
    write_config(model, directory / "config.json", before_version_5)
    write_weights(model, directory / "model.safetensors")

    double = build().eval().double()
    double.load_state_dict({key: value.double() for key, value in model.state_dict().items()})
    losses_float64, _, _ = train(double, tokens)

    with torch.no_grad():
        logits = forward(model, tokens)
        log_probabilities, _ = target_log_probabilities(logits, tokens)
    losses, norms, by_tensor = train(model, tokens)
    assert losses[-1] < losses[0] and all(map(math.isfinite, losses + norms))

    golden = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "seed": seed,
        "tokens": tokens.tolist(),
        "segments": SEGMENTS,
        "optimiser": OPTIMISER,
        "losses": losses,
        "losses_float64": losses_float64,
        "gradient_norms": norms,
        "gradient_norms_by_tensor": by_tensor,
        "logits": {
            "row": LOGIT_ROW,
            "positions": LOGIT_POSITIONS,
            "values": logits[LOGIT_ROW, LOGIT_POSITIONS].tolist(),
        },
        "log_probabilities_row_0": log_probabilities[0].tolist(),
    }
    lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items())
    (directory / "golden.json").write_text("{\n" + lines + "\n}\n")
    print(f"{name}: losses {losses[0]:.6f} -> {losses[-1]:.6f}, norm {norms[0]:.3f}, ", end="")
    print(f"float64 differs by {max(abs(a - b) for a, b in zip(losses, losses_float64)):.1e}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    record("llama", build_llama, 1, before_version_5=False)
    record("qwen2", build_qwen2, 2, before_version_5=True)
