extension WordPieceTokenizer {
    /// `vocab.txt` and `tokenizer_config.json`, from which `BertTokenizerFast.from_pretrained` makes the same ids.
    ///
    /// Hugging Face's files have no place for `cleansText`, `continuationPrefix` and `longestWord` other than their
    /// defaults; keep the `sourceFiles` of a tokenizer that was loaded from a folder.
    public func huggingFaceFiles() -> [(name: String, contents: [UInt8])] {
        [("vocab.txt", vocabularyLines()), ("tokenizer_config.json", Array(configuration().utf8))]
    }

    private func vocabularyLines() -> [UInt8] {
        var lines: [UInt8] = []
        lines.reserveCapacity(vocabulary.bytes.count + vocabulary.count)
        for id in 0..<Int32(vocabulary.count) {
            // A token with a line break inside matches no word: its line is left blank, so that the ids behind it stay.
            let token = vocabulary[id]
            if !token.contains(0x0A), !token.contains(0x0D) { lines += token }
            lines.append(0x0A)
        }
        return lines
    }

    private func configuration() -> String {
        func bool(_ value: Bool?) -> String { value.map { $0 ? "true" : "false" } ?? "null" }
        let names = [
            ("cls_token", options.clsToken), ("mask_token", options.maskToken), ("pad_token", options.padToken),
            ("sep_token", options.sepToken), ("unk_token", options.unknownToken),
        ].map { key, token in
            "  \"\(key)\": \(key == "mask_token" && maskID == nil ? "null" : Self.quoted(Array(token.utf8)))"
        }
        let added = addedTokens.sorted { $0.id < $1.id }.map { token in
            """
                "\(token.id)": {"content": \(Self.quoted(token.content)), "lstrip": \(bool(token.stripsLeft)), \
            "normalized": \(bool(token.isNormalized)), "rstrip": \(bool(token.stripsRight)), \
            "single_word": \(bool(token.standsAlone)), "special": \(bool(token.isSpecial))}
            """
        }
        return """
            {
              "added_tokens_decoder": {
            \(added.joined(separator: ",\n"))
              },
              "do_lower_case": \(bool(options.lowercases)),
            \(names.joined(separator: ",\n")),
              "strip_accents": \(bool(options.accentStripping)),
              "tokenize_chinese_chars": \(bool(options.isolatesIdeographs)),
              "tokenizer_class": "BertTokenizer"
            }

            """
    }

    private static func quoted(_ bytes: [UInt8]) -> String {
        var result = "\""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"", "\\": result.unicodeScalars.append(contentsOf: ["\\", scalar])
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
