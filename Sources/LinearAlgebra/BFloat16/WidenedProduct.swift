import Synchronization

/// Products of bfloat16 on processors without instructions for them: the operands are widened to single precision, which
/// changes none of their numbers, and multiplied by this program's own products. Each element is the sum of its own row and column,
/// whatever others are computed with it.
package enum WidenedProduct {
    /// See `multiply` of views of bfloat16.
    package static func multiply(
        _ left: BFloat16View, _ leftOperand: Operand, _ right: BFloat16View, _ rightOperand: Operand,
        into result: MatrixView, adds: Bool
    ) {
        withScratch { scratch in
            LinearAlgebra.multiply(
                scratch.left.widened(left, leftOperand), scratch.right.widened(right, .asIs), rightOperand,
                into: result, adds: adds, scratch: scratch.product)
        }
    }

    /// See `multiplyShardwise` of runs of bfloat16.
    package static func multiplyShardwise(_ runs: [ShardRun<BFloat16View>], into result: MatrixView) {
        // One matrix for all runs, so that memory is asked for once.
        let starts = runs.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.left.rows) }
        withScratch { scratch in
            let left = scratch.left.matrix(rows: starts[runs.count], columns: result.rows)
            let right = scratch.right.matrix(rows: starts[runs.count], columns: result.columns)
            let widened = zip(runs, starts).map { run, start in
                let rows = start..<start + run.left.rows
                widen(run.left, into: left.rows(rows))
                widen(run.right, into: right.rows(rows))
                return ShardRun(left.rows(rows), right.rows(rows), shardOffsets: run.shardOffsets)
            }
            LinearAlgebra.multiplyShardwise(widened, into: result, scratch: scratch.product)
        }
    }

    /// Memory of one product; used by one thread at a time.
    private final class Scratch: @unchecked Sendable {
        let (left, right, product) = (GrowingBuffer(), GrowingBuffer(), ProductScratch())
    }

    private static let idle = Mutex<[Scratch]>([])

    private static func withScratch(_ body: (Scratch) -> Void) {
        let scratch = idle.withLock { $0.popLast() } ?? Scratch()
        body(scratch)
        idle.withLock { $0.append(scratch) }
    }
}

extension GrowingBuffer {
    /// `op(matrix)` in single precision.
    fileprivate func widened(_ matrix: BFloat16View, _ operand: Operand) -> MatrixView {
        if operand == .asIs {
            let result = self.matrix(rows: matrix.rows, columns: matrix.columns)
            widen(matrix, into: result)
            return result
        }
        let result = self.matrix(rows: matrix.columns, columns: matrix.rows)
        for row in 0..<matrix.rows {
            for column in 0..<matrix.columns {
                result[column, row] = Float(bitPattern: UInt32(matrix.base[row * matrix.stride + column]) << 16)
            }
        }
        return result
    }
}

/// `target = source`, in single precision.
///
/// - Parameters:
///   - source: [rows, columns].
///   - target: [rows, columns]; overwritten.
private func widen(_ source: BFloat16View, into target: MatrixView) {
    require(
        source.rows == target.rows && source.columns == target.columns, "a widening between matrices of unlike sizes")
    for row in 0..<source.rows {
        let (from, to) = (source.base + row &* source.stride, target.base + row &* target.stride)
        forEachPiece(of: source.columns) { offset, count in
            if count == laneCount {
                to.store(
                    Lanes(widening: UnsafeRawPointer(from + offset).loadUnaligned(as: SIMD16<UInt16>.self)), at: offset)
            } else {
                for index in offset..<offset &+ count { to[index] = Float(bitPattern: UInt32(from[index]) << 16) }
            }
        }
    }
}

extension SIMD16 where Scalar == Float {
    /// Numbers of bfloat16.
    @inline(__always)
    fileprivate init(widening halves: SIMD16<UInt16>) {
        let h = halves
        let low = SIMD16<UInt16>(0, h[0], 0, h[1], 0, h[2], 0, h[3], 0, h[4], 0, h[5], 0, h[6], 0, h[7])
        let high = SIMD16<UInt16>(0, h[8], 0, h[9], 0, h[10], 0, h[11], 0, h[12], 0, h[13], 0, h[14], 0, h[15])
        self = Lanes(
            lowHalf: unsafeBitCast(low, to: SIMD8<Float>.self), highHalf: unsafeBitCast(high, to: SIMD8<Float>.self))
    }
}
