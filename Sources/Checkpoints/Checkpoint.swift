import Glibc

/// A checkpoint folder that bears its final name, `step-00000500`. That it is whole is what `verify` finds out.
public struct Checkpoint: Sendable, Hashable, CustomStringConvertible {
    /// The name of the file that lists the others with their SHA-256, as `sha256sum -c` reads it.
    public static let sumsName = "SHA256SUMS"

    /// The folder.
    public let path: String
    public let step: Int

    package init(path: String, step: Int) {
        self.path = path
        self.step = step
    }

    /// A checkpoint by its folder, or by a link to it such as `best`.
    ///
    /// - Parameter mustExist: whether it is an error where there is no such folder.
    /// - Throws: `CheckpointUsageError` where the folder is not named as a checkpoint is.
    public init(folder: String, mustExist: Bool = true) throws {
        let resolved = realpath(folder, nil).map { pointer in
            defer { free(pointer) }
            return String(cString: pointer)
        }
        if mustExist, resolved == nil { throw CheckpointUsageError("\(folder): there is no such checkpoint") }
        let path = resolved ?? folder
        guard let name = path.split(separator: "/").last, let step = Self.step(ofFolder: String(name)) else {
            throw CheckpointUsageError("\(folder) is no checkpoint of a run: those are named step-00000500")
        }
        self.init(path: path, step: step)
    }

    /// The SHA-256 of one of its files, as its list has it; nil where the list does not have the file.
    public func digest(of name: String) throws -> String? {
        try ChecksumList(contentsOf: file(Self.sumsName), folder: path).entries.first { $0.name == name }?.digest
    }

    public var description: String { path }

    /// The path of one of its files.
    public func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Reads every file and throws `DamagedCheckpointError`, which names each one that is missing or not what
    /// `SHA256SUMS` says. Returns the names of files that it does not list: they are no damage, just as for `sha256sum -c`.
    @discardableResult
    public func verify() throws -> [String] { try verifyCheckpoint(path) }

    /// Keeps the checkpoint from being pruned, by any process on this machine, as long as the result is alive. Throws
    /// `DamagedCheckpointError` where it is being deleted already.
    public func hold() throws -> CheckpointHold { try CheckpointHold(self) }

    static func folderName(step: Int) -> String {
        let digits = String(step)
        return "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }

    /// The step in a folder's name, or nil where it is not what `folderName` makes.
    static func step(ofFolder name: String) -> Int? {
        guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), step >= 0, folderName(step: step) == name
        else { return nil }
        return step
    }
}

/// A claim on a checkpoint, given back when it is let go of.
public final class CheckpointHold: Sendable {
    public let checkpoint: Checkpoint
    private let descriptor: Int32

    fileprivate init(_ checkpoint: Checkpoint) throws {
        self.checkpoint = checkpoint
        let path = checkpoint.file(Checkpoint.sumsName)
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileSystemError("open", path) }
        // Where the file system has no locks, the checkpoint is used without one.
        if flock(descriptor, LOCK_SH | LOCK_NB) != 0, errno == EWOULDBLOCK {
            throw DamagedCheckpointError(path: checkpoint.path, faults: ["it is being deleted"])
        }
    }

    deinit { close(descriptor) }

    /// True where nobody holds `checkpoint`. The answer stays right until the end of `body`, which is called only then.
    static func ifFree(_ checkpoint: Checkpoint, _ body: () throws -> Void) throws -> Bool {
        // A checkpoint without sums is damaged, and nobody uses it.
        let descriptor = open(checkpoint.file(Checkpoint.sumsName), O_RDWR | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        if descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK { return false }
        try body()
        return true
    }
}

/// Reads every file that the `SHA256SUMS` of the folder `path` lists; see `Checkpoint.verify`.
@discardableResult
public func verifyCheckpoint(_ path: String) throws -> [String] {
    let operations = FileOperations()
    let present = Set(try operations.list(path)).subtracting([Checkpoint.sumsName])
    guard operations.kind(of: "\(path)/\(Checkpoint.sumsName)") != nil else {
        throw DamagedCheckpointError(path: path, faults: ["\(Checkpoint.sumsName) is missing"])
    }
    let sums = try ChecksumList(contentsOf: "\(path)/\(Checkpoint.sumsName)", folder: path)
    var faults: [String] = []
    for (name, digest) in sums.entries {
        guard present.contains(name) else {
            faults.append("\(name) is missing")
            continue
        }
        do {
            let found = try sha256(ofFile: "\(path)/\(name)")
            if found != digest { faults.append("\(name) has SHA-256 \(found), not \(digest)") }
        } catch {
            faults.append("\(name) is unreadable (\(error))")
        }
    }
    let surplus = present.subtracting(sums.entries.map(\.name)).sorted()
    guard faults.isEmpty else {
        throw DamagedCheckpointError(path: path, faults: faults + surplus.map { "\($0) is not listed" })
    }
    return surplus
}

/// The content of a `SHA256SUMS` file: a digest, two spaces and a name a line.
struct ChecksumList: Equatable {
    /// Far beyond what a checkpoint's few files need.
    static let maximumSize = 1 << 20

    /// In the order of the file.
    private(set) var entries: [(name: String, digest: String)] = []

    init() {}

    /// Throws `DamagedCheckpointError` for the checkpoint `folder` where a line is not as it should be.
    init(contentsOf path: String, folder: String) throws {
        func damaged(_ fault: String) -> DamagedCheckpointError {
            DamagedCheckpointError(path: folder, faults: ["\(Checkpoint.sumsName) \(fault)"])
        }
        let file = try InputFile(path)
        guard file.size <= Self.maximumSize else { throw damaged("has \(file.size) bytes") }
        let bytes = try file.bytes(0..<file.size)
        guard let text = String(validating: bytes, as: UTF8.self), text.hasSuffix("\n") else {
            throw damaged("does not end in a whole line of text")
        }
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().enumerated() {
            let digest = line.prefix(64)
            let name = line.dropFirst(66)
            let separator = line.dropFirst(64).prefix(2)
            guard digest.utf8.count == 64, digest.allSatisfy({ "0123456789abcdef".contains($0) }),
                separator == "  " || separator == " *", Self.isUsable(name: String(name))
            else { throw damaged("has no digest and file name in line \(number + 1)") }
            guard !entries.contains(where: { $0.name == name }) else { throw damaged("lists \(name) twice") }
            entries.append((String(name), String(digest)))
        }
        if entries.isEmpty { throw damaged("lists no file") }
    }

    mutating func append(_ name: String, _ digest: String) { entries.append((name, digest)) }

    var text: String { entries.map { "\($0.digest)  \($0.name)\n" }.joined() }

    /// Plain names in the folder itself, which `sha256sum` writes without escapes.
    static func isUsable(name: String) -> Bool {
        !name.isEmpty && name != "." && name != ".." && name != Checkpoint.sumsName && name.utf8.count <= 255
            && !name.unicodeScalars.contains { $0 == "/" || $0 == "\\" || $0.properties.generalCategory == .control }
    }

    static func == (left: Self, right: Self) -> Bool {
        left.entries.map { [$0.name, $0.digest] } == right.entries.map { [$0.name, $0.digest] }
    }
}
