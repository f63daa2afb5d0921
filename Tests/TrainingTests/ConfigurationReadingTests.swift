import Testing
import Training

/// Reads YAML as if it stood in /c/run.yaml and the program were started in /d.
func configuration(_ yaml: String, _ overrides: [String] = []) throws -> RunConfiguration {
    try RunConfiguration(
        yaml: yaml, file: "run.yaml", overrides: overrides,
        paths: PathResolver(configurationFolder: "/c", currentDirectory: "/d"))
}

/// The lines of the error that reading ends in.
func problems(_ yaml: String, _ overrides: [String] = []) -> [String] {
    do {
        _ = try configuration(yaml, overrides)
        return []
    } catch {
        return "\(error)".split(separator: "\n").map(String.init)
    }
}

let minimal = "tasks: [{name: books, train: data/train.tsv}]\n"

struct ConfigurationReadingTests {
    @Test func onlyNameAndTrainAreNeeded() throws {
        let read = try configuration(minimal)
        var expected = RunConfiguration()
        var task = RunConfiguration.TaskEntry()
        task.name = "books"
        task.train = .file("/c/data/train.tsv")
        expected.tasks = [task]
        expected.output = "/d/runs/reviews"
        #expect(read == expected)
        #expect(read.length == .epochs(3) && read.batch.size == 32 && read.batch.shards == .count(8))
        #expect(read.optimizer.learningRate == 2e-5 && read.schedule.warmup == .fraction(0.1) && read.seed == 42)
        #expect(read.evaluation.best.description == "mean.accuracy" && read.dropout == nil && read.model == nil)
    }

    @Test func everyKeyIsRead() throws {
        let read = try configuration(
            """
            model: ../models/minilm
            tasks:
              - name: books
                train: ../data/train.tsv
                dev: /abs/dev.tsv
                test: ./test.tsv.gz
                text: [first, second]
                label: stars
                labels: [0, 1, no, ja]
                weight: 2
                limit: 100
                bad_rows: skip
            batch: {size: 16, shards: auto, max_length: 64}
            steps: 500
            sampling: {strategy: temperature, temperature: 5}
            weighting: {strategy: static, reduction: example_mean}
            optimizer: {learning_rate: 5e-5, weight_decay: 0, beta1: 0.8, beta2: 0.99, epsilon: 1.0e-6,
                        max_gradient_norm: 2}
            schedule: {kind: cosine, warmup: 10}
            dropout: 0
            precision: bf16
            seed: 18446744073709551615
            evaluation: {every: 50, split: test, best: books.macro_f1}
            checkpoint: {every: 25, keep: 1}
            max_skipped_steps: 3
            output: out
            """)
        #expect(read.model == .folder("/models/minilm"))
        let task = try #require(read.tasks.first)
        #expect(task.train == .file("/data/train.tsv") && task.dev == .file("/abs/dev.tsv"))
        #expect(task.test == .file("/c/test.tsv.gz") && task.text == TextColumns(first: "first", second: "second"))
        #expect(task.label == "stars" && task.labels == ["0", "1", "no", "ja"] && task.weight == 2)
        #expect(task.limit == 100 && task.badRows == .skip)
        #expect(read.batch.size == 16 && read.batch.shards == .auto && read.batch.maxLength == 64)
        #expect(read.length == .steps(500) && read.sampling.strategy == .temperature && read.sampling.temperature == 5)
        #expect(read.weighting.reduction == .exampleMean && read.optimizer.learningRate == 5e-5)
        #expect(read.optimizer.weightDecay == 0 && read.optimizer.beta1 == 0.8 && read.optimizer.beta2 == 0.99)
        #expect(read.optimizer.epsilon == 1e-6 && read.optimizer.maxGradientNorm == 2)
        #expect(read.schedule.kind == .cosine && read.schedule.warmup == .steps(10))
        #expect(read.dropout == 0 && read.precision == .bf16 && read.seed == .max)
        #expect(read.evaluation.every == 50 && read.evaluation.split == .test)
        #expect(read.evaluation.best == Criterion(task: "books", score: .macroF1))
        #expect(read.checkpoint.every == 25 && read.checkpoint.keep == 1 && read.maxSkippedSteps == 3)
        #expect(read.output == "/d/out")
    }

    @Test func aModelIsAFolderOrAHubIdentifier() throws {
        let model = { (text: String) in try configuration("model: \(text)\n\(minimal)").model }
        #expect(try model("google-bert/bert-base-uncased") == .hub("google-bert/bert-base-uncased"))
        #expect(try model("bert-base-uncased") == .hub("bert-base-uncased"))
        #expect(try model("./bert") == .folder("/c/bert"))
        #expect(try model("a/b/c") == .folder("/c/a/b/c"))
        #expect(try configuration("model: /\n\(minimal)", ["model=./m"]).model == .folder("/d/m"))
    }

    @Test func mergeKeysFillInWhatATaskDoesNotSay() throws {
        let read = try configuration(
            """
            tasks:
              - &first {name: books, train: a.tsv, label: stars, weight: 3}
              - {<<: *first, name: music, weight: 1}
            """)
        #expect(read.tasks.map(\.name) == ["books", "music"] && read.tasks.map(\.label) == ["stars", "stars"])
        #expect(read.tasks.map(\.weight) == [3, 1])
    }

    @Test func lengthAndWarmupInSteps() {
        #expect(RunConfiguration.RunLength.epochs(3).steps(examplesPerEpoch: 101, batchSize: 10) == 31)
        #expect(RunConfiguration.RunLength.epochs(0.5).steps(examplesPerEpoch: 100, batchSize: 10) == 5)
        #expect(RunConfiguration.RunLength.steps(0).steps(examplesPerEpoch: 100, batchSize: 10) == 0)
        #expect(Warmup.fraction(0.1).steps(of: 95) == 10 && Warmup.steps(7).steps(of: 95) == 7)
    }

    @Test func filesThatAreNotThereAreNamed() throws {
        #expect(throws: ConfigurationError([.init(source: "/no/such.yaml", message: "there is no such file")])) {
            try RunConfiguration(contentsOf: "/no/such.yaml")
        }
        let paths = PathResolver(configurationFolder: "/c", currentDirectory: "/d")
        #expect(
            throws: ConfigurationError([
                .init(
                    source: "run.yaml", line: 1,
                    message: "tasks.books.train is /c/data/train.tsv, but there is no such file")
            ])
        ) {
            try RunConfiguration(yaml: minimal, file: "run.yaml", overrides: [], paths: paths, checkingFiles: true)
        }
    }
}
