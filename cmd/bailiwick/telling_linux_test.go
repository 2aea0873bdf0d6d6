// What operations tell of views: whom a name is resolved for, the chain of trust of a view's
// clients, the forward zones of views.

package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/console"
	"bailiwick/internal/hook"
	"bailiwick/wire"
)

// stepFor is a step that refuses what is at and below a name, to one client if it is for one.
type stepFor struct {
	below  string
	client netip.Addr
}

func (s stepFor) Name() string    { return "own" }
func (s stepFor) PerClient() bool { return s.client.IsValid() }
func (s stepFor) Question(q hook.Question) (v hook.Verdict) {
	if q.Name.Within(wire.MustParseName(s.below)) && q.Client == s.client {
		v.Action = hook.Refuse
	}
	return v
}
func (s stepFor) Answer(hook.Question, hook.Answer) (v hook.Verdict) { return v }

// testPolicy tests a name for a client.
func (s *reloaded) testPolicy(name, client string) map[string]any {
	s.t.Helper()
	res, err := s.ctl("policy test", "name", name, "client", client)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.Fields
}

// policy test tells by whom a name is resolved, and for whom.
func TestPolicyTestTellsHowAViewResolves(t *testing.T) {
	s := newResolvingViews(t, resolvingText)
	for _, c := range []struct{ client, name, by, of string }{
		{office, "host.corp.example", "forward zone corp.example.", "office"},
		{kids, "host.corp.example", "stub zone corp.example.", "kids"},
		{others, "host.corp.example", "iteration", "all clients"},
		{office, "www.expired.faulty", "iteration", "office"},
		{kids, "www.expired.faulty", "iteration", "all clients"},
		{office, "www.secure.example", "iteration", "all clients"},
	} {
		f := s.testPolicy(c.name, c.client)
		if f["outcome"] != "resolved" || f["resolved_by"] != c.by || f["resolved_for"] != c.of {
			t.Errorf("%s for %s: %v", c.name, c.client, f)
		}
	}
	f := s.testPolicy("x.onion", office)
	if _, told := f["resolved_by"]; told || f["source"] != "special" {
		t.Errorf("what is not resolved: %v", f)
	}
}

// policy test asks steps, as clients do, and does not count what they say: local data and policy
// zones come before them, and those about a client see the one that is named.
func TestPolicyTestAsksSteps(t *testing.T) {
	s := newResolvingViews(t, plain+"policy:\n  local_records: [own.secure.example A 10.0.0.9]\n"+
		"  local_zones: [{name: told.secure.example, type: inform}]\n")
	var err error
	if s.steps, err = hook.NewChain([]hook.Step{stepFor{below: "secure.example."}}); err != nil {
		t.Fatal(err)
	}
	f := s.testPolicy("www.secure.example", others)
	if f["outcome"] != "refuse" || f["source"] != "hooks" || f["list"] != "own" ||
		f["resolved_by"] != nil {
		t.Errorf("what a step refuses: %v", f)
	}
	if f := s.testPolicy("www.unsigned.example", others); f["outcome"] != "resolved" {
		t.Errorf("what it passes: %v", f)
	}
	if f := s.testPolicy("own.secure.example", others); f["source"] != "zones" {
		t.Errorf("local data: %v", f)
	}
	if f := s.testPolicy("a.told.secure.example", others); f["outcome"] != "refuse" ||
		f["logged_for"] != "told.secure.example." {
		t.Errorf("a zone that is only logged, which is not past the steps: %v", f)
	}
	if n := s.steps.Status()[0].Verdicts; n[hook.Refuse]+n[hook.Pass] != 0 {
		t.Errorf("what nobody has asked for is counted: %v", n)
	}
	s.steps, err = hook.NewChain([]hook.Step{stepFor{"secure.example.",
		netip.MustParseAddr("127.0.3.1")}})
	if err != nil {
		t.Fatal(err)
	}
	for client, want := range map[string]string{"127.0.3.1": "refuse", "127.0.3.2": "resolved"} {
		if f := s.testPolicy("www.secure.example", client); f["outcome"] != want {
			t.Errorf("a step about clients, %s: %v", client, f)
		}
	}
}

// toTCP is a step that has clients ask for a name over TCP.
type toTCP struct{ stepFor }

func (s toTCP) Question(q hook.Question) (v hook.Verdict) {
	if v = s.stepFor.Question(q); v.Action == hook.Refuse {
		v.Action = hook.Truncate
	}
	return v
}

