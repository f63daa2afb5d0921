extension RunEvent {
    /// The examples that the final scoring got most wrong, with their texts. Kept in `mistakes.json`, not in the log.
    public struct Mistakes: Sendable, Equatable {
        public struct Example: Sendable, Equatable {
            /// 0-based row of the task's file for the split.
            public var row: Int
            public var actual: String
            public var predicted: String
            /// What the model gave the predicted label, from 0 to 1.
            public var probability: Double
            /// The example's cross-entropy, in nats; it orders the examples.
            public var loss: Double
            /// The text, or both texts of a pair, each cut to a few hundred characters.
            public var texts: [String]

            public init(
                row: Int, actual: String, predicted: String, probability: Double, loss: Double, texts: [String]
            ) {
                self.row = row
                self.actual = actual
                self.predicted = predicted
                self.probability = probability
                self.loss = loss
                self.texts = texts
            }
        }

        public struct TaskMistakes: Sendable, Equatable {
            public var name: String
            /// Examples scored.
            public var count: Int
            /// Examples that were classified wrongly; `examples` holds the worst of them.
            public var wrongCount: Int
            /// The greatest loss first; of equal ones the smaller row.
            public var examples: [Example]

            public init(name: String, count: Int, wrongCount: Int, examples: [Example]) {
                self.name = name
                self.count = count
                self.wrongCount = wrongCount
                self.examples = examples
            }
        }

        public var step: Int
        public var split: String
        public var tasks: [TaskMistakes]

        public init(step: Int, split: String, tasks: [TaskMistakes]) {
            self.step = step
            self.split = split
            self.tasks = tasks
        }
    }
}
