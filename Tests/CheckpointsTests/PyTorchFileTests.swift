import Checkpoints
import Foundation
import Testing

@Suite struct PyTorchFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    static func golden() throws -> [UInt8] {
        Array(try #require(Data(base64Encoded: PyTorchGolden.base64, options: .ignoreUnknownCharacters)))
    }

    @Test func readsWhatPyTorchWrites() throws {
        let file = try openTensors(folder.write(Self.golden()))
        #expect(file is PyTorchFile)
        #expect(
            file.names == [
                "float", "half", "bfloat16", "double", "long", "parameter", "scalar", "empty", "transposed", "view",
                "expanded",
            ])
        let count = (0..<12).map(Float.init)
        #expect(try file.shape(of: "float") == [3, 4])
        #expect(try file.floats("float") == count.map { $0 - 5.5 })
        #expect(try file.floats("half") == count[..<5].map { $0 / 4 })
        #expect(try file.shape(of: "bfloat16") == [2, 3])
        #expect(try file.floats("bfloat16") == count[..<6].map { $0 * 2 })
        #expect(try file.floats("double") == [0, Float(1.0 / 3)])
        #expect(try file.floats("parameter") == [0.25, 1.25])
        #expect(try file.shape(of: "scalar") == [])
        #expect(try file.floats("scalar") == [7])
        #expect(try file.shape(of: "empty") == [0, 3])
        #expect(try file.floats("empty") == [])
        #expect(try file.shape(of: "transposed") == [4, 3])
        #expect(try file.floats("transposed") == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
        #expect(try file.floats("view") == [4, 5, 6, 7])
        #expect(try file.floats("expanded") == [3, 3, 3, 3])
        #expect(message { _ = try file.floats("long") }.contains("tensor \"long\" has the dtype I64"))
        #expect(message { _ = try file.shape(of: "none") }.contains("has no tensor \"none\""))
        var values = [Float](repeating: 0, count: 3)
        let error = message { try values.withUnsafeMutableBufferPointer { try file.readFloats("view", into: $0) } }
        #expect(error.contains("has 4 elements (shape [4]) where 3 are needed"))
    }

    @Test func tellsSafetensorsApart() throws {
        #expect(try openTensors(folder.write(safetensors("{}"))) is SafetensorsFile)
        let pickle = try folder.write([0x80, 2, 0x8A, 10] + [UInt8](repeating: 0, count: 100), to: "pytorch_model.bin")
        #expect(message { _ = try openTensors(pickle) }.contains("is no archive that PyTorch 1.6 or later wrote"))
        #expect(message { _ = try openTensors(folder.write([])) }.contains("too short for a safetensors file"))
        #expect(message { _ = try PyTorchFile(folder.write([0x80, 2])) }.contains("PyTorch 1.6 or later"))
    }

    func archive(_ pickle: [UInt8], storage: [Float] = [1, 2, 3, 4], method: Int = 0, isLarge: Bool = false) throws
        -> String
    {
        let members = [("m/data.pkl", pickle), ("m/byteorder", Array("little".utf8)), ("m/data/0", bytes(storage))]
        return try folder.write(ZipBuilder(members: members, method: method, isLarge: isLarge).bytes)
    }

    @Test(arguments: [false, true])
    func readsArchivesOfEitherSize(isLarge: Bool) throws {
        let path = try archive(Pickle.tensor(offset: 1, shape: [3]), isLarge: isLarge)
        #expect(try PyTorchFile(path).floats("x") == [2, 3, 4])
    }

    static let malformedPickles: [([UInt8], String)] = [
        ([], "ends in the middle of a record"),
        ([0x80, 4], "a protocol other than 2"),
        (Pickle.start + Pickle.stop, "takes from an empty stack"),
        (Pickle.start + Pickle.number(1) + Pickle.stop, "holds no dictionary"),
        (Pickle.start + Pickle.emptyDictionary + Pickle.stop, "holds no tensors by name"),
        (
            Pickle.start + Pickle.global("os", "system") + Pickle.tuple([Pickle.string("false")]) + Array("R.".utf8),
            "asks for \"os.system\", which no dictionary of tensors needs"
        ),
        (Pickle.start + Array("i".utf8), "has the instruction 69"),
        (Pickle.start + Array("N(u".utf8), "sets items of what has none"),
        (Pickle.start + Array("t".utf8), "has no mark"),
        (Pickle.start + Array("(.".utf8), "takes a mark for a value"),
        (Pickle.start + Array("h".utf8) + [9], "recalls what it has not remembered"),
        (Pickle.start + Array(")b".utf8), "takes from an empty stack"),
        (Pickle.start + Array("NNb".utf8), "sets attributes of what has none"),
        (Pickle.start + Array("))R".utf8), "calls what is no function"),
        (Pickle.start + Pickle.tuple([]) + Array("Q".utf8), "refers to a storage in an unknown way"),
        (Pickle.start + Array("X".utf8) + [0xFF, 0xFF, 0xFF, 0xFF], "ends in the middle of a record"),
        (Pickle.start + Array(")".utf8) + [UInt8](repeating: 0x85, count: 1_000_000), "nests tuples too deep"),
        (Pickle.start + [UInt8](repeating: UInt8(ascii: "("), count: 1_000_000), "piles up too much"),
        (Pickle.start + Array("}".utf8) + (0..<200_000).flatMap { _ in Array("N}s".utf8) }, "too many dictionaries"),
        (Pickle.tensor(type: "QInt8Storage"), "asks for \"torch.QInt8Storage\""),
        (Pickle.tensor(storageCount: 5), "tensor \"x\" reaches beyond its storage"),
        (Pickle.tensor(storageCount: 1 << 62), "reaches beyond its storage"),
        (Pickle.tensor(storageCount: -1), "refers to a storage in an unknown way"),
        (Pickle.tensor(offset: 1), "reaches beyond its storage"),
        (Pickle.tensor(offset: Int.max), "reaches beyond its storage"),
        (Pickle.tensor(offset: -1), "builds a tensor in an unknown way"),
        (Pickle.tensor(strides: [2]), "reaches beyond its storage"),
        (Pickle.tensor(shape: [4, 1 << 62], strides: [0, 0]), "reaches beyond its storage"),
        (Pickle.tensor(shape: [3, 3], strides: [1 << 62, 1 << 62]), "reaches beyond its storage"),
        (Pickle.tensor(shape: [4], strides: [1, 1]), "builds a tensor in an unknown way"),
    ]

    @Test(arguments: malformedPickles.map { Refusal($0.0, $0.1) })
    func refusesAMalformedPickle(_ pickle: Refusal<[UInt8]>) throws {
        let path = try archive(pickle.input)
        let error = message { _ = try PyTorchFile(path) }
        #expect(error.hasPrefix("\(path): ") && error.contains(pickle.expected), "\(error)")
    }

    @Test func emptyTensorsOfAnyShapeAreTaken() throws {
        let file = try PyTorchFile(archive(Pickle.tensor(shape: [0, 1 << 40, 1 << 40], strides: [1, 1, 1])))
        #expect(try file.shape(of: "x") == [0, 1 << 40, 1 << 40])
        #expect(try file.floats("x") == [])
    }

    @Test func refusesAMalformedArchive() throws {
        func failure(_ members: [(String, [UInt8])], method: Int = 0) -> String {
            message { _ = try PyTorchFile(folder.write(ZipBuilder(members: members, method: method).bytes)) }
        }
        let pickle = ("m/data.pkl", Pickle.tensor())
        let storage = ("m/data/0", bytes([1, 2, 3, 4] as [Float]))
        #expect(failure([storage]).contains("has 0 members data.pkl"))
        #expect(failure([pickle, ("n/data.pkl", [])]).contains("has 2 members data.pkl"))
        #expect(failure([pickle]).contains("no member \"m/data/0\""))
        #expect(failure([pickle, storage, storage]).contains("two members \"m/data/0\""))
        #expect(failure([pickle, storage], method: 8).contains("a compressed or encrypted member"))
        #expect(failure([pickle, storage, ("m/byteorder", Array("big".utf8))]).contains("another byte order"))
        #expect(failure([pickle, ("m/data/0", [1, 2])]).contains("reaches beyond its storage"))
    }

    @Test func everyTruncationIsRefused() throws {
        let whole = try Self.golden()
        for count in stride(from: 0, to: whole.count, by: 7) {
            let path = try folder.write(Array(whole.prefix(count)))
            #expect(throws: TensorFileError.self) { _ = try PyTorchFile(path) }
        }
    }

    /// Changes a few bytes at random: the file is refused or read, and nothing else happens.
    @Test func randomDamageIsRefusedOrRead() throws {
        let whole = try Self.golden()
        var generator = SeededGenerator(state: 2)
        var refusals = 0
        for _ in 0..<3000 {
            var damaged = whole
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                damaged[Int.random(in: 0..<damaged.count, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
            }
            let path = try folder.write(damaged)
            do {
                let file = try PyTorchFile(path)
                for name in file.names where try file.shape(of: name).reduce(1, *) < 1 << 20 {
                    _ = try? file.floats(name)
                }
            } catch is TensorFileError {
                refusals += 1
            }
        }
        #expect(refusals > 300)
    }
}
