/// Three small tasks made in code, so that a run needs no file at all: English reviews, English tweets and Chinese
/// reviews, with the vocabulary that covers them.
///
/// Negation, contrast and hearsay keep a bag of words below 80 %, while a random encoder of two layers learns it in a
/// minute: hidden size 128, 4 attention heads, dropout 0.1, AdamW at 7e-4 with linear decay after 10 % warmup, 2,250
/// steps of 32 examples, and the usual initializer range of 0.02. Every text is different, within a split and between
/// splits; classes are balanced.
public enum DemonstrationCorpus {
    public enum Split: String, CaseIterable, Sendable {
        case train, dev, test
    }

    public struct TaskTexts: Sendable {
        public let name: String
        public let labels: [String]
        /// Tab-separated `text` and `label` under a header, by split.
        public let splits: [Split: [UInt8]]
    }

    /// Number of examples of each task.
    public static func count(of split: Split) -> Int {
        split == .train ? 3_000 : 400
    }

    public static func tasks() -> [TaskTexts] {
        [
            task("reviews", EnglishReviews.labels, EnglishReviews.text),
            task("tweets", EnglishTweets.labels, EnglishTweets.text),
            task("zh_reviews", ChineseReviews.labels, ChineseReviews.text),
        ]
    }

    /// The tasks as a configuration would name them.
    public static func descriptions() -> [TaskDescription] {
        tasks().map { task in
            func source(_ split: Split) -> TaskSource {
                .contents(
                    task.splits[split] ?? [], format: .tsv, name: "demonstration/\(task.name)/\(split.rawValue).tsv")
            }
            return TaskDescription(
                name: task.name, train: source(.train), dev: source(.dev), test: source(.test), labels: task.labels)
        }
    }

    private static func task(
        _ name: String, _ labels: [String], _ compose: (Int, inout PhraseComposer) -> String
    ) -> TaskTexts {
        var composer = PhraseComposer(generator: SeededGenerator(key: [SeededGenerator.digest(of: name)]))
        var seen: Set<String> = []
        var splits: [Split: [UInt8]] = [:]
        for split in Split.allCases {
            var bytes = Array("text\tlabel\n".utf8)
            for row in 0..<count(of: split) {
                let label = row % labels.count
                var text = compose(label, &composer)
                while !seen.insert(text).inserted {
                    text = compose(label, &composer)
                }
                bytes += Array("\(text)\t\(labels[label])\n".utf8)
            }
            splits[split] = bytes
        }
        return TaskTexts(name: name, labels: labels, splits: splits)
    }

    /// WordPiece tokens: the special ones, every word and every Chinese character of the corpus, and single letters and
    /// digits, so that any English word can be spelt out.
    public static func vocabulary() -> [String] {
        var words: Set<String> = []
        for task in tasks() {
            for bytes in task.splits.values {
                for row in bytes.split(separator: UInt8(ascii: "\n")).dropFirst() {
                    insertPieces(of: row.prefix { $0 != UInt8(ascii: "\t") }, into: &words)
                }
            }
        }
        let letters = (Array("abcdefghijklmnopqrstuvwxyz0123456789")).map(String.init)
        words.formUnion(letters)
        let sorted = words.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + sorted + letters.map { "##" + $0 }
    }

    /// Runs of ASCII letters and digits; every other character but the blank by itself.
    private static func insertPieces(of text: ArraySlice<UInt8>, into words: inout Set<String>) {
        var word = ""
        for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "a"..."z", "0"..."9": word.unicodeScalars.append(scalar)
            default:
                if !word.isEmpty { words.insert(word) }
                word = ""
                if scalar != " " { words.insert(String(scalar)) }
            }
        }
        if !word.isEmpty { words.insert(word) }
    }
}
