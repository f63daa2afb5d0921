import Reporting
import Testing

struct AxisTicksTests {
    @Test(arguments: [
        (0.0, 1.0, [0, 0.25, 0.5, 0.75, 1]), (0.61, 0.98, [0.6, 0.7, 0.8, 0.9, 1]),
        (0, 2250, [0, 1000, 2000, 3000]),
        (-0.8, 2.4, [-1, 0, 1, 2, 3]), (3, 3, [1, 2, 3, 4, 5]), (0, 0, [-1, -0.5, 0, 0.5, 1]),
        (.nan, 1, [0, 0.25, 0.5, 0.75, 1]), (2, 1, [0, 0.25, 0.5, 0.75, 1]), (0, .infinity, [0, 0.25, 0.5, 0.75, 1]),
    ])
    func marksAreRoundNumbersAroundTheData(low: Double, high: Double, expected: [Double]) {
        let ticks = AxisTicks(from: low, to: high, count: 4)
        #expect(ticks.values.count == expected.count)
        #expect(zip(ticks.values, expected).allSatisfy { abs($0 - $1) < 1e-9 }, "\(ticks.values)")
        #expect(ticks.span == ticks.values[0]...ticks.values[ticks.values.count - 1])
    }

    @Test func stepsAreWholeNumbersInsideTheRun() {
        let ticks = AxisTicks(from: 1, to: 3, count: 5, isWidened: false, wholeNumbers: true)
        #expect(ticks.values == [1, 2, 3] && ticks.span == 1...3)
        #expect(AxisTicks(from: 130, to: 2250, isWidened: false).values == [500, 1000, 1500, 2000])
    }

    @Test(arguments: [
        (0.0, 1.0, 0.25, "0.25"), (0, 1e-4, 2e-5, "2e-5"), (0, 6e4, 2e4, "20k"), (0, 5000, 1500, "1,500"),
        (0, 1, 0, "0"), (-1, 1, -0.5, "-0.5"), (0, 3e9, 1.5e9, "1.5G"),
    ])
    func labelsHaveAsManyDigitsAsTheStepsNeed(low: Double, high: Double, value: Double, expected: String) {
        #expect(AxisTicks(from: low, to: high, count: 4).label(value) == expected)
    }

    @Test func extremeRangesHaveMarksToo() {
        for (low, high) in [
            (1e300, 2e300), (-1e-300, 1e-300), (1, 1 + 1e-13), (-1.7e308, 1.7e308),
            (-Double.leastNonzeroMagnitude, .leastNonzeroMagnitude),
        ] {
            let ticks = AxisTicks(from: low, to: high)
            #expect(ticks.values.count >= 2 && ticks.values.count < 30 && ticks.values.allSatisfy(\.isFinite))
            #expect(ticks.span.lowerBound < ticks.span.upperBound)
        }
    }
}

struct CurveTests {
    private let wave = (0..<10_000).map { CurvePoint(Double($0), Double($0 * 7919 % 101)) }

    @Test func thinningKeepsEndsAndExtremes() {
        var points = wave
        points[4321].y = 500
        points[8765].y = -300
        let thinned = points.thinned(to: 200)
        #expect(thinned.count <= 200 && thinned.count > 150)
        #expect(thinned.first == points.first && thinned.last == points.last)
        #expect(thinned.contains(points[4321]) && thinned.contains(points[8765]))
        #expect(zip(thinned, thinned.dropFirst()).allSatisfy { $0.x < $1.x })
    }

    @Test func fewPointsStayAndWhatIsNotFiniteGoes() {
        #expect(Array(wave.prefix(7)).thinned(to: 200) == Array(wave.prefix(7)))
        #expect([CurvePoint(1, .nan), CurvePoint(2, 5), CurvePoint(.infinity, 1)].thinned() == [CurvePoint(2, 5)])
        #expect([CurvePoint]().thinned().isEmpty && [CurvePoint]().smoothed(window: 5).isEmpty)
        #expect([CurvePoint]().range() == nil && [CurvePoint(1, .nan)].range() == nil)
        #expect(wave.thinned(to: 1).count <= 4)
    }

    @Test func smoothingTakesTheMeanAround() {
        let points = [3, 6, 9, .nan, 0, 3].enumerated().map { CurvePoint(Double($0), $1) }
        let smoothed = points.smoothed(window: 3)
        #expect(smoothed.map(\.x) == [0, 1, 2, 4, 5] && smoothed.map(\.y) == [4.5, 6, 5, 4, 1.5])
        #expect(points.smoothed(window: 1).map(\.y) == [3, 6, 9, 0, 3])
    }

    @Test func rareSpikesCanBeLeftOut() {
        var points = wave
        points[5].y = 1e9
        #expect(points.range() == 0...1e9 && points.range(leavingOut: 0.01)?.upperBound ?? 0 < 101)
    }
}

struct LineChartTests {
    private func chart(_ points: [CurvePoint]) -> LineChart {
        LineChart(
            id: "c", title: "T", summary: "S", series: [LineChart.Series("a", points, hasMarks: true)])
    }

    private func page(_ chart: LineChart) throws -> Page {
        try Page(Markup.page(title: "", style: ReportStyle.css, body: chart.markup))
    }

    @Test(arguments: [
        [], [CurvePoint(1, .nan)], [CurvePoint(3, 3)], [CurvePoint(0, 0), CurvePoint(0, 1)],
        [CurvePoint(1, -1.7e308), CurvePoint(2, 1.7e308)],
        [CurvePoint(1, 1), CurvePoint(2, .infinity), CurvePoint(3, 2)],
    ])
    func anySeriesIsDrawnInsideTheFrame(points: [CurvePoint]) throws {
        let page = try page(chart(points))
        #expect(page.elements("circle").count == points.count(where: \.isFinite))
        #expect(page.coordinates.allSatisfy { $0.map { (-20...440).contains($0) } ?? false }, "\(page.coordinates)")
        if !points.contains(where: \.isFinite) { #expect(page.text(of: "p") == ["There is nothing to draw yet."]) }
    }

    @Test func aPointStandsWhereItsValueIs() throws {
        let page = try page(chart([CurvePoint(0, 0), CurvePoint(5, 0.5), CurvePoint(10, 1)]))
        let circles = page.elements("circle").map { circle in
            ["cx", "cy"].compactMap { circle.attributes[$0].flatMap(Double.init) }
        }
        try #require(circles.count == 3 && circles.allSatisfy { $0.count == 2 })
        #expect(abs(circles[0][0] + circles[2][0] - 2 * circles[1][0]) < 0.21)
        #expect(abs(circles[0][1] + circles[2][1] - 2 * circles[1][1]) < 0.21)
        #expect(circles[0][0] < circles[2][0] && circles[0][1] > circles[2][1])
        #expect(page.text(of: "title").contains("a, 5: 0.5"))
    }

    @Test func sizesThatGrowByFactorsStandAtEqualDistances() throws {
        var chart = chart([CurvePoint(10, 1), CurvePoint(100, 2), CurvePoint(1000, 3)])
        chart.sizes = [10, 100, 1000]
        let places = try page(chart).elements("circle").compactMap { $0.attributes["cx"].flatMap(Double.init) }
        try #require(places.count == 3)
        #expect(abs(places[0] + places[2] - 2 * places[1]) < 0.21)
    }
}
