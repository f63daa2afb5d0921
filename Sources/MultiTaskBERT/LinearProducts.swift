import LinearAlgebra

/// What the products with the encoder's weights are computed in. All else is single precision: parameters, moments,
/// normalisation, softmax, losses, residual sums and gradients, and the sums inside the products.
public enum ProductPrecision: Sendable {
    case single
    case bfloat16
}

/// A matrix that takes part in products and in other operations, together with its copy in bfloat16 where products take those.
///
/// A matrix is converted once for all the products that it takes part in.
struct ProductOperand: Sendable {
    let single: MatrixView
    let half: BFloat16View?

    /// What products take.
    var view: OperandView { half.map { .half($0) } ?? .single(single) }

    static let empty = ProductOperand(single: .empty, half: nil)

    /// Some rows, such as the outputs of a part of a weight.
    func rows(_ range: Range<Int>) -> ProductOperand {
        ProductOperand(single: single.rows(range), half: half?.rows(range))
    }

    /// Some of the elements of a matrix without gaps, as one row.
    func elements(_ range: Range<Int>) -> ProductOperand {
        ProductOperand(
            single: single.flattened.slice(range).matrix(rows: 1, columns: range.count),
            half: half.map { BFloat16View($0.base + range.lowerBound, rows: 1, columns: range.count) })
    }

    /// To be called when rows have been written, before they are multiplied.
    func finish(_ rows: Range<Int>) {
        if let half { convert(single.rows(rows), into: half.rows(rows)) }
    }
}

/// The three products of a linear layer, in either precision: each shard's rows get the bits that they have when the shard is
/// alone in its batch.
struct LinearProducts {
    let shardOffsets: [Int]
    let scratch: ProductScratch
    /// Memory for the tree over shards of products in bfloat16.
    let tree: GrowingBuffer
    /// With whom products are computed; by the calling thread alone where nil.
    let sharing: ProductSharing?

    /// `result = input · weightᵀ`.
    ///
    /// - Parameters:
    ///   - input: [tokens, inputs].
    ///   - weight: [outputs, inputs].
    ///   - result: [tokens, outputs]; overwritten.
    func forward(_ input: OperandView, _ weight: OperandView, into result: MatrixView) {
        run(.rows(right: .transposed, adds: false), input, weight, into: result)
    }

    /// `result = dOutput · weight`, or that added to what is there.
    ///
    /// - Parameters:
    ///   - dOutput: [tokens, outputs].
    ///   - weight: [outputs, inputs].
    ///   - result: [tokens, inputs]; overwritten, or added to.
    func inputGradient(_ dOutput: OperandView, _ weight: OperandView, into result: MatrixView, adds: Bool) {
        run(.rows(right: .asIs, adds: adds), dOutput, weight, into: result)
    }

    /// `result = Σ dOutputᵀ · input`, as the balanced binary tree over the shards; over those of all lanes where they sum together.
    ///
    /// - Parameters:
    ///   - dOutput: [tokens, outputs].
    ///   - input: [tokens, inputs].
    ///   - result: [outputs, inputs]; overwritten.
    func weightGradient(_ dOutput: OperandView, _ input: OperandView, into result: MatrixView) {
        run(.shards, dOutput, input, into: result)
    }

    private func run(_ kind: LinearProduct.Kind, _ left: OperandView, _ right: OperandView, into result: MatrixView) {
        let operands: LinearProduct.Operands
        switch (left, right) {
        case (.single(let left), .single(let right)): operands = .single(left, right)
        case (.half(let left), .half(let right)): operands = .half(left, right)
        default: fatalError("broken invariant: a product of operands in two precisions")
        }
        let product = LinearProduct(
            kind: kind, runs: [.init(operands: operands, shardOffsets: shardOffsets)], result: result)
        if let sharing {
            if kind == .shards, sharing.isSumming { sharing.add(product) } else { sharing.run(product) }
        } else {
            product.run(scratch, tree: tree)
        }
    }
}
