import COneDNN
import Foundation
import Synchronization

/// oneDNN's handle of the processor, and the streams that its products run in.
///
/// `@unchecked Sendable`: the engine is constant, and a stream is handed to one thread at a time.
final class OneDNNEngine: @unchecked Sendable {
    /// Nil where oneDNN does not know the processor.
    static let shared = OneDNNEngine()

    let engine: dnnl_engine_t
    private let idle = Mutex<[Unshared]>([])
    private let limitThreads: (@convention(c) (Int32) -> Void)?

    private struct Unshared: @unchecked Sendable {
        let stream: dnnl_stream_t
    }

    private init?() {
        var engine: dnnl_engine_t?
        guard dnnl_engine_create(&engine, dnnl_cpu, 0) == dnnl_success, let engine else { return nil }
        self.engine = engine
        // Found by its name, because OpenMP comes with oneDNN and not as a library to link with.
        let symbol = dlsym(UnsafeMutableRawPointer(bitPattern: 0), "omp_set_num_threads")
        limitThreads = symbol.map { unsafeBitCast($0, to: (@convention(c) (Int32) -> Void).self) }
    }

    /// Runs `body` with a stream of its own, on one thread whatever `OMP_NUM_THREADS` says: threads of oneDNN would compete
    /// with those of this program, and could change the order of sums.
    func withStream(_ body: (dnnl_stream_t) -> Void) {
        limitThreads?(1)
        let stream = idle.withLock { $0.popLast() } ?? makeStream()
        body(stream.stream)
        idle.withLock { $0.append(stream) }
    }

    private func makeStream() -> Unshared {
        var stream: dnnl_stream_t?
        let status = dnnl_stream_create(&stream, engine, UInt32(dnnl_stream_default_flags.rawValue))
        guard status == dnnl_success, let stream else {
            fatalError("oneDNN cannot make a stream: status \(status.rawValue)")
        }
        return Unshared(stream: stream)
    }

    func withMemories(
        _ left: OneDNNMemory, _ right: OneDNNMemory, _ result: OneDNNMemory,
        _ body: (dnnl_memory_t, dnnl_memory_t, dnnl_memory_t) -> Void
    ) {
        let handles = (left.handle(engine), right.handle(engine), result.handle(engine))
        body(handles.0, handles.1, handles.2)
        dnnl_memory_destroy(handles.0)
        dnnl_memory_destroy(handles.1)
        dnnl_memory_destroy(handles.2)
    }
}

/// A matrix as oneDNN takes it.
struct OneDNNMemory {
    enum Element {
        case bfloat16, single
    }

    private let base: UnsafeMutableRawPointer
    private let description: dnnl_memory_desc_t

    /// - Parameters:
    ///   - rows, columns: as the product sees them, after transposition.
    ///   - stride: between the rows that lie in memory.
    init(
        _ base: UnsafeMutableRawPointer, _ element: Element, rows: Int, columns: Int, _ operand: Operand, stride: Int
    ) {
        self.base = base
        description = dnnl_memory_desc_t(element, rows: rows, columns: columns, operand, stride: stride)
    }

    fileprivate func handle(_ engine: dnnl_engine_t) -> dnnl_memory_t {
        var handle: dnnl_memory_t?
        let status = withUnsafePointer(to: description) { dnnl_memory_create(&handle, $0, engine, base) }
        guard status == dnnl_success, let handle else {
            fatalError("oneDNN cannot take a matrix: status \(status.rawValue)")
        }
        return handle
    }
}

extension dnnl_memory_desc_t {
    init(_ element: OneDNNMemory.Element, rows: Int, columns: Int, _ operand: Operand, stride: Int) {
        self.init()
        let sizes = [dnnl_dim_t(rows), dnnl_dim_t(columns)]
        let strides = operand == .asIs ? [dnnl_dim_t(stride), 1] : [1, dnnl_dim_t(stride)]
        let type = element == .bfloat16 ? dnnl_bf16 : dnnl_f32
        let status = dnnl_memory_desc_init_by_strides(&self, 2, sizes, type, strides)
        require(status == dnnl_success, "oneDNN cannot describe a matrix: status \(status.rawValue)")
    }
}
