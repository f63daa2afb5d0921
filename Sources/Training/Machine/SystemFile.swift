import Foundation

/// Reads the small texts in which Linux describes itself under /proc and /sys.
enum SystemFile {
    /// The text; nil where there is no such file or it may not be read.
    ///
    /// Read until its end: the size that such files report is zero, and Foundation would believe it.
    static func text(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&piece, 1, piece.count, file)
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece[..<count]
        }
    }
}
