import Dispatch
import LinearAlgebra
import MPI
import Metrics
import MultiTaskBERT
import Synchronization
import TaskData
import Tokenization

/// Scores a model on one split of every task, the same to the last bit on any number of ranks and threads.
///
/// The split is cut into canonical chunks; ranks compute whole chunks; counts are integers, and each chunk's loss is summed by
/// itself and added in chunk order.
struct Evaluator: Sendable {
    let files: [TaskFile?]
    let tasks: [ClassificationTask]
    let tokenizer: WordPieceTokenizer
    let maxLength: Int
    /// By task: rows that are left out of a second set of scores.
    private let excluded: [Set<Int>]
    private let plan: EvaluationPlan

    init(
        files: [TaskFile?], tasks: [ClassificationTask], tokenizer: WordPieceTokenizer, maxLength: Int,
        excluded: [Set<Int>] = []
    ) {
        self.files = files
        self.tasks = tasks
        self.tokenizer = tokenizer
        self.maxLength = maxLength
        self.excluded = tasks.indices.map { excluded.isEmpty ? [] : excluded[$0] }
        plan = EvaluationPlan(counts: files.map { $0?.usableRows.count ?? 0 })
    }

    /// Collective.
    ///
    /// - Parameter goesOn: asked before each chunk, on any thread.
    /// - Returns: the scores, the same on every rank, and the mistakes in this rank's own chunks; nil where `goesOn` said no on
    ///   any.
    func scores(
        _ passes: [ModelPass], _ communicator: any Communicator, goesOn: @escaping @Sendable () -> Bool
    ) throws -> SplitScores? {
        let loader = EvaluationLoader(
            files: files, encoder: tokenizer, maxLength: maxLength,
            chunks: plan.chunks(ofRank: communicator.rank, of: communicator.size), depth: 2 * passes.count + 2)
        let hasExcluded = excluded.contains { !$0.isEmpty }
        let sums = Mutex(
            [Sums(plan, tasks, files)] + (hasExcluded ? [Sums(plan, tasks, files, excluded: excluded)] : []))
        let failures = Mutex<[any Error]>([])
        let wasStopped = Atomic(false)
        let threads = passes.map(Unshared.init)
        DispatchQueue.concurrentPerform(iterations: threads.count) { index in
            do {
                while let chunk = try loader.next() {
                    guard goesOn() else {
                        wasStopped.store(true, ordering: .relaxed)
                        return loader.cancel()
                    }
                    let logits = threads[index].value.logits(PackedBatch(CollectionOfOne(chunk)))
                    sums.withLock { for index in $0.indices { $0[index].add(chunk, logits) } }
                }
            } catch {
                failures.withLock { $0.append(error) }
                loader.cancel()
            }
        }
        try communicator.agreeing { if let failure = failures.withLock({ $0.first }) { throw failure } }
        let stops = try communicator.allGather(wasStopped.load(ordering: .relaxed))
        if stops.contains(true) { return nil }
        var parts = sums.withLock { $0 }
        let scores = try parts.indices.map { index in
            try parts[index].addUp(communicator)
            return parts[index].scores(files)
        }
        return SplitScores(
            all: scores[0], withoutExcluded: scores.count > 1 ? scores[1] : nil, mistakes: parts[0].mistakes)
    }

    /// What is added up: for each chunk its loss, for each task its tally. Mistakes stay with the rank.
    private struct Sums: Sendable {
        private let chunks: [EvaluationChunk]
        private let tasks: [ClassificationTask]
        private let excluded: [Set<Int>]
        private var losses: [Double]
        private var tallies: [TaskTally]
        private(set) var mistakes: WorstMistakes

        /// - Parameter excluded: by task the rows that do not count; nil for none.
        init(
            _ plan: EvaluationPlan, _ tasks: [ClassificationTask], _ files: [TaskFile?], excluded: [Set<Int>]? = nil
        ) {
            chunks = plan.chunks
            self.tasks = tasks
            self.excluded = excluded ?? tasks.map { _ in [] }
            losses = Array(repeating: 0, count: plan.chunks.count)
            tallies = tasks.indices.map { task in
                TaskTally(
                    tasks[task], files[task]?.usableRows ?? RowSelection(all: 0), excluding: excluded?[task] ?? [])
            }
            mistakes = WorstMistakes(taskCount: tasks.count)
        }

        mutating func add(_ chunk: PackedShard, _ logits: [[Float]]) {
            for (index, row) in logits.enumerated() {
                let (task, label) = (chunk.tasks[index], chunk.labels[index])
                if excluded[task].contains(chunk.rows[index]) { continue }
                let place = chunks[chunk.number].positions.lowerBound + index
                let outcome = tallies[task].add(row, label: label, place: place)
                losses[chunk.number] += outcome.loss
                mistakes.add(task: task, row: chunk.rows[index], actual: label, outcome)
            }
        }

        /// A chunk's loss is zero on all ranks but one, so that adding the bits as integers gathers them.
        mutating func addUp(_ communicator: any Communicator) throws {
            var numbers = losses.map { Int64(bitPattern: $0.bitPattern) } + tallies.flatMap(\.integers)
            try numbers.withUnsafeMutableBufferPointer { try communicator.sum($0) }
            losses = numbers.prefix(losses.count).map { Double(bitPattern: UInt64(bitPattern: $0)) }
            var rest = numbers.dropFirst(losses.count)
            for task in tallies.indices {
                let size = tallies[task].integers.count
                tallies[task].integers = Array(rest.prefix(size))
                rest = rest.dropFirst(size)
            }
        }

        func scores(_ files: [TaskFile?]) -> [NamedScores] {
            tasks.indices.compactMap { task in
                guard let file = files[task] else { return nil }
                let loss = chunks.indices.filter { chunks[$0].task == task }.reduce(0) { $0 + losses[$1] }
                return NamedScores(
                    name: tasks[task].name, scores: tallies[task].scores(loss: loss, file),
                    confusion: tallies[task].confusion, outcomes: tallies[task].outcomes)
            }
        }
    }
}

/// The scores of the tasks that have a split.
struct SplitScores: Sendable {
    var all: [NamedScores]
    /// The same without the rows that `test_excludes` names; nil where there are none.
    var withoutExcluded: [NamedScores]?
    /// In this rank's own chunks.
    var mistakes = WorstMistakes(taskCount: 0)
}

/// Hands a value to one thread at a time.
struct Unshared<Value>: @unchecked Sendable {
    let value: Value
}
