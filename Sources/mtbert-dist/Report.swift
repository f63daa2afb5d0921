import ArgumentParser
import Reporting
import Training

struct Report: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Writes report.html, one page about a run or a comparison, into its folder.",
        discussion: """
            A run and a comparison write it by themselves when they end. This makes it anew: while the run goes on, or after \
            it broke off. The file loads nothing, so that it can be mailed and kept. Example:
              mtbert-dist report runs/reviews
            """)

    @Argument(help: "The folder of a run or a comparison.")
    var folder: String

    func run() throws {
        try reportingErrors {
            do {
                print("wrote \(try writeReport(folder: folder))")
            } catch let error as ReportingError {
                throw UsageError("\(error)")
            }
        }
    }
}
