import Foundation
import TaskData
import Testing

private func source(_ rows: [String]) -> TaskSource {
    .contents(Array(("text\tlabel\n" + rows.joined(separator: "\n")).utf8), format: .tsv, name: "rows")
}

private func message(_ description: TaskDescription) -> String {
    do {
        _ = try TaskDataset(description, seed: 1)
        return "none"
    } catch {
        return "\(error)"
    }
}

@Suite struct TaskDatasetTests {
    @Test func labelsOfEverySplitAreThoseOfTrain() throws {
        let train = source(["x\tb", "y\ta"])
        let dataset = try TaskDataset(
            TaskDescription(name: "t", train: train, dev: source(["z\tb"]), test: source(["u\ta"])), seed: 1)
        #expect(dataset.labelNames == ["a", "b"])
        #expect(dataset.dev?.label(ofRow: 0) == 1)
        #expect(dataset.test?.label(ofRow: 0) == 0)
        #expect(
            message(TaskDescription(name: "t", train: train, dev: source(["z\tc"])))
                == "rows:2: the label \"c\" is not one of \"a\", \"b\"")
    }

    @Test func declaredLabelsKeepTheirOrder() throws {
        let description = TaskDescription(name: "t", train: source(["x\tb", "y\ta"]), labels: ["b", "a", "c"])
        let dataset = try TaskDataset(description, seed: 1)
        #expect(dataset.labelNames == ["b", "a", "c"])
        #expect(dataset.train.label(ofRow: 0) == 0)
    }

    @Test func limitDrawsRowsWithTheSeedAndTheName() throws {
        let train = source((0..<200).map { "text \($0)\t\($0 % 2)" })
        func rows(_ seed: UInt64, _ limit: Int?, name: String = "t") throws -> [Int] {
            let dataset = try TaskDataset(TaskDescription(name: name, train: train, limit: limit), seed: seed)
            return (0..<dataset.trainingRows.count).map { dataset.trainingRows[$0] }
        }
        let drawn = try rows(1, 20)
        #expect(drawn.count == 20 && Set(drawn).count == 20)
        #expect(drawn == drawn.sorted() && drawn != Array(0..<20))
        #expect(try drawn == rows(1, 20))
        #expect(try drawn != rows(2, 20))
        #expect(try drawn != rows(1, 20, name: "u"))
        #expect(try Set(drawn).isSubset(of: rows(1, 50)))
        #expect(try rows(1, nil) == Array(0..<200))
        #expect(try rows(1, 500) == Array(0..<200))
    }

    @Test func rowsToLeaveOut() throws {
        let test = source(["a\tb", "b\tb", "c\tb"])
        let path = NSTemporaryDirectory() + "rows-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        func excludes(_ text: String) throws -> Set<Int> {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            return try TaskDataset(
                TaskDescription(name: "t", train: source(["x\tb", "y\ta"]), test: test, testExcludes: path), seed: 1
            ).testExcludes
        }
        #expect(try excludes("# rows\n2\n\n 0 \r\n2") == [0, 2])
        #expect(try excludes("") == [])
        func problem(_ text: String) -> String {
            do {
                return "\(try excludes(text))"
            } catch {
                return "\(error)".replacing(path, with: "FILE")
            }
        }
        #expect(problem("0\n3") == "FILE:2: \"3\" is no row: rows are numbered from 0 to 2")
        #expect(problem("-1").hasPrefix("FILE:1:") && problem("a").hasPrefix("FILE:1:"))
        #expect(problem("0\n1\n2\n") == "task \"t\": test_excludes leaves no row of rows")
        try FileManager.default.removeItem(atPath: path)
        #expect(
            message(
                TaskDescription(name: "t", train: source(["x\tb", "y\ta"]), test: test, testExcludes: path)
            ).hasSuffix(
                "cannot be read as a list of rows"))
    }

    @Test func namesEveryProblem() {
        let train = source(["x\tb", "y\ta"])
        #expect(
            message(TaskDescription(name: "t", train: train, weight: -1))
                == "task \"t\": the weight is -1.0, not a number from 0 on")
        #expect(
            message(TaskDescription(name: "t", train: train, limit: 0))
                == "task \"t\": the limit is 0; it must be 1 or more")
        #expect(
            message(TaskDescription(name: "t", train: train, labels: ["a"]))
                == "task \"t\": needs two labels or more, and has \"a\"")
        #expect(
            message(TaskDescription(name: "t", train: train, labels: ["a", "b", "a"]))
                == "task \"t\": names the label \"a\" twice")
        #expect(
            message(TaskDescription(name: "t", train: source(["x\ta"])))
                == "task \"t\": needs two labels or more, and has \"a\"")
    }
}

