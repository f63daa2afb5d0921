import Foundation
import FoundationXML
import Testing

/// A page as an XML parser reads it: this refuses what is not well-formed.
final class Page: NSObject, XMLParserDelegate {
    struct Element {
        var name: String
        var attributes: [String: String]
        /// With that of its children.
        var text = ""
    }

    private(set) var all: [Element] = []
    private var open: [Int] = []

    init(_ html: String) throws {
        super.init()
        let parser = XMLParser(data: Data(html.utf8))
        parser.delegate = self
        let isWhole = parser.parse()
        try #require(isWhole, "line \(parser.lineNumber): \(String(describing: parser.parserError))")
    }

    func elements(_ name: String) -> [Element] { all.filter { $0.name == name } }
    func text(of name: String) -> [String] { elements(name).map(\.text) }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        open.append(all.count)
        all.append(Element(name: name, attributes: attributes))
    }

    func parser(_ parser: XMLParser, foundCharacters text: String) {
        for index in open { all[index].text += text }
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        open.removeLast()
    }

    /// What a page of ours must be: it refers to nothing but itself, its names are unique, and every drawing says what it is.
    func expectSelfContained(sourceLocation: SourceLocation = #_sourceLocation) {
        let loading = ["src", "srcset", "action", "data", "poster", "background", "xlink:href", "style", "formaction"]
        for element in all {
            let names = element.attributes.keys
            #expect(!names.contains { loading.contains($0) || $0.hasPrefix("on") }, sourceLocation: sourceLocation)
            if let target = element.attributes["href"] {
                #expect(target.hasPrefix("#"), sourceLocation: sourceLocation)
                let id = String(target.dropFirst())
                #expect(all.contains { $0.attributes["id"] == id }, "no \(target)", sourceLocation: sourceLocation)
            }
        }
        let kinds = Set(all.map(\.name))
        #expect(
            kinds.isDisjoint(with: ["script", "link", "img", "iframe", "object", "embed", "base", "image", "use"]),
            sourceLocation: sourceLocation)
        let style = text(of: "style").joined()
        #expect(!style.contains("url(") && !style.contains("@import"), sourceLocation: sourceLocation)
        let ids = all.compactMap { $0.attributes["id"] }
        #expect(Set(ids).count == ids.count, sourceLocation: sourceLocation)
        for drawing in elements("svg") where drawing.attributes["aria-hidden"] != "true" {
            let labels = (drawing.attributes["aria-labelledby"] ?? "").split(separator: " ").map(String.init)
            #expect(labels.count == 2 && labels.allSatisfy(ids.contains), sourceLocation: sourceLocation)
        }
    }

    /// The places of all curves and marks, which must be numbers inside or near their drawing.
    var coordinates: [Double?] {
        all.flatMap { element -> [Double?] in
            let keys = ["x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"]
            let numbers = element.name == "svg" ? [] : keys.compactMap { element.attributes[$0] }.map(Double.init)
            let points = (element.attributes["points"] ?? "").split { $0 == " " || $0 == "," }.map { Double($0) }
            return numbers + points
        }
    }
}
