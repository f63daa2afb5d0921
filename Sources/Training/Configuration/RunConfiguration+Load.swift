import Checkpoints
import Foundation
import Optimization

extension RunConfiguration {
    /// Larger files are taken for something else.
    private static let fileSizeLimit = 1 << 20

    /// Reads a configuration file.
    ///
    /// - Parameters:
    ///   - path: a YAML file. Paths in it are relative to its folder; `output` is relative to the current directory.
    ///   - overrides: `--set` arguments, each `key.path=value`, laid over the file in their order. Paths in them are
    ///     relative to the current directory.
    ///   - checkingFiles: whether it is an error, with the line of the key, when a data file is not there.
    ///   - defaults: what keys have that are not given; nil for the usual.
    /// - Throws: `ConfigurationError` with everything that is wrong.
    public init(
        contentsOf path: String, overrides: [String] = [], checkingFiles: Bool = false,
        defaults: RunConfiguration? = nil
    ) throws {
        let directory = FileManager.default.currentDirectoryPath
        let folder = PathResolver.absolute(parentFolder(of: path), in: directory)
        func failure(_ message: String) -> ConfigurationError {
            ConfigurationError([.init(source: path, message: message)])
        }
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw failure(FileManager.default.fileExists(atPath: path) ? "cannot be read" : "there is no such file")
        }
        defer { try? file.close() }
        let data: Data
        do {
            data = try file.read(upToCount: Self.fileSizeLimit + 1) ?? Data()
        } catch {
            throw failure("is not a file that can be read")
        }
        guard data.count <= Self.fileSizeLimit else {
            throw failure("is larger than \(Self.fileSizeLimit) bytes: no configuration is")
        }
        guard var yaml = String(data: data, encoding: .utf8) else { throw failure("is not UTF-8 text") }
        if yaml.unicodeScalars.first == "\u{FEFF}" { yaml.unicodeScalars.removeFirst() }
        try self.init(
            yaml: yaml, file: path, overrides: overrides,
            paths: PathResolver(configurationFolder: folder, currentDirectory: directory), checkingFiles: checkingFiles,
            defaults: defaults)
    }

    /// A configuration of the program's own, with `--set` arguments laid over it.
    ///
    /// - Throws: `ConfigurationError` with everything that is wrong.
    public init(_ configuration: RunConfiguration = .demonstration, demonstrationWith overrides: [String]) throws {
        let directory = FileManager.default.currentDirectoryPath
        try self.init(
            tree: written(configuration), overrides: overrides,
            paths: PathResolver(configurationFolder: directory, currentDirectory: directory), checkingFiles: false,
            defaults: nil)
    }

    /// Reads a configuration out of a text that calls itself `file` in messages.
    package init(
        yaml: String, file: String, overrides: [String], paths: PathResolver, checkingFiles: Bool = false,
        defaults: RunConfiguration? = nil
    ) throws {
        let tree = try SettingNode.parse(yaml: yaml) { .file(name: file, line: $0) }
        guard let tree, !tree.isNull else {
            throw ConfigurationError([.init(source: file, message: "is empty; it needs at least a list of tasks")])
        }
        guard tree.entries != nil else {
            throw ConfigurationError([
                .init(at: tree.origin, "this is \(tree.found), but must be a mapping with keys such as tasks")
            ])
        }
        try self.init(
            tree: tree, overrides: overrides, paths: paths, checkingFiles: checkingFiles, defaults: defaults)
    }

    private init(
        tree: SettingNode, overrides: [String], paths: PathResolver, checkingFiles: Bool, defaults: RunConfiguration?
    ) throws {
        var tree = tree
        var problems: [ConfigurationError.Problem] = []
        for override in overrides {
            do {
                try ConfigurationOverride(override).apply(to: &tree)
            } catch let error as ConfigurationError {
                problems += error.problems
            }
        }
        var reader = ConfigurationReader(paths: paths, root: Self.keys.map(\.information))
        self = defaults ?? RunConfiguration()
        reader.readSection(tree, "", into: &self)
        output = PathResolver.absolute(output, in: paths.currentDirectory)
        // Accuracy is nothing to go by where every task asks for a number.
        if tree["evaluation"]?["best"] == nil, !tasks.isEmpty, tasks.allSatisfy({ $0.kind == .regression }) {
            evaluation.best = Criterion(task: nil, score: .loss)
        }
        checkTogether(tree, &reader, checkingFiles: checkingFiles)
        problems =
            reader.problems.enumerated().sorted {
                ($0.element.line ?? .max, $0.offset) < ($1.element.line ?? .max, $1.offset)
            }.map(\.element) + problems
        guard problems.isEmpty else { throw ConfigurationError(problems) }
    }

    /// What no key can check alone.
    private func checkTogether(_ tree: SettingNode, _ reader: inout ConfigurationReader, checkingFiles: Bool) {
        guard tree.entries != nil else { return }
        if let steps = tree["steps"], let epochs = tree["epochs"], !steps.isNull, !epochs.isNull {
            reader.report(steps.origin, "steps and epochs are both given; keep one of them")
        }
        if weighting.strategy.name == ConflictAverseGradient.name, let alpha = weighting.alpha, alpha >= 1 {
            let origin = tree["weighting"]?["alpha"]?.origin ?? .builtIn
            reader.report(origin, "weighting.alpha is \(alpha), but must be below 1 for \(weighting.strategy.name)")
        }
        if tree["tasks"] == nil || tree["tasks"]?.items?.isEmpty == true {
            reader.report(tree["tasks"]?.origin ?? tree.origin, "tasks needs at least one task with name and train")
        }
        let items = tree["tasks"]?.items ?? []
        var seen: Set<String> = []
        for (item, task) in zip(items, tasks) {
            if !task.name.isEmpty, !seen.insert(task.name).inserted {
                reader.report(item["name"]?.origin ?? item.origin, "another task is called \(task.name) already")
            }
            if let labels = task.labels, case .given(let weights)? = task.classWeights, weights.count != labels.count {
                reader.report(
                    item["class_weights"]?.origin ?? item.origin,
                    "tasks.\(task.name).class_weights has \(weights.count) numbers for \(labels.count) labels")
            }
            if task.kind == .regression, let labels = item["labels"], !labels.isNull {
                reader.report(labels.origin, "tasks.\(task.name).labels are given, but a regression has numbers only")
            }
            if task.kind != .singleLabel, let weights = item["class_weights"], !weights.isNull {
                reader.report(
                    weights.origin, "tasks.\(task.name).class_weights are only for tasks of the kind single_label")
            }
            if task.testExcludes != nil, task.test == nil {
                let origin = item["test_excludes"]?.origin ?? item.origin
                reader.report(origin, "tasks.\(task.name).test_excludes is given, but there is no test")
            }
            guard checkingFiles else { continue }
            let files = [
                ("train", task.train), ("dev", task.dev), ("test", task.test), ("test_excludes", task.testExcludes),
            ]
            for (key, location) in files {
                guard case .file(let path) = location, !path.isEmpty else { continue }
                if !FileManager.default.fileExists(atPath: path) {
                    let origin = item[key]?.origin ?? item.origin
                    reader.report(origin, "tasks.\(task.name).\(key) is \(path), but there is no such file")
                }
            }
        }
        checkCriterion(items, &reader, tree["evaluation"]?["best"]?.origin ?? .builtIn)
    }

    private func checkCriterion(
        _ items: [SettingNode], _ reader: inout ConfigurationReader, _ origin: SettingNode.Origin
    ) {
        guard !items.isEmpty else { return }
        let key = "evaluation.best is \(evaluation.best)"
        let score = evaluation.best.score
        let split = evaluation.split.rawValue
        func hasFile(_ task: TaskEntry) -> Bool { (evaluation.split == .dev ? task.dev : task.test) != nil }
        guard let name = evaluation.best.task else {
            let able = tasks.filter { $0.kind.scores.contains(score) }
            if able.isEmpty {
                reader.report(origin, "\(key), but no task has that score")
            } else if tasks.contains(where: { hasFile($0) }), !able.contains(where: { hasFile($0) }) {
                reader.report(origin, "\(key), but no task that has that score has a \(split) file (evaluation.split)")
            }
            return
        }
        guard let task = tasks.first(where: { $0.name == name }) else {
            let nearest = nearestName(to: name, among: tasks.map(\.name) + ["mean"]) ?? "mean"
            reader.report(origin, "\(key), but there is no task \(name); the nearest is \(nearest)")
            return
        }
        guard task.kind.scores.contains(score) else {
            let names = orList(task.kind.scores.map(\.rawValue))
            reader.report(origin, "\(key), but the scores of task \(name), a \(task.kind.rawValue), are \(names)")
            return
        }
        if !hasFile(task) {
            reader.report(origin, "\(key), but task \(name) has no \(split) file to evaluate on (evaluation.split)")
        }
    }
}
