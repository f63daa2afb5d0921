import CMPI

/// A call to MPI that failed, or one that could not have succeeded.
public struct MPIError: Error, Sendable, CustomStringConvertible {
    /// The function's name.
    public let call: String
    public let explanation: String

    public var description: String { "\(call): \(explanation)" }

    init(call: String, explanation: String) {
        self.call = call
        self.explanation = explanation
    }

    /// - Parameter code: an error code that MPI returned; its text is asked of MPI (MPI 3.1, section 8.3).
    init(call: String, code: Int32) {
        var text = [CChar](repeating: 0, count: Int(MPI_MAX_ERROR_STRING) + 1)
        var length: Int32 = 0
        let known = MPI_Error_string(code, &text, &length) == MPI_SUCCESS
        self.init(
            call: call,
            explanation: known
                ? String(decoding: text.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
                : "error \(code)")
    }
}

/// Throws unless MPI says that the call succeeded.
func check(_ code: Int32, _ call: String) throws {
    if code != MPI_SUCCESS { throw MPIError(call: call, code: code) }
}
