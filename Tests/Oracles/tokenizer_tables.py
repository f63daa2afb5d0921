#!/usr/bin/env python3
"""Writes Sources/Tokenization/GeneratedRanges.swift and GeneratedMappings.swift.

The Rust `tokenizers` library classifies characters with Unicode tables of several ages. This script asks the library
itself about every code point, one normalizer option at a time, checks that the answers compose as UnicodeTables.swift
assumes, and writes them down in a compact text form:

    GAP           a range of one code point, GAP after the end of the range before
    GAP+MORE      MORE further code points
    ...=VALUE     the range's value (canonical combining class)
    ...>A.B       what the first code point of the range becomes; the others follow in step
    GAP+MORE/2>A  every second code point of the range

All numbers are hexadecimal. Needs `tokenizers`. Usage: tokenizer_tables.py [FOLDER]
"""

import pathlib
import sys
import unicodedata

from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

DESTINATION = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "Sources/Tokenization")
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
HANGUL = range(0xAC00, 0xD7A4)
IDEOGRAPHS = [(0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B81F),
              (0x2B920, 0x2CEAF), (0x2F800, 0x2FA1F)]


def bert(**options):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **options}).normalize_str


def between(function, c):
    """What a character becomes between two letters."""
    return function("a" + chr(c) + "b")[1:-1]


def ranges(members):
    """Sorted runs [first, last] of a set of code points."""
    runs = []
    for c in sorted(members):
        if runs and runs[-1][1] == c - 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return runs


def combining_classes(nfd, decomposed):
    """Canonical combining classes as the library orders them: compared with one reference mark for each class."""
    def nonstarter(c):
        return nfd("a\u0345" + chr(c)) != "a\u0345" + chr(c) or nfd("a" + chr(c) + "\u0334") != "a" + chr(c) + "\u0334"

    marks = [c for c in CODE_POINTS if c not in decomposed and (c in (0x334, 0x345) or nonstarter(c))]
    references = {}
    for c in marks:
        if unicodedata.combining(chr(c)):
            references.setdefault(unicodedata.combining(chr(c)), chr(c))
    classes = {}
    for c in marks:
        s = chr(c)
        equal = [k for k, r in references.items() if nfd("a" + r + s) == "a" + r + s and nfd("a" + s + r) == "a" + s + r]
        assert len(equal) == 1, hex(c)
        classes[c] = equal[0]
    return classes


def pack(entries):
    """Entries (first, more, suffix) to text."""
    parts, end = [], 0
    for first, more, suffix in entries:
        parts.append(f"{first - end:x}" + (f"+{more:x}" if more else "") + suffix)
        end = first + more + 1
    return parts


def constant(name, comment, parts):
    lines, line = [], ""
    for part in parts:
        if len(line) + len(part) + 1 > 108:
            lines.append(line)
            line = ""
        line = f"{line} {part}".strip()
    lines.append(line)
    body = "\n".join("        " + text for text in lines)
    return f'    /// {comment}\n    static let {name}: StaticString = """\n{body}\n        """\n'


def write(path, constants):
    text = "// Written by Tests/Oracles/tokenizer_tables.py from what the Rust `tokenizers` library answers; do not edit.\n\n"
    text += "extension UnicodeTables {\n" + "\n".join(constants) + "}\n"
    (DESTINATION / path).write_text(text, encoding="utf-8")
    print(path, len(text), "bytes")


