import LinearAlgebra
import Optimization
import Synchronization
import Testing

/// Tables of whose gradient a step fills few rows.
@Suite struct AdamWTableTests {
    private static let (rows, columns, count) = (40, 24, 1_000)

    private static func segments(rowSize: Int?) -> [AdamW.Segment] {
        [
            .init(range: 0..<960, decays: true, rowSize: rowSize), .init(range: 960..<977, decays: false),
            .init(range: 984..<1_000, decays: true),
        ]
    }

    /// The rows that a step's gradient fills: some never, some once, some again and again.
    private static func touchedRows(step: Int) -> [Int32] {
        (0..<Int32(rows)).filter { $0 % 3 == 0 && (Int($0) + step) % 4 == 0 || $0 == 39 && step == 2 }
    }

    private static func gradient(step: Int) -> [Double] {
        var values = Grid(1, count, seed: UInt64(step) + 1).values
        let touched = touchedRows(step: step)
        for place in 0..<rows * columns where !touched.contains(Int32(place / columns)) { values[place] = 0 }
        return values
    }

    private static func optimizers(_ parts: [[Range<Int>]], rowSize: Int?, weightDecay: Double = 0.01) -> [AdamW] {
        parts.map { AdamW(.init(weightDecay: weightDecay), segments: segments(rowSize: rowSize), owned: $0) }
    }

    private static func train(
        _ optimizers: [AdamW], _ parameters: VectorView, steps: ClosedRange<Int>, _ memory: GuardedMemory,
        namesRows: Bool = true, threads: Int = 1
    ) {
        for step in steps {
            let gradient = memory.vector(gradient(step: step))
            for optimizer in optimizers {
                optimizer.update(
                    parameters, gradient: { gradient.slice($0) }, gradientScale: 0.7, learningRate: 1e-2,
                    updates: [step], touchedRows: namesRows ? touchedRows(step: step) : [],
                    threads: threads)
            }
        }
    }

    private static func state(_ parameters: VectorView, _ optimizers: [AdamW]) -> [[UInt32]] {
        [parameters.bits, optimizers.flatMap(\.firstMoment.bits), optimizers.flatMap(\.secondMoment.bits)]
    }

    /// The bits of an update that treats all rows alike, however rows are divided between ranges, optimizers and threads.
    @Test(
        arguments: [
            [[0..<1_000]], [[0..<500], [500..<1_000]], [[0..<37, 37..<530], [530..<531, 531..<1_000]],
            [[0..<24, 700..<984], [24..<700, 984..<1_000]],
        ], [1, 3])
    func rowsWithoutGradientsHaveTheBitsOfAll(parts: [[Range<Int>]], threads: Int) {
        for weightDecay in [0.01, 0] {
            let memory = GuardedMemory()
            let initial = Grid(1, Self.count, seed: 1).values
            let (dense, sparse) = (memory.vector(initial), memory.vector(initial))
            let whole = Self.optimizers(parts, rowSize: nil, weightDecay: weightDecay)
            let byRows = Self.optimizers(parts, rowSize: Self.columns, weightDecay: weightDecay)
            Self.train(whole, dense, steps: 1...5, memory, namesRows: false)
            Self.train(byRows, sparse, steps: 1...5, memory, threads: threads)
            for (own, right) in zip(Self.state(sparse, byRows), Self.state(dense, whole)) {
                let isSame = own == right
                #expect(isSame, "with a weight decay of \(weightDecay)")
            }
            #expect(memory.isIntact)
        }
    }

    /// Neither gradient nor moments of rows that never had a gradient are looked at.
    @Test func rowsWithoutGradientsAreNotRead() {
        let memory = GuardedMemory()
        let parameters = memory.vector(Grid(1, Self.count, seed: 1).values)
        let optimizer = Self.optimizers([[0..<1_000]], rowSize: Self.columns)[0]
        let asked = Mutex<[Range<Int>]>([])
        for step in 1...5 {
            let gradient = memory.vector(Self.gradient(step: step))
            optimizer.update(
                parameters,
                gradient: { range in
                    asked.withLock { $0.append(range) }
                    return gradient.slice(range)
                }, gradientScale: 1, learningRate: 1e-3, updates: [step], touchedRows: Self.touchedRows(step: step))
        }
        let ever = Set((1...5).flatMap(Self.touchedRows))
        let read = Set(asked.withLock { $0 }.joined().filter { $0 < 960 }.map { Int32($0 / Self.columns) })
        #expect(read == ever && ever.count < Self.rows)
    }

    /// A row that there is not ends the program in every build.
    @Test func rowsOutsideOfTheTableStop() async {
        await #expect(processExitsWith: .failure) {
            let memory = FloatBuffer(count: 32)
            AdamW(.init(), segments: [.init(range: 0..<16, decays: true, rowSize: 4)], owned: [0..<16]).update(
                memory.view.slice(0..<16), gradient: { memory.view.slice($0) }, gradientScale: 1, learningRate: 1,
                updates: [1], touchedRows: [4])
        }
    }

    /// Moments that are written from outside, as after a stop, go on with the same bits.
    @Test func goesOnFromMomentsThatWereKept() {
        let memory = GuardedMemory()
        let initial = Grid(1, Self.count, seed: 1).values
        let parts = [[0..<530], [530..<1_000]]
        let (undisturbed, resumed) = (memory.vector(initial), memory.vector(initial))
        let first = Self.optimizers(parts, rowSize: Self.columns)
        let second = Self.optimizers(parts, rowSize: Self.columns)
        Self.train(first, undisturbed, steps: 1...2, memory)
        func expectSame() {
            let isSame = Self.state(resumed, second) == Self.state(undisturbed, first)
            #expect(isSame)
        }
        resumed.copy(from: undisturbed)
        for (old, new) in zip(first, second) {
            new.firstMoment.copy(from: old.firstMoment)
            new.secondMoment.copy(from: old.secondMoment)
            new.momentsChanged()
        }
        expectSame()
        Self.train(first, undisturbed, steps: 3...5, memory)
        Self.train(second, resumed, steps: 3...5, memory)
        expectSame()
        #expect(memory.isIntact)
    }
}
