package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"bailiwick/internal/console"
)

// apiToken is a token of the tests.
const apiToken = "0123456789abcdef0123456789abcdef"

// apiServer starts a server with an API, and returns the URL of its listener.
func apiServer(t *testing.T) (*reloaded, string) {
	t.Helper()
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("hand operate "+apiToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := reloadable(t, plain+fmt.Sprintf("admin: {listen: \"127.0.0.1:%d\"}\ncontrol: "+
		"{socket: ''}\napi: {token_file: %q}\n"+
		"watch: {zones: [secure.example]}\n"+
		"query_log: {to: file, file: queries.log}\ndnstap: {to: file, file: tap}\n"+
		"policy: {local_records: "+
		"[\"www.corp.example. 60 A 192.0.2.1\"]}\n", freePort(t), tokens))
	return s, "http://" + s.console.Addr()
}

// described is an API as its own description has it.
type described struct {
	t      *testing.T
	base   string
	routes routers.Router
	tried  map[string]bool // methods and paths
}

// describe reads the description of a server, as somebody does who has nothing else.
func describe(t *testing.T, base string) (*described, *openapi3.T) {
	t.Helper()
	res, err := http.Get(base + console.Prefix + "openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: base}}
	routes, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &described{t, base, routes, map[string]bool{}}, doc
}

// try sends a request, and compares it and its response with the description.
func (d *described) try(method, path string, body any, match string) (status int, text []byte) {
	d.t.Helper()
	var content []byte
	if method != http.MethodGet {
		var err error
		if content, err = json.Marshal(body); err != nil {
			d.t.Fatal(err)
		}
	}
	req, err := http.NewRequest(method, d.base+console.Prefix+path, bytes.NewReader(content))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+apiToken)
	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
	}
	if match != "" {
		req.Header.Set("If-Match", match)
	}
	route, params, err := d.routes.FindRoute(req)
	if err != nil {
		d.t.Fatalf("%s %s is not described: %v", method, path, err)
	}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
	if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
		d.t.Errorf("%s %s: the request of the test: %v", method, path, err)
	}
	req.Body = io.NopCloser(bytes.NewReader(content))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err = io.ReadAll(res.Body); err != nil {
		d.t.Fatal(err)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in,
		Status: res.StatusCode, Header: res.Header, Options: &openapi3filter.Options{
			IncludeResponseStatus: true}}
	out.SetBodyBytes(text)
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		d.t.Errorf("%s %s answers %d %.500s: %v", method, path, res.StatusCode, text, err)
	}
	if res.StatusCode == http.StatusOK {
		d.tried[method+" "+console.Prefix+path[:len(path)-len(query(path))]] = true
	}
	return res.StatusCode, text
}

// query returns the query of a path, with its mark.
func query(path string) string {
	if i := strings.IndexByte(path, '?'); i >= 0 {
		return path[i:]
	}
	return ""
}

