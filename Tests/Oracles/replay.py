"""Replays a run in PyTorch from its plan and holds every step's loss against the run's own log.

    mtbert-dist inspect plan CONFIG --steps 50 > plan.jsonl
    python replay.py --plan plan.jsonl --config runs/x/run.yaml --start START/checkpoints/step-00000000 \
        --metrics runs/x/metrics.jsonl --steps 50

START is the output of the same configuration with `--set steps=0`: encoder and classifiers before the first step.
The run must have been made with dropout 0 and fp32. The global batch of a step goes through BertModel at once, padded
and masked; its loss is the sum over tasks of the plan's weight × mean cross-entropy of the task's examples in the step.
AdamW has no weight decay on biases and LayerNorm; schedule and clipping are transformers' and torch's own.

Prints one line a step; exits 1 where a loss differs by more than --tolerance (the first step: --first-tolerance), or a
learning rate by more than 1e-6, relatively.
"""

import argparse
import csv
import gzip
import json
import math
import pathlib
import sys

import torch
import yaml
from safetensors import safe_open
from transformers import BertTokenizerFast, get_constant_schedule_with_warmup
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from multitask_bert import MultiTaskBert, without_dropout

SCHEDULES = {
    "linear": get_linear_schedule_with_warmup,
    "cosine": get_cosine_schedule_with_warmup,
    "constant": lambda optimizer, warmup, _: get_constant_schedule_with_warmup(optimizer, warmup),
}


class Task:
    """A task's training rows by index, as text (or pair of texts) and label number."""

    def __init__(self, settings, folder):
        self.name = settings["name"]
        columns = settings.get("text", "text")
        self.columns = columns if isinstance(columns, list) else [columns]
        label = settings.get("label", "label")
        self.rows = list(read_rows(folder / settings["train"]))
        found = [str(row[label]) for row in self.rows]
        self.labels = [str(name) for name in settings.get("labels") or sorted(set(found))]
        number = {name: i for i, name in enumerate(self.labels)}
        self.targets = [number[name] for name in found]

    def texts(self, index):
        return [self.rows[index][column] for column in self.columns]


def read_rows(path):
    """Rows of a TSV (no quoting), CSV or JSON Lines file, gzipped or not, as dictionaries by column."""
    opener = gzip.open if path.suffix == ".gz" else open
    kind = pathlib.Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
        if kind in (".jsonl", ".json"):
            yield from (json.loads(line) for line in file if line.strip())
        elif kind == ".csv":
            yield from csv.DictReader(file)
        else:
            lines = (line.rstrip("\r\n") for line in file.read().split("\n"))
            header = next(lines).split("\t")
            yield from (dict(zip(header, line.split("\t"), strict=True)) for line in lines if line)


def total_steps(config, tasks):
    """The length of the run, as the schedule needs it."""
    if config.get("steps") is not None:
        return config["steps"]
    limits = {task["name"]: task.get("limit") or math.inf for task in config["tasks"]}
    examples = sum(min(len(task.rows), limits[task.name]) for task in tasks.values())
    return math.ceil(float(config["epochs"]) * examples / config["batch"]["size"])


