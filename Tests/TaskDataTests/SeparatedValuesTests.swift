import TaskData
import Testing

/// The texts of all usable rows, pairs joined with `|`.
func texts(of file: TaskFile) -> [String] {
    var scratch: [UInt8] = []
    return (0..<file.usableRows.count).map { position in
        file.withText(ofRow: file.usableRows[position], scratch: &scratch) { first, second in
            let parts = [first] + (second.map { [$0] } ?? [])
            return parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "|")
        }
    }
}

func labels(of file: TaskFile) -> [String] {
    (0..<file.usableRows.count).map { file.labelNames[file.label(ofRow: file.usableRows[$0])] }
}

func taskFile(
    _ contents: String, _ format: TaskFileFormat, columns: TaskColumns = TaskColumns(), labels: LabelSet? = nil,
    onBadRow: BadRowPolicy = .fail
) throws -> TaskFile {
    try TaskFile(
        name: "data", contents: Array(contents.utf8), format: format, columns: columns, labels: labels,
        onBadRow: onBadRow)
}

/// The sentence that opening `contents` fails with.
func problem(_ contents: String, _ format: TaskFileFormat, labels: LabelSet? = nil) -> String {
    problem(Array(contents.utf8), format, labels: labels)
}

func problem(_ contents: [UInt8], _ format: TaskFileFormat, labels: LabelSet? = nil) -> String {
    do {
        _ = try TaskFile(name: "data", contents: contents, format: format, labels: labels)
        return "none"
    } catch {
        return "\(error)"
    }
}

@Suite struct TabSeparatedTests {
    @Test func readsNamedColumnsInAnyOrder() throws {
        let file = try taskFile("id\tlabel\ttext\n7\tgood\tfine day\n8\tbad\train\n", .tsv)
        #expect(texts(of: file) == ["fine day", "rain"])
        #expect(labels(of: file) == ["good", "bad"])
        #expect(file.labelNames == ["bad", "good"])
        #expect(file.rowCount == 2 && file.droppedCount == 0)
    }

    @Test func toleratesByteOrderMarkCarriageReturnsAndBlankEnd() throws {
        let file = try taskFile("\u{FEFF}text\tlabel\r\nfine\ta\r\n雨\tb\r\n\r\n\n", .tsv)
        #expect(texts(of: file) == ["fine", "雨"])
        #expect(labels(of: file) == ["a", "b"])
    }

    @Test func needsNoLineEndAtTheEnd() throws {
        #expect(texts(of: try taskFile("text\tlabel\nx\ta\ny\tb", .tsv)) == ["x", "y"])
    }

    @Test func takesQuotesAndEmptyTextsAsTheyAre() throws {
        let file = try taskFile("text\tlabel\n\"so\" he said\ta\n\tb\n\"\ta\n", .tsv)
        #expect(texts(of: file) == ["\"so\" he said", "", "\""])
    }

    @Test func readsPairs() throws {
        let columns = TaskColumns(text: ["second", "first"])
        let file = try taskFile("first\tsecond\tlabel\none\ttwo\ta\n", .tsv, columns: columns)
        #expect(texts(of: file) == ["two|one"])
    }

    @Test func sortsIntegersByValue() throws {
        let file = try taskFile("text\tlabel\nx\t10\ny\t9\nz\t-1\n", .tsv)
        #expect(file.labelNames == ["-1", "9", "10"])
        #expect(labels(of: file) == ["10", "9", "-1"])
    }

    @Test func sortsOtherLabelsByCodePoints() throws {
        let file = try taskFile("text\tlabel\nx\t10\ny\t9\nz\tB\nz\ta\nz\t中\n", .tsv)
        #expect(file.labelNames == ["10", "9", "B", "a", "中"])
    }

