#!/usr/bin/env python3
"""Compares a tokenizer program with transformers' BertTokenizerFast, id by id, on real and on hostile lines; times both,
in processor seconds.

The program reads one text a line and prints a JSON array of ids a line, special tokens included:

    tokenizer_compare.py --data DATA --command "mtbert-dist tokenize --model {model}" VOCABULARY...

DATA holds folders of .tsv files with a header and the text in the first column; VOCABULARY is a folder with vocab.txt.
Every vocabulary sees all lines. Hostile lines are also compared under other options and added tokens, with a vocabulary
that has nearly every character as a token, so that no difference hides behind [UNK]. The last line printed is the number of lines that differ; the exit code is 1 if there are
any. Needs `transformers`.
"""

import argparse
import json
import os
import pathlib
import random
import resource
import shlex
import subprocess
import sys
import tempfile
import time
import unicodedata

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from transformers import BertTokenizerFast  # noqa: E402

SPICES = ["[SEP]", "[MASK]", "[CLS]", "[PAD]", "[UNK]", "[", "]", "[MASK", "\u0130", "\u03a3", "\ufb01", "e\u0301", "\u00e9", "\u0000",
          "\ufffd", "\u200d", "\u200b", "\u3000", "\u00a0", "\u2028", "\u0085", "\x0b", "\x1c", "\t", "\ud55c\uae00",
          "\u4e2d", "\uff21", "\u05d0", "\U0001f468\u200d\U0001f469", "\U0001d15e", "\U0001d165", "\U0001d16e",
          "\u302e", "\u302f", "\u0344", "\u0f73", "\U00016ff0", "\U0001e949", "\uf900", "\U0002f800", "\ue000", "\u0378",
          "\u212b", "\u2260", "\u037e", "\u1fef", "##", "##s", "\u00df", "\u1e9e", "\u0345", "a" * 100, "b" * 101,
          "<URL>", "<url>", "Ab", "caf\u00e9", "CAFE\u0301", "\u4e2d\u6587", "th", "[MASK]ed"]


def real_lines(data):
    for path in sorted(pathlib.Path(data).glob("*/*.tsv")):
        with open(path, encoding="utf-8", newline="\n") as file:
            next(file)
            for line in file:
                yield line.rstrip("\n").split("\t")[0]


def random_character(random):
    plane = random.random()
    while True:
        if plane < 0.35:
            c = random.randrange(0x20, 0x250)
        elif plane < 0.5:
            c = random.randrange(0x300, 0x370)
        elif plane < 0.85:
            c = random.randrange(0x10000)
        elif plane < 0.97:
            c = random.randrange(0x10000, 0x20000)
        else:
            c = random.randrange(0x110000)
        if not 0xD800 <= c < 0xE000 and c not in (0x0A, 0x0D):
            return chr(c)


def hostile_lines(seed, count, real):
    """Random code points, dense clusters of neighbours and marks, mutated real lines, very long words."""
    source = random.Random(seed)
    for number in range(count):
        kind = number % 5
        if kind == 0:
            line = [random_character(source) for _ in range(source.randrange(0, 60))]
        elif kind == 1:
            base = source.randrange(0x110000)
            line = [chr(c) for c in (base + source.randrange(-64, 64) for _ in range(40))
                    if 0 <= c < 0x110000 and not 0xD800 <= c < 0xE000 and c not in (0x0A, 0x0D)]
        elif kind == 2:
            line = list(source.choice(real))
            for _ in range(source.randrange(1, 12)):
                at = source.randrange(len(line) + 1)
                choice = source.random()
                if choice < 0.4:
                    line.insert(at, random_character(source))
                elif choice < 0.8:
                    line.insert(at, source.choice(SPICES))
                elif line:
                    del line[at:at + source.randrange(1, 4)]
        elif kind == 3:
            line = [source.choice(SPICES) if source.random() < 0.7 else random_character(source) for _ in range(25)]
        else:
            words = source.choice(real).split() or ["x"]
            glue = source.choice(["", "", "\u0301", "\u200d", " "])
            line = [glue.join(words) * source.randrange(1, 3)]
            if number % 500 == 4:
                line = [source.choice(["a", "\u4e2d", "\u00e9", "[", "\U0001d165", "\uac00", " "]) * 10000]
            if number % 50 == 9:
                line = [source.choice("ab\u00e9\uac01\u0130") * source.randrange(96, 104)]
        yield "".join(line)


