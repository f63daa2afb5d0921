import Foundation
import LinearAlgebra
import Optimization
import Testing

@Suite struct AdamWTests {
    /// Five steps against PyTorch's, with and without decay and clipping.
    @Test(arguments: ["plain", "no_decay", "clipped"]) func againstPyTorch(variant: String) throws {
        let golden = try Golden()
        let gradients = try golden.grid("adamw.gradients")
        // Not the file's own numbers: 1 − β2 keeps only five digits where β2 was rounded to single precision.
        let settings = AdamW.Settings(weightDecay: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8)
        #expect(try Float(settings.beta2) == Float(golden.number("adamw.beta2")))
        let memory = GuardedMemory()
        let parameters = memory.vector(try golden.grid("adamw.initial").values)
        let optimizer = AdamW(
            settings, segments: [.init(range: 0..<50, decays: variant != "no_decay")], owned: [0..<50])
        for step in 1...5 {
            let gradient = memory.vector((0..<50).map { gradients[step - 1, $0] })
            var scale: Float = 1
            if variant == "clipped" {
                let norm = GradientNorm.norm(ofBlockSums: [sumOfSquares(gradient)])
                let right = try golden.grid("adamw.clipped.norms")[0, step - 1]
                #expect(abs(norm - right) < 1e-6 * right)
                scale = GradientNorm.clippingScale(norm: norm, maximum: try golden.number("adamw.max_gradient_norm"))
                for place in 0..<50 {
                    let clipped = try golden.grid("adamw.clipped.gradients")[step - 1, place]
                    #expect(abs(Double(gradient[place] * scale) - clipped) < 1e-6)
                }
            }
            optimizer.update(
                parameters, gradient: { gradient.slice($0) }, gradientScale: scale,
                learningRate: 1e-3, updates: [step])
            for (own, name) in [
                (parameters, "parameters"), (optimizer.firstMoment, "first_moment"),
                (optimizer.secondMoment, "second_moment"),
            ] {
                let right = try golden.grid("adamw.\(variant).\(name)")
                let row = Grid(1, 50) { right[step - 1, $1] }
                let distance = Grid(own).distance(to: row)
                #expect(distance < 3e-7 * max(row.largest, 1e-3), "step \(step), \(name): \(distance) away")
            }
        }
        #expect(memory.isIntact)
    }

    /// The segments of a made-up model; two gaps lie between them.
    private static let segments = [
        AdamW.Segment(range: 0..<37, decays: true), .init(range: 48..<65, decays: false),
        .init(range: 65..<66, decays: true),
        .init(range: 80..<200, decays: true),
    ]

    /// Three steps by several optimizers that own a part each. Returns the parameters and both moments.
    private func train(parts: [[Range<Int>]], _ memory: GuardedMemory, threads: Int = 1) -> [[UInt32]] {
        let parameters = memory.vector(Grid(1, 200, seed: 1).values)
        let optimizers = parts.map { AdamW(.init(), segments: Self.segments, owned: $0) }
        for step in 1...3 {
            let gradient = memory.vector(Grid(1, 200, seed: UInt64(step) + 1).values)
            for optimizer in optimizers {
                optimizer.update(
                    parameters, gradient: { gradient.slice($0) }, gradientScale: 0.7, learningRate: 1e-3,
                    updates: [step],
                    threads: threads)
            }
        }
        return [
            parameters.bits, optimizers.flatMap(\.firstMoment.bits), optimizers.flatMap(\.secondMoment.bits),
        ]
    }

    @Test(arguments: [
        [0..<100, 100..<200], [0..<1, 1..<17, 17..<64, 64..<65, 65..<65, 65..<199, 199..<200],
        (0..<200).map { $0..<$0 + 1 }, [0..<48, 48..<80, 80..<200],
    ]) func bitsDoNotDependOnTheParts(parts: [Range<Int>]) {
        let memory = GuardedMemory()
        let whole = train(parts: [[0..<200]], memory)
        let isSame = train(parts: parts.map { [$0] }, memory) == whole
        #expect(isSame)
        // One optimizer with many ranges.
        let isSameTogether = train(parts: [parts], memory) == whole
        #expect(isSameTogether)
        #expect(memory.isIntact)
    }

