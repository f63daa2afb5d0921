import Foundation
import TaskData
import Testing

@Suite(.serialized) struct HostileFilesTests {
    private static let texts = ["it was good", "\"so so\", he said", "nie\u{301} wieder", "很好", ""]

    /// Reads a file both as a run that ends at a bad row and as one that leaves it out, and fetches every text.
    private func run(
        _ format: TaskFileFormat, files: [[UInt8]], words: [String], isPaired: Bool = false, isCompressed: Bool = false
    ) throws {
        let columns = TaskColumns(text: isPaired ? ["text", "second"] : ["text"], label: "label")
        var scratch: [UInt8] = []
        try HostileFiles(
            reader: "\(format)\(isPaired ? " of pairs" : isCompressed ? " in gzip" : "")",
            fileName: "train.\(format.rawValue)\(isCompressed ? ".gz" : "")",
            mutator: Mutator(samples: files, words: words), promises: { $0 is TaskFileError }
        ) { path in
            func use(_ file: TaskFile) throws {
                for position in 0..<file.usableRows.count {
                    let row = file.usableRows[position]
                    #expect(file.labelNames.indices.contains(file.label(ofRow: row)))
                    file.withText(ofRow: row, scratch: &scratch) { first, second in
                        #expect(String(validating: first, as: UTF8.self) != nil)
                        #expect((second != nil) == isPaired)
                    }
                }
            }
            try? use(try TaskFile(path: path, columns: columns, onBadRow: .skip))
            try use(try TaskFile(path: path, columns: columns))
        }.run()
    }

    private func run(_ format: TaskFileFormat, samples: [String], words: [String], isPaired: Bool = false) throws {
        try run(format, files: samples.map { Array($0.utf8) }, words: words, isPaired: isPaired)
    }

    @Test func tsv() throws {
        let rows = Self.texts.map { "\($0)\tyes\n" }.joined() + "text\tno"
        try run(
            .tsv, samples: ["text\tlabel\n" + rows, "id\tlabel\ttext\r\n1\t3\ta\r\n2\t4\tb\r\n"],
            words: ["\t", "\n", "text", "label"])
    }

    @Test func csv() throws {
        let quoted =
            Self.texts.map { "\"\($0.replacingOccurrences(of: "\"", with: "\"\""))\",yes\n" }.joined() + "x,\"no\"\n"
        try run(
            .csv, samples: ["text,label\n" + quoted, "second,text,label\n\"a\nb\",\"\",1\n,b,2\n"],
            words: ["\"", "\"\"", ",", "\",\"", "\"\n", "\n\"", "text", "label", "\r"])
        try run(.csv, samples: ["second,text,label\n\"a\nb\",\"\",1\n,b,2\n"], words: ["\"", ","], isPaired: true)
    }

    @Test func jsonLines() throws {
        let rows =
            #"{"text":"a \"b\" \u00e9 \ud83d\ude00","label":"yes","more":[1,{"x":null}]}"# + "\n"
            + #"{"label": -3, "text": "", "score": 1.5e-3, "flag": true}"# + "\n"
        let words = [
            "{", "}", "[", "]", "\"", ":", ",", "\"text\":", "\"label\":", "true", "null", "\\u12", "\\ud83d", "\\n",
            "\\", "1e5", "-",
        ]
        try run(.jsonLines, samples: [rows], words: words)
    }

    @Test func gzip() throws {
        try run(
            .tsv, files: [Self.compressed, TaskFilePathTests.compressed], words: ["\u{1f}\u{8b}"], isCompressed: true)
    }

    @Test func pipesAreRefused() throws {
        let path = NSTemporaryDirectory() + "hostile-\(UUID().uuidString).tsv"
        defer { unlink(path) }
        try #require(mkfifo(path, 0o600) == 0)
        let error = #expect(throws: TaskFileError.self) { try TaskFile(path: path) }
        #expect(error?.message == "is not a regular file")
    }

    /// Each of the columns was once compared with the one looked for, letter by letter.
    @Test func aHeaderLineOfMillionsOfColumnsIsRefusedAtOnce() throws {
        let header = String(repeating: String(repeating: "x", count: 60) + "\t", count: 200_000) + "label\na\n"
        let error = #expect(throws: TaskFileError.self) {
            try TaskFile(name: "wide", contents: Array(header.utf8), format: .tsv)
        }
        #expect(error?.message.hasPrefix("the header line names no column \"text\"") ?? false)
    }

    /// `gzip -n` of sixty rows, with Huffman codes of their own.
    private static let compressed = Array(
        Data(
            base64Encoded: """
                H4sIAAAAAAAC/32UTW7CMBBG1+QUPsLMeDy2j0NUA5WASG0q9fhlQVGQeEhZTZw8fT/jdfyuu/N+HufpuCwf6fpzmcdXkrQc0noal51M8/4x
                1sdYp+8l3Z77C9+cP3xex/+8bz7Y/l/jNcAKEXIAwokR/prRUIWKAERNSYkDRqMjp5MYezJgy7FCljXkZKNccpAeF8jendNvxClG6ZQKeoI7
                EJV8q8ipjWrAejr2oKNvKkZFEE5ItQRWDrug1sE8zW9a504xaeF+BxVC480m1UBWw43Vnqnkwq0wVV4nIZZlgbzMBXVZwWpYCHloFVlNMC/r
                qCsLdiMreXi7DfimyJhX9qeY/wCwhU3aMQYAAA==
                """, options: .ignoreUnknownCharacters) ?? Data())
}
