import Testing
import Training

struct ConfigurationOverrideTests {
    private let two = "tasks:\n  - {name: a, train: x}\n  - {name: \"0\", train: y}\n"

    @Test func valuesAreYAML() throws {
        let read = try configuration(
            minimal + "epochs: 3\nbatch: {size: 8, max_length: 16}\n",
            ["batch.size=4", "optimizer.learning_rate=1e-3", "steps=10", "tasks.books.labels=[no, yes]", "output=o"])
        #expect(read.batch.size == 4 && read.batch.maxLength == 16 && read.optimizer.learningRate == 1e-3)
        #expect(read.length == .steps(10) && read.tasks[0].labels == ["no", "yes"] && read.output == "/d/o")
        let replaced = try configuration(minimal, ["tasks=[{name: n, train: t.tsv}]", "tasks.n.train=u=v.tsv"])
        #expect(replaced.tasks.map(\.train) == [.file("/d/u=v.tsv")])
    }

    @Test func pathsGoIntoListsByNameIndexAndStar() throws {
        #expect(try configuration(two, ["tasks.a.limit=5"]).tasks.map(\.limit) == [5, nil])
        #expect(try configuration(two, ["tasks.0.limit=5"]).tasks.map(\.limit) == [nil, 5], "a name comes first")
        #expect(try configuration(two, ["tasks.1.limit=5"]).tasks.map(\.limit) == [nil, 5])
        #expect(try configuration(two, ["tasks.*.limit=5", "tasks.a.limit=null"]).tasks.map(\.limit) == [nil, 5])
    }

    @Test(arguments: [
        (
            "optimizer.learning_rat=1",
            "unknown key optimizer.learning_rat; the nearest valid key is optimizer.learning_rate"
        ),
        ("batch.size=zero", "batch.size is zero, but must be an integer from 1 to 1000000"),
        ("batch.size", "write it as key.path=value, such as batch.size=16"),
        ("batch..size=1", "a part of the key in front of = is empty"),
        ("tasks.b.limit=1", "tasks has no item b; the nearest is a; indices go from 0 to 1, and * means all"),
        ("tasks.*.name=c", "another task is called c already"),
        ("seed.x=1", "seed is {x: 1}, but must be an integer from 0 to 18446744073709551615"),
    ])
    func errorsNameTheArgument(argument: String, message: String) {
        #expect(problems(two, [argument]) == ["--set \(argument): \(message)"])
    }

    @Test func aBrokenValueIsAnError() {
        #expect(
            problems(two, ["tasks.a.labels=[x"]).first?.hasPrefix("--set tasks.a.labels=[x: not valid YAML") == true)
    }

    @Test func anEmptyLengthTakesNothingBack() throws {
        #expect(try configuration(minimal, ["epochs=0", "steps=null"]).length == .epochs(0))
        #expect(try configuration(minimal, ["epochs=0", "steps=7"]).length == .steps(7))
    }

    @Test func theDemonstrationTakesOverrides() throws {
        let read = try RunConfiguration(demonstrationWith: ["steps=2", "tasks.tweets.limit=7"])
        #expect(read.length == .steps(2) && read.tasks.map(\.limit) == [nil, 7, nil])
        #expect(read.tasks.map(\.name) == ["reviews", "tweets", "zh_reviews"])
        #expect(read.tasks[0].train == .embedded("reviews/train"))
    }
}
