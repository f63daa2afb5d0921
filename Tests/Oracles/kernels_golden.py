"""Writes Tests/Fixtures/kernels.safetensors: inputs and right answers for each kernel, optimizer and schedule.

    python kernels_golden.py [FILE]

Inputs are representable in single precision; answers are computed by PyTorch in double and rounded once, so a difference
is that of the implementation under test. All tensors are F32, whole numbers too. d_output is the gradient that arrives.

    layer_norm.{input,weight,bias,epsilon,output,d_output,d_input,d_weight,d_bias}            5 rows of 37
    {gelu,gelu_new,relu,tanh}.{input,output,derivative}                                        300 points of [-12, 12]
    attention.{heads,projections,context,d_context,d_projections}                              21 tokens, 2 heads of 12
    cross_entropy.{2,3,5}.{logits,labels,losses,mean,d_logits}                                 6 rows; d_logits of the mean
    adamw.{learning_rate,beta1,beta2,epsilon,weight_decay,max_gradient_norm,initial,gradients}
    adamw.{plain,no_decay,clipped}.{parameters,first_moment,second_moment}                     [step, 50], after each step
    adamw.clipped.{norms,gradients}                                                            norms before, gradients after
    schedule.{steps,warmup_steps,linear,cosine}                                                factor of update 0 … steps

`clipped` follows torch.nn.utils.clip_grad_norm_: gradients × min(1, max_norm / (norm + 1e-6)), norm over all 50.
"""

import pathlib
import sys

import torch
from safetensors.torch import save_file
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup
from transformers.activations import ACT2FN

TENSORS = {}
GENERATOR = torch.Generator().manual_seed(5)


def random(*shape, scale=1.0, shift=0.0):
    """Random values that single precision holds exactly, as doubles."""
    return (torch.randn(shape, generator=GENERATOR) * scale + shift).double()


def keep(prefix, **tensors):
    for name, value in tensors.items():
        value = torch.as_tensor(value, dtype=torch.float64).detach()
        TENSORS[f"{prefix}.{name}"] = value.float().reshape(value.shape or (1,)).contiguous()


def layer_norm():
    x, w, b = random(5, 37, scale=2.0, shift=0.7), random(37, scale=0.5, shift=1.0), random(37, scale=0.5)
    d_output = random(5, 37)
    for t in (x, w, b):
        t.requires_grad_()
    y = torch.nn.functional.layer_norm(x, (37,), w, b, 1e-12)
    y.backward(d_output)
    keep("layer_norm", input=x, weight=w, bias=b, epsilon=1e-12, output=y, d_output=d_output)
    keep("layer_norm", d_input=x.grad, d_weight=w.grad, d_bias=b.grad)


def activations():
    functions = {name: ACT2FN[name] for name in ("gelu", "gelu_new", "relu")} | {"tanh": torch.tanh}
    for name, function in functions.items():
        x = torch.linspace(-12, 12, 300).double().requires_grad_()
        y = function(x)
        y.sum().backward()
        keep(name, input=x, output=y, derivative=x.grad)


def attention():
    tokens, heads, size = 21, 2, 12
    x, d_context = random(tokens, 3 * heads * size, scale=1.5).requires_grad_(), random(tokens, heads * size)
    query, key, value = (part.reshape(tokens, heads, size).transpose(0, 1) for part in x.chunk(3, dim=1))
    y = torch.nn.functional.scaled_dot_product_attention(query, key, value).transpose(0, 1).reshape(tokens, heads * size)
    y.backward(d_context)
    keep("attention", heads=heads, projections=x, context=y, d_context=d_context, d_projections=x.grad)


def cross_entropy():
    for classes in (2, 3, 5):
        logits = random(6, classes, scale=4.0).requires_grad_()
        labels = torch.arange(6) % classes
        losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
        losses.mean().backward()
        keep(f"cross_entropy.{classes}", logits=logits, labels=labels, losses=losses, mean=losses.mean())
        keep(f"cross_entropy.{classes}", d_logits=logits.grad)


def adamw():
    settings = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01}
    initial, gradients = random(50), random(5, 50)
    # Norms on both sides of the bound: steps 1, 3 and 5 are clipped, 2 and 4 are not.
    gradients = (gradients * torch.tensor([[1.0], [0.01], [0.5], [0.1], [3.0]])).float().double()
    keep("adamw", **settings, max_gradient_norm=1.0, initial=initial, gradients=gradients)
    for variant, decay, clip in (("plain", 0.01, False), ("no_decay", 0.0, False), ("clipped", 0.01, True)):
        parameter = torch.nn.Parameter(initial.clone())
        optimizer = torch.optim.AdamW([parameter], lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=decay)
        rows = {"parameters": [], "first_moment": [], "second_moment": []}
        norms, used = [], []
        for gradient in gradients:
            parameter.grad = gradient.clone()
            if clip:
                norms.append(torch.nn.utils.clip_grad_norm_([parameter], 1.0))
            used.append(parameter.grad.clone())
            optimizer.step()
            state = optimizer.state[parameter]
            rows["parameters"].append(parameter.detach().clone())
            rows["first_moment"].append(state["exp_avg"].clone())
            rows["second_moment"].append(state["exp_avg_sq"].clone())
        keep(f"adamw.{variant}", **{name: torch.stack(values) for name, values in rows.items()})
        if clip:
            keep(f"adamw.{variant}", norms=torch.stack(norms), gradients=torch.stack(used))


def schedules():
    steps, warmup = 20, 5
    keep("schedule", steps=steps, warmup_steps=warmup)
    for name, factory in (("linear", get_linear_schedule_with_warmup), ("cosine", get_cosine_schedule_with_warmup)):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        factor = factory(optimizer, warmup, steps).lr_lambdas[0]
        keep("schedule", **{name: [factor(step) for step in range(steps + 1)]})


def main():
    beside = pathlib.Path(__file__).resolve().parent.parent / "Fixtures" / "kernels.safetensors"
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else beside
    torch.set_num_threads(1)
    for part in (layer_norm, activations, attention, cross_entropy, adamw, schedules):
        part()
    save_file(TENSORS, out)
    print(f"{out}: {len(TENSORS)} tensors, {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