/// Files in a folder that is removed afterwards.
@Suite final class TaskFilePathTests {
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("task-\(UUID().uuidString)")

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }

    private func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = folder.appendingPathComponent(name)
        try Data(bytes).write(to: file)
        return file.path
    }

    private func problem(_ path: String) -> String {
        do {
            _ = try TaskFile(path: path)
            return "none"
        } catch {
            return "\(error)".replacingOccurrences(of: folder.path, with: "DIR")
        }
    }

    /// `gzip -n` of "text\tlabel\nfine\ta\nrain\tb\n".
    static let compressed: [UInt8] = [
        0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x2B, 0x49, 0xAD, 0x28, 0xE1, 0xCC,
        0x49, 0x4C, 0x4A, 0xCD, 0xE1, 0x4A, 0xCB, 0xCC, 0x4B, 0xE5, 0x4C, 0xE4, 0x2A, 0x4A, 0xCC, 0xCC,
        0xE3, 0x4C, 0xE2, 0x02, 0x00, 0x98, 0xF7, 0x7F, 0xD2, 0x19, 0x00, 0x00, 0x00,
    ]

    @Test func mapsPlainFiles() throws {
        let path = try write("rows.tsv", Array("text\tlabel\nfine\ta\n".utf8))
        let file = try TaskFile(path: path)
        #expect(texts(of: file) == ["fine"])
        #expect(file.name == path)
    }

    @Test func unpacksCompressedFilesOfOneOrMoreMembers() throws {
        #expect(texts(of: try TaskFile(path: write("a.tsv.gz", Self.compressed))) == ["fine", "rain"])
        let twice = Self.compressed + Self.compressed + [0, 0, 0]
        let columns = ["fine", "rain", "text", "fine", "rain"]
        #expect(texts(of: try TaskFile(path: write("b.TSV.gz", twice))) == columns)
    }

    @Test func namesWhatIsWrongWithAFile() throws {
        #expect(
            problem(folder.path + "/x/../missing.tsv") == "DIR/missing.tsv: cannot be opened: there is no such file")
        #expect(problem(try write("rows.txt", [])).hasPrefix("DIR/rows.txt: the name does not say the format"))
        #expect(problem(try write("tsv", [])).hasPrefix("DIR/tsv: the name does not say the format"))
        #expect(problem(try write("empty.csv", [])) == "DIR/empty.csv: is empty")
        try FileManager.default.createDirectory(
            at: folder.appendingPathComponent("d.tsv"), withIntermediateDirectories: true)
        #expect(problem(folder.path + "/d.tsv") == "DIR/d.tsv: is not a regular file")
        let plain = try write("plain.tsv.gz", Array("text\tlabel\n".utf8))
        #expect(problem(plain) == "DIR/plain.tsv.gz: is not gzip data, though its name ends in .gz")
    }

    @Test func namesDamageOfCompressedFiles() throws {
        for count in [2, 9, 15, Self.compressed.count - 1] {
            let short = try write("short.tsv.gz", Array(Self.compressed.prefix(count)))
            #expect(problem(short).hasPrefix("DIR/short.tsv.gz: the gzip data is cut short after "))
        }
        var damaged = Self.compressed
        damaged[damaged.count - 6] ^= 1
        #expect(problem(try write("bad.tsv.gz", damaged)).hasPrefix("DIR/bad.tsv.gz: the gzip data is damaged at byte"))
        let trailing = try write("trailing.tsv.gz", Self.compressed + [7])
        #expect(problem(trailing).hasPrefix("DIR/trailing.tsv.gz: the gzip data is"))
    }

    @Test func boundsWhatACompressedFileMayHold() {
        Self.compressed.withUnsafeBufferPointer { bytes in
            #expect {
                try Gunzip.decompress(bytes, file: "bomb", limit: 24)
            } throws: {
                "\($0)".hasPrefix("bomb: decompresses to more than 24 bytes")
            }
            #expect(throws: Never.self) { try Gunzip.decompress(bytes, file: "bomb", limit: 25) }
        }
    }
}
