import Foundation
import LinearAlgebra

/// Memory for the views of one test, laid out so that an access outside of them is found.
///
/// Each view ends right before a page that cannot be touched and begins behind another one, with canaries between: a read or
/// write behind a view stops the tests, and a write before it or between its rows shows in `isIntact`. Canaries and
/// whatever has not been written yet are NaNs, so that a value that depends on them is NaN too.
final class GuardedMemory {
    /// Elements between the rows of matrices.
    let gap: Int
    private var pieces: [Piece] = []

    init(gap: Int = 0) { self.gap = gap }

    deinit { for piece in pieces { munmap(piece.pages, piece.byteCount) } }

    /// A matrix that holds NaNs.
    func matrix(_ rows: Int, _ columns: Int) -> MatrixView {
        let stride = columns + gap
        let piece = Piece(count: rows == 0 ? 0 : (rows - 1) * stride + columns)
        let view = MatrixView(piece.base, rows: rows, columns: columns, stride: stride)
        pieces.append(piece.holding(view))
        return view
    }

    func matrix(_ grid: Grid) -> MatrixView {
        let view = matrix(grid.rows, grid.columns)
        for row in 0..<grid.rows {
            for column in 0..<grid.columns { view[row, column] = Float(grid[row, column]) }
        }
        return view
    }

    /// A vector that holds NaNs.
    func vector(_ count: Int) -> VectorView { matrix(1, count).row(0) }

    func vector(_ values: [Double]) -> VectorView {
        matrix(Grid(rows: 1, columns: values.count, values)).row(0)
    }

    /// Whether all memory outside of the views is as it was.
    var isIntact: Bool { pieces.allSatisfy(\.isIntact) }

    /// Whole pages between two that cannot be touched.
    private struct Piece {
        static let canary: UInt32 = 0x7FC0_CAFE
        let pages: UnsafeMutableRawPointer
        let byteCount: Int
        let words: UnsafeMutableBufferPointer<UInt32>
        let base: UnsafeMutablePointer<Float>
        var view: MatrixView?

        init(count: Int) {
            let page = Int(getpagesize())
            let inner = (count * 4 / page + 1) * page
            byteCount = inner + 2 * page
            guard
                let pages = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
                pages != MAP_FAILED, mprotect(pages, page, PROT_NONE) == 0,
                mprotect(pages + page + inner, page, PROT_NONE) == 0
            else { fatalError("no guarded memory: \(String(cString: strerror(errno)))") }
            self.pages = pages
            words = UnsafeMutableRawBufferPointer(start: pages + page, count: inner).bindMemory(to: UInt32.self)
            words.update(repeating: Self.canary)
            base = (pages + page + inner - count * 4).bindMemory(to: Float.self, capacity: count)
        }

        func holding(_ view: MatrixView) -> Piece {
            var piece = self
            piece.view = view
            return piece
        }

        var isIntact: Bool {
            guard let view, let first = words.baseAddress else { return true }
            let start = (UnsafeMutableRawPointer(view.base) - UnsafeMutableRawPointer(first)) / 4
            return words.indices.allSatisfy { index in
                let inside = index >= start && (index - start) % max(view.stride, 1) < view.columns
                return inside || words[index] == Self.canary
            }
        }
    }
}

extension VectorView {
    var bits: [UInt32] { array.map(\.bitPattern) }
}

extension MatrixView {
    var bits: [UInt32] { (0..<rows).flatMap { row($0).bits } }
}
