# SPDX-License-Identifier: Apache-2.0
"""Style sheet of the page, for light and dark mode and for all screen sizes."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f7f7f5; --card: #ffffff; --ink: #1c1e21; --soft: #62666d; --line: #dfe0dc;
  --accent: #2563a8; --warn: #8a5a00; --warnback: #fdf3dc;
  --c0: #2563a8; --c1: #d1570a; --c2: #1f8a5b; --c3: #a03a9a;
  --c4: #b08900; --c5: #1b93a8; --c6: #c0334d; --c7: #6a6f78;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15171a; --card: #1e2125; --ink: #e7e8ea; --soft: #a0a5ad; --line: #363a41;
    --accent: #6ba6e8; --warn: #f0c063; --warnback: #33290f;
    --c0: #6ba6e8; --c1: #f5924e; --c2: #55c794; --c3: #d884d2;
    --c4: #e0bd3f; --c5: #5cc8da; --c6: #f0728a; --c7: #a5abb5;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main, header, footer { max-width: 1180px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 36px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 1.25rem; margin: 0 0 4px; }
h3 { font-size: 1rem; margin: 22px 0 8px; }
p { margin: 4px 0 12px; max-width: 75ch; }
.soft, footer, figcaption, .lead { color: var(--soft); }
footer { padding: 8px 20px 40px; font-size: 0.875rem; overflow-wrap: anywhere; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 20px 22px 22px; margin: 18px 0; }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 10px 0 0; font-size: 0.9375rem; }
a { color: var(--accent); }
.wide { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: 0.9375rem; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 12px; text-align: right; border-bottom: 1px solid var(--line);
  vertical-align: baseline; }
thead th { color: var(--soft); font-weight: 500; font-size: 0.8125rem; white-space: nowrap; }
tbody tr:last-child > * { border-bottom: 0; }
th:first-child, td.left, .words td, .words th { text-align: left; }
tbody th { font-weight: 500; }
.results { font-size: 0.875rem; } .results :is(td, th) { padding: 7px 8px; }
.results td { white-space: nowrap; } .results thead th { white-space: normal; }
.results :is(td, th):nth-last-child(-n+3) { text-align: left; }
.wide :is(td, th):first-child { position: sticky; left: 0; background: var(--card); z-index: 1; }

.figure { font-weight: 650; }
.run { white-space: nowrap; }
.dot { display: inline-block; width: 0.7em; height: 0.7em; border-radius: 50%;
  margin-right: 0.5em; background: currentColor; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
.c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); }
.c6 { color: var(--c6); } .c7 { color: var(--c7); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 8px 0 12px; font-size: 0.875rem; }
.swatch { display: inline-block; width: 1em; height: 1em; border-radius: 3px; margin-right: 0.45em;
  vertical-align: -0.12em; border: 1px solid var(--line); }
.grid { display: grid; gap: 18px 22px;
  grid-template-columns: repeat(auto-fill, minmax(290px, 1fr)); }
figure { margin: 0; min-width: 0; }
figure.chart > figcaption { color: var(--ink); font-size: 0.875rem; font-weight: 550; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
svg .axis { stroke: var(--line); stroke-width: 1; }
svg polyline { fill: none; stroke: currentColor; stroke-width: 1.7; stroke-linejoin: round; }
svg .raw { stroke-width: 1; opacity: 0.28; }
svg circle { fill: currentColor; }
.note { background: var(--warnback); border-left: 3px solid var(--warn); border-radius: 4px;
  padding: 8px 12px; margin: 8px 0; overflow-wrap: anywhere; font-size: 0.9375rem; }
.bar { position: relative; min-width: 110px; }
.bar i { position: absolute; left: 0; top: 22%; bottom: 22%; border-radius: 3px; opacity: 0.22;
  background: currentColor; }
.bar b { position: relative; font-weight: 500; color: var(--ink); }
.matrices { display: flex; flex-wrap: wrap; gap: 0 44px; } .matrices > div { max-width: 100%; }
.confusion td, .confusion thead th { text-align: center; padding: 6px 4px; min-width: 2.6em; }
.confusion thead th:first-child { text-align: left; vertical-align: bottom; padding-left: 0; }
.confusion thead th > span { writing-mode: vertical-rl; transform: rotate(180deg);
  display: inline-block; }
.confusion td { border: 2px solid var(--card); border-radius: 4px; font-size: 0.875rem;
  background: color-mix(in srgb, var(--heat) calc(var(--share) * 1%), var(--card)); }
.confusion td { --heat: #c8503c; } .confusion td.right { --heat: #2f8f63; font-weight: 650; }
.confusion.few td { min-width: 5.5em; padding: 14px 8px; font-size: 1rem; }
.confusion.many { font-size: 0.8125rem; }
.confusion.many td { font-size: 0.75rem; min-width: 2.2em; padding: 3px 1px; }
.confusion tbody th { padding-left: 0; white-space: nowrap; }
.pictures { display: grid; gap: 16px 22px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); }
.row { display: grid; gap: 6px; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); }
.row.scroll { overflow-x: auto; grid-auto-columns: minmax(130px, 1fr); margin-bottom: 18px; }
.row figcaption { font-size: 0.8125rem; line-height: 1.35; overflow-wrap: anywhere; }
.tiles { display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(120px, 1fr)); }
img { display: block; width: 100%; height: auto; border-radius: 4px;
  border: 1px solid var(--line); }
img.small { image-rendering: pixelated; }
.file { font-size: 0.875rem; margin-bottom: 4px; overflow-wrap: anywhere; }
details { margin-top: 14px; } summary { cursor: pointer; color: var(--accent); }
code { font: 0.875em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  overflow-wrap: anywhere; }
.right-word { color: var(--c2); } .wrong-word { color: var(--c6); }
@media (max-width: 600px) {
  main, header, footer { padding-left: 12px; padding-right: 12px; }
  section { padding: 16px 14px; } th, td { padding: 6px 8px; } h1 { font-size: 1.5rem; }
}
@media print { section { break-inside: avoid; } body { background: none; } }
"""
