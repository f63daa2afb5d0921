"""Writes Tests/OptimizationTests/WeightingGolden.swift: what task weightings give by the formulas of their papers.

Each rule is written down here once more, plainly: derivatives come from PyTorch's autograd, steps from torch.optim.Adam, and
GradNorm works on vectors. Losses and gradients of a few steps are made up; None marks a task without examples in a step.

    python Tests/Oracles/weighting_golden.py > Tests/OptimizationTests/WeightingGolden.swift
"""

import math

import numpy as np
import torch

torch.set_default_dtype(torch.float64)

LABELS = [2, 3, 5]
STEPS = 9
RATE, DECAY, ALPHA, TEMPERATURE, INTERVAL = 0.025, 0.001, 1.5, 2.0, 2
random = np.random.default_rng(5)


def losses_of_steps():
    """[step][task]: falling at different paces, with gaps."""
    pace = [0.97, 0.8, 0.9]
    rows = []
    for step in range(STEPS):
        row = [round(math.log(c) * p**step * random.uniform(0.9, 1.1), 6) for c, p in zip(LABELS, pace)]
        if step in (3, 6):
            row[step // 3 - 1] = None
        rows.append(row)
    return rows


def after_update(rows):
    return [[None if x is None else round(x * random.uniform(0.85, 1.02), 6) for x in row] for row in rows]




def uncertainty(rows):
    s = [torch.zeros((), requires_grad=True) for _ in LABELS]
    adam = torch.optim.Adam(s, lr=RATE)
    result = []
    for row in rows:
        result.append([math.exp(-x.item()) for x in s])
        adam.zero_grad()
        sum(torch.exp(-x) * loss + x / 2 for x, loss in zip(s, row) if loss is not None).backward()
        adam.step()
    return result


def dwa(rows):
    result, means, interval = [], [], []
    for row in rows:
        if len(means) < 2:
            w = [1.0] * len(LABELS)
        else:
            w = [a / b for a, b in zip(means[-1], means[-2])]
        e = [math.exp(x / TEMPERATURE) for x in w]
        result.append([len(LABELS) * x / sum(e) for x in e])
        interval.append(row)
        if len(interval) == INTERVAL:
            columns = [[x for x in column if x is not None] for column in zip(*interval)]
            means.append([sum(c) / len(c) for c in columns])
            interval = []
    return result


def famo(rows, rows_after):
    xi = [torch.zeros((), requires_grad=True) for _ in LABELS]
    adam = torch.optim.Adam(xi, lr=RATE, weight_decay=DECAY)
    result = []
    for row, after in zip(rows, rows_after):
        present = [k for k, loss in enumerate(row) if loss is not None]
        z = torch.softmax(torch.stack([xi[k] for k in present]), 0)
        before = torch.tensor([row[k] for k in present]) + 1e-8
        behind = torch.tensor([after[k] for k in present]) + 1e-8
        share = (z / before / (z / before).sum()).tolist()
        result.append([share[present.index(k)] if k in present else 0.0 for k in range(len(LABELS))])
        slopes = torch.autograd.grad(z, [xi[k] for k in present], before.log() - behind.log())
        for x in xi:
            x.grad = None
        for k, slope in zip(present, slopes):
            xi[k].grad = slope
        adam.step()
    return result


def gradnorm(rows, gradients):
    w = [torch.ones((), requires_grad=True) for _ in LABELS]
    adam = torch.optim.Adam(w, lr=RATE)
    result = []
    for row, vectors in zip(rows, gradients):
        present = [k for k, loss in enumerate(row) if loss is not None]
        result.append([x.item() for x in w])
        norms = [(w[k] * torch.tensor(vectors[k])).norm() for k in present]
        mean = sum(norms).detach() / len(norms)
        ratio = [row[k] / math.log(LABELS[k]) for k in present]
        inverse_rate = [x / (sum(ratio) / len(ratio)) for x in ratio]
        adam.zero_grad()
        sum((n - mean * r**ALPHA).abs() for n, r in zip(norms, inverse_rate)).backward()
        adam.step()
        with torch.no_grad():
            total = sum(x.item() for x in w)
            for x in w:
                x.mul_(len(LABELS) / total)
    return result


def swift(name, rows):
    def text(x):
        return "nil" if x is None else repr(float(x))

    kind = "[[Double?]]" if any(x is None for row in rows for x in row) else "[[Double]]"
    lines = "".join("        [" + ", ".join(text(x) for x in row) + "],\n" for row in rows)
    return f"    static let {name}: {kind} = [\n{lines}    ]\n"


rows = losses_of_steps()
rows_after = after_update(rows)
gradients = [[[round(x, 4) for x in random.normal(size=4) * scale] for scale in (0.2, 1, 3)] for _ in rows]
print("// Made by Tests/Oracles/weighting_golden.py.\n")
print("/// Losses of three tasks with 2, 3 and 5 labels over some steps, and what rules make of them.")
print("enum WeightingGolden {")
print(swift("losses", rows) + swift("lossesBehind", rows_after), end="")
print("    /// Of every step, the gradients of all tasks one after the other.")
print(swift("gradients", [[x for vector in step for x in vector] for step in gradients]), end="")
print(swift("uncertainty", uncertainty(rows)) + swift("dwa", dwa(rows)) + swift("famo", famo(rows, rows_after)), end="")
print(swift("gradnorm", gradnorm(rows, gradients)), end="")
print("}")
