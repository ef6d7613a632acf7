"""The style of an evaluation report, on top of the page's."""

STYLE = """
:root{--s1:#2563a8;--s2:#b4531a;--s3:#2a7a4b;--s4:#7446b0;--s5:#b02f6b;--s6:#6a6256}
@media (prefers-color-scheme:dark){:root{--s1:#7db3ee;--s2:#f0a05c;--s3:#6cc791;--s4:#b99af2;--s5:#f089b6;--s6:#bdb2a3}}
main{counter-reset:figure}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:2px 18px;margin:14px 0 0;padding:10px 0;
border-top:1px solid var(--line);border-bottom:1px solid var(--line);font-size:.9rem}
nav a{color:var(--accent);text-decoration:none;display:inline-block;padding:3px 0}nav a:hover{text-decoration:underline}
section{margin:0 0 8px}.box>.soft{font-size:.88rem}#protocol tbody th{overflow-wrap:normal}
.two{margin-bottom:16px}.two>.toggle>.pane>:last-child{margin-bottom:0}
ul.says{margin:0;padding-left:1.1em}.says li{margin:0 0 8px;max-width:68ch}.says li:last-child{margin:0}
figcaption::before{counter-increment:figure;content:"Figure " counter(figure) ". ";font-weight:600;color:var(--ink)}
.faces figcaption::before{content:none;counter-increment:none}
svg .grid{stroke:var(--line)}svg .axis{stroke:var(--soft)}
svg text{paint-order:stroke;stroke:var(--card);stroke-width:5px;stroke-linejoin:round}
section>.drawn{max-width:600px}p a{color:var(--accent)}
svg text.ink,svg text.name{fill:var(--ink)}svg text.name{font-weight:600}
.swatch{display:inline-block;width:22px;height:12px;margin:0 7px 0 0;vertical-align:-1px;flex:none}
.key{list-style:none;display:flex;flex-wrap:wrap;gap:4px 18px;margin:8px 0 0;padding:0;font-size:.86rem}
details{margin:12px 0 0}
section>details{margin:0 0 14px}summary{cursor:pointer;color:var(--accent);font-size:.88rem;padding:3px 0}
details>.scroll,details>pre{margin:8px 0 0}
pre{overflow:auto;font:.8rem/1.45 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;max-height:30em}
td small,th small{display:block;color:var(--soft);font-size:.8em;line-height:1.25;font-weight:400}
tr.faint>*{color:var(--soft)}
.toggle{border:0;padding:0;margin:0;min-width:0}
.toggle legend{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.toggle>input{position:absolute;opacity:0;width:1px;height:1px}
.toggle>label{display:inline-block;padding:5px 14px;border:1px solid var(--line);background:var(--card);cursor:pointer;
font-size:.88rem;margin:0 0 12px -1px}
.toggle>label:first-of-type{border-radius:8px 0 0 8px;margin-left:0}
.toggle>label:last-of-type{border-radius:0 8px 8px 0}
.toggle>input:checked+label{background:var(--accent);border-color:var(--accent);color:var(--card)}
.toggle>input:focus-visible+label,summary:focus-visible,a:focus-visible,.scroll:focus-visible,pre:focus-visible{
outline:2px solid var(--accent);outline-offset:2px}
.toggle>input.p0:not(:checked)~.pane.p0,.toggle>input.p1:not(:checked)~.pane.p1{display:none}
.for-print{display:none}
.matrix{font-size:.86rem;border-collapse:separate;border-spacing:2px;table-layout:fixed}
.matrix th,.matrix td{border:0;padding:0 2px;text-align:center;height:2.7em;min-width:2.9em}
.scroll>table.matrix{min-width:0;margin:0 auto}
.matrix thead th{height:auto;vertical-align:bottom;padding:4px 0}
.matrix thead th span{writing-mode:vertical-rl;transform:rotate(180deg);display:inline-block;line-height:1.2}
.matrix tbody th{text-align:right;padding-right:9px;white-space:nowrap}
.matrix thead td{vertical-align:bottom;text-align:right;padding:4px 9px 4px 0;color:var(--soft);font-size:.85em;
line-height:1.35}
.matrix tbody td{background:rgba(var(--heat),calc(var(--a,0)*var(--most)));border-radius:4px}
.matrix tbody td.own{box-shadow:inset 0 0 0 1px var(--soft)}
.shaded tbody td.shade{background:rgba(var(--warm),var(--a,0))}
:root{--warm:196,84,40;--heat:37,99,168;--most:.7}
@media (prefers-color-scheme:dark){:root{--heat:86,156,224;--most:.52}}
.faces{display:grid;grid-template-columns:repeat(auto-fill,minmax(118px,1fr));gap:14px 12px;margin:0 0 20px}
.faces img{width:100%;aspect-ratio:1;object-fit:cover;display:block;border-radius:6px;background:var(--track)}
.faces figcaption{font-size:.8rem;line-height:1.35;margin-top:4px}.faces b{color:var(--ink);font-weight:600}
.faces small{display:block;font-size:.94em}
@media (max-width:520px){svg text{font-size:15px}
.matrix{font-size:.8rem;border-spacing:1px}.matrix th,.matrix td{min-width:2.35em;padding:0}
.faces{grid-template-columns:repeat(auto-fill,minmax(92px,1fr));gap:12px 8px}}
@page{margin:16mm 15mm}
@media print{nav,.toggle>label,details:not([open]),.toggle>input{display:none}
.toggle .pane{display:block!important}.for-print{display:block;font-weight:600;margin:10px 0 4px}
h2,h3{break-after:avoid}figure,.faces figure{break-inside:avoid}.box,.tile{border-radius:4px}
main,header,footer{max-width:none;padding:0}.two{grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:10px}
.two.wide{grid-template-columns:minmax(0,1fr)}.tiles{grid-template-columns:repeat(5,1fr);gap:8px}
.tile{padding:9px 10px}.tile b{font-size:15pt}.box{padding:11px 13px}svg{max-width:360px}svg.swatch{max-width:22px}
table{font-size:8.5pt}td small{white-space:nowrap}
th,td{padding:3px 9px 3px 0}.matrix th,.matrix td{padding:0 1px;min-width:0}
svg text{font-size:14px}h1{font-size:19pt}h2{font-size:13pt;margin-top:22px}
:root{--s1:#2563a8;--s2:#b4531a;--s3:#2a7a4b;--s4:#7446b0;--s5:#b02f6b;--s6:#6a6256;--heat:37,99,168;--most:.7}
.faces{grid-template-columns:repeat(8,1fr);gap:8px}pre{max-height:none;white-space:pre-wrap}}
"""
