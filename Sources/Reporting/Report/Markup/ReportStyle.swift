/// How a report looks: one column on a phone, two charts side by side on a desk; light and dark; on paper in black and white.
///
/// Colours are told apart with any kind of colour vision (after Okabe and Ito, Color Universal Design, 2008), darkened or
/// lightened so that text has a contrast of 4.5 and lines of 3 against the page (WCAG 2.2, 1.4.3 and 1.4.11).
package enum ReportStyle {
    package static let css: StaticString = """

        :root { color-scheme: light dark;
          --page: #fdfdfb; --raised: #f4f4ef; --ink: #1c2226; --soft: #59636b; --rule: #dcdcd4; --link: #00609c;
          --c0: #0072b2; --c1: #c8500a; --c2: #00805c; --c3: #a8468a; --c4: #8a6d00; --c5: #5c6770;
          --right: 0, 114, 178; --wrong: 213, 94, 0; --depth: 0.62; }
        @media (prefers-color-scheme: dark) { :root {
          --page: #15191c; --raised: #1e2327; --ink: #e8eaeb; --soft: #a9b2b9; --rule: #353d43; --link: #7cc4f2;
          --c0: #56b4e9; --c1: #f29b52; --c2: #2fc79b; --c3: #e59ac6; --c4: #e6d24a; --c5: #b8c2cc;
          --right: 40, 130, 195; --wrong: 214, 104, 20; --depth: 0.72; } }
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-behavior: smooth; }
        body { margin: 0 auto; padding: 1.75rem 1rem 4rem; max-width: 62rem; background: var(--page); color: var(--ink);
          font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif; }
        h1, h2, h3 { line-height: 1.25; text-wrap: balance; overflow-wrap: anywhere; }
        h1 { font-size: 2rem; font-weight: 650; letter-spacing: -0.015em; margin: 0.15rem 0 0.75rem; }
        h2 { font-size: 1.4rem; font-weight: 620; letter-spacing: -0.008em; margin: 0 0 0.5rem; }
        h3 { font-size: 1.0625rem; font-weight: 620; margin: 0; }
        p { margin: 0 0 0.9rem; max-width: 42rem; }
        a { color: var(--link); }
        .kicker { margin: 0; font-size: 0.875rem; color: var(--soft); letter-spacing: 0.02em; }
        .lead { font-size: 1.1875rem; line-height: 1.5; }
        nav { margin: 1.5rem 0 0; padding: 0.6rem 0; border-block: 1px solid var(--rule); font-size: 0.9375rem; }
        nav a { display: inline-block; padding: 0.2rem 0; margin-right: 1.1rem; text-decoration: none; }
        nav a:hover { text-decoration: underline; }
        section { margin-top: 3rem; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.75rem; margin: 1.25rem 0 0; }
        .tiles div { background: var(--raised); border-radius: 0.5rem; padding: 0.8rem 0.95rem; }
        .tiles dt { font-size: 0.875rem; color: var(--soft); line-height: 1.35; }
        .tiles dd { margin: 0; }
        .tiles .value { display: block; font-size: 1.6rem; font-weight: 620; line-height: 1.3; letter-spacing: -0.01em;
          font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
        .tiles .more { display: block; font-size: 0.875rem; color: var(--soft); line-height: 1.35; }
        .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); gap: 2rem 2.25rem; }
        .multiples { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: 1.25rem 1rem; }
        .multiples h3 { font-size: 0.9375rem; font-weight: 550; }
        .charts + .charts, .charts + .multiples, .multiples + .charts, p + .charts, p + .multiples, .legend + .multiples { margin-top: 1.5rem; }
        h3.group { margin: 2rem 0 0.75rem; }
        figure { margin: 0; min-width: 0; }
        figure svg { display: block; width: 100%; height: auto; margin-top: 0.5rem; overflow: visible; }
        .note { margin: 0.35rem 0 0; font-size: 0.9375rem; line-height: 1.5; color: var(--soft); }
        .empty { color: var(--soft); font-style: italic; }
        .legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0.1rem 1rem; margin: 0.3rem 0 0; padding: 0;
          font-size: 0.9375rem; }
        .legend li { overflow-wrap: anywhere; }
        figure svg.swatch, svg.swatch { display: inline-block; width: 1.5rem; height: 0.65rem; margin: 0 0.4rem 0 0; }
        svg text { font-size: 12.5px; fill: var(--ink); font-variant-numeric: tabular-nums; }
        svg .tick, svg .axis { fill: var(--soft); }
        svg .end { text-anchor: end; }
        svg .mid { text-anchor: middle; }
        svg .row { font-size: 14px; }
        svg text.row, svg text.halo { paint-order: stroke; stroke: var(--page); stroke-width: 4px; stroke-linejoin: round; }
        svg .strong { font-weight: 650; }
        svg .grid { stroke: var(--rule); stroke-width: 1; }
        svg .zero { stroke: var(--soft); stroke-width: 1.5; }
        svg .marker { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 4; }
        .curve, .faint, .bar, .interval { fill: none; stroke: var(--c); stroke-linejoin: round; stroke-linecap: round; }
        .curve { stroke-width: 2; }
        .small .curve { stroke-width: 1.6; }
        .faint { stroke-width: 0.8; opacity: 0.4; }
        .bar { stroke-width: 1.5; opacity: 0.75; }
        .interval { stroke-width: 3; }
        .dot { fill: var(--c); }
        .part { fill: var(--c); stroke: var(--page); stroke-width: 3; }
        .s0 { --c: var(--c0); } .s1 { --c: var(--c1); } .s2 { --c: var(--c2); }
        .s3 { --c: var(--c3); } .s4 { --c: var(--c4); } .s5 { --c: var(--c5); }
        .curve.s2 { stroke-dasharray: 7 4; } .curve.s3 { stroke-dasharray: 1.5 4.5; }
        .curve.s4 { stroke-dasharray: 8 3.5 1.5 3.5; } .curve.s5 { stroke-dasharray: 13 5; }
        .key { display: inline-block; width: 0.8rem; height: 0.8rem; border-radius: 0.15rem; margin-right: 0.5rem;
          background: var(--c); }
        svg.shares { height: 2.25rem; border-radius: 0.35rem; }
        .scroll { overflow-x: auto; margin: 0.75rem 0 0; -webkit-overflow-scrolling: touch; }
        table { border-collapse: separate; border-spacing: 0; font-size: 0.9375rem; line-height: 1.4; font-variant-numeric: tabular-nums; }
        caption { text-align: left; font-weight: 620; font-size: 1rem; padding-bottom: 0.4rem; }
        th, td { padding: 0.42rem 0.9rem 0.42rem 0; text-align: left; vertical-align: baseline; font-weight: 400; }
        thead th { font-size: 0.875rem; color: var(--soft); border-bottom: 1px solid var(--soft); white-space: nowrap; }
        tbody th, tbody td { border-bottom: 1px solid var(--rule); }
        tbody th { font-weight: 550; }
        .number { text-align: right; white-space: nowrap; }
        .meaning { display: block; color: var(--soft); font-weight: 400; font-size: 0.875rem; padding-left: 1.3rem; }
        tr.mean th, tr.mean td { font-weight: 650; }
        table.wide { width: 100%; }
        table.wide tbody th, table.wide thead th:first-child { position: sticky; left: 0; background: var(--page); }
        table.shares { width: 100%; }
        table.facts th { width: 28%; color: var(--soft); font-weight: 400; }
        table.facts { width: 100%; }
        table.facts td { overflow-wrap: anywhere; }
        .matrices { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)); gap: 1rem 1.5rem; }
        .matrix th, .matrix td { border: 0; padding: 0.4rem 0.35rem; text-align: center; min-width: 2.8rem; white-space: nowrap; }
        .matrix thead th { font-weight: 400; border-bottom: 0; }
        .matrix tbody th { text-align: left; font-weight: 400; color: var(--soft); font-size: 0.875rem; }
        .matrix thead .corner { text-align: left; font-size: 0.8125rem; line-height: 1.3; color: var(--soft); border: 0; }
        .matrix td { border: 2px solid var(--page); border-radius: 0.3rem; }
        .matrix .plain { color: var(--soft); text-align: right; }
        .p1, .p2, .p3, .p4, .p5, .p6, .p7, .p8 { background: rgba(var(--right), calc(var(--depth) * var(--level))); }
        .n1, .n2, .n3, .n4, .n5, .n6, .n7, .n8 { background: rgba(var(--wrong), calc(var(--depth) * var(--level))); }
        .p1, .n1 { --level: 0.1; } .p2, .n2 { --level: 0.2; } .p3, .n3 { --level: 0.32; } .p4, .n4 { --level: 0.45; }
        .p5, .n5 { --level: 0.58; } .p6, .n6 { --level: 0.72; } .p7, .n7 { --level: 0.86; } .p8, .n8 { --level: 1; }
        details { border-top: 1px solid var(--rule); }
        details:last-of-type { border-bottom: 1px solid var(--rule); }
        summary { cursor: pointer; padding: 0.65rem 0; font-weight: 550; overflow-wrap: anywhere; }
        summary .more { font-weight: 400; color: var(--soft); }
        details .scroll { margin: 0 0 1rem; }
        ol.mistakes { list-style: none; margin: 0 0 1rem; padding: 0; }
        ol.mistakes li { margin: 0 0 1.2rem; max-width: 46rem; }
        blockquote { margin: 0; padding-left: 0.9rem; border-left: 3px solid var(--rule); overflow-wrap: anywhere;
          white-space: pre-line; }
        blockquote + blockquote { margin-top: 0.4rem; }
        .verdict { margin: 0.3rem 0 0; padding-left: calc(0.9rem + 3px); font-size: 0.9375rem; color: var(--soft); }
        .verdict b { font-weight: 620; color: var(--ink); }
        .warning { margin: 1.25rem 0 0; border-left: 3px solid var(--c1); padding-left: 0.9rem; }
        pre { background: var(--raised); border-radius: 0.5rem; padding: 0.9rem 1rem; overflow-x: auto; font-size: 0.875rem;
          line-height: 1.5; margin: 0.5rem 0 1rem; tab-size: 2; }
        code, pre { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
        footer { margin-top: 3.5rem; padding-top: 0.8rem; border-top: 1px solid var(--rule); font-size: 0.875rem;
          color: var(--soft); overflow-wrap: anywhere; }
        @media (min-width: 48rem) { body { padding: 3rem 2rem 5rem; } h1 { font-size: 2.5rem; } h2 { font-size: 1.6rem; } }
        @media print {
          :root { --page: #fff; --raised: #f4f4f4; --ink: #000; --soft: #444; --rule: #ccc; --link: #000;
            --c0: #0072b2; --c1: #c8500a; --c2: #00805c; --c3: #a8468a; --c4: #8a6d00; --c5: #5c6770;
            --right: 0, 114, 178; --wrong: 213, 94, 0; --depth: 0.62; }
          body { max-width: none; padding: 0; font-size: 10pt; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
          nav { display: none; }
          section { margin-top: 1.6rem; }
          h2, h3, caption { break-after: avoid; }
          figure, tr, ol.mistakes li, .tiles div { break-inside: avoid; }
          .scroll, pre { overflow: visible; white-space: pre-wrap; }
          .charts { grid-template-columns: 1fr 1fr; }
          details::details-content { content-visibility: visible; block-size: auto; opacity: 1; }
        }

        """
}
