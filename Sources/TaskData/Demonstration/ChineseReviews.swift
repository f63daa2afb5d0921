/// Short Chinese reviews, negative or positive, written without spaces as Chinese is.
///
/// The rules are those of the English reviews: negation turns an adjective round, the main clause of a contrast
/// decides, and what others said or what was expected decides nothing.
enum ChineseReviews {
    static let labels = ["negative", "positive"]

    static func text(label: Int, _ composer: inout PhraseComposer) -> String {
        let verdict: Polarity = label == 1 ? .positive : .negative
        var sentences = [core(verdict, &composer)]
        if composer.chance(25) {
            sentences.insert(composer.pick(circumstances), at: composer.chance(50) ? 0 : 1)
        }
        if composer.chance(10) {
            sentences.insert(hearsay(&composer), at: 0)
        }
        return sentences.map { $0 + "。" }.joined()
    }

    private static func core(_ verdict: Polarity, _ composer: inout PhraseComposer) -> String {
        let main = clause(verdict, &composer)
        if composer.chance(35) { return main }
        if composer.chance(55) { return "\(main)，\(clause(verdict, &composer))" }
        let aside = clause(verdict.opposite, &composer)
        switch composer.pick([0, 1, 2]) {
        case 0: return "\(aside)，但是\(main)"
        case 1: return "虽然\(aside)，不过\(main)"
        default: return "刚开始\(aside)，后来\(main)"
        }
    }

    private static func clause(_ verdict: Polarity, _ composer: inout PhraseComposer) -> String {
        let subject = composer.pick(subjects)
        return composer.chance(20)
            ? subject + composer.pick(negations) + composer.word(verdict.opposite, from: adjectives)
            : subject + composer.pick(intensifiers) + composer.word(verdict, from: adjectives)
    }

    private static func hearsay(_ composer: inout PhraseComposer) -> String {
        composer.pick(["朋友都说", "本来以为会很", "网上有人说"]) + composer.word(composer.polarity(), from: adjectives)
    }

    private static let subjects = [
        "服务", "房间", "早餐", "味道", "包装", "屏幕", "电池", "音质", "剧情", "演员", "画面", "内容", "价格", "环境", "交通", "设施", "装修",
        "咖啡", "手机", "菜品",
    ]
    private static let adjectives = OpinionWords(
        positive: ["好", "棒", "出色", "优秀", "理想", "完美", "舒服", "精彩"],
        negative: ["差", "烂", "糟糕", "粗糙", "马虎", "难看", "无聊", "失望"])
    private static let negations = ["不", "并不", "一点也不", "没有想象中那么"]
    private static let intensifiers = ["很", "非常", "特别", "真的很", "十分", "相当", "确实"]
    private static let circumstances = [
        "上周和家人一起去的", "在网上买的", "快递第二天就到了", "这是第二次来", "给妈妈买的", "离车站很近", "住了两个晚上",
        "晚上九点才到",
    ]
}
