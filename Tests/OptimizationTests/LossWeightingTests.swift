import Foundation
import Optimization
import Testing

/// Settings of three tasks, as Tests/Oracles/weighting_golden.py has them.
let threeTasks = TaskWeightingSettings(
    guessLosses: [2, 3, 5].map { log($0) }, seed: 7, interval: 2, temperature: 2, rate: 0.025, decay: 0.001)

/// Whether all numbers agree up to rounding, relative to the greatest of them or 1.
func agree(_ own: [Double], _ right: [Double], tolerance: Double = 1e-12) -> Bool {
    let scale = right.reduce(1) { max($0, abs($1)) }
    return own.count == right.count && zip(own, right).allSatisfy { abs($0 - $1) <= tolerance * scale }
}

@Suite struct LossWeightingTests {
    @Test func everyRuleHasANameOfItsOwn() {
        let names: [String] = taskWeightings.map { $0.name }
        let right = ["static", "log_classes", "uncertainty", "dwa", "famo", "gradnorm", "pcgrad", "cagrad", "nash_mtl"]
        #expect(names == right)
    }

    @Test func staticLeavesLossesAsTheyAre() {
        #expect(StaticWeighting(threeTasks).factors(isPresent: [true, false, true], ahead: []) == [1, 1, 1])
    }

    @Test func logClassesCountsInGuesses() {
        let factors = LogClassesWeighting(threeTasks).factors(isPresent: [true, true, true], ahead: [])
        let right = [2.0, 3, 5].map { 1 / log($0) }
        #expect(agree(factors, right))
    }

    /// Steps through the golden losses, and every time through a state that was saved and read back too.
    private func expectGolden<Rule: LossWeighting>(_ rule: Rule, _ expected: [[Double]]) throws {
        var rule = rule
        for (step, right) in expected.enumerated() {
            let losses = WeightingGolden.losses[step]
            let isPresent = losses.map { $0 != nil }
            let factors = rule.factors(isPresent: isPresent, ahead: Rule.looks ? losses : [])
            let own = zip(factors, isPresent).map { $1 ? $0 : 0 }
            #expect(agree(own, zip(right, isPresent).map { $1 ? $0 : 0 }), "step \(step): \(own), not \(right)")
            rule.update(losses: losses, behind: Rule.looks ? WeightingGolden.lossesBehind[step] : [])

            var resumed = Rule(threeTasks)
            let saved = try JSONDecoder().decode([Double].self, from: try JSONEncoder().encode(rule.state))
            try resumed.restore(saved)
            #expect(resumed.state.map(\.bitPattern) == rule.state.map(\.bitPattern))
            rule = resumed
        }
    }

    @Test func uncertaintyIsAsInItsPaper() throws {
        try expectGolden(UncertaintyWeighting(threeTasks), WeightingGolden.uncertainty)
    }

    @Test func dynamicWeightAverageIsAsInItsPaper() throws {
        try expectGolden(DynamicWeightAverage(threeTasks), WeightingGolden.dwa)
    }

    @Test func fastAdaptiveWeightingIsAsInItsPaper() throws {
        try expectGolden(FastAdaptiveWeighting(threeTasks), WeightingGolden.famo)
    }

    /// Where s rests, the weight is 1 ÷ 2 L.
    @Test func uncertaintyComesToRest() {
        var rule = UncertaintyWeighting(threeTasks)
        for _ in 0..<2000 { rule.update(losses: [0.1, 1, 4], behind: []) }
        #expect(agree(rule.factors(isPresent: [true, true, true], ahead: []), [5, 0.5, 0.125], tolerance: 1e-3))
    }

    @Test func dynamicWeightAverageKeepsWhatItKnowsOfAMissingTask() {
        var rule = DynamicWeightAverage(threeTasks)
        for losses in [[1, 1, 1], [1, 1, 1], [nil, 0.5, 1], [nil, 0.5, 1]] as [[Double?]] {
            rule.update(losses: losses, behind: [])
        }
        let powers = [1, 0.5, 1].map { exp($0 / 2) }
        let right = powers.map { 3 * $0 / powers.reduce(0, +) }
        #expect(agree(rule.factors(isPresent: [true, true, true], ahead: []), right))
    }

    @Test func aLossThatIsNotFiniteBehindTheUpdateTeachesNothing() {
        var rule = FastAdaptiveWeighting(threeTasks)
        rule.update(losses: [1, 1, 1], behind: [0.5, 0.9, 1])
        let before = rule.state
        rule.update(losses: [1, 1, 1], behind: [.nan, 0.9, 1])
        #expect(rule.state == before)
        rule.update(losses: [1, 1, 1], behind: [0.5, 0.9, .infinity])
        #expect(rule.state == before)
    }

    @Test(arguments: taskWeightings.map { $0.name }) func statesAreChecked(name: String) throws {
        let kind = try #require(taskWeightings.first { $0.name == name })
        var rule = kind.init(threeTasks)
        let state = rule.state
        try rule.restore(state)
        #expect(throws: TaskWeightingError.self) { try rule.restore(state + [0]) }
        guard !state.isEmpty else { return }
        for bad in [Double.nan, -1, .infinity] {
            #expect(throws: TaskWeightingError.self) { try rule.restore(state.dropLast() + [bad]) }
        }
        #expect(rule.state == state)
    }
}
