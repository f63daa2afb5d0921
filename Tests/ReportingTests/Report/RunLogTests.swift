import Foundation
import Metrics
import Reporting
import Testing

struct RunLogTests {
    private func log(_ lines: [String?]) -> RunLog { RunLog(lines.compactMap { $0 }.joined(separator: "\n").utf8) }

    @Test func whatTheLogWritesIsReadBack() throws {
        let events = [
            Sample.start, Sample.step(1, loss: 0.1 + 0.2), Sample.evaluation(1), Sample.skipped, Sample.checkpoint(200),
            Sample.end(),
        ]
        let log = log(events.map(\.jsonLine))
        let session = try #require(log.sessions.first)
        #expect(RunEvent.start(session.start).jsonLine == Sample.start.jsonLine)
        #expect(log.evaluations.map { RunEvent.evaluation($0).jsonLine } == [Sample.evaluation(1).jsonLine])
        #expect(log.checkpoints.map { RunEvent.checkpoint($0) } == [Sample.checkpoint(200)])
        #expect(log.ends.map { RunEvent.end($0) } == [Sample.end()])
        #expect(log.skipped.map { RunEvent.skipped($0) } == [Sample.skipped])
        #expect(log.loss == [CurvePoint(1, 0.1 + 0.2)] && log.learningRate == [CurvePoint(1, 2e-5)])
        #expect(log.taskLosses.map(\.name) == ["books", "zh"] && log.taskLosses[1].points == [CurvePoint(1, 0.75)])
        #expect(log.seconds.map(\.name) == ["data", "forward", "backward", "communication", "optimizer"])
        #expect(log.tokens == 1000 && log.examples == 32 && log.damagedLineCount == 0)
        #expect(log.taskNames == ["books", "zh"])
    }

    @Test func confusionCountsAreLoggedAndReadBack() throws {
        var counts = ConfusionCounts(labelCount: 2)
        counts.add(actual: 0, predicted: 1, count: 3)
        counts.add(actual: 1, predicted: 1, count: 5)
        guard case .evaluation(var evaluation) = Sample.evaluation(1) else { return }
        evaluation.tasks[0].confusion = counts
        let line = try #require(RunEvent.evaluation(evaluation).jsonLine)
        #expect(line.contains(#""matthews":0.75,"confusion":[[0,3],[0,5]]},"zh""#))
        #expect(log([line]).evaluations.first?.tasks[0].confusion == counts)
    }

    /// A run that was killed ends in half a line, wherever that was cut.
    @Test func aTornLastLineIsPassedOver() throws {
        let whole = try #require(Sample.evaluation(1).jsonLine)
        let torn = try #require(Sample.step(2).jsonLine)
        for length in stride(from: 1, to: torn.utf8.count, by: 5) {
            let log = log([Sample.start.jsonLine, Sample.step(1).jsonLine, whole, String(torn.prefix(length))])
            #expect(log.loss.count == 1 && log.evaluations.count == 1 && log.damagedLineCount == 1)
        }
    }

    @Test(arguments: [
        "", "\0\0\0", "nonsense", "[1,2]", "{}", #"{"event":"melody","step":3}"#, #"{"event":"step"}"#,
        #"{"event":7,"step":1}"#,
        #"{"event":"step","step":1e300}"#, #"{"event":"evaluation","step":-1,"tasks":[1],"score":"high"}"#,
        #"{"event":"evaluation","step":1,"tasks":{"a":{"confusion":[[1,2],[3]],"count":-5}}}"#,
        #"{"event":"evaluation","step":1,"tasks":{"a":{"confusion":[[-1]]}}}"#,
        #"{"event":"evaluation","step":1,"tasks":{"a":{"confusion":[[1e18,1e18],[1e18,1e18]]}}}"#,
        #"{"event":"evaluation","step":1,"tasks":{"a":{"confusion":[]}}}"#,
        #"{"event":"gradients","step":1,"tasks":["a","b"],"cosines":[[1],[1]],"norms":[]}"#,
        #"{"event":"start","tasks":7,"seed":-3}"#, #"{"event":"end","step":5,"best":3}"#,
        #"{"event":"resume","step":5}"#,
        #"{"event":"checkpoint","step":5,"bytes":-1e99}"#, #"{"a":"\ud800"}"#, #"{"a":"\u12"}"#, "{\"a\":\"\u{1}\"}",
        #"{"event":"step","step":1,"loss":null,"tasks":{"a":null,"b":{"loss":"x"}},"seconds":{"data":-1,"x":"y"},"tokens":-3}"#,
    ])
    func strangeLinesDoNoHarm(line: String) throws {
        let log = log([Sample.start.jsonLine, line, Sample.step(1).jsonLine, line])
        #expect(log.evaluations.allSatisfy { $0.tasks.allSatisfy { $0.confusion == nil } } && log.gradients.isEmpty)
        try withTemporaryFolder { folder in
            try "\(line)\n\(line)".write(toFile: folder + "/metrics.jsonl", atomically: false, encoding: .utf8)
            try Page(RunReport(folder: folder).html).expectSelfContained()
        }
    }

    @Test func deepNestingIsRefused() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(JSONValue(deep.utf8) == nil)
        #expect(
            JSONValue("[[1, {\"a\\u00e9\\ud83d\\udc4d\": -2.5e1}], null, true]".utf8)
                == .array([
                    .array([.number(1), .object([.init(key: "aé👍", value: .number(-25))])]), .null, .bool(true),
                ]))
    }

    @Test func aResumedRunHasEachStepOnce() throws {
        let log = log([
            Sample.start.jsonLine, Sample.step(1, loss: 3).jsonLine, Sample.step(2, loss: 2).jsonLine,
            Sample.end(.stopped).jsonLine, Sample.start.jsonLine, Sample.resume.jsonLine,
            Sample.step(2, loss: 1).jsonLine, Sample.step(3, loss: 0.5).jsonLine,
        ])
        #expect(log.loss == [CurvePoint(1, 3), CurvePoint(2, 1), CurvePoint(3, 0.5)])
        #expect(log.sessions.map(\.resumedAfter) == [nil, 200])
        #expect(log.taskLosses.allSatisfy { $0.points.map(\.x) == [1, 2, 3] })
    }

    @Test func weightsAndGradientsAreRead() {
        let log = log([
            #"{"event":"step","step":4,"loss":1,"tasks":{"a":{"loss":1,"weight":0.5},"b":{"loss":2,"weight":1.5}}}"#,
            #"{"event":"gradients","step":4,"tasks":["a","b"],"cosines":[[1,-0.25],[-0.25,1]],"norms":[2,3]}"#,
        ])
        #expect(log.taskWeights.map(\.points) == [[CurvePoint(4, 0.5)], [CurvePoint(4, 1.5)]])
        #expect(log.gradients.first?.cosines == [[1, -0.25], [-0.25, 1]])
    }
}
