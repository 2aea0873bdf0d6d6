// The report as a page that needs nothing else: no script, no outside resource.

package explain

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"
)

// pageStyle is the style sheet of the page.
const pageStyle = style + `
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
caption { text-align: left; font-weight: bold; padding: .5rem 0; }
th, td { text-align: left; vertical-align: top; border-bottom: 1px solid var(--line);
  padding: .25rem .5rem; overflow-wrap: anywhere; }
th[scope=col], td[class^=status] { overflow-wrap: normal; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.fault { border-left: 4px solid var(--bogus); padding-left: 1rem; }
.reason { border-left: 4px solid var(--insecure); padding-left: 1rem; }
.status-secure { color: var(--secure); } .status-bogus { color: var(--bogus); }
.status-insecure, .status-indeterminate { color: var(--insecure); }
.wide { overflow-x: auto; } .wide svg { max-width: none; }
`

// policyOfPage is the Content-Security-Policy of the page: its own style sheet, and nothing else.
var policyOfPage = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" +
	hashOf(pageStyle) + "'"

// hashOf returns the hash of a style sheet as a policy has it.
func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// markup is a page that is being written. It is not made by html/template: with that, the linker
// keeps every exported method of the program, as a template may name any of them.
type markup struct{ strings.Builder }

// add writes markup. Each value is text within it: whatever a zone has put there, no element and no
// attribute comes of it.
func (m *markup) add(form string, values ...any) {
	for i, v := range values {
		switch v.(type) {
		case int, uint16: // for %d
		default:
			values[i] = escaped(fmt.Sprint(v))
		}
	}
	fmt.Fprintf(m, form, values...)
}

// with writes markup around a text, unless the text is "".
func (m *markup) with(form, text string) {
	if text != "" {
		m.add(form, text)
	}
}

// lines writes texts, each as a line.
func (m *markup) lines(all []string) {
	for _, text := range all {
		m.add("%s<br>", text)
	}
}

// table writes the beginning of a table with these columns.
func (m *markup) table(caption string, columns ...string) {
	m.add("<table><caption>%s</caption>\n<thead><tr>", caption)
	for _, c := range columns {
		m.add(`<th scope="col">%s</th>`, c)
	}
	m.add("</tr></thead><tbody>\n")
}

// endTable writes the end of a table.
func (m *markup) endTable() { m.add("</tbody></table>\n") }

