import DataParallel
import Foundation
import LinearAlgebra
import MPI
import MultiTaskBERT
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

    @Test(arguments: precisionsHere)
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
        let board = try WorkBoard(
            SingleProcess(), lanes: 2,
            arenaByteCount: ProductSharing.arenaByteCount(model, precision, tokens: batch.tokenCount), others: regions)
        let lanes = [0, 1].map {
            (
                sharing: ProductSharing(board, lane: $0),
                gradient: GradientBuffer(model, flat: memory.view.slice(model.layout.count..<2 * model.layout.count))
            )
        }
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
    @Test(arguments: precisionsHere, [100, 220, 270, 300, 352])
    func arenaIsLargeEnough(precision: ProductPrecision, tokens: Int) throws {
        var configuration = self.model.configuration
        configuration.layerCount = 12
        let model = ModelShape(configuration, tasks: self.model.tasks)
        let memory = FloatBuffer(count: model.layout.count)
        model.initialize(memory.view, seed: 3)
        let weights = EncoderWeights(model, parameters: memory.view, precision)
        weights.update(threads: 1)
        let board = try WorkBoard(
            SingleProcess(), lanes: 1,
            arenaByteCount: ProductSharing.arenaByteCount(model, precision, tokens: 352), others: [])
        let sharing = ProductSharing(board, lane: 0)
        let pass = ModelPass(model, parameters: memory.view, weights: weights, sharing: sharing)
        let gradient = GradientBuffer(model)
        for tokens in [tokens * 3 / 5, tokens] {
            let batch = batch([[tokens / 2], [tokens - tokens / 2]])
            _ = pass.gradient(batch, weights: [0.5], dropoutKey: 8, into: gradient)
        }
        #expect(sharing.arena.refusals == 0)
    }

    /// Four shards of uneven length, one of them a single row in the last layer.
    private var batch: PackedBatch { batch([[17, 30, 5], [41], [3, 3], [28, 9]]) }

    private func batch(_ lengths: [[Int]]) -> PackedBatch {
        PackedBatch(
            shards: lengths.enumerated().map { number, lengths in
                (
                    number,
                    lengths.map { length in
                        PackedBatch.Sequence(
                            ids: (0..<length).map { Int32(($0 * 7 + length) % 60) }[...], secondSegmentStart: length,
                            task: 0, label: length % 2)
                    }
                )
            })
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
