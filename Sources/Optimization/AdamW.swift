import Foundation
import LinearAlgebra

/// AdamW: Adam with decoupled weight decay (Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2).
///
/// The moments exist for parts of the flat buffer only, the ranges that this rank owns. Every element is updated by itself, so
/// that the bits do not depend on how the buffer is divided.
public final class AdamW: @unchecked Sendable {
    /// The numbers of the method, by their usual names.
    public struct Settings: Sendable, Equatable {
        public var weightDecay: Double
        public var beta1: Double
        public var beta2: Double
        public var epsilon: Double

        public init(weightDecay: Double = 0.01, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8) {
            self.weightDecay = weightDecay
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
        }
    }

    public let settings: Settings
    /// The first moment m, of the owned ranges one after the other.
    public let firstMoment: VectorView
    /// The second moment v, likewise.
    public let secondMoment: VectorView
    private let parts: [Part]
    private let memory: (first: PagedBuffer, second: PagedBuffer)
    /// Of each row of the table, whether it has ever had a gradient. The others' moments are zero: such rows only decay, and their
    /// moments are neither read nor written, and take no memory.
    private var isMoving: [Bool]

    /// - Parameters:
    ///   - segments: of the whole flat buffer; elements outside of any segment are never changed.
    ///   - owned: the ranges that this rank updates.
    public init(_ settings: Settings, segments: [Segment], owned: [Range<Int>]) {
        self.settings = settings
        var (count, sparseCount, parts): (Int, Int, [Part]) = (0, 0, [])
        for own in owned {
            for segment in segments where segment.rate > 0 && segment.range.overlaps(own) {
                let range = segment.range.clamped(to: own)
                let start = count + range.lowerBound - own.lowerBound
                parts.append(Part(segment: segment, range: range, start: start))
                if segment.rowSize != nil { sparseCount = start + range.count }
            }
            count += own.count
        }
        self.parts = parts
        let rowCount = segments.map { $0.rows(in: $0.range).count }.max() ?? 0
        isMoving = Array(repeating: false, count: rowCount)
        memory = (
            PagedBuffer(count: count, sparseCount: sparseCount), PagedBuffer(count: count, sparseCount: sparseCount)
        )
        (firstMoment, secondMoment) = (memory.first.view, memory.second.view)
    }

    /// To be called when the moments have been overwritten.
    public func momentsChanged() {
        for part in parts where part.segment.rowSize != nil {
            for row in part.segment.rows(in: part.range) {
                let own = part.moments(part.segment.elements(ofRows: row..<row + 1).clamped(to: part.range))
                isMoving[row] = isMoving[row] || !(firstMoment.slice(own).isZero && secondMoment.slice(own).isZero)
            }
        }
        for part in parts {
            forEachRun(of: part.range, in: part.segment) { range, isMoving in
                guard !isMoving else { return }
                memory.first.giveBack(part.moments(range))
                memory.second.giveBack(part.moments(range))
            }
        }
    }

    /// One update of the owned ranges.
    ///
    /// - Parameters:
    ///   - parameters: the flat buffer of the parameters; its owned ranges are overwritten.
    ///   - gradient: gives the gradient of a range of the flat buffer that lies in one segment.
    ///   - gradientScale: what the gradient is multiplied by: the clipping.
    ///   - updates: for each group the number of this update, from 1, for the bias correction; nil leaves the group's
    ///     parameters and moments alone.
    ///   - touchedRows: the rows of the table in which the gradient may be other than zero.
    ///   - threads: that share the work.
    ///   - copy: where the new parameters of a range, which lies in one segment, are to be written in bfloat16, too: one row; nil
    ///     where nowhere.
    public func update(
        _ parameters: VectorView, gradient: @Sendable (Range<Int>) -> VectorView, gradientScale: Float,
        learningRate: Double, updates: [Int?], touchedRows: [Int32] = [], threads: Int = 1,
        copy: @Sendable (Range<Int>) -> BFloat16View? = { _ in nil }
    ) {
        require(
            parts.allSatisfy { updates.indices ~= $0.segment.group }, "an update that leaves out a group of parameters")
        require(touchedRows.allSatisfy { isMoving.indices ~= Int($0) }, "a gradient of rows outside of the table")
        for row in touchedRows { isMoving[Int(row)] = true }
        onThreads(threads) { thread in
            for part in parts {
                guard let update = updates[part.segment.group] else { continue }
                let learningRate = learningRate * part.segment.rate
                let factors = factors(gradientScale: gradientScale, learningRate: learningRate, update: update)
                let keep = part.segment.decays ? Float(1 - learningRate * settings.weightDecay) : 1
                forEachRun(of: part.range.part(thread, of: threads), in: part.segment) { own, isMoving in
                    let target = UpdatedParameters(parameters.slice(own), copy: copy(own))
                    if isMoving {
                        let moments = part.moments(own)
                        Self.update(
                            target, gradient(own), firstMoment.slice(moments), secondMoment.slice(moments), factors,
                            keep: keep)
                    } else if keep != 1 {
                        Self.decay(target, keep: keep)
                    }
                }
            }
        }
    }

