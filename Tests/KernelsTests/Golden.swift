import Checkpoints
import Foundation

/// What PyTorch computed, in `Tests/Fixtures/kernels.safetensors`; `Tests/Oracles/kernels_golden.py` wrote it.
struct Golden {
    private let file: SafetensorsFile

    init() throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        file = try SafetensorsFile(tests.appendingPathComponent("Fixtures/kernels.safetensors").path)
    }

    /// A tensor of one or two dimensions, one as a single row.
    func grid(_ name: String) throws -> Grid {
        let shape = try file.shape(of: name)
        let count = shape.reduce(1, *)
        var values = [Float](repeating: 0, count: count)
        try values.withUnsafeMutableBufferPointer { try file.readFloats(name, into: $0) }
        return Grid(rows: shape.count == 2 ? shape[0] : 1, columns: shape.last ?? 1, values.map(Double.init))
    }

    /// A tensor of one element.
    func number(_ name: String) throws -> Double { try grid(name)[0, 0] }
}
