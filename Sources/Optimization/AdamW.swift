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

    /// Part of the flat buffer that is treated alike.
    public struct Segment: Sendable, Equatable {
        public let range: Range<Int>
        public let decays: Bool
        /// Segments of a group are updated in the same steps.
        public let group: Int
        /// What the learning rate is multiplied by; segments with 0 are never changed.
        public let rate: Double

        public init(range: Range<Int>, decays: Bool, group: Int = 0, rate: Double = 1) {
            self.range = range
            self.decays = decays
            self.group = group
            self.rate = rate
        }

        func part(_ range: Range<Int>) -> Segment {
            Segment(range: range, decays: decays, group: group, rate: rate)
        }
    }

    public let settings: Settings
    /// The first moment m, of the owned ranges one after the other.
    public let firstMoment: VectorView
    /// The second moment v, likewise.
    public let secondMoment: VectorView
    private let parts: [(segment: Segment, moments: Range<Int>)]
    private let memory: FloatBuffer

    /// - Parameters:
    ///   - segments: of the whole flat buffer; elements outside of any segment are never changed.
    ///   - owned: the ranges that this rank updates.
    public init(_ settings: Settings, segments: [Segment], owned: [Range<Int>]) {
        self.settings = settings
        var (count, parts): (Int, [(Segment, Range<Int>)]) = (0, [])
        for own in owned {
            for segment in segments where segment.rate > 0 && segment.range.overlaps(own) {
                let range = segment.range.clamped(to: own)
                let start = count + range.lowerBound - own.lowerBound
                parts.append((segment.part(range), start..<start + range.count))
            }
            count += own.count
        }
        self.parts = parts
        memory = FloatBuffer(count: 2 * count)
        firstMoment = memory.view.slice(0..<count)
        secondMoment = memory.view.slice(count..<2 * count)
    }

    /// One update of the owned ranges.
    ///
    /// - Parameters:
    ///   - parameters: the flat buffer of the parameters; its owned ranges are overwritten.
    ///   - gradient: gives the gradient of a range of the flat buffer that lies in one segment.
    ///   - gradientScale: what the gradient is multiplied by: the clipping.
    ///   - updates: for each group the number of this update, from 1, for the bias correction; nil leaves the group's
    ///     parameters and moments alone.
    ///   - threads: that share the work.
    public func update(
        _ parameters: VectorView, gradient: @Sendable (Range<Int>) -> VectorView, gradientScale: Float,
        learningRate: Double, updates: [Int?], threads: Int = 1
    ) {
        require(
            parts.allSatisfy { updates.indices ~= $0.segment.group }, "an update that leaves out a group of parameters")
        onThreads(threads) { thread in
            for (segment, moments) in parts {
                guard let update = updates[segment.group] else { continue }
                let learningRate = learningRate * segment.rate
                let factors = factors(gradientScale: gradientScale, learningRate: learningRate, update: update)
                let keep = segment.decays ? Float(1 - learningRate * settings.weightDecay) : 1
                let (own, moments) = (segment.range.part(thread, of: threads), moments.part(thread, of: threads))
                Self.update(
                    parameters.slice(own), gradient(own), firstMoment.slice(moments),
                    secondMoment.slice(moments), factors, keep: keep)
            }
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

    /// Plain products and sums, not fused: partial pieces give the same bits as full ones in any case.
    private static func update(
        _ parameters: VectorView, _ gradient: VectorView, _ first: VectorView, _ second: VectorView, _ factors: Factors,
        keep: Float
    ) {
        let (p, g, m, v) = (parameters.base, gradient.base, first.base, second.base)
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
            p.storePiece(p.piece(offset, count) * Lanes(repeating: keep) - change, offset, count)
        }
    }
}
