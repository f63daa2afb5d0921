"""The reference network of the oracles: transformers' BertModel with one linear classifier a task on its pooled output.

Its parameter names are those of a checkpoint: `bert.…` and `classifiers.TASK.{weight,bias}`.
"""

import torch
from transformers import BertModel


class MultiTaskBert(torch.nn.Module):
    def __init__(self, bert: BertModel, label_counts: dict[str, int]):
        super().__init__()
        self.bert = bert
        hidden = bert.config.hidden_size
        self.classifiers = torch.nn.ModuleDict({task: torch.nn.Linear(hidden, n) for task, n in label_counts.items()})

    def forward(self, sequences, token_types):
        """Pads the token lists on the right, masks the padding, and returns transformers' own output object."""
        width = max(map(len, sequences))

        def padded(rows):
            return torch.tensor([list(row) + [0] * (width - len(row)) for row in rows])

        mask = padded([[1] * len(row) for row in sequences])
        return self.bert(
            input_ids=padded(sequences), token_type_ids=padded(token_types), attention_mask=mask, output_hidden_states=True
        )

    def means(self, output, sequences):
        """The mean of each sequence's last hidden states, padding left out."""
        return torch.stack([output.last_hidden_state[i, : len(row)].mean(0) for i, row in enumerate(sequences)])

    def loss(self, pooled, example_tasks, example_labels, task_weights, **cross_entropy):
        """Sum over tasks of weight × mean cross-entropy of the task's examples; also each task's logits and mean.

        `cross_entropy` may hold `label_smoothing`, and `weight` with the class weights of each task.
        """
        class_weights = cross_entropy.pop("weight", {})
        total, logits, means = 0.0, {}, {}
        for task, classifier in self.classifiers.items():
            rows = [i for i, name in enumerate(example_tasks) if name == task]
            if not rows:
                continue
            logits[task] = classifier(pooled[rows])
            labels = torch.tensor([example_labels[i] for i in rows])
            # Divided by the count, not by the sum of the class weights as PyTorch's own mean is.
            means[task] = torch.nn.functional.cross_entropy(
                logits[task], labels, weight=class_weights.get(task), reduction="sum", **cross_entropy
            ) / len(rows)
            total = total + task_weights[task] * means[task]
        return total, logits, means


def without_dropout(folder, **overrides):
    """The encoder of `folder` in fp32 with plain (eager) attention and no dropout."""
    return BertModel.from_pretrained(
        folder,
        dtype=torch.float32,
        attn_implementation="eager",
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **overrides,
    )
