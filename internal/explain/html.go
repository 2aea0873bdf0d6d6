// The report as a page that needs nothing else: no script, no outside resource.

package explain

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"io"
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

// page is the form of the page. Everything that a zone can choose is escaped by html/template.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"when": func(s Signature) string { return when(&s) },
	"ds":   func(d DS) string { return d.words() },
	"key":  func(k Key) string { return k.words() },
}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{.Policy}}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.R.Name}} {{.R.Type}}: {{.R.Status}}</title>
<style>{{.Style}}</style>
</head>
<body>
<main>
<h1>{{.R.Summary}}</h1>
<p>{{.R.RCode}}, <strong class="status-{{.R.Status}}">{{.R.Status}}</strong>, {{.R.Packets}}
packets, at {{.R.Time.Format "2006-01-02T15:04:05Z07:00"}}</p>
{{define "fault"}}<dl>
<dt>link</dt><dd>{{.Link}}</dd>
<dt>cause</dt><dd>{{.Cause}}: {{.Meaning}}{{with .EDE}} (Extended DNS Error {{.}}){{end}}</dd>
{{with .Detail}}<dt>detail</dt><dd>{{.}}</dd>{{end}}
{{with .Server}}<dt>server</dt><dd>{{.}}</dd>{{end}}
<dt>who has to act</dt><dd>{{.By}}{{with .Zone}} (of {{.}}){{end}}</dd>
<dt>remedy</dt><dd>{{.Remedy}}</dd>
{{range .Because}}<dt>because</dt><dd>{{.Cause}}: {{.Meaning}} {{.Detail}}</dd>{{end}}
</dl>{{end}}
{{with .R.Broken}}<section class="fault"><h2>What is broken</h2>{{template "fault" .}}</section>
{{end}}{{with .R.Reason}}<section class="reason"><h2>Why it is not secure</h2>
{{template "fault" .}}</section>{{end}}
<h2>Chain of trust</h2>
<div class="wide" tabindex="0" role="group" aria-label="Drawing of the chain of trust">
{{.Drawing}}</div>
<table><caption>Answer</caption>
<thead><tr><th scope="col">name</th><th scope="col">what</th><th scope="col">status</th>
<th scope="col">data, proofs and signatures</th></tr></thead><tbody>
{{range .R.Steps}}<tr><th scope="row">{{.Name}} {{.Type}}</th>
<td>{{.Kind}}{{with .Target}} to {{.}}{{end}}, from {{.From}}</td>
<td class="status-{{.Status}}">{{.Status}}</td><td>{{range .Records}}{{.}}<br>{{end}}
{{range .Denial}}{{.}}<br>{{end}}{{range .Signatures}}{{.Covers}} by {{.Signer}} key {{.Tag}}:
{{when .}}<br>{{end}}</td></tr>
{{end}}</tbody></table>
<table><caption>Zones</caption>
<thead><tr><th scope="col">zone</th><th scope="col">status</th>
<th scope="col">DS or trust anchor</th><th scope="col">keys</th></tr></thead><tbody>
{{range .R.Zones}}<tr><th scope="row">{{.Name}}</th><td class="status-{{.Status}}">{{.Status}}</td>
<td>{{range .Anchors}}anchor {{ds .}}<br>{{end}}{{range .DS}}{{ds .}}<br>{{end}}
{{range .NoDS}}{{.}}<br>{{end}}{{range .DSSignatures}}{{.Covers}} by {{.Signer}} key {{.Tag}}:
{{when .}}<br>{{end}}</td>
<td>{{range .Keys}}{{key .}}<br>{{end}}{{range .KeySignatures}}{{.Covers}} by key {{.Tag}}:
{{when .}}<br>{{end}}</td></tr>
{{end}}</tbody></table>
<table><caption>Servers asked</caption>
<thead><tr><th scope="col">server</th><th scope="col">zone</th><th scope="col">question</th>
<th scope="col">reply</th></tr></thead><tbody>
{{range .R.Exchanges}}<tr><td>{{.Server}}, {{.Transport}}, {{printf "%.1f" .Millis}} ms</td>
<td>{{.Zone}}</td><td>{{.Name}} {{.Type}}</td>
<td>{{.RCode}} {{.Outcome}} {{.Verdict}} {{.Cause}}</td></tr>
{{end}}</tbody></table>
{{if or .R.Exceptions .R.Policy .R.Remembered .R.Seen .R.Notes}}<h2>Also</h2>
<ul>
{{range .R.Exceptions}}<li>exception for {{.Zone}}: {{.Text}}; {{.Remedy}}</li>
{{end}}{{range .R.Policy}}<li>policy: {{.What}}: {{.Value}}</li>
{{end}}{{range .R.Remembered}}<li>remembered: {{.Name}} {{.Type}}: {{.Cause}} since
{{.First.Format "2006-01-02T15:04:05Z07:00"}}, {{.Count}} in a row</li>
{{end}}{{range .R.Seen}}<li>passed over: {{.Server}} of {{.Zone}}: {{.Cause}} {{.Detail}}</li>
{{end}}{{range .R.Notes}}<li>{{.}}</li>
{{end}}</ul>{{end}}
</main>
</body>
</html>
`))

// HTML writes a report as a page.
func (r *Report) HTML(w io.Writer) error {
	return page.Execute(w, struct {
		R       *Report
		Policy  string
		Style   template.CSS
		Drawing template.HTML // made by svg, which escapes
	}{r, policyOfPage, pageStyle, template.HTML(r.svg(""))})
}
