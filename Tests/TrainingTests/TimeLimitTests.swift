import Testing
import Training

struct TimeLimitTests {
    @Test(arguments: [("00:00:05", 5), ("1:30:00", 5400), ("100:00:59", 360_059), ("2-01:00:01", 176_401)])
    func isReadAndWritten(text: String, seconds: Int) throws {
        let read = try configuration(minimal + "time_limit: \(text)\n")
        #expect(read.timeLimit == TimeLimit(seconds: seconds))
        let again = try configuration(minimal + "time_limit: \"\(text)\"\n")
        #expect(again == read)
        let back = try RunConfiguration(
            yaml: read.resolvedYAML(), file: "run.yaml", overrides: [],
            paths: PathResolver(configurationFolder: "/elsewhere", currentDirectory: "/nowhere"))
        #expect(back == read)
    }

    @Test(arguments: [
        "5", "10:00", "1:60:00", "1:00:60", "1:-1:00", "1:00:00:00", "x:00:00", "-1:00:00", "1-2-1:00:00",
        "1-9223372036854775807:00:00",
    ])
    func nonsenseIsRefused(text: String) {
        #expect(
            problems(minimal + "time_limit: \(text)\n") == [
                "run.yaml:2: time_limit is \(text), but must be a time as HH:MM:SS or D-HH:MM:SS"
            ])
    }

    @Test func mayChangeOnResume() throws {
        let limited = try configuration(minimal + "time_limit: 1:00:00\nwatchdog: 0\n")
        #expect(limited.firstDifference(from: try configuration(minimal)) == nil)
    }
}
