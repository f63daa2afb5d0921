import Metrics

extension RunEvent {
    /// The line of `metrics.jsonl` without its line end; nil for what is shown and not logged.
    public var jsonLine: String? {
        var object = JSONObject()
        switch self {
        case .phase, .warning, .mistakes: return nil
        case .start(let start): start.write(to: &object)
        case .resume(let resume):
            object.set("event", "resume")
            object.set("step", resume.step)
            object.set("checkpoint", resume.checkpoint)
            object.set("world_size", resume.worldSize)
            object.set("threads", resume.threads)
        case .step(let step): step.write(to: &object)
        case .gradients(let gradients):
            object.set("event", "gradients")
            object.set("step", gradients.step)
            object.set("tasks", gradients.tasks)
            object.set("cosines", gradients.cosines)
            object.set("norms", gradients.norms)
        case .skipped(let skipped): skipped.write(to: &object)
        case .evaluation(let evaluation): evaluation.write(to: &object)
        case .checkpoint(let checkpoint):
            object.set("event", "checkpoint")
            object.set("step", checkpoint.step)
            object.set("path", checkpoint.path)
            object.set("bytes", checkpoint.bytes)
            object.set("seconds", checkpoint.seconds)
        case .end(let end): end.write(to: &object)
        }
        return object.text
    }
}

extension RunEvent.Start {
    fileprivate func write(to object: inout JSONObject) {
        object.set("event", "start")
        object.set("version", version)
        object.set("model", model)
        object.set("parameters", parameterCount)
        object.set("precision", precision)
        object.set("tasks") { object in
            for task in tasks {
                object.set(task.name) { object in
                    object.set("train", task.trainCount)
                    if let count = task.devCount { object.set("dev", count) }
                    if let count = task.testCount { object.set("test", count) }
                    object.set("labels", task.labels)
                }
            }
        }
        object.set("world_size", worldSize)
        object.set("threads", threads)
        object.set("machine", machine)
        object.set("batch_size", batchSize)
        object.set("shards", shards)
        object.set("max_length", maxLength)
        object.set("total_steps", totalSteps)
        object.set("seed", seed)
        object.set("output", output)
    }
}

extension RunEvent.Step {
    fileprivate func write(to object: inout JSONObject) {
        object.set("event", "step")
        object.set("step", step)
        object.set("loss", loss)
        object.set("tasks") { object in
            for task in tasks {
                object.set(task.name) { object in
                    object.set("loss", task.loss)
                    if let weight = task.weight { object.set("weight", weight) }
                }
            }
        }
        object.set("learning_rate", learningRate)
        object.set("gradient_norm", gradientNorm)
        object.set("examples", examples)
        object.set("tokens", tokens)
        object.set("tokens_per_second", tokensPerSecond)
        object.set("seconds") { object in
            object.set("data", seconds.data)
            object.set("forward", seconds.forward)
            object.set("backward", seconds.backward)
            object.set("communication", seconds.communication)
            object.set("optimizer", seconds.optimizer)
        }
    }
}

extension RunEvent.Skipped {
    fileprivate func write(to object: inout JSONObject) {
        object.set("event", "skipped")
        object.set("step", step)
        object.set("reason", reason)
        object.set("in_a_row", inARow)
        object.set(
            "examples",
            examples.map { example in
                var object = JSONObject()
                object.set("task", example.task)
                object.set("index", example.index)
                return object
            })
    }
}

extension RunEvent.Evaluation {
    fileprivate func write(to object: inout JSONObject) {
        object.set("event", "evaluation")
        object.set("step", step)
        object.set("split", split)
        object.set("tasks") { object in
            for task in tasks {
                object.set(task.name) { object in
                    object.set("count", task.scores.count)
                    for name in task.scores.names { object.set(name.rawValue, task.scores[name]) }
                    if let confusion = task.confusion { object.set("confusion", confusion.rows) }
                }
            }
        }
        object.set("criterion", criterion)
        object.set("score", score)
        object.set("best", isBest)
        object.set("seconds", seconds)
    }
}

extension RunEvent.End {
    fileprivate func write(to object: inout JSONObject) {
        object.set("event", "end")
        object.set("step", step)
        object.set("model_sha256", modelSHA256)
        object.set("status", status.rawValue)
        object.set("seconds", seconds)
        if let best {
            object.set("best") { object in
                object.set("step", best.step)
                object.set("criterion", best.criterion)
                object.set("score", best.score)
            }
        }
        object.set("skipped_steps", skippedSteps)
        object.set("checkpoint", checkpoint)
    }
}

extension RunEvent.Mistakes {
    /// The contents of `mistakes.json`: one line, with the tasks and their examples in order.
    public var json: String {
        var object = JSONObject()
        object.set("step", step)
        object.set("split", split)
        object.set("tasks") { object in
            for task in tasks {
                object.set(task.name) { object in
                    object.set("count", task.count)
                    object.set("wrong", task.wrongCount)
                    object.set("examples", task.examples.map(\.jsonObject))
                }
            }
        }
        return object.text
    }
}

extension RunEvent.Mistakes.Example {
    fileprivate var jsonObject: JSONObject {
        var object = JSONObject()
        object.set("row", row)
        object.set("actual", actual)
        object.set("predicted", predicted)
        object.set("probability", probability)
        object.set("loss", loss)
        object.set("texts", texts)
        return object
    }
}
