import Metrics

extension RunConfiguration {
    /// A task: where its examples are, what their columns are called, and what it weighs.
    public struct TaskEntry: Sendable, Equatable, ConfigurationSection {
        /// Letters, digits, `_` and `-`: it becomes part of tensor names. Not `mean`, which names the mean over tasks.
        public var name = ""
        public var train = DataLocation.file("")
        public var dev: DataLocation?
        public var test: DataLocation?
        /// A list of test rows to be left out of a second set of scores.
        public var testExcludes: DataLocation?
        public var text = TextColumns(first: "text")
        public var label = "label"
        /// In the order of the classes. Nil: as found in `train`, sorted.
        public var labels: [String]?
        public var kind = Kind.singleLabel
        /// Between the labels of an example, where it may have several.
        public var labelSeparator = ","
        /// Of the task's loss.
        public var weight = 1.0
        /// Train on so many examples, drawn with the seed. Nil: all.
        public var limit: Int?
        /// Draw the task as if it had at most so many training examples. Nil: as many as it has.
        public var cap: Int?
        /// What the examples of each label count in the loss. Nil: all the same.
        public var classWeights: ClassWeights?
        public var badRows = BadRows.fail

        public init() {}

        /// What happens to a row of a data file that cannot be read.
        public enum BadRows: String, ConfigurationChoice {
            /// The run ends before it begins, with file and line.
            case fail
            /// The row is left out, counted and reported.
            case skip
        }

        /// What the task asks of a text.
        public enum Kind: String, ConfigurationChoice {
            case singleLabel = "single_label"
            case multiLabel = "multi_label"
            case regression

            /// What such a task is scored by.
            var scores: [ScoreName] {
                switch self {
                case .singleLabel: [.loss, .accuracy, .macroF1, .macroRecall, .matthews]
                case .multiLabel: [.loss, .accuracy, .microF1, .macroF1]
                case .regression: [.loss, .pearson, .spearman]
                }
            }
        }

        static let keys: [ConfigurationKey<Self>] = [
            .value(
                "name", \.name, validName, example: "books", help: "names tensors, log entries and command arguments"),
            .value(
                "train", \.train, example: "train.tsv", resume: .location,
                help: "TSV, CSV or JSON Lines, also gzipped, relative to this file"),
            .optional("dev", \.dev, unset: "none", resume: .free, help: "evaluated on the way; as train"),
            .optional("test", \.test, unset: "none", resume: .free, help: "scored at the end; as train"),
            .optional(
                "test_excludes", \.testExcludes, ConfigurationCheck(text: ", with a row number a line", holds: isFile),
                unset: "none", resume: .free,
                help: "file with 0-based rows of test, one a line, without which test is scored once more"),
            .value("text", \.text, help: "column of the text, or [first, second] for pairs"),
            .value("label", \.label, help: "column of the label"),
            .optional(
                "labels", \.labels, validLabels, unset: "as found in train, sorted", help: "in the order of the classes"
            ),
            .value("kind", \.kind, help: "one label an example, any number of labels, or a number"),
            .value(
                "label_separator", \.labelSeparator, separator,
                help: "between the labels of a multi_label example; JSON Lines may have arrays instead"),
            .value("weight", \.weight, .above(0), help: "of the task's loss"),
            .optional(
                "limit", \.limit, .atLeast(1), unset: "all", help: "so many training examples, drawn with the seed"),
            .optional(
                "cap", \.cap, .atLeast(1), unset: "none",
                help: "sampling takes the task for no larger than this; all of its examples are still used"),
            .optional(
                "class_weights", \.classWeights, unset: "all 1",
                help: "what a label's examples count in the loss; balanced: all labels together the same"),
            .value("bad_rows", \.badRows, help: "a row that cannot be read ends the run, or is left out and counted"),
        ]

        private static let isFile: @Sendable (DataLocation) -> Bool = { if case .file = $0 { true } else { false } }

        private static let validName = ConfigurationCheck<String>(
            text: " of at most 64 letters, digits, _ and - (it becomes part of tensor names), "
                + "not with a - at its start, and not mean"
        ) { name in
            let isWord = name.unicodeScalars.allSatisfy { scalar in
                ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
                    || scalar == "_" || scalar == "-"
            }
            return isWord && (1...64).contains(name.count) && !name.hasPrefix("-") && name != "mean"
        }

        private static let separator = ConfigurationCheck<String>(text: ", one ASCII character and no letter or digit")
        {
            guard let byte = $0.utf8.first, $0.utf8.count == 1 else { return false }
            return byte < 0x80 && !Character(UnicodeScalar(byte)).isLetter && !Character(UnicodeScalar(byte)).isNumber
        }

        private static let validLabels = ConfigurationCheck<[String]>(text: ", two labels or more, no two the same") {
            $0.count >= 2 && Set($0).count == $0.count
        }
    }
}
