import Foundation
import Metrics
import Reporting
import Synchronization
import Testing

struct MetricsLogTests {
    private func lines(_ path: String) throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    @Test func eachEventIsALineWithItsKeysInOrder() {
        #expect(
            Sample.step(7, loss: 0.1 + 0.2).jsonLine
                == #"{"event":"step","step":7,"loss":0.30000000000000004,"#
                + #""tasks":{"books":{"loss":0.25},"zh":{"loss":0.75}},"learning_rate":2e-05,"gradient_norm":1.5,"#
                + #""examples":32,"tokens":1000,"tokens_per_second":2000.0,"seconds":{"data":0.1,"forward":0.1,"#
                + #""backward":0.2,"communication":0.05,"optimizer":0.05}}"#)
        #expect(
            Sample.evaluation(9).jsonLine
                == #"{"event":"evaluation","step":9,"split":"dev","tasks":{"books":{"count":200,"loss":0.4,"#
                + #""accuracy":0.875,"macro_f1":0.87,"macro_recall":0.86,"matthews":0.75},"zh":{"count":1000,"#
                + #""loss":0.2,"accuracy":0.925,"macro_f1":0.91,"macro_recall":0.9,"matthews":0.85}},"#
                + #""criterion":"mean.accuracy","score":0.9,"best":true,"seconds":1.5}"#)
        #expect(
            Sample.start.jsonLine
                == #"{"event":"start","version":"0.1.0","model":"/here/models/minilm","parameters":22713216,"#
                + #""precision":"fp32","tasks":{"books":{"train":1400,"dev":200,"labels":["negative","positive"]},"#
                + #""zh":{"train":12000,"dev":10,"test":9,"labels":["负面","正面"]}},"world_size":4,"threads":1,"machine":"node7 (16 cores, 64 GB)","#
                + #""batch_size":32,"shards":8,"max_length":128,"total_steps":400,"seed":42,"#
                + #""output":"/here/runs/reviews"}"#)
        #expect(
            Sample.checkpoint(200).jsonLine
                == #"{"event":"checkpoint","step":200,"path":"/here/runs/reviews/checkpoints/step-00000200","#
                + #""bytes":87300000,"seconds":0.4}"#)
        #expect(
            Sample.resume.jsonLine
                == #"{"event":"resume","step":200,"checkpoint":"/elsewhere/step-00000200","world_size":2,"threads":1}"#)
        #expect(
            Sample.end().jsonLine
                == #"{"event":"end","step":400,"model_sha256":""# + String(repeating: "ab", count: 32)
                + #"","status":"finished","seconds":185.0,"best":{"step":200,"criterion":"mean.accuracy","#
                + #""score":0.9},"skipped_steps":1,"checkpoint":"/here/runs/reviews/checkpoints/step-00000400"}"#)
        #expect(
            RunEvent.skipped(
                .init(step: 3, reason: "the loss", examples: [.init(task: "books", index: 5)], inARow: 2)
            ).jsonLine
                == #"{"event":"skipped","step":3,"reason":"the loss","in_a_row":2,"#
                + #""examples":[{"task":"books","index":5}]}"#)
        #expect(
            Sample.gradients(4).jsonLine
                == #"{"event":"gradients","step":4,"tasks":["books","zh"],"cosines":[[1.0,-0.25],[-0.25,null]],"#
                + #""norms":[0.5,0.0]}"#)
        #expect(
            Sample.weightedStep(7).jsonLine?.contains(
                #""tasks":{"books":{"loss":0.25,"weight":1.5},"zh":{"loss":0.75,"weight":0.5}}"#) == true)
        #expect(RunEvent.phase("loading model").jsonLine == nil && RunEvent.warning("slow disk").jsonLine == nil)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity])
    func whatIsNotFiniteIsNull(value: Double) throws {
        let line = try #require(Sample.step(1, loss: value).jsonLine)
        #expect(line.contains(#""loss":null,"tasks""#))
    }

    @Test func anyTextIsJSON() throws {
        let text = "a\"b\\c\n\t\r\u{0}\u{1F}\u{7F}\u{2028}é正👍"
        let line = try #require(
            RunEvent.skipped(.init(step: 1, reason: text, examples: [], inARow: 1)).jsonLine)
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        #expect(object?["reason"] as? String == text && !line.contains("\n"))
    }

    @Test func aNewLogSetsAnOlderOneAside() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/metrics.jsonl"
            for number in 1...3 {
                try MetricsLog(path: path).record(Sample.step(number))
            }
            #expect(try lines(path) == [Sample.step(3).jsonLine])
            #expect(try lines(path + ".1") == [Sample.step(1).jsonLine])
            #expect(try lines(path + ".2") == [Sample.step(2).jsonLine])
        }
    }

    @Test func aResumedLogForgetsTheStepsAfterTheCheckpoint() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/metrics.jsonl"
            let before = [
                Sample.start, Sample.step(199), Sample.step(200), Sample.evaluation(200), Sample.checkpoint(200),
            ]
            let log = try MetricsLog(path: path)
            for event in before + [Sample.step(201), Sample.evaluation(201), .phase("x"), Sample.step(2000)] {
                log.record(event)
            }
            let file = try #require(FileHandle(forWritingAtPath: path))
            try file.seekToEnd()
            try file.write(contentsOf: Data(#"{"event":"step","step":20"#.utf8))
            try file.close()

            let resumed = try MetricsLog(path: path, resumingAfter: 200)
            resumed.record(Sample.resume)
            resumed.record(Sample.step(201))
            let expected = (before + [Sample.resume, Sample.step(201)]).compactMap(\.jsonLine)
            #expect(try lines(path) == expected)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["metrics.jsonl"])
        }
    }

    @Test func aResumedLogForgetsWhatIsScoredAgain() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/metrics.jsonl"
            let kept = [Sample.step(100), Sample.evaluation(100), Sample.step(200)]
            let log = try MetricsLog(path: path)
            for event in kept + [Sample.evaluation(200)] { log.record(event) }
            _ = try MetricsLog(path: path, resumingAfter: 200, scoringAgain: ["test"])
            #expect(try lines(path) == (kept + [Sample.evaluation(200)]).compactMap(\.jsonLine))
            _ = try MetricsLog(path: path, resumingAfter: 200, scoringAgain: ["test", "dev"])
            #expect(try lines(path) == kept.compactMap(\.jsonLine))
        }
    }

    @Test func damagedLinesAndAMissingLogAreNoObstacle() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/metrics.jsonl"
            try MetricsLog(path: path, resumingAfter: 5).record(Sample.step(6))
            #expect(try lines(path) == [Sample.step(6).jsonLine])
            let whole = try #require(Sample.step(4).jsonLine)
            try "\(whole)\n\0\0\0\nnonsense\n[1]\n{\"event\":\"step\",\"step\":5\n".write(
                toFile: path, atomically: false, encoding: .utf8)
            try MetricsLog(path: path, resumingAfter: 5).record(Sample.step(6))
            #expect(try lines(path) == [whole, Sample.step(6).jsonLine])
        }
    }

    @Test func aLogThatCannotBeOpenedSaysWhy() {
        #expect {
            try MetricsLog(path: "/no/such/folder/metrics.jsonl")
        } throws: { error in
            "\(error)" == "/no/such/folder/metrics.jsonl cannot be opened: No such file or directory"
        }
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "there is no /dev/full here"))
    func aFullDiskIsToldOnce() throws {
        let screen = Mutex<[String]>([])
        let log = try MetricsLog(path: "/dev/full", resumingAfter: nil) { error in
            screen.withLock { $0.append("\(error)") }
        }
        log.record(Sample.step(1))
        log.record(Sample.step(2))
        #expect(screen.withLock { $0 } == ["/dev/full cannot be written: No space left on device"])
    }
}
