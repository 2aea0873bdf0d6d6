// The memory: what gets in, against whom and for how long, and whose questions it answers.

package resolver

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/event"
	"bailiwick/trustanchor"
	"bailiwick/validator"
	"bailiwick/wire"
)

// Only memory.go touches the caches, and faults of servers pass blame.
func TestMemoryAloneTouchesTheCaches(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || file == "memory.go" {
			continue
		}
		looked++
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				inner, ok := n.X.(*ast.SelectorExpr)
				if ok && inner.Sel.Name == "memory" &&
					(n.Sel.Name == "store" || n.Sel.Name == "trusts") {
					t.Errorf("%s: the caches are touched", set.Position(n.Pos()))
				}
			case *ast.CallExpr:
				f, ok := n.Fun.(*ast.SelectorExpr)
				if !ok || f.Sel.Name != "learn" {
					return true
				}
				for _, arg := range n.Args {
					name, _ := arg.(*ast.Ident)
					if name != nil && slices.Contains([]string{"eventLame", "eventBad",
						"eventBogus", "eventDead"}, name.Name) {
						t.Errorf("%s: a fault that does not pass blame", set.Position(n.Pos()))
					}
				}
			}
			return true
		})
	}
	if looked < 30 {
		t.Errorf("only %d files", looked)
	}
}

// withoutNetwork returns a resolver that is only asked for what it remembers. corp. is a forward
// zone, lab.example. a stub zone with the public tree behind it, and stub.example. one without.
func withoutNetwork(now time.Time) *Resolver {
	cfg := Default()
	cfg.HardenBelowNXDomain, cfg.AggressiveNSEC = true, true
	server := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")}
	name := wire.MustParseName
	cfg.Zones = []Zone{{Name: name("corp."), Forward: true, First: true, Addrs: server},
		{Name: name("lab.example."), First: true, Addrs: server},
		{Name: name("stub.example."), Addrs: server}}
	return New(cfg, Parts{Cache: cache.New(cache.Default()), Anchors: trustanchor.Builtin(),
		Clock: clock.NewFake(now)})
}

