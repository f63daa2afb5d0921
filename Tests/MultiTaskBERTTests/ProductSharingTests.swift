import DataParallel
import Foundation
import LinearAlgebra
import MPI
import MultiTaskBERT
import Synchronization
import Testing

/// A gradient has the same bits whether its products are computed by one lane or in parts by several.
@Suite(.serialized) struct ProductSharingTests {
    private let model: ModelShape

    init() {
        var configuration = BERTConfiguration.tiny
        // Sizes that make several parts of every kind of product, the last of them smaller than the others.
        (configuration.hiddenSize, configuration.intermediateSize) = (264, 1040)
        (configuration.attentionHeadCount, configuration.layerCount) = (4, 3)
        (configuration.vocabularySize, configuration.hiddenDropout) = (60, 0.2)
        model = ModelShape(configuration, tasks: [ClassificationTask(name: "task", labels: ["0", "1"])])
    }

    @Test(arguments: precisions)
    func helpChangesNoBit(precision: ProductPrecision) throws {
        let memory = FloatBuffer(count: 2 * model.layout.count)
        let parameters = memory.view.slice(0..<model.layout.count)
        model.initialize(parameters, seed: 3)
        let copies = FloatBuffer(count: EncoderWeights.copySize(model, precision))
        let weights = EncoderWeights(model, parameters: parameters, precision, copies: copies.view)
        weights.update(threads: 1)
        let alone = GradientBuffer(model)
        let pass = ModelPass(model, parameters: parameters, weights: weights)
        let losses = pass.gradient(batch, weights: [0.5], dropoutKey: 8, into: alone)

        let regions = [memory.view, copies.view].map {
            UnsafeMutableRawBufferPointer(start: $0.base, count: 4 * $0.count)
        }
        let gradient = memory.view.slice(model.layout.count..<2 * model.layout.count)
        let lanes = try sharings(model, 2, precision, mostTokens: batch.tokenCount, sums: gradient, regions).map {
            (sharing: $0.sharing, gradient: GradientBuffer(model, flat: gradient), board: $0.board)
        }
        let board = lanes[0].board
        let passes = lanes.map {
            ModelPass(model, parameters: parameters, weights: weights, sharing: $0.sharing)
        }
        let helper = HelpingThread(passes[1], while: board)
        var count = 0
        // Who gets which part is up to chance: until many were computed by the other lane.
        for _ in 0..<200 where count < 100 {
            func noteProgress() {}
            let shared = lanes[0].sharing.computing(notesProgress: noteProgress) {
                helper.start()
                return passes[0].gradient(batch, weights: [0.5], dropoutKey: 8, into: lanes[0].gradient)
            }
            count += helper.join()
            #expect(shared == losses)
            let own = lanes[0].gradient.flat
            let differing = (0..<own.count).filter { own[$0].bitPattern != alone.flat[$0].bitPattern }
            #expect(differing.isEmpty, "\(differing.count) elements, the first at \(differing.first ?? 0)")
        }
        #expect(count >= 100)
    }

    /// Every operand of a product lies where others see it, whatever part of the layers' memory is that of gradients.
    @Test(arguments: precisions, [100, 220, 270, 300, 352])
    func arenaIsLargeEnough(precision: ProductPrecision, tokens: Int) throws {
        var configuration = self.model.configuration
        configuration.layerCount = 12
        let model = ModelShape(configuration, tasks: self.model.tasks)
        let memory = FloatBuffer(count: model.layout.count)
        model.initialize(memory.view, seed: 3)
        let weights = EncoderWeights(model, parameters: memory.view, precision)
        weights.update(threads: 1)
        let sums = FloatBuffer(count: model.layout.count)
        let region = UnsafeMutableRawBufferPointer(start: sums.view.base, count: 4 * sums.view.count)
        let sharing = try sharings(model, 1, precision, mostTokens: 352, sums: sums.view, [region])[0].sharing
        let pass = ModelPass(model, parameters: memory.view, weights: weights, sharing: sharing)
        let gradient = GradientBuffer(model)
        for tokens in [tokens * 3 / 5, tokens] {
            let batch = batch([[tokens / 2], [tokens - tokens / 2]])
            for isSummed in [false, true] {
                func compute() -> [[Double]]? {
                    pass.gradient(batch, weights: [0.5], dropoutKey: 8, into: gradient)
                }
                let losses = sharing.computingGradient(
                    batchTokens: isSummed ? batch.tokenCount : nil, notesProgress: {}, compute)
                #expect(losses != nil && sharing.hasSummed == isSummed)
            }
        }
        #expect(sharing.arena.refusals == 0)
    }

