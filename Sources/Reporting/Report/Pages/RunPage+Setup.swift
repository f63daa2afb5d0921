import Metrics

extension RunPage {
    @MarkupBuilder var time: Markup {
        if trainingSeconds > 0 {
            tag("div", ["class": "charts"]) {
                ShareBar(
                    id: "shares", title: "The time of a step, on rank 0", parts: timeParts, label: { duration($0) }
                ).markup
                throughputChart
            }
        } else {
            tag("p", ["class": "empty"]) { "No step has been done yet." }
        }
    }

    private var timeParts: [ShareBar.Part] {
        let meanings = [
            "data": "waiting for texts to be read and tokenized",
            "forward": "from tokens to losses",
            "backward": "from losses to gradients",
            "communication": "summing gradients, handing parameters round, waiting for other ranks",
            "optimizer": "clipping and AdamW",
        ]
        return log.seconds.map { .init($0.name, $0.sum, meanings[$0.name] ?? "") }
    }

    private var throughputChart: Markup {
        noisyChart(
            "throughput", "Tokens a second", log.tokensPerSecond,
            note:
                "Real tokens of all ranks, drawn like the loss; there is no padding to count. Dips are other work on the "
                + "machine, or longer texts.")
    }

    @MarkupBuilder var setup: Markup {
        if let start = log.start { startFacts(start) }
        checkpointTable
        if let configuration {
            tag("details") {
                tag("summary") {
                    "run.yaml"
                    tag("span", ["class": "more"]) { " – the whole configuration, with what was left to its default" }
                }
                tag("pre") { tag("code") { beginning(of: configuration, limit: 20_000) } }
            }
        }
    }

    private func startFacts(_ start: RunEvent.Start) -> Markup {
        let tasks = start.tasks.map { task in
            let counts = [("train", task.trainCount), ("dev", task.devCount), ("test", task.testCount)]
                .compactMap { name, count in count.map { "\(name) \(grouped($0))" } }.joined(separator: ", ")
            let labels = task.labels.prefix(12).joined(separator: ", ") + (task.labels.count > 12 ? ", …" : "")
            return ("task \(task.name)", "\(counts): \(labels)")
        }
        let sessions = log.sessions.map { session in
            let setup = "\(counted(session.start.worldSize, "rank")) × \(counted(session.start.threads, "thread"))"
            let place = session.start.machine.isEmpty ? "" : " on \(session.start.machine)"
            return setup + place + (session.resumedAfter.map { ", from step \(grouped($0)) on" } ?? "")
        }
        let rows =
            [
                ("model", "\(start.model), \(abbreviated(Double(start.parameterCount))) parameters"),
                ("precision", start.precision),
            ] + tasks + [
                (
                    "batch",
                    "\(counted(start.batchSize, "example")) in \(counted(start.shards, "shard")), "
                        + "up to \(start.maxLength) tokens each"
                ),
                ("steps", grouped(start.totalSteps)),
                ("seen", "\(counted(log.examples, "example")), \(counted(log.tokens, "token"))"),
                ("seed", String(start.seed)),
                (
                    sessions.count > 1 ? "ran on, one start after the other" : "ran on",
                    sessions.suffix(6).joined(separator: "; ")
                ),
                ("program", "mtbert-dist \(start.version)"),
                ("folder", start.output),
            ] + (log.end.map { [("model.safetensors", "SHA-256 \($0.modelSHA256)")] } ?? [])
        return facts(rows)
    }

    @MarkupBuilder private var checkpointTable: Markup {
        let shown = log.checkpoints.suffix(8)
        if !shown.isEmpty {
            tag("h3", ["class": "group"]) { "Checkpoints" }
            tag("p", ["class": "note"]) {
                let more = log.checkpoints.count - shown.count
                let earlier = more > 0 ? "\(counted(more, "earlier one")) not listed. " : ""
                "\(earlier)A run keeps the newest few and the best; older ones make room. Seconds count until the disk had it all; "
                    + "training goes on meanwhile."
            }
            tag("div", ["class": "scroll"]) {
                tag("table") {
                    tag("thead") {
                        tag("tr") {
                            tag("th", ["scope": "col", "class": "number"]) { "step" }
                            tag("th", ["scope": "col", "class": "number"]) { "size" }
                            tag("th", ["scope": "col", "class": "number"]) { "written in" }
                            tag("th", ["scope": "col"]) { "folder" }
                        }
                    }
                    tag("tbody") {
                        for checkpoint in shown {
                            tag("tr") {
                                tag("td", ["class": "number"]) { grouped(checkpoint.step) }
                                tag("td", ["class": "number"]) { byteCount(checkpoint.bytes) }
                                tag("td", ["class": "number"]) { duration(checkpoint.seconds) }
                                tag("td") {
                                    "checkpoints/" + (checkpoint.path.split(separator: "/").last.map(String.init) ?? "")
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
