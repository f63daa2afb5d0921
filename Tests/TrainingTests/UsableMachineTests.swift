import Foundation
import Testing
import Training

/// What machines say of themselves, as texts of made-up machines.
@Suite struct UsableMachineTests {
    private static let memory = "MemTotal:       65536000 kB\nMemFree:  100 kB\nMemAvailable:   32768000 kB\n"

    private static func machine(_ files: [String: String]) -> UsableMachine {
        UsableMachine(name: "node7") { files[$0] }
    }

    /// Two packages of two cores with two hardware threads each, numbered as Linux commonly does.
    private static func topology() -> [String: String] {
        var files: [String: String] = [:]
        for processor in 0..<8 {
            let folder = "/sys/devices/system/cpu/cpu\(processor)/topology/"
            files[folder + "physical_package_id"] = "\(processor % 4 / 2)\n"
            files[folder + "core_id"] = "\(processor % 2)\n"
        }
        return files
    }

    @Test(arguments: [
        ("0-7", [0, 1, 2, 3]), ("0,4", [0]), ("1-2,6", [1, 2]), ("5", [5]), ("0-1,6-7", [0, 1, 6, 7]),
    ]) func countsCoresNotHardwareThreads(list: String, cores: [Int]) {
        var files = Self.topology()
        files["/proc/self/status"] = "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t\(list)\n"
        files["/proc/meminfo"] = Self.memory
        let machine = Self.machine(files)
        #expect(machine.cores == cores)
        #expect(machine.processorQuota == nil)
        #expect(machine.memory == 65_536_000 << 10)
        #expect(machine.availableMemory == 32_768_000 << 10)
    }

    @Test func withoutTopologyEveryProcessorCounts() {
        #expect(Self.machine(["/proc/self/status": "Cpus_allowed_list:\t0-2,9\n"]).cores == [0, 1, 2, 9])
    }

    /// Nothing to read at all, as on another system.
    @Test func withoutAnyFile() {
        let machine = Self.machine([:])
        #expect(!machine.cores.isEmpty && machine.memory > 0 && machine.availableMemory == machine.memory)
    }

    @Test func controlGroupLimitsMemory() {
        let machine = Self.machine([
            "/proc/meminfo": Self.memory, "/proc/self/cgroup": "0::/pod\n",
            "/sys/fs/cgroup/pod/memory.max": "4294967296\n", "/sys/fs/cgroup/pod/cpu.max": "150000 100000\n",
        ])
        #expect(machine.memory == 4 << 30 && machine.availableMemory == 4 << 30)
        #expect(machine.processorQuota == 1.5)
    }

    @Test(arguments: [
        ("", []), ("3", [3]), ("0-3", [0, 1, 2, 3]), ("0-1,5,8-9\n", [0, 1, 5, 8, 9]), ("7\n", [7]), ("3-1", []),
        ("a", []),
    ]) func lists(text: String, numbers: [Int]) {
        #expect(UsableMachine.numbers(inList: text) == numbers)
    }

    /// This very machine has something.
    @Test func inspection() {
        let machine = UsableMachine.inspect()
        #expect(!machine.name.isEmpty && !machine.cores.isEmpty)
        #expect(machine.availableMemory > 0 && machine.availableMemory <= machine.memory)
    }
}

@Suite struct ControlGroupLimitsTests {
    private static func limits(_ files: [String: String]) -> ControlGroupLimits { ControlGroupLimits { files[$0] } }

    @Test func noneWithoutGroups() {
        for groups in ["", "garbage\n", "0::/\n", "4:memory:/a\n1:cpu:/\n"] {
            let limits = Self.limits(["/proc/self/cgroup": groups])
            #expect(limits.processors == nil && limits.memory == nil)
        }
    }

    /// The least of the group and those around it.
    @Test func versionTwo() {
        var files = [
            "/proc/self/cgroup": "0::/slice/pod/container\n",
            "/sys/fs/cgroup/slice/pod/container/cpu.max": "max 100000\n",
            "/sys/fs/cgroup/slice/pod/cpu.max": "350000 100000\n", "/sys/fs/cgroup/slice/cpu.max": "800000 100000\n",
            "/sys/fs/cgroup/slice/pod/container/memory.max": "max\n", "/sys/fs/cgroup/slice/memory.max": "1000000\n",
        ]
        #expect(Self.limits(files).processors == 3.5)
        #expect(Self.limits(files).memory == 1_000_000)
        files["/sys/fs/cgroup/cpu.max"] = "200000 100000"
        #expect(Self.limits(files).processors == 2)
    }

    @Test func versionOne() {
        let files = [
            "/proc/self/cgroup": "9:name=systemd:/\n4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n0::/\n",
            "/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us": "-1\n",
            "/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us": "100000\n",
            "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n", "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "9223372036854771712\n",
            "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes": "2147483648\n",
        ]
        #expect(Self.limits(files).processors == 0.5)
        #expect(Self.limits(files).memory == 2 << 30)
    }

    /// In a container the group's own path may not be there, but that of the whole container is.
    @Test func pathOfTheHost() {
        let limits = Self.limits([
            "/proc/self/cgroup": "0::/../../other\n", "/sys/fs/cgroup/memory.max": "123456\n",
        ])
        #expect(limits.memory == 123_456)
    }
}

/// What a thread may run on.
struct ThreadProcessorsTests {
    /// As the kernel tells it of the thread that asks.
    private static func allowed() -> [Int] {
        let text = (try? String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") } ?? ""
        return UsableMachine.numbers(inList: String(line.drop { $0 != ":" }.dropFirst()))
    }

    /// Calls the body on a thread of its own, and returns what that thread was then allowed.
    private static func onAThread(_ body: @escaping @Sendable () -> Void) async -> [Int] {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                body()
                continuation.resume(returning: allowed())
            }
        }
    }

    @Test func onlyTheThreadIsMoved() async throws {
        let all = Self.allowed()
        let last = try #require(all.last)
        #expect(await Self.onAThread { letThisThreadRun(on: [last]) } == [last])
        #expect(Self.allowed() == all)
        // A wider choice than that of the thread that made it, and back again.
        let back = await Self.onAThread {
            letThisThreadRun(on: [last])
            letThisThreadRun(on: all)
        }
        #expect(back == all)
    }

    @Test(arguments: [[], [9_999]]) func whatCannotBeChangesNothing(processors: [Int]) async {
        #expect(await Self.onAThread { letThisThreadRun(on: processors) } == Self.allowed())
    }
}
