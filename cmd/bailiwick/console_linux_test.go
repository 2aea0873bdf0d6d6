// The web page of the admin listener in a real browser, in front of a running server.

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"bailiwick/internal/console"
)

// pictures is where the pictures of the console go; docs/console.md says how its own is made.
var pictures = flag.String("pictures", "", "directory for pictures of the console")

// signInto opens the console of a listener and gives it a token, by the keyboard alone.
func (b *browser) signInto(base string) {
	b.t.Helper()
	b.open(base + "/console/")
	b.until("document.activeElement.id === 'token'")
	b.write(apiToken)
	b.press("Enter", 13)
	b.until("!document.querySelector('#content').hidden")
	b.until("document.querySelector('#asked tr')") // the last that is filled
}

// pass lets time pass for the page.
func (b *browser) pass(seconds int) {
	b.t.Helper()
	b.value(fmt.Sprintf("pass(%d)", 1000*seconds))
}

// sent returns the requests so far, as methods and URLs, without those of drawings.
func (b *browser) sent() (list []string) {
	for _, e := range b.told("Network.requestWillBeSent") {
		var p struct{ Request struct{ Method, URL string } }
		if err := json.Unmarshal(e.Params, &p); err != nil {
			b.t.Fatal(err)
		}
		if !strings.HasPrefix(p.Request.URL, "blob:") {
			list = append(list, p.Request.Method+" "+p.Request.URL)
		}
	}
	return list
}

// expectTame fails if the page has sent anything but reads to its own server, if its policy had to
// stop anything, or if a script has failed.
func (b *browser) expectTame(base string) {
	b.t.Helper()
	sent := b.sent()
	if len(sent) < 5 {
		b.t.Errorf("only %d requests are known", len(sent))
	}
	for _, r := range sent {
		if !strings.HasPrefix(r, "GET "+base+"/console/") &&
			!strings.HasPrefix(r, "GET "+base+console.Prefix) || strings.Contains(r, apiToken) {
			b.t.Errorf("it sends %s", r)
		}
	}
	for _, e := range append(b.told("Log.entryAdded"), b.told("Runtime.exceptionThrown")...) {
		b.t.Errorf("the browser tells: %s", e.Params)
	}
}

// savePictures saves pictures of the page: dark, light, and as wide as a phone.
func (b *browser) savePictures(name string) {
	b.t.Helper()
	if *pictures == "" {
		return
	}
	for look, width := range map[string]int{"light": 1200, "dark": 1200, "phone": 360} {
		scheme := "light"
		if look == "dark" {
			scheme = look
		}
		b.look(scheme, width, 900)
		var m struct{ CSSContentSize struct{ Height float64 } }
		b.call("Page.getLayoutMetrics", nil, &m)
		b.look(scheme, width, int(m.CSSContentSize.Height))
		b.save(name+"-"+look+".png", true)
	}
	b.look("light", 1100, 1000)
	b.save(name+".png", false)
}

