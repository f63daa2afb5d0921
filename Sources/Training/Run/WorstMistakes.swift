import MPI
import Metrics
import MultiTaskBERT
import TaskData

/// The wrongly classified examples of every task that have the largest losses: the same on any number of ranks and threads,
/// since losses are the same to the bit and rows decide between equal ones.
struct WorstMistakes: Sendable {
    /// Of each task.
    static let limit = 10
    /// Characters of a text that are kept.
    static let textLength = 400

    private struct Mistake: BitwiseCopyable {
        var task: Int
        var row: Int
        var actual: Int
        var predicted: Int
        var loss: Double
        var probability: Double

        /// A loss that is not a number is worse than any.
        private var rank: Double { loss.isNaN ? .infinity : loss }

        func isWorse(than other: Mistake) -> Bool { (rank, other.row) > (other.rank, row) }
    }

    /// [tasks]: the worst first.
    private var worst: [[Mistake]]
    /// [tasks]: wrong ones in all.
    private var wrongCounts: [Int64]

    init(taskCount: Int) {
        worst = Array(repeating: [], count: taskCount)
        wrongCounts = Array(repeating: 0, count: taskCount)
    }

    /// Takes in an example; one that was predicted rightly is passed over.
    mutating func add(task: Int, row: Int, actual: Int, _ outcome: TaskTally.Outcome) {
        guard actual != outcome.predicted else { return }
        wrongCounts[task] += 1
        add(
            Mistake(
                task: task, row: row, actual: actual, predicted: outcome.predicted, loss: outcome.loss,
                probability: outcome.probability))
    }

    private mutating func add(_ mistake: Mistake) {
        var list = worst[mistake.task]
        let place = list.firstIndex { mistake.isWorse(than: $0) } ?? list.count
        guard place < Self.limit else { return }
        list.insert(mistake, at: place)
        worst[mistake.task] = list.dropLast(max(0, list.count - Self.limit))
    }

    /// Collective: the worst of all ranks' examples, on every rank.
    func gathered(_ communicator: any Communicator) throws -> WorstMistakes {
        let bytes = worst.joined().map { $0 }.withUnsafeBytes { Array($0) }
        var all = WorstMistakes(taskCount: worst.count)
        all.wrongCounts = wrongCounts
        try all.wrongCounts.withUnsafeMutableBufferPointer { try communicator.sum($0) }
        for part in try communicator.allGatherVariable(bytes) {
            part.withUnsafeBytes { bytes in
                for offset in stride(from: 0, to: bytes.count, by: MemoryLayout<Mistake>.stride) {
                    all.add(bytes.loadUnaligned(fromByteOffset: offset, as: Mistake.self))
                }
            }
        }
        return all
    }

    /// The examples with their texts, as an event.
    ///
    /// - Parameters:
    ///   - scores: of the tasks that have the split, with their confusion counts.
    ///   - files: by task; nil where a task has none for the split.
    func event(
        step: Int, split: String, scores: [NamedScores], tasks: [ClassificationTask], files: [TaskFile?]
    ) -> RunEvent.Mistakes {
        var scratch: [UInt8] = []
        let lists = tasks.indices.compactMap { task -> RunEvent.Mistakes.TaskMistakes? in
            guard let file = files[task], let own = scores.first(where: { $0.name == tasks[task].name }) else {
                return nil
            }
            let examples = worst[task].map { mistake in
                RunEvent.Mistakes.Example(
                    row: mistake.row, actual: tasks[task].text(of: mistake.actual),
                    predicted: tasks[task].text(of: mistake.predicted), probability: mistake.probability,
                    loss: mistake.loss,
                    texts: file.withText(ofRow: mistake.row, scratch: &scratch) { first, second in
                        [Self.beginning(of: first)] + (second.map { [Self.beginning(of: $0)] } ?? [])
                    })
            }
            return .init(
                name: own.name, count: own.scores.count, wrongCount: Int(wrongCounts[task]), examples: examples)
        }
        return RunEvent.Mistakes(step: step, split: split, tasks: lists)
    }

    private static func beginning(of text: UnsafeBufferPointer<UInt8>) -> String {
        let scalars = String(decoding: text, as: UTF8.self).unicodeScalars
        guard let end = scalars.index(scalars.startIndex, offsetBy: textLength, limitedBy: scalars.endIndex),
            end < scalars.endIndex
        else { return String(scalars) }
        return String(scalars[..<end]) + "…"
    }
}
