/// What a pickle says of a tensor: a view of a storage, which is a member of the archive.
struct PickledTensor {
    let storage: String
    let type: TensorType
    /// Elements in the storage.
    let storageCount: Int
    /// In elements, from the start of the storage.
    let offset: Int
    let shape: [Int]
    /// In elements.
    let strides: [Int]
}

/// Reads the pickle of a dictionary of tensors as `torch.save` writes it, and nothing else.
///
/// A pickle is a program. This machine knows the instructions and the names that a dictionary of tensors needs and builds
/// values of its own from them; it calls nothing, and refuses what it does not know.
///
/// Source: the opcode list in CPython's Lib/pickletools.py, protocol 2.
struct TensorPickle {
    /// In the order of the pickle.
    private(set) var tensors: [(name: String, tensor: PickledTensor)] = []

    private enum Value {
        case none, mark
        case bool(Bool)
        case integer(Int)
        case string(String)
        /// With how deep tuples lie in it.
        case tuple([Value], depth: Int)
        case global(String)
        case storage(key: String, TensorType, count: Int)
        case tensor(PickledTensor)
        /// A number among `dictionaries`.
        case dictionary(Int)
    }

    private static let storageTypes: [String: TensorType] = [
        "torch.FloatStorage": .f32, "torch.HalfStorage": .f16, "torch.BFloat16Storage": .bf16,
        "torch.DoubleStorage": .f64, "torch.LongStorage": .i64, "torch.IntStorage": .i32, "torch.ShortStorage": .i16,
        "torch.CharStorage": .i8, "torch.ByteStorage": .u8, "torch.BoolStorage": .bool,
    ]
    private static let functions: Set<String> = [
        "collections.OrderedDict", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter",
    ]
    // Far beyond what a model needs; they bound what a hostile pickle can take.
    private static let maximumStack = 100_000
    private static let maximumDictionaries = 100_000
    private static let maximumDepth = 8

    private let file: String
    private var fields: LittleEndianFields
    private var stack: [Value] = []
    private var memo: [Int: Value] = [:]
    private var dictionaries: [[(name: String, tensor: PickledTensor)]] = []

    init(_ bytes: [UInt8], file: String) throws {
        self.file = file
        fields = LittleEndianFields(bytes, file: file)
        while try step() {}
        guard case .dictionary(let number) = try pop() else { throw failure("it holds no dictionary") }
        tensors = dictionaries[number]
        (stack, memo, dictionaries) = ([], [:], [])
    }

    private func failure(_ problem: String) -> TensorFileError {
        TensorFileError(file: file, "is no dictionary of tensors: \(problem) (byte \(fields.position) of its pickle)")
    }

    /// Executes an instruction; false after the last.
    private mutating func step() throws -> Bool {
        let code = UInt8(try fields.take(1))
        switch (code, UnicodeScalar(code)) {
        case (0x80, _): guard try fields.take(1) == 2 else { throw failure("it has a protocol other than 2") }
        case (_, "."): return false
        case (_, "("): try push(.mark)
        case (_, "N"): try push(.none)
        case (0x88, _): try push(.bool(true))
        case (0x89, _): try push(.bool(false))
        case (_, "K"): try push(.integer(fields.take(1)))
        case (_, "M"): try push(.integer(fields.take(2)))
        case (_, "J"): try push(.integer(Int(Int32(truncatingIfNeeded: fields.take(4)))))
        case (0x8A, _):
            let bytes = try fields.bytes(fields.take(1))
            guard bytes.count <= 8 else { throw failure("it has a number of \(bytes.count) bytes") }
            let isNegative = bytes.last ?? 0 >= 0x80
            try push(.integer(bytes.reversed().reduce(isNegative ? -1 : 0) { $0 << 8 | Int($1) }))
        case (_, "X"):
            guard let text = String(validating: try fields.bytes(fields.take(4)), as: UTF8.self) else {
                throw failure("it has a string that is not UTF-8")
            }
            try push(.string(text))
        case (_, "q"): memo[try fields.take(1)] = try top()
        case (_, "r"): memo[try fields.take(4)] = try top()
        case (_, "h"): try recall(fields.take(1))
        case (_, "j"): try recall(fields.take(4))
        case (_, ")"): try pushTuple([])
        case (_, "t"): try pushTuple(popToMark())
        case (0x85...0x87, _): try pushTuple(pop(count: Int(code) - 0x84))
        case (_, "}"): try pushDictionary()
        case (_, "s"): try setItems(pop(count: 2))
        case (_, "u"): try setItems(popToMark())
        case (_, "c"):
            let name = try fields.line() + "." + fields.line()
            guard Self.functions.contains(name) || Self.storageTypes[name] != nil else {
                throw failure("it asks for \(quoted(name)), which no dictionary of tensors needs")
            }
            try push(.global(name))
        case (_, "Q"): try pushStorage(pop())
        case (_, "R"):
            let arguments = try pop()
            try call(pop(), arguments)
        case (_, "b"):
            // The attributes of the dictionary: versions of modules, which say nothing of the tensors.
            _ = try pop()
            guard case .dictionary = try top() else { throw failure("it sets attributes of what has none") }
        default:
            throw failure("it has the instruction \(String(code, radix: 16)), which no dictionary of tensors needs")
        }
        return true
    }

