# Holds the imports of Sources against the floors of Package.swift:
#
#     awk -f floors.awk Package.swift Sources/A/x.swift …
#
# `// Floor N: …` in Package.swift opens a floor; the targets below it stand on it, up to the next such comment or
# `// Tests`. A file in Sources/T may import a target of the package only where that stands on a lower floor than T.

FILENAME == "Package.swift" {
    if ($1 == "//" && $2 == "Floor") { floor = $3 + 0; open = 1 }
    if ($1 == "//" && $2 == "Tests") open = 0
    if ($0 ~ /\.(target|systemLibrary|executableTarget)\(/) naming = open
    if (naming && match($0, /name: "[^"]+"/)) {
        floors[substr($0, RSTART + 7, RLENGTH - 8)] = floor
        naming = 0
        count++
    }
    next
}

{ split(FILENAME, path, "/") }

FNR == 1 && !(path[2] in floors) {
    print FILENAME ": " path[2] " stands on no floor of Package.swift"
    broken = 1
}

/^[ \t]*(@[A-Za-z_]+(\([^)]*\))?[ \t]+)*((public|package|internal|fileprivate|private)[ \t]+)?import[ \t]/ {
    line = $0
    sub(/^.*import[ \t]+((struct|class|enum|protocol|func|var|let|typealias)[ \t]+)?/, "", line)
    sub(/[^A-Za-z0-9_].*$/, "", line)
    if (line in floors && floors[line] >= floors[path[2]]) {
        print FILENAME ":" FNR ": " path[2] " (floor " floors[path[2]] ") imports " line " (floor " floors[line] ")"
        broken = 1
    }
}

END {
    if (count == 0) { print "no targets found under floor comments in Package.swift"; broken = 1 }
    exit broken
}
