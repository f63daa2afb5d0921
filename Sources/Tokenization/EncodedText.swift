/// One text or a pair as a model takes it, special tokens included.
public struct EncodedText: Sendable, Equatable {
    /// `[CLS] text [SEP]` or `[CLS] first [SEP] second [SEP]`.
    public var ids: [Int32]
    /// Token type 1 from here on; `ids.count` where there is no second text.
    public var secondSegmentStart: Int

    public init(ids: [Int32] = [], secondSegmentStart: Int = 0) {
        self.ids = ids
        self.secondSegmentStart = secondSegmentStart
    }
}

extension WordPieceTokenizer {
    /// Encodes a text, or a pair, with special tokens, overwriting `result` but keeping its memory.
    ///
    /// More than `maxLength` ids are cut as `truncation=True` does: at the end, and of a pair the longer text first, down
    /// to equal lengths. Special tokens are never cut: a `maxLength` below 2, or 3 for a pair, counts as that.
    public func encode(
        _ utf8: UnsafeBufferPointer<UInt8>, pair: UnsafeBufferPointer<UInt8>? = nil, maxLength: Int,
        into result: inout EncodedText
    ) {
        result.ids.removeAll(keepingCapacity: true)
        result.ids.append(clsID)
        if let pair {
            encodePair(utf8, pair, room: max(0, maxLength - 3), into: &result)
        } else {
            appendTokens(of: utf8, limit: max(0, maxLength - 2), to: &result.ids)
            result.ids.append(sepID)
            result.secondSegmentStart = result.ids.count
        }
    }

    /// Encodes a text, or a pair, with special tokens; see `encode(_:pair:maxLength:into:)`.
    public func encode(_ text: String, pair: String? = nil, maxLength: Int = .max) -> EncodedText {
        var result = EncodedText()
        var text = text
        text.withUTF8 { first in
            if var pair {
                pair.withUTF8 { encode(first, pair: $0, maxLength: maxLength, into: &result) }
            } else {
                encode(first, maxLength: maxLength, into: &result)
            }
        }
        return result
    }

    private func encodePair(
        _ first: UnsafeBufferPointer<UInt8>, _ second: UnsafeBufferPointer<UInt8>, room: Int,
        into result: inout EncodedText
    ) {
        // `room` ids of each text tell how they are cut, unless both have so many and the odd id is the longer one's.
        appendTokens(of: first, limit: room, to: &result.ids)
        var firstCount = result.ids.count - 1
        var tail: [Int32] = []
        appendTokens(of: second, limit: room, to: &tail)
        var secondCount = tail.count
        if firstCount == room, secondCount == room, room % 2 == 1 {
            firstCount = tokenCount(of: first)
            secondCount = tokenCount(of: second)
        }
        let kept = Self.longestFirst(firstCount, secondCount, room: room)
        result.ids.removeLast(result.ids.count - 1 - kept.first)
        result.ids.append(sepID)
        result.secondSegmentStart = result.ids.count
        result.ids += tail[..<kept.second]
        result.ids.append(sepID)
    }

    private func tokenCount(of text: UnsafeBufferPointer<UInt8>) -> Int {
        var ids: [Int32] = []
        appendTokens(of: text, limit: .max, to: &ids)
        return ids.count
    }

    /// How many ids of each text of a pair stay where there is `room` for both together.
    static func longestFirst(_ first: Int, _ second: Int, room: Int) -> (first: Int, second: Int) {
        guard first > room || second > room - first else { return (first, second) }
        let shorter = min(first, second)
        if shorter <= room / 2 {
            return first > second ? (room - shorter, shorter) : (shorter, room - shorter)
        }
        let half = room / 2
        return first > second ? (room - half, half) : (half, room - half)
    }
}