// Each kind of result answers its own question, and others only in the same tree, if it was
// validated, and if the zone's own servers gave it.
func TestMemoryOfResultsAnswersTheirTreeAlone(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	name := wire.MustParseName
	key := func(n string, typ wire.Type) cache.Key { return cache.Key{Name: name(n), Type: typ} }
	const public, asked = event.OriginPublic, event.OriginResolved
	const nothing, answer, alias, noData, nxDomain = wire.KindNone, wire.KindAnswer,
		wire.KindAlias, wire.KindNoData, wire.KindNXDomain
	soa := "example. 300 SOA ns.example. host.example. 1 2 3 4 300"
	spans := func(zone string) []string {
		return []string{zone + " 300 SOA ns. host. 1 2 3 4 300",
			zone + " 300 NSEC a." + zone + " NS SOA RRSIG NSEC DNSKEY",
			"a." + zone + " 300 NSEC z." + zone + " A RRSIG NSEC"}
	}
	dname := []string{"tree.example. 300 DNAME other.test.",
		"x.tree.example. 300 CNAME x.other.test."}
	for _, c := range []struct {
		what   string
		key    cache.Key
		kind   wire.Kind
		status wire.Security
		zone   string // the signer, if secure
		origin event.Origin
		sets   []string // answer, or SOA and proofs
		ask    cache.Key
		want   wire.Kind
	}{
		{"data", key("www.example.", wire.TypeA), answer, wire.Insecure, "", asked,
			[]string{"www.example. 300 A 192.0.2.7"}, key("www.example.", wire.TypeA), answer},
		{"data, another type", key("www.example.", wire.TypeA), answer, wire.Insecure, "", asked,
			[]string{"www.example. 300 A 192.0.2.7"}, key("www.example.", wire.TypeAAAA), nothing},
		{"ANY is incomplete", key("www.example.", wire.TypeANY), answer, wire.Insecure, "", asked,
			[]string{"www.example. 300 A 192.0.2.7"}, key("www.example.", wire.TypeA), nothing},
		{"data of the public tree, for their question", key("www.lab.example.", wire.TypeA), answer,
			wire.Insecure, "", public, []string{"www.lab.example. 300 A 192.0.2.7"},
			key("www.lab.example.", wire.TypeA), answer},
		{"alias", key("www.example.", wire.TypeA), alias, wire.Insecure, "", asked,
			[]string{"www.example. 300 CNAME x.test."}, key("www.example.", wire.TypeTXT), alias},
		{"alias for DS at an apex, and the zone's own type", key("corp.", wire.TypeDS), alias,
			wire.Secure, ".", asked, []string{"corp. 300 CNAME x.test."},
			key("corp.", wire.TypeA), nothing},

		{"DNAME", key("x.tree.example.", wire.TypeA), alias, wire.Secure, "example.", asked, dname,
			key("y.tree.example.", wire.TypeA), alias},
		{"unsigned DNAME", key("x.tree.example.", wire.TypeA), alias, wire.Insecure, "", asked,
			dname, key("y.tree.example.", wire.TypeA), nothing},
		{"unsigned DNAME, its own name", key("x.tree.example.", wire.TypeA), alias, wire.Insecure,
			"", asked, dname, key("x.tree.example.", wire.TypeA), alias},
		{"DNAME above a configured zone", key("x.example.", wire.TypeA), alias, wire.Secure,
			"example.", asked, []string{"example. 300 DNAME other.test.",
				"x.example. 300 CNAME x.other.test."}, key("www.stub.example.", wire.TypeA),
			nothing},
		{"DNAME of a configured zone", key("x.stub.example.", wire.TypeA), alias, wire.Secure,
			"stub.example.", asked, []string{"stub.example. 300 DNAME other.test.",
				"x.stub.example. 300 CNAME x.other.test."}, key("y.stub.example.", wire.TypeA),
			alias},
		{"DNAME of the public tree", key("x.lab.example.", wire.TypeA), alias, wire.Secure,
			"lab.example.", public, []string{"lab.example. 300 DNAME other.test.",
				"x.lab.example. 300 CNAME x.other.test."}, key("y.lab.example.", wire.TypeA),
			nothing},
		{"DNAME of the public tree, its own name", key("x.lab.example.", wire.TypeA), alias,
			wire.Secure, "lab.example.", public, []string{"lab.example. 300 DNAME other.test.",
				"x.lab.example. 300 CNAME x.other.test."}, key("x.lab.example.", wire.TypeA),
			alias},
		{"DNAME above, of the public tree, its own name", key("x.lab.example.", wire.TypeA), alias,
			wire.Secure, "example.", public, []string{"example. 300 DNAME other.test.",
				"x.lab.example. 300 CNAME x.lab.other.test."}, key("x.lab.example.", wire.TypeA),
			alias},
		{"DNAME that was asked for in the public tree", key("lab.example.", wire.TypeDNAME), answer,
			wire.Secure, "lab.example.", public, []string{"lab.example. 300 DNAME other.test."},
			key("y.lab.example.", wire.TypeA), nothing},

		{"denied name", key("no.example.", wire.TypeA), nxDomain, wire.Insecure, "", asked,
			[]string{soa}, key("no.example.", wire.TypeMX), nxDomain},
		{"denied name, below", key("no.example.", wire.TypeA), nxDomain, wire.Secure, "example.",
			asked, []string{soa}, key("www.no.example.", wire.TypeA), nxDomain},
		{"unproven denial, below", key("no.example.", wire.TypeA), nxDomain, wire.Insecure, "",
			asked, []string{soa}, key("www.no.example.", wire.TypeA), nothing},
		{"unproven denial, DS", key("no.example.", wire.TypeA), nxDomain, wire.Insecure, "",
			asked, []string{soa}, key("no.example.", wire.TypeDS), nothing},
		{"denied above a configured zone", key("example.", wire.TypeA), nxDomain, wire.Secure, ".",
			asked, []string{soa}, key("www.stub.example.", wire.TypeA), nothing},
		{"DS denied at an apex, and the zone", key("corp.", wire.TypeDS), nxDomain, wire.Secure,
			".", asked, []string{soa}, key("corp.", wire.TypeA), nothing},
		{"DS denied at an apex, and below", key("corp.", wire.TypeDS), nxDomain, wire.Secure, ".",
			asked, []string{soa}, key("www.corp.", wire.TypeA), nothing},
		{"DS denied at an apex, for itself", key("corp.", wire.TypeDS), nxDomain, wire.Secure, ".",
			asked, []string{soa}, key("corp.", wire.TypeDS), nxDomain},
		{"apex denied by its servers, and DS", key("corp.", wire.TypeA), nxDomain, wire.Insecure,
			"", asked, []string{soa}, key("corp.", wire.TypeDS), nothing},
		{"denied by a forwarder with a zone above", key("no.corp.", wire.TypeA), nxDomain,
			wire.Secure, ".", asked, []string{soa}, key("no.corp.", wire.TypeMX), nothing},
		{"denied by the public tree", key("no.corp.", wire.TypeA), nxDomain, wire.Secure, "corp.",
			public, []string{soa}, key("no.corp.", wire.TypeA), nxDomain},
		{"denied by the public tree, another type", key("no.corp.", wire.TypeA), nxDomain,
			wire.Secure, "corp.", public, []string{soa}, key("no.corp.", wire.TypeMX), nothing},
		{"denied by the public tree, below", key("no.corp.", wire.TypeA), nxDomain, wire.Secure,
			"corp.", public, []string{soa}, key("www.no.corp.", wire.TypeA), nothing},
		{"no data", key("www.example.", wire.TypeA), noData, wire.Insecure, "", asked,
			[]string{soa}, key("www.example.", wire.TypeMX), nothing},

		{"span", key("b.example.", wire.TypeA), nxDomain, wire.Secure, "example.", asked,
			spans("example."), key("c.example.", wire.TypeA), nxDomain},
		{"span around a configured zone", key("b.example.", wire.TypeA), nxDomain, wire.Secure,
			"example.", asked, spans("example."), key("stub.example.", wire.TypeA), nothing},
		{"span around a configured zone, its DS", key("b.example.", wire.TypeA), nxDomain,
			wire.Secure, "example.", asked, spans("example."), key("stub.example.", wire.TypeDS),
			nxDomain},
		{"span of a configured zone", key("b.corp.", wire.TypeA), nxDomain, wire.Secure, "corp.",
			asked, spans("corp."), key("c.corp.", wire.TypeA), nxDomain},
		{"span of the public tree", key("b.corp.", wire.TypeA), nxDomain, wire.Secure, "corp.",
			public, spans("corp."), key("c.corp.", wire.TypeA), nothing},
		{"span of the public tree below", key("b.lab.example.", wire.TypeA), nxDomain, wire.Secure,
			"lab.example.", public, spans("lab.example."), key("c.lab.example.", wire.TypeA),
			nothing},
	} {
		r := withoutNetwork(now)
		l := &result{kind: c.kind, status: c.status, origin: c.origin}
		if c.zone != "" {
			l.zone = name(c.zone)
		}
		sets := received(t, 0, c.sets).Answer
		for _, s := range sets {
			s.Security = c.status
		}
		if l.sets = sets; c.kind.IsDenial() {
			l.sets, l.proofs = nil, sets
		}
		r.memory.put(c.key, l, 0, now)
		got := nothing
		if l, _, _ := r.remembered(c.ask, validator.NewBudget(), 0, false); l != nil {
			got = l.kind
		}
		if got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
		r.Close()
	}
}

