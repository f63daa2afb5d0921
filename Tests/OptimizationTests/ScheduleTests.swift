import LinearAlgebra
import Optimization
import Testing

@Suite struct ScheduleTests {
    /// Every step's learning rate against Hugging Face's schedules.
    @Test(arguments: [LearningRateSchedule.Kind.linear, .cosine])
    func againstHuggingFace(kind: LearningRateSchedule.Kind) throws {
        let golden = try Golden()
        let (steps, warmup) = try (Int(golden.number("schedule.steps")), Int(golden.number("schedule.warmup_steps")))
        let factors = try golden.grid("schedule.\(kind.rawValue)").values
        #expect(factors.count == steps + 1)
        let schedule = LearningRateSchedule(kind: kind, peak: 2e-5, warmupSteps: warmup, totalSteps: steps)
        for (update, factor) in factors.enumerated() {
            #expect(abs(schedule.learningRate(step: update + 1) - 2e-5 * factor) < 2e-5 * 1e-7, "update \(update)")
        }
    }

    @Test func constantStaysAtItsPeak() {
        let schedule = LearningRateSchedule(kind: .constant, peak: 3, warmupSteps: 4, totalSteps: 10)
        #expect((1...11).map(schedule.learningRate) == [0, 0.75, 1.5, 2.25, 3, 3, 3, 3, 3, 3, 3])
    }

    @Test(arguments: LearningRateSchedule.Kind.allCases) func edges(kind: LearningRateSchedule.Kind) {
        func rate(_ step: Int, warmup: Int, total: Int) -> Double {
            LearningRateSchedule(kind: kind, peak: 1, warmupSteps: warmup, totalSteps: total).learningRate(step: step)
        }
        #expect(rate(1, warmup: 0, total: 10) == 1, "without a warm-up the first step has the peak")
        #expect(rate(1, warmup: 0, total: 1) == 1)
        #expect(rate(5, warmup: 10, total: 10) == 0.4, "a run that is all warm-up")
        #expect(rate(11, warmup: 10, total: 10).isFinite)
        #expect(rate(1, warmup: 0, total: 0).isFinite)
        for step in 1...40 { #expect((0...1).contains(rate(step, warmup: 3, total: 20))) }
        #expect(rate(1000, warmup: 3, total: 20) == (kind == .constant ? 1 : 0), "behind the end")
    }
}
