import Checkpoints
import Foundation
import Testing

@Suite(.serialized) struct HostileFilesTests {
    private static func promises(_ error: any Error) -> Bool {
        error is TensorFileError || error is FileSystemError || error is DamagedCheckpointError
    }

    /// Reads each tensor that is no larger than its file could be.
    private static func readAll(_ file: any TensorSource) throws {
        for name in file.names {
            let count = try file.shape(of: name).reduce(1, *)
            guard count <= Mutator.largestFile else { continue }
            var values = [Float](repeating: 0, count: count)
            try values.withUnsafeMutableBufferPointer { try file.readFloats(name, into: $0) }
        }
    }

    @Test func safetensors() throws {
        let header = """
            {"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},\
            "b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},"c":{"dtype":"F64","shape":[],"data_offsets":[32,40]},\
            "empty":{"dtype":"F16","shape":[0,3],"data_offsets":[40,40]}}
            """
        let words = [
            "{", "}", "[", "]", "\"", ",", ":", "\"dtype\":", "\"shape\":", "\"data_offsets\":", "\"__metadata__\":{},",
            "\"F32\"",
            "\"I64\"", "\"F8_E4M3\"", "\\u00e9", "\\ud83d\\ude00", "[1,2,3,4]",
            "\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]},",
        ]
        let mutator = Mutator(samples: [tensorFile(header, 40), tensorFile("{}  ", 0)], words: words)
        try HostileFiles(
            reader: "safetensors", fileName: "model.safetensors", mutator: mutator, promises: Self.promises
        ) { path in
            let file = try SafetensorsFile(path)
            #expect(file.names.count == file.tensors.count)
            for (name, entry) in file.tensors where entry.type != .f8e4m3 { _ = try? file.readIntegers(name) }
            try Self.readAll(file)
        }.run()
    }

    @Test func pytorch() throws {
        func archive(_ pickle: [UInt8], isLarge: Bool = false) -> [UInt8] {
            let members = [
                ("m/data.pkl", pickle), ("m/byteorder", Array("little".utf8)),
                ("m/data/0", bytes([1, 2, 3, 4] as [Float])),
            ]
            return ZipBuilder(members: members, isLarge: isLarge).bytes
        }
        let samples = [
            try PyTorchFileTests.golden(), archive(Pickle.tensor()),
            archive(Pickle.tensor(shape: [2, 2], strides: [1, 2])),
            archive(Pickle.tensor(), isLarge: true),
        ]
        let words = [
            "(", "t", "s", "u", "Q", "R", "q\u{0}", "h\u{0}", "}", "]", "N", "b", "ctorch\nFloatStorage\n",
            "cos\nsystem\n",
            "ctorch._utils\n_rebuild_tensor_v2\n", "ccollections\nOrderedDict\n", "X\u{1}\u{0}\u{0}\u{0}x",
            "M\u{7f}\u{7f}",
            "J\u{7f}\u{7f}\u{7f}\u{7f}", "PK\u{1}\u{2}", "PK\u{3}\u{4}", "PK\u{5}\u{6}", "PK\u{6}\u{6}",
            "archive/data.pkl",
        ]
        try HostileFiles(
            reader: "pytorch", fileName: "pytorch_model.bin", mutator: Mutator(samples: samples, words: words),
            promises: Self.promises
        ) { path in
            do {
                try Self.readAll(openTensors(path))
            } catch let error as TensorFileError where error.problem.contains("where F32, F16, BF16 or F64 is needed") {
                // Longs are listed and not read.
            }
        }.run()
    }

    @Test func checksums() throws {
        let sums = (0..<3).map { "\(sha256(of: [UInt8($0)]))  file-\($0)\n" }.joined()
        let words = [
            "  ", " *", "../file-0", "/etc/passwd", "file-0", String(repeating: "0", count: 64), "\\", "SHA256SUMS",
            ".",
        ]
        try HostileFiles(
            reader: "checksums", fileName: Checkpoint.sumsName,
            mutator: Mutator(samples: [Array(sums.utf8)], words: words),
            promises: Self.promises
        ) { path in
            do {
                try verifyCheckpoint((path as NSString).deletingLastPathComponent)
            } catch let error as DamagedCheckpointError
                where !error.faults.contains(where: { $0.hasPrefix("SHA256SUMS") })
            {
                // Files that are not what the list says.
                #expect(error.description.hasPrefix((path as NSString).deletingLastPathComponent))
            }
        }.run { folder in
            for number in 0..<3 {
                try Data([UInt8(number)]).write(to: URL(fileURLWithPath: "\(folder)/file-\(number)"))
            }
        }
    }
}

private func tensorFile(_ header: String, _ count: Int) -> [UInt8] {
    safetensors(header, data: (0..<count).map { UInt8($0) })
}
