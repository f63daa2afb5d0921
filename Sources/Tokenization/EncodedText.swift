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

/// What stays of a text that is too long.
public enum Truncation: String, Sendable, CaseIterable {
    /// Its beginning, as `truncation=True` does.
    case head
    /// A quarter of the room from its beginning and three quarters from its end, where reviews come to their verdict (Sun et al.,
    /// "How to fine-tune BERT for text classification?", 2019, section 5.3.1).
    case headAndTail = "head_tail"
}

extension WordPieceTokenizer {
    /// Encodes a text, or a pair, with special tokens, overwriting `result` but keeping its memory.
    ///
    /// More than `maxLength` ids are cut as `truncation` says, and of a pair the longer text first, down to equal lengths. Special tokens are never cut: a `maxLength` below 2, or 3 for a pair, counts as that.
    public func encode(
        _ utf8: UnsafeBufferPointer<UInt8>, pair: UnsafeBufferPointer<UInt8>? = nil, maxLength: Int,
        into result: inout EncodedText
    ) {
        result.ids.removeAll(keepingCapacity: true)
        result.ids.append(clsID)
        if let pair {
            encodePair(utf8, pair, room: max(0, maxLength - 3), into: &result)
        } else {
            let room = max(0, maxLength - 2)
            appendTokens(of: utf8, limit: truncation == .head ? room : .max, to: &result.ids)
            cut(&result.ids, from: 1, to: room)
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
        let limit = truncation == .head ? room : .max
        appendTokens(of: first, limit: limit, to: &result.ids)
        var firstCount = result.ids.count - 1
        var tail: [Int32] = []
        appendTokens(of: second, limit: limit, to: &tail)
        var secondCount = tail.count
        if truncation == .head, firstCount == room, secondCount == room, room % 2 == 1 {
            firstCount = tokenCount(of: first)
            secondCount = tokenCount(of: second)
        }
        let kept = Self.longestFirst(firstCount, secondCount, room: room)
        cut(&result.ids, from: 1, to: kept.first)
        result.ids.append(sepID)
        result.secondSegmentStart = result.ids.count
        cut(&tail, from: 0, to: kept.second)
        result.ids += tail
        result.ids.append(sepID)
    }

    /// Leaves so many of the ids behind `start`.
    private func cut(_ ids: inout [Int32], from start: Int, to count: Int) {
        let surplus = ids.count - start - count
        guard surplus > 0 else { return }
        let place = truncation == .head ? ids.count - surplus : start + count / 4
        ids.removeSubrange(place..<place + surplus)
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
