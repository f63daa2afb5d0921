import Foundation
import Metrics

/// What a run's `metrics.jsonl` says of its course: the same whether the run was done in one go or stopped and resumed.
package struct RunCourse {
    package private(set) var cost = Comparison.Cost()
    private var losses: [Comparison.LossPoint] = []
    private var curves: [String: [Comparison.CurvePoint]] = [:]
    private var cosines: [Pair: (sum: Double, count: Int)] = [:]

    private struct Pair: Hashable {
        let first, second: String
    }

    /// The most points of a curve.
    package static let pointLimit = 100

    /// - Parameter split: whose evaluations make the curves.
    /// - Throws: `RunError` where the file cannot be read.
    package init(path: String, split: String) throws {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw RunError("\(path) cannot be read: it says how the run went")
        }
        var processors = 1
        for line in data.split(separator: UInt8(ascii: "\n")) {
            guard let event = try? JSONSerialization.jsonObject(with: line) as? [String: Any] else {
                throw RunError("\(path) holds a line that is no JSON object")
            }
            func integer(_ key: String) -> Int { event[key] as? Int ?? 0 }
            switch event["event"] as? String {
            case "start":
                processors = integer("world_size") * integer("threads")
            case "step":
                let seconds = (event["seconds"] as? [String: Double] ?? [:]).values.reduce(0, +)
                cost =
                    cost
                    + Comparison.Cost(
                        steps: 1, examples: integer("examples"), tokens: integer("tokens"),
                        coreSeconds: seconds * Double(processors))
                losses.append(.init(step: integer("step"), loss: event["loss"] as? Double ?? .nan))
            case "evaluation" where event["split"] as? String == split:
                for (task, scores) in event["tasks"] as? [String: [String: Any]] ?? [:] {
                    curves[task, default: []].append(
                        .init(
                            step: integer("step"), accuracy: scores["accuracy"] as? Double ?? .nan,
                            loss: scores["loss"] as? Double ?? .nan))
                }
            case "gradients":
                let names = event["tasks"] as? [String] ?? []
                for (first, row) in zip(names, event["cosines"] as? [[Any]] ?? []) {
                    for (second, value) in zip(names, row) {
                        guard let cosine = value as? Double else { continue }
                        let before = cosines[Pair(first: first, second: second)] ?? (0, 0)
                        cosines[Pair(first: first, second: second)] = (before.sum + cosine, before.count + 1)
                    }
                }
            default: break
            }
        }
    }

    /// The mean cosine between the gradients of each two tasks; nil where two of them were never seen together.
    package func gradientCosines(of tasks: [String]) -> [[Double]]? {
        let rows = tasks.map { first in
            tasks.compactMap { second in cosines[Pair(first: first, second: second)].map { $0.sum / Double($0.count) } }
        }
        return rows.allSatisfy { $0.count == tasks.count } ? rows : nil
    }

    /// At most `pointLimit` points, each with the mean loss of as many steps, the last one perhaps of fewer.
    package var lossCurve: [Comparison.LossPoint] {
        let width = (losses.count + Self.pointLimit - 1) / Self.pointLimit
        return stride(from: 0, to: losses.count, by: max(1, width)).map { first in
            let part = losses[first..<min(first + width, losses.count)]
            let sum = part.reduce(0) { $0 + $1.loss }
            return .init(step: part[part.endIndex - 1].step, loss: sum / Double(part.count))
        }
    }

    /// A task's evaluations, at most `pointLimit` of them, evenly spread up to the last.
    package func curve(of task: String) -> [Comparison.CurvePoint] {
        let points = curves[task] ?? []
        guard points.count > Self.pointLimit else { return points }
        return (1...Self.pointLimit).map { points[$0 * points.count / Self.pointLimit - 1] }
    }
}
