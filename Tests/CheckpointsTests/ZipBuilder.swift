/// Builds zip archives of stored members, for tests; checksums are left at zero.
struct ZipBuilder {
    var members: [(name: String, bytes: [UInt8])]
    var method = 0
    /// Puts sizes and places into 64-bit fields, as in archives beyond 4 GiB.
    var isLarge = false

    var bytes: [UInt8] {
        func field(_ value: Int, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        func narrow(_ value: Int) -> [UInt8] { field(isLarge ? 0xFFFF_FFFF : value, 4) }
        var archive: [UInt8] = []
        var directory: [UInt8] = []
        for (name, bytes) in members {
            let place = archive.count
            let extra =
                isLarge
                ? field(1, 2) + field(24, 2) + field(bytes.count, 8) + field(bytes.count, 8) + field(place, 8) : []
            let start = field(20, 2) + field(0, 2) + field(method, 2) + field(0, 8)
            let sizes = narrow(bytes.count) + narrow(bytes.count) + field(name.utf8.count, 2)
            archive += field(0x0403_4B50, 4) + start + sizes + field(3, 2) + name.utf8 + [0, 0, 0] + bytes
            directory += field(0x0201_4B50, 4) + field(20, 2) + start + sizes + field(extra.count, 2) + field(0, 10)
            directory += narrow(place) + name.utf8 + extra
        }
        let place = archive.count
        archive += directory
        if isLarge {
            let record = archive.count
            archive += field(0x0606_4B50, 4) + field(44, 8) + field(0, 12) + field(members.count, 8)
            archive += field(members.count, 8) + field(directory.count, 8) + field(place, 8)
            archive += field(0x0706_4B50, 4) + field(0, 4) + field(record, 8) + field(1, 4)
        }
        archive += field(0x0605_4B50, 4) + field(0, 4) + field(members.count, 2) + field(members.count, 2)
        return archive + narrow(directory.count) + narrow(place) + field(0, 2)
    }
}

/// Builds pickles, for tests.
enum Pickle {
    static let start: [UInt8] = [0x80, 2]
    static let stop = Array(".".utf8)
    static let emptyDictionary = Array("}".utf8)

    static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

    static func string(_ text: String) -> [UInt8] {
        Array("X".utf8) + (0..<4).map { UInt8(truncatingIfNeeded: text.utf8.count >> ($0 * 8)) } + text.utf8
    }

    static func number(_ value: Int) -> [UInt8] {
        [0x8A, 8] + (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    static func tuple(_ items: [[UInt8]]) -> [UInt8] { Array("(".utf8) + items.joined() + Array("t".utf8) }

    /// A dictionary with one tensor "x" of float storage "0".
    static func tensor(
        storageCount: Int = 4, offset: Int = 0, shape: [Int] = [4], strides: [Int] = [1], type: String = "FloatStorage"
    ) -> [UInt8] {
        let id = tuple([string("storage"), global("torch", type), string("0"), string("cpu"), number(storageCount)])
        let sizes = tuple(shape.map(number))
        let steps = tuple(strides.map(number))
        let view = tuple([id + Array("Q".utf8), number(offset), sizes, steps, [0x89], emptyDictionary])
        let tensor = global("torch._utils", "_rebuild_tensor_v2") + view + Array("R".utf8)
        return start + emptyDictionary + string("x") + tensor + Array("s".utf8) + stop
    }
}
