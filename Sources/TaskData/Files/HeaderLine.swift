/// The column names of a TSV or CSV file, and where the columns of a task stand among them.
struct HeaderLine {
    let columnCount: Int
    /// Positions of the text columns in order, then of the label.
    let wanted: [Int]

    init(names: [String], columns: TaskColumns) throws(RowProblem) {
        columnCount = names.count
        var wanted: [Int] = []
        for column in columns.all {
            guard let index = names.firstIndex(of: column) else {
                throw RowProblem(
                    "the header line names no column \"\(column)\"\(suggestion(for: column, among: names)) "
                        + "The columns are \(quotedList(names))")
            }
            guard names.lastIndex(of: column) == index else {
                throw RowProblem("the header line names the column \"\(column)\" twice")
            }
            wanted.append(index)
        }
        self.wanted = wanted
    }

    func wrongColumnCount(_ count: Int) -> RowProblem {
        RowProblem("\(count) column\(count == 1 ? "" : "s"), where the header line has \(columnCount)")
    }
}