// What the public tree denies while the servers of a configured zone fail may exist there. So it is
// kept for a short time, which the client is told as well.
func TestMemoryOfTheFallbacksDenialIsShort(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	k := cache.Key{Name: wire.MustParseName("no.corp."), Type: wire.TypeA}
	for origin, want := range map[event.Origin]time.Duration{
		event.OriginPublic: fallbackDenialTTL, event.OriginResolved: 5 * time.Minute} {
		r := withoutNetwork(now)
		soa := received(t, 0, []string{". 300 SOA ns. host. 1 2 3 4 300"}).Answer
		l := &result{kind: wire.KindNXDomain, status: wire.Insecure, origin: origin, proofs: soa}
		r.memory.put(k, l, 0, now)
		if told := time.Duration(soa[0].TTL) * time.Second; told != want {
			t.Errorf("%v: the client is told %v", origin, told)
		}
		_, before := r.memory.denial(k, now.Add(want-time.Second))
		_, after := r.memory.denial(k, now.Add(want))
		if !before.Good() || after.Good() {
			t.Errorf("%v: kept until %v: %v, and then %v", origin, want, before, after)
		}
		r.Close()
	}
}

// Data that were fetched with CD=1 and not validated answer nobody else: neither their own question
// without CD, nor others.
func TestMemoryOfUncheckedDataAnswersNobodyElse(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	name := wire.MustParseName
	for _, c := range []struct {
		kind wire.Kind
		typ  wire.Type
		sets []string
	}{
		{wire.KindAnswer, wire.TypeA, []string{"no.example. 300 A 192.0.2.7"}},
		{wire.KindAlias, wire.TypeA, []string{"no.example. 300 CNAME x.test."}},
		{wire.KindAnswer, wire.TypeDNAME, []string{"no.example. 300 DNAME other.test."}},
		{wire.KindNXDomain, wire.TypeA, []string{
			"example. 300 SOA ns.example. host.example. 1 2 3 4 300",
			"example. 300 NSEC a.example. NS SOA RRSIG NSEC DNSKEY",
			"a.example. 300 NSEC z.example. A RRSIG NSEC"}},
	} {
		r := withoutNetwork(now)
		l := &result{kind: c.kind, status: wire.Unchecked, origin: event.OriginResolved}
		if l.sets = received(t, 0, c.sets).Answer; c.kind.IsDenial() {
			l.sets, l.proofs = nil, l.sets
		}
		k := cache.Key{Name: name("no.example."), Type: c.typ, Unchecked: true}
		r.memory.put(k, l, 0, now)
		l, _, _ = r.remembered(k, validator.NewBudget(), 0, false)
		if l == nil || l.kind != c.kind {
			t.Errorf("%v: its own client gets %+v", c.sets, l)
		}
		for _, ask := range []cache.Key{{Name: k.Name, Type: c.typ},
			{Name: k.Name, Type: wire.TypeTXT},
			{Name: name("www.no.example."), Type: wire.TypeA},
			{Name: name("www.no.example."), Type: wire.TypeA, Unchecked: true},
			{Name: name("nope.example."), Type: wire.TypeA}} {
			if l, f, _ := r.remembered(ask, validator.NewBudget(), 0, false); l != nil || f != nil {
				t.Errorf("%v: answers %v: %+v", c.sets, ask, l)
			}
		}
		r.Close()
	}
}