def optimizer_of(model, settings):
    plain, decayed = [], []
    for name, parameter in model.named_parameters():
        (plain if name.endswith(".bias") or "LayerNorm" in name else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": settings["weight_decay"]}, {"params": plain, "weight_decay": 0.0}]
    betas = (settings["beta1"], settings["beta2"])
    return torch.optim.AdamW(groups, lr=settings["learning_rate"], betas=betas, eps=settings["epsilon"])


def numbers(section):
    """PyYAML takes 2e-05 for text, as YAML 1.1 had it."""
    return {key: float(value) if key != "kind" and value is not None else value for key, value in section.items()}


def starting_model(folder, tasks):
    model = MultiTaskBert(without_dropout(folder), {task.name: len(task.labels) for task in tasks.values()})
    wanted = {name: p for name, p in model.named_parameters() if name.startswith("classifiers.")}
    with safe_open(folder / "model.safetensors", "pt") as file, torch.no_grad():
        for name, parameter in wanted.items():
            stored = file.get_tensor(name)
            if stored.shape != parameter.shape:
                sys.exit(f"replay: {name} is {tuple(stored.shape)} in {folder}, the labels want {tuple(parameter.shape)}")
            parameter.copy_(stored.float())
    return model.train()


def logged_steps(path):
    steps = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            if record.get("event") == "step":
                steps[record["step"]] = record
    return steps


def relative(value, reference):
    return abs(value - reference) / max(abs(reference), 1e-12)


def parsed_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", type=pathlib.Path, required=True)
    parser.add_argument("--config", type=pathlib.Path, required=True, help="run.yaml of the run; paths relative to it")
    parser.add_argument("--start", type=pathlib.Path, required=True, help="the run's step-00000000")
    parser.add_argument("--metrics", type=pathlib.Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    parser.add_argument("--first-tolerance", type=float, default=1e-5)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def main():
    arguments = parsed_arguments()
    torch.set_num_threads(arguments.threads)
    config = yaml.safe_load(arguments.config.read_text(encoding="utf-8"))
    if config.get("dropout") != 0 or config.get("precision", "fp32") != "fp32":
        sys.exit("replay: the run must have `dropout: 0` and `precision: fp32`")
    tasks = {t["name"]: Task(t, arguments.config.resolve().parent) for t in config["tasks"]}
    plan = [json.loads(line) for line in arguments.plan.read_text(encoding="utf-8").splitlines()]
    logged = logged_steps(arguments.metrics)
    tokenizer = BertTokenizerFast.from_pretrained(arguments.start)
    model = starting_model(arguments.start, tasks)
    settings, schedule = numbers(config["optimizer"]), numbers(config["schedule"])
    optimizer = optimizer_of(model, settings)
    steps = total_steps(config, tasks)
    warmup = schedule["warmup"]
    warmup_steps = int(warmup) if warmup >= 1 else math.ceil(warmup * steps)
    scheduler = SCHEDULES[schedule["kind"]](optimizer, warmup_steps, steps)

    worst = worst_rate = worst_norm = 0.0
    failures = []
    for number in range(1, arguments.steps + 1):
        if number > len(plan) or plan[number - 1]["step"] != number or number not in logged:
            sys.exit(f"replay: step {number} is missing in {arguments.plan} or {arguments.metrics}")
        entry, record = plan[number - 1], logged[number]
        examples = [(task, index) for shard in entry["shards"] for task, index in shard]
        encoded = [
            tokenizer(*tasks[task].texts(index), truncation=True, max_length=config["batch"]["max_length"])
            for task, index in examples
        ]
        output = model([e["input_ids"] for e in encoded], [e["token_type_ids"] for e in encoded])
        targets = [tasks[task].targets[index] for task, index in examples]
        loss, _, means = model.loss(output.pooler_output, [task for task, _ in examples], targets, entry["weights"])
        loss.backward()
        bound = settings.get("max_gradient_norm") or math.inf
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), bound).item()
        rate = scheduler.get_last_lr()[0]
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad(set_to_none=True)

        difference = relative(record["loss"], loss.item())
        rate_difference = relative(record.get("learning_rate", rate), rate)
        norm_difference = relative(record.get("gradient_norm", norm), norm)
        for task, mean in means.items():
            own = record.get("tasks", {}).get(task, {}).get("loss")
            if own is not None:
                difference = max(difference, relative(own, mean.item()))
        worst, worst_rate = max(worst, difference), max(worst_rate, rate_difference)
        worst_norm = max(worst_norm, norm_difference)
        allowed = arguments.first_tolerance if number == 1 else arguments.tolerance
        if not difference <= allowed or not rate_difference <= 1e-6:
            failures.append(number)
        print(
            f"step {number:4d}  torch {loss.item():.7f}  run {record['loss']:.7f}  relative {difference:.2e}"
            f"  gradient norm {norm:.5f} ({norm_difference:.1e})  rate {rate:.3e} ({rate_difference:.1e})"
            f"{'  <- beyond tolerance' if number in failures else ''}",
            flush=True,
        )
    print(f"largest relative differences: loss {worst:.2e}, gradient norm {worst_norm:.2e}, learning rate {worst_rate:.2e}")
    if failures:
        sys.exit(f"replay: {len(failures)} of {arguments.steps} steps beyond tolerance, first: step {failures[0]}")


if __name__ == "__main__":
    main()
