import Testing
import Training

struct JudgeTests {
    /// Four ranks get on for three seconds. Then they live without progress, each changed as `change` says, for so long
    /// that a verdict is due, if ever. The limit is five seconds.
    private func verdict(
        seesAllRanks: Bool = true, place: RunPlace = RunPlace(.step, step: 7), _ change: (inout RankReading) -> Void
    ) -> (verdict: Verdict?, round: Int) {
        var judge = Judge(limit: 5, seesAllRanks: seesAllRanks)
        var readings = (0..<4).map { RankReading(rank: $0) }
        for round in 0..<400 {
            for index in readings.indices {
                readings[index].place = place
                if round < 30 { readings[index].marks += 1 } else { change(&readings[index]) }
                readings[index].beats += 1
            }
            if let verdict = judge.observe(readings, after: 0.1) { return (verdict, round) }
        }
        return (nil, 400)
    }

    @Test func theOneThatDoesNotWaitIsNamed() {
        let (found, round) = verdict { $0.place.isWaiting = $0.rank != 2 }
        #expect(found == .stuck(rank: 2, RunPlace(.step, step: 7), seconds: 5, waiting: [0, 1, 3]))
        #expect((79...82).contains(round), "after five seconds of no progress, not of running")
        #expect(
            found?.text(host: "node1")
                == "rank 2 on node1 has made no progress for 5 s in step 7, while ranks 0, 1 and 3 waited for it")
    }

    @Test func aStoppedProcessIsNamedWhateverItWasDoing() {
        for isWaiting in [false, true] {
            let (found, _) = verdict {
                $0.place.isWaiting = $0.rank != 1 || isWaiting
                if $0.rank == 1 { $0.beats -= 1 }
            }
            guard case .silent(rank: 1, _, seconds: 5) = found else {
                Issue.record("\(String(describing: found))")
                continue
            }
        }
    }

    @Test func aDeadProcessIsNamedAtOnce() {
        let (found, round) = verdict { $0.isGone = $0.rank == 3 }
        #expect(found == .gone(rank: 3, RunPlace(.step, step: 7)) && round == 30)
    }

    @Test func whoHasLeftIsNotMissed() {
        #expect(
            verdict {
                $0.hasLeft = true
                $0.isGone = true
            }.verdict == nil)
    }

    @Test func progressIsEnough() {
        #expect(verdict { $0.marks += 1 }.verdict == nil)
        #expect(
            verdict {
                $0.marks += $0.rank == 0 ? 1 : 0
                $0.place.isWaiting = $0.rank != 0
            }.verdict == nil, "a slow rank is not a stuck one")
    }

    @Test func allThatWaitForEachOther() {
        let (found, round) = verdict { $0.place.isWaiting = true }
        #expect(found == .deadlocked(ranks: [0, 1, 2, 3], RunPlace(.step, step: 7, isWaiting: true), seconds: 10))
        #expect(round >= 129, "twice the limit: a rank of another machine is to be found there first")
    }

    /// Rank 0 reads or writes while the others wait; on another machine only the waiting is seen.
    @Test func aSlowDiskIsNoFailure() {
        for phase in [RunPhase.loading, .saving] {
            let place = RunPlace(phase, step: 7)
            let onDisk = { (reading: inout RankReading) in
                reading.place.isWaiting = reading.rank != 0
                reading.isAsleep = true
            }
            #expect(verdict(place: place, onDisk).verdict == nil)
            #expect(verdict(seesAllRanks: false, place: place) { $0.place.isWaiting = true }.verdict == nil)
            let busy = verdict(place: place) { $0.place.isWaiting = $0.rank != 0 }.verdict
            #expect(busy == .stuck(rank: 0, place, seconds: 5, waiting: [1, 2, 3]), "but computing without end is")
        }
        #expect(verdict(place: RunPlace(.evaluation, step: 7)) { $0.isAsleep = true }.verdict != nil)
    }

    @Test func theTimeHeldBackByADisk() {
        var judge = Judge(limit: 5, seesAllRanks: true)
        var reading = RankReading(rank: 0)
        (reading.place, reading.isAsleep) = (RunPlace(.saving, step: 7), true)
        for _ in 0..<101 {
            reading.beats += 1
            #expect(judge.observe([reading], after: 0.1) == nil)
        }
        #expect(abs(judge.heldBack(rank: 0) - 10) < 0.01)
        reading.marks += 1
        _ = judge.observe([reading], after: 0.1)
        #expect(judge.heldBack(rank: 0) == 0)
    }

    @Test func placesFitIntoAWord() {
        for phase in RunPhase.allCases {
            for isWaiting in [false, true] {
                let place = RunPlace(phase, step: 123_456_789, isWaiting: isWaiting)
                #expect(RunPlace(word: place.word) == place)
            }
        }
    }
}
