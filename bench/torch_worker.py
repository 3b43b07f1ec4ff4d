"""PyTorch's side of `engine.py`, speaking the protocol of our examples `step_speed` and `decode_speed`.

    python torch_worker.py train --dtype f32|bf16 [--compile]
    python torch_worker.py generate --dtype f32|bf16 [--compile]

When it is warm it prints `ready {json}`. Then it answers each line of its input by one line: `run N` makes N training
steps and gives `{"seconds": [one number a step]}`; `decode N` generates N tokens after a prompt of 32, `prefill N`
reads a prompt of N, and both give `{"seconds": number}`; `quit` ends it. Training in bf16 is autocast over float32
weights, as usual; generation in bf16 has bf16 weights.
"""

import argparse
import contextlib
import json
import os
import sys
import time

import torch
from torch_llama import Config, Llama

BATCH, LENGTH = 8, 256
PROMPT, LONGEST = 32, 1024


def announce(choices):
    """Tells that all is warm, and what was chosen."""
    cpu = torch.backends.cpu.get_cpu_capability()
    about = {"torch": torch.__version__, "threads": torch.get_num_threads(), "cpu": cpu}
    print("ready", json.dumps(about | choices), file=sys.__stdout__, flush=True)


def requests():
    """The commands, each with its count, until the last."""
    for line in sys.stdin:
        name, _, count = line.strip().partition(" ")
        if name == "quit":
            return
        yield name, int(count)


def answer(value):
    print(json.dumps(value), file=sys.__stdout__, flush=True)


def adamw(parameters, **implementation):
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=3e-4, betas=(0.9, 0.95), eps=1e-8, **implementation)


def fastest_adamw(parameters):
    """The fastest of the library's implementations of the same optimiser, and its name."""
    timings = {}
    for name in ("fused", "foreach"):
        copies = [torch.nn.Parameter(p.detach().clone()) for p in parameters]
        for copy in copies:
            copy.grad = torch.full_like(copy, 1e-3)
        optimiser = adamw(copies, **{name: True})
        optimiser.step()
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            optimiser.step()
            seconds.append(time.perf_counter() - start)
        timings[name] = min(seconds)
    name = min(timings, key=timings.get)
    return adamw(parameters, **{name: True}), name


def trainer(options):
    """Returns a function that makes `n` steps and gives the seconds of each, and what was chosen."""
    model = Llama(Config(positions=LENGTH))
    parameters = list(model.parameters())
    optimiser, implementation = fastest_adamw(parameters)
    loss_of = torch.compile(model.loss) if options.compile else model.loss
    autocast = options.dtype == "bf16"
    rows = torch.randint(0, model.config.vocabulary, (16, BATCH, LENGTH + 1))

    def step(number):
        row = rows[number % len(rows)]
        with torch.autocast("cpu", torch.bfloat16) if autocast else contextlib.nullcontext():
            loss = loss_of(row[:, :-1].contiguous(), row[:, 1:].contiguous())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    def run(count):
        seconds = []
        for number in range(count):
            start = time.perf_counter()
            step(number)
            seconds.append(time.perf_counter() - start)
        return seconds

    run(4)
    parameter_count = sum(p.numel() for p in parameters)
    return {"run": run}, {"optimiser": implementation, "parameters": parameter_count, "batch": [BATCH, LENGTH]}


def generator(options):
    """Returns functions for decoding and for prefill, each giving seconds, and what was chosen."""
    model = Llama(Config(positions=LONGEST)).eval()
    if options.dtype == "bf16":
        model = model.bfloat16()
    tokens = torch.randint(0, model.config.vocabulary, (1, LONGEST))
    cache = model.new_cache(LONGEST)
    # The compiled step attends to the whole cache under a mask, so it gets a cache of just the length that it needs.
    short_cache = model.new_cache(PROMPT + 256)
    compiled = torch.compile(model.last_logits_static) if options.compile else None
    read_prompt = torch.compile(model.last_logits, dynamic=False) if options.compile else model.last_logits

    @torch.inference_mode()
    def decode(count):
        start = time.perf_counter()
        if compiled:
            token = read_prompt(tokens[:, :PROMPT], short_cache, 0).argmax(-1)
            for position in range(PROMPT, PROMPT + count - 1):
                token = compiled(token, short_cache, torch.tensor([position])).argmax(-1)
        else:
            token = model.last_logits(tokens[:, :PROMPT], cache, 0).argmax(-1)
            for position in range(PROMPT, PROMPT + count - 1):
                token = model.last_logits(token, cache, position).argmax(-1)
        return time.perf_counter() - start

    @torch.inference_mode()
    def prefill(count):
        start = time.perf_counter()
        read_prompt(tokens[:, :count], cache, 0)
        return time.perf_counter() - start

    for _ in range(2):
        decode(64)
        prefill(512)
    return {"decode": decode, "prefill": prefill}, {"prompt": PROMPT}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["train", "generate"])
    parser.add_argument("--dtype", choices=["f32", "bf16"], required=True)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    commands, choices = (trainer if options.work == "train" else generator)(options)
    announce(choices)
    for name, count in requests():
        answer({"seconds": commands[name](count)})


if __name__ == "__main__":
    main()
