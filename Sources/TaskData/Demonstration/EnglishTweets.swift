/// English tweets, negative, neutral or positive.
///
/// Neutral ones hold opinion words too: asked about, reported, or balanced against each other. Praise before a mishap
/// is not meant.
enum EnglishTweets {
    static let labels = ["negative", "neutral", "positive"]

    static func text(label: Int, _ composer: inout PhraseComposer) -> String {
        let message: String
        switch label {
        case 0: message = opinion(.negative, &composer)
        case 2: message = opinion(.positive, &composer)
        default: message = neutral(&composer)
        }
        let mention = composer.chance(25) ? composer.pick(["@user ", "rt @user : ", "hey @user , "]) : ""
        let ending = composer.chance(40) ? " " + composer.pick(tags) : ""
        return mention + message + ending
    }

    private static func opinion(_ verdict: Polarity, _ composer: inout PhraseComposer) -> String {
        let topic = composer.pick(topics)
        switch composer.pick([0, 1, 2, 3, 4, 4]) {
        case 0: return "\(topic) is \(judgement(verdict, &composer))"
        case 1: return feeling(verdict, topic, &composer)
        case 2:
            guard verdict == .negative else { return "\(composer.pick(luck)) , \(composer.pick(praise))" }
            return composer.chance(50)
                ? "\(composer.pick(praise)) , \(composer.pick(mishaps))"
                : "\(composer.pick(mishaps)) , just \(composer.pick(praise))"
        case 3:
            let question = report(topic, composer.word(composer.polarity(), from: words))
            return "\(question) , \(feeling(verdict, topic, &composer))"
        default:
            let aside = judgement(verdict.opposite, &composer)
            let other = composer.pick(topics)
            return composer.chance(50)
                ? "\(other) is \(aside) but \(feeling(verdict, topic, &composer))"
                : "\(other) is \(aside) , still \(topic) is \(judgement(verdict, &composer))"
        }
    }

    private static func judgement(_ verdict: Polarity, _ composer: inout PhraseComposer) -> String {
        composer.chance(35)
            ? "\(composer.pick(["not", "never", "not even", "not that"])) \(composer.word(verdict.opposite, from: words))"
            : "\(composer.pick(["so", "really", "just", "pretty", "quite"])) \(composer.word(verdict, from: words))"
    }

    private static func feeling(_ verdict: Polarity, _ topic: String, _ composer: inout PhraseComposer) -> String {
        composer.chance(35)
            ? "i \(composer.pick(["do not", "never", "can not"])) \(composer.word(verdict.opposite, from: verbs)) \(topic)"
            : "i \(composer.pick(["really", "just", "totally", "still"])) \(composer.word(verdict, from: verbs)) \(topic)"
    }

    private static func neutral(_ composer: inout PhraseComposer) -> String {
        let topic = composer.pick(topics)
        let word = composer.word(composer.polarity(), from: words)
        switch composer.pick([0, 1, 2, 3, 4]) {
        case 0: return "\(topic) starts at \(composer.pick(["7", "8", "9", "noon"])) on \(composer.pick(days))"
        case 1: return "who is going to \(topic) on \(composer.pick(days)) ?"
        case 2:
            let first = composer.polarity()
            return "\(topic) is neither \(composer.word(first, from: words)) nor "
                + composer.word(first.opposite, from: words)
        case 3: return "is \(topic) \(word) ? no idea , have not seen it"
        default: return report(topic, word) + " or not"
        }
    }

    private static func report(_ topic: String, _ word: String) -> String {
        "someone asked me if \(topic) is \(word)"
    }

    private static let topics = [
        "the match", "the new phone", "this song", "the concert", "the update", "the show", "this game", "the album",
        "the trailer", "the festival", "that movie", "the finale",
    ]
    private static let words = OpinionWords(
        positive: ["good", "great", "amazing", "awesome", "fun", "beautiful", "epic", "cool", "brilliant", "perfect"],
        negative: ["bad", "awful", "lame", "boring", "ugly", "terrible", "trash", "annoying", "weak", "broken"])
    private static let verbs = OpinionWords(
        positive: ["love", "enjoy", "like", "recommend", "adore"],
        negative: ["hate", "dislike", "regret", "despise", "mute"])
    private static let praise = ["great", "perfect", "brilliant", "awesome", "amazing"]
    private static let mishaps = [
        "my phone died again", "missed the bus again", "the app crashed again", "they lost my ticket",
        "stuck in traffic all day", "spilled coffee on my laptop",
    ]
    private static let luck = [
        "won two tickets today", "got the job", "my package came early", "found my lost keys", "got a free upgrade",
        "met the band today",
    ]
    private static let tags = ["#now", "#today", "#live", "!", "! !", "#news", "..."]
    private static let days = ["monday", "tuesday", "friday", "saturday", "sunday"]
}
