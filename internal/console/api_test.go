package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// The tokens of the tests.
const (
	reader   = "0123456789abcdef0123456789abcdef"
	operator = "fedcba9876543210fedcba9876543210"
)

// office is an API with a few operations, what it logs and what it has done.
type office struct {
	console *Console
	t       *testing.T
	url     string
	log     *bytes.Buffer // audit lines, and those of refused requests
	counts  map[Outcome]int
	flush   []Request // that were run
	level   string
	api     *API
}

// newOffice opens one with both tokens.
func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, log: &bytes.Buffer{}, counts: map[Outcome]int{}, level: "info"}
	log := slog.New(slog.NewTextHandler(o.log, nil))
	desk := NewDesk([]Operation{
		{Name: "status", Fields: []Field{{Name: "well", Kind: Boolean}},
			Run: func(Request) (Result, error) {
				return Result{Fields: map[string]any{"well": true}}, nil
			}},
		{Name: "flush", Changes: true, Params: []Param{{Name: "name", Required: true},
			{Name: "subtree", Kind: Boolean}, {Name: "limit", Kind: Integer},
			{Name: "servers", Kind: List}, {Name: "zones", Kind: Map}},
			Run: func(r Request) (Result, error) {
				o.flush = append(o.flush, r)
				if r.Args["name"] == "stuck" {
					return Result{}, errors.New("it is stuck")
				}
				return Result{Fields: map[string]any{"flushed": 1}}, nil
			}},
		{Name: "settings", Tagged: true, Run: func(Request) (Result, error) {
			return Result{Fields: map[string]any{"level": o.level}}, nil
		}},
		{Name: "settings set", Changes: true, Replaces: "settings",
			Params: []Param{{Name: "level", Choices: []string{"info", "debug"}}},
			Run: func(r Request) (Result, error) {
				if !Matches(r.IfMatch, Tag(map[string]any{"level": o.level})) {
					return Result{}, ErrStale
				}
				o.level = r.Args["level"]
				return Result{}, nil
			}},
		{Name: "dump", Stream: true, Params: []Param{{Name: "name"}},
			Run: func(r Request) (Result, error) {
				return Result{Text: func(w io.Writer) error {
					_, _ = io.WriteString(w, strings.Repeat("a line\n", 100000))
					if r.Args["name"] == "broken" {
						return errors.New("no more")
					}
					return nil
				}}, nil
			}},
	}, log, func(_ Interface, c Outcome) { o.counts[c]++ })
	o.api = NewAPI(desk, "1", log)
	tokens, err := parseTokens(strings.NewReader("eye read " + reader + "\nhand operate " +
		operator + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	o.api.Allow(Access{Tokens: tokens, Hosts: []string{"dns.example"}})
	c, err := Listen("127.0.0.1:0", nil, prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.SetAPI(o.api)
	c.Start()
	t.Cleanup(func() { c.Close() })
	o.console, o.url = c, "http://"+c.Addr()+Prefix
	return o
}

// request is one of HTTP, with a token and a JSON body unless fields say otherwise.
type request struct {
	method, path, token, body string
	fields                    map[string]string
}

// ask sends a request, and returns the status and the body. A problem is checked for its form.
func (o *office) ask(r request) (*http.Response, string) {
	o.t.Helper()
	req, err := http.NewRequest(r.method, o.url+r.path, strings.NewReader(r.body))
	if err != nil {
		o.t.Fatal(err)
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	if r.method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.fields {
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	if res.StatusCode >= 400 {
		var p problem
		if err := json.Unmarshal(text, &p); err != nil || p.Status != res.StatusCode ||
			p.Title == "" || p.Detail == "" ||
			res.Header.Get("Content-Type") != "application/problem+json" {
			o.t.Errorf("%s %s: no problem (RFC 9457): %s", r.method, r.path, text)
		}
	}
	return res, string(text)
}

// expect compares the status.
func (o *office) expect(r request, status int, want string) {
	o.t.Helper()
	res, text := o.ask(r)
	if res.StatusCode != status || !strings.Contains(text, want) {
		o.t.Errorf("%s %s %.200s: %d %s; want %d %s", r.method, r.path, r.body, res.StatusCode,
			text, status, want)
	}
}

// Nobody reads anything without a token, on loopback neither: any user of a machine and any page in
// a browser there reaches loopback. PowerDNS Recursor answers some paths to everybody if no
// password is set (github.com/PowerDNS/pdns/pull/16103).
func TestAPIWantsATokenEverywhere(t *testing.T) {
	o := newOffice(t)
	for _, token := range []string{"", "x", reader[:31], reader + "0", strings.ToUpper(reader)} {
		for _, path := range []string{"status", "settings", "dump", "nothing"} {
			o.expect(request{method: "GET", path: path, token: token}, 401, "Bearer TOKEN")
		}
		o.expect(request{method: "POST", path: "flush", token: token, body: `{"name":"a"}`}, 401,
			"")
	}
	basic := map[string]string{"Authorization": "Basic " + reader}
	o.expect(request{method: "GET", path: "status", fields: basic}, 401, "")
	if res, _ := o.ask(request{method: "GET", path: "status"}); !strings.HasPrefix(
		res.Header.Get("WWW-Authenticate"), "Bearer") {
		t.Error("no WWW-Authenticate (RFC 9110, section 15.5.2)")
	}
	if len(o.flush) > 0 || o.counts[Unauthenticated] == 0 {
		t.Errorf("run: %v, counted: %v", o.flush, o.counts)
	}
	if lines := strings.Count(o.log.String(), "API request refused"); lines > 2*maxRefusedLines ||
		lines == 0 {
		t.Errorf("%d lines of refused requests", lines)
	}
	o.api.Allow(Access{})
	o.expect(request{method: "GET", path: "status", token: reader}, 403, "api.token_file")
	o.expect(request{method: "GET", path: "openapi.json"}, 200, `"openapi": "3.0.3"`)
}

// A token that may read changes nothing, whatever the operation: PowerDNS once forgot the check for
// some (CVE-2017-15091).
func TestAPIRoles(t *testing.T) {
	o := newOffice(t)
	o.expect(request{method: "GET", path: "status", token: reader}, 200, `{"well":true}`)
	o.expect(request{method: "POST", path: "flush", token: reader, body: `{"name":"a"}`}, 403,
		"role operate")
	if len(o.flush) > 0 {
		t.Error("it was run")
	}
	o.expect(request{method: "POST", path: "flush", token: operator, body: `{"name":"a"}`}, 200, "")
	o.expect(request{method: "GET", path: "status", token: operator}, 200, "")
}

// Web pages cannot use it: neither a page of another site by a form or a script, nor one that gave
// its own name an address of this machine (DNS rebinding, CVE-2018-5702), and no field tells a
// browser that it may. A page could change the ACL of dnsdist (CVE-2017-7557).
func TestAPIRefusesWebPages(t *testing.T) {
	o := newOffice(t)
	for _, fields := range []map[string]string{
		{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": o.url},
		{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
	} {
		o.expect(request{method: "GET", path: "status", token: reader, fields: fields}, 403, "")
	}
	for host, status := range map[string]int{"evil.example": 421, "evil.example:5380": 421,
		"127.0.0.1.evil.example": 421, "localhost:1": 200, "LOCALHOST": 200, "127.0.0.1": 200,
		"[::1]:5380": 200, "dns.example": 200, "DNS.example.:5380": 200, "xdns.example": 421} {
		fields := map[string]string{"Host": host}
		res, text := o.ask(request{method: "GET", path: "status", token: reader, fields: fields})
		if res.StatusCode != status {
			t.Errorf("Host %s: %d %s, want %d", host, res.StatusCode, text, status)
		}
		res, _ = o.ask(request{method: "GET", path: "openapi.json", fields: fields})
		if res.StatusCode != status {
			t.Errorf("the description for Host %s: %d", host, res.StatusCode)
		}
	}
	for _, media := range []string{"", "text/plain", "application/x-www-form-urlencoded",
		"multipart/form-data", "application/jsonp"} {
		o.expect(request{method: "POST", path: "flush", token: operator, body: `{"name":"a"}`,
			fields: map[string]string{"Content-Type": media}}, 415, "application/json")
	}
	res, _ := o.ask(request{method: "OPTIONS", path: "flush", token: operator,
		fields: map[string]string{"Access-Control-Request-Method": "POST"}})
	for name := range res.Header {
		if strings.HasPrefix(name, "Access-Control") {
			t.Errorf("a preflight is answered with %s", name)
		}
	}
	if res.StatusCode != 405 || len(o.flush) > 0 {
		t.Errorf("a preflight: %d, run %v", res.StatusCode, o.flush)
	}
}

// Each wrong request has its status and a reason, and runs nothing. PowerDNS Recursor took line
// feeds from requests into its configuration (CVE-2017-15093), and answered requests that were
// merely wrong with status 500 (github.com/PowerDNS/pdns/issues/7214).
func TestAPIRefusesWrongRequests(t *testing.T) {
	o := newOffice(t)
	post := func(body string) request {
		return request{method: "POST", path: "flush", token: operator, body: body}
	}
	for _, c := range []struct {
		request
		status int
		want   string
	}{
		{request{method: "GET", path: "dance", token: reader}, 404, "openapi.json"},
		{request{method: "GET", path: "status/", token: reader}, 404, ""},
		{request{method: "GET", path: "flush", token: reader}, 405, "POST"},
		{request{method: "DELETE", path: "settings", token: operator}, 405, "GET or PUT"},
		{request{method: "GET", path: "status?x=1", token: reader}, 400, "takes none"},
		{request{method: "GET", path: "dump?name=a&name=b", token: reader}, 400, "twice"},
		{request{method: "POST", path: "flush?name=a", token: operator}, 400, "in its body"},
		{post(``), 400, "name is missing"},
		{post(`[]`), 400, "not a JSON object"},
		{post(`{"name":"a"`), 400, "not JSON"},
		{post(`{"name":"a"} x`), 400, "follows"},
		{post(`{"name":"a","name":"b"}`), 400, "twice"},
		{post(`{"Name":"a"}`), 400, `unknown argument \"Name\"`},
		{post(`{"name":1}`), 400, "not text"},
		{post(`{"name":null}`), 400, "not text"},
		{post(`{"name":"a","subtree":"true"}`), 400, "neither true nor false"},
		{post(`{"name":"a","limit":1.5}`), 400, "not a whole number"},
		{post(`{"name":"a","limit":null}`), 400, "not a whole number"},
		{post(`{"name":"a","limit":99999999999999999999}`), 400, "not a whole number"},
		{post(`{"name":"a","servers":"b"}`), 400, "not a list"},
		{post(`{"name":"a","servers":["b,c"]}`), 400, "comma"},
		{post(`{"name":"a","zones":[]}`), 400, "object of lists"},
		{post(`{"name":"a\nlevel=ERROR"}`), 400, "control characters"},
		{post(`{"name":"a\u001b[2J"}`), 400, "control characters"},
		{post("{\"name\":\"\xff\"}"), 400, "UTF-8"},
		{post(strings.Repeat(`{"zones":`, 7000)), 400, "not JSON"},
		{post(`{"name":"` + strings.Repeat("a", maxText+1) + `"}`), 400, "too long"},
		{post(`{"name":"` + strings.Repeat("a", maxBody) + `"}`), 413, "octets"},
		{post(`{"name":"stuck"}`), 422, "it is stuck"},
	} {
		before := len(o.flush)
		o.expect(c.request, c.status, c.want)
		if c.status != 422 && len(o.flush) != before {
			t.Errorf("%.100s was run", c.body)
		}
	}
}

// Arguments arrive as they were sent.
func TestAPIPassesArguments(t *testing.T) {
	o := newOffice(t)
	o.expect(request{method: "POST", path: "flush", token: operator, body: ` {"name": "a\u0062",
		"subtree": true, "limit": -3, "servers": ["x", "y weight 2"], "zones": {"z.": ["w"]}} `},
		200, `{"flushed":1}`)
	want := map[string]string{"name": "ab", "subtree": "true", "limit": "-3",
		"servers": "x,y weight 2", "zones": `{"z.":["w"]}`}
	if len(o.flush) != 1 || !reflect.DeepEqual(o.flush[0].Args, want) {
		t.Errorf("got %v", o.flush)
	}
}

// A configuration is replaced only by who knows it: what has changed since it was read is not lost
// (RFC 9110, section 13.1.1; RFC 6585, section 3).
func TestAPIReplacesOnlyWhatWasRead(t *testing.T) {
	o := newOffice(t)
	res, _ := o.ask(request{method: "GET", path: "settings", token: reader})
	tag := res.Header.Get("ETag")
	o.expect(request{method: "GET", path: "settings", token: reader,
		fields: map[string]string{"If-None-Match": tag}}, 304, "")
	put := func(match string, status int) {
		t.Helper()
		r := request{method: "PUT", path: "settings", token: operator, body: `{"level":"debug"}`}
		if match != "" {
			r.fields = map[string]string{"If-Match": match}
		}
		o.expect(r, status, "")
	}
	put("", 428)
	put(`"other"`, 412)
	put("W/"+tag, 412) // weak tags do not match (section 8.8.3.2)
	put(`"other", `+tag, 200)
	put(tag, 412)
	put("*", 200)
	if o.level != "debug" {
		t.Errorf("the level is %s", o.level)
	}
}

// Every change has one line that tells who, from where, what and what came of it; a caller cannot
// write a line of its own, nor a long one (CVE-2020-8445, github.com/bitcoin/bitcoin/pull/17095).
func TestAuditLineOfEveryChange(t *testing.T) {
	o := newOffice(t)
	for _, body := range []string{`{"name":"a.example"}`, `{"name":"stuck"}`,
		`{"name":"` + strings.Repeat("x", maxText) + `"}`, `{"name":"\" outcome=done\u2028"}`} {
		o.ask(request{method: "POST", path: "flush", token: operator, body: body})
	}
	o.ask(request{method: "GET", path: "status", token: reader})
	lines := strings.Split(strings.TrimSpace(o.log.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("%d lines:\n%s", len(lines), o.log)
	}
	for i, want := range []string{
		`msg=control operation=flush arguments="name=a.example" by="token \"hand\"" ` +
			`from=127.0.0.1:`, `outcome="refused: it is stuck"`, "…", `arguments="name=\" outcome`,
	} {
		if !strings.Contains(lines[i], want) || len(lines[i]) > 4*maxLogged {
			t.Errorf("line %d is %s, want %s", i, lines[i], want)
		}
	}
	if text := o.log.String(); strings.Contains(text, operator) || strings.Contains(text, reader) {
		t.Error("a token is in the log")
	}
}

// A text that breaks off breaks the connection: its status has been sent.
func TestAPITextIsWholeOrBroken(t *testing.T) {
	o := newOffice(t)
	if _, text := o.ask(request{method: "GET", path: "dump", token: reader}); len(text) != 700000 {
		t.Errorf("%d octets", len(text))
	}
	req, err := http.NewRequest("GET", o.url+"dump?name=broken", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+reader)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Errorf("%d octets are taken for a whole text", n)
	}
}

// A file of tokens that others can read or change is refused, and no error repeats a token.
func TestTokenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	for _, c := range []struct {
		text string
		mode os.FileMode
		fail string
	}{
		{"# who\n\n eye  read\t" + reader + "\nhand operate " + operator + "\n", 0o600, ""},
		{"eye read " + reader, 0o640, ""},
		{"eye read " + reader, 0o644, "open to everybody"},
		{"eye read " + reader, 0o602, "open to everybody"},
		{"eye read " + reader, 0o660, "may write"},
		{"# none\n", 0o600, "no token"},
		{"eye read", 0o600, "line 1: a line is"},
		{"eye write " + reader, 0o600, "neither read nor operate"},
		{"eye read " + reader[:23], 0o600, "24 to 512"},
		{"eye read " + reader + "\neye read " + operator, 0o600, "line 2: there is a token named"},
		{"eye read " + reader + "\nhand operate " + reader, 0o600, "has the token of"},
		{strings.Repeat("x", 1<<17), 0o600, "too long"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := LoadTokens(path)
		if got := fmt.Sprint(err); (err == nil) != (c.fail == "") ||
			!strings.Contains(got, c.fail) || strings.Contains(got, reader[:20]) {
			t.Errorf("%.60q, mode %o: %v, want %q", c.text, c.mode, err, c.fail)
		}
	}
	many := ""
	for i := range maxTokens + 1 {
		many += fmt.Sprintf("n%d read %s%04d\n", i, reader, i)
	}
	if _, err := parseTokens(strings.NewReader(many)); err == nil ||
		!strings.Contains(err.Error(), "more than") {
		t.Errorf("maxTokens: %v", err)
	}
	if _, err := LoadTokens(filepath.Dir(path)); err == nil {
		t.Error("a folder is a file of tokens")
	}
}

// The socket checks arguments as the API does: not only ctl can use it.
func TestDeskChecksArgumentsOfWhoeverAsks(t *testing.T) {
	desk, log := deskOf(Operation{Name: "flush", Changes: true, Params: []Param{
		{Name: "name", Required: true}, {Name: "on", Kind: Boolean},
		{Name: "level", Choices: []string{"info"}}, {Name: "list", Kind: List}},
		Run: func(Request) (Result, error) { return Result{}, nil }})
	for _, args := range []map[string]string{nil, {"name": "a", "other": "b"},
		{"name": "a", "on": "yes"}, {"name": "a", "level": "loud"}, {"name": "a\nb"},
		{"name": "a", "list": strings.Repeat("x,", maxItems)},
		{"name": "a", "list": strings.Repeat("x", maxValue+1)}} {
		if _, err := desk.do(OverSocket, Request{Command: "flush", Args: args}); err == nil {
			t.Errorf("%.60v is accepted", args)
		}
	}
	if log.Len() > 0 {
		t.Errorf("what was not run has an audit line: %s", log)
	}
}

// Whatever the body, it is refused or its arguments are what the operation checks.
func FuzzAPIBody(f *testing.F) {
	op := &Operation{Name: "flush", Params: []Param{{Name: "name"}, {Name: "on", Kind: Boolean},
		{Name: "n", Kind: Integer}, {Name: "list", Kind: List}, {Name: "map", Kind: Map}}}
	for _, seed := range []string{`{}`, `{"name":"a","on":true,"n":1}`, `{"list":["a"]}`,
		`{"map":{"a":["b"]}}`, `{"name":"a","name":"b"}`, `{"n":1e3}`, `{"map":null}`, `{"a":{`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		args, err := op.parseBody(body)
		if err != nil || op.check(args) != nil {
			return
		}
		var loose map[string]any
		if len(bytes.TrimSpace(body)) > 0 {
			if err := json.Unmarshal(body, &loose); err != nil {
				t.Fatalf("%q is accepted: %v", body, err)
			}
		}
		if len(loose) != len(args) {
			t.Errorf("%q has arguments %v", body, args)
		}
		for name, value := range args {
			if text, ok := loose[name].(string); ok && text != value {
				t.Errorf("%s is %q, was %q", name, value, text)
			}
		}
	})
}

// Whatever the file of tokens, no line of it lets anybody in who has not its token.
func FuzzTokens(f *testing.F) {
	f.Add("eye read "+reader, reader)
	f.Add("# x\n\na operate "+operator, "")
	f.Fuzz(func(t *testing.T, text, secret string) {
		tokens, err := parseTokens(strings.NewReader(text))
		if err != nil {
			return
		}
		if _, role := tokens.match(secret); role != NoRole && (len(secret) < minToken ||
			!strings.Contains(text, secret)) {
			t.Errorf("%q lets %q in", text, secret)
		}
	})
}

// The metrics are for everybody who reaches the listener until the operator says otherwise; then
// they take a token of any role, in the form that Prometheus sends. Health is told without one.
func TestMetricsTakeATokenIfTheOperatorWants(t *testing.T) {
	o := newOffice(t)
	open := *o.api.access.Load()
	closed, nobody := open, Access{Closed: true}
	closed.Closed = true
	for _, c := range []struct {
		access Access
		token  string
		status int
	}{
		{open, "", 200}, {open, "wrong", 200}, {closed, "", 401}, {closed, "wrong", 401},
		{closed, reader, 200}, {closed, operator, 200}, {nobody, reader, 403},
	} {
		o.api.Allow(c.access)
		for path, want := range map[string]int{"metrics": c.status, "healthz": 200} {
			q, err := http.NewRequest("GET", strings.TrimSuffix(o.url, Prefix)+"/"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.token != "" {
				q.Header.Set("Authorization", "Bearer "+c.token)
			}
			res, err := http.DefaultClient.Do(q)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if res.StatusCode != want || want == 401 && res.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s, closed %v, token %q: %s", path, c.access.Closed, c.token, res.Status)
			}
		}
	}
	if n := o.counts[Unauthenticated]; n != 2 {
		t.Errorf("%d requests without a good token are counted", n)
	}
}
