/// Draws words and phrases for the demonstration corpus.
struct PhraseComposer {
    private var generator: SeededGenerator

    init(generator: SeededGenerator) {
        self.generator = generator
    }

    mutating func pick<Element>(_ choices: [Element]) -> Element {
        choices[generator.next(below: choices.count)]
    }

    /// True in `percent` of a hundred draws.
    mutating func chance(_ percent: Int) -> Bool {
        generator.next(below: 100) < percent
    }

    /// One of the words of `lexicon` that carry `polarity`.
    mutating func word(_ polarity: Polarity, from lexicon: OpinionWords) -> String {
        pick(polarity == .positive ? lexicon.positive : lexicon.negative)
    }

    mutating func polarity() -> Polarity {
        chance(50) ? .positive : .negative
    }
}

enum Polarity {
    case negative, positive

    var opposite: Polarity { self == .positive ? .negative : .positive }
}

struct OpinionWords {
    let positive: [String]
    let negative: [String]
}
