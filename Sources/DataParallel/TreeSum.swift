import LinearAlgebra

/// Adds up pieces as the balanced binary tree over them. A piece that is not there counts as zeros.
///
/// Leaving zeros out changes no bit as long as no piece holds −0, the one number that adding +0 changes.
///
/// - Parameters:
///   - leaves: how many there are.
///   - target: overwritten; may be one of the leaves.
///   - scratch: rows of at least `target.count` elements, `treeDepth(leaves)` of them.
///   - leaf: the elements of one; nil where it is not there.
func sumTree(leaves: Int, into target: VectorView, scratch: MatrixView, leaf: (Int) -> VectorView?) {
    guard leaves > 1 else {
        put(leaves == 1 ? leaf(0) : nil, into: target)
        return
    }
    // The target is written last, when every leaf has been read.
    let middle = treeSplit(leaves)
    let left = partialSum(0..<middle, target.count, scratch, depth: 0, leaf)
    let right = partialSum(middle..<leaves, target.count, scratch, depth: 1, leaf)
    if let left, let right { add(left, right, into: target) } else { put(left ?? right, into: target) }
}

private func put(_ sum: VectorView?, into target: VectorView) {
    guard let sum else { return target.fill(0) }
    if sum.base != target.base { target.copy(from: sum) }
}

/// The sum over some leaves: one of them, or row `depth` of the scratch memory; only rows from there on are overwritten.
private func partialSum(
    _ leaves: Range<Int>, _ count: Int, _ scratch: MatrixView, depth: Int, _ leaf: (Int) -> VectorView?
) -> VectorView? {
    if leaves.count == 1 { return leaf(leaves.lowerBound) }
    let middle = leaves.lowerBound + treeSplit(leaves.count)
    let left = partialSum(leaves.lowerBound..<middle, count, scratch, depth: depth, leaf)
    let right = partialSum(
        middle..<leaves.upperBound, count, scratch, depth: left == nil ? depth : depth + 1, leaf)
    guard let left, let right else { return left ?? right }
    let sum = scratch.row(depth).slice(0..<count)
    add(left, right, into: sum)
    return sum
}