// Every cause of failure is remembered against what has caused it, or not at all: limits only for a
// client's own question, and nothing that is this machine's.
func TestMemoryOfFailuresByCause(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	k := cache.Key{Name: wire.MustParseName("www.example."), Type: wire.TypeA}
	for _, c := range cause.All() {
		if !c.Fails() || c == cause.Sentinel {
			continue
		}
		local := c == cause.Overload || c == cause.LocalResources || c == cause.InternalError ||
			c == cause.NotHeld
		limit := c.Kind() == cause.KindLimit || c == cause.DependencyLoop || c == cause.Stopping
		for _, own := range []bool{false, true} {
			for _, heard := range []bool{false, true} {
				r := withoutNetwork(now)
				r.memory.putFailure(k, cause.New(c, nil, ""), own, heard, now)
				want := !local && (own || !limit) && !(c == cause.LimitTime && heard)
				if _, got := r.memory.failure(k, now); got != want {
					t.Errorf("%s, own %v, heard %v: remembered %v", c, own, heard, got)
				}
				for _, other := range []cache.Key{{Name: k.Name, Type: wire.TypeAAAA},
					{Name: k.Name, Type: k.Type, Unchecked: true},
					{Name: wire.MustParseName("a.www.example."), Type: k.Type}} {
					if f, ok := r.memory.failure(other, now); ok {
						t.Errorf("%s is held against %v: %v", c, other, f)
					}
				}
				if _, got := r.memory.failure(k, now.Add(cache.FailureMaxTTL)); got {
					t.Errorf("%s is remembered for too long", c)
				}
				r.Close()
			}
		}
	}
}

