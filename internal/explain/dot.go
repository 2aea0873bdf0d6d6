// The report as a graph for Graphviz.

package explain

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// dotStyles are the attributes of a link by its state. The style tells the same as the colour.
var dotStyles = map[string]string{linkGood: `color="#1a7f37"`,
	linkLoose: `color="#7a5c00", style=dotted`, linkBroken: `color="#b3261e", style=dashed, ` +
		`penwidth=2`, linkSilent: `color="#5b5b66", style=dotted`}

// dotWriter writes a graph.
type dotWriter struct{ out *bufio.Writer }

// Dot writes a report as a graph in the language of Graphviz.
func (r *Report) Dot(w io.Writer) error {
	d := &dotWriter{bufio.NewWriter(w)}
	fmt.Fprintf(d.out, "digraph explain {\n\tlabel=%s;\n\tnode [shape=box, fontname=monospace];\n",
		quoted(r.Summary))
	for _, n := range r.tree() {
		d.node(n)
	}
	fmt.Fprintln(d.out, "}")
	return d.out.Flush()
}

// node writes a node, its DS records and keys, and what is below it.
func (d *dotWriter) node(n *node) {
	text := n.title() + "\n" + n.status()
	if f := n.fault(); f != nil {
		text += "\n" + f.Cause + ": " + f.Detail
	}
	fmt.Fprintf(d.out, "\t%s [label=%s, %s];\n", n.id, quoted(text), dotStyles[n.link])
	if n.zone != nil {
		d.keys(n)
	}
	for _, c := range n.children {
		fmt.Fprintf(d.out, "\t%s -> %s [%s];\n", n.id, c.id, dotStyles[c.link])
		d.node(c)
	}
}

// keys writes the DS records, or anchors, and the keys of a zone.
func (d *dotWriter) keys(n *node) {
	z := n.zone
	for i := range z.Keys {
		fmt.Fprintf(d.out, "\t%s_key%d [label=%s, shape=ellipse];\n\t%s_key%d -> %s [%s];\n", n.id,
			i, quoted("DNSKEY "+z.Keys[i].words()), n.id, i, n.id, dotStyles[linkGood])
	}
	for i, ds := range z.dsAndAnchors() {
		fmt.Fprintf(d.out, "\t%s_ds%d [label=%s];\n", n.id, i, quoted(ds.text))
		link, to := linkBroken, n.id
		for j := range z.Keys {
			if k := &z.Keys[j]; ds.Matches && k.Tag == ds.Tag && k.Named {
				link, to = linkGood, fmt.Sprintf("%s_key%d", n.id, j)
			}
		}
		fmt.Fprintf(d.out, "\t%s_ds%d -> %s [%s];\n", n.id, i, to, dotStyles[link])
	}
}

// labelled is a DS record or an anchor with its words.
type labelled struct {
	DS
	text string
}

// dsAndAnchors returns what names the keys of a zone.
func (z *Zone) dsAndAnchors() (all []labelled) {
	for _, d := range z.Anchors {
		all = append(all, labelled{d, "anchor " + d.words()})
	}
	for _, d := range z.DS {
		all = append(all, labelled{d, "DS " + d.words()})
	}
	return all
}

// quoted returns a string of the language: backslashes and quotes are escaped, as names of zones
// may have both, and lines are broken.
func quoted(s string) string {
	r := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", " ", "\t", " ")
	return `"` + r.Replace(s) + `"`
}
