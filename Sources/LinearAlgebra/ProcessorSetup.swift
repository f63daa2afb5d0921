import COneDNN
import COpenBLAS
import Foundation

/// Whether this program and its libraries fit the processor: what it was built for, and settings that OpenBLAS reads when it is
/// loaded, before any of this program's code runs.
public enum ProcessorSetup {
    /// What the environment should hold: the kernels for this processor, and one thread, since this program runs its own.
    ///
    /// OpenBLAS of common distributions is older than many processors, takes an unknown one for a Haswell and runs at half its
    /// speed there. The flags tell what it can really do.
    static func settings(processorFlags flags: Set<Substring>) -> [(name: String, value: String)] {
        let core: String? =
            if flags.contains("avx512f"), flags.contains("avx512_bf16") {
                "Cooperlake"
            } else if flags.contains("avx512f") {
                "SkylakeX"
            } else if flags.contains("avx2") {
                "Haswell"
            } else {
                nil
            }
        return (core.map { [("OPENBLAS_CORETYPE", $0)] } ?? [])
            + [("OPENBLAS_NUM_THREADS", "1"), ("OMP_NUM_THREADS", "1")]
    }

    /// Starts this program anew with the settings in its environment, where one is missing. Called first in `main`, before
    /// MPI: the process stays the same one, so that `mpirun` does not notice.
    ///
    /// A value that is there is kept, but for a core type older than the processor: machine images set those for all their
    /// programs, and they halve the speed. `MTBERT_KEEP_CORETYPE=1` keeps that too.
    public static func restartWithSettings() {
        var isChanged = false
        for (name, value) in settings(processorFlags: processorFlags()) {
            let current = getenv(name).map { String(cString: $0) }
            guard current == nil || name == "OPENBLAS_CORETYPE" && isOlder(current ?? "", than: value) else { continue }
            if name == "OPENBLAS_CORETYPE", let current { setenv(coreTypeBefore, current, 1) }
            setenv(name, value, 1)
            isChanged = true
        }
        // Where the restart fails the program goes on as it is, only slower.
        if isChanged { execv("/proc/self/exe", CommandLine.unsafeArgv) }
    }

    /// The variable that holds the core type which `restartWithSettings` replaced.
    public static let coreTypeBefore = "MTBERT_CORETYPE_BEFORE"

    /// The instructions that this program was built for, as /proc/cpuinfo names them.
    public static var builtFor: Set<Substring> {
        Set(String(cString: conednn_compiled_for()).split(separator: " "))
    }

    /// Those that a processor lacks: the program would be ended at the first of them. None where its flags are not known.
    public static func missingInstructions(processorFlags flags: Set<Substring> = processorFlags()) -> [Substring] {
        flags.isEmpty ? [] : builtFor.subtracting(flags).sorted()
    }

    /// The processor whose kernels OpenBLAS uses.
    public static var coreInUse: String { openblas_get_corename().map { String(cString: $0) } ?? "" }

    /// Core types of OpenBLAS whose kernels do without AVX-512.
    private static func isOlder(_ core: String, than best: String) -> Bool {
        let withAVX512 = ["skylakex", "cooperlake", "sapphirerapids"]
        return withAVX512.contains(best.lowercased()) && !withAVX512.contains(core.lowercased())
            && getenv("MTBERT_KEEP_CORETYPE") == nil
    }

    /// What /proc/cpuinfo says of the first processor; empty where there is no such file.
    public static func processorFlags() -> Set<Substring> {
        // By the file's lines: its size is zero, as of all files of /proc, and Foundation reads so many bytes.
        guard let file = fopen("/proc/cpuinfo", "r") else { return [] }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, file) > 0, let text = line.map({ String(cString: $0) }) {
            if text.hasPrefix("flags") { return Set(text.split(whereSeparator: \.isWhitespace)) }
        }
        return []
    }
}