    /// Lanes that sum the gradients of weights together get the bits that one lane gets, round after round; in a round in which
    /// one of them does not take part, each has its own; and a lane that is stopped ends the round for the other.
    @Test(arguments: precisions)
    func lanesSumTogether(precision: ProductPrecision) throws {
        let memory = FloatBuffer(count: 4 * model.layout.count)
        let flats = (0..<4).map { memory.view.slice($0 * model.layout.count..<($0 + 1) * model.layout.count) }
        model.initialize(flats[0], seed: 3)
        let copies = FloatBuffer(count: EncoderWeights.copySize(model, precision))
        let weights = EncoderWeights(model, parameters: flats[0], precision, copies: copies.view)
        weights.update(threads: 1)
        let alone = GradientBuffer(model)
        let whole = ModelPass(model, parameters: flats[0], weights: weights)
        let losses = whole.gradient(batch, weights: [0.5], dropoutKey: 8, into: alone)

        let regions = [memory.view, copies.view].map {
            UnsafeMutableRawBufferPointer(start: $0.base, count: 4 * $0.count)
        }
        let halves = [
            batch([[17, 30, 5], [41]]),
            PackedBatch(shards: [(2, sequences([3, 3])), (3, sequences([28, 9]))]),
        ]
        let lanes = try sharings(model, 2, precision, mostTokens: batch.tokenCount, sums: flats[3], regions)
            .enumerated().map {
                Half(
                    sharing: $1.sharing, batch: halves[$0], gradient: GradientBuffer(model, flat: flats[1 + $0]),
                    pass: ModelPass(model, parameters: flats[0], weights: weights, sharing: $1.sharing))
            }
        for round in 0..<30 {
            let (isSummed, isStopped) = (round % 5 != 2, round % 7 == 3)
            for flat in flats[1...] { flat.fill(.nan) }
            // The rows that no pass touches are zeros in a gradient buffer.
            for lane in lanes { lane.gradient.flat.slice(0..<60 * 264).fill(0) }
            let results = Mutex<[[[Double]]?]>([nil, nil])
            DispatchQueue.concurrentPerform(iterations: 2) { index in
                if (index + round) % 2 == 0 { usleep(UInt32(round * 100)) }
                let own = lanes[index].compute(
                    comes: isSummed || index == 0, stops: isStopped && index == 1)
                results.withLock { $0[index] = own }
            }
            let found = results.withLock { $0 }
            #expect(lanes.map(\.sharing.hasSummed) == [isSummed, isSummed])
            if isStopped {
                #expect(found[1] == nil && (found[0] == nil) == isSummed, "round \(round)")
                continue
            }
            #expect(found.compactMap { $0 }.flatMap { $0 } == losses)
            let differing = model.layout.layerMatrices.joined().count { place in
                let sum = isSummed ? flats[3][place] : flats[1][place] + flats[2][place]
                return sum.bitPattern != alone.flat[place].bitPattern
            }
            #expect(differing == 0, "round \(round): \(differing) elements")
        }
    }

    private struct Half: @unchecked Sendable {
        let sharing: ProductSharing
        let batch: PackedBatch
        let gradient: GradientBuffer
        let pass: ModelPass

        func compute(comes: Bool, stops: Bool) -> [[Double]]? {
            func body() -> [[Double]]? {
                stops ? nil : pass.gradient(batch, weights: [0.5], dropoutKey: 8, into: gradient)
            }
            return sharing.computingGradient(
                batchTokens: comes ? batch.tokenCount : nil, notesProgress: {}, body)
        }
    }

    private func sharings(
        _ model: ModelShape, _ lanes: Int, _ precision: ProductPrecision, mostTokens: Int, sums: VectorView,
        _ regions: [UnsafeMutableRawBufferPointer]
    ) throws -> [(sharing: ProductSharing, board: WorkBoard)] {
        let board = try WorkBoard(
            SingleProcess(), lanes: lanes,
            arenaByteCount: ProductSharing.arenaByteCount(model, precision, mostTokens: mostTokens), others: regions)
        let terms = try TermBoard(
            SingleProcess(), lanes: lanes, sums: ProductSharing.sumCount(model),
            capacity: ProductSharing.termCapacity(shards: 4))
        return (0..<lanes).map {
            (ProductSharing(board, terms, lane: $0, sums: sums, mostTokens: mostTokens), board)
        }
    }

    /// Four shards of uneven length, one of them a single row in the last layer.
    private var batch: PackedBatch { batch([[17, 30, 5], [41], [3, 3], [28, 9]]) }

    private func batch(_ lengths: [[Int]]) -> PackedBatch {
        PackedBatch(shards: lengths.enumerated().map { ($0, sequences($1)) })
    }

    private func sequences(_ lengths: [Int]) -> [PackedBatch.Sequence] {
        lengths.map { length in
            PackedBatch.Sequence(
                ids: (0..<length).map { Int32(($0 * 7 + length) % 60) }[...], secondSegmentStart: length,
                task: 0, label: length % 2)
        }
    }
}

/// A thread that helps as long as anybody computes; `start` returns when it is there.
private final class HelpingThread: @unchecked Sendable {
    private let pass: ModelPass
    private let board: WorkBoard
    private let done = DispatchSemaphore(value: 0)
    private var count = 0

    init(_ pass: ModelPass, while board: WorkBoard) { (self.pass, self.board) = (pass, board) }

    func start() {
        Thread.detachNewThread { [self] in
            count = pass.help()
            done.signal()
        }
        while !board.hasHelpers { sched_yield() }
    }

    /// - Returns: how many parts it computed.
    func join() -> Int {
        done.wait()
        return count
    }
}
