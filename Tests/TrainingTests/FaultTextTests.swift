import Testing
import Training

struct FaultTextTests {
    private func fault(_ text: String?) throws -> InjectedFault? {
        try InjectedFault(environment: text.map { [InjectedFault.variable: $0] } ?? [:])
    }

    @Test func isReadFromTheEnvironment() throws {
        #expect(try fault(nil) == nil)
        let full = try #require(try fault("rank=2,phase=evaluation,step=5,kind=sleep,seconds=2.5"))
        #expect(full.rank == 2 && full.phase == .evaluation && full.step == 5 && full.kind == .sleep)
        #expect(full.seconds == 2.5)
        #expect(try fault("kind=nan,phase=step,rank=0")?.step == nil)
    }

    @Test(arguments: ["", "rank=2", "rank=x,phase=step,kind=kill", "rank=1,phase=lunch,kind=kill", "rank=1,phase"])
    func nonsenseIsRefused(text: String) {
        #expect(throws: UsageError.self) { try fault(text) }
    }
}