    @Test(arguments: [2, 3, 8, 50]) func bitsDoNotDependOnTheThreads(threads: Int) {
        let memory = GuardedMemory()
        let isSame = train(parts: [[0..<200]], memory, threads: threads) == train(parts: [[0..<200]], memory)
        #expect(isSame)
        #expect(memory.isIntact)
    }

    @Test func gapsBetweenSegmentsStay() {
        let memory = GuardedMemory()
        let before = Grid(1, 200, seed: 1).values.map { Float($0).bitPattern }
        let after = train(parts: [[0..<200]], memory)[0]
        for place in 0..<200 {
            let isGap = !Self.segments.contains { $0.range.contains(place) }
            #expect((after[place] == before[place]) == isGap, "element \(place)")
        }
    }

    /// Only the owned range is touched.
    @Test func othersPartsStay() {
        let memory = GuardedMemory()
        let parameters = memory.vector(Grid(1, 200, seed: 1).values)
        let (before, gradient) = (parameters.bits, memory.vector(Grid(1, 200, seed: 2).values))
        AdamW(.init(), segments: Self.segments, owned: [30..<60, 65..<90]).update(
            parameters, gradient: { gradient.slice($0) }, gradientScale: 1, learningRate: 1e-3,
            updates: [1])
        for place in 0..<200 {
            let isOwned = (30..<60).contains(place) || (65..<90).contains(place)
            let isGap = !Self.segments.contains { $0.range.contains(place) }
            #expect((parameters.bits[place] == before[place]) == (!isOwned || isGap), "element \(place)")
        }
    }

    /// Copies in bfloat16 are the new parameters, rounded; those of parameters that stay stay.
    @Test(arguments: [1, 3]) func writesCopies(threads: Int) {
        let memory = GuardedMemory()
        let segments = [
            AdamW.Segment(range: 0..<510, decays: true, rowSize: 17), .init(range: 512..<1_000, decays: true),
            .init(range: 1_000..<1_050, decays: false, group: 1),
        ]
        let owned = [100..<300, 500..<1_030]
        let optimizer = AdamW(.init(), segments: segments, owned: owned)
        let parameters = memory.vector(Grid(1, 1_050, seed: 1).values)
        let gradient = memory.vector(Grid(1, 1_050, seed: 2).values)
        let copy = memory.vector(1_050 / 2).bfloat16Matrix(rows: 1, columns: 1_050)
        let rounded = memory.vector(1_050 / 2).bfloat16Matrix(rows: 1, columns: 1_050)
        for updates in [[1, 1], [2, nil]] {
            copy.base.update(repeating: 7, count: 1_050)
            optimizer.update(
                parameters, gradient: { gradient.slice($0) }, gradientScale: 1, learningRate: 1e-3, updates: updates,
                touchedRows: [7, 9, 10], threads: threads, copy: { $0.upperBound <= 1_000 ? copy.columns($0) : nil })
            convert(parameters.matrix(rows: 1, columns: 1_050), into: rounded)
            let differing = (0..<1_050).filter { place in
                let isWritten =
                    place < 1_000 && segments.contains { $0.range.contains(place) }
                    && owned.contains { $0.contains(place) }
                return copy.base[place] != (isWritten ? rounded.base[place] : 7)
            }
            #expect(differing == [])
        }
        #expect(memory.isIntact)
    }

    /// A segment's rate multiplies the learning rate, weight decay's part of it included; 0 leaves all as it is.
    @Test func segmentsHaveTheirOwnRates() {
        let memory = GuardedMemory()
        func updated(rate: Double, learningRate: Double) -> [UInt32] {
            let parameters = memory.vector(Grid(1, 50, seed: 1).values)
            let gradient = memory.vector(Grid(1, 50, seed: 2).values)
            AdamW(.init(), segments: [.init(range: 0..<50, decays: true, rate: rate)], owned: [0..<50]).update(
                parameters, gradient: { gradient.slice($0) }, gradientScale: 1, learningRate: learningRate,
                updates: [1])
            return parameters.bits
        }
        #expect(updated(rate: 0.25, learningRate: 1e-3) == updated(rate: 1, learningRate: 0.25e-3))
        #expect(updated(rate: 0, learningRate: 1e-3) == memory.vector(Grid(1, 50, seed: 1).values).bits)
    }