    @Test func namesFileAndLineOfEveryProblem() throws {
        let declared = try LabelSet(["good", "bad"], task: "t")
        #expect(problem("", .tsv) == "data: is empty")
        #expect(problem("text\tlabel\n", .tsv) == "data: has no rows")
        #expect(
            problem("texts\tlabel\nx\ta\n", .tsv)
                == "data:1: the header line names no column \"text\"; did you mean \"texts\"? "
                + "The columns are \"texts\", \"label\"")
        #expect(
            problem("zzzzzzzzz\tlabel\nx\ta\n", .tsv)
                == "data:1: the header line names no column \"text\". The columns are \"zzzzzzzzz\", \"label\"")
        #expect(problem("text\tlabel\ttext\n", .tsv) == "data:1: the header line names the column \"text\" twice")
        #expect(problem("text\tlabel\nx\ta\ny\n", .tsv) == "data:3: 1 column, where the header line has 2")
        #expect(problem("text\tlabel\nx\ta\tb\n", .tsv) == "data:2: 3 columns, where the header line has 2")
        #expect(problem("text\tlabel\nx\ta\n\ny\ta\n", .tsv) == "data:3: the line is blank")
        #expect(problem("text\tlabel\nx\t\n", .tsv) == "data:2: the label is empty")
        #expect(
            problem("text\tlabel\nx\tgood\ny\tGood\n", .tsv, labels: declared)
                == "data:3: the label \"Good\" is not one of \"good\", \"bad\"")
        #expect(
            problem(Array("text\tlabel\nx\ta\nab".utf8) + [0xC3, 0x28] + Array("\ta\n".utf8), .tsv)
                == "data:3: byte 3 of the row, 0xC3, is not UTF-8; convert the file to UTF-8")
    }

    @Test func takesAColumnOfManyValuesForNoLabel() {
        let rows = (0...1_000).map { "x\tv\($0)\n" }.joined()
        #expect(problem("text\tlabel\n" + rows, .tsv).hasPrefix("data:1002: the label column holds more than 1000"))
    }

    @Test func skipsAndCountsBadRowsAndKeepsRowNumbers() throws {
        let contents = "first\ttext\tlabel\n\n1\tx\ta\n2\ty\n3\tz\tb\n4\t\t\n"
        let columns = TaskColumns(text: ["first", "text"])
        let file = try taskFile(contents, .tsv, columns: columns, onBadRow: .skip)
        #expect(texts(of: file) == ["1|x", "3|z"])
        #expect((0..<file.usableRows.count).map { file.usableRows[$0] } == [1, 3])
        #expect(file.rowCount == 5 && file.droppedCount == 3)
        #expect(file.firstDropped.map(\.line) == [2, 4, 6])
    }

    @Test func refusesAFileOfBadRowsOnly() {
        #expect {
            try taskFile("text\tlabel\nx\ny\n", .tsv, onBadRow: .skip)
        } throws: {
            "\($0)" == "data: none of its 2 rows can be used; the first: data:2: 1 column, where the header line has 2"
        }
    }
}

@Suite struct CommaSeparatedTests {
    @Test func readsQuotedFields() throws {
        let contents = "text,label\r\n\"a, \"\"b\"\"\r\nc\",good\r\nplain,\"bad\"\r\n\"\",good\n"
        let file = try taskFile(contents, .csv)
        #expect(texts(of: file) == ["a, \"b\"\r\nc", "plain", ""])
        #expect(labels(of: file) == ["good", "bad", "good"])
    }

    @Test func countsLinesInsideQuotes() {
        #expect(problem("text,label\n\"a\nb\nc\",x\ny\n", .csv) == "data:5: 1 column, where the header line has 2")
    }

    @Test func readsAQuotedHeader() throws {
        let file = try taskFile("\"the,text\",\"label\"\nx,a\n", .csv, columns: TaskColumns(text: ["the,text"]))
        #expect(texts(of: file) == ["x"])
    }

    @Test func endsARowWithAnEmptyField() throws {
        let file = try taskFile("label,text\na,\nb,x\n", .csv)
        #expect(texts(of: file) == ["", "x"])
    }

    @Test func namesFileAndLineOfEveryProblem() {
        #expect(problem("text,label\nx,a\n\"y,a\n", .csv) == "data:3: a quote is opened and never closed")
        #expect(
            problem("text,label\nsay \"x\",a\n", .csv)
                == "data:2: a quote inside a field that does not begin with one")
        #expect(
            problem("text,label\n\"x\"y,a\n", .csv)
                == "data:2: characters between a closing quote and the next comma")
        #expect(problem("text,label\nx,a\n\ny,a\n", .csv) == "data:3: the line is blank")
    }

    @Test func skipsOnlyTheBadRow() throws {
        let file = try taskFile("text,label\n\"x\"y,a\n\"p\nq\",b\nr,s,t\nu,a\n", .csv, onBadRow: .skip)
        #expect(texts(of: file) == ["p\nq", "u"])
        #expect(file.firstDropped.map(\.line) == [2, 5])
    }
}
