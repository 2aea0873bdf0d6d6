// The table and the chart.

package main

import (
	"fmt"
	"html"
	"io"
	"strings"
	"text/tabwriter"
)

// printTable prints the results load by load.
func printTable(out io.Writer, table []result) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "load\tresolver\tCPU µs/query\tqueries/s\tlatency ms\tlost\t")
	for _, l := range loads {
		for _, r := range table {
			if r.load == l.name {
				fmt.Fprintf(t, "%s\t%s\t%.1f\t%.0f\t%.2f\t%d\t\n", r.load, r.subject, r.cpu, r.qps,
					r.latency, r.lost)
			}
		}
	}
	_ = t.Flush() // to a terminal or a pipe: there is nobody else to tell
}

// Sizes of the chart, in pixels.
const (
	chartWidth = 760
	chartLeft  = 120
	chartBar   = 18
	chartRow   = 24
	chartHead  = 34
)

// chart draws the CPU time per query as bars, each load at its own scale, as SVG.
func chart(table []result) string {
	var b strings.Builder
	y := 10
	text := func(x, y int, anchor, weight, s string) {
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="%s" font-weight="%s">%s</text>`+"\n", x,
			y, anchor, weight, html.EscapeString(s))
	}
	for _, l := range loads {
		most := 0.0
		for _, r := range table {
			if r.load == l.name {
				most = max(most, r.cpu)
			}
		}
		if most == 0 {
			continue
		}
		text(chartLeft, y+18, "start", "bold", l.name+": CPU µs per query, less is better")
		y += chartHead
		for _, r := range table {
			if r.load != l.name {
				continue
			}
			color := "#8a8f98"
			if r.subject == "bailiwick" {
				color = "#1f6feb"
			}
			width := int(r.cpu / most * (chartWidth - chartLeft - 80))
			text(chartLeft-8, y+13, "end", "normal", r.subject)
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n",
				chartLeft, y, max(width, 1), chartBar, color)
			text(chartLeft+width+6, y+13, "start", "normal", fmt.Sprintf("%.1f", r.cpu))
			y += chartRow
		}
		y += 10
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" `+
		`font-family="sans-serif" font-size="13">`+"\n"+
		`<rect width="100%%" height="100%%" fill="white"/>`+"\n%s</svg>\n",
		chartWidth, y+10, b.String())
}