// HTML writes a report as a page.
func (r *Report) HTML(w io.Writer) error {
	m := &markup{}
	m.add(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="%s">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s %s: %s</title>
<style>`, policyOfPage, r.Name, r.Type, r.Status)
	m.WriteString(pageStyle)
	m.add(`</style>
</head>
<body>
<main>
<h1>%s</h1>
<p>%s, <strong class="status-%s">%s</strong>, %d
packets, at %s</p>
`, r.Summary, r.RCode, r.Status, r.Status, r.Packets, r.Time.Format(time.RFC3339))
	if r.Instead != nil {
		m.add(`<section class="fault"><h2>What clients get instead</h2>`)
		m.fault(r.Instead)
		m.add("</section>\n<p>%s</p>\n", summary(r))
	}
	if r.Broken != nil {
		m.add(`<section class="fault"><h2>What is broken</h2>`)
		m.fault(r.Broken)
		m.add("</section>\n")
	}
	if r.Reason != nil {
		m.add(`<section class="reason"><h2>Why it is not secure</h2>`)
		m.fault(r.Reason)
		m.add("</section>\n")
	}
	m.add(`<h2>Chain of trust</h2>
<div class="wide" tabindex="0" role="group" aria-label="Drawing of the chain of trust">
`)
	m.WriteString(r.svg("")) // which escapes
	m.add("</div>\n")
	m.steps(r.Steps)
	m.zones(r.Zones)
	m.exchanges(r.Exchanges)
	m.also(r)
	m.add("</main>\n</body>\n</html>\n")
	_, err := io.WriteString(w, m.String())
	return err
}

// fault writes the list of a fault's properties.
func (m *markup) fault(f *Fault) {
	m.add("<dl>\n<dt>link</dt><dd>%s</dd>\n<dt>cause</dt><dd>", f.Link)
	m.with("%s: ", f.Cause)
	m.add("%s", f.Meaning)
	if f.EDE != nil {
		m.add(" (Extended DNS Error %d)", *f.EDE)
	}
	m.add("</dd>\n")
	m.with("<dt>detail</dt><dd>%s</dd>\n", f.Detail)
	m.with("<dt>server</dt><dd>%s</dd>\n", f.Server)
	m.add("<dt>who has to act</dt><dd>%s", f.By)
	m.with(" (of %s)", f.Zone)
	m.add("</dd>\n<dt>remedy</dt><dd>%s</dd>\n", f.Remedy)
	for i := range f.Because {
		b := &f.Because[i]
		m.add("<dt>because</dt><dd>%s: %s %s</dd>\n", b.Cause, b.Meaning, b.Detail)
	}
	m.add("</dl>\n")
}

// steps writes the table of the chain of results.
func (m *markup) steps(all []Step) {
	m.table("Answer", "name", "what", "status", "data, proofs and signatures")
	for i := range all {
		s := &all[i]
		m.add(`<tr><th scope="row">%s %s</th>`+"\n<td>%s", s.Name, s.Type, s.Kind)
		m.with(" to %s", s.Target)
		m.add(", from %s</td>\n"+`<td class="status-%s">%s</td><td>`, s.From, s.Status, s.Status)
		m.lines(s.Records)
		m.lines(s.Denial)
		m.signatures(s.Signatures)
		m.add("</td></tr>\n")
	}
	m.endTable()
}

// signatures writes signatures that may be of several zones.
func (m *markup) signatures(all []Signature) {
	for i := range all {
		s := &all[i]
		m.add("%s by %s key %d:\n%s<br>", s.Covers, s.Signer, s.Tag, when(s))
	}
}

// zones writes the table of the chain of trust.
func (m *markup) zones(all []Zone) {
	m.table("Zones", "zone", "status", "DS or trust anchor", "keys")
	for i := range all {
		z := &all[i]
		m.add(`<tr><th scope="row">%s</th><td class="status-%s">%s</td>`+"\n<td>", z.Name,
			z.Status, z.Status)
		for _, d := range z.Anchors {
			m.add("anchor %s<br>", d.words())
		}
		for _, d := range z.DS {
			m.add("%s<br>", d.words())
		}
		m.lines(z.NoDS)
		m.signatures(z.DSSignatures)
		m.add("</td>\n<td>")
		for _, k := range z.Keys {
			m.add("%s<br>", k.words())
		}
		for j := range z.KeySignatures {
			s := &z.KeySignatures[j]
			m.add("%s by key %d:\n%s<br>", s.Covers, s.Tag, when(s))
		}
		m.add("</td></tr>\n")
	}
	m.endTable()
}

// exchanges writes the table of the questions to servers.
func (m *markup) exchanges(all []Exchange) {
	m.table("Servers asked", "server", "zone", "question", "reply")
	for i := range all {
		e := &all[i]
		m.add("<tr><td>%s, %s, %s ms</td>\n<td>%s</td><td>%s %s</td>\n<td>%s %s %s %s</td></tr>\n",
			e.Server, e.Transport, fmt.Sprintf("%.1f", e.Millis), e.Zone, e.Name, e.Type, e.RCode,
			e.Outcome, e.Verdict, e.Cause)
	}
	m.endTable()
}

// also writes the list of what had a part in it, if anything had.
func (m *markup) also(r *Report) {
	if len(r.Exceptions)+len(r.Policy)+len(r.Remembered)+len(r.Seen)+len(r.Notes) == 0 {
		return
	}
	m.add("<h2>Also</h2>\n<ul>\n")
	for _, e := range r.Exceptions {
		m.add("<li>exception for %s: %s; %s</li>\n", e.Zone, e.Text, e.Remedy)
	}
	for _, p := range r.Policy {
		m.add("<li>policy: %s: %s</li>\n", p.What, p.Value)
	}
	for _, f := range r.Remembered {
		m.add("<li>remembered: %s %s: %s since\n%s, %d in a row</li>\n", f.Name, f.Type, f.Cause,
			f.First.Format(time.RFC3339), f.Count)
	}
	for _, s := range r.Seen {
		m.add("<li>passed over: %s of %s: %s %s</li>\n", s.Server, s.Zone, s.Cause, s.Detail)
	}
	for _, n := range r.Notes {
		m.add("<li>%s</li>\n", n)
	}
	m.add("</ul>\n")
}
