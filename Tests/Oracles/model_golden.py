"""Writes what PyTorch makes of one mixed batch: every hidden state, pooled output, logit, loss and gradient.

    python model_golden.py --tiny OUTDIR                      # a small random encoder and its expected.safetensors
    python model_golden.py --tiny OUTDIR --activation relu    # the same encoder; writes expected.relu.safetensors only
    python model_golden.py --tiny OUTDIR --mean               # the same encoder; writes expected.mean.safetensors only
    python model_golden.py --model DIR --out FILE             # expected values for an encoder folder

Every tensor of an expected file is F32, whole numbers too; tokens are packed, without padding:

    input_ids [tokens], token_types [tokens], sequence_offsets [n + 1], example_task [n] (index into alpha, beta, gamma),
    example_label [n], task_weights [3], hidden_states.{0…L} [tokens, hidden] (0: output of the embeddings),
    pooled [n, hidden], logits.TASK [examples of the task in order, labels], loss [1],
    param.classifiers.TASK.{weight,bias}, grad.bert.… and grad.classifiers.TASK.{weight,bias}

The loss is the sum over tasks of weight × mean cross-entropy over the task's examples. With --mean the heads see the mean
over each sequence's tokens, labels are smoothed by 0.2, and beta's labels weigh 0.5, 1 and 2. The gradient of attention's key
bias is zero in exact arithmetic (softmax does not see a constant added to a row): hold it against an absolute bound.
"""

import argparse
import json
import pathlib
import random

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

from multitask_bert import MultiTaskBert, without_dropout

TASKS = {"alpha": 2, "beta": 3, "gamma": 5}
WEIGHTS = {"alpha": 1.0, "beta": 0.5, "gamma": 2.0}
EXAMPLE_TASKS = ["alpha", "gamma", "alpha", "beta", "gamma", "alpha", "gamma"]
EXAMPLE_LABELS = [1, 4, 0, 2, 0, 1, 3]
WITH_TWO_SEGMENTS = 4
TINY_LENGTHS = [9, 40, 1, 17, 23, 2, 6]
REAL_LENGTHS = [33, 128, 2, 64, 97, 5, 17]
CLS, SEP = "[CLS]", "[SEP]"


def tiny_vocabulary():
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["the", "film", "is", "not", "good", "bad", "but", "##ing", "##ly", "好"]
    tokens = ["[PAD]", "[UNK]", CLS, SEP, "[MASK]", *letters, *(f"##{c}" for c in letters[:18]), "!", ".", *words]
    assert len(tokens) == len(set(tokens)) == 61
    return tokens


def tiny_encoder(activation):
    """A random encoder whose weights are large enough for every parameter to matter in the loss."""
    config = BertConfig(
        vocab_size=61, hidden_size=36, num_attention_heads=3, intermediate_size=52, num_hidden_layers=2,
        max_position_embeddings=40, type_vocab_size=2, layer_norm_eps=1e-12, hidden_act=activation,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager",
    )  # fmt: skip
    bert = BertModel(config)
    generator = torch.Generator().manual_seed(20)
    with torch.no_grad():
        for name, parameter in bert.named_parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
            if name.endswith("LayerNorm.weight"):
                parameter.add_(1.0)
    return bert


