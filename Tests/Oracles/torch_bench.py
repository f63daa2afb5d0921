"""Speed of the trainer's own work in PyTorch: the counterpart of `mtbert-dist bench`, one JSON object on rank 0.

    torchrun --nproc-per-node 2 torch_bench.py --model minilm --lengths lengths.json --batch 16 --steps 6 --warmup 2

transformers' BertModel with two classification heads on the pooled output, gradients averaged by DistributedDataParallel over
gloo, clipped, fused AdamW. A batch is padded to its longest sequence, or with --group drawn from runs of 50 batches sorted
by length. `tokens_per_second` counts real tokens of all ranks.
"""

import argparse
import contextlib
import json
import os
import time

import torch
import torch.distributed as distributed
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertModel

SIZES = {
    "bert-base": (768, 12, 12, 3072),
    "minilm": (384, 6, 12, 1536),
    "tiny": (128, 2, 2, 512),
}


class TwoTasks(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        hidden, layers, attention_heads, intermediate = SIZES[model]
        config = BertConfig(
            hidden_size=hidden,
            num_hidden_layers=layers,
            num_attention_heads=attention_heads,
            intermediate_size=intermediate,
            attn_implementation="sdpa",
        )
        self.encoder = BertModel(config)
        self.dropout = torch.nn.Dropout(0.1)
        self.first, self.second = torch.nn.Linear(hidden, 2), torch.nn.Linear(hidden, 3)

    def forward(self, ids, mask, labels):
        pooled = self.dropout(self.encoder(input_ids=ids, attention_mask=mask).pooler_output)
        return cross_entropy(self.first(pooled[0::2]).float(), labels[0::2]) + cross_entropy(
            self.second(pooled[1::2]).float(), labels[1::2]
        )


def steps_of(lengths, per_step, count, grouped):
    """The lengths of each step's sequences, of all ranks."""
    needed = per_step * (50 if grouped else count)
    pool = [lengths[i % len(lengths)] for i in range(max(needed, per_step * count))]
    if grouped:
        pool = sorted(pool[:needed])
        places = [int((i + 0.5) * 50 / count) for i in range(count)]
        return [pool[p * per_step : (p + 1) * per_step] for p in places]
    return [pool[s * per_step : (s + 1) * per_step] for s in range(count)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=SIZES, default="minilm")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--lengths", required=True)
    parser.add_argument("--group", action="store_true")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--warmup", type=int, default=2)
    options = parser.parse_args()

    world, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = TwoTasks(options.model)
    if world > 1:
        distributed.init_process_group("gloo")
        model = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, fused=True)
    with open(options.lengths) as file:
        plan = steps_of(
            json.load(file), options.batch * world, options.steps + options.warmup, options.group
        )
    barrier = distributed.barrier if world > 1 else lambda: None
    low = options.precision == "bf16"
    tokens, seconds = 0, 0.0
    for step, lengths in enumerate(plan):
        own = lengths[rank * options.batch : (rank + 1) * options.batch]
        ids = torch.randint(1000, 30000, (len(own), max(own)))
        mask = (torch.arange(max(own))[None, :] < torch.tensor(own)[:, None]).long()
        labels = torch.randint(0, 2, (len(own),))
        barrier()
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16) if low else contextlib.nullcontext():
            loss = model(ids, mask, labels)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        barrier()
        if step >= options.warmup:
            seconds += time.perf_counter() - start
            tokens += sum(lengths)
    if rank == 0:
        print(json.dumps({"tokens_per_second": round(tokens / seconds, 1), "world_size": world}))


main()