    /// Each group counts its own updates, and one that sits a step out keeps parameters and moments.
    @Test func groupsAreUpdatedBySteps() {
        let memory = GuardedMemory()
        let initial = Grid(1, 60, seed: 1).values
        let (parameters, alone) = (memory.vector(initial), memory.vector(initial))
        let together = AdamW(
            .init(), segments: [.init(range: 0..<37, decays: true), .init(range: 37..<60, decays: true, group: 1)],
            owned: [0..<60])
        let single = [0..<37, 37..<60].map { AdamW(.init(), segments: [.init(range: $0, decays: true)], owned: [$0]) }
        for (step, updates) in [[1, nil], [2, 1], [nil, 2], [3, nil], [nil, nil]].enumerated() {
            let gradient = memory.vector(Grid(1, 60, seed: UInt64(step) + 5).values)
            together.update(
                parameters, gradient: { gradient.slice($0) }, gradientScale: 1, learningRate: 1e-3, updates: updates)
            for (optimizer, update) in zip(single, updates) where update != nil {
                optimizer.update(
                    alone, gradient: { gradient.slice($0) }, gradientScale: 1, learningRate: 1e-3, updates: [update])
            }
            #expect(parameters.bits == alone.bits, "step \(step)")
            #expect(together.firstMoment.bits == single.flatMap(\.firstMoment.bits), "step \(step)")
            #expect(together.secondMoment.bits == single.flatMap(\.secondMoment.bits), "step \(step)")
        }
    }

    /// A group that the caller forgot ends the program in every build.
    @Test func missingGroupStops() async {
        await #expect(processExitsWith: .failure) {
            let memory = FloatBuffer(count: 32)
            AdamW(.init(), segments: [.init(range: 0..<16, decays: true, group: 1)], owned: [0..<16]).update(
                memory.view.slice(0..<16), gradient: { _ in memory.view.slice(16..<32) }, gradientScale: 1,
                learningRate: 1,
                updates: [1])
        }
    }

    /// Long runs at small learning rates follow the method in `Double`, the decay included.
    @Test(arguments: [1e-3, 2e-5]) func followsTheMethodInDouble(learningRate: Double) {
        let memory = GuardedMemory()
        let initial = Grid(1, 64, seed: 1)
        let parameters = memory.matrix(initial).row(0)
        let settings = AdamW.Settings()
        let optimizer = AdamW(settings, segments: [.init(range: 0..<64, decays: true)], owned: [0..<64])
        var (p, m, v) = (initial.values, [Double](repeating: 0, count: 64), [Double](repeating: 0, count: 64))
        for step in 1...300 {
            let gradient = Grid(1, 64, seed: UInt64(step), deviation: 0.1)
            let row = memory.matrix(gradient).row(0)
            optimizer.update(
                parameters, gradient: { row.slice($0) }, gradientScale: 1, learningRate: learningRate,
                updates: [step])
            for place in 0..<64 {
                let g = gradient[0, place]
                m[place] = settings.beta1 * m[place] + (1 - settings.beta1) * g
                v[place] = settings.beta2 * v[place] + (1 - settings.beta2) * g * g
                let corrected1 = m[place] / (1 - pow(settings.beta1, Double(step)))
                let corrected2 = v[place] / (1 - pow(settings.beta2, Double(step)))
                p[place] *= 1 - learningRate * settings.weightDecay
                p[place] -= learningRate * corrected1 / (corrected2.squareRoot() + settings.epsilon)
            }
        }
        let distance = Grid(parameters).distance(to: Grid(rows: 1, columns: 64, p))
        #expect(distance < 300 * 0x1p-24 * initial.largest, "\(distance) away")
    }
}
