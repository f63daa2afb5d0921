import Foundation
import Metrics
import Reporting
import Testing

struct TensorBoardWriterTests {
    /// The messages of an event file, after holding the frames against their checksums.
    private func messages(in folder: String) throws -> [[UInt8]] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(names.count == 1 && names[0].hasPrefix("events.out.tfevents.1700000000."))
        var bytes = [UInt8](try #require(FileManager.default.contents(atPath: folder + "/" + names[0])))[...]
        var messages: [[UInt8]] = []
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        func masked(_ bytes: [UInt8]) -> UInt64 {
            let checksum = crc32c(bytes)
            return UInt64((checksum >> 15 | checksum << 17) &+ 0xa282_ead8)
        }
        while !bytes.isEmpty {
            try #require(bytes.count >= 16)
            let length = bytes.prefix(8)
            let count = Int(number(length))
            #expect(number(bytes.dropFirst(8).prefix(4)) == masked(Array(length)))
            let message = Array(bytes.dropFirst(12).prefix(count))
            #expect(number(bytes.dropFirst(12 + count).prefix(4)) == masked(message))
            messages.append(message)
            bytes = bytes.dropFirst(16 + count)
        }
        return messages
    }

    @Test func theChecksumIsCastagnolis() {
        #expect(crc32c(Array("123456789".utf8)) == 0xE306_9283 && crc32c([]) == 0)
        #expect(crc32c([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA, "RFC 3720, B.4")
        #expect(crc32c([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43, "RFC 3720, B.4")
    }

    @Test func framesAndMessagesAreWholeAndInOrder() throws {
        try withTemporaryFolder { folder in
            let writer = try TensorBoardWriter(folder: folder, time: { 1_700_000_000 })
            for event in [Sample.start, Sample.resume, Sample.step(300), Sample.checkpoint(300), Sample.end()] {
                writer.record(event)
            }
            let messages = try messages(in: folder)
            #expect(messages.count == 3)
            // 1.7e9 as a double, little endian, in field 1, and the step in field 2.
            let time: [UInt8] = [0x09, 0, 0, 0, 0x40, 0xFC, 0x54, 0xD9, 0x41]
            #expect(messages.first == time + [0x10, 0, 0x1A, 13] + Array("brain.Event:2".utf8))
            #expect(messages.dropFirst().first == time + [0x10, 0xC9, 0x01, 0x3A, 2, 0x08, 1])
            let step = try #require(messages.last)
            #expect(Array(step.prefix(12)) == time + [0x10, 0xAC, 0x02])
            // The first value: tag loss/all, value 0.5.
            let value: [UInt8] = [0x0A, 15, 0x0A, 8] + Array("loss/all".utf8) + [0x15, 0, 0, 0, 0x3F]
            #expect(Array(step.dropFirst(15).prefix(value.count)) == value)
        }
    }

    @Test func evaluationsNameSplitScoreAndTask() throws {
        try withTemporaryFolder { folder in
            let writer = try TensorBoardWriter(folder: folder, time: { 1_700_000_000 })
            writer.record(Sample.evaluation(1))
            let text = String(decoding: try #require(try messages(in: folder).last), as: UTF8.self)
            for tag in [
                "dev_accuracy/books", "dev_accuracy/zh", "dev_accuracy/mean", "dev_loss/mean", "dev_macro_f1/zh",
            ] {
                #expect(text.contains(tag))
            }
        }
    }

    @Test func weightsAndGradientsAreNamedByTask() throws {
        try withTemporaryFolder { folder in
            let writer = try TensorBoardWriter(folder: folder, time: { 1_700_000_000 })
            for event in [Sample.step(1), Sample.weightedStep(2), Sample.gradients(2)] { writer.record(event) }
            let texts = try messages(in: folder).suffix(3).map { String(decoding: $0, as: UTF8.self) }
            #expect(texts.count == 3 && !texts[0].contains("weight/") && texts[1].contains("weight/zh"))
            #expect(texts[2].contains("gradient_cosine/books_zh") && texts[2].contains("task_gradient_norm/books"))
        }
    }

    @Test func aMissingFolderIsAnError() {
        #expect(throws: ReportingError.self) { try TensorBoardWriter(folder: "/no/such/folder") }
    }
}
