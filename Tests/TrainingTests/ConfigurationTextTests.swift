import Foundation
import TaskData
import Testing
import Training

struct ConfigurationTextTests {
    private func unusual() throws -> RunConfiguration {
        var configuration = try configuration(minimal)
        configuration.model = .hub("google-bert/bert-base-uncased")
        configuration.tasks[0].labels = ["no", "1", "null", " a: b # c", "正面", "x\"\\\n\u{7}\u{2028}", ""]
        configuration.tasks[0].text = TextColumns(first: "a b", second: "Yes")
        configuration.tasks[0].dev = .file("/d/dev 1.tsv")
        configuration.tasks[0].limit = 3
        var second = RunConfiguration.TaskEntry()
        second.name = "007"
        second.train = .embedded("reviews/train")
        configuration.tasks.append(second)
        configuration.length = .steps(0)
        configuration.optimizer.learningRate = 1.0 / 3
        configuration.optimizer.epsilon = 1e-30
        configuration.dropout = 0
        configuration.batch.shards = .auto
        configuration.schedule.warmup = .steps(1)
        configuration.weighting.strategy = try #require(.init(name: "nash_mtl"))
        configuration.weighting.interval = 7
        configuration.weighting.alpha = 0.4
        configuration.seed = .max
        configuration.compare.seeds = [.max, 0]
        configuration.compare.fractions = [.count(10), .percent(12.5), .percent(10), .all]
        configuration.compare.variants = [
            .init(name: "a.b", set: ["tasks.*.weight=2", "batch.size=8"], single: true),
            .init(name: "c", set: [], single: false),
        ]
        return configuration
    }

    @Test func theResolvedConfigurationReadsBackEqual() throws {
        for original in [try unusual(), try configuration(minimal)] {
            let yaml = original.resolvedYAML()
            let back = try RunConfiguration(
                yaml: yaml, file: "run.yaml", overrides: [],
                paths: PathResolver(configurationFolder: "/elsewhere", currentDirectory: "/nowhere"))
            #expect(back == original, "\(yaml)")
            #expect(back.resolvedYAML() == yaml)
        }
    }

