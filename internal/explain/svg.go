// The report as a drawing: a tree of boxes, with the DS records and keys of each zone.

package explain

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Sizes of the drawing, in its own units.
const (
	svgWidth   = 860
	svgMargin  = 16
	svgIndent  = 32
	svgGap     = 18
	svgTitle   = 30
	svgRow     = 32
	svgLine    = 18
	svgChip    = 24
	svgChar    = 7.3 // the width of a character of the text
	svgPadding = 12
)

// style is the style sheet of drawing and page. A state is told by a word and by the form of its
// line, not by colour alone.
const style = `
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1b1f; --soft: #5b5b66;
  --line: #c9c9d2; --box: #f6f6f9; --secure: #1a7f37; --insecure: #7a5c00; --bogus: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --paper: #16161a; --ink: #ececf1; --soft: #a9a9b6;
  --line: #44444f; --box: #202027; --secure: #57c878; --insecure: #e0b84c; --bogus: #ff8a80; } }
svg text { font: 12px ui-monospace, "DejaVu Sans Mono", monospace; fill: var(--ink); }
svg .title { font-weight: bold; font-size: 13px; }
svg .soft { fill: var(--soft); }
svg .paper { fill: var(--paper); }
svg .box { fill: var(--box); stroke: var(--line); stroke-width: 1; }
svg .chip { fill: var(--paper); stroke: var(--line); }
svg .link { fill: none; stroke-width: 2; }
svg .box.bogus, svg .chip.bogus { stroke: var(--bogus); stroke-width: 2; stroke-dasharray: 6 4; }
svg .chip.secure { stroke: var(--secure); }
svg .link.secure { stroke: var(--secure); }
svg .link.insecure { stroke: var(--insecure); stroke-dasharray: 2 4; }
svg .link.unchecked { stroke: var(--soft); stroke-dasharray: 2 4; }
svg .link.bogus { stroke: var(--bogus); stroke-width: 3; stroke-dasharray: 8 5; }
svg text.secure { fill: var(--secure); } svg text.bogus { fill: var(--bogus); }
svg text.insecure, svg text.indeterminate { fill: var(--insecure); }
svg text.unchecked { fill: var(--soft); }
`

// drawing writes a drawing from its top down.
type drawing struct {
	out *strings.Builder
	y   float64
}

// SVG writes a report as a drawing, which needs nothing else to be seen.
func (r *Report) SVG(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, `<?xml version="1.0" encoding="UTF-8"?>`)
	b.WriteString(r.svg("<style>" + style + "</style>\n"))
	return b.Flush()
}

// svg returns the drawing, with a style element or without.
func (r *Report) svg(styled string) string {
	d := &drawing{&strings.Builder{}, svgMargin}
	for _, n := range r.tree() {
		d.node(n, 0)
	}
	height := d.y
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" role="img" `+
		`aria-labelledby="drawn" viewBox="0 0 %d %.0f" width="%d" height="%.0f">
<title id="drawn">%s</title>
%s<rect class="paper" width="%d" height="%.0f"/>
%s</svg>
`, svgWidth, height, svgWidth, height, escaped(r.Summary), styled, svgWidth, height, d.out)
}

// node draws a box, and those below it. It returns the height at which its link ends.
func (d *drawing) node(n *node, depth int) (joint float64) {
	x, top := float64(svgMargin+depth*svgIndent), d.y
	width := svgWidth - svgMargin - x
	rows := 0
	if n.zone != nil {
		rows = max(len(n.zone.Keys), len(n.zone.dsAndAnchors()))
	}
	lines := n.lines()
	if f := n.fault(); f != nil {
		lines = append([]string{"✗ " + f.Cause + ": " + f.Detail}, lines...)
	}
	height := svgTitle + float64(rows*svgRow+len(lines)*svgLine) + svgPadding
	fmt.Fprintf(d.out, `<rect class="box %s" x="%.0f" y="%.0f" width="%.0f" height="%.0f" rx="8"/>`+
		"\n", n.link, x, top, width, height)
	status := n.status()
	right := float64(len(status)) * svgChar
	d.text("title", x+svgPadding, top+20, n.title(), width-3*svgPadding-right)
	d.text(status, x+width-svgPadding-right, top+20, status, width)
	if n.zone != nil {
		d.chips(n.zone, x+svgPadding, top+svgTitle, width-2*svgPadding)
	}
	for i, line := range lines {
		class := "soft"
		if strings.HasPrefix(line, "✗") {
			class = "bogus"
		}
		d.text(class, x+svgPadding, top+svgTitle+float64(rows*svgRow+(i+1)*svgLine)-4, line,
			width-2*svgPadding)
	}
	d.y = top + height + svgGap
	d.below(n, depth, x+svgIndent/2, top+height)
	return top + 15
}

