import Checkpoints
import Foundation
import Testing

/// A folder of its own for a test, deleted at the end.
final class TemporaryFolder: Sendable {
    let path: String

    /// `inMemory` spares the disk where the system has a file system in memory.
    init(inMemory: Bool = false) throws {
        let memory = "/dev/shm"
        let isInMemory = inMemory && FileManager.default.isWritableFile(atPath: memory)
        path = (isInMemory ? memory : FileManager.default.temporaryDirectory.path) + "/checkpoints-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file and returns its path.
    func write(_ bytes: [UInt8], to name: String = "file") throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
        return file(name)
    }

    func names(in folder: String = ".") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: file(folder)).sorted()
    }
}

/// The bytes of a file.
func contents(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }

/// A safetensors file of `header` and `data`.
func safetensors(_ header: String, data: [UInt8] = []) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> ($0 * 8)) } + header.utf8 + data
}

/// The little-endian bytes of `values`.
func bytes<Element>(_ values: [Element]) -> [UInt8] { values.withUnsafeBytes { Array($0) } }

extension TensorSource {
    func floats(_ name: String) throws -> [Float] {
        var result = [Float](repeating: -1, count: try shape(of: name).reduce(1, *))
        try result.withUnsafeMutableBufferPointer { try readFloats(name, into: $0) }
        return result
    }
}

/// The description of what `body` throws.
func message(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "nothing was thrown"
    } catch {
        return "\(error)"
    }
}

/// Something that must be refused, by what the error must say: what is refused may be too long to be shown.
struct Refusal<Input: Sendable>: Sendable, CustomTestStringConvertible {
    let input: Input
    let expected: String

    init(_ input: Input, _ expected: String) { (self.input, self.expected) = (input, expected) }

    var testDescription: String { expected }
}

/// splitmix64, so that a test draws the same numbers every time.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