def variants(folder):
    """Model folders under a temporary one: every option by itself, and added tokens of all kinds."""
    characters = [chr(c) for c in range(0x21, 0x110000)
                  if not 0x4E00 <= c < 0xA000 and unicodedata.category(chr(c)) not in ("Cn", "Co", "Cs", "Zs", "Zl", "Zp")]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + characters + ["##" + c for c in characters]
    tokens += ["##ing", "the", "th", "##e\u0301", "\u00e9t\u00e9", "i\u0307", "\u4e2d", "##\u4e2d"]
    tokens = list(dict.fromkeys(tokens))

    def added(content, **flags):
        return {"content": content, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False,
                "special": False, **flags}

    decoder = {
        "0": added("[PAD]", special=True), "1": added("[UNK]", special=True), "2": added("[CLS]", special=True),
        "3": added("[SEP]", special=True), "4": added("[MASK]", special=True, lstrip=True, rstrip=True),
        str(len(tokens)): added("<URL>", normalized=True),
        str(len(tokens) + 1): added("Ab", single_word=True),
        str(len(tokens) + 2): added("caf\u00e9", normalized=True, single_word=True),
        str(len(tokens) + 3): added("\u4e2d\u6587", normalized=True),
        str(len(tokens) + 4): added("[MASK]ed"),
        str(tokens.index("\U0001d165")): added("\U0001d165"),
        str(tokens.index("th")): added("th", normalized=True, rstrip=True),
    }
    settings = {
        "uncased": {}, "cased": {"do_lower_case": False}, "accents": {"strip_accents": False},
        "cased-stripped": {"do_lower_case": False, "strip_accents": True},
        "joined-ideographs": {"tokenize_chinese_chars": False, "do_lower_case": False},
        "added": {"added_tokens_decoder": decoder},
        "added-cased": {"added_tokens_decoder": decoder, "do_lower_case": False},
    }
    for name, configuration in settings.items():
        path = pathlib.Path(folder) / name
        path.mkdir()
        (path / "vocab.txt").write_text("".join(token + "\n" for token in tokens), encoding="utf-8")
        (path / "tokenizer_config.json").write_text(json.dumps(configuration), encoding="utf-8")
        yield path


def compare(vocabulary, oracle, command, lines):
    """The number of lines whose ids differ; shows the first few."""
    text = ("\n".join(lines) + "\n").encode()
    answer = subprocess.run(command, input=text, stdout=subprocess.PIPE, check=True).stdout.decode().split("\n")
    if answer[-1] == "":
        answer.pop()
    if len(answer) != len(lines):
        sys.exit(f"{vocabulary}: {len(answer)} lines answered of {len(lines)}")
    wrong = 0
    for start in range(0, len(lines), 4096):
        batch = lines[start:start + 4096]
        expected = oracle(batch, verbose=False, return_attention_mask=False, return_token_type_ids=False)["input_ids"]
        for line, ids, printed in zip(batch, expected, answer[start:start + 4096]):
            if ids != json.loads(printed):
                wrong += 1
                if wrong <= 5:
                    print(f"  {line[:200]!r}\n    expected {ids[:60]}\n    answered {printed[:300]}")
    print(f"{vocabulary}: {len(lines)} lines, {wrong} differ", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--command", required=True)
    parser.add_argument("--hostile", type=int, default=20000)
    parser.add_argument("--real", type=int, default=0, help="only so many real lines, evenly drawn (0: all)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-timing", action="store_true")
    parser.add_argument("vocabulary", nargs="+")
    arguments = parser.parse_args()

    real = list(real_lines(arguments.data))
    if arguments.real:
        real = real[::max(1, len(real) // arguments.real)][:arguments.real]
    hostile = list(hostile_lines(arguments.seed, arguments.hostile, real))
    lines = real + hostile
    print(f"{len(real)} real lines, {len(hostile)} hostile lines")
    differing = 0
    for vocabulary in arguments.vocabulary:
        oracle = BertTokenizerFast.from_pretrained(vocabulary)
        command = shlex.split(arguments.command.replace("{model}", shlex.quote(str(vocabulary))))
        differing += compare(vocabulary, oracle, command, lines)
        if arguments.no_timing:
            continue
        rust = oracle.backend_tokenizer
        sample = real[::max(1, len(real) // 40000)]
        megabytes = sum(len(line.encode()) for line in real) / 1e6
        sample_megabytes = sum(len(line.encode()) for line in sample) / 1e6
        for name, run in [("encode_batch", lambda: rust.encode_batch(sample)),
                          ("encode_batch_fast", lambda: rust.encode_batch_fast(sample)),
                          ("encode", lambda: [rust.encode(line) for line in sample])]:
            begin = time.process_time()
            run()
            seconds = time.process_time() - begin
            print(f"  Rust {name}: {len(sample) / seconds:,.0f} lines/s, {sample_megabytes / seconds:.1f} MB/s")
        seconds = []
        for data in [b"\n", ("\n".join(real) + "\n").encode()]:
            best = min(timed(command, data) for _ in range(3))
            seconds.append(best)
        net = seconds[1] - seconds[0]
        print(f"  program, printing included, start-up of {seconds[0] * 1e3:.0f} ms not: "
              f"{len(real) / net:,.0f} lines/s, {megabytes / net:.1f} MB/s")
    with tempfile.TemporaryDirectory() as folder:
        for path in variants(folder):
            command = shlex.split(arguments.command.replace("{model}", shlex.quote(str(path))))
            differing += compare(path.name, BertTokenizerFast.from_pretrained(path), command, hostile)
    print(f"{differing} lines differ")
    sys.exit(1 if differing else 0)


def timed(command, data):
    """Processor seconds of the program, so that other work on the machine counts for neither side."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, input=data, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


main()
