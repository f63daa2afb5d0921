import Glibc

/// The calls that change a file system, each checked, each announced to `before`.
///
/// `before` lets a test stop the world at any of them: what it throws is thrown on, and the call is not made.
package struct FileOperations: Sendable {
    package enum Kind: String, Sendable {
        case createFolder, createFile, write, syncFile, syncFolder, rename, link, removeFile, removeFolder
    }
    package struct Operation: Sendable {
        package let kind: Kind
        package let path: String
        /// The old name in a rename.
        package let source: String?
    }
    package typealias Hook = @Sendable (Operation) throws -> Void

    private let before: Hook?

    package init(before: Hook? = nil) { self.before = before }

    /// Calls `body` until it is not interrupted by a signal; -1 is thrown as an error.
    @discardableResult
    private func call(
        _ kind: Kind, _ action: String, _ path: String, source: String? = nil, _ body: () -> Int
    ) throws -> Int {
        try before?(Operation(kind: kind, path: path, source: source))
        while true {
            let result = body()
            if result >= 0 { return result }
            if errno != EINTR { throw FileSystemError(action, path) }
        }
    }

    func createFolder(_ path: String) throws {
        try call(.createFolder, "create the folder", path) { Int(mkdir(path, 0o777)) }
    }

    /// Creates `path` and the folders above it that do not exist, durably.
    package func createFolders(_ path: String) throws {
        if isFolder(path) { return }
        let parent = parentFolder(of: path)
        if parent != path { try createFolders(parent) }
        do {
            try createFolder(path)
        } catch let error as FileSystemError where error.code == EEXIST {
            // Another process may have been faster.
            if isFolder(path) { return }
            throw FileSystemError(error.action, path, code: ENOTDIR)
        }
        try syncFolder(parent)
    }

    /// Opens a new file for writing; one that exists is an error.
    func createFile(_ path: String) throws -> Int32 {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        return Int32(try call(.createFile, "create", path) { Int(open(path, flags, 0o666)) })
    }

    func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ path: String) throws {
        guard let base = bytes.baseAddress else { return }
        var done = 0
        while done < bytes.count {
            done += try call(.write, "write", path) { Glibc.write(descriptor, base + done, bytes.count - done) }
        }
    }

    func syncFile(_ descriptor: Int32, _ path: String) throws {
        try call(.syncFile, "bring to disk", path) { Int(fsync(descriptor)) }
    }

    /// Makes the names in a folder durable.
    func syncFolder(_ path: String) throws {
        try call(.syncFolder, "bring to disk", path) {
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard descriptor >= 0 else { return -1 }
            defer { close(descriptor) }
            // Some network and FUSE file systems know no fsync of folders; their own order must do.
            if fsync(descriptor) == 0 || errno == EINVAL || errno == ENOTSUP { return 0 }
            let code = errno
            defer { errno = code }
            return -1
        }
    }

    func rename(_ old: String, to new: String) throws {
        try call(.rename, "rename \(old) to", new, source: old) { Int(Glibc.rename(old, new)) }
    }

    func link(_ path: String, to target: String) throws {
        try call(.link, "create the link", path) { Int(symlink(target, path)) }
    }

    /// Deletes a file, a link, or a folder with all it holds. Links are not followed.
    func remove(_ path: String) throws {
        guard kind(of: path) == .folder else {
            try call(.removeFile, "delete", path) { Int(unlink(path)) }
            return
        }
        for name in try list(path) { try remove("\(path)/\(name)") }
        try call(.removeFolder, "delete the folder", path) { Int(rmdir(path)) }
    }

    /// Puts a file in the place of `path`, where there may be one: afterwards the old or the new one is there, whole.
    package func replace(_ path: String, with bytes: [UInt8]) throws {
        let temporary = "\(path).tmp-\(randomSuffix())"
        let file = try OutputFile(temporary, operations: self)
        do {
            try file.write(bytes)
            _ = try file.finish()
            try rename(temporary, to: path)
        } catch {
            try? remove(temporary)
            throw error
        }
        try syncFolder(parentFolder(of: path))
    }

    // MARK: Looking

    enum EntryKind { case folder, file, link, other }

    /// What `path` itself is, links not followed; nil where there is nothing (or nothing that can be seen).
    func kind(of path: String) -> EntryKind? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: return .folder
        case S_IFREG: return .file
        case S_IFLNK: return .link
        default: return .other
        }
    }

    /// Whether `path` is a folder or a link to one.
    func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The names in a folder, sorted, without "." and "..".
    func list(_ path: String) throws -> [String] {
        guard let folder = opendir(path) else { throw FileSystemError("list", path) }
        defer { closedir(folder) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        if errno != 0 { throw FileSystemError("list", path) }
        return names.sorted()
    }

    /// What a link points to, or nil where `path` is no link.
    func linkTarget(_ path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes {
            readlink(path, $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
        }
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }
}

/// The folder that holds `path`, as a path.
package func parentFolder(of path: String) -> String {
    var trimmed = path[...]
    while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
    guard let slash = trimmed.lastIndex(of: "/") else { return "." }
    return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
}

/// Letters that no other program picks at the same time.
func randomSuffix() -> String {
    let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
