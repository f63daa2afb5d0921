import Foundation
import Metrics

extension RunLog {
    /// - Throws: `ReportingError` where the file cannot be read.
    package init(path: String) throws(ReportingError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw ReportingError(path: path, action: "cannot be read")
        }
        self.init(data)
    }

    package init(_ contents: some Sequence<UInt8>) {
        let bytes = Array(contents)
        var indices = TaskIndices()
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            guard let object = JSONValue(line), case .object = object else {
                damagedLineCount += 1
                continue
            }
            read(object, &indices)
        }
        dropRepeatedSteps()
    }

    /// Where the curve of a task stands in the list of its kind.
    private struct TaskIndices {
        var losses: [String: Int] = [:]
        var weights: [String: Int] = [:]
    }

    private mutating func read(_ object: JSONValue, _ indices: inout TaskIndices) {
        let step = object["step"]?.int
        switch (object["event"]?.string, step) {
        case ("start", _): sessions.append(Session(start: RunEvent.Start(object)))
        case ("resume", let step?) where !sessions.isEmpty: sessions[sessions.count - 1].resumedAfter = step
        case ("step", let step?): readStep(step, object, &indices)
        case ("skipped", let step?): skipped.append(RunEvent.Skipped(step, object))
        case ("evaluation", let step?): evaluations.append(RunEvent.Evaluation(step, object))
        case ("checkpoint", let step?):
            checkpoints.append(
                .init(
                    step: step, path: object["path"]?.string ?? "", bytes: object["bytes"]?.int ?? 0,
                    seconds: object["seconds"]?.double ?? .nan))
        case ("gradients", let step?):
            if let read = Gradients(step, object) { gradients.append(read) }
        case ("end", let step?): ends.append(RunEvent.End(step, object))
        default: break
        }
    }

    private mutating func readStep(_ step: Int, _ object: JSONValue, _ indices: inout TaskIndices) {
        func point(_ key: String) -> CurvePoint { CurvePoint(Double(step), object[key]?.double ?? .nan) }
        loss.append(point("loss"))
        learningRate.append(point("learning_rate"))
        gradientNorm.append(point("gradient_norm"))
        tokensPerSecond.append(point("tokens_per_second"))
        examples += max(0, object["examples"]?.int ?? 0)
        tokens += max(0, object["tokens"]?.int ?? 0)
        for member in object["tasks"]?.members ?? [] {
            if let loss = member.value["loss"]?.double {
                Self.add(CurvePoint(Double(step), loss), to: &taskLosses, &indices.losses, member.key)
            }
            if let weight = member.value["weight"]?.double {
                Self.add(CurvePoint(Double(step), weight), to: &taskWeights, &indices.weights, member.key)
            }
        }
        for member in object["seconds"]?.members ?? [] {
            guard let value = member.value.double, value >= 0 else { continue }
            if let index = seconds.firstIndex(where: { $0.name == member.key }) {
                seconds[index].sum += value
            } else {
                seconds.append((member.key, value))
            }
        }
    }

    private static func add(
        _ point: CurvePoint, to curves: inout [TaskCurve], _ indices: inout [String: Int], _ name: String
    ) {
        let index = indices[name] ?? curves.count
        if index == curves.count {
            indices[name] = index
            curves.append(TaskCurve(name: name))
        }
        curves[index].points.append(point)
    }

    /// A step that stands twice, as in two logs joined by hand, counts as it was written last. A log that this program wrote
    /// has each once.
    private mutating func dropRepeatedSteps() {
        loss.keepLastOfEachPlace()
        learningRate.keepLastOfEachPlace()
        gradientNorm.keepLastOfEachPlace()
        tokensPerSecond.keepLastOfEachPlace()
        for index in taskLosses.indices { taskLosses[index].points.keepLastOfEachPlace() }
        for index in taskWeights.indices { taskWeights[index].points.keepLastOfEachPlace() }
    }
}

extension [CurvePoint] {
    /// Leaves the points with ascending places.
    fileprivate mutating func keepLastOfEachPlace() {
        guard !zip(self, dropFirst()).allSatisfy({ $0.x < $1.x }) else { return }
        var places: [Double: CurvePoint] = [:]
        for point in self { places[point.x] = point }
        self = places.values.sorted { $0.x < $1.x }
    }
}

extension RunLog.Gradients {
    /// - Returns: nil where the matrix is not a square of as many rows as there are tasks.
    fileprivate init?(_ step: Int, _ object: JSONValue) {
        tasks = object["tasks"]?.elements.compactMap(\.string) ?? []
        cosines = object["cosines"]?.elements.map { $0.elements.map { $0.double ?? .nan } } ?? []
        norms = object["norms"]?.elements.map { $0.double ?? .nan } ?? []
        self.step = step
        guard !tasks.isEmpty, cosines.count == tasks.count, cosines.allSatisfy({ $0.count == tasks.count }) else {
            return nil
        }
    }
}
