import Foundation
import Metrics

/// Shows a comparison to the person who waits for it: what is planned, a line for each run that is done, and the tables.
public final class ComparisonDisplay: ComparisonObserver {
    private let output: TextOutput
    private let results: TextOutput
    private let directory: String

    /// - Parameters:
    ///   - output: where to show how it goes.
    ///   - results: where to show the tables.
    ///   - directory: paths inside this folder are shown relative to it.
    public init(
        output: TextOutput = .standardError(), results: TextOutput = .standardOutput(),
        directory: String = FileManager.default.currentDirectoryPath
    ) {
        self.output = output
        self.results = results
        self.directory = directory
    }

    public func record(_ event: ComparisonEvent) {
        switch event {
        case .plan(let plan): write(lines(plan), to: output)
        case .warning(let text): write([output.styled("warning:", .warning) + " " + printable(text)], to: output)
        case .finished(let run): write([line(run)], to: output)
        }
    }

    /// Prints a table for each training size.
    public func show(_ comparison: Comparison) {
        for fraction in comparison.fractions { write(table(comparison, fraction) + [""], to: results) }
        write(notes(comparison), to: results)
    }

    public func showEnd(output folder: String) {
        write(["results  \(shown(folder))/comparison.json", "report   \(shown(folder))/report.html"], to: output)
    }

    /// By one call, so that the lines of several ranks do not mix.
    private func write(_ lines: [String], to output: TextOutput) {
        output.write(lines.map { $0 + "\n" }.joined())
    }

    private func shown(_ path: String) -> String {
        let prefix = directory.hasSuffix("/") ? directory : directory + "/"
        return printable(path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : path)
    }

    private func lines(_ plan: ComparisonEvent.Plan) -> [String] {
        func list(_ names: [String]) -> String { names.map(printable).joined(separator: ", ") }
        let left = plan.runCount - plan.doneCount
        let done = plan.doneCount > 0 ? ", \(plan.doneCount) of them done already" : ""
        var lines = [
            output.styled("comparison", .bold) + " of \(list(plan.variants))",
            "  model  \(shown(plan.model))",
            "  tasks  \(list(plan.tasks))",
            "  sizes  \(list(plan.fractions)); seeds \(list(plan.seeds.map(String.init)))",
            "  runs   \(plan.runCount)\(done)",
        ]
        if left > 0 {
            let ranks = "\(plan.ranksPerGroup) \(plan.ranksPerGroup == 1 ? "rank" : "ranks")"
            lines.append("  ranks  \(plan.groups) at once, each on \(ranks) of \(printable(plan.machine))")
        }
        return lines + ["  into   \(shown(plan.output))"]
    }

    private func line(_ run: ComparisonEvent.Finished) -> String {
        let left = run.doneCount < run.runCount ? "; about \(duration(run.remaining)) left" : ""
        return "[\(run.doneCount)/\(run.runCount)] \(printable(run.title)): accuracy \(fixed(run.accuracy, 4)) "
            + "in \(duration(run.seconds))\(left)"
    }
}

// MARK: Tables

extension ComparisonDisplay {
    private func table(_ comparison: Comparison, _ fraction: Comparison.Fraction) -> [String] {
        let summaries = comparison.variants.compactMap { variant in
            comparison.summaries.first { $0.variant == variant.name && $0.fraction == fraction.name }
        }
        let without = comparison.variants.compactMap { variant in
            comparison.summariesWithoutExcluded?.first { $0.variant == variant.name && $0.fraction == fraction.name }
        }
        var rows = [["task"] + summaries.map(\.variant)]
        for (place, task) in comparison.tasks.enumerated() {
            rows.append([printable(task.name)] + summaries.map { score($0.tasks[place]) })
        }
        rows.append(["mean"] + summaries.map { score($0.mean) })
        rows += interval("gain", summaries.map(\.mean.gain))
        rows += interval("gain over joint", summaries.map(\.mean.gainOverJoint))
        if !without.isEmpty {
            rows.append(["mean, rows excluded"] + without.map { score($0.mean) })
            rows += interval("gain", without.map(\.mean.gain))
        }
        if summaries.contains(where: { $0.mean.macroF1 != nil }) {
            rows.append(["mean macro F1"] + summaries.map { macroF1($0.mean) })
        }
        rows.append(["helped, harmed"] + summaries.map { share($0, of: comparison.tasks.count) })
        rows.append(["passes"] + summaries.map { passes($0, comparison) })
        rows.append(["core seconds"] + summaries.map { cost($0) })
        rows.append(["  against single"] + summaries.map { $0.costRatio.map { "× \(fixed($0, 2))" } ?? "" })
        let size = trainingSizeTitle(fraction)
        let seeds = comparison.seeds.count
        let title = "accuracy in percent, \(size), \(seeds) \(seeds == 1 ? "seed" : "seeds")"
        return [results.styled(title, .bold)] + aligned(rows, indent: "  ")
    }

