/// A piece of a page, well-formed as XML and read alike as HTML.
///
/// It is escaped by construction: a string becomes markup as text only, names of elements and attributes are literals of
/// the program, and attribute values are escaped where they are set.
package struct Markup: Sendable, Equatable, ExpressibleByStringInterpolation {
    package let source: String

    /// Text as it is to be read.
    package init(_ text: String) {
        source = escaped(text)
    }

    package init(stringLiteral text: String) {
        self.init(text)
    }

    private init(source: String) {
        self.source = source
    }

    package static let nothing = Markup(source: "")

    package static func + (left: Markup, right: Markup) -> Markup { Markup(source: left.source + right.source) }

    /// An element with its children. HTML's void elements, and those of SVG without children, close themselves.
    package static func element(
        _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String?>, _ children: Markup
    ) -> Markup {
        var start = "<\(name)"
        for (key, value) in attributes {
            if let value { start += " \(key)=\"\(escaped(value))\"" }
        }
        let closesItself = selfClosing.contains("\(name)") && children.source.isEmpty
        return Markup(source: closesItself ? start + "/>" : start + ">\(children.source)</\(name)>")
    }

    /// A whole page: `style` is CSS of the program's own, without characters that XML reads as markup.
    package static func page(title: String, style: StaticString, body: Markup) -> String {
        let css = "\(style)"
        precondition(!css.contains { "<&".contains($0) } && !css.contains("]]"), "CSS with characters of markup")
        // Nothing may be loaded, whatever a text in the page looks like.
        let policy = "default-src 'none'; style-src 'unsafe-inline'"
        let head = tag("head") {
            tag("meta", ["charset": "utf-8"])
            tag("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"])
            tag("meta", ["http-equiv": "Content-Security-Policy", "content": policy])
            tag("meta", ["name": "color-scheme", "content": "light dark"])
            tag("title") { title }
            Markup.element("style", [:], Markup(source: css))
        }
        return "<!DOCTYPE html>\n" + tag("html", ["lang": "en"]) { head + tag("body") { body } }.source + "\n"
    }

    private static let selfClosing: Set<String> = [
        "meta", "br", "col", "hr", "path", "line", "rect", "circle", "polyline", "polygon",
    ]
}

/// An element whose children are listed in braces.
package func tag(
    _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String?> = [:],
    @MarkupBuilder _ children: () -> Markup = { Markup.nothing }
) -> Markup {
    Markup.element(name, attributes, children())
}

/// Puts pieces of a page one after the other.
@resultBuilder
package enum MarkupBuilder {
    package static func buildExpression(_ piece: Markup) -> Markup { piece }
    package static func buildExpression(_ piece: Markup?) -> Markup { piece ?? .nothing }
    package static func buildExpression(_ text: String) -> Markup { Markup(text) }
    package static func buildBlock(_ pieces: Markup...) -> Markup { joined(pieces) }
    package static func buildArray(_ pieces: [Markup]) -> Markup { joined(pieces) }
    package static func buildOptional(_ piece: Markup?) -> Markup { piece ?? .nothing }
    package static func buildEither(first piece: Markup) -> Markup { piece }
    package static func buildEither(second piece: Markup) -> Markup { piece }

    private static func joined(_ pieces: [Markup]) -> Markup { pieces.reduce(.nothing, +) }
}

/// The text with the characters of markup as references, and without those that XML 1.0 (section 2.2) does not know:
/// control characters and U+FFFE, U+FFFF become U+FFFD.
private func escaped(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        case "\t", "\n": result.unicodeScalars.append(scalar)
        case "\r": result += " "
        case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
