import Checkpoints
import Testing

@Suite struct SafetensorsWriterTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func writesTheBytesOfTheFormat() throws {
        let path = folder.file("model.safetensors")
        let digest = try SafetensorsWriter.write(
            toFile: path,
            tensors: [.init("a.weight", shape: [2, 1]), .init("\"\u{1}é", .bf16, shape: [3])],
            metadata: ["z": "1", "b": "2"]
        ) { writer in
            try [1, -2].withUnsafeBufferPointer { try writer.write("a.weight", $0) }
            try [1, 2, 3].withUnsafeBufferPointer { try writer.write("\"\u{1}é", $0) }
        }
        let header = """
            {"__metadata__":{"b":"2","z":"1"},"a.weight":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},\
            "\\"\\u0001é":{"dtype":"BF16","shape":[3],"data_offsets":[8,14]}}
            """
        let padding = String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        let data = bytes([1, -2] as [Float]) + bytes([0x3F80, 0x4000, 0x4040] as [UInt16])
        #expect(try contents(path) == safetensors(header + padding, data: data))
        #expect(try digest == sha256(ofFile: path))
        #expect(try folder.names() == ["model.safetensors"])
        let file = try SafetensorsFile(path)
        #expect(file.metadata == ["z": "1", "b": "2"])
        #expect(try file.floats("\"\u{1}é") == [1, 2, 3])
        #expect(file.tensors["a.weight"]?.byteRange.lowerBound.isMultiple(of: 8) == true)
    }

    @Test(arguments: [TensorType.f32, .bf16], [0, 1, 65535, 65536, 200_000])
    func chunksAndBuffersGiveTheSameBytes(type: TensorType, count: Int) throws {
        let values = (0..<count).map { Float($0) / 3 }
        let tensors = [SafetensorsWriter.Tensor("x", type, shape: [count])]
        let whole = try SafetensorsWriter.write(toFile: folder.file("whole"), tensors: tensors) { writer in
            try values.withUnsafeBufferPointer { try writer.write("x", $0) }
        }
        let chunked = try SafetensorsWriter.write(toFile: folder.file("chunked"), tensors: tensors) { writer in
            try writer.write("x") { first, destination in
                for index in destination.indices { destination[index] = values[first + index] }
            }
        }
        #expect(whole == chunked)
        let expected = type == .f32 ? values : values.map(roundedToBFloat16)
        #expect(try SafetensorsFile(folder.file("chunked")).floats("x") == expected)
    }

    @Test func roundsToBFloat16() {
        let cases: [(UInt32, UInt16)] = [
            (0x3F80_0000, 0x3F80), (0x3F80_7FFF, 0x3F80), (0x3F80_8000, 0x3F80), (0x3F80_8001, 0x3F81),
            (0x3F81_8000, 0x3F82), (0x7F7F_FFFF, 0x7F80), (0x7F80_0000, 0x7F80), (0xFF80_0000, 0xFF80),
            (0x7F80_0001, 0x7FC0), (0xFFFF_FFFF, 0xFFFF), (0x0000_0001, 0x0000), (0x8000_8001, 0x8001),
        ]
        let source = cases.map { Float(bitPattern: $0.0) }
        var target = [UInt16](repeating: 0, count: source.count)
        source.withUnsafeBufferPointer { source in
            target.withUnsafeMutableBufferPointer { narrowToBFloat16(source, into: $0.baseAddress!) }
        }
        #expect(target == cases.map(\.1))
    }

    @Test func refusesWhatWasNotDeclared() throws {
        let path = folder.file("x")
        func failure(
            _ tensors: [SafetensorsWriter.Tensor], _ body: (SafetensorsWriter) throws -> Void = { _ in }
        ) -> String { message { try SafetensorsWriter.write(toFile: path, tensors: tensors, body) } }
        func write(_ name: String, count: Int) -> (SafetensorsWriter) throws -> Void {
            { writer in
                try [Float](repeating: 0, count: count).withUnsafeBufferPointer { try writer.write(name, $0) }
            }
        }
        let two = SafetensorsWriter.Tensor("x", shape: [2])
        #expect(failure([two]).contains("tensor \"x\" was declared but not written"))
        #expect(failure([two], write("x", count: 3)).contains("has 3 elements where its shape [2] has 2"))
        #expect(failure([two], write("y", count: 2)).contains("tensor \"y\" is written where \"x\" was declared"))
        #expect(failure([], write("y", count: 2)).contains("is written after the last one declared"))
        #expect(failure([two, two]).contains("declared twice"))
        #expect(failure([.init("__metadata__", shape: [])]).contains("reserved name"))
        #expect(failure([.init("x", .i64, shape: [1])]).contains("F32 and BF16 are written"))
        #expect(failure([.init("x", shape: [-1])]).contains("impossible shape [-1]"))
        #expect(failure([.init("x", shape: [1 << 62, 4])]).contains("impossible shape"))
        #expect(failure([.init("b", .bf16, shape: [1]), two]).contains("odd offset 2"))
        #expect(try folder.names().isEmpty)
    }

    @Test func aFailureLeavesTheFileThatWasThere() throws {
        let path = try folder.write([1, 2, 3], to: "x")
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try SafetensorsWriter.write(toFile: path, tensors: [.init("x", shape: [2])]) { _ in throw Stop() }
        }
        #expect(try contents(path) == [1, 2, 3])
        #expect(try folder.names() == ["x"])
        let error = message { try SafetensorsWriter.write(toFile: folder.file("no/x"), tensors: []) { _ in } }
        #expect(error.contains("cannot create") && error.contains("No such file or directory"))
    }

    private func roundedToBFloat16(_ value: Float) -> Float {
        if value == 0 { return 0 }
        let scale = Float(sign: .plus, exponent: value.exponent - 7, significand: 1)
        return (value / scale).rounded(.toNearestOrEven) * scale
    }
}