// below draws the children of a node, and their links, which leave its box at a point.
func (d *drawing) below(n *node, depth int, x, y float64) {
	for _, c := range n.children {
		joint := d.node(c, depth+1)
		fmt.Fprintf(d.out, `<path class="link %s" d="M%.0f %.0f V%.0f H%.0f"/>`+"\n", c.link, x, y,
			joint, x+svgIndent/2)
		if c.link == linkBroken {
			d.text("bogus", x-14, joint+4, "✗", svgIndent)
		}
	}
}

// chips draws the DS records of a zone, its keys, and which of them match.
func (d *drawing) chips(z *Zone, x, y, width float64) {
	half := (width - 3*svgPadding) / 2
	right := x + half + 3*svgPadding
	for i := range z.Keys {
		k, class := &z.Keys[i], ""
		if k.Signs && z.Status == linkGood {
			class = linkGood
		}
		d.chip(class, right, y+float64(i*svgRow), half, "DNSKEY "+k.words())
	}
	for i, ds := range z.dsAndAnchors() {
		at, class := y+float64(i*svgRow), linkBroken
		for j := range z.Keys {
			if k := &z.Keys[j]; ds.Matches && k.Named && k.Tag == ds.Tag {
				class = linkGood
				d.arrow(class, x+half, at+svgChip/2, right, y+float64(j*svgRow)+svgChip/2)
			}
		}
		if class == linkBroken && len(z.Keys) > 0 {
			d.arrow(class, x+half, at+svgChip/2, x+half+svgPadding, at+svgChip/2)
			d.text(linkBroken, x+half+svgPadding+2, at+svgChip/2+4, "✗", svgIndent)
		} else if len(z.Keys) == 0 && z.Status != linkBroken {
			class = ""
		}
		d.chip(class, x, at, half, ds.text)
	}
}

// chip draws a small box with a text.
func (d *drawing) chip(class string, x, y, width float64, text string) {
	fmt.Fprintf(d.out, `<rect class="chip %s" x="%.0f" y="%.0f" width="%.0f" height="%d" rx="12"/>`+
		"\n", class, x, y, width, svgChip)
	d.text("", x+10, y+16, text, width-16)
}

// arrow draws a line from one chip to another.
func (d *drawing) arrow(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(d.out, `<path class="link %s" d="M%.0f %.0f L%.0f %.0f"/>`+"\n", class, x1, y1, x2,
		y2)
}

// text writes a text, cut to a width; all of it is its title.
func (d *drawing) text(class string, x, y float64, text string, width float64) {
	short := cut(text, int(width/svgChar))
	title := ""
	if short != text {
		title = "<title>" + escaped(text) + "</title>"
	}
	fmt.Fprintf(d.out, `<text class="%s" x="%.1f" y="%.1f">%s%s</text>`+"\n", class, x, y,
		escaped(short), title)
}

// cut returns a text without its middle if it has more than n characters.
func cut(text string, n int) string {
	r := []rune(text)
	if n = max(n, 8); len(r) <= n {
		return text
	}
	return string(r[:(n-1)/2]) + "…" + string(r[len(r)-n/2:])
}

// escaped returns a text for XML. Characters that XML cannot have are replaced.
func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}
