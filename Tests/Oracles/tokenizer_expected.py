#!/usr/bin/env python3
"""Writes what the tokenizer tests expect, as answered by transformers' BertTokenizerFast.

    tokenizer_expected.py && swift format -i Tests/TokenizationTests/ExpectedIDs.swift
        writes that file
    tokenizer_expected.py --golden FILE MODEL DATA
        writes ids of real lines, for MTBERT_TOKENIZER_GOLDEN

A golden file has {"model": MODEL} in its first line, and {"text": ..., "ids": [...]} in each further one.
"""

import itertools
import json
import pathlib
import sys
import tempfile

from transformers import BertTokenizerFast

PIECES = """the a hello world un ##aff ##able ##ing ##s ca ##fe cafe résume ##é naïve i ##i ss ß ﬁ fi ff ##fi Σ σ ς ##σ ##ς
ж ##ж 中 文 ##文 한 ##ᅡ ᄒ ##ᆫ א ##א ا ２ ##２ ! ? . , ' " [ ] # ` < = ; - _ $ + ( ) ~ 。 ， “ « · ¿ A ##A b ##b B ##B İ
##̇ ##́ ##ö ö mask cls sep x ##x 1 ##1 ##2 2 👨 ##👩 ##🏽 ##㎞ ㎞ Å å k ω ##𝅥 𝅗 ##𝅮 ##〮 ##〯 ꭰ ᏸ Ꭰ
dž ǆ ⅷ ⓐ 𐐨 𞤢 豈 鋘 ##󠁧 ## ##a ##b ##c ##d ##e c d e f g h l n o r s t u v w y z ##r ##l ##o ##n ##t ##u""".split()
TOKENS = list(dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + PIECES + ["e\u0301", "\u00e9"]))

TEXTS = [
    "", " ", "hello world", "Hello, WORLD!", "unaffable", "unaffables unaffablezz", "the  a\tthe\na\r\nthe", "don't",
    "hello\u00a0world\u3000the\u2028a\u2029the\u1680a\u202fa\u205fa\u2003a\u0085a", "a\x0bthe a\x0cthe a\x1cthe",
    "he\u0000llo he\ufffdllo he\u200bllo he\u200dllo he\u00adllo he\ue000llo he\ufeffllo he\u0378llo",
    "[SEP] hello [MASK]", "[sep] [Mask] [MASK]] [[CLS]", "hello[SEP]world[UNK][PAD]", "[MASK", "[[[[MASK]]]]", "[ MASK ]",
    "café cafe\u0301 CAFÉ caf\u00c9", "résumé", "naïve NAÏVE", "e\u0301 \u00e9 E\u0301", "a\u0301\u0327 a\u0327\u0301",
    "\u0301", "\u0301a", "a \u0301 b", "İ I ı i̇ İi", "ΣΑΣ σς Σ ΟΔΟΣ", "ß ẞ SS", "ﬁ ﬀ ﬃ fi", "Ж ж Ё ё Й",
    "中文", "a中b文c", "中\u0301文", "豈 豈", "\u9fff\ua000 \u3400 \U0002f800 \U0002b920", "한글 하 한", "\u1112\u1161\u11ab",
    "אא ﬡ שׁ", "ا\u064b\u0640", "２２ Ａ", "ÅÅ Å K Ω", "`\u1fef \u037e \u2260 \u226e \u0387", "。，“«»·¿", "$1+2=3 ~ ^ |",
    "👨\u200d👩\u200d👧 👩🏽 👨", "\U0001d15e \U0001d160 \U0001d157\U0001d165 x\U0001d165\U0001d16e", "x\u302e\u302f x\u302f\u302e",
    "x\U0001d16e\u0300\U0001d165 x\u0f73 x\u0344 x\u0c48x", "x\u302f\u200b\u302e x\u302f\u034f\u302e x\u302f \u302e",
    "x\u302f中\u302e", "Ꭰ ꭰ Ᏸ ᏸ ᲀ", "Ǆ ǅ ǆ Ⅷ Ⓐ 𐐀 𞤀", "㎞ ㎞x", "\U000e0067a a\U000e0067", "\U0010ffff a\U0010fffd",
    "x" * 99, "x" * 100, "x" * 101, "中" + "x" * 100, "é" * 100 + " " + "é" * 101, "x" * 50 + "\u0301" * 60 + "x" * 50,
    "a" * 10000, "#a ##a ## #", "x_x-x", "\u180e a\u2060b", "the\ud7a3\uac00", "ﷺ ㍿ ½ ² ①",
]
PAIRS = [("the a hello", "world"), ("", ""), ("hello", ""), ("the the the the the", "a a a a a a a a"),
         ("a a a a a a a a", "the the the the the"), ("the the the the", "a a a a"), ("unaffables", "unaffables hello"),
         ("[SEP] hello", "world [MASK]")]
