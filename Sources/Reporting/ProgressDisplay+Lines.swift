import Metrics

/// What the events look like as text.
extension ProgressDisplay {
    func startLines(_ start: RunEvent.Start) -> [String] {
        let title = "mtbert-dist \(start.version)"
        let parameters = abbreviated(Double(start.parameterCount))
        var lines = [
            styled(title, .bold),
            "  model  \(shown(start.model)), \(parameters) parameters, \(start.precision)",
        ]
        let rows = start.tasks.map { task in
            let counts = [("train", task.trainCount), ("dev", task.devCount), ("test", task.testCount)]
                .compactMap { name, count in count.map { "\(name) \(grouped($0))" } }
            return [printable(task.name), counts.joined(separator: ", "), labelList(task.labels)]
        }
        lines.append("  tasks  \(start.tasks.count)")
        lines += aligned(rows, leading: [1, 2], indent: "         ")
        let ranks =
            "\(count(start.worldSize, "rank")) × \(count(start.threads, "thread")) on \(printable(start.machine))"
        let batch =
            "\(start.batchSize) examples in \(count(start.shards, "shard")), up to \(start.maxLength) tokens each"
        lines.append("  ranks  \(ranks)")
        lines.append("  batch  \(batch)")
        lines.append("  steps  \(grouped(start.totalSteps)), seed \(start.seed)")
        lines.append("  into   \(shown(start.output))")
        return lines
    }

    private func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    private func labelList(_ labels: [String]) -> String {
        let names = labels.prefix(6).map(printable).joined(separator: ", ")
        return labels.count > 6 ? "\(names), … (\(labels.count) labels)" : names
    }

    /// What matters most comes first: a narrow terminal cuts the rest.
    func stepLine(_ step: RunEvent.Step, tokensPerSecond: Double, remaining: Double?) -> String {
        let percent = step.totalSteps > 0 ? 100 * step.step / step.totalSteps : 100
        var parts = [
            "step \(step.step)/\(step.totalSteps)", "\(percent)%", "loss \(fixed(step.loss, 4))",
            "\(abbreviated(tokensPerSecond)) tokens/s",
        ]
        if let remaining { parts.append("\(duration(remaining)) left") }
        parts += step.tasks.map { "\(printable($0.name)) \(fixed($0.loss, 4))" }
        return parts.joined(separator: "  ")
    }

    func skippedLine(_ skipped: RunEvent.Skipped) -> String {
        let examples = skipped.examples.prefix(8).map { "\(printable($0.task)) \($0.index)" }.joined(separator: ", ")
        let more = skipped.examples.count > 8 ? " and \(skipped.examples.count - 8) more" : ""
        let list = examples.isEmpty ? "" : "; examples: \(examples)\(more)"
        return "step \(skipped.step) skipped (\(skipped.inARow) in a row): "
            + "\(printable(skipped.reason)) is not finite\(list)"
    }

    func evaluationLines(_ evaluation: RunEvent.Evaluation) -> [String] {
        var scores = evaluation.tasks
        let names = ScoreName.allCases.filter { name in scores.contains { $0.scores.has(name) } }
        var rows = [["task", "count"] + names.map(\.title)]
        if scores.count > 1, let mean = TaskScores.mean(of: scores.map(\.scores)) {
            scores.append(NamedScores(name: "mean", scores: mean))
        }
        rows += scores.map { row in
            [printable(row.name), grouped(row.scores.count)]
                + names.map { row.scores.has($0) ? fixed(row.scores[$0], 4) : "" }
        }
        let best = evaluation.isBest ? ", " + styled("the best so far", .good) : ""
        let verdict = "\(evaluation.criterion) \(fixed(evaluation.score, 4))\(best)"
        let title = "step \(evaluation.step), \(evaluation.split) (\(duration(evaluation.seconds))): \(verdict)"
        return [title] + aligned(rows, indent: "  ")
    }

    func endLines(_ end: RunEvent.End, start: RunEvent.Start?) -> [String] {
        let outcome = end.status == .finished ? "finished" : "stopped early"
        var title = styled("\(outcome) after step \(end.step)", end.status == .finished ? .good : .warning)
        title += " in \(duration(end.seconds))"
        if let best = end.best { title += "; best \(best.criterion) \(fixed(best.score, 4)) at step \(best.step)" }
        var lines = [title]
        if end.skippedSteps > 0 {
            let steps = count(end.skippedSteps, "step")
            lines.append("  \(steps) skipped, without a finite loss and gradient; metrics.jsonl names the examples")
        }
        let output = start.map { shown($0.output) }
        let best = output.flatMap { end.best == nil ? nil : "\($0)/checkpoints/best" }
        lines.append("  last checkpoint  \(shown(end.checkpoint)) (model \(end.modelSHA256.prefix(12)))")
        if let best { lines.append("  best checkpoint  \(best)") }
        if let output {
            lines.append("  log              \(output)/metrics.jsonl")
            lines.append("  report           \(output)/report.html")
        }
        guard end.status == .finished else {
            return lines + ["to go on, start the same command again"]
        }
        let checkpoint = shellQuoted(best ?? shown(end.checkpoint))
        let task = start?.tasks.first?.name ?? "TASK"
        lines.append("next:")
        lines.append("  \(command) evaluate \(checkpoint)")
        lines.append("  \(command) predict \(checkpoint) --task \(shellQuoted(task))")
        if let output { lines.append("  tensorboard --logdir \(shellQuoted(output))") }
        return lines
    }
}

/// The text as one word of a shell command.
package func shellQuoted(_ text: String) -> String {
    let isPlain = text.unicodeScalars.allSatisfy {
        $0.properties.isAlphabetic || "0123456789/._-+=:@%,".unicodeScalars.contains($0)
    }
    return isPlain && !text.isEmpty ? text : "'" + text.replacing("'", with: "'\\''") + "'"
}
