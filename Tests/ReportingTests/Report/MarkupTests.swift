import Reporting
import Testing

struct MarkupTests {
    static let hostile = "<b>&\"'</b>]]><script>alert(1)</script>\u{0}\u{8}\u{1B}[31m\r\n\t\u{85}\u{FFFE}é正👍"

    @Test func textIsEscaped() {
        #expect(Markup("a < b & c > d").source == "a &lt; b &amp; c &gt; d")
        #expect(Markup("\"'").source == "&quot;&#39;")
        #expect(
            Markup("a\u{0}b\u{1F}c\u{7F}d\u{9F}e\u{FFFF}f").source == "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\u{FFFD}e\u{FFFD}f")
        #expect(Markup("tab\tline\nreturn\rend").source == "tab\tline\nreturn end")
        let name = "</p>"
        #expect(("is \(name)" as Markup).source == "is &lt;/p&gt;")
    }

    @Test func attributesAreEscapedAndMayBeMissing() {
        let markup = tag("p", ["class": nil, "title": "\"><script>"]) { "x" }
        #expect(markup.source == "<p title=\"&quot;&gt;&lt;script&gt;\">x</p>")
    }

    /// HTML takes `<td/>` for an opening tag, and `<br></br>` for two breaks.
    @Test func elementsEndAsHTMLReadsThem() {
        #expect(tag("td").source == "<td></td>")
        #expect(tag("br").source == "<br/>")
        #expect(
            tag("circle", ["r": "3"]) { tag("title") { "3" } }.source == "<circle r=\"3\"><title>3</title></circle>")
    }

    @Test func childrenStandInOrder() {
        let isShown = false
        let markup = tag("ul") {
            for number in 1...2 { tag("li") { "\(number)" } }
            if isShown { tag("li") { "3" } }
        }
        #expect(markup.source == "<ul><li>1</li><li>2</li></ul>")
    }

    @Test func anyTextIsWellFormed() throws {
        let page = Markup.page(
            title: Self.hostile, style: ReportStyle.css, body: tag("p", ["title": Self.hostile]) { Self.hostile })
        let read = try Page(page)
        let text = "<b>&\"'</b>]]><script>alert(1)</script>\u{FFFD}\u{FFFD}\u{FFFD}[31m \n\t\u{FFFD}\u{FFFD}é正👍"
        #expect(read.text(of: "title") == [text] && read.text(of: "p") == [text])
        #expect(read.elements("script").isEmpty && read.elements("b").isEmpty)
    }
}
