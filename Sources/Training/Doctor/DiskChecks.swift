import Checkpoints
import Foundation

/// Where checkpoints go: room, and how long the disk takes to have them for sure.
package struct DiskCheck: Check {
    package let topic = "disk"
    /// The output folder, or what there is above it.
    package var folder: String
    package var free: Int?
    /// Bytes of one checkpoint, and how many there are at once.
    package var checkpoint: Int
    package var count: Int
    /// Of a short write with fsync; nil where the folder cannot be written, for this reason.
    package var syncSeconds: Double?
    package var reason = ""

    package init(folder: String, checkpoint: Int, count: Int) {
        (self.folder, self.checkpoint, self.count) = (folder, checkpoint, count)
    }

    package var findings: [Finding] {
        guard let syncSeconds else {
            return [
                error("\(folder) cannot be written: \(reason)", "choose another --output", code: .wrongUsage)
            ]
        }
        let needed = checkpoint * count
        var findings: [Finding] = []
        if let free {
            let text =
                "\(sizeText(free)) free at \(folder), \(count) checkpoints of \(sizeText(checkpoint)) take \(sizeText(needed))"
            let remedy = "keep fewer (checkpoint.keep), or choose another --output"
            findings.append(
                free < 2 * checkpoint ? error(text, remedy) : free < needed ? warning(text, remedy) : ok(text))
        }
        let text = "\(Int((syncSeconds * 1e3).rounded())) ms until the disk has 4 MB for sure"
        findings.append(
            syncSeconds < 2
                ? ok(text)
                : warning(
                    text,
                    "a slow disk holds up a run only where checkpoints come faster than it writes: checkpoint.every"))
        return findings
    }

    /// Looks at the folder, or the nearest above it that is there, and leaves nothing in it.
    package mutating func examine() {
        let files = FileManager.default
        while !files.fileExists(atPath: folder), folder != "/" {
            folder = parentFolder(of: folder)
        }
        var space = statvfs()
        if statvfs(folder, &space) == 0 { free = Int(space.f_bavail) * Int(space.f_frsize) }
        var path = Array("\(folder)/.doctor-XXXXXX".utf8CString)
        let file = mkstemp(&path)
        guard file >= 0 else {
            reason = String(cString: strerror(errno))
            return
        }
        defer { close(file) }
        unlink(path)
        let bytes = [UInt8](repeating: 0x5A, count: 4 << 20)
        let began = DispatchTime.now().uptimeNanoseconds
        let count = write(file, bytes, bytes.count)
        guard count == bytes.count, fsync(file) == 0 else {
            // Less than all of it is no error of the call itself.
            reason = String(cString: strerror(0..<bytes.count ~= count ? ENOSPC : errno))
            return
        }
        syncSeconds = Double(DispatchTime.now().uptimeNanoseconds - began) / 1e9
    }
}

/// Something that either could be read or not: the model, a task.
package struct ReadingCheck: Check {
    package let topic: String
    package var result: Result<String, AgreedFailure>

    package init(_ topic: String, _ result: Result<String, AgreedFailure>) {
        (self.topic, self.result) = (topic, result)
    }

    package var findings: [Finding] {
        switch result {
        case .success(let text): [ok(text)]
        case .failure(let failure): [Finding(.error, topic, failure.description, code: failure.code)]
        }
    }
}
