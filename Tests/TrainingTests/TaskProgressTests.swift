import Testing
import Training

@Suite struct TaskProgressTests {
    @Test func countsEvaluationsSinceTheBest() {
        var progress = TaskProgress()
        var course: [(Bool, Int, Double?)] = []
        for (score, isHigherBetter) in [(0.5, true), (0.5, true), (.nan, true), (0.6, true), (0.1, false)] {
            let isBetter = progress.note(score, isHigherBetter: isHigherBetter)
            course.append((isBetter, progress.evaluationsSince, progress.best))
        }
        #expect(course.map(\.0) == [true, false, false, true, true])
        #expect(course.map(\.1) == [0, 1, 2, 0, 0])
        #expect(course.map(\.2) == [0.5, 0.5, 0.5, 0.6, 0.1])
    }

    @Test func nothingIsNoGain() {
        var progress = TaskProgress()
        let isBetter = progress.note(.nan, isHigherBetter: true)
        #expect(!isBetter && progress.best == nil)
    }
}