// save saves a picture of the page, or of what fits into the window.
func (b *browser) save(file string, whole bool) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(*pictures, file), b.picture(whole), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// An operator opens the page while a zone is broken: the rates, the cause, the zone, the incident
// and the failure with its steps are there, and explain draws the chain. All of it works by the
// keyboard; the focus goes to what has opened, and back.
func TestConsoleShowsABrokenZone(t *testing.T) {
	s, base := apiServer(t)
	b := openBrowser(t)
	for range 6 {
		s.expect("www.expired.faulty.", "SERVFAIL")
		s.expect("www.secure.example.", "NOERROR+ad")
		s.expect("www.corp.example.", "NOERROR")
		s.expect("www.ds-mismatch.faulty.", "SERVFAIL")
	}
	s.expect("www.missing-signatures.faulty.", "SERVFAIL")
	s.expect("no.expired.faulty.", "SERVFAIL")
	b.signInto(base)
	for selector, want := range map[string]string{
		"#causes tbody": "signature_expired", "#zones tbody": "expired.faulty.",
		"#incidents tbody": "re-sign the zone", "#failures tbody": "www.expired.faulty.",
		"#policy tbody tr": "local records and zones", "#asked tr": "127.53.0.",
		"#forwards": "There are no forward zones", "#server": "version " + version,
		"#signatures": "No zone has a signature that ends soon", "#tiles": "Ready\nyes",
	} {
		if have := b.text(selector); !strings.Contains(have, want) {
			t.Errorf("%s has no %q: %q", selector, want, have)
		}
	}
	for range 12 { // a minute, in which one in three fails
		s.expect("www.expired.faulty.", "SERVFAIL")
		for range 2 {
			s.expect("www.secure.example.", "NOERROR+ad")
		}
		b.pass(5)
	}
	third := regexp.MustCompile(`SERVFAIL a second\n0\.\d+ \(3\d\.?\d* %\)`)
	if have := b.text("#tiles"); !third.MatchString(have) {
		t.Errorf("the rates: %s", have)
	}
	line := b.value("document.querySelector('#chart-failed').getAttribute('d')")
	if have := b.value("document.querySelector('#chart-title').textContent"); strings.Count(line,
		"L") < 5 || !strings.Contains(have, "SERVFAIL a second: 0.") {
		t.Errorf("the chart: %s: %s", have, line)
	}
	b.savePictures("console")

	b.value("document.querySelector('[aria-label=\"Steps www.expired.faulty.\"]').focus()")
	b.press("Enter", 13)
	b.until("document.querySelector('#recording').open")
	if have := b.text("#recording"); !strings.Contains(have, "verdict bogus") ||
		!strings.Contains(have, "re-sign the zone") {
		t.Errorf("the recording: %s", have)
	}
	if have := b.value("document.activeElement.id"); have != "recording-title" {
		t.Errorf("the focus is at %s", have)
	}
	b.savePictures("recording")
	b.press("Escape", 27)
	b.until("!document.querySelector('#recording').open")
	if have := b.value("document.activeElement.getAttribute('aria-label')"); have !=
		"Steps www.expired.faulty." {
		t.Errorf("afterwards the focus is at %s", have)
	}

	b.value("document.querySelector('#name').focus()")
	b.write("www.expired.faulty")
	b.press("Enter", 13)
	b.until("document.activeElement.id === 'report-title'")
	b.until("document.querySelector('#drawing').naturalWidth > 100")
	for selector, want := range map[string]string{
		"#report-title": "is bogus: broken is the signature",
		"#report-fault": "zone (of expired.faulty.)", "#report-notes": "Remembered:"} {
		if have := b.text(selector); !strings.Contains(have, want) {
			t.Errorf("%s has no %q: %q", selector, want, have)
		}
	}
	chain := b.value("document.querySelector('#report-chain').textContent")
	for _, want := range []string{". is secure: anchor", "faulty. is secure: DS", "CSK"} {
		if !strings.Contains(chain, want) {
			t.Errorf("the chain as text has no %q: %s", want, chain)
		}
	}
	b.savePictures("explain")
	b.value("document.querySelector('#name').focus()")
	b.value("document.querySelector('#name').select()")
	b.write("localhost")
	b.press("Enter", 13)
	b.until("document.querySelector('#report-title').textContent.startsWith('localhost')")
	if have := b.text("#report-fault"); !strings.Contains(have, "an answer of its own") {
		t.Errorf("a fault without a cause: %s", have)
	}
	b.expectTame(base)
}

// hostile are names of queries that other interfaces have shown as markup: those of Pi-hole
// (github.com/pi-hole/web/issues/82, /issues/529, /pull/1665) and dnsdist
// (github.com/PowerDNS/pdns/issues/3217); quotes, control characters, a change of the direction of
// writing (github.com/pfBlockerNG/pfBlockerNG/issues/2041), entities (which must not be shown as
// what they stand for: github.com/pi-hole/web/pull/1603), and a name of 255 octets.
func hostile() []string {
	long := ""
	for range 3 {
		long += strings.Repeat("x", 63) + "."
	}
	return []string{`<h1>Domain</h1>.`, `<img/src="x"/onerror=alert(1)>.`,
		`"><script/src=data:\,alert(1)></script>.`, `&lt\;b&gt\;.`, `\000\009\027[31m'\"<!--.`,
		"a\u202egro.\u2066b.", "{{7*7}}${7*7}.", "javascript:alert(1).",
		long + strings.Repeat("y", 255-len(long)-1-len("expired.faulty.")-1) + "."}
}