    private func score(_ row: Comparison.SummaryRow) -> String {
        fixed(100 * row.accuracy, 2) + (row.standardDeviation.map { " ± \(fixed(100 * $0, 2))" } ?? "")
    }

    private func macroF1(_ row: Comparison.SummaryRow) -> String {
        guard let mean = row.macroF1 else { return "" }
        return fixed(100 * mean, 2) + (row.macroF1Deviation.map { " ± \(fixed(100 * $0, 2))" } ?? "")
    }

    /// Nothing where no way to train has such an interval.
    private func interval(_ title: String, _ intervals: [Comparison.Interval?]) -> [[String]] {
        guard intervals.contains(where: { $0 != nil }) else { return [] }
        return [
            [title] + intervals.map { $0.map { signed($0.estimate) } ?? "" },
            ["  from"] + intervals.map { $0.map { signed($0.lower) } ?? "" },
            ["  to"] + intervals.map { $0.map { signed($0.upper) } ?? "" },
        ]
    }

    private func signed(_ value: Double) -> String { (value < 0 ? "" : "+") + fixed(100 * value, 2) }

    private func share(_ summary: Comparison.Summary, of count: Int) -> String {
        guard let helped = summary.helpedShare, let harmed = summary.harmedShare else { return "" }
        func tasks(_ share: Double) -> String { fixed(share * Double(count), 0) }
        return "\(tasks(helped)), \(tasks(harmed)) of \(count)"
    }

    /// How often the examples of each task were seen: once for all tasks where that is the same.
    private func passes(_ summary: Comparison.Summary, _ comparison: Comparison) -> String {
        let passes = comparison.runs.lazy.filter {
            $0.variant == summary.variant && $0.fraction == summary.fraction
        }.flatMap(\.tasks).map { fixed($0.passes, 1) }
        let range = Set(passes).sorted { (Double($0) ?? 0) < (Double($1) ?? 0) }
        guard let first = range.first, let last = range.last else { return "" }
        return first == last ? first : "\(first) … \(last)"
    }

    private func cost(_ summary: Comparison.Summary) -> String {
        fixed(summary.cost.coreSeconds, summary.cost.coreSeconds < 100 ? 1 : 0)
    }

    private func notes(_ comparison: Comparison) -> [String] {
        let percent = fixed(100 * comparison.confidence, 0)
        let oneSeed = "With one seed they say nothing about other seeds, which matter; --seeds 1,2,3 tells more."
        return [
            "± is the standard deviation over seeds. Gains of the mean are against single, unless it says joint, in percentage",
            "points, with the \(percent) % interval over seeds and test examples. A task is helped or harmed where that of its",
            "own gain lies wholly above or below 0. Passes over a task's examples end with a whole step.",
        ] + (comparison.seeds.count == 1 ? [oneSeed] : [])
    }
}

/// What a training size means, to go into a title.
func trainingSizeTitle(_ fraction: Comparison.Fraction) -> String {
    if let limit = fraction.limit { return "\(grouped(limit)) training examples a task" }
    return fraction.percent == nil ? "all training examples" : "\(fraction.name) of the training examples"
}