// Each route of the description answers as its schema says, and every operation has one. Those that
// are not tried here would end the server, need another build or download something.
func TestAPIIsAsItsDescriptionSays(t *testing.T) {
	s, base := apiServer(t)
	s.expect("www.secure.example.", "NOERROR+ad")
	s.expect("www.expired.faulty.", "SERVFAIL")
	d, doc := describe(t, base)
	type m = map[string]any
	for _, c := range []struct {
		method, path string
		body         m
	}{
		{"GET", "status", nil}, {"GET", "stats?prefix=bailiwick_queries", nil},
		{"GET", "inflight", nil}, {"GET", "dump?name=example.", nil}, {"GET", "servers", nil},
		{"GET", "stats?metric=bailiwick_ready&metric=bailiwick_queries_total", nil},
		{"GET", "explain?name=www.secure.example.", nil},
		{"GET", "explain?name=www.secure.example.&drawing=true", nil},
		{"GET", "explain?name=www.expired.faulty.&type=A", nil},
		{"GET", "explain?name=www.expired.faulty.&type=A&fresh=true", nil},
		{"GET", "zones", nil}, {"GET", "anchors/list", nil}, {"GET", "policy", nil},
		{"GET", "policy/test?name=www.corp.example&type=A&client=127.0.0.1", nil},
		{"GET", "config", nil},
		{"GET", "settings", nil}, {"GET", "log/level", nil}, {"GET", "changes/list", nil},
		{"POST", "forwards/set", m{"zone": "corp.", "servers": []string{"192.0.2.1 weight 2"}}},
		{"GET", "forwards/list", nil},
		{"POST", "forwards/remove", m{"zone": "corp."}},
		{"POST", "log/level/set", m{"level": "warn"}},
		{"POST", "nta/add", m{"zone": "expired.faulty.", "reason": "a test", "for": "1h"}},
		{"GET", "nta/list", nil},
		{"POST", "nta/remove", m{"zone": "expired.faulty."}},
		{"POST", "flush", m{"name": "www.secure.example."}}, {"POST", "flush", m{"all": true}},
		{"POST", "anchors/refresh", m{}}, {"POST", "anchors/reset", m{"zone": "."}},
		{"POST", "cookies/renew", m{}}, {"POST", "policy/reload", m{}}, {"POST", "reload", m{}},
		{"POST", "changes/forget", m{}}, {"POST", "querylog/reopen", m{}},
		{"GET", "dnstap", nil}, {"POST", "dnstap/rotate", m{}},
		{"GET", "confinement", nil}, {"GET", "fleet", nil},
		{"GET", "fleet/nodes", nil}, {"GET", "fleet/audit?limit=5", nil},
		{"GET", "certificates", nil},
		{"GET", "querylog", nil}, {"GET", "views", nil}, {"GET", "ecs", nil},
		{"GET", "incidents?all=true&limit=5", nil}, {"GET", "signatures", nil},
		{"GET", "maintenance/list", nil},
		{"POST", "maintenance/add", m{"zone": "faulty.", "for": "1h", "owner": "dns"}},
		{"POST", "maintenance/remove", m{"zone": "faulty."}},
		{"GET", "failures/list", nil}, {"GET", "failures/show?number=1", nil},
		{"GET", "failures/networks", nil},
		{"POST", "failures/watch", m{"name": "example."}},
		{"POST", "failures/unwatch", m{"name": "example."}},
		{"GET", "lists", nil}, {"GET", "report", nil},
		{"POST", "network/set", m{"interface": "lo", "name": "a test",
			"servers": []string{"192.0.2.1"}, "zones": []string{"home.arpa", "com"}}},
		{"POST", "network/approve", m{"zone": "corp.example", "interface": "lo"}},
		{"GET", "network/list", nil}, {"GET", "network/approvals", nil},
		{"POST", "network/disapprove", m{"zone": "corp.example", "interface": "lo"}},
		{"POST", "network/remove", m{"interface": "lo"}},
		{"GET", "watch/list", nil},
		{"GET", "watch/show?zone=secure.example.", nil}, {"GET", "watch/rollovers", nil},
		{"POST", "watch/probe", m{"zone": "secure.example."}}, {"GET", "report?since=24h", nil},
	} {
		if status, text := d.try(c.method, c.path, c.body, ""); status != http.StatusOK {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, text)
		}
	}
	if status, _ := d.try("PUT", "settings", m{"log_level": "info"}, "*"); status != http.StatusOK {
		t.Errorf("PUT settings: %d", status)
	}
	// What fails is described too.
	d.try("GET", "servers?limit=0", nil, "")
	d.try("POST", "zones/refresh", m{"name": "nothing."}, "")
	d.try("POST", "lists/refresh", m{"list": "https://nothing.example/"}, "")
	for path, body := range map[string]m{"nta/add": {"zone": "a."}, "nta/remove": {"zone": "a."},
		"flush": {"name": "a."}, "maintenance/add": {"zone": "a.", "for": "1h"},
		"maintenance/remove": {"zone": "a."}, "cookies/renew": {}} {
		body["fleet"] = true // there is none
		if status, text := d.try("POST", path, body, ""); status != http.StatusUnprocessableEntity {
			t.Errorf("%s without a fleet: %d %s", path, status, text)
		}
	}
	d.try("GET", "incidents?fleet=true", nil, "")
	d.try("POST", "certificates/renew", m{}, "")
	d.try("PUT", "settings", m{"log_level": "info"}, `"stale"`)

	untried := map[string]bool{"drain": true, "upgrade": true, "clock advance": true,
		"zones refresh": true, "lists refresh": true, "certificates renew": true}
	for _, o := range operations() {
		if route := o.Method() + " " + o.Path(); !d.tried[route] && !untried[o.Name] {
			t.Errorf("%s is not tried", route)
		}
		if item := doc.Paths.Find(o.Path()); item == nil || item.GetOperation(o.Method()) == nil {
			t.Errorf("%s is not described", o.Name)
		}
	}
	if n := len(console.Routes(s.operations())); n != countRoutes(doc) {
		t.Errorf("%d routes, %d described", n, countRoutes(doc))
	}
}

func countRoutes(doc *openapi3.T) (n int) {
	for _, item := range doc.Paths.Map() {
		n += len(item.Operations())
	}
	return n
}

// A token that is not in the file any more lets nobody in after a reload; a file of tokens that is
// wrong refuses the reload, and those before hold.
func TestReloadChangesTheTokens(t *testing.T) {
	s, base := apiServer(t)
	file := s.now().Config.Console.TokenFile
	expect := func(status int) {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, base+console.Prefix+"status", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+apiToken)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != status {
			t.Errorf("status %d, want %d", res.StatusCode, status)
		}
	}
	write := func(text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	expect(http.StatusOK)
	write("hand operate "+apiToken+"\n", 0o644)
	if _, err := s.reload(); err == nil || !strings.Contains(err.Error(), "open to everybody") {
		t.Errorf("a file that everybody may read: %v", err)
	}
	expect(http.StatusOK)
	write("hand operate x"+apiToken+"\n", 0o600)
	if _, err := s.reload(); err != nil {
		t.Fatal(err)
	}
	expect(http.StatusUnauthorized)
}