// Names that clients ask for, and the steps of their resolution, are text, whatever is in them.
func TestConsoleShowsNamesAsText(t *testing.T) {
	s, base := apiServer(t)
	b := openBrowser(t)
	for _, name := range hostile() {
		s.expect(name+"expired.faulty.", "SERVFAIL")
	}
	b.signInto(base)
	if n := b.value("document.querySelector('#failures tbody').rows.length"); n !=
		fmt.Sprint(len(hostile())) {
		t.Fatalf("%s failures", n)
	}
	shown := b.text("#failures tbody")
	for _, want := range []string{`<h1>domain</h1>.`, `<img/src=`, `onerror=alert`, `script`,
		`&lt`, `\000\009\027[31m`, `a\226\128\174gro`, `{{7*7}}\${7*7}`, `javascript:alert`,
		` … `} {
		if !strings.Contains(strings.ToLower(shown), want) {
			t.Errorf("no %q among the names: %s", want, shown)
		}
	}
	for i := range hostile() { // all steps, and one explanation each
		b.value(fmt.Sprintf("document.querySelectorAll('#failures tbody tr')[%d]."+
			"querySelectorAll('button')[0].click()", i))
		b.until("document.querySelector('#recording').open")
		b.value("document.querySelector('#recording').close()")
		b.value(fmt.Sprintf("document.querySelectorAll('#failures tbody tr')[%d]."+
			"querySelectorAll('button')[1].click()", i))
		b.until("!document.querySelector('#explain-button').disabled && " +
			"!document.querySelector('#report').hidden")
		b.until("document.querySelector('#drawing').naturalWidth > 100")
	}
	b.expectNoMarkup()
	b.expectTame(base)
}

// expectNoMarkup fails if there are elements in the page that are not the page's.
func (b *browser) expectNoMarkup() {
	b.t.Helper()
	if have := b.value(`[...document.querySelectorAll('#content *, dialog *')]
		.map((e) => e.localName).filter((e) => !['section', 'h2', 'h3', 'h1', 'p', 'form', 'label',
		'input', 'button', 'div', 'span', 'dl', 'dt', 'dd', 'ul', 'ol', 'li', 'table', 'caption',
		'thead', 'tbody', 'tr', 'th', 'td', 'meter', 'figure', 'figcaption', 'svg', 'path', 'title',
		'img', 'pre', 'details', 'summary', 'datalist', 'option'].includes(e)).join() +
		document.querySelectorAll('h1').length + document.querySelectorAll('img').length +
		[...document.querySelectorAll('*')].filter((e) => e.getAttributeNames()
			.some((n) => n.startsWith('on') || n === 'style')).length`); have != "110" {
		b.t.Errorf("elements, h1, img, handlers: %s", have)
	}
	if have := b.value("window.pwned"); have != "<nil>" {
		b.t.Error("a script of a text was run")
	}
}

// evil is a text that tries everything.
const evil = "</td></title></style></script><script>window.pwned=1</script>" +
	"<img src=x onerror=window.pwned=1><svg onload=window.pwned=1>\u202egnp.\u2066\u0007'\"&amp;"

// evilDrawing is a drawing that does.
const evilDrawing = `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200" ` +
	`onload="window.pwned=1"><script>window.pwned=1;parent.pwned=1</script>` +
	`<image href="http://127.0.0.1:9/leak"/><style>@import url(http://127.0.0.1:9/leak);</style>` +
	`<foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" src="http://127.0.0.1:9/leak"/>` +
	`</foreignObject><a href="javascript:window.pwned=1"><rect width="200" height="200"/></a></svg>`

// evilValue is what a hostile server puts where a value of a kind belongs.
func evilValue(f console.Field) any {
	switch f.Kind {
	case console.Integer, console.Number:
		if f.Name == "number" {
			return 7
		}
		return evil
	case console.Boolean:
		return true
	case console.List:
		return []any{evil, 1, nil, []any{evil}}
	case console.Object:
		return map[string]any{"link": evil, "cause": evil, "meaning": evil, "by": evil,
			"zone": evil, "detail": evil, "remedy": evil,
			"server": map[string]any{"toString": evil}}
	case console.Objects:
		return []any{map[string]any{"name": evil, "text": evil, "ds": []any{map[string]any{
			"tag": evil}}, "value": evil, "what": evil, "keys": []any{map[string]any{"tag": evil}},
			"first": evil, "zone": evil}}
	}
	return evil
}

