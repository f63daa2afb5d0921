import Metrics
import Reporting
import Testing

struct ProgressDisplayTests {
    private let screen = Screen()

    @Test func aLogGetsTheFirstStepOneInTenSecondsAndTheLast() {
        let display = screen.display(isLive: false)
        for number in 1...25 {
            display.record(Sample.step(number, of: 25))
            screen.wait(1)
        }
        #expect(
            screen.take() == """
                step 1/25  4%  loss 0.5000  2.0k tokens/s  12s left  books 0.2500  zh 0.7500
                step 11/25  44%  loss 0.5000  2.0k tokens/s  13s left  books 0.2500  zh 0.7500
                step 21/25  84%  loss 0.5000  2.0k tokens/s  3.9s left  books 0.2500  zh 0.7500
                step 25/25  100%  loss 0.5000  2.0k tokens/s  books 0.2500  zh 0.7500

                """)
    }

    @Test func aTerminalGetsOneLiveLine() {
        let display = screen.display(isLive: true, width: 40)
        display.record(.phase("loading model"))
        display.record(Sample.step(1, of: 3))
        screen.wait(0.05)
        display.record(Sample.step(2, of: 3))
        display.record(.warning("slow\u{1B}[2J disk"))
        screen.wait(0.05)
        display.record(Sample.step(3, of: 3))
        #expect(
            screen.take()
                == "\rloading model …\u{1B}[K"
                + "\rstep 1/3  33%  loss 0.5000  2.0k token…\u{1B}[K"
                + "\r\u{1B}[Kwarning: slow?[2J disk\n"
                + "\rstep 3/3  100%  loss 0.5000  2.0k toke…\u{1B}[K\n")
    }

    @Test func theBannerTellsWhatRuns() {
        screen.display(isLive: false).record(Sample.start)
        #expect(
            screen.take() == """
                mtbert-dist 0.1.0
                  model  models/minilm, 22.7M parameters, fp32
                  tasks  2
                         books  train 1,400, dev 200          negative, positive
                         zh     train 12,000, dev 10, test 9  负面, 正面
                  ranks  4 ranks × 1 thread on node7 (16 cores, 64 GB)
                  batch  32 examples in 8 shards, up to 128 tokens each
                  steps  400, seed 42
                  into   runs/reviews

                """)
    }

    @Test func anEvaluationIsATable() {
        let display = screen.display(isLive: false)
        display.record(Sample.evaluation(200))
        #expect(
            screen.take() == """
                step 200, dev (1.5s): mean.accuracy 0.9000, the best so far
                  task   count    loss  accuracy  macro F1  macro recall  Matthews
                  books    200  0.4000    0.8750    0.8700        0.8600    0.7500
                  zh     1,000  0.2000    0.9250    0.9100        0.9000    0.8500
                  mean   1,200  0.3000    0.9000    0.8900        0.8800    0.8000

                """)
        display.record(Sample.evaluation(400, isBest: false))
        #expect(screen.take().hasPrefix("step 400, dev (1.5s): mean.accuracy 0.9000\n"))
    }

    @Test func theEndNamesTheFilesAndWhatToTypeNext() {
        let display = screen.display(isLive: false)
        display.record(Sample.start)
        _ = screen.take()
        display.record(Sample.end())
        #expect(
            screen.take() == """
                finished after step 400 in 3m 05s; best mean.accuracy 0.9000 at step 200
                  1 step skipped, without a finite loss and gradient; metrics.jsonl names the examples
                  last checkpoint  runs/reviews/checkpoints/step-00000400 (model abababababab)
                  best checkpoint  runs/reviews/checkpoints/best
                  log              runs/reviews/metrics.jsonl
                  report           runs/reviews/report.html
                next:
                  mtbert-dist evaluate runs/reviews/checkpoints/best
                  mtbert-dist predict runs/reviews/checkpoints/best --task books
                  tensorboard --logdir runs/reviews

                """)
        display.record(Sample.end(.stopped))
        let stopped = screen.take()
        #expect(stopped.hasPrefix("stopped early after step 400"))
        #expect(stopped.hasSuffix("to go on, start the same command again\n"))
    }

    @Test func otherEventsAreLines() {
        let display = screen.display(isLive: false, usesColor: true)
        display.record(.phase("loading model"))
        display.record(Sample.checkpoint(200))
        display.record(Sample.resume)
        display.record(Sample.skipped)
        #expect(
            screen.take() == """
                loading model …
                step 200: saved runs/reviews/checkpoints/step-00000200 (87.3 MB, 0.4s)
                goes on after step 200, from /elsewhere/step-00000200
                \u{1B}[33mwarning:\u{1B}[0m step 3 skipped (2 in a row): the loss of task books is not finite; \
                examples: books 0, books 7, books 14, books 21, books 28, books 35, books 42, books 49 and 2 more

                """)
    }

    @Test func aNonFiniteLossIsShownAsSuch() {
        let display = screen.display(isLive: false)
        display.record(Sample.step(1, of: 1, loss: .nan))
        #expect(screen.take().contains("loss nan"))
    }
}