SETTINGS = {
    "uncased": {}, "cased": {"do_lower_case": False}, "accents": {"strip_accents": False},
    "cased-stripped": {"do_lower_case": False, "strip_accents": True},
    "joined": {"do_lower_case": False, "tokenize_chinese_chars": False},
}


def load(configuration):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder)
        (path / "vocab.txt").write_text("".join(token + "\n" for token in TOKENS), encoding="utf-8")
        (path / "tokenizer_config.json").write_text(json.dumps(configuration))
        return BertTokenizerFast.from_pretrained(path)


def expected():
    tokenizers = {name: load(configuration) for name, configuration in SETTINGS.items()}
    tokenizer = tokenizers["uncased"]
    lines = []
    for text in TEXTS:
        ids = {name: other(text)["input_ids"] for name, other in tokenizers.items()}
        lines.append({"text": text, "ids": ids.pop("uncased")})
        if different := {name: other for name, other in ids.items() if other != lines[-1]["ids"]}:
            lines[-1]["except"] = different
    for first, second in PAIRS:
        for length in [3, 4, 5, 6, 7, 8, 9, 12, 64]:
            # In a batch: a call with one empty second text takes it for none.
            answer = tokenizer([first], [second], truncation=True, max_length=length)
            lines.append({"text": first, "pair": second, "maxLength": length,
                          "ids": answer["input_ids"][0], "types": answer["token_type_ids"][0]})
    for text in ["", "hello world the a", "unaffables", "[SEP] hello"]:
        for length in [2, 3, 4, 5, 6]:
            ids = tokenizer(text, truncation=True, max_length=length)["input_ids"]
            lines.append({"text": text, "maxLength": length, "ids": ids})
    # Texts of many equal characters are written as runs: [["a", 10000]].
    for line in lines:
        if len(line["text"]) > 90:
            line["runs"] = [[character, len(list(run))] for character, run in itertools.groupby(line.pop("text"))]
    return lines


def digest(tokenizer):
    """FNV-1a over every code point between two letters, normalized."""
    normalize, value = tokenizer.backend_tokenizer.normalizer.normalize_str, 0xCBF29CE484222325
    for c in range(0x110000):
        if not 0xD800 <= c < 0xE000:
            for byte in normalize("a" + chr(c) + "b").encode():
                value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def write_swift():
    path = pathlib.Path("Tests/TokenizationTests/ExpectedIDs.swift")
    body = ["// Written by Tests/Oracles/tokenizer_expected.py from what BertTokenizerFast answers; do not edit.", "",
            "/// JSON: the tokens of the test vocabulary, and one object a case; `except` has the ids of settings whose ids differ.", 'let expectedIDs = #"""', '    {"tokens":']

    def wrapped(text):
        # Breaks only between JSON values, so the text stays JSON.
        row = ""
        for part in text.replace(", ", ",\0").split("\0"):
            if len(row) + len(part) > 108:
                yield row
                row = ""
            row += part
        yield row

    cases = expected()
    body += ["    " + row for row in wrapped(json.dumps(TOKENS) + ",")] + ['    "cases":[']
    for index, case in enumerate(cases):
        text = json.dumps(case, separators=(", ", ":")).replace(", ", ",\0").replace("\0", " ")
        body += ["    " + row for row in wrapped(text + ("" if index == len(cases) - 1 else ","))]
    body += ["    ]}", '    """#', "", "/// FNV-1a digests, by settings, of every code point between an a and a b, normalized.",
             "let expectedDigests: [String: UInt64] = ["]
    body += [f'    "{name}": 0x{digest(load(configuration)):016X},' for name, configuration in SETTINGS.items()]
    body += ["]", ""]
    path.write_text("\n".join(body), encoding="ascii")
    print(path, len(cases), "cases", sum(len(line) for line in body), "bytes", len(body), "lines")


def write_golden(file, model, data):
    tokenizer = BertTokenizerFast.from_pretrained(model)
    with open(file, "w", encoding="utf-8") as output:
        output.write(json.dumps({"model": str(pathlib.Path(model).resolve())}) + "\n")
        for path in sorted(pathlib.Path(data).glob("*/*.tsv")):
            with open(path, encoding="utf-8", newline="\n") as rows:
                next(rows)
                texts = [row.rstrip("\n").split("\t")[0] for row in rows][::20]
            for text, ids in zip(texts, tokenizer(texts, verbose=False)["input_ids"]):
                output.write(json.dumps({"text": text, "ids": ids}) + "\n")


if len(sys.argv) == 5 and sys.argv[1] == "--golden":
    write_golden(*sys.argv[2:])
elif len(sys.argv) == 1:
    write_swift()
else:
    sys.exit(__doc__)
