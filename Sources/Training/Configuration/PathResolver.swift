import Foundation

/// Turns the paths of a configuration into absolute ones.
///
/// A path in a file is relative to the folder of that file; a path in a `--set` argument, and the output folder wherever
/// it is given, to the current directory. `~/` is the home folder.
package struct PathResolver: Sendable {
    /// Absolute.
    package var configurationFolder: String
    /// Absolute.
    package var currentDirectory: String

    package init(configurationFolder: String, currentDirectory: String) {
        self.configurationFolder = configurationFolder
        self.currentDirectory = currentDirectory
    }

    func absolute(_ path: String, writtenAt origin: SettingNode.Origin) -> String {
        if case .option = origin { return Self.absolute(path, in: currentDirectory) }
        return Self.absolute(path, in: configurationFolder)
    }

    static func absolute(_ path: String, in folder: String) -> String {
        if path.hasPrefix("/") { return normal(path) }
        if path.hasPrefix("~/"), let home = ProcessInfo.processInfo.environment["HOME"] {
            return normal(home + path.dropFirst())
        }
        return normal(folder + "/" + path)
    }

    /// Without empty, `.` and `..` components. Symbolic links are not looked at, so the text alone decides.
    private static func normal(_ path: String) -> String {
        var components: [Substring] = []
        for component in path.split(separator: "/") where component != "." {
            if component == ".." { _ = components.popLast() } else { components.append(component) }
        }
        return "/" + components.joined(separator: "/")
    }
}
