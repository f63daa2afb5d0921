extension RunConfiguration {
    /// The run of the program without a configuration file: three small tasks from the embedded corpus, in English and
    /// Chinese, on a small random encoder.
    public static let demonstration: RunConfiguration = {
        var configuration = RunConfiguration()
        configuration.tasks = ["reviews", "tweets", "zh_reviews"].map { name in
            var task = TaskEntry()
            task.name = name
            task.train = .embedded("\(name)/train")
            task.dev = .embedded("\(name)/dev")
            task.test = .embedded("\(name)/test")
            return task
        }
        configuration.batch.size = 32
        configuration.batch.maxLength = 64
        configuration.length = .epochs(8)
        configuration.optimizer.learningRate = 7.0e-4
        configuration.output = "runs/demonstration"
        return configuration
    }()
}