// hostileAPI serves the page in front of an API whose every value is hostile, as if zones and
// servers could choose all of them. With rows it has so many in each table.
func hostileAPI(t *testing.T, rows int) string {
	t.Helper()
	s, base := apiServer(t)
	var ops []console.Operation
	for _, o := range operations() {
		op := o.Operation
		op.Run = func(q console.Request) (res console.Result, err error) {
			res.Fields = map[string]any{}
			for _, f := range op.Fields {
				res.Fields[f.Name] = evilValue(f)
			}
			if op.Name == "explain" {
				res.Fields["drawing"] = evilDrawing
			}
			for _, f := range op.Rows {
				res.Columns = append(res.Columns, f.Name)
			}
			for i := range rows {
				var row []any
				for _, f := range op.Rows {
					v := evilValue(f)
					if f.Kind == console.Text && i > 0 {
						v = fmt.Sprint(evil, i)
					}
					if f.Name == "state" {
						v = "open"
					}
					row = append(row, v)
				}
				res.Rows = append(res.Rows, row)
			}
			return res, nil
		}
		ops = append(ops, op)
	}
	api := console.NewAPI(console.NewDesk(ops, s.log, func(console.Interface,
		console.Outcome) {
	}), "1", s.log)
	api.Allow(console.Access{Tokens: s.now().Snapshot.Tokens, Page: true})
	s.console.SetAPI(api)
	return base
}

// Whatever the API sends stays text, of which the page shows so much and no more; no script of it
// runs, a drawing neither runs nor fetches anything, and characters that change the direction of
// writing are spelled out. So a text of a zone that finds a way through the server finds none
// through the page (CVE-2017-15092 of PowerDNS Recursor; CVE-2020-14971 of Pi-hole). Tables keep
// their length: query logs that show everything freeze (github.com/pi-hole/web/issues/672,
// github.com/pi-hole/pi-hole/issues/5894).
func TestConsoleInFrontOfAHostileServer(t *testing.T) {
	base := hostileAPI(t, 500)
	b := openBrowser(t)
	b.signInto(base)
	b.value("document.querySelector('#failures tbody button').click()")
	b.until("document.querySelector('#recording').open")
	if have := b.text("#recording"); !strings.Contains(have, `\u{202e}gnp.\u{2066}\u{7}'"&amp;`) ||
		!strings.Contains(have, "<script>window.pwned=1</script>") {
		t.Errorf("the recording: %s", have)
	}
	b.value("document.querySelector('#recording').close()")
	b.value("document.querySelector('#name').value = 'a'; " +
		"document.querySelector('#explain-button').click()")
	b.until("!document.querySelector('#report').hidden")
	b.until("document.querySelector('#drawing').naturalWidth === 200")
	b.expectNoMarkup()
	if have := b.value("/[\u202e\u2066\u0007]/.test(document.body.innerText)"); have != "false" {
		t.Error("characters that change the direction of writing are shown")
	}
	for _, table := range []string{"#causes tbody", "#zones tbody", "#incidents tbody",
		"#failures tbody", "#signatures tbody", "#policy tbody", "#forwards", "#asked"} {
		n := b.value(fmt.Sprintf("document.querySelector(%q).rows.length", table))
		if !slices.Contains([]string{"1", "20", "100"}, n) || n == "100" && table != "#forwards" {
			t.Errorf("%s has %s rows", table, n)
		}
	}
	b.look("light", 360, 740)
	if have := b.value("document.documentElement.scrollWidth <= innerWidth"); have != "true" {
		t.Error("long texts make the page wider than a phone")
	}
	b.expectTame(base)
}

// An answer without end is not read to its end.
func TestConsoleReadsNoAnswerWithoutEnd(t *testing.T) {
	base := hostileAPI(t, 40_000)
	b := openBrowser(t)
	b.open(base + "/console/")
	b.until("document.activeElement.id === 'token'")
	b.write(apiToken)
	b.press("Enter", 13)
	b.until("document.querySelector('#state').textContent.includes('too large')")
}

