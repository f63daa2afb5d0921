import Metrics

/// A run as one page.
struct RunPage {
    let log: RunLog
    /// The text of `run.yaml`.
    let configuration: String?
    let mistakes: RunEvent.Mistakes?
    /// What the page calls the run: the name of its folder.
    let name: String

    var html: String {
        Markup.page(title: "\(name) – mtbert-dist", style: ReportStyle.css, body: body)
    }

    @MarkupBuilder private var body: Markup {
        tag("header") {
            tag("p", ["class": "kicker"]) { "mtbert-dist · report of a run" }
            tag("h1") { tag("bdi") { name } }
            tag("p", ["class": "lead"]) { lead }
            tiles
            warnings
            contents
        }
        tag("main") {
            section("scores", "Scores") { scores }
            section("learning", "How it learned") { learningCurves }
            section("mistakes", "Where it errs") { mistakesParts }
            if hasTaskInterplay { section("tasks", "How the tasks get on") { taskInterplay } }
            section("time", "Where the time went") { time }
            section("setup", "How it was set up") { setup }
        }
        tag("footer") {
            "Made from metrics.jsonl, mistakes.json and run.yaml of the run’s folder"
            if let version = log.start?.version { " by mtbert-dist \(version)" }
            ". It is one file that loads nothing, so it can be mailed and kept."
        }
    }

    private func section(_ id: String, _ title: String, @MarkupBuilder _ body: () -> Markup) -> Markup {
        tag("section", ["id": id]) {
            tag("h2") { title }
            body()
        }
    }

    private var contents: Markup {
        tag("nav", ["aria-label": "Contents"]) {
            link("scores", "Scores")
            link("learning", "Learning")
            link("mistakes", "Mistakes")
            if hasTaskInterplay { link("tasks", "Tasks") }
            link("time", "Time")
            link("setup", "Set-up")
        }
    }

    private func link(_ id: String, _ title: String) -> Markup {
        tag("a", ["href": "#\(id)"]) { title } + "\n"
    }

    /// What was trained, and how it ended, in two sentences.
    private var lead: String {
        let tasks = log.taskNames
        let named = tasks.count <= 4 ? ": \(enumeration(tasks.map { printable($0) }))" : ""
        let model = log.start.map { $0.model.isEmpty ? "An encoder" : sentence(modelName($0.model)) } ?? "An encoder"
        return "\(model), fine-tuned on \(counted(tasks.count, "task"))\(named). \(outcome)"
    }

    private func modelName(_ model: String) -> String {
        let last = model.split(separator: "/").last.map(String.init) ?? model
        return printable(model.hasPrefix("/") ? last : model)
    }

    private var outcome: String {
        let done = grouped(log.end?.step ?? log.lastStep ?? 0)
        let total = log.start.map { grouped($0.totalSteps) } ?? "?"
        switch log.end?.status {
        case .finished where done == total || total == "?": return "The run is finished: all \(done) steps are done."
        case .finished: return "The run ended after \(done) of \(total) steps: no task got any better."
        case .stopped:
            return "The run was stopped after \(done) of \(total) steps; the same command goes on from its checkpoint."
        case nil: return "The log ends at step \(done) of \(total): the run is going on, or it broke off."
        }
    }

    private var tiles: Markup {
        tag("dl", ["class": "tiles"]) {
            if let best = log.bestEvaluation {
                tile(
                    "Best on the \(best.split) files", significant(best.score),
                    "\(best.criterion), step \(grouped(best.step))")
            }
            if let test = log.lastEvaluation(of: "test"), log.bestEvaluation?.split != "test" {
                tile("On the test files", significant(test.score), "\(test.criterion), step \(grouped(test.step))")
            }
            if let loss = lastLoss {
                tile("Training loss", significant(loss), "mean of the last \(counted(smoothingWindow, "step"))")
            }
            if totalSeconds > 0 {
                tile("Time", duration(totalSeconds), timeNote)
            }
            if trainingSeconds > 0 {
                tile("Speed", abbreviated(Double(log.tokens) / trainingSeconds), "tokens a second in training")
            }
        }
    }

    private func tile(_ name: String, _ value: String, _ more: String) -> Markup {
        tag("div") {
            tag("dt") { name }
            tag("dd") {
                tag("span", ["class": "value"]) { value }
                tag("span", ["class": "more"]) { more }
            }
        }
    }

    @MarkupBuilder private var warnings: Markup {
        if let last = log.skipped.last {
            tag("p", ["class": "warning"]) {
                "\(counted(log.skipped.count, "step")) had no finite loss or gradient and changed nothing, the last of them "
                    + "step \(grouped(last.step)) (\(printable(last.reason))). metrics.jsonl names the examples."
            }
        }
        if log.damagedLineCount > 0 {
            tag("p", ["class": "warning"]) {
                "\(counted(log.damagedLineCount, "line")) of metrics.jsonl could not be read, as is usual for the last line of "
                    + "a run that was killed."
            }
        }
    }

    private var timeNote: String {
        log.sessions.count > 1 ? "in \(log.sessions.count) starts of the program" : "from start to end"
    }
}

extension RunPage {
    /// Wall time of all starts that are known to have ended, or else of the steps alone.
    var totalSeconds: Double {
        let ends = log.ends.map(\.seconds).filter { $0.isFinite && $0 >= 0 }.reduce(0, +)
        return ends > 0 ? ends : trainingSeconds
    }

    /// Wall time of the steps.
    var trainingSeconds: Double { log.seconds.reduce(0) { $0 + $1.sum } }

    /// Steps that a smoothed curve takes together: a fiftieth of the run.
    var smoothingWindow: Int { max(1, log.loss.count / 50) }

    private var lastLoss: Double? {
        let last = log.loss.filter(\.isFinite).suffix(smoothingWindow)
        return last.isEmpty ? nil : last.reduce(0) { $0 + $1.y } / Double(last.count)
    }
}

/// "1 step", "2,250 steps".
func counted(_ number: Int, _ noun: String) -> String { "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")" }

/// "a, b and c"
func enumeration(_ names: [String]) -> String {
    guard let last = names.last, names.count > 1 else { return names.first ?? "" }
    return names.dropLast().joined(separator: ", ") + " and " + last
}

/// The words with a capital letter at their beginning, where that is a word of ours.
func sentence(_ words: String) -> String {
    words.hasPrefix("a ") ? "A" + words.dropFirst() : words
}
