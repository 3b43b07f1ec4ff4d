"""TRL's and PyTorch's side of `learning_speed.py`, speaking the protocol of `torch_worker.py`.

    python learning_worker.py grpo --model DIR --data TASKS.jsonl --dtype f32|bf16 [--micro N]
    python learning_worker.py sft --model DIR --data EXAMPLES.jsonl --dtype f32|bf16 --rows padded|packed

`run N` makes N steps. `grpo` answers `{"seconds", "rollout_seconds", "completions", "tokens"}`, `sft` answers
`{"seconds", "tokens"}`: lists with a number for each step.

Both load the weights and the tokenizer that our recipe has trained, in Hugging Face layout. bf16 is autocast over
float32 weights. Gradients are not recomputed (TRL's default is to do so), nothing is logged or saved, and TRL's reward
is a coin, which costs nothing and lets nearly every group have a gradient.
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import sys
import tempfile
import time

import torch
from torch_worker import announce, answer, fastest_adamw, requests
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

END = "<|endoftext|>"
IGNORED = -100


def read(path):
    with open(path) as lines:
        return [json.loads(line) for line in lines]


def tokenizer_of(directory):
    return PreTrainedTokenizerFast(
        tokenizer_file=os.path.join(directory, "tokenizer.json"), bos_token=END, eos_token=END, pad_token=END
    )


def train_grpo(options):
    """Lets TRL's trainer run; it makes the steps that are asked for between the ends of two of its own."""
    import transformers
    import trl
    from datasets import Dataset

    class TimedTrainer(trl.GRPOTrainer):
        rollouts = []

        def _generate_and_score_completions(self, inputs):
            start = time.perf_counter()
            outputs = super()._generate_and_score_completions(inputs)
            seconds = time.perf_counter() - start
            mask = outputs["completion_mask"]
            self.rollouts.append((seconds, len(mask), int(mask.sum())))
            return outputs

    class Turns(transformers.TrainerCallback):
        """Begins with one step to get warm; then the steps of each request."""

        seconds, wanted, since = [], 1, 0.0
        commands = requests()
        is_warm = False

        def on_train_begin(self, *_, **__):
            self.since = time.perf_counter()

        def on_step_end(self, arguments, state, control, **_):
            self.seconds.append(time.perf_counter() - self.since)
            if len(self.seconds) == self.wanted:
                self.report()
                _, self.wanted = next(self.commands, (None, 0))
                control.should_training_stop = self.wanted == 0
                self.seconds.clear()
                trainer.rollouts.clear()
            self.since = time.perf_counter()

        def report(self):
            if self.is_warm:
                rollout_seconds, completions, tokens = zip(*trainer.rollouts, strict=True)
                answer(
                    {
                        "seconds": self.seconds,
                        "rollout_seconds": rollout_seconds,
                        "completions": completions,
                        "tokens": tokens,
                    }
                )
            else:
                self.is_warm = True
                announce({"trl": trl.__version__, "transformers": transformers.__version__, "micro": options.micro})

    def coin(completions, **_):
        return [float(random.getrandbits(1)) for _ in completions]

    completions = options.groups * options.group_size
    arguments = trl.GRPOConfig(
        output_dir=tempfile.mkdtemp(),
        use_cpu=True,
        bf16=options.dtype == "bf16",
        learning_rate=options.learning_rate,
        lr_scheduler_type="constant",
        per_device_train_batch_size=options.micro,
        gradient_accumulation_steps=completions // options.micro,
        num_generations=options.group_size,
        max_completion_length=options.turn_tokens,
        temperature=1.0,
        loss_type="dr_grpo",
        scale_rewards="none",
        beta=0.0,
        gradient_checkpointing=False,
        max_steps=1_000_000,
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    # As ours, a prompt begins with the token that ends a text.
    prompts = Dataset.from_list([{"prompt": END + task["snapshot"]["prefix"]} for task in read(options.data)])
    trainer = TimedTrainer(
        model=LlamaForCausalLM.from_pretrained(options.model, dtype=torch.float32),
        reward_funcs=coin,
        args=arguments,
        train_dataset=prompts,
        processing_class=tokenizer_of(options.model),
        callbacks=[Turns()],
    )
    trainer.train()


def encoded(options):
    """Each example as its tokens, and those that are to be learnt."""
    tokenizer, examples = tokenizer_of(options.model), []
    for example in read(options.data):
        prompt = tokenizer(END + example["prompt"])["input_ids"]
        response = tokenizer(example["response"] + END)["input_ids"]
        examples.append((prompt + response, [IGNORED] * len(prompt) + response))
    return examples


def padded_batches(examples, tokens):
    """Endless batches of whole examples with about so many tokens, each with the number that is no padding."""
    while True:
        random.shuffle(examples)
        chosen, held = [], 0
        for example in examples:
            if held + len(example[0]) > tokens:
                rows, targets = (
                    torch.nn.utils.rnn.pad_sequence(
                        [torch.tensor(one[part]) for one in chosen], batch_first=True, padding_value=padding
                    )
                    for part, padding in ((0, 0), (1, IGNORED))
                )
                # As in ours, the last token of an example is a target only.
                yield rows, targets, held - len(chosen)
                chosen, held = [], 0
            chosen.append(example)
            held += len(example[0])


def packed_batches(examples, tokens, context):
    """Endless batches of full rows, in which examples follow each other and are cut where a row ends."""

    def stream(part):
        for number in itertools.count():
            order = random.Random(number).sample(examples, len(examples))
            yield from itertools.chain.from_iterable(example[part] for example in order)

    rows, targets = stream(0), stream(1)
    while True:
        size = tokens // context * context
        batch = (torch.tensor(list(itertools.islice(source, size))).view(-1, context) for source in (rows, targets))
        yield (*batch, size)


def train_sft(options):
    """A plain loop, as fast as the library allows: no trainer around it."""
    model = LlamaForCausalLM.from_pretrained(options.model, dtype=torch.float32).train()
    parameters = list(model.parameters())
    optimiser, implementation = fastest_adamw(parameters)
    for group in optimiser.param_groups:
        group["lr"] = options.learning_rate
    examples, context = encoded(options), model.config.max_position_embeddings
    if options.rows == "padded":
        batches = padded_batches(examples, options.tokens)
    else:
        batches = packed_batches(examples, options.tokens, context)
    autocast = options.dtype == "bf16"

    def step():
        rows, targets, tokens = next(batches)
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16) if autocast else contextlib.nullcontext():
            # Without a mask attention is plain causal and takes the fused kernel; padding is at the end, where it
            # disturbs nothing.
            loss = model(input_ids=rows, labels=targets, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return time.perf_counter() - start, tokens

    for _ in range(3):
        step()
    announce({"optimiser": implementation, "parameters": sum(p.numel() for p in parameters), "rows": options.rows})
    for _, count in requests():
        seconds, tokens = zip(*(step() for _ in range(count)))
        answer({"seconds": seconds, "tokens": tokens})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["grpo", "sft"])
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--dtype", choices=["f32", "bf16"], required=True)
    parser.add_argument("--rows", choices=["padded", "packed"], default="padded")
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--groups", type=int, default=32)
    parser.add_argument("--group-size", type=int, default=8)
    parser.add_argument("--turn-tokens", type=int, default=96)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--micro", type=int, default=256, help="completions that TRL differentiates at a time")
    options = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    random.seed(0)
    # Libraries print what they like; only `announce` and `answer` speak on standard output.
    with contextlib.redirect_stdout(sys.stderr):
        (train_grpo if options.work == "grpo" else train_sft)(options)


if __name__ == "__main__":
    main()