    /// Calls `body` with consecutive elements that are treated alike: rows of a table that move, or that do not; all of any other
    /// segment.
    private func forEachRun(
        of range: Range<Int>, in segment: Segment, _ body: (_ run: Range<Int>, _ isMoving: Bool) -> Void
    ) {
        guard segment.rowSize != nil else { return body(range, true) }
        let rows = segment.rows(in: range)
        var first = rows.lowerBound
        while first < rows.upperBound {
            let moves = isMoving[first]
            let next = isMoving[first..<rows.upperBound].firstIndex { $0 != moves } ?? rows.upperBound
            body(segment.elements(ofRows: first..<next).clamped(to: range), moves)
            first = next
        }
    }

    private func factors(gradientScale: Float, learningRate: Double, update: Int) -> Factors {
        let correction1 = 1 - pow(settings.beta1, Double(update))
        let correction2 = 1 - pow(settings.beta2, Double(update))
        return Factors(
            gradient: gradientScale, beta1: Float(settings.beta1), rest1: Float(1 - settings.beta1),
            beta2: Float(settings.beta2), rest2: Float(1 - settings.beta2),
            rootCorrection: Float(1 / correction2.squareRoot()), epsilon: Float(settings.epsilon),
            step: Float(learningRate / correction1))
    }

    private struct Factors {
        let gradient, beta1, rest1, beta2, rest2, rootCorrection, epsilon, step: Float
    }

    /// What `update` comes to where moments and gradient are zero.
    private static func decay(_ parameters: UpdatedParameters, keep: Float) {
        forEachPiece(of: parameters.count) { offset, count in
            parameters.write(parameters.piece(offset, count) * Lanes(repeating: keep), offset, count)
        }
    }

    /// Plain products and sums, not fused: partial pieces give the same bits as full ones in any case.
    private static func update(
        _ parameters: UpdatedParameters, _ gradient: VectorView, _ first: VectorView, _ second: VectorView,
        _ factors: Factors, keep: Float
    ) {
        let (g, m, v) = (gradient.base, first.base, second.base)
        forEachPiece(of: parameters.count) { offset, count in
            let slope = g.piece(offset, count) * Lanes(repeating: factors.gradient)
            let mean =
                m.piece(offset, count) * Lanes(repeating: factors.beta1) + slope * Lanes(repeating: factors.rest1)
            let square =
                v.piece(offset, count) * Lanes(repeating: factors.beta2)
                + slope * slope * Lanes(repeating: factors.rest2)
            m.storePiece(mean, offset, count)
            v.storePiece(square, offset, count)
            let root = square.squareRoot() * Lanes(repeating: factors.rootCorrection)
            let change = mean * Lanes(repeating: factors.step) / (root + Lanes(repeating: factors.epsilon))
            parameters.write(parameters.piece(offset, count) * Lanes(repeating: keep) - change, offset, count)
        }
    }
}

/// Parameters that are overwritten, and with them their copy in bfloat16 where they have one: memory is what an update waits for,
/// and a pass of its own over the new parameters would take a third of the update's time once more.
private struct UpdatedParameters {
    private let base: UnsafeMutablePointer<Float>
    private let copy: UnsafeMutablePointer<UInt16>?
    let count: Int

    init(_ parameters: VectorView, copy: BFloat16View?) {
        require(
            copy.map { $0.rows == 1 && $0.columns == parameters.count } ?? true, "a copy of parameters of another size")
        (base, self.copy, count) = (parameters.base, copy?.base, parameters.count)
    }

    @inline(__always)
    func piece(_ offset: Int, _ count: Int) -> Lanes { base.piece(offset, count) }

    @inline(__always)
    func write(_ lanes: Lanes, _ offset: Int, _ count: Int) {
        base.storePiece(lanes, offset, count)
        if let copy { UInt16.write(lanes, to: copy, offset, count) }
    }
}

extension VectorView {
    fileprivate var isZero: Bool { (0..<count).allSatisfy { base[$0].bitPattern == 0 } }
}