def main():
    clean, ideographs = bert(clean_text=True), bert(handle_chinese_chars=True)
    strip, lower, everything = bert(strip_accents=True), bert(lowercase=True), normalizers.BertNormalizer().normalize_str
    nfd, split = normalizers.NFD().normalize_str, pre_tokenizers.BertPreTokenizer().pre_tokenize_str

    pieces = {c: len(split("a" + chr(c) + "b")) for c in CODE_POINTS}
    whitespace = {c for c in CODE_POINTS if pieces[c] == 2}
    punctuation = {c for c in CODE_POINTS if pieces[c] == 3}
    removed = {c for c in CODE_POINTS if between(clean, c) == ""}
    isolated = {c for c in CODE_POINTS if between(ideographs, c) != chr(c)}
    assert ranges(isolated) == [list(r) for r in IDEOGRAPHS]
    assert all(between(clean, c) == (" " if c in whitespace else chr(c)) for c in CODE_POINTS if c not in removed)

    decomposed = {c: nfd(chr(c)) for c in CODE_POINTS if nfd(chr(c)) != chr(c)}
    classes = combining_classes(nfd, decomposed)
    stripped = {c for c in CODE_POINTS if between(strip, c) == ""}
    starts = {c: classes.get(ord(decomposed.get(c, chr(c))[0]), 0) for c in CODE_POINTS}
    surviving = {c: k for c, k in classes.items() if c not in stripped}
    mappings, reordered = {}, set()
    for c, text in decomposed.items():
        kept = "".join(x for x in text if ord(x) not in stripped)
        assert kept == between(strip, c)
        if kept and c not in HANGUL:
            mappings[c] = kept
            assert ord(kept[0]) not in surviving and starts[c] == 0, hex(c)
            if any(ord(x) in surviving for x in kept):
                assert all(ord(x) in classes for x in text[1:]), hex(c)
                reordered.add(c)

    lowered = {c: between(lower, c) for c in CODE_POINTS if between(lower, c) != chr(c)}
    assert {c for c, text in lowered.items() if len(text) != 1} == {0x130} and lowered[0x130] == "i\u0307"

    for c in CODE_POINTS:
        text = "" if c in removed else " " if c in whitespace else chr(c)
        text = f" {text} " if c in isolated else text
        text = "".join(x for x in nfd(text) if ord(x) not in stripped)
        text = "".join(lowered.get(ord(x), x) for x in text)
        assert text == between(everything, c), hex(c)

    alone = Tokenizer(models.WordLevel({"x": 0, "u": 1}, unk_token="u"))
    alone.add_tokens([AddedToken("x", single_word=True, normalized=False)])
    words = {c for c in CODE_POINTS if len(alone.encode(chr(c) + "x").ids) == 1 and c != ord("x")} | {ord("x")}

    runs = []
    for c in sorted(lowered.keys() - {0x130}):
        target = ord(lowered[c])
        if runs:
            first, last, stride, start = runs[-1]
            step = c - last
            if target - start == c - first and step in (1, 2) and stride in (0, step):
                runs[-1] = (first, c, step, start)
                continue
        runs.append((c, c, 0, target))
    lower_entries = [(a, b - a, ("/2" if s == 2 else "") + f">{t:x}") for a, b, s, t in runs]

    def plain(members):
        return pack([(a, b - a, "") for a, b in ranges(members)])

    write("GeneratedRanges.swift", [
        constant("removedText", "Dropped by `clean_text`: control, format and private-use characters, NUL, U+FFFD.",
                 plain(removed)),
        constant("whitespaceText", "White space: what words are separated by.", plain(whitespace)),
        constant("punctuationText", "Punctuation: each a word of its own.", plain(punctuation)),
        constant("ideographText", "What `handle_chinese_chars` puts between spaces.", plain(isolated)),
        constant("strippedStarterText", "Stripped as an accent though its combining class is 0.",
                 plain(c for c in stripped if starts[c] == 0)),
        constant("strippedMarkText", "Stripped as an accent; combining class not 0.",
                 plain(c for c in stripped if starts[c] != 0)),
        constant("survivingMarkText", "Not stripped, though the combining class (value) is not 0.", pack(
            [(c, 0, f"={k:x}") for c, k in sorted(surviving.items())])),
        constant("reorderedText", "Decompositions that hold a surviving mark.", plain(reordered)),
        constant("wordCharacterText", "Word characters for added tokens that must stand alone.", plain(words)),
    ])
    write("GeneratedMappings.swift", [
        constant("decompositionText", "Canonical decomposition without the accents that are stripped; no Hangul.",
                 pack([(c, 0, ">" + ".".join(f"{ord(x):x}" for x in text)) for c, text in sorted(mappings.items())])),
        constant("lowercaseText", "Lower case, one scalar to one; U+0130 is not here.", pack(lower_entries)),
    ])


main()
