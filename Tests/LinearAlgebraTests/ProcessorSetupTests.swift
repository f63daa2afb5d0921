import LinearAlgebra
import Testing

/// What the program was built for, against the processor at hand and against lesser ones.
@Suite struct ProcessorSetupTests {
    @Test func whatWasBuiltHereRunsHere() {
        #expect(ProcessorSetup.missingInstructions().isEmpty)
    }

    @Test func eachInstructionThatLacksIsNamed() {
        let all = ProcessorSetup.builtFor
        for name in all {
            #expect(
                ProcessorSetup.missingInstructions(processorFlags: all.subtracting([name]).union(["fpu"])) == [name])
        }
        #expect(ProcessorSetup.missingInstructions(processorFlags: all.union(["sse5"])) == [])
        #expect(ProcessorSetup.missingInstructions(processorFlags: []) == [], "nobody knows")
    }
}
