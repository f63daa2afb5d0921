import Glibc
import MPI
import Synchronization

/// A little memory that the ranks of one machine share, where each says how it is.
///
/// It is a file without a name, opened by the others through `/proc`, so that nothing of it can be left behind. All numbers
/// are counters and flags: nobody compares clocks.
///
/// `@unchecked Sendable`: the memory stays mapped until the process ends, and is only touched through atomics.
final class HeartbeatBoard: @unchecked Sendable {
    /// This machine's name.
    let host: String
    /// The ranks on this machine, ascending.
    let ranks: [Int]
    /// Whether these are all ranks of the run.
    let holdsAllRanks: Bool
    let own: HeartbeatRecord
    private let words: UnsafeMutablePointer<Atomic<UInt64>>

    /// Collective. Where the memory cannot be shared, each rank gets a board of its own.
    init(_ communicator: any Communicator) throws {
        host = hostName()
        let machines = try communicator.allGatherVariable(Array(machineIdentity(host).utf8))
        let neighbours = machines.indices.filter { machines[$0] == machines[communicator.rank] }
        let byteCount = (1 + neighbours.count) * HeartbeatRecord.wordCount * 8
        let file = namelessFile(byteCount: byteCount)
        let files = try communicator.allGather([getpid(), file])
        let theirs = "/proc/\(files[2 * neighbours[0]])/fd/\(files[2 * neighbours[0] + 1])"
        let shared = mapped(theirs, byteCount: byteCount)
        let isShared = try communicator.allGather(shared != nil)
        if file >= 0 { close(file) }

        let canShare = neighbours.allSatisfy { isShared[$0] }
        ranks = canShare ? neighbours : [communicator.rank]
        holdsAllRanks = ranks.count == communicator.size
        if let shared, canShare {
            words = shared.bindMemory(to: Atomic<UInt64>.self, capacity: byteCount / 8)
        } else {
            words = .allocate(capacity: byteCount / 8)
            for index in 0..<byteCount / 8 { (words + index).initialize(to: Atomic(0)) }
        }
        let place = ranks.firstIndex(of: communicator.rank) ?? 0
        own = HeartbeatRecord(words + (1 + place) * HeartbeatRecord.wordCount)
        own.join()
        try communicator.barrier()
    }

    /// What the neighbours say of themselves, this rank included.
    func readings() -> [RankReading] {
        ranks.indices.map {
            HeartbeatRecord(words + (1 + $0) * HeartbeatRecord.wordCount).reading(rank: ranks[$0])
        }
    }

    /// Whether any rank of this machine was asked to stop.
    var isStopRequested: Bool { words[1].load(ordering: .relaxed) != 0 }

    func requestStop() { words[1].store(1, ordering: .relaxed) }

    /// The exit code with which the ranks of this machine are ending, once one has said so.
    var endingCode: Int32? {
        let word = words[0].load(ordering: .acquiring)
        return word == 0 ? nil : Int32(truncatingIfNeeded: word) - 1
    }

    /// Announces the end of all ranks. - Returns: whether this rank was the first, and so the one to say why.
    func announceEnd(code: Int32) -> Bool {
        words[0].compareExchange(expected: 0, desired: UInt64(code) + 1, ordering: .acquiringAndReleasing).exchanged
    }
}

/// One rank's part of the board: a cache line.
struct HeartbeatRecord: @unchecked Sendable {
    static let wordCount = 8
    private let words: UnsafeMutablePointer<Atomic<UInt64>>

    init(_ words: UnsafeMutablePointer<Atomic<UInt64>>) { self.words = words }

    // What each word holds.
    private static let (process, beats, marks, place, isAsleep, hasLeft) = (0, 1, 2, 3, 4, 5)

    func join() { words[Self.process].store(UInt64(getpid()), ordering: .releasing) }

    /// The rank ends in good order, and is watched no longer.
    func leave() { words[Self.hasLeft].store(1, ordering: .releasing) }

    /// By the thread that watches: it lives.
    ///
    /// - Parameter isAsleep: whether the process used next to no processor time since the last beat.
    func beat(isAsleep: Bool) {
        words[Self.isAsleep].store(isAsleep ? 1 : 0, ordering: .relaxed)
        words[Self.beats].wrappingAdd(1, ordering: .releasing)
    }

    /// By the threads that work: they get on.
    func mark() { words[Self.marks].wrappingAdd(1, ordering: .relaxed) }

    var currentPlace: RunPlace {
        get { RunPlace(word: words[Self.place].load(ordering: .relaxed)) }
        nonmutating set {
            words[Self.place].store(newValue.word, ordering: .relaxed)
            mark()
        }
    }

    func reading(rank: Int) -> RankReading {
        let process = pid_t(words[Self.process].load(ordering: .acquiring))
        var reading = RankReading(rank: rank)
        // In this order: a rank leaves before its process ends.
        reading.isGone = kill(process, 0) != 0 && errno == ESRCH
        reading.hasLeft = words[Self.hasLeft].load(ordering: .acquiring) != 0
        reading.beats = words[Self.beats].load(ordering: .relaxed)
        reading.marks = words[Self.marks].load(ordering: .relaxed)
        reading.place = currentPlace
        reading.isAsleep = words[Self.isAsleep].load(ordering: .relaxed) != 0
        return reading
    }
}

private func hostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "a host without a name" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// The same for processes that see each other in `/proc`: one system, one process namespace.
private func machineIdentity(_ host: String) -> String {
    var boot = [UInt8](repeating: 0, count: 64)
    let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
    if file >= 0 {
        _ = read(file, &boot, boot.count)
        close(file)
    }
    var namespace = [CChar](repeating: 0, count: 64)
    _ = readlink("/proc/self/ns/pid", &namespace, namespace.count - 1)
    return "\(host) \(boot) \(namespace)"
}

/// A file of zeros that has lost its name; -1 where none can be made.
private func namelessFile(byteCount: Int) -> Int32 {
    for folder in ["/dev/shm", "/tmp"] {
        var path = Array("\(folder)/mtbert-XXXXXX".utf8CString)
        let file = mkstemp(&path)
        guard file >= 0 else { continue }
        unlink(path)
        if ftruncate(file, byteCount) == 0 { return file }
        close(file)
    }
    return -1
}

private func mapped(_ path: String, byteCount: Int) -> UnsafeMutableRawPointer? {
    let file = open(path, O_RDWR | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    let memory = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
    return memory == MAP_FAILED ? nil : memory
}
