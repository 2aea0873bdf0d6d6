// The web page: what it is sent with, to whom, and what it is made of. What it does in a browser is
// tested in cmd/bailiwick.

package console

import (
	"io"
	"math"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// fetch returns a response of an office's listener, whose API has a page, and its body.
func (o *office) fetch(method, path string, fields map[string]string) (*http.Response, string) {
	o.t.Helper()
	req, err := http.NewRequest(method, strings.TrimSuffix(o.url, Prefix)+path, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	for name, value := range fields {
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(req) // redirects are not followed
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return res, string(text)
}

// withPage opens an office with a page.
func withPage(t *testing.T) *office {
	t.Helper()
	o := newOffice(t)
	o.api.Allow(Access{Hosts: []string{"dns.example"}, Page: true})
	return o
}

// The policy of the page executes and styles nothing but its own files, makes no markup of a text,
// and lets no other page frame it, hold its window or load its files. Web interfaces of dnsdist and
// PowerDNS had none of that (github.com/PowerDNS/pdns/issues/3217, /pull/3219, /pull/3230), and
// Pi-hole's could be framed (github.com/pi-hole/pi-hole/pull/444). It has them whatever the answer
// is.
func TestPagePolicy(t *testing.T) {
	o := withPage(t)
	paths := []string{"/", "/console/", "/console/nothing"}
	for name := range pageFiles {
		paths = append(paths, "/console/"+name)
	}
	for _, p := range paths {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			for _, host := range []string{"127.0.0.1", "evil.example"} {
				res, _ := o.fetch(method, p, map[string]string{"Host": host})
				for name, want := range map[string]string{
					"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
					"Referrer-Policy": "no-referrer", "Set-Cookie": "",
					"Cross-Origin-Opener-Policy":   "same-origin",
					"Cross-Origin-Resource-Policy": "same-origin",
					"Access-Control-Allow-Origin":  "",
				} {
					if have := res.Header.Get(name); have != want {
						t.Errorf("%s %s: %s is %q, want %q", method, p, name, have, want)
					}
				}
				checkPolicy(t, method+" "+p, res.Header.Get("Content-Security-Policy"))
			}
		}
	}
}

// checkPolicy compares a policy with what it may allow.
func checkPolicy(t *testing.T, what, policy string) {
	t.Helper()
	have := map[string]string{}
	for rule := range strings.SplitSeq(policy, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(rule), " ")
		have[name] = value
	}
	for name, want := range map[string]string{"default-src": "'none'", "script-src": "'self'",
		"style-src": "'self'", "img-src": "'self' blob:", "connect-src": "'self'",
		"base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
		"require-trusted-types-for": "'script'", "trusted-types": "'none'"} {
		if have[name] != want {
			t.Errorf("%s: %s is %q, want %q", what, name, have[name], want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("%s: %s", what, policy)
	}
}

// What the page shows is not kept: neither on disk, nor for the button that goes back. The files
// that it is made of are asked for again, and are of one version. A file is of the type that it is,
// whatever the machine's table of types says.
func TestPageCaching(t *testing.T) {
	o := withPage(t)
	res, text := o.fetch("GET", "/console/", nil)
	if res.StatusCode != 200 || res.Header.Get("Cache-Control") != "no-store" ||
		res.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
		!strings.HasPrefix(text, "<!DOCTYPE html>") {
		t.Errorf("%d %v %.40s", res.StatusCode, res.Header, text)
	}
	for name, file := range pageFiles {
		if name == pageIndex {
			continue
		}
		res, text := o.fetch("GET", "/console/"+name, nil)
		tag := res.Header.Get("ETag")
		if res.StatusCode != 200 || res.Header.Get("Cache-Control") != "no-cache" || tag == "" ||
			file.media == "" || res.Header.Get("Content-Type") != file.media ||
			text != string(file.content) {
			t.Errorf("%s: %d %v", name, res.StatusCode, res.Header)
		}
		res, text = o.fetch("GET", "/console/"+name, map[string]string{"If-None-Match": tag})
		if res.StatusCode != 304 || text != "" {
			t.Errorf("%s again: %d %.40s", name, res.StatusCode, text)
		}
	}
	if res, _ := o.fetch("GET", "/", nil); res.StatusCode != 303 ||
		res.Header.Get("Location") != "/console/" {
		t.Errorf("/ leads to %d %v", res.StatusCode, res.Header)
	}
	if res, _ := o.fetch("POST", "/console/", nil); res.StatusCode != 405 {
		t.Errorf("POST: %d", res.StatusCode)
	}
	if res, _ := o.fetch("GET", "/console/page.go", nil); res.StatusCode != 404 {
		t.Errorf("a file that there is not: %d", res.StatusCode)
	}
}

// The page is not there by a name that is not the server's: a page that has given its own name this
// address (DNS rebinding: github.com/stellar/stellar-core/issues/1517,
// github.com/quick-lint/quick-lint-js/issues/951, github.com/dstotijn/hetty/pull/108) would get
// what is typed in. Links from elsewhere lead to it.
func TestPageHosts(t *testing.T) {
	o := withPage(t)
	for host, want := range map[string]int{"127.0.0.1:5380": 200, "[::1]:5380": 200,
		"localhost": 200, "dns.example": 200, "DNS.EXAMPLE.:80": 200, "evil.example": 421,
		"127.0.0.1.evil.example": 421} {
		res, text := o.fetch("GET", "/console/", map[string]string{"Host": host,
			"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})
		if res.StatusCode != want || strings.Contains(text, "<") != (want == 200) {
			t.Errorf("%s: %d %.60s", host, res.StatusCode, text)
		}
	}
}

// Without admin.console there is no page, and the API is as it was.
func TestPageSwitch(t *testing.T) {
	o := newOffice(t)
	for _, p := range []string{"/", "/console/", "/console/console.js"} {
		if res, _ := o.fetch("GET", p, nil); res.StatusCode != 404 {
			t.Errorf("%s: %d", p, res.StatusCode)
		}
	}
	o.expect(request{method: "GET", path: "status", token: reader}, 200, "")
}

// references are the ways in which a file refers to another.
var references = regexp.MustCompile(
	`(?:src|href|action|data|poster|srcset)="([^"]*)"|from '([^']*)'|import\(([^)]*)\)`)

// The page refers to its own files and to the API's description alone. Interfaces that take scripts
// or fonts from elsewhere break without the Internet, which is when a resolver's is needed, and run
// what others serve. Nothing is in the page that the policy would refuse.
func TestPageRefersToNothingOutside(t *testing.T) {
	if len(pageFiles) < 6 {
		t.Fatalf("%d files", len(pageFiles))
	}
	for name, file := range pageFiles {
		text := string(file.content)
		for _, m := range references.FindAllStringSubmatch(text, -1) {
			to := m[1] + m[2] + m[3]
			_, own := pageFiles[strings.TrimPrefix(to, "./")]
			switch {
			case own, strings.HasPrefix(to, "#"), to == Prefix+"openapi.json":
			default:
				t.Errorf("%s refers to %q", name, to)
			}
		}
		outside := strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "")
		for _, bad := range []string{`\b(https?|wss?|data|javascript):`, `['"]//`, `url\(`,
			`@import`, `@font-face`} {
			if m := regexp.MustCompile(bad).FindString(outside); m != "" {
				t.Errorf("%s has %s", name, m)
			}
		}
	}
	page := string(pageFiles[pageIndex].content)
	for what, form := range map[string]string{"a script": `<script[^>]*>[^<]`,
		"a style": `<style|\sstyle=`, "a handler": `\son[a-z]+=`} {
		if m := regexp.MustCompile(form).FindString(page); m != "" {
			t.Errorf("the page has %s in it: %s", what, m)
		}
	}
}

// Texts of zones, servers and clients come into the page as text alone: by nothing that parses
// markup or runs a text (github.com/pi-hole/web/issues/82, /issues/529, /pull/1443, /pull/1665,
// CVE-2017-15092 of PowerDNS Recursor). The token is in no cookie and no storage that outlives the
// tab, and in no URL (github.com/TechnitiumSoftware/DnsServer/issues/1634). Nothing but GET is
// sent, so that a token that may change things is no danger here (CVE-2022-32175 of AdGuard Home).
func TestPageScriptsAreTame(t *testing.T) {
	for name, file := range pageFiles {
		if path.Ext(name) != ".js" {
			continue
		}
		for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML",
			"document.write", "DOMParser", "createContextualFragment", "srcdoc", "eval(",
			"Function(", "setHTML", "localStorage", "document.cookie", "indexedDB", "serviceWorker",
			"location.hash", "location.search", "method:", "postMessage", "XMLHttpRequest",
			"WebSocket", "setInterval"} {
			if strings.Contains(string(file.content), bad) {
				t.Errorf("%s has %s", name, bad)
			}
		}
	}
	if n := strings.Count(string(pageFiles["api.js"].content), "fetch("); n != 1 {
		t.Errorf("%d places that send something", n)
	}
}

// The colours of the style sheet keep the contrast of WCAG 2.2, level AA, in dark and in light:
// 4.5 for text (criterion 1.4.3), 3 for what controls and figures are made of (1.4.11).
func TestPageContrast(t *testing.T) {
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(
		string(pageFiles["console.css"].content), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d schemes", len(blocks))
	}
	variable := regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6})`)
	for i, scheme := range []string{"light", "dark"} {
		colours := map[string]float64{} // relative luminances
		for _, m := range variable.FindAllStringSubmatch(blocks[i][1], -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		check := func(least float64, above string, below ...string) {
			for _, b := range below {
				if have := contrast(colours[above], colours[b]); have < least {
					t.Errorf("%s: %s on %s: %.2f, want %.1f", scheme, above, b, have, least)
				}
			}
		}
		for _, text := range []string{"ink", "soft", "good", "bad", "accent"} {
			check(4.5, text, "paper", "box")
		}
		check(4.5, "on-accent", "accent")
		check(3, "edge", "paper", "box")
	}
}

// luminance returns the relative luminance of a colour (WCAG 2.2).
func luminance(t *testing.T, hex string) (sum float64) {
	t.Helper()
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= .04045 {
			sum += weight * c / 12.92
			continue
		}
		sum += weight * math.Pow((c+.055)/1.055, 2.4)
	}
	return sum
}

func contrast(a, b float64) float64 { return (max(a, b) + .05) / (min(a, b) + .05) }
