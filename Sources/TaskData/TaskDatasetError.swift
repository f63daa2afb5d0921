/// What is wrong with a task as a whole: `task "books": …`.
public struct TaskDatasetError: Error, Sendable, Equatable, CustomStringConvertible {
    public let task: String
    public let message: String

    package init(task: String, message: String) {
        self.task = task
        self.message = message
    }

    public var description: String { "task \"\(task)\": \(message)" }
}