struct TextTests {
    @Test func widthsOfWideAndCombiningCharacters() {
        #expect(displayWidth("abc") == 3 && displayWidth("评论") == 4 && displayWidth("e\u{301}") == 1)
        #expect(displayWidth("한국어") == 6 && displayWidth("…×") == 2 && displayWidth("👍") == 2)
    }

    @Test func cuttingCountsColumns() {
        #expect(cut("abcdef", toWidth: 6) == "abcdef" && cut("abcdef", toWidth: 5) == "abcd…")
        #expect(cut("评论评论", toWidth: 8) == "评论评论" && cut("评论评论", toWidth: 6) == "评论…")
        #expect(cut("评论", toWidth: 1) == "…" && cut("评论", toWidth: 0) == "")
    }

    @Test func columnsAlignByWidth() {
        #expect(
            aligned([["评论", "1", "x"], ["a", "100", ""]], leading: [2], indent: " ")
                == [" 评论    1  x", " a     100"])
    }

    @Test func numbersForPeople() {
        #expect(
            [0, 950, 12_345, 123_456, 22_713_216, 1.5e9].map(abbreviated) == [
                "0", "950", "12.3k", "123k", "22.7M", "1.5G",
            ])
        #expect(
            [0.04, 9.94, 9.96, 42, 59.6, 185, 7800, 273_600].map(duration)
                == ["0.0s", "9.9s", "10s", "42s", "1m 00s", "3m 05s", "2h 10m", "3d 04h"])
        #expect(duration(.infinity) == "?" && duration(-1) == "?")
        #expect([0, 999, 1000, -1_234_567].map(grouped) == ["0", "999", "1,000", "-1,234,567"])
        #expect([512, 87_300_000].map(byteCount) == ["512 B", "87.3 MB"])
    }

    @Test func shellWords() {
        #expect(shellQuoted("runs/a-b_1") == "runs/a-b_1" && shellQuoted("") == "''")
        #expect(shellQuoted("my run's") == #"'my run'\''s'"#)
    }

    @Test func terminalsThatWantNoColorOrNoDrawing() {
        let can = { (terminal: Bool, environment: [String: String]) in
            let (isLive, usesColor) = TextOutput.capabilities(isTerminal: terminal, environment: environment)
            return [isLive, usesColor]
        }
        #expect(can(true, ["TERM": "xterm"]) == [true, true])
        #expect(can(true, ["TERM": "xterm", "NO_COLOR": "1"]) == [true, false])
        #expect(can(true, ["TERM": "xterm", "NO_COLOR": ""]) == [true, true])
        #expect(can(true, ["TERM": "dumb"]) == [false, false] && can(true, [:]) == [false, false])
        #expect(can(false, ["TERM": "xterm"]) == [false, false])
    }
}