// A page that nobody sees asks nothing (github.com/spinnaker/spinnaker/issues/4572), nor does one
// that is paused or whose server is gone ask as often as before
// (github.com/PowerDNS/pdns/issues/5920: an interface that goes on asking without its key). It does
// not grow (github.com/netdisco/netdisco/issues/1248).
func TestConsoleAsksModestly(t *testing.T) {
	s, base := apiServer(t)
	s.expect("www.expired.faulty.", "SERVFAIL")
	b := openBrowser(t)
	b.signInto(base)
	requests := func(seconds int) int {
		t.Helper()
		before := len(b.sent())
		b.pass(seconds)
		return len(b.sent()) - before
	}
	seen := requests(60) // twelve rounds of two requests, and four of five more
	if seen < 30 || seen > 55 {
		t.Errorf("%d requests in a minute", seen)
	}
	size := b.value("document.querySelectorAll('*').length")
	b.pass(300)
	if now := b.value("document.querySelectorAll('*').length"); now != size {
		t.Errorf("%s elements, and %s five minutes later", size, now)
	}
	hide := func(hidden bool) {
		b.value(fmt.Sprintf("Object.defineProperty(document, 'hidden', {configurable: true, "+
			"get: () => %t}); document.dispatchEvent(new Event('visibilitychange'))", hidden))
	}
	ended := func() { b.until("document.documentElement.dataset.round === ''") }
	hide(true)
	ended()
	if n := requests(60); n != 0 {
		t.Errorf("%d requests while nobody sees it", n)
	}
	hide(false)
	if n := requests(10); n == 0 {
		t.Error("nothing is asked when it is seen again")
	}
	b.value("document.querySelector('#pause').click()")
	ended()
	if n := requests(60); n != 0 || b.text("#state") != "Paused" {
		t.Errorf("%d requests while it is paused: %s", n, b.text("#state"))
	}
	b.value("document.querySelector('#pause').click()")
	if err := s.console.Close(); err != nil {
		t.Fatal(err)
	}
	b.pass(60)
	if n := requests(120); n == 0 || n > 6 {
		t.Errorf("%d requests in two minutes to a server that is gone", n)
	}
	if have := b.text("#state"); !strings.Contains(have, "cannot be reached") {
		t.Errorf("it says %q", have)
	}
}

// A token that the server does not know is not kept, is told of, and nothing else is asked with it;
// one that it knows is kept for the tab alone, until it is forgotten.
func TestConsoleKeepsItsToken(t *testing.T) {
	_, base := apiServer(t)
	b := openBrowser(t)
	b.open(base + "/console/")
	b.until("document.activeElement.id === 'token'")
	if n := len(slices.DeleteFunc(b.sent(), func(r string) bool {
		return !strings.Contains(r, console.Prefix)
	})); n != 0 {
		t.Errorf("%d requests without a token", n)
	}
	b.write("0123456789abcdef-of-somebody-else")
	b.press("Enter", 13)
	b.until("document.querySelector('#token-problem').textContent")
	if have := b.text("#token-problem"); have != "The server does not know this token." {
		t.Error(have)
	}
	kept := "JSON.stringify([sessionStorage, localStorage, document.cookie, history.length]) + " +
		"document.documentElement.outerHTML + document.querySelector('#token').value"
	if strings.Contains(b.value(kept), "of-somebody-else") {
		t.Error("a token that is unknown is kept")
	}
	b.signInto(base)
	const places = "sessionStorage.length + localStorage.length + document.cookie"
	if have := b.value(places); have != "1" {
		t.Errorf("kept: %s", have)
	}
	b.open(base + "/console/index.html") // the same tab
	b.until("!document.querySelector('#content').hidden")
	// What was asked before is not shown when it comes.
	b.value("document.querySelector('#name').value = 'www.expired.faulty'; " +
		"document.querySelector('#explain-button').click(); " +
		"document.querySelector('#forget').click()")
	b.until("!document.querySelector('#explain-button').disabled")
	if have := b.value("document.querySelector('#report').hidden"); have != "true" {
		t.Error("an answer that comes late is shown")
	}
	if strings.Contains(b.value(kept), apiToken) {
		t.Error("a token that is forgotten is kept")
	}
	if have := b.value("document.querySelector('#content').hidden + " +
		"document.querySelectorAll('tbody tr, #tiles *').length"); have != "1" {
		t.Errorf("what it showed stays: %s", have)
	}
}

