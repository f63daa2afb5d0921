/// The normalized UTF-8 of one word while it is gathered.
///
/// Of a word too long to be cut only that fact is kept, so the memory may be short. It must hold
/// `4 * (longestWord + 1) + largestStep` bytes, or whatever the whole text can become, if that is less.
struct WordBuffer {
    /// Bytes beyond the longest word that can be cut, so that any one scalar finds room.
    static let largestStep = 16

    private let start: UnsafeMutablePointer<UInt8>
    private let capacity: Int
    private let longestWord: Int
    private var count = 0
    /// Bytes that do not begin a scalar.
    private var trailingCount = 0
    private var overflowed = false

    init(memory: UnsafeMutableBufferPointer<UInt8>, longestWord: Int) {
        guard let start = memory.baseAddress, memory.count > Self.largestStep else {
            fatalError("a word buffer needs more than \(Self.largestStep) bytes")
        }
        self.start = start
        capacity = memory.count
        self.longestWord = longestWord
    }

    @inline(__always)
    var isEmpty: Bool { count == 0 && !overflowed }

    @inline(__always)
    var isTooLong: Bool { overflowed || count - trailingCount > longestWord }

    @inline(__always)
    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }

    /// How many ASCII bytes may be appended.
    @inline(__always)
    var room: Int { capacity - count }

    /// Appends one byte; there must be room.
    @inline(__always)
    mutating func append(_ byte: UInt8) {
        start[count] = byte
        count += 1
    }

    @inline(__always)
    mutating func append(_ scalar: UInt32) {
        if capacity - count < 4 { overflow() }
        let length = UTF8Scalars.encode(scalar, to: start + count)
        count += length
        trailingCount += length - 1
    }

    /// Appends a scalar given as its UTF-8, first byte lowest.
    @inline(__always)
    mutating func append(_ utf8: UInt32, length: Int) {
        if capacity - count < 4 { overflow() }
        UnsafeMutableRawPointer(start + count).storeBytes(of: utf8.littleEndian, as: UInt32.self)
        count += length
        trailingCount += length - 1
    }

    /// The word is longer than memory, hence than the longest word: forget its bytes and go on.
    mutating func overflow() {
        overflowed = true
        count = 0
        trailingCount = 0
    }

    @inline(__always)
    mutating func clear() {
        count = 0
        trailingCount = 0
        overflowed = false
    }
}
