import TaskData
import Tokenization

extension WordPieceTokenizer: TextEncoder {
    public func encode(
        _ first: UnsafeBufferPointer<UInt8>, pair: UnsafeBufferPointer<UInt8>?, maxLength: Int, into ids: inout [Int32],
        secondSegmentStart: inout Int
    ) {
        var text = EncodedText()
        swap(&text.ids, &ids)
        encode(first, pair: pair, maxLength: maxLength, into: &text)
        swap(&text.ids, &ids)
        secondSegmentStart = text.secondSegmentStart
    }
}
