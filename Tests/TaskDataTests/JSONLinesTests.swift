import TaskData
import Testing

@Suite struct JSONLinesTests {
    @Test func readsStringsAndIntegerLabels() throws {
        let contents = """
            {"text": "fine", "label": 1, "other": {"deep": [1.5e-3, null, true, {"text": "no"}]}}
            { "label":0 ,"text":"rain"}\r

            """
        let file = try taskFile(contents, .jsonLines)
        #expect(texts(of: file) == ["fine", "rain"])
        #expect(labels(of: file) == ["1", "0"])
        #expect(file.labelNames == ["0", "1"])
    }

    @Test func decodesEscapes() throws {
        let contents = #"{"text":"a\"\\\/\b\f\n\r\t\u4e2d\ud83d\ude00é","l\u0061bel":"g\u006fod"}"#
        let file = try taskFile(contents, .jsonLines)
        #expect(texts(of: file) == ["a\"\\/\u{8}\u{c}\n\r\t中😀é"])
        #expect(file.labelNames == ["good"])
    }

    @Test func readsPairsOfWhichOneIsEscaped() throws {
        let contents = #"{"a":"x\ny","b":"z","label":"p"}"# + "\n" + #"{"b":"v","a":"u","label":"p"}"#
        let file = try taskFile(contents, .jsonLines, columns: TaskColumns(text: ["a", "b"]))
        #expect(texts(of: file) == ["x\ny|z", "u|v"])
    }

    @Test(arguments: [
        (#"{"text":"x"}"#, #"data:1: the object has no key "label". Its keys are "text""#),
        (#"{"texts":"x","label":"a"}"#, #"data:1: the object has no key "text"; did you mean "texts"? "#),
        (#"{"text":3,"label":"a"}"#, #"data:1: the value of "text" is an integer, where a string is wanted"#),
        (#"{"text":"x","label":1.0}"#, #"data:1: the value of "label" is a number with a fraction or exponent"#),
        (#"{"text":"x","label":null}"#, #"data:1: the value of "label" is null"#),
        (#"{"text":["x"],"label":"a"}"#, #"data:1: the value of "text" is an array"#),
        (#"{"text":"x","text":"y","label":"a"}"#, #"data:1: the key "text" stands twice in the object"#),
        (#"{"text":"x","label":""}"#, "data:1: the label is empty"),
        (#"["x"]"#, "data:1: not valid JSON at byte 1 of the line: an object was expected"),
        (#"{"text":"x""#, "data:1: not valid JSON at byte 12 of the line: ',' or '}' was expected"),
        (#"{"text":"x"} 1"#, "data:1: not valid JSON at byte 14 of the line: something stands behind the object"),
        (#"{"text":"x"#, "data:1: not valid JSON at byte 11 of the line: a string is not closed"),
        (#"{"text":"\x"}"#, #"data:1: not valid JSON at byte 10 of the line: \x is not an escape of JSON"#),
        (#"{"text":"\ud83d"}"#, #"data:1: not valid JSON at byte 10 of the line: \ud83d is half of a surrogate pair"#),
        (#"{"text":"\u12"}"#, "data:1: not valid JSON at byte 10 of the line: \\u needs four hexadecimal digits"),
        ("{\"text\":\"a\tb\"}", "data:1: not valid JSON at byte 11 of the line: a control character inside a string"),
        (#"{"text":01}"#, "data:1: not valid JSON at byte 9 of the line: a value was expected"),
        (#"{"text":}"#, "data:1: not valid JSON at byte 9 of the line: a value was expected"),
        (#"{text:"x"}"#, "data:1: not valid JSON at byte 2 of the line: a key in quotes was expected"),
    ])
    func namesEveryProblem(line: String, expected: String) {
        #expect(problem(line, .jsonLines).hasPrefix(expected))
    }

    @Test func aDeepValueIsRefused() {
        let line = #"{"a":\#(String(repeating: "[", count: 100_000))"#
        #expect(problem(line, .jsonLines).hasPrefix("data:1: not valid JSON at byte 70 of the line: more than"))
    }

    @Test func namesTheLine() {
        let good = #"{"text":"x","label":"a"}"#
        #expect(problem("\(good)\n\n\(good)\n", .jsonLines) == "data:2: the line is blank")
        #expect(problem("\(good)\n\(good)\n{", .jsonLines).hasPrefix("data:3: not valid JSON"))
    }

    @Test func survivesAnyLine() {
        var generator = SeededGenerator(key: [7])
        let alphabet = Array("{}[]\":,\\u0d8e-.tfn \n".utf8)
        var opened = 0
        for _ in 0..<20_000 {
            let bytes = (0..<generator.next(below: 24)).map { _ in alphabet[generator.next(below: alphabet.count)] }
            opened += TaskFileFormat.allCases.count { problem(bytes, $0) == "none" }
        }
        #expect(opened == 0)
    }
}
