/// Short English reviews, negative or positive.
///
/// What makes them more than a count of words: a negated clause says the opposite of its adjective; of two clauses in
/// contrast the main one decides; and what others said or what was expected decides nothing.
enum EnglishReviews {
    static let labels = ["negative", "positive"]

    static func text(label: Int, _ composer: inout PhraseComposer) -> String {
        let verdict: Polarity = label == 1 ? .positive : .negative
        var sentences = [core(verdict, &composer) + " ."]
        if composer.chance(25) {
            sentences.insert(composer.pick(circumstances) + " .", at: composer.chance(50) ? 0 : 1)
        }
        if composer.chance(10) {
            sentences.insert(hearsay(&composer) + " .", at: 0)
        }
        return sentences.joined(separator: " ")
    }

    private static func core(_ verdict: Polarity, _ composer: inout PhraseComposer) -> String {
        let main = clause(verdict, &composer)
        if composer.chance(35) { return main }
        if composer.chance(55) { return "\(main) and \(clause(verdict, &composer))" }
        let aside = clause(verdict.opposite, &composer)
        switch composer.pick([0, 1, 2]) {
        case 0: return "\(aside) , but \(main)"
        case 1: return "although \(aside) , \(main)"
        default: return "\(aside) at first , but in the end \(main)"
        }
    }

    private static func clause(_ verdict: Polarity, _ composer: inout PhraseComposer) -> String {
        let subject = composer.pick(subjects)
        if composer.chance(20) {
            let word = composer.word(verdict.opposite, from: adjectives)
            if composer.chance(20) { return "i would not say that \(subject) was \(word)" }
            return "\(subject) was \(composer.pick(negations)) \(word)"
        }
        let word = composer.word(verdict, from: adjectives)
        return composer.chance(50)
            ? "\(subject) was \(composer.pick(intensifiers)) \(word)" : "\(subject) was \(word)"
    }

    private static func hearsay(_ composer: inout PhraseComposer) -> String {
        let word = composer.word(composer.polarity(), from: adjectives)
        return composer.pick(["people told us it would be", "i had expected something", "my brother called it"])
            + " " + word
    }

    private static let subjects = [
        "the soup", "the coffee", "the dinner", "the service", "the waiter", "the room", "the view", "the price",
        "the garden", "the bed", "the bread", "the tour", "the staff", "the phone", "the lens", "the menu",
        "the plot", "the acting", "the music", "the ending", "the book", "the camera", "the screen", "the sound",
    ]
    private static let adjectives = OpinionWords(
        positive: [
            "good", "great", "excellent", "wonderful", "lovely", "superb", "pleasant", "charming",
        ],
        negative: [
            "bad", "terrible", "awful", "horrible", "poor", "boring", "dull", "mediocre",
        ])
    private static let negations = ["not", "never", "hardly", "not very"]
    private static let intensifiers = ["very", "really", "truly", "quite", "so", "absolutely", "rather"]
    private static let circumstances = [
        "we went there on friday", "i bought it for my sister", "the place is near the station",
        "it was our second visit", "a friend came with me", "we stayed for two hours", "i found it by chance",
        "they open at nine",
    ]
}
