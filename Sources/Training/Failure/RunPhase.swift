/// What a rank is busy with, for those who watch it.
package enum RunPhase: UInt8, Sendable, CaseIterable {
    case loading, step, evaluation, saving
    /// Saving as seen by the thread that writes; never a rank's own phase.
    case writing

    /// Whether one rank may rightly be busy with a disk for any time, while the others wait.
    var mayWaitForDisk: Bool { self == .loading || self == .saving }

    package init?(name: String) {
        guard let phase = RunPhase.allCases.first(where: { "\($0)" == name }) else { return nil }
        self = phase
    }
}

/// Where a rank is in its run.
package struct RunPlace: Sendable, Equatable, CustomStringConvertible {
    package var phase = RunPhase.loading
    /// The step that is computed; in evaluation and saving the last one done.
    package var step = 0
    /// Whether the rank is inside a call that needs other ranks.
    package var isWaiting = false

    /// As the end of a sentence: "in step 5", "in the evaluation after step 5".
    package var description: String {
        switch phase {
        case .loading: "while loading"
        case .step: "in step \(step)"
        case .evaluation: "in the evaluation after step \(step)"
        case .saving, .writing: "while saving step \(step)"
        }
    }

    /// One word, so that another process reads it whole.
    package var word: UInt64 { UInt64(step) << 8 | UInt64(phase.rawValue) << 1 | (isWaiting ? 1 : 0) }

    package init(_ phase: RunPhase, step: Int, isWaiting: Bool = false) {
        (self.phase, self.step, self.isWaiting) = (phase, step, isWaiting)
    }

    package init(word: UInt64) {
        self.init(
            RunPhase(rawValue: UInt8(word >> 1 & 0x7F)) ?? .loading, step: Int(word >> 8), isWaiting: word & 1 == 1)
    }
}