    @Test func theDefaultsAreThePromisedOnes() throws {
        #expect(
            try configuration(minimal).resolvedYAML() == """
                tasks:
                  - name: books
                    train: /c/data/train.tsv
                    text: text
                    label: label
                    kind: single_label
                    label_separator: ","
                    weight: 1.0
                    bad_rows: fail
                batch:
                  size: 32
                  shards: 8
                  balance: none
                  max_length: 128
                  truncation: head
                epochs: 3.0
                sampling:
                  strategy: proportional
                  temperature: 2.0
                weighting:
                  strategy: static
                  reduction: task_mean
                  temperature: 2.0
                  rate: 0.025
                  decay: 0.001
                optimizer:
                  learning_rate: 2.0e-5
                  weight_decay: 0.01
                  beta1: 0.9
                  beta2: 0.999
                  epsilon: 1.0e-8
                  max_gradient_norm: 1.0
                  layer_decay: 1.0
                schedule:
                  kind: linear
                  warmup: 0.1
                pooling: cls
                freeze:
                  embeddings: false
                  layers: 0
                regularization:
                  label_smoothing: 0.0
                  adversarial: 0.0
                precision: fp32
                seed: 42
                finishing:
                  epochs: 0.0
                evaluation:
                  every: 200
                  split: dev
                  best: mean.accuracy
                  patience: 0
                  gradient_cosines: 0
                checkpoint:
                  every: 200
                  keep: 3
                  best_per_task: false
                max_skipped_steps: 10
                watchdog: 300
                output: /d/runs/reviews
                compare:
                  seeds: [1, 2, 3]
                  fractions: [all]
                  variants: []
                  confidence: 0.95

                """)
    }

    @Test func theDemonstrationReadsBackEqual() throws {
        let original = try RunConfiguration(demonstrationWith: [])
        #expect(try configuration(original.resolvedYAML()) == original)
    }

    @Test func numbersKeepTheFormThatYAML1_1Needs() {
        #expect(2e-5.configurationText == "2.0e-5" && 1.5e300.configurationText == "1.5e+300")
        #expect(0.1.configurationText == "0.1" && 3.0.configurationText == "3.0")
    }

    @Test func theReferenceIsAConfigurationWithTheDefaults() throws {
        let read = try configuration(RunConfiguration.reference)
        var expected = try configuration(minimal)
        expected.tasks[0].train = .file("/c/train.tsv")
        expected.compare.variants = [.init(name: "even", set: [], single: false)]
        #expect(read == expected)
        for key in ["learning_rate: 2.0e-5", "shards: 8", "best: mean.accuracy", "max_skipped_steps: 10"] {
            #expect(RunConfiguration.reference.contains(key))
        }
    }

    @Test func differencesAreNamed() throws {
        let here = try unusual()
        var there = here
        #expect(here.firstDifference(from: there) == nil)
        there.optimizer.learningRate = 5e-5
        #expect(
            there.firstDifference(from: here)?.description
                == "optimizer.learning_rate is 5.0e-5 here and 0.3333333333333333 there")
        #expect(there.resumeIdentity != here.resumeIdentity)
        #expect(here.firstDifference(from: here) == nil)

        there = here
        there.tasks[1].limit = 9
        #expect(here.firstDifference(from: there)?.description == "tasks.007.limit is not set (all) here and 9 there")
        there.tasks.removeLast()
        #expect(here.firstDifference(from: there)?.description == "tasks is [books, 007] here and [books] there")
    }

    @Test func whatMayChangeOnResumeIsLeftOut() throws {
        let here = try unusual()
        var there = here
        there.output = "/x"
        there.length = .epochs(1)
        there.evaluation.every = 1
        there.checkpoint.keep = 9
        there.tasks[0].dev = nil
        there.maxSkippedSteps = 1
        there.compare = .init()
        there.tasks[0].train = .file("/moved/data/train.tsv")
        #expect(here.firstDifference(from: there) == nil && here.resumeIdentity == there.resumeIdentity)
        there.tasks[0].train = .file("/c/other/train.tsv")
        #expect(
            here.firstDifference(from: there)?.description
                == "tasks.books.train is data/train.tsv here and other/train.tsv there")
    }

    @Test func whatDecidesResultsIsMore() throws {
        let here = try configuration(minimal)
        func difference(_ change: (inout RunConfiguration) -> Void) -> String? {
            var there = here
            change(&there)
            return here.firstDifference(from: there, decidingResults: true)?.key
        }
        #expect(difference { $0.length = .epochs(1) } == "epochs")
        #expect(difference { $0.length = .steps(1) } == "epochs")
        #expect(difference { $0.evaluation.every = 1 } == "evaluation.every")
        #expect(difference { $0.tasks[0].test = .file("/c/test.tsv") } == "tasks.books.test")
        #expect(difference { $0.seed = 1 } == "seed")
        #expect(
            difference {
                $0.output = "/x"
                $0.checkpoint.every = 1
                $0.tasks[0].train = .file("/moved/data/train.tsv")
                $0.compare.seeds = [7]
            } == nil)
    }

    @Test func aTaskHasItsKeysInTheIdentity() throws {
        let keys = try configuration(minimal).resumeIdentity.split(separator: "\n").map { $0.prefix { $0 != "=" } }
        #expect(keys.count == 46, "\(keys)")
    }

    @Test func editDistances() {
        #expect(editDistance("", "abc") == 3 && editDistance("kitten", "sitting") == 3)
        #expect(editDistance("leanring", "learning") == 1 && editDistance("a", "a") == 0)
        #expect(nearestName(to: "EPOCH", among: ["batch", "epochs"]) == "epochs")
    }
}
