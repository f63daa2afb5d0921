import TaskData

/// The candidate nearest to a word, the first of equals. Nil without candidates.
package func nearestName(to word: String, among candidates: [String]) -> String? {
    candidates.map { (name: $0, distance: editDistance(word.lowercased(), $0.lowercased())) }
        .min { $0.distance < $1.distance }?.name
}
