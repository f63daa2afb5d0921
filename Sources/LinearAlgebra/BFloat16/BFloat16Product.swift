import COneDNN

/// `result = op(left) · op(right)`, or that added to what is there, operands in bfloat16, sums and result in single precision, on
/// the calling thread alone: by oneDNN, or as `BFloat16Support` says.
///
/// - Parameters:
///   - left: [m, k], or [k, m] where transposed.
///   - right: [k, n], or [n, k] where transposed.
///   - result: [m, n]; overwritten, or added to.
public func multiply(
    _ left: BFloat16View, _ leftOperand: Operand, _ right: BFloat16View, _ rightOperand: Operand,
    into result: MatrixView, adds: Bool = false
) {
    let (m, k) = leftOperand == .asIs ? (left.rows, left.columns) : (left.columns, left.rows)
    let (k2, n) = rightOperand == .asIs ? (right.rows, right.columns) : (right.columns, right.rows)
    require(
        k == k2 && m == result.rows && n == result.columns,
        "a product of \(m) × \(k) and \(k2) × \(n) into \(result.rows) × \(result.columns)")
    if m == 0 || n == 0 { return }
    if k == 0 {
        if !adds { for row in 0..<m { result.row(row).fill(0) } }
        return
    }
    guard BFloat16Support.here == .native,
        let primitive = ProductPrimitive.shared(.init(left: leftOperand, right: rightOperand, adds: adds))
    else { return WidenedProduct.multiply(left, leftOperand, right, rightOperand, into: result, adds: adds) }
    let left = OneDNNMemory(left.base, .bfloat16, rows: m, columns: k, leftOperand, stride: left.stride)
    let right = OneDNNMemory(right.base, .bfloat16, rows: k, columns: n, rightOperand, stride: right.stride)
    let result = OneDNNMemory(result.base, .single, rows: m, columns: n, .asIs, stride: result.stride)
    primitive.execute(left, right, result)
}

/// A product of matrices as oneDNN has compiled it: for all sizes, which it is told with each product.
///
/// Primitives for one size were measured to be no faster, and take 0.3 milliseconds and 40 kilobytes for each number of tokens.
///
/// `@unchecked Sendable`: oneDNN's primitives are constant, and they bring no scratch memory of their own into use.
final class ProductPrimitive: @unchecked Sendable {
    struct Kind: Hashable {
        let left, right: Operand
        let adds: Bool
    }

    private let primitive: dnnl_primitive_t

    /// The primitive of a kind, made when first needed; nil where oneDNN has none for this processor.
    static func shared(_ kind: Kind) -> ProductPrimitive? { all[kind] ?? nil }

    /// Whether oneDNN has all kinds for this processor.
    static var areAllThere: Bool { all.values.allSatisfy { $0 != nil } }

    private static let all: [Kind: ProductPrimitive?] = {
        var all: [Kind: ProductPrimitive?] = [:]
        for left in [Operand.asIs, .transposed] {
            for right in [Operand.asIs, .transposed] {
                for adds in [false, true] {
                    let kind = Kind(left: left, right: right, adds: adds)
                    all[kind] = ProductPrimitive(kind)
                }
            }
        }
        return all
    }()

    private init?(_ kind: Kind) {
        let unknown = Int(conednn_runtime_dimension())
        guard let engine = OneDNNEngine.shared else { return nil }
        var left = dnnl_memory_desc_t(.bfloat16, rows: unknown, columns: unknown, kind.left, stride: unknown)
        var right = dnnl_memory_desc_t(.bfloat16, rows: unknown, columns: unknown, kind.right, stride: unknown)
        var result = dnnl_memory_desc_t(.single, rows: unknown, columns: unknown, .asIs, stride: unknown)
        var operation = dnnl_matmul_desc_t()
        var attributes: dnnl_primitive_attr_t?
        var followUp: dnnl_post_ops_t?
        var description: dnnl_primitive_desc_t?
        var primitive: dnnl_primitive_t?
        guard dnnl_matmul_desc_init(&operation, &left, &right, nil, &result) == dnnl_success,
            dnnl_primitive_attr_create(&attributes) == dnnl_success
        else { return nil }
        defer { dnnl_primitive_attr_destroy(attributes) }
        if kind.adds {
            guard dnnl_post_ops_create(&followUp) == dnnl_success,
                dnnl_post_ops_append_sum(followUp, 1) == dnnl_success,
                dnnl_primitive_attr_set_post_ops(attributes, followUp) == dnnl_success
            else { return nil }
        }
        defer { if followUp != nil { dnnl_post_ops_destroy(followUp) } }
        guard dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user) == dnnl_success,
            dnnl_primitive_desc_create(&description, &operation, attributes, engine.engine, nil) == dnnl_success
        else { return nil }
        defer { dnnl_primitive_desc_destroy(description) }
        let scratch = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0)
        guard scratch.map({ dnnl_memory_desc_get_size($0) }) ?? 0 == 0,
            dnnl_primitive_create(&primitive, description) == dnnl_success, let primitive
        else { return nil }
        self.primitive = primitive
    }

    func execute(_ left: OneDNNMemory, _ right: OneDNNMemory, _ result: OneDNNMemory) {
        guard let engine = OneDNNEngine.shared else { fatalError("broken invariant: a primitive without an engine") }
        engine.withStream { stream in
            engine.withMemories(left, right, result) { left, right, result in
                let arguments = [
                    dnnl_exec_arg_t(arg: DNNL_ARG_SRC, memory: left),
                    dnnl_exec_arg_t(arg: DNNL_ARG_WEIGHTS, memory: right),
                    dnnl_exec_arg_t(arg: DNNL_ARG_DST, memory: result),
                ]
                let status = dnnl_primitive_execute(primitive, stream, Int32(arguments.count), arguments)
                require(status == dnnl_success, "oneDNN fails in a product: status \(status.rawValue)")
            }
        }
    }
}
