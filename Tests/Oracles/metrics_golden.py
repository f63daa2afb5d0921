"""Writes the expected scores of Tests/MetricsTests/ConfusionGolden.swift, computed by scikit-learn.

    python Tests/Oracles/metrics_golden.py > Tests/MetricsTests/ConfusionGolden.swift &&
        swift format -i Tests/MetricsTests/ConfusionGolden.swift

needs numpy and scikit-learn; the cases are drawn with a fixed seed, so the output is the same every time.
"""

import warnings

import numpy
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
    recall_score,
)


def cases():
    """Yields (name, counts), the counts as a square array [actual, predicted]."""
    yield "balanced pair", [[40, 10], [5, 45]]
    yield "one label never predicted", [[7, 3, 0], [2, 9, 0], [4, 1, 0]]
    yield "one label only predicted", [[6, 1, 2], [0, 8, 3], [0, 0, 0]]
    yield "one declared label absent", [[6, 1, 0], [2, 8, 0], [0, 0, 0]]
    yield "all of one label, all right", [[9, 0], [0, 0]]
    yield "all taken for one label", [[5, 0], [4, 0]]
    yield "all wrong", [[0, 3], [4, 0]]
    yield "all right", [[3, 0, 0], [0, 4, 0], [0, 0, 5]]
    generator = numpy.random.default_rng(20)
    for labels in (3, 5, 12):
        counts = generator.integers(0, 30, (labels, labels))
        yield f"{labels} labels at random", counts + numpy.diag(generator.integers(0, 200, labels))
    yield "28 labels, few examples", generator.integers(0, 12, (28, 28)) // 11


def literal(values):
    return "[" + ", ".join(repr(float(value)) for value in values) + "]"


def main():
    warnings.simplefilter("ignore")
    print("// Written by Tests/Oracles/metrics_golden.py; do not edit.")
    print()
    print("extension ConfusionGolden {")
    print("    static let cases: [ConfusionGolden] = [")
    for name, counts in cases():
        counts = numpy.array(counts, dtype=numpy.int64)
        actual, predicted = (
            numpy.repeat(index.ravel(), counts.ravel()) for index in numpy.indices(counts.shape)
        )
        labels = range(len(counts))
        precision, recall, f1, _ = precision_recall_fscore_support(
            actual, predicted, labels=labels, zero_division=0
        )
        print("        ConfusionGolden(")
        print(f'            name: "{name}", labelCount: {len(counts)},')
        print(f"            counts: [{', '.join(str(count) for count in counts.ravel())}],")
        print(f"            accuracy: {float(accuracy_score(actual, predicted))!r},")
        for key, value in (
            ("macroF1", f1_score(actual, predicted, average="macro", zero_division=0)),
            ("macroRecall", recall_score(actual, predicted, average="macro", zero_division=0)),
            ("matthews", matthews_corrcoef(actual, predicted)),
        ):
            print(f"            {key}: {float(value)!r},")
        print(f"            precision: {literal(precision)},")
        print(f"            recall: {literal(recall)},")
        print(f"            f1: {literal(f1)}),")
    print("    ]")
    print("}")


if __name__ == "__main__":
    main()