// What the page asks for are reads: none of them changes anything, whatever the token may do.
func TestConsoleReadsOnly(t *testing.T) {
	_, base := apiServer(t)
	res, err := http.Get(base + "/console/console.js")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`read\('([^']*)'`).FindAllStringSubmatch(string(text), -1)
	if len(asked) < 8 || len(asked) != strings.Count(string(text), "read(") {
		t.Fatalf("%d reads", len(asked))
	}
	for _, m := range asked {
		i := slices.IndexFunc(operations(), func(o operation) bool {
			return o.Path() == console.Prefix+m[1]
		})
		if i < 0 || operations()[i].Changes || operations()[i].Stream {
			t.Errorf("%s is not a read", m[1])
		}
	}
}

// axNode is a node of what screen readers get.
type axNode struct {
	Ignored    bool
	Role, Name struct{ Value string }
}

// Screen readers find landmarks, a heading for each section, a caption for each table, a name for
// each control, and the chart in words (github.com/pi-hole/web/issues/1174,
// github.com/AdguardTeam/AdGuardDNS/issues/707); the keyboard reaches everything, and sees where it
// is. Nothing is wider than a phone.
func TestConsoleIsAccessible(t *testing.T) {
	s, base := apiServer(t)
	for range 6 {
		s.expect("www.expired.faulty.", "SERVFAIL")
	}
	b := openBrowser(t)
	b.signInto(base)
	for _, width := range []int{1200, 360} {
		b.look("light", width, 740)
		if have := b.value("document.documentElement.scrollWidth <= innerWidth"); have != "true" {
			t.Errorf("at %d the page is wider than the window", width)
		}
		var tree struct{ Nodes []axNode }
		b.call("Accessibility.getFullAXTree", nil, &tree)
		roles := map[string]int{}
		for _, n := range tree.Nodes {
			if n.Ignored {
				continue
			}
			roles[n.Role.Value]++
			switch n.Role.Value {
			case "button", "textbox", "checkbox", "combobox", "link", "table", "region", "image",
				"img", "meter", "navigation", "heading":
				if strings.TrimSpace(n.Name.Value) == "" {
					t.Errorf("at %d: a %s without a name", width, n.Role.Value)
				}
			}
		}
		for role, want := range map[string]int{"banner": 1, "navigation": 1, "main": 1,
			"contentinfo": 1, "table": 8, "heading": 10, "rowheader": 6, "columnheader": 40} {
			if roles[role] < want {
				t.Errorf("at %d: %d of %s, want %d; there are %v", width, roles[role], role, want,
					roles)
			}
		}
	}
	if have := b.value(`[...document.querySelectorAll('h1, h2, h3')].map((h) => h.localName[1])
		.reduce((before, level) => level > +before + 1 ? 'skipped' : level, '0')`); have ==
		"skipped" {
		t.Error("a level of headings is left out")
	}
	if have := b.value("document.documentElement.lang + document.title"); have != "enBailiwick" {
		t.Errorf("language and title: %s", have)
	}
	b.open(base + "/console/index.html")
	b.until("document.querySelector('#asked tr')")
	b.press("Tab", 9)
	if have := b.value("document.activeElement.className"); have != "skip" {
		t.Errorf("the first that is reached is %s", have)
	}
	b.press("Enter", 13)
	b.until("document.activeElement.id === 'main'")
	reached := map[string]bool{}
	for range 40 {
		b.press("Tab", 9)
		at := b.value(`(() => { const e = document.activeElement, s = getComputedStyle(e);
			return e.localName + ' ' + (e === document.body || parseFloat(s.outlineWidth) >= 2 &&
				s.outlineStyle !== 'none'); })()`)
		if strings.HasSuffix(at, "false") {
			t.Errorf("the focus is not seen at %s", b.value("document.activeElement.outerHTML"))
		}
		reached[b.value("document.activeElement.id || document.activeElement.textContent")] = true
	}
	for _, want := range []string{"name", "type", "fresh", "explain-button", "Steps", "Explain"} {
		if !reached[want] {
			t.Errorf("the keyboard does not reach %s: %v", want, reached)
		}
	}
	if have := b.value(`document.querySelectorAll('[aria-live], [role=status], [role=alert]')
		.length`); have != "3" {
		t.Errorf("%s places speak by themselves", have)
	}
}
