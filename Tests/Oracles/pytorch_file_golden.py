"""Writes Tests/CheckpointsTests/PyTorchGolden.swift: a small file as torch.save writes it, in base64.

    python Tests/Oracles/pytorch_file_golden.py > Tests/CheckpointsTests/PyTorchGolden.swift

needs torch. The tensors are counted up, so that the test can say what they hold.
"""

import base64
import collections
import io
import textwrap

import torch


def main():
    count = torch.arange(12, dtype=torch.float32)
    state = collections.OrderedDict(
        float=count.view(3, 4) - 5.5,
        half=(count[:5] / 4).half(),
        bfloat16=(count[:6] * 2).bfloat16().view(2, 3),
        double=count[:2].double() / 3,
        long=torch.tensor([-1, 2**40]),
        parameter=torch.nn.Parameter(count[:2] + 0.25),
        scalar=torch.tensor(7.0),
        empty=torch.zeros(0, 3),
    )
    state["transposed"] = count.view(3, 4).t()
    state["view"] = count[4:8]
    state["expanded"] = count[3:4].expand(2, 2)
    state._metadata = collections.OrderedDict({"": {"version": 1}})
    buffer = io.BytesIO()
    torch.save(state, buffer)
    text = base64.b64encode(buffer.getvalue()).decode()
    print("// Written by Tests/Oracles/pytorch_file_golden.py; do not edit.")
    print()
    print("enum PyTorchGolden {")
    print('    static let base64 = """')
    print(textwrap.indent("\n".join(textwrap.wrap(text, 110)), "        "))
    print('        """')
    print("}")


if __name__ == "__main__":
    main()
