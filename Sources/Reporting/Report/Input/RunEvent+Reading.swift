import Metrics

// Events as they are read back from the lines that `RunEvent.jsonLine` writes. What is missing is empty, zero or not a
// number: a report shows what there is.

extension RunEvent.Start {
    init(_ object: JSONValue) {
        func text(_ key: String) -> String { object[key]?.string ?? "" }
        func number(_ key: String) -> Int { object[key]?.int ?? 0 }
        self.init(
            version: text("version"), model: text("model"), parameterCount: number("parameters"),
            precision: text("precision"),
            tasks: (object["tasks"]?.members ?? []).map { member in
                TaskSummary(
                    name: member.key, labels: member.value["labels"]?.elements.compactMap(\.string) ?? [],
                    trainCount: member.value["train"]?.int ?? 0, devCount: member.value["dev"]?.int,
                    testCount: member.value["test"]?.int)
            },
            worldSize: number("world_size"), threads: number("threads"), machine: text("machine"),
            batchSize: number("batch_size"), shards: number("shards"), maxLength: number("max_length"),
            totalSteps: number("total_steps"),
            seed: object["seed"]?.double.flatMap { UInt64(exactly: $0) } ?? 0, output: text("output"))
    }
}

extension RunEvent.Skipped {
    init(_ step: Int, _ object: JSONValue) {
        self.init(
            step: step, reason: object["reason"]?.string ?? "",
            examples: (object["examples"]?.elements ?? []).compactMap { example in
                guard let task = example["task"]?.string, let index = example["index"]?.int else { return nil }
                return Example(task: task, index: index)
            },
            inARow: object["in_a_row"]?.int ?? 0)
    }
}

extension RunEvent.Evaluation {
    init(_ step: Int, _ object: JSONValue) {
        self.init(
            step: step, split: object["split"]?.string ?? "",
            tasks: (object["tasks"]?.members ?? []).map { NamedScores($0) },
            criterion: object["criterion"]?.string ?? "", score: object["score"]?.double ?? .nan,
            isBest: object["best"]?.bool ?? false, seconds: object["seconds"]?.double ?? .nan)
    }
}

extension NamedScores {
    fileprivate init(_ member: JSONMember) {
        var scores: [ScoreName: Double] = [:]
        for name in ScoreName.allCases {
            // What is null was not finite.
            if let value = member.value[name.rawValue] { scores[name] = value.double ?? .nan }
        }
        self.init(
            name: member.key, scores: TaskScores(count: max(0, member.value["count"]?.int ?? 0), scores),
            confusion: member.value["confusion"].flatMap { ConfusionCounts($0) })
    }
}

extension ConfusionCounts {
    /// - Returns: nil where the value is no square of counts.
    init?(_ value: JSONValue) {
        let rows = value.elements.map { $0.elements.compactMap(\.int) }
        let counts = rows.joined().map { Int64($0) }
        guard !rows.isEmpty, rows.allSatisfy({ $0.count == rows.count }),
            counts.allSatisfy({ (0...1_000_000_000_000).contains($0) })
        else { return nil }
        self.init(labelCount: rows.count, counts: counts)
    }
}

extension RunEvent.End {
    init(_ step: Int, _ object: JSONValue) {
        let best = object["best"].flatMap { best -> Best? in
            guard let step = best["step"]?.int, let score = best["score"]?.double else { return nil }
            return Best(step: step, criterion: best["criterion"]?.string ?? "", score: score)
        }
        self.init(
            step: step, modelSHA256: object["model_sha256"]?.string ?? "",
            status: object["status"]?.string == Status.finished.rawValue ? .finished : .stopped,
            seconds: object["seconds"]?.double ?? .nan, best: best, skippedSteps: object["skipped_steps"]?.int ?? 0,
            checkpoint: object["checkpoint"]?.string ?? "")
    }
}

extension RunEvent.Mistakes {
    /// Reads `mistakes.json`. - Returns: nil where it is none.
    init?(_ object: JSONValue) {
        guard let step = object["step"]?.int, let split = object["split"]?.string else { return nil }
        self.init(
            step: step, split: split,
            tasks: (object["tasks"]?.members ?? []).map { member in
                TaskMistakes(
                    name: member.key, count: max(0, member.value["count"]?.int ?? 0),
                    wrongCount: max(0, member.value["wrong"]?.int ?? 0),
                    examples: (member.value["examples"]?.elements ?? []).map { Example($0) })
            })
    }
}

extension RunEvent.Mistakes.Example {
    fileprivate init(_ object: JSONValue) {
        self.init(
            row: object["row"]?.int ?? 0, actual: object["actual"]?.string ?? "",
            predicted: object["predicted"]?.string ?? "", probability: object["probability"]?.double ?? .nan,
            loss: object["loss"]?.double ?? .nan, texts: object["texts"]?.elements.compactMap(\.string) ?? [])
    }
}
