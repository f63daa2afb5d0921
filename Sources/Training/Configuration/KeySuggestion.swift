import TaskData

extension KeyInformation {
    /// The full name of the key that is probably meant by one that is not in its section: `optimizer.learning_rate` for
    /// `learning_rate` or `lr`, `batch.size` for `batch_size` or `train_batch_size`, `schedule.warmup` for `warmup_steps`.
    ///
    /// - Parameter bound: only a key that is nearer than this is named.
    static func likelyMeant(by name: String, among root: [KeyInformation], closerThan bound: Int) -> String? {
        let word = name.lowercased().replacing("-", with: "_")
        let candidates = fullNames(of: root, under: "").map { fullName in
            let leaf = String(fullName.split(separator: ".").last ?? "")
            let whole = fullName.replacing(".", with: "_")
            let initials = String(leaf.split(separator: "_").compactMap(\.first))
            var distance = min(editDistance(word, leaf), editDistance(word, whole))
            if initials.count > 1, word == initials { distance = 0 }
            var common = 0
            for spelling in [leaf, whole] where "_\(word)_".contains("_\(spelling)_") {
                distance = min(distance, 1)
                common = max(common, spelling.count)
            }
            return (fullName: fullName, distance: distance, common: common)
        }
        let best = candidates.min { ($0.distance, -$0.common) < ($1.distance, -$1.common) }
        guard let best, best.distance < min(bound, 2) else { return nil }
        return best.fullName
    }

    /// Of the keys that hold values; those of sections only lead to them.
    private static func fullNames(of keys: [KeyInformation], under prefix: String) -> [String] {
        keys.flatMap { key in
            let name = prefix + key.name
            if key.children.isEmpty { return [name] }
            return fullNames(of: key.children, under: key.isList ? "\(name)[]." : "\(name).")
        }
    }
}
