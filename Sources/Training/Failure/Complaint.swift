import Foundation

/// Prints an error as the last thing the user reads.
public func complain(_ message: String) { write("\nerror: \(message)\n") }

/// Prints what the user should know at the end and is no error.
public func remark(_ message: String) { write("\n\(message)\n") }

func warn(_ message: String) { write("\nwarning: \(message)\n") }

/// By one call, so that the lines of several ranks do not mix.
private func write(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }
