import TaskData
import Testing

private func file(
    _ contents: String, _ format: TaskFileFormat = .tsv, _ kind: TaskKind, separator: Unicode.Scalar = ",",
    labels: [String]? = nil
) throws -> TaskFile {
    try TaskFile(
        name: "rows", contents: Array(contents.utf8), format: format,
        columns: TaskColumns(kind: kind, labelSeparator: UInt8(ascii: separator)),
        labels: try labels.map { try LabelSet($0, task: "t") })
}

private func problem(_ contents: String, _ format: TaskFileFormat = .tsv, _ kind: TaskKind) -> String {
    do {
        _ = try file(contents, format, kind)
        return "none"
    } catch {
        return "\(error)"
    }
}

@Suite struct TaskKindTests {
    private func sets(_ file: TaskFile) -> [[String]] {
        (0..<file.rowCount).map { row in
            file.labelNames.indices.filter { LabelCode.set(file.label(ofRow: row), contains: $0) }
                .map { file.labelNames[$0] }
        }
    }

    @Test func severalLabelsAnExample() throws {
        let found = try file("text\tlabel\na\tjoy, anger\nb\t\nc\tfear\nd\tjoy,joy\n", .tsv, .multiLabel)
        #expect(found.labelNames == ["anger", "fear", "joy"])
        #expect(sets(found) == [["anger", "joy"], [], ["fear"], ["joy"]])
        let declared = try file(
            "text\tlabel\na\tjoy|anger\n", .tsv, .multiLabel, separator: "|", labels: ["joy", "fear", "anger"])
        #expect(sets(declared) == [["joy", "anger"]])
        #expect(declared.label(ofRow: 0) == 0b101)
    }

    @Test func jsonArraysOfLabels() throws {
        let contents = """
            {"text":"a","label":["x, y", "\\u0062"]}
            {"text":"b","label":[]}
            {"text":"c","label":"b,3"}
            {"text":"d","label":[3]}
            """
        let found = try file(contents, .jsonLines, .multiLabel)
        #expect(found.labelNames == ["3", "b", "x, y"])
        #expect(sets(found) == [["b", "x, y"], [], ["3", "b"], ["3"]])
        #expect(
            problem(#"{"text":"a","label":[1.5]}"#, .jsonLines, .multiLabel)
                == #"rows:1: the value of "label" is an array, where a string or an array of strings is wanted"#)
        #expect(problem(#"{"text":"a","label":["x"]}"#, .jsonLines, .singleLabel).contains("is an array"))
    }

    @Test func numbers() throws {
        let found = try file("text\tlabel\na\t-1.5\nb\t2e1\nc\t+3\n", .tsv, .regression)
        #expect((0..<3).map { LabelCode.value(found.label(ofRow: $0)) } == [-1.5, 20, 3])
        #expect(found.labelNames.isEmpty)
        let json = try file(#"{"text":"a","label":0.25}"# + "\n" + #"{"text":"b","label":-4}"#, .jsonLines, .regression)
        #expect((0..<2).map { LabelCode.value(json.label(ofRow: $0)) } == [0.25, -4])
        for word in ["", "good", "nan", "inf", "1e999", "0x10", "1,5"] {
            #expect(
                problem("text\tlabel\na\t\(word)\n", .tsv, .regression)
                    == "rows:2: the label \"\(word)\" is no finite number, and the task's kind is regression")
        }
    }

    @Test func moreLabelsThanASetHolds() {
        let labels = (0..<63).map { "l\($0)" }
        #expect(
            problem("text\tlabel\na\t\(labels.joined(separator: ","))\n", .tsv, .multiLabel).contains(
                "more than 62 different values"))
        #expect(throws: TaskDatasetError.self) {
            try TaskDataset(
                TaskDescription(
                    name: "t", train: .contents(Array("text\tlabel\na\tl0\n".utf8), format: .tsv, name: "rows"),
                    columns: TaskColumns(kind: .multiLabel), labels: labels), seed: 1)
        }
    }
}
