import LinearAlgebra
import Testing

/// One case of one kernel: what it computes, plainly in `Double`, and how it is run.
///
/// `check` holds the kernel's output against the reference, its gradients against central differences of the reference, and
/// its memory against the canaries of `GuardedMemory`.
struct KernelCase: CustomTestStringConvertible, Sendable {
    /// Runs the kernel forward and backward. Its arguments are the inputs, the gradient that arrives, and where to take
    /// further memory; it returns the output and the gradient of each input.
    typealias Kernel =
        @Sendable (_ inputs: [MatrixView], _ dOutput: MatrixView, _ memory: GuardedMemory) -> (
            output: MatrixView, gradients: [MatrixView]
        )

    let name: String
    /// What the kernel is differentiated by.
    let inputs: [Grid]
    /// The forward pass.
    let reference: @Sendable ([Grid]) -> Grid
    let kernel: Kernel
    /// Elements between the rows of matrices.
    var gap = 0
    /// Relative to the largest element of the output.
    var tolerance = 2e-6
    /// Relative to the largest element of each gradient.
    var gradientTolerance = 1e-5

    var testDescription: String { gap == 0 ? name : "\(name), rows \(gap) apart" }

    func check(location: SourceLocation = #_sourceLocation) {
        let right = reference(inputs)
        let dOutput = Grid(right.rows, right.columns, seed: 99)
        let memory = GuardedMemory(gap: gap)
        let (output, gradients) = kernel(inputs.map { memory.matrix($0) }, memory.matrix(dOutput), memory)
        let distance = Grid(output).distance(to: right)
        #expect(
            distance <= tolerance * right.largest, "\(self): the output is \(distance) away", sourceLocation: location)
        #expect(gradients.count == inputs.count, sourceLocation: location)
        for (index, gradient) in gradients.enumerated() {
            check(Grid(gradient), ofInput: index, dOutput, location)
        }
        #expect(memory.isIntact, "\(self): memory outside of the views was written", sourceLocation: location)
    }

    /// Compares a gradient with central differences of Σ dOutput · output: along single elements, all of them where they
    /// are few, and along random directions, in which every element takes part.
    private func check(_ gradient: Grid, ofInput index: Int, _ dOutput: Grid, _ location: SourceLocation) {
        let count = inputs[index].values.count
        guard gradient.values.count == count else {
            Issue.record("\(self): gradient \(index) has \(gradient.values.count) elements", sourceLocation: location)
            return
        }
        func slope(_ direction: [Double]) -> Double {
            let step = 1e-5
            func value(_ sign: Double) -> Double {
                var moved = inputs
                for place in 0..<count { moved[index].values[place] += sign * step * direction[place] }
                return zip(reference(moved).values, dOutput.values).reduce(0) { $0 + $1.0 * $1.1 }
            }
            return (value(1) - value(-1)) / (2 * step)
        }
        var random = TestRandom(seed: 7)
        let places = count <= 40 ? Array(0..<count) : (0..<20).map { _ in Int.random(in: 0..<count, using: &random) }
        let units = places.map { place in (0..<count).map { $0 == place ? 1.0 : 0 } }
        let directions = (0..<3).map { _ in (0..<count).map { _ in random.normal() } }
        let bound = gradientTolerance * max(gradient.largest, 1e-2)
        for (direction, bound) in units.map({ ($0, bound) })
            + directions.map({ ($0, bound * Double(count).squareRoot()) })
        {
            let distance = abs(zip(gradient.values, direction).reduce(0) { $0 + $1.0 * $1.1 } - slope(direction))
            #expect(
                distance <= bound,
                "\(self): gradient \(index) is \(distance) away, its largest element \(gradient.largest)",
                sourceLocation: location)
        }
    }
}

/// A case for each of several widths of rows, multiples of the 16 lanes and others, without and with a gap between rows.
func cases(widths: [Int] = [1, 7, 16, 37, 50, 64, 100, 768], _ make: (_ rows: Int, _ columns: Int) -> KernelCase)
    -> [KernelCase]
{
    widths.enumerated().flatMap { index, columns in
        [0, 3].map { gap in
            var one = make([5, 1, 3, 2][index % 4] + gap, columns)
            one.gap = gap
            return one
        }
    }
}
