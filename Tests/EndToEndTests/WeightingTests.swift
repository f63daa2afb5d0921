import Testing

extension EndToEnd {
    /// Strategies that weight tasks keep every promise that plain training keeps.
    @Suite struct Weighting {
        static let learning = ["uncertainty", "dwa", "famo", "gradnorm"]
        static let stateless = ["log_classes", "pcgrad", "cagrad", "nash_mtl"]

        static func setting(_ strategy: String) -> [String] {
            ["--set", "weighting.strategy=\(strategy)", "--set", "weighting.interval=2"]
        }

        @Test(arguments: learning + stateless) func anyRanksAndThreadsAndAResume(strategy: String) async throws {
            let project = try Project()
            let setting = Self.setting(strategy)
            try await project.train(into: "one", setting)
            let expected = try await project.sums("one/checkpoints/latest")
            let log = try SameBits.exactLog(project, "one")
            let ways = [
                SameBits.Way(ranks: 1, threads: 2), SameBits.Way(ranks: 2, exchange: "messages"),
                SameBits.Way(ranks: 4, threads: 2, exchange: "shared"),
            ]
            for (number, way) in ways.enumerated() {
                try await project.train(into: "other\(number)", ranks: way.ranks, setting + way.arguments)
                #expect(try await project.sums("other\(number)/checkpoints/latest") == expected, "\(way)")
                #expect(try SameBits.exactLog(project, "other\(number)") == log, "\(way)")
            }

            let stopped = try await Program.run(
                project.training(into: "stopped", setting), ranks: 2, fault: "rank=1,phase=step,step=6,kind=term")
            try #require(stopped.code == 75, "\(stopped)")
            try await project.train(into: "stopped", ranks: 4, setting)
            #expect(try await project.sums("stopped/checkpoints/latest") == expected)
            #expect(try SameBits.exactLog(project, "stopped") == log)
        }

        /// Otherwise the equalities above would say little. With two labels everywhere `log_classes` would be `static`, scaled.
        @Test func everyStrategyMakesAnotherModel() async throws {
            let project = try Project()
            try await project.train(into: "static")
            var seen = [try await project.sums("static/checkpoints/latest")]
            #expect(try project.log("static", "step").allSatisfy { Self.weights($0).isEmpty })
            for strategy in Self.learning + Self.stateless {
                try await project.train(into: strategy, Self.setting(strategy))
                let sums = try await project.sums(strategy + "/checkpoints/latest")
                #expect(!seen.contains(sums), "\(strategy)")
                seen.append(sums)
                let steps = try project.log(strategy, "step")
                #expect(steps.count == 9 && steps.allSatisfy { Self.weights($0).count == 2 }, "\(strategy)")
            }
        }

        private static func weights(_ step: [String: Any]) -> [Double] {
            ((step["tasks"] as? [String: [String: Any]]) ?? [:]).values.compactMap { $0["weight"] as? Double }
        }

        @Test("steps with examples of one task only", arguments: ["famo", "gradnorm", "pcgrad", "cagrad", "nash_mtl"])
        func missingTasks(strategy: String) async throws {
            let project = try Project()
            let arguments = Self.setting(strategy) + ["--set", "batch.size=1", "--set", "steps=5"]
            try await project.train(into: "one", arguments)
            let expected = try await project.sums("one/checkpoints/latest")
            try await project.train(into: "other", ranks: 8, arguments)
            #expect(try await project.sums("other/checkpoints/latest") == expected)
        }

        @Test func aGradientThatIsNotFiniteIsSkipped() async throws {
            let project = try Project()
            for strategy in ["gradnorm", "pcgrad"] {
                let outcome = try await Program.run(
                    project.training(into: strategy, Self.setting(strategy)), ranks: 2,
                    fault: "rank=1,phase=step,step=4,kind=nan")
                try #require(outcome.code == 0, "\(outcome)")
                let skipped = try project.log(strategy, "skipped")
                #expect(skipped.compactMap { $0["step"] as? Int } == [4])
                #expect(skipped.compactMap { $0["reason"] as? String } == ["the gradient"])
                #expect(try project.log(strategy, "step").count == 8)
            }
        }

        /// Task by task the gradient is the same as in one go, up to rounding, where dropout does not draw otherwise.
        @Test func cosinesAreLoggedAndTheGradientIsThatOfOnePass() async throws {
            let project = try Project()
            let plain = ["--set", "dropout=0", "--set", "steps=6"]
            let looking = plain + ["--set", "evaluation.gradient_cosines=2"]
            try await project.train(into: "plain", plain)
            try await project.train(into: "looking", looking)
            try await project.train(into: "ranks", ranks: 4, looking)
            #expect(
                try await project.sums("looking/checkpoints/latest") == project.sums("ranks/checkpoints/latest"))
            for key in ["loss", "gradient_norm"] {
                let (own, right) = (
                    try project.log("looking", "step").compactMap { $0[key] as? Double },
                    try project.log("plain", "step").compactMap { $0[key] as? Double }
                )
                #expect(own.count == 6 && right.count == 6)
                #expect(zip(own, right).allSatisfy { abs($0 - $1) < 1e-4 * abs($1) }, "\(key): \(own), not \(right)")
            }
            let events = try project.log("looking", "gradients")
            #expect(events.compactMap { $0["step"] as? Int } == [2, 4, 6])
            for event in events {
                #expect(event["tasks"] as? [String] == ["yesno", "mood"])
                let cosines = try #require(event["cosines"] as? [[Double]])
                #expect(cosines.map(\.count) == [2, 2] && cosines[0][1] == cosines[1][0])
                #expect(abs(cosines[0][0] - 1) < 1e-12 && abs(cosines[0][1]) < 1)
                #expect((event["norms"] as? [Double])?.allSatisfy { $0 > 0 } == true)
            }
            let other = try await Program.run(
                project.training(into: "looking", plain + ["--set", "evaluation.gradient_cosines=3"]))
            #expect(other.code == 64 && other.errors.contains("evaluation.gradient_cosines"), "\(other)")
        }
    }
}
