import Checkpoints
import Glibc
import Testing

@Suite struct SafetensorsFileTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test func readsEveryFloatType() throws {
        let half: [Float16] = [1, -2.5, 65504, 6e-8, .infinity]
        let header = """
            {"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},\
            "b":{"dtype":"F16","shape":[5],"data_offsets":[8,18]},\
            "c":{"dtype":"BF16","shape":[3],"data_offsets":[18,24]},\
            "d":{"dtype":"F64","shape":[],"data_offsets":[24,32]}}
            """
        let data =
            bytes([1.5, -3] as [Float]) + bytes(half) + bytes([0x3F80, 0xC049, 0x7F80] as [UInt16]) + bytes([0.1])
        let file = try SafetensorsFile(folder.write(safetensors(header, data: data)))
        #expect(file.names == ["a", "b", "c", "d"])
        #expect(try file.floats("a") == [1.5, -3])
        #expect(try file.floats("b") == half.map(Float.init))
        #expect(try file.floats("c") == [1, -3.140625, .infinity])
        #expect(try file.floats("d") == [0.1])
        #expect(file.tensors["b"]?.shape == [5])
        #expect(file.tensors["d"]?.shape == [])
    }

    @Test func readsIntegers() throws {
        let header = """
            {"i64":{"dtype":"I64","shape":[2],"data_offsets":[0,16]},"u64":{"dtype":"U64","shape":[1],"data_offsets":[16,24]},\
            "i32":{"dtype":"I32","shape":[1],"data_offsets":[24,28]},"u16":{"dtype":"U16","shape":[1],"data_offsets":[28,30]},\
            "i8":{"dtype":"I8","shape":[1],"data_offsets":[30,31]},"bool":{"dtype":"BOOL","shape":[2],"data_offsets":[31,33]}}
            """
        let data: [UInt8] =
            bytes([-1, 512] as [Int64]) + bytes([UInt64.max]) + bytes([Int32(-7)]) + [0xFF, 0xFF, 0x80, 1, 0]
        let file = try SafetensorsFile(folder.write(safetensors(header, data: data)))
        #expect(try file.readIntegers("i64") == [-1, 512])
        #expect(try file.readIntegers("i32") == [-7])
        #expect(try file.readIntegers("u16") == [65535])
        #expect(try file.readIntegers("i8") == [-128])
        #expect(try file.readIntegers("bool") == [1, 0])
        #expect(message { _ = try file.readIntegers("u64") }.contains("tensor \"u64\" holds 18446744073709551615"))
        #expect(message { _ = try file.floats("i64") }.contains("tensor \"i64\" has the dtype I64 where F32"))
    }

    @Test func readsTensorsLongerThanAChunk() throws {
        let values = (0..<300_001).map { UInt16(truncatingIfNeeded: $0 &* 7) & 0x7F7F }
        let header = #"{"x":{"dtype":"BF16","shape":[300001],"data_offsets":[0,600002]}}"#
        let file = try SafetensorsFile(folder.write(safetensors(header, data: bytes(values))))
        #expect(try file.floats("x") == values.map { Float(bitPattern: UInt32($0) << 16) })
    }

    @Test func takesMetadataEscapesAndEmptyTensors() throws {
        let header = """
            { "__metadata__" : {"format":"pt","\\u00e9\\ud83d\\ude00\\n":"\\"\\\\\\/"},
            "e":{"shape":[0,4],"data_offsets":[0,0],"dtype":"F32"}, "f":{"dtype":"U8","shape":[1],"data_offsets":[0,1]} }
            """
        let file = try SafetensorsFile(folder.write(safetensors(header + "   ", data: [9])))
        #expect(file.metadata == ["format": "pt", "é😀\n": "\"\\/"])
        #expect(try file.floats("e") == [])
        #expect(try file.readIntegers("f") == [9])
        #expect(try SafetensorsFile(folder.write(safetensors("{}"))).names.isEmpty)
    }

    @Test func refusesAWrongNameOrSize() throws {
        let header = #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
        let file = try SafetensorsFile(folder.write(safetensors(header, data: [UInt8](repeating: 0, count: 8))))
        #expect(message { _ = try file.shape(of: "y") } == "\(file.path): has no tensor \"y\"")
        var values = [Float](repeating: 0, count: 3)
        let error = message { try values.withUnsafeMutableBufferPointer { try file.readFloats("x", into: $0) } }
        #expect(error == "\(file.path): tensor \"x\" has 2 elements (shape [2]) where 3 are needed")
    }

    static let x = #""x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#

    /// Headers before eight bytes of data, and what the error must say.
    static let malformedHeaders: [(String, String)] = [
        ("", "does not begin with '{'"),
        (" {}", "does not begin with '{'"),
        ("[]", "does not begin with '{'"),
        ("{}", "8 bytes after the last tensor belong to none"),
        ("{\(x)", "its end at byte"),
        ("{\(x),}", "\"}\" at byte"),
        ("{\(x)}x", "where only white space belongs"),
        ("{\(x),\(x)}", "tensor \"x\" is in the header twice"),
        (#"{"__metadata__":{},"__metadata__":{},\#(x)}"#, "two \"__metadata__\""),
        (#"{"__metadata__":{"a":"b","a":"c"},\#(x)}"#, "two entries \"a\""),
        (#"{"__metadata__":{"a":1},\#(x)}"#, "where a string belongs"),
        (#"{"__metadata__":null,\#(x)}"#, "where an object belongs"),
        (#"{"x":[]}"#, "tensor \"x\" has, in the header, \"[\" at byte 5 where an object belongs"),
        (#"{"x":{"dtype":"F31","shape":[2],"data_offsets":[0,8]}}"#, "tensor \"x\" has the unknown dtype \"F31\""),
        (#"{"x":{"dtype":4,"shape":[2],"data_offsets":[0,8]}}"#, "where a string belongs"),
        (#"{"x":{"shape":[2],"data_offsets":[0,8]}}"#, "has no dtype"),
        (#"{"x":{"dtype":"F32","data_offsets":[0,8]}}"#, "has no shape"),
        (#"{"x":{"dtype":"F32","shape":[2]}}"#, "has no two data_offsets"),
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0]}}"#, "has no two data_offsets"),
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8,9]}}"#, "more than 2 data_offsets"),
        (#"{"x":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "field \"dtype\" twice"),
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"z":0}}"#, "unknown field \"z\""),
        (#"{"x":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}"#, "where a whole number, not negative, belongs"),
        (#"{"x":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}"#, "where a whole number"),
        (#"{"x":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}"#, "where a whole number"),
        (#"{"x":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}"#, "where a whole number"),
        (#"{"x":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}"#, "too large"),
        (#"{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#, "more elements than can"),
        (#"{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, "takes 8 bytes, but F32 of shape [3] takes 12"),
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, "ends at byte 0, before its start at 8"),
        (#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, "but the file holds only 8"),
        (#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "begins 4 bytes after the data before it"),
        (#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, "4 bytes after the last tensor"),
        (#"{\#(x),"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, "tensor \"y\" overlaps \"x\""),
        (#"{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "surrogate pair"),
        (#"{"\ud800\u0041":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "surrogate pair"),
        (#"{"\q":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, "where an escape belongs"),
        ("{\"a\nb\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "escaped control character"),
        ("{\"x\":" + String(repeating: "[", count: 1_000_000), "where an object belongs"),
        ("{" + String(repeating: "{\"a\":", count: 1_000_000), "where a string belongs"),
        (
            "{\"x\":{\"dtype\":\"F32\",\"shape\":[" + String(repeating: "1,", count: 100)
                + "2],\"data_offsets\":[0,8]}}",
            "more than 64 dimensions"
        ),
    ]

    @Test(arguments: malformedHeaders.map { Refusal($0.0, $0.1) })
    func refusesAMalformedHeader(_ header: Refusal<String>) throws {
        let path = try folder.write(safetensors(header.input, data: [UInt8](repeating: 0, count: 8)))
        let error = message { _ = try SafetensorsFile(path) }
        #expect(error.hasPrefix("\(path): "))
        #expect(error.contains(header.expected), "\(error)")
    }

    @Test func refusesBytesThatAreNoText() throws {
        var file = safetensors("{\(Self.x)}", data: [UInt8](repeating: 0, count: 8))
        file[10] = 0xFF
        let path = try folder.write(file)
        #expect(message { _ = try SafetensorsFile(path) }.contains("is not UTF-8"))
    }

    @Test func refusesAFileThatIsNone() throws {
        #expect(message { _ = try SafetensorsFile(folder.file("none")) }.contains("No such file or directory"))
        #expect(message { _ = try SafetensorsFile(folder.path) }.contains("Is a directory"))
        let short = try folder.write([1, 0, 0])
        #expect(message { _ = try SafetensorsFile(short) }.contains("has 3 bytes, too short"))
        let long = try folder.write(bytes([UInt64.max]) + [123])
        #expect(message { _ = try SafetensorsFile(long) }.contains("declares a header of 18446744073709551615 bytes"))
        let beyond = try folder.write(bytes([UInt64(99)]) + [123])
        #expect(message { _ = try SafetensorsFile(beyond) }.contains("declares a header of 99 bytes, but has 9 in all"))
    }

    @Test func everyTruncationIsRefused() throws {
        let whole = safetensors("{\(Self.x)}", data: [UInt8](repeating: 1, count: 8))
        _ = try SafetensorsFile(folder.write(whole)).floats("x")
        for count in 0..<whole.count {
            let path = try folder.write(Array(whole.prefix(count)))
            #expect(throws: TensorFileError.self) { _ = try SafetensorsFile(path) }
        }
    }

    @Test func aFileCutShortWhileOpenIsAnError() throws {
        let whole = safetensors("{\(Self.x)}", data: [UInt8](repeating: 1, count: 8))
        let path = try folder.write(whole)
        let file = try SafetensorsFile(path)
        #expect(truncate(path, whole.count - 1) == 0)
        #expect(message { _ = try file.floats("x") }.contains("ends at byte"))
    }

    /// Changes a few bytes at random: the file is refused or read, and nothing else happens.
    @Test func randomDamageIsRefusedOrRead() throws {
        let header = """
            {"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},\
            "b":{"dtype":"I64","shape":[1],"data_offsets":[8,16]},"c":{"dtype":"F32","shape":[3],"data_offsets":[16,28]}}
            """
        let whole = safetensors(header, data: [UInt8](repeating: 3, count: 28))
        var generator = SeededGenerator(state: 1)
        let alphabet = Array("\"{}[]:,0123456789-.eE\\uFBI \u{0}\u{7F}".utf8)
        var refusals = 0
        for _ in 0..<3000 {
            var damaged = whole
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<damaged.count, using: &generator)
                damaged[place] = alphabet.randomElement(using: &generator)!
            }
            let path = try folder.write(damaged)
            do {
                let file = try SafetensorsFile(path)
                for name in file.names where file.tensors[name]?.elementCount ?? 0 > 0 {
                    _ = try? file.floats(name)
                    _ = try? file.readIntegers(name)
                }
            } catch is TensorFileError {
                refusals += 1
            }
        }
        #expect(refusals > 1000)
    }
}
