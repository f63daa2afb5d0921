/// Turns a text or a pair of texts into token ids.
public protocol TextEncoder: Sendable {
    /// Replaces `ids` by the tokens of the text in UTF-8, special tokens included, cut to `maxLength`.
    ///
    /// - Parameter secondSegmentStart: set to the first token of the second segment; without a pair, to `ids.count`.
    func encode(
        _ first: UnsafeBufferPointer<UInt8>, pair: UnsafeBufferPointer<UInt8>?, maxLength: Int, into ids: inout [Int32],
        secondSegmentStart: inout Int)
}
