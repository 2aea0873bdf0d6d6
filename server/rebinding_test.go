// DNS rebinding: private addresses in answers of the public tree.

package server_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/wire"
)

// kept are the addresses that no stranger's name may have.
var kept = policy.PrivateAddresses{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
	Domains: []wire.Name{wire.MustParseName("corp.example.")}}

// guarded is a server that refuses answers with addresses in 10.0.0.0/8, except for corp.example.
// The world has such addresses both in zones of strangers and in that of the corporation.
func guarded(t *testing.T, parts ...func(*resolver.Parts)) (*front, *lab.World) {
	t.Helper()
	q := &quiet{}
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example."})
	w.Add(lab.Zone{Name: "stranger.example.", Records: "@ A 10.0.0.1;;mixed A 10.0.0.1;;" +
		"mixed A 192.0.2.1;;public A 192.0.2.2;;alias CNAME host.corp.example.;;" +
		"svc HTTPS 1 . ipv4hint=10.0.0.1;;mapped AAAA ::ffff:10.0.0.1;;" +
		"translated AAAA 64:ff9b::10.0.0.1"})
	w.Add(lab.Zone{Name: "corp.example.", Records: "host A 10.0.0.7;;out CNAME stranger.example."})
	cfg, anchors := labtest.Resolver(w)
	parts = append(parts, func(p *resolver.Parts) { p.Anchors, p.Exchanger = anchors, w })
	f := newFrontAll(t, nil, func(c *resolver.Config) {
		c.Hints = cfg.Hints
	}, q, parts...)
	f.seen = q
	f.Handler = f.server.Handler(private(), &policy.View{Private: kept})
	return f, w
}

// Each question is asked three times: its answer is resolved, from the cache, and prepared, and is
// the same each time. An answer with a private address is refused as a whole: nothing of a signed
// set or of the alias chain is left, no denial can be cached, and the reason is given (EDE 17). One
// without is secure. A stranger's alias to a name that may have private addresses does not get
// them, nor does one of our names that is an alias to a stranger's.
func TestRebindingAnswersWithPrivateAddressesAreRefused(t *testing.T) {
	f, _ := guarded(t)
	for _, c := range []struct {
		name    string
		qtype   uint16
		answers int // records, without signatures
		refused bool
	}{
		{"stranger.example.", dns.TypeA, 0, true},
		{"mixed.stranger.example.", dns.TypeA, 0, true},
		{"public.stranger.example.", dns.TypeA, 1, false},
		{"svc.stranger.example.", dns.TypeHTTPS, 0, true},
		{"host.corp.example.", dns.TypeA, 1, false},
		{"alias.stranger.example.", dns.TypeA, 0, true},
		{"out.corp.example.", dns.TypeA, 0, true},
		{"mapped.stranger.example.", dns.TypeAAAA, 0, true},
		{"translated.stranger.example.", dns.TypeAAAA, 0, true},
	} {
		before := f.seen.private
		for turn := range 3 {
			m := f.ask(c.name, c.qtype, edns(true))
			n := 0
			for _, rr := range m.Answer {
				if c.refused || rr.Header().Rrtype != dns.TypeRRSIG {
					n++
				}
			}
			why, _ := ede(m)
			if m.Rcode != dns.RcodeSuccess || n != c.answers || m.AuthenticatedData == c.refused ||
				slices.Contains(why, dns.ExtendedErrorCodeFiltered) != c.refused ||
				c.refused && len(m.Ns) > 0 {
				t.Errorf("%s, turn %d: EDE %d in\n%v", c.name, turn, why, m)
			}
		}
		if counted := f.seen.private > before; counted != c.refused {
			t.Errorf("%s: counted: %v", c.name, counted)
		}
	}
}

// When the operator begins or ends to refuse addresses, prepared answers are checked again: those
// that are right now are made from the cache, and no query is sent for them.
func TestRebindingPolicyGenerationJudgesWhatWasPrepared(t *testing.T) {
	f, w := guarded(t)
	rules := server.Rules{Config: &server.Config{UDPSize: 1232, EDE: true}, Access: private()}
	names := []string{"stranger.example.", "mixed.stranger.example.", "public.stranger.example.",
		"host.corp.example."}
	sent := 0
	for generation, want := range [][]int{{1, 2, 1, 1}, {0, 0, 1, 1}, {1, 2, 1, 1}} {
		rules.View = &policy.View{Generation: uint32(generation)}
		if generation == 1 {
			rules.View.Private = kept
		}
		f.Handler.Replace(rules)
		for i, name := range names {
			for range 4 {
				m := f.ask(name, dns.TypeA, edns(false))
				if m.Rcode != dns.RcodeSuccess || len(m.Answer) != want[i] {
					t.Errorf("generation %d: want %d records, got\n%v", generation, want[i], m)
				}
			}
		}
		if n := len(w.Transcript()); generation > 0 && n != sent {
			t.Errorf("generation %d: %d questions upstream", generation, n-sent)
		}
		sent = len(w.Transcript())
	}
	if f.seen.hits < len(names)*3 {
		t.Errorf("%d answers were prepared", f.seen.hits)
	}
}
