import Testing
import Training

struct ConfigurationErrorTests {
    /// A configuration whose line 2 is the given text.
    private func problem(_ line: String) -> String {
        problems(minimal + line + "\n").joined(separator: " | ")
    }

    @Test(arguments: [
        ("optimizer: {learning_rat: 1}", "optimizer.learning_rat", "optimizer.learning_rate"),
        ("optimiser: {}", "optimiser", "optimizer"),
        ("learning_rate: 1.0e-5", "learning_rate", "optimizer.learning_rate"),
        ("batch_size: 8", "batch_size", "batch.size"),
        ("epoch: 3", "epoch", "epochs"),
        ("lr: 3", "lr", "optimizer.learning_rate"),
        ("train_batch_size: 3", "train_batch_size", "batch.size"),
        ("warmup_steps: 3", "warmup_steps", "schedule.warmup"),
        ("batch: {sise: 3}", "batch.sise", "batch.size"),
        ("batch: {learning_rate: 3}", "batch.learning_rate", "optimizer.learning_rate"),
    ])
    func unknownKeysNameTheNearest(line: String, key: String, nearest: String) {
        #expect(problem(line) == "run.yaml:2: unknown key \(key); the nearest valid key is \(nearest)")
    }

    @Test func keysOfTasksAreCalledByTheTask() {
        #expect(
            problems("tasks:\n  - name: books\n    train: a\n    labe: b\n") == [
                "run.yaml:4: unknown key tasks.books.labe; the nearest valid key is tasks.books.label"
            ])
    }

    @Test func farFetchedKeysListTheValidOnes() {
        #expect(
            problem("checkpoint: {zzzz: 1}")
                == "run.yaml:2: unknown key checkpoint.zzzz; "
                + "the nearest valid key is checkpoint.keep, out of every, keep or best_per_task")
    }

    @Test(arguments: [
        ("batch: {size: 0}", "batch.size is 0, but must be an integer from 1 to 1000000"),
        ("batch: {size: 1.5}", "batch.size is 1.5, but must be an integer from 1 to 1000000"),
        ("batch: {size: \"8\"}", "batch.size is the text \"8\", but must be an integer from 1 to 1000000"),
        ("batch: {size: 010}", "batch.size is 010, but must be an integer from 1 to 1000000"),
        ("batch: {size: }", "batch.size is empty, but must be an integer from 1 to 1000000"),
        ("batch: {shards: 0}", "batch.shards is 0, but must be auto or an integer from 1 to 4096"),
        (
            "batch: 7",
            "batch is 7, but must be a mapping with keys out of size, shards, balance, max_length or truncation"
        ),
        ("optimizer: {learning_rate: 0}", "optimizer.learning_rate is 0, but must be a number above 0.0"),
        ("optimizer: {learning_rate: [1]}", "optimizer.learning_rate is [1], but must be a number above 0.0"),
        ("optimizer: {epsilon: .inf}", "optimizer.epsilon is .inf, but must be a number from 1e-30 to 1.0"),
        ("dropout: 1", "dropout is 1, but must be a number from 0.0 to 0.999"),
        (
            "schedule: {warmup: 1.5}",
            "schedule.warmup is 1.5, but must be a fraction of all steps from 0 to below 1, or an integer number of steps"
        ),
        ("precision: fp16", "precision is fp16, but must be fp32, bf16 or bf16-emulated"),
        ("seed: -1", "seed is -1, but must be an integer from 0 to 18446744073709551615"),
        (
            "evaluation: {best: mean.f1}",
            "evaluation.best is mean.f1, but must be mean or a task, a point, and loss, accuracy, micro_f1, macro_f1, "
                + "macro_recall, matthews, pearson or spearman"
        ),
        ("steps: -1", "steps is -1, but must be an integer from 0 to 1000000000"),
    ])
    func valuesAreChecked(line: String, message: String) {
        #expect(problem(line) == "run.yaml:2: \(message)")
    }

    @Test func theCriterionNamesATaskThatIsEvaluated() {
        #expect(
            problem("evaluation: {best: book.accuracy}")
                == "run.yaml:2: evaluation.best is book.accuracy, but there is no task book; the nearest is books")
        #expect(
            problem("evaluation: {best: books.accuracy}")
                == "run.yaml:2: evaluation.best is books.accuracy, but task books has no dev file to evaluate on "
                + "(evaluation.split)")
    }

    @Test func tasksAreChecked() {
        #expect(
            problems("tasks:\n  - {name: a.b, train: x}\n  - {train: x}\n  - {name: c}\n") == [
                "run.yaml:2: tasks.a.b.name is a.b, but must be text of at most 64 letters, digits, _ and - "
                    + "(it becomes part of tensor names), not with a - at its start, and not mean",
                "run.yaml:3: tasks.1 needs the key name: names tensors, log entries and command arguments",
                "run.yaml:4: tasks.c needs the key train: TSV, CSV or JSON Lines, also gzipped, relative to this file",
            ])
        #expect(
            problems("tasks:\n  - {name: a, train: x}\n  - name: a\n    train: x\n") == [
                "run.yaml:3: another task is called a already"
            ])
        #expect(problems("seed: 1\n") == ["run.yaml:1: tasks needs at least one task with name and train"])
        #expect(problems("tasks: []\n") == ["run.yaml:1: tasks needs at least one task with name and train"])
        #expect(problems("tasks: books\n") == ["run.yaml:1: tasks is books, but must be a list"])
        #expect(
            problems("tasks: [{name: a, train: x, labels: [p, p]}]\n") == [
                "run.yaml:1: tasks.a.labels is [p, p], but must be a list, each item text, two labels or more, "
                    + "no two the same"
            ])
    }

    @Test func allProblemsAreToldAtOnce() {
        let found = problems("tasks: []\nsed: 1\nbatch: {size: 0}\nsteps: 1\nepochs: 1\n", ["keep"])
        #expect(found.map { $0.prefix(10) } == ["run.yaml:1", "run.yaml:2", "run.yaml:3", "run.yaml:4", "--set keep"])
        #expect(
            problems(minimal + "steps: 1\nepochs: 1\n") == [
                "run.yaml:2: steps and epochs are both given; keep one of them"
            ])
    }

    @Test func brokenYAMLNamesItsLine() {
        #expect(problems("") == ["run.yaml: is empty; it needs at least a list of tasks"])
        #expect(problems("# nothing\n") == ["run.yaml: is empty; it needs at least a list of tasks"])
        #expect(
            problem("seed: 1\nseed: 2")
                == "run.yaml:2: key seed is given more than once in the same place; this is the first")
        #expect(problem("a: b: c").hasPrefix("run.yaml:2: not valid YAML: "))
        #expect(problem("batch:\n\tsize: 1") == "run.yaml:3: not valid YAML: indent with spaces, not tabs")
        #expect(problem("batch: [").hasPrefix("run.yaml:3: not valid YAML: "))
        #expect(problem("seed: \u{1}").hasPrefix("run.yaml:2: not valid YAML: "))
        #expect(problem("--- {}").hasPrefix("run.yaml:2: not valid YAML: "))
        #expect(problem("? [a]\n: 1") == "run.yaml:2: a key must be a word, not a list or a mapping")
        #expect(problem("seed: *nothing").hasPrefix("run.yaml:2: not valid YAML: "))
    }

    @Test func hostileFilesAreRefused() {
        let nested = "run.yaml:1: values are nested more than 32 deep"
        #expect(problems(String(repeating: "- ", count: 500_000)) == [nested])
        #expect(problems("a: " + String(repeating: "[", count: 40) + String(repeating: "]", count: 40)) == [nested])
        #expect(problem("a: " + String(repeating: "[", count: 500_000)).contains("nesting level"))
        let laughs = (1...30).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1), *a\($0 - 1)]\n" }.joined()
        #expect(
            problems("a0: &a0 [x]\n" + laughs).last?
                .hasSuffix("the document is too large for a configuration") == true)
        // As keys, which are compared whole. A tree of these would take years.
        let few = (1...40).map { "a\($0): &a\($0) [*a\($0 - 1)]\n" }.joined()
        for key in ["? *a12\n: 1", "*a12 : 1", "x: {*a12 : 1}", "? [*a12, *a12]\n: 1"] {
            let found = problems(
                "a0: &a0 [x]\n" + few.split(separator: "\n").prefix(12).joined(separator: "\n") + "\n" + key)
            #expect(found.last == "run.yaml:14: a key must be a word, not a list or a mapping")
        }
        #expect(problems("a0: &a0 [x]\n" + few).last?.hasSuffix("values are nested more than 32 deep") == true)
        #expect(problem("output: \"runs/\\0mine\"") == "run.yaml:2: a value holds the character U+0000")
    }

    @Test func floodsAreCutShort() {
        let unknown = (0..<20_000).map { "key\($0): 1\n" }.joined()
        #expect(problems(minimal + unknown).count == 100)
        // Each key of one mapping was once compared with each of the other.
        let keys = { (name: String) in (0..<8_000).map { "\(name)\($0): 1" }.joined(separator: ", ") }
        #expect(problems(minimal + "a: &a {\(keys("x"))}\nbatch: {<<: *a, \(keys("y"))}").count == 100)
    }
}