    // MARK: Stack

    private mutating func push(_ value: Value) throws {
        guard stack.count < Self.maximumStack else { throw failure("it piles up too much") }
        stack.append(value)
    }

    private mutating func pop() throws -> Value {
        let value = try top()
        stack.removeLast()
        return value
    }

    private func top() throws -> Value {
        guard let value = stack.last else { throw failure("it takes from an empty stack") }
        if case .mark = value { throw failure("it takes a mark for a value") }
        return value
    }

    private mutating func pop(count: Int) throws -> [Value] { try (0..<count).map { _ in try pop() }.reversed() }

    private mutating func popToMark() throws -> [Value] {
        let mark = stack.lastIndex { if case .mark = $0 { true } else { false } }
        guard let mark else { throw failure("it has no mark where one is needed") }
        defer { stack.removeSubrange(mark...) }
        return Array(stack[(mark + 1)...])
    }

    private mutating func recall(_ number: Int) throws {
        guard let value = memo[number] else { throw failure("it recalls what it has not remembered") }
        try push(value)
    }

    // MARK: Values

    private mutating func pushTuple(_ items: [Value]) throws {
        let depth = 1 + (items.map { if case .tuple(_, let depth) = $0 { depth } else { 0 } }.max() ?? 0)
        guard depth <= Self.maximumDepth else { throw failure("it nests tuples too deep") }
        try push(.tuple(items, depth: depth))
    }

    private mutating func pushDictionary() throws {
        guard dictionaries.count < Self.maximumDictionaries else { throw failure("it has too many dictionaries") }
        try push(.dictionary(dictionaries.count))
        dictionaries.append([])
    }

    /// Keeps the tensors among the values; what else a dictionary holds is of no interest.
    private mutating func setItems(_ items: [Value]) throws {
        guard case .dictionary(let number) = try top(), items.count % 2 == 0 else {
            throw failure("it sets items of what has none")
        }
        for index in stride(from: 0, to: items.count, by: 2) {
            guard case .tensor(let tensor) = items[index + 1] else { continue }
            guard case .string(let name) = items[index] else { throw failure("a tensor's name is no string") }
            dictionaries[number].append((name, tensor))
        }
    }

    private mutating func pushStorage(_ id: Value) throws {
        guard case .tuple(let items, _) = id, items.count == 5, case .string("storage") = items[0],
            case .global(let typeName) = items[1], let type = Self.storageTypes[typeName],
            case .string(let key) = items[2], case .integer(let count) = items[4], count >= 0
        else { throw failure("it refers to a storage in an unknown way") }
        try push(.storage(key: key, type, count: count))
    }

    private mutating func call(_ function: Value, _ arguments: Value) throws {
        guard case .global(let name) = function, case .tuple(let items, _) = arguments else {
            throw failure("it calls what is no function")
        }
        switch name {
        case "collections.OrderedDict" where items.isEmpty: try pushDictionary()
        case "torch._utils._rebuild_parameter":
            guard let first = items.first, case .tensor = first else {
                throw failure("it has a parameter of no tensor")
            }
            try push(first)
        case "torch._utils._rebuild_tensor_v2":
            guard items.count >= 4, case .storage(let key, let type, let count) = items[0],
                case .integer(let offset) = items[1], let shape = Self.sizes(items[2]),
                let strides = Self.sizes(items[3]),
                shape.count == strides.count, offset >= 0
            else { throw failure("it builds a tensor in an unknown way") }
            let tensor = PickledTensor(
                storage: key, type: type, storageCount: count, offset: offset, shape: shape, strides: strides)
            try push(.tensor(tensor))
        default: throw failure("it calls \(quoted(name)) in an unknown way")
        }
    }

    private static func sizes(_ value: Value) -> [Int]? {
        guard case .tuple(let items, _) = value, items.count <= SafetensorsHeader.maximumRank else { return nil }
        var result: [Int] = []
        for item in items {
            guard case .integer(let size) = item, size >= 0 else { return nil }
            result.append(size)
        }
        return result
    }
}
