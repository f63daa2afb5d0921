import Testing

extension EndToEnd {
    /// However the work is spread, the result has the same bits.
    @Suite struct SameBits {
        /// One way to carry out a run.
        struct Way: CustomTestStringConvertible {
            let ranks: Int
            var threads = 1
            var exchange = "auto"

            var arguments: [String] { ["--threads", "\(threads)", "--exchange", exchange] }
            var testDescription: String { "\(ranks) ranks, \(threads) threads, \(exchange)" }
        }

        static let ways = [
            Way(ranks: 1, threads: 4), Way(ranks: 2, threads: 2, exchange: "messages"),
            Way(ranks: 2, exchange: "shared"),
            Way(ranks: 4, threads: 2, exchange: "shared"), Way(ranks: 4, exchange: "messages"), Way(ranks: 8),
            Way(ranks: 8, exchange: "messages"),
        ]

        /// The fields of steps and evaluations that do not tell the time.
        static func exactLog(_ project: Project, _ output: String) throws -> [String] {
            try project.log(output).filter { ["step", "evaluation"].contains($0["event"] as? String) }.map { line in
                var line = line
                line["seconds"] = nil
                line["tokens_per_second"] = nil
                return try canonicalJSON(line)
            }
        }

        @Test func anyRanksThreadsAndExchange() async throws {
            let project = try Project()
            try await project.train(into: "one")
            let expected = try await project.sums("one/checkpoints/latest")
            let log = try Self.exactLog(project, "one")
            let mistakes = try project.text("one/mistakes.json")
            #expect(log.count == 9 + 4)
            for (number, way) in Self.ways.enumerated() {
                try await project.train(into: "other\(number)", ranks: way.ranks, way.arguments)
                #expect(try await project.sums("other\(number)/checkpoints/latest") == expected, "\(way)")
                #expect(try Self.exactLog(project, "other\(number)") == log, "\(way)")
                #expect(try project.text("other\(number)/mistakes.json") == mistakes, "\(way)")
            }
        }

        /// Of one rank Open MPI's shared memory is a piece of the heap, which holds what was there before.
        @Test func memoryThatWasUsedBefore() async throws {
            let project = try Project()
            try await project.train(into: "alone")
            let launcher = ["MALLOC_PERTURB_=50", "mpirun", "--quiet", "-n", "1", "--bind-to", "none"]
            let outcome = try await RunningProgram(
                "/usr/bin/env", launcher + [try Program.path()] + project.training(into: "launched")
            ).end(limit: 60)
            try #require(outcome.code == 0, "\(outcome)")
            let expected = try await project.sums("alone/checkpoints/latest")
            #expect(try await project.sums("launched/checkpoints/latest") == expected)
            #expect(try Self.exactLog(project, "launched") == Self.exactLog(project, "alone"))
        }

        /// Otherwise the equalities above would say little.
        @Test func everySettingThatCountsChangesTheResult() async throws {
            let project = try Project()
            try await project.train(into: "plain")
            var seen = [try await project.sums("plain/checkpoints/latest")]
            for setting in [
                "dropout=0", "seed=43", "steps=10", "batch.shards=4", "tasks.mood.weight=0.4", "pooling=mean",
                "freeze.embeddings=true", "freeze.layers=1", "optimizer.layer_decay=0.9", "tasks.mood.cap=8",
                "regularization.label_smoothing=0.1", "regularization.adversarial=0.5",
                "tasks.mood.class_weights=[1, 2, 3]",
                "sampling.strategy=uniform", "batch.truncation=head_tail", "batch.balance=tokens",
            ] {
                try await project.train(into: setting, ["--set", setting])
                let sums = try await project.sums(setting + "/checkpoints/latest")
                #expect(!seen.contains(sums), "\(setting)")
                seen.append(sums)
            }
        }

        @Test(
            "other ways to fine-tune",
            arguments: [
                ["pooling=mean", "freeze.layers=1", "optimizer.layer_decay=0.9"],
                [
                    "regularization.adversarial=0.5", "regularization.label_smoothing=0.1",
                    "tasks.mood.class_weights=balanced",
                ],
                [
                    "sampling.strategy=annealed", "tasks.*.cap=20", "batch.max_length=8", "batch.truncation=head_tail",
                    "batch.balance=tokens",
                ],
            ])
        func fineTuning(settings: [String]) async throws {
            let project = try Project()
            let arguments = settings.flatMap { ["--set", $0] }
            try await project.train(into: "one", arguments)
            let expected = try await project.sums("one/checkpoints/latest")
            for (ranks, threads) in [(2, "2"), (4, "1")] {
                try await project.train(into: "on\(ranks)", ranks: ranks, arguments + ["--threads", threads])
                #expect(try await project.sums("on\(ranks)/checkpoints/latest") == expected, "\(ranks) ranks")
            }
        }

        @Test("fewer examples than shards", arguments: [["batch.size=7"], ["batch.size=1", "steps=4"]])
        func smallBatches(settings: [String]) async throws {
            let project = try Project()
            let arguments = settings.flatMap { ["--set", $0] }
            try await project.train(into: "one", arguments)
            let expected = try await project.sums("one/checkpoints/latest")
            for (ranks, exchange) in [(2, "messages"), (8, "auto")] {
                try await project.train(into: "on\(ranks)", ranks: ranks, arguments + ["--exchange", exchange])
                #expect(try await project.sums("on\(ranks)/checkpoints/latest") == expected, "\(ranks) ranks")
            }
        }

        @Test func threeRanks() async throws {
            let project = try Project()
            let arguments = ["--set", "batch.shards=24"]
            try await project.train(into: "one", arguments + ["--threads", "3"])
            let expected = try await project.sums("one/checkpoints/latest")
            for (ranks, exchange) in [(3, "shared"), (3, "messages"), (6, "auto")] {
                let output = "on\(ranks)\(exchange)"
                try await project.train(into: output, ranks: ranks, arguments + ["--exchange", exchange])
                #expect(try await project.sums(output + "/checkpoints/latest") == expected, "\(output)")
            }
        }

        @Test func theDemonstration() async throws {
            let project = try Project()
            let short = ["--set", "steps=5", "--set", "evaluation.every=5", "--set", "dropout=0.1"]
            var sums: [[String]] = []
            for ranks in [1, 2, 4, 8] {
                let output = "on\(ranks)"
                let outcome = try await Program.run(
                    ["--output", project.path(output)] + short, ranks: ranks, limit: 100)
                try #require(outcome.code == 0, "\(outcome)")
                sums.append(try await project.sums(output + "/checkpoints/latest"))
            }
            #expect(sums.allSatisfy { $0 == sums[0] }, "\(sums)")
        }
    }
}