def write_tiny(folder, bert, vocabulary):
    config = {
        "architectures": ["BertModel"], "model_type": "bert", "vocab_size": 61, "hidden_size": 36,
        "num_attention_heads": 3, "intermediate_size": 52, "num_hidden_layers": 2, "max_position_embeddings": 40,
        "type_vocab_size": 2, "layer_norm_eps": 1e-12, "hidden_act": "gelu", "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1, "initializer_range": 0.02, "pad_token_id": 0,
        "position_embedding_type": "absolute",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / "vocab.txt").write_text("".join(t + "\n" for t in vocabulary), encoding="utf-8")
    tensors = {f"bert.{name}": p.detach().contiguous() for name, p in bert.named_parameters()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def batch(lengths, vocabulary):
    """Token lists of the given lengths: [CLS] first and [SEP] last where there is room, ordinary tokens between."""
    rng = random.Random(7)
    ordinary = [i for i, token in enumerate(vocabulary) if not token.startswith("[")]
    sequences, token_types = [], []
    for number, length in enumerate(lengths):
        tokens = rng.choices(ordinary, k=length)
        if length >= 2:
            tokens[0], tokens[-1] = vocabulary.index(CLS), vocabulary.index(SEP)
        second = length // 2 if number == WITH_TWO_SEGMENTS else 0
        sequences.append(tokens)
        token_types.append([0] * (length - second) + [1] * second)
    return sequences, token_types


def expected(bert, lengths, vocabulary, mean=False):
    torch.manual_seed(11)
    model = MultiTaskBert(bert, TASKS)
    for classifier in model.classifiers.values():
        torch.nn.init.normal_(classifier.weight, std=0.2)
        torch.nn.init.normal_(classifier.bias, std=0.2)
    model.eval()
    sequences, token_types = batch(lengths, vocabulary)
    output = model(sequences, token_types)
    if mean:
        beta = {"beta": torch.tensor([0.5, 1.0, 2.0])}
        loss, logits, _ = model.loss(
            model.means(output, sequences), EXAMPLE_TASKS, EXAMPLE_LABELS, WEIGHTS, label_smoothing=0.2, weight=beta
        )
    else:
        loss, logits, _ = model.loss(output.pooler_output, EXAMPLE_TASKS, EXAMPLE_LABELS, WEIGHTS)
    loss.backward()

    def packed(states):
        return torch.cat([states[i, : len(row)] for i, row in enumerate(sequences)])

    names = list(TASKS)
    tensors = {
        "input_ids": torch.tensor([t for row in sequences for t in row]),
        "token_types": torch.tensor([t for row in token_types for t in row]),
        "sequence_offsets": torch.tensor([0, *lengths]).cumsum(0),
        "example_task": torch.tensor([names.index(t) for t in EXAMPLE_TASKS]),
        "example_label": torch.tensor(EXAMPLE_LABELS),
        "task_weights": torch.tensor([WEIGHTS[t] for t in names]),
        "pooled": output.pooler_output,
        "loss": loss.reshape(1),
    }
    tensors |= {f"hidden_states.{i}": packed(states) for i, states in enumerate(output.hidden_states)}
    tensors |= {f"logits.{task}": values for task, values in logits.items()}
    tensors |= {f"param.{n}": p for n, p in model.named_parameters() if n.startswith("classifiers.")}
    tensors |= {f"grad.{n}": torch.zeros_like(p) if p.grad is None else p.grad for n, p in model.named_parameters()}
    return {name: t.detach().float().contiguous() for name, t in tensors.items()}


def report(path, tensors):
    gradients = {n: t.norm().item() for n, t in tensors.items() if n.startswith("grad.")}
    smallest = min((n for n in gradients if not n.endswith("key.bias")), key=gradients.get)
    print(
        f"{path}: {path.stat().st_size} bytes, {tensors['input_ids'].numel()} tokens, loss {tensors['loss'].item():.6f}, "
        f"{len(gradients)} gradients, smallest norm {gradients[smallest]:.3e} ({smallest})"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", type=pathlib.Path, metavar="OUTDIR")
    parser.add_argument("--model", type=pathlib.Path, metavar="DIR")
    parser.add_argument("--out", type=pathlib.Path, metavar="FILE")
    parser.add_argument("--activation", choices=["gelu", "gelu_new", "relu"], help="instead of the model's own")
    parser.add_argument("--mean", action="store_true", help="mean pooling, smoothed labels, class weights")
    arguments = parser.parse_args()
    if (arguments.tiny is None) == (arguments.model is None) or (arguments.model is None) != (arguments.out is None):
        parser.error("give --tiny OUTDIR, or --model DIR with --out FILE")
    torch.set_num_threads(1)
    activation = arguments.activation
    if arguments.tiny:
        vocabulary = tiny_vocabulary()
        bert = tiny_encoder(activation or "gelu")
        arguments.tiny.mkdir(parents=True, exist_ok=True)
        if arguments.mean:
            out = arguments.tiny / "expected.mean.safetensors"
        elif activation in (None, "gelu"):
            write_tiny(arguments.tiny, bert, vocabulary)
            out = arguments.tiny / "expected.safetensors"
        else:
            out = arguments.tiny / f"expected.{activation}.safetensors"
        tensors = expected(bert, TINY_LENGTHS, vocabulary, arguments.mean)
    else:
        vocabulary = (arguments.model / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
        bert = without_dropout(arguments.model, **({"hidden_act": activation} if activation else {}))
        out, tensors = arguments.out, expected(bert, REAL_LENGTHS, vocabulary)
    save_file(tensors, out)
    report(out, tensors)


if __name__ == "__main__":
    main()
