// swift-tools-version: 6.0
import PackageDescription

// Targets stand in the order of their floors: a target imports only lower floors, and siblings on a floor do not import
// each other. `./run.sh check` holds the imports against the floor comments below.

/// Plain targets: optimised for the processor at hand, with every check kept.
let common: [SwiftSetting] = [
    .unsafeFlags(["-Xcc", "-march=native"], .when(configuration: .release))
]
/// Arithmetic targets: inner loops over sizes that were checked at the entry of each operation.
let arithmetic: [SwiftSetting] = [
    .unsafeFlags(["-Ounchecked", "-Xcc", "-march=native", "-Xcc", "-fno-math-errno"], .when(configuration: .release))
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
    name: "mtbert-dist",
    products: [.executable(name: "mtbert-dist", targets: ["mtbert-dist"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Floor 0: C libraries
        .systemLibrary(name: "CMPI", pkgConfig: "mpi-c", providers: [.apt(["libopenmpi-dev"])]),
        .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        // Debian's package has no pkg-config file; the module map names the library.
        .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        // Floor 1: leaves
        .target(name: "MPI", dependencies: ["CMPI"], swiftSettings: common),
        .target(name: "LinearAlgebra", dependencies: ["COneDNN", "COpenBLAS"], swiftSettings: arithmetic),
        .target(name: "Tokenization", swiftSettings: common),
        .target(name: "Checkpoints", dependencies: [crypto], swiftSettings: common),
        .target(name: "Metrics", swiftSettings: common),

        // Floor 2: parts
        .target(name: "Kernels", dependencies: ["LinearAlgebra"], swiftSettings: arithmetic),
        .target(name: "TaskData", dependencies: ["CZlib", "LinearAlgebra", "Tokenization"], swiftSettings: common),
        .target(name: "Optimization", dependencies: ["LinearAlgebra"], swiftSettings: arithmetic),
        .target(name: "DataParallel", dependencies: ["LinearAlgebra", "MPI"], swiftSettings: arithmetic),

        // Floor 3: model
        .target(
            name: "MultiTaskBERT",
            dependencies: ["Checkpoints", "DataParallel", "Kernels", "LinearAlgebra", "TaskData"], swiftSettings: common
        ),

        // Floor 4: run
        .target(
            name: "Training",
            dependencies: [
                "Checkpoints", "DataParallel", "LinearAlgebra", "MPI", "Metrics", "MultiTaskBERT", "Optimization",
                "TaskData", "Tokenization", yams,
            ], swiftSettings: common),
        .target(name: "Reporting", dependencies: ["Metrics"], swiftSettings: common),

        // Floor 5: programs
        .executableTarget(
            name: "mtbert-dist",
            dependencies: [
                "DataParallel", "LinearAlgebra", "MPI", "Metrics", "Reporting", "TaskData", "Training", argumentParser,
            ],
            swiftSettings: common),

        // Tests
        .testTarget(name: "TokenizationTests", dependencies: ["Tokenization"], swiftSettings: common),
        .testTarget(name: "CheckpointsTests", dependencies: ["Checkpoints"], swiftSettings: common),
        .testTarget(name: "MetricsTests", dependencies: ["Metrics"], swiftSettings: common),
        .testTarget(name: "LinearAlgebraTests", dependencies: ["LinearAlgebra"], swiftSettings: common),
        .testTarget(
            name: "KernelsTests", dependencies: ["Kernels", "LinearAlgebra", "Checkpoints"], swiftSettings: common),
        .testTarget(
            name: "OptimizationTests", dependencies: ["Optimization", "LinearAlgebra", "Checkpoints"],
            swiftSettings: common),
        .testTarget(
            name: "DataParallelTests", dependencies: ["DataParallel", "LinearAlgebra", "MPI"], swiftSettings: common),
        .testTarget(
            name: "MultiTaskBERTTests",
            dependencies: ["Checkpoints", "DataParallel", "LinearAlgebra", "MPI", "MultiTaskBERT"],
            swiftSettings: common),
        .testTarget(name: "TaskDataTests", dependencies: ["TaskData"], swiftSettings: common),
        .testTarget(
            name: "TrainingTests", dependencies: ["Checkpoints", "MPI", "TaskData", "Training"], swiftSettings: common),
        .testTarget(name: "ReportingTests", dependencies: ["Reporting"], swiftSettings: common),
        // These start the built program, alone and under mpirun.
        .testTarget(name: "EndToEndTests", swiftSettings: common),
    ],
    swiftLanguageModes: [.v6]
)

// `./run.sh check` builds what handles memory by itself once more, with AddressSanitizer: the floors up to the model.
if Context.environment["MTBERT_SANITIZED"] != nil {
    let others = [
        "Training", "Reporting", "mtbert-dist", "TokenizationTests", "CheckpointsTests", "MetricsTests",
        "TaskDataTests", "TrainingTests", "ReportingTests", "EndToEndTests",
    ]
    package.targets.removeAll { others.contains($0.name) }
    package.products = []
}