// A fault is held against a server if it is the server's own, and not for a limit, an error of this
// machine, a link that is down, or a failure that one of these led to.
func TestMemoryBlamesServersForTheirOwnFaults(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	server, zone := netip.MustParseAddr("192.0.2.9"), wire.MustParseName("example.")
	led := func(c, under cause.Cause) *cause.Failure {
		f := cause.New(c, zone, "")
		f.Under = cause.New(under, zone, "")
		return f
	}
	for _, c := range []struct {
		f    *cause.Failure
		want bool
	}{
		{cause.New(cause.Lame, zone, ""), true},
		{cause.New(cause.ServerRefused, zone, ""), true},
		{cause.New(cause.Malformed, zone, ""), true},
		{cause.New(cause.SignatureInvalid, zone, ""), true},
		{cause.New(cause.LimitSignatures, zone, ""), false},
		{cause.New(cause.LimitNSEC3, zone, ""), false},
		{cause.New(cause.Overload, zone, ""), false},
		{cause.New(cause.LocalResources, zone, ""), false},
		{cause.New(cause.InternalError, zone, ""), false},
		{cause.New(cause.Stopping, zone, ""), false},
		{cause.New(cause.UplinkDown, zone, ""), false},
		{cause.New(cause.ServerFailed, zone, "").Within(cause.ScopeLink), false},
		{led(cause.KeyMissing, cause.LimitQueries), false},
		{led(cause.KeyMissing, cause.ServerFailed), true},
	} {
		r := withoutNetwork(now)
		r.blame(server, zone, eventBad, c.f, 0)
		if got := r.Held(server, zone); got != c.want {
			t.Errorf("%v under %v: held %v", c.f, c.f.Under, got)
		}
		r.Close()
	}
}

// A question begins at a delegation of its own tree.
func TestMemoryOfDelegationsServesTheirTreeAlone(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	r := withoutNetwork(now)
	defer r.Close()
	name := wire.MustParseName
	put := func(zone string, fallback bool) {
		r.memory.putDelegation(&cache.Delegation{Zone: name(zone), Stored: now.Unix(),
			Expires: now.Unix() + 60}, fallback, now)
	}
	for _, z := range []string{".", "example.", "sub.stub.example.", "sub.lab.example."} {
		put(z, false)
	}
	for _, z := range []string{"a.sub.lab.example.", "lab.example.", "corp."} {
		put(z, true)
	}
	for _, c := range []struct {
		ask      string
		typ      wire.Type
		fallback bool
		want     string // "" if the servers are those of the configuration, or of the hints
	}{
		{"www.example.", wire.TypeA, false, "example."},
		{"stub.example.", wire.TypeDS, false, "example."},
		{"stub.example.", wire.TypeA, false, ""},
		{"www.stub.example.", wire.TypeA, false, ""},
		{"sub.stub.example.", wire.TypeDS, false, ""},
		{"www.sub.stub.example.", wire.TypeA, false, "sub.stub.example."},
		{"www.corp.", wire.TypeA, false, ""},
		{"www.corp.", wire.TypeA, true, "corp."},
		{"www.a.sub.lab.example.", wire.TypeA, false, "sub.lab.example."},
		{"www.a.sub.lab.example.", wire.TypeA, true, "example."},
	} {
		d, ok := r.memory.delegation(name(c.ask), c.typ, c.fallback, now)
		if ok != (c.want != "") || ok && d.Zone != name(c.want) {
			t.Errorf("%s %s, fallback %v: %v %+v, want %q", c.ask, c.typ, c.fallback, ok, d, c.want)
		}
	}
	if _, ok := r.memory.delegation(name("www.example."), wire.TypeA, false,
		now.Add(time.Minute)); ok {
		t.Error("a delegation is used after its end")
	}
}
