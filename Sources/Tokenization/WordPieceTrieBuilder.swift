/// Finds a place for every node of a `WordPieceTrie`.
package struct WordPieceTrieBuilder {
    package private(set) var cells = [UInt64](repeating: 0, count: 256)
    private var baseIsTaken = [Bool](repeating: true, count: 256)
    /// Free cells in a ring of links; index 0 is the ring's head, as cells 0–255 are never handed out.
    private var nextFree: [Int32] = [Int32](repeating: 0, count: 256)
    private var previousFree: [Int32] = [Int32](repeating: 0, count: 256)

    /// Free cells tried for a node before the array grows instead: bounds the time at little cost in space.
    private static let attempts = 64

    package init() {}

    /// Lays out the trie and returns the base of its root.
    package mutating func build(_ tokens: [(bytes: ArraySlice<UInt8>, id: Int32)]) throws -> UInt32 {
        var waiting: [(range: Range<Int>, depth: Int, cell: Int?)] = [(0..<tokens.count, 0, nil)]
        var root = WordPieceTrie.noChildren
        var labels: [UInt8] = []
        var starts: [Int] = []
        while let (range, depth, cell) = waiting.popLast() {
            var first = range.lowerBound
            if first < range.upperBound, tokens[first].bytes.count == depth {
                if let cell { cells[cell] |= UInt64(tokens[first].id + 1) << 28 }
                first += 1
            }
            labels.removeAll(keepingCapacity: true)
            starts.removeAll(keepingCapacity: true)
            for index in first..<range.upperBound {
                let byte = tokens[index].bytes[tokens[index].bytes.startIndex + depth]
                if labels.last != byte {
                    labels.append(byte)
                    starts.append(index)
                }
            }
            if labels.isEmpty { continue }
            starts.append(range.upperBound)
            let base = findBase(labels)
            guard UInt64(base) < WordPieceTrie.baseMask else {
                throw TokenizerError("the vocabulary's tokens are too long altogether: a trie holds 2^28 bytes")
            }
            baseIsTaken[Int(base)] = true
            if let cell { cells[cell] |= UInt64(base) } else { root = base }
            for (child, label) in labels.enumerated() {
                let place = Int(base ^ UInt32(label))
                take(place)
                cells[place] = (UInt64(label) + 1) << 55
                waiting.append((starts[child]..<starts[child + 1], depth + 1, place))
            }
        }
        return root
    }

    private mutating func findBase(_ labels: [UInt8]) -> UInt32 {
        // From the oldest, so that few cells stay free; then from the newest, as what is left of old blocks may suit nobody.
        return findBase(labels, along: nextFree) ?? findBase(labels, along: previousFree) ?? grow()
    }

    private func findBase(_ labels: [UInt8], along links: [Int32]) -> UInt32? {
        var free = Int(links[0])
        var attempts = 0
        while free != 0, attempts < Self.attempts {
            let base = UInt32(free) ^ UInt32(labels[0])
            if !baseIsTaken[Int(base)], labels.allSatisfy({ cells[Int(base ^ UInt32($0))] == 0 }) { return base }
            free = Int(links[free])
            attempts += 1
        }
        return nil
    }

    /// Adds 256 free cells and returns a base among them that suits any node.
    private mutating func grow() -> UInt32 {
        let start = cells.count
        cells += repeatElement(0, count: 256)
        baseIsTaken += repeatElement(false, count: 256)
        let last = previousFree[0]
        for place in start..<(start + 256) {
            previousFree.append(place == start ? last : Int32(place - 1))
            nextFree.append(place == start + 255 ? 0 : Int32(place + 1))
        }
        nextFree[Int(last)] = Int32(start)
        previousFree[0] = Int32(start + 255)
        return UInt32(start)
    }

    private mutating func take(_ place: Int) {
        nextFree[Int(previousFree[place])] = nextFree[place]
        previousFree[Int(nextFree[place])] = previousFree[place]
    }
}