// A policy that only has clients ask again over TCP, where they get what the name resolves to,
// replaces nothing. The report has it among what policy says.
func TestExplainTellsThatTCPReplacesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules")
	rules := policyFile + "www.nsec3.example CNAME rpz-tcp-only.\n"
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	s := reloadable(t, plain+"policy: {rpz: [{name: rpz.test, file: "+file+
		", break_dnssec: true}]}\n")
	var err error
	s.steps, err = hook.NewChain([]hook.Step{toTCP{stepFor{below: "unsigned.example."}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, outcome := range map[string]string{"www.nsec3.example": "tcp-only",
		"www.unsigned.example": "truncate", "www.secure.example": "nxdomain"} {
		r := s.reportBy("name", name)
		if len(r.Policy) == 0 || r.Policy[0].Value != outcome ||
			(r.Instead != nil) != (outcome == "nxdomain") {
			t.Errorf("%s: %+v, %+v", name, r.Policy, r.Instead)
		}
	}
}

// Who may not ask is told so, and by what: nothing that policy says of the name has part in it. So
// are types that no question is answered for.
func TestRefusedClientsAreNotBlamedOnLists(t *testing.T) {
	s := reloadable(t, plain+"policy:\n"+
		"  access: [127.0.0.0/8 allow, 192.0.2.0/24 drop]\n"+
		"  local_zones: [{name: secure.example, type: nxdomain}]\n"+
		"  local_records: [alias.unsigned.example CNAME www.secure.example]\n")
	for _, c := range []struct{ client, kind, outcome, cause string }{
		{"192.0.2.1", "A", "dropped", "client_dropped"},
		{"198.51.100.1", "A", "refused", "client_refused"},
		{"127.0.0.1", "AXFR", "refused", "query_refused"},
	} {
		for _, name := range []string{"www.secure.example", "alias.unsigned.example",
			"www.nsec3.example"} {
			res, err := s.ctl("policy test", "name", name, "type", c.kind, "client", c.client)
			if err != nil {
				t.Fatal(err)
			}
			f := res.Fields
			if f["outcome"] != c.outcome || f["cause"] != c.cause {
				t.Errorf("%s %s for %s: %v", name, c.kind, c.client, f)
			}
			for _, of := range []string{"source", "logged_for", "list", "zone", "rule", "trigger",
				"alias_of", "resolved_by", "resolved_for", "network"} {
				if v, told := f[of]; told {
					t.Errorf("%s %s for %s: %s %v", name, c.kind, c.client, of, v)
				}
			}
			r := s.reportBy("name", name, "type", c.kind, "client", c.client)
			if r.Instead == nil || r.Instead.Cause != c.cause ||
				strings.Contains(r.Instead.Link, ":") {
				t.Errorf("explain %s %s for %s: %+v", name, c.kind, c.client, r.Instead)
			}
		}
	}
}

// explain resolves by the view of the client that is named, from the caches and anew.
func TestExplainForAClient(t *testing.T) {
	s := newResolvingViews(t, resolvingText)
	for _, c := range []struct{ client, name, status, rcode string }{
		{office, "www.expired.faulty", "insecure", "NOERROR"},
		{others, "www.expired.faulty", "bogus", "SERVFAIL"},
		{kids, "www.expired.faulty", "bogus", "SERVFAIL"},
		{office, "host.corp.example", "insecure", "NOERROR"},
		{others, "host.corp.example", "secure", "NXDOMAIN"},
	} {
		for _, fresh := range []string{"false", "true"} {
			r := s.reportBy("name", c.name, "client", c.client, "fresh", fresh)
			if r.Status != c.status || r.RCode != c.rcode {
				t.Errorf("%s for %s, fresh %s: %s %s", c.name, c.client, fresh, r.RCode, r.Status)
			}
		}
	}
	r := s.reportBy("name", "host.corp.example", "client", office)
	said := ""
	for _, p := range r.Policy {
		said += p.What + " " + p.Value + "; "
	}
	if !strings.Contains(said, "view office; resolved_by forward zone corp.example.") {
		t.Errorf("its policy: %s", said)
	}
	if _, err := s.ctl("explain", "name", "example", "client", "me"); err == nil {
		t.Error("no address is taken for a client")
	}
}

// The settings have the forward zones of views, which are replaced whole like the others. A view
// whose zones are all removed has none, and not those of all others.
func TestSettingsHaveTheForwardsOfViews(t *testing.T) {
	s := newResolvingViews(t, resolvingText)
	tag := func() string {
		r, err := runOf(s.running, "settings")(console.Request{})
		if err != nil {
			t.Fatal(err)
		}
		return console.Tag(r.Fields)
	}
	set := func(text string) error {
		_, err := runOf(s.running, "settings set")(console.Request{IfMatch: tag(),
			Args: map[string]string{"view_forwards": text}})
		return err
	}
	now := func(want string) {
		t.Helper()
		got := s.now().Config.Runtime()
		if text := console.Tag(got.ViewForwards()); text != console.Tag(parsedMap(t, want)) {
			t.Errorf("got %v, want %s", got.ViewForwards(), want)
		}
	}
	now(`{"office/corp.example.":["10.9.9.1:53"]}`)
	for _, bad := range []string{`{"corp.example.":["10.9.9.1"]}`, `{"nobody/a.":["10.9.9.1"]}`,
		`{"office/a.":[]}`, `{"office/a.":["10.9.9.1"],"office/A.":["10.9.9.1"]}`,
		`{"kids/corp.example.":["10.9.9.1"]}`} {
		before := tag()
		if err := set(bad); err == nil || tag() != before {
			t.Errorf("%s: %v", bad, err)
		}
	}
	err := set(`{"office/corp.example":["10.9.9.2"],"kids/house.unsigned.example":["10.9.9.1"]}`)
	if err != nil {
		t.Fatal(err)
	}
	now(`{"office/corp.example.":["10.9.9.2:53"],"kids/house.unsigned.example.":["10.9.9.1:53"]}`)
	s.says("with other servers", map[string]string{
		office + " host.corp.example.":          "NOERROR 10.0.0.2",
		kids + " www.house.unsigned.example.":   "NOERROR 10.0.0.1",
		others + " www.house.unsigned.example.": "NXDOMAIN"})
	if err := set(`{}`); err != nil {
		t.Fatal(err)
	}
	now(`{}`)
	s.says("without", map[string]string{office + " host.corp.example.": "NXDOMAIN",
		kids + " www.house.unsigned.example.": "NXDOMAIN",
		kids + " host.corp.example.":          "NOERROR 10.0.0.2"})
}

// parsedMap reads a map as an argument is read.
func parsedMap(t *testing.T, text string) map[string][]string {
	t.Helper()
	m, err := console.ParseMap(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
