import Foundation
import Metrics
import Testing
import Training

@Suite struct RunCourseTests {
    private static func log(_ lines: [String], split: String = "dev") throws -> RunCourse {
        let path = NSTemporaryDirectory() + "log-\(UUID().uuidString)"
        try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try RunCourse(path: path, split: split)
    }

    private static func step(_ step: Int, loss: String) -> String {
        #"{"event":"step","step":\#(step),"loss":\#(loss),"examples":4,"tokens":10,"#
            + #""seconds":{"data":0.25,"forward":0.25,"backward":0.5,"communication":0,"optimizer":1}}"#
    }

    private static func evaluation(_ step: Int, _ split: String, accuracy: Double) -> String {
        #"{"event":"evaluation","step":\#(step),"split":"\#(split)","seconds":2,"#
            + #""tasks":{"books":{"loss":0.5,"accuracy":\#(accuracy)}}}"#
    }

    /// Time counts as often as there were ranks and threads when it was spent.
    @Test func costsOfBothSessions() throws {
        let log = try Self.log([
            #"{"event":"start","world_size":1,"threads":2}"#, Self.step(1, loss: "1.5"),
            Self.evaluation(1, "dev", accuracy: 0.5),
            #"{"event":"start","world_size":4,"threads":1}"#, #"{"event":"resume","step":1}"#,
            Self.step(2, loss: "null"), Self.evaluation(2, "test", accuracy: 0.75),
        ])
        #expect(log.cost == .init(steps: 2, examples: 8, tokens: 20, coreSeconds: 2 * 2 + 2 * 4))
        #expect(log.curve(of: "books") == [.init(step: 1, accuracy: 0.5, loss: 0.5)])
        #expect(log.curve(of: "other") == [])
        #expect(log.lossCurve.count == 2 && log.lossCurve[0].loss == 1.5 && log.lossCurve[1].loss.isNaN)
    }

    @Test func longCurvesAreThinned() throws {
        let log = try Self.log(
            (1...250).map { Self.step($0, loss: "\($0)") }
                + (1...250).map { Self.evaluation($0, "dev", accuracy: Double($0) / 1000) })
        #expect(log.lossCurve.count == 84)
        #expect(log.lossCurve.first == .init(step: 3, loss: 2) && log.lossCurve.last == .init(step: 250, loss: 250))
        let curve = log.curve(of: "books")
        #expect(curve.count == 100 && curve.last?.step == 250 && curve.first?.step == 2)
        #expect(Set(curve.map(\.step)).count == 100)
        #expect(try Self.log((1...100).map { Self.step($0, loss: "1") }).lossCurve.count == 100)
    }

    @Test func cosinesAreAveraged() throws {
        func gradients(_ step: Int, _ cosine: String) -> String {
            #"{"event":"gradients","step":\#(step),"tasks":["a","b"],"cosines":[[1,\#(cosine)],[\#(cosine),1]],"norms":[1,2]}"#
        }
        let log = try Self.log([gradients(1, "0.5"), gradients(2, "-0.25"), gradients(3, "null")])
        #expect(log.gradientCosines(of: ["b", "a"]) == [[1, 0.125], [0.125, 1]])
        #expect(log.gradientCosines(of: ["a", "c"]) == nil)
        #expect(try Self.log([Self.step(1, loss: "1")]).gradientCosines(of: ["a"]) == nil)
    }

    @Test func damagedLogs() {
        #expect(throws: RunError.self) { try Self.log(["{"]) }
        #expect(throws: RunError.self) { try RunCourse(path: "/nowhere/metrics.jsonl", split: "dev") }
    }
}
