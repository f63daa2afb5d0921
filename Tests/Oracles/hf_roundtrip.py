"""Reads a checkpoint folder with transformers: every encoder weight, bit for bit, nothing missing; and the tokenizer.

    python hf_roundtrip.py CHECKPOINT [TEXT]

Exits 1 where BertModel finds an encoder tensor missing, ill-shaped, unknown to it or changed in value.
"""

import json
import pathlib
import sys

import torch
from safetensors.torch import load_file
from transformers import BertModel, BertTokenizerFast


def problems_of(folder):
    model, loading = BertModel.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    stored = load_file(folder / "model.safetensors")
    classifiers = sorted(name for name in stored if name.startswith("classifiers."))
    problems = [f"missing: {name}" for name in sorted(loading["missing_keys"])]
    problems += [f"ill-shaped: {name}" for name in sorted(map(str, loading["mismatched_keys"]))]
    problems += [f"unexpected: {name}" for name in sorted(loading["unexpected_keys"]) if name not in classifiers]
    parameters = dict(model.named_parameters())
    for name, value in parameters.items():
        source = stored.get(f"bert.{name}")
        if source is None:
            problems.append(f"not in the file under its checkpoint name: bert.{name}")
        elif not torch.equal(value, source.float()):
            problems.append(f"changed while reading: bert.{name}")
    for name in classifiers:
        if name.endswith(".weight") and stored[name].shape[1] != model.config.hidden_size:
            problems.append(f"{name} is {tuple(stored[name].shape)}, hidden size {model.config.hidden_size}")
    tasks = sorted({name.split(".", 1)[1].rsplit(".", 1)[0] for name in classifiers})
    print(f"BertModel: {len(parameters)} tensors, {sum(p.numel() for p in parameters.values())} parameters")
    print(f"classifiers: {', '.join(tasks) or 'none'}")
    return problems, model


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    problems, model = problems_of(folder)
    tokenizer = BertTokenizerFast.from_pretrained(folder)
    text = sys.argv[2] if len(sys.argv) == 3 else "The film is not good, but I like it: 好看!"
    encoded = tokenizer(text, return_tensors="pt")
    print(f"tokenizer: {len(tokenizer)} tokens; {json.dumps(encoded['input_ids'][0].tolist())}")
    if len(tokenizer) != model.config.vocab_size:
        problems.append(f"{len(tokenizer)} tokens in the tokenizer, vocab_size {model.config.vocab_size}")
    with torch.no_grad():
        pooled = model.eval()(**encoded).pooler_output
    if not torch.isfinite(pooled).all():
        problems.append("the pooled output is not finite")
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
