import Foundation

/// Prints an error as the last thing the user reads.
public func complain(_ message: String) { write("\nerror: \(message)\n") }

/// Prints what the user should know at the end and is no error.
public func remark(_ message: String) { write("\n\(message)\n") }

func warn(_ message: String) { write("\nwarning: \(message)\n") }

/// By one call, so that the lines of several ranks do not mix.
private func write(_ text: String) {
    let bytes = Array(harmless(text).utf8)
    _ = Foundation.write(STDERR_FILENO, bytes, bytes.count)
}

/// A text with its control characters written out: what an error quotes from a file must not command the terminal.
package func harmless(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        let isControl = scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
        if isControl { result += scalar.escaped(asASCII: true) } else { result.unicodeScalars.append(scalar) }
    }
    return result
}
