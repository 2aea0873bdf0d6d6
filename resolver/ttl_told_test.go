// The TTL that the first client is told is the one that the cache holds (RFC 2181, section 5.2;
// RFC 2308, section 5), whatever limits the operator sets.

package resolver_test

import (
	"cmp"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// withLimits returns the same internet with a resolver that has these limits of TTLs, and the
// others by default.
func (in *internet) withLimits(l cache.TTLLimits) *internet {
	other := *in
	l.Max = cmp.Or(l.Max, cache.Default().Max)
	l.MaxNegative = cmp.Or(l.MaxNegative, cache.Default().MaxNegative)
	other.cache = cache.New(cache.Config{Memory: 16 << 20, TTLLimits: l})
	other.parts.Cache = other.cache
	other.r = resolver.New(other.cfg, other.parts)
	in.t.Cleanup(other.r.Close)
	return &other
}

// ttls returns the TTLs of an answer, in order.
func ttls(a *resolver.Answer) string {
	var all []uint32
	for _, s := range append(append([]*wire.RRset(nil), a.Sets...), a.Authority...) {
		all = append(all, s.TTL)
	}
	return fmt.Sprint(all)
}

// told returns the time for which an answer as a whole may be cached.
func told(a *resolver.Answer) uint32 {
	ttl := ^uint32(0)
	for _, s := range append(append([]*wire.RRset(nil), a.Sets...), a.Authority...) {
		ttl = min(ttl, s.TTL)
	}
	return ttl
}

func TestFirstAnswerSaysTheTTLThatHolds(t *testing.T) {
	limits := map[string]cache.TTLLimits{
		"none":             {},
		"min_negative_ttl": {MinNegative: 200 * time.Second},
		"max_negative_ttl": {MaxNegative: 20 * time.Second},
		"min_ttl":          {Min: 1000 * time.Second},
		"max_ttl":          {Max: 30 * time.Second},
		"all": {Min: 400 * time.Second, Max: 500 * time.Second,
			MinNegative: 100 * time.Second, MaxNegative: 110 * time.Second},
	}
	questions := []struct {
		name  string
		qtype wire.Type
	}{
		{"www.secure.example.", wire.TypeA},
		{"www.unsigned.example.", wire.TypeA},
		{"alias.secure.example.", wire.TypeA},
		{"away.unsigned.example.", wire.TypeA},
		{"leaf.tree.secure.example.", wire.TypeA},
		{"leaf.tree.secure.example.", wire.TypeCNAME},
		{"x.wild.secure.example.", wire.TypeA},
		{"x.wild.nsec3.example.", wire.TypeA},
		{"secure.example.", wire.TypeDS},
		{"secure.example.", wire.TypeDNSKEY},
		{"gone.secure.example.", wire.TypeA},
		{"gone.nsec3.example.", wire.TypeA},
		{"gone.unsigned.example.", wire.TypeA},
		{"www.secure.example.", wire.TypeTXT},
		{"www.nsec3.example.", wire.TypeTXT},
		{"www.unsigned.example.", wire.TypeTXT},
		{"www.compact.example.", wire.TypeTXT},
		{"gone.compact.example.", wire.TypeA},
		{"unsigned.example.", wire.TypeDS},
	}
	for what, l := range limits {
		for _, q := range questions {
			synctest.Test(t, func(t *testing.T) {
				in := newInternet(t).withLimits(l)
				first := in.resolve(q.name, q.qtype)
				ttl := told(first)
				if first.Failure != nil || ttl == 0 || ttl == ^uint32(0) {
					t.Fatalf("%s, %s: %+v", q.name, what, first)
				}
				in.transcript()
				time.Sleep(time.Second)
				if second := in.resolve(q.name, q.qtype); told(second) != ttl-1 ||
					len(second.Sets) != len(first.Sets) || in.transcript() != "" {
					t.Errorf("%s %s, %s: told %s first, and a second later %s", q.name, q.qtype,
						what, ttls(first),
						ttls(second))
				}
				time.Sleep(time.Duration(ttl-2) * time.Second)
				if last := in.resolve(q.name, q.qtype); told(last) != 1 || in.transcript() != "" {
					t.Errorf("%s %s, %s: told %s first, and before the end %s", q.name, q.qtype,
						what, ttls(first),
						ttls(last))
				}
				time.Sleep(time.Second)
				if in.resolve(q.name, q.qtype); in.transcript() == "" {
					t.Errorf("%s %s, %s: told %s, and kept for longer", q.name, q.qtype, what,
						ttls(first))
				}
			})
		}
	}
}

// An answer that follows from denials of other names has the rest of their TTL, and not a longer
// one each time (RFC 8198, section 5.4).
func TestRFC8198SynthesisedDenialsCountDown(t *testing.T) {
	for _, l := range []cache.TTLLimits{{}, {MinNegative: 200 * time.Second},
		{MaxNegative: 20 * time.Second}} {
		for _, zone := range []string{"secure.example.", "nsec3.example."} {
			synctest.Test(t, func(t *testing.T) {
				in := newInternet(t).withLimits(l)
				ttl := told(in.resolve("gone."+zone, wire.TypeA))
				in.transcript()
				var left uint32
				for i := uint32(1); i < ttl; i += 7 {
					time.Sleep(7 * time.Second)
					a := in.resolve(fmt.Sprintf("gone%d.%s", i, zone), wire.TypeA)
					if in.transcript() != "" {
						break // the name is in another span
					}
					if left = told(a); left > ttl-7 {
						t.Errorf("%s: first told %d, later %d", zone, ttl, left)
					}
				}
				time.Sleep(time.Duration(ttl) * time.Second)
				if in.resolve("gone0."+zone, wire.TypeA); in.transcript() == "" {
					t.Errorf("%s: denied by what has ended", zone)
				}
			})
		}
	}
}

// A denial that came with a wildcard's data is used no longer than the operator's limit for
// denials, nor longer than the SOA's minimum (RFC 8198, section 5.4).
func TestRFC8198DenialsThatCameWithDataAreDenials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t).withLimits(cache.TTLLimits{MaxNegative: 20 * time.Second})
		in.resolve("x.wild.secure.example.", wire.TypeA) // with the NSEC from *.wild to www
		time.Sleep(15 * time.Second)
		// With the SOA, and the NSEC that denies the wildcard.
		in.resolve("aa.secure.example.", wire.TypeA)
		in.transcript()
		if in.resolve("ww.secure.example.", wire.TypeA); in.transcript() != "" {
			t.Error("what came with a wildcard's data denies nothing")
		}
		time.Sleep(6 * time.Second)
		if in.resolve("wv.secure.example.", wire.TypeA); in.transcript() == "" {
			t.Error("denied by an NSEC that was kept for longer than denials are")
		}
	})
}

// The operator's least TTL does not make data outlive their signature (RFC 4035, section 5.3.3).
func TestRFC4035LeastTTLEndsWithTheSignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		in := newWorld(t, w, nil)
		time.Sleep(30*24*time.Hour - 100*time.Second) // the lab signs for 30 days
		in = in.withLimits(cache.TTLLimits{Min: time.Hour, MinNegative: time.Hour})
		for _, name := range []string{"www.secure.example.", "gone.secure.example.",
			"x.wild.nsec3.example."} {
			if got := told(in.resolve(name, wire.TypeA)); got != 100 {
				t.Errorf("%s: 100 s before the signature ends the TTL is %d", name, got)
			}
		}
		if got := told(in.resolve("www.unsigned.example.", wire.TypeA)); got != 3600 {
			t.Errorf("unsigned data: TTL %d", got)
		}
	})
}

// rewritten is a network whose servers' replies are altered.
func rewritten(alter func(*dns.Msg)) *lab.World {
	w := lab.Internet(time.Now())
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		m := in.Honest()
		if m == nil {
			return lab.Reply{}, false
		}
		alter(m)
		return lab.Messages(m), true
	}
	return w
}

// The CNAME made from a DNAME has the DNAME's TTL, whatever the server says (RFC 6672, section
// 3.1).
func TestRFC6672SynthesisedCNAMEHasTheDNAMEsTTL(t *testing.T) {
	for _, zone := range []string{"secure.example.", "unsigned.example."} {
		for _, ttl := range []uint32{0, 7, 100000} {
			synctest.Test(t, func(t *testing.T) {
				in := newWorld(t, rewritten(func(m *dns.Msg) {
					for i, rr := range m.Answer {
						if i > 0 && rr.Header().Rrtype == dns.TypeCNAME {
							rr.Header().Ttl = ttl
						}
					}
				}), nil)
				a := in.resolve("leaf.tree."+zone, wire.TypeA)
				if len(a.Sets) != 3 || a.Sets[0].TTL != 300 || a.Sets[1].TTL != 300 {
					t.Errorf("%s, a CNAME with TTL %d: told %s %v", zone, ttl, ttls(a), a.Failure)
				}
			})
		}
	}
}

// A denial is kept for the least of its SOA's TTL and minimum (RFC 2308, section 5), and of the
// TTLs of the records that prove it (RFC 4035, section 4.5; RFC 9077, section 3).
func TestRFC2308NegativeTTLIsTheLeast(t *testing.T) {
	for _, c := range []struct {
		zone                    string
		ttl, minimum, nsec, sig uint32
		want                    uint32
	}{
		{"unsigned.example.", 3000, 40, 0, 0, 40},
		{"unsigned.example.", 40, 3000, 0, 0, 40},
		{"unsigned.example.", 3000, 100000, 0, 0, 3000},
		{"unsigned.example.", 100000, 100000, 0, 0, 3600},
		{"secure.example.", 60, 60, 20, 20, 20},
		{"secure.example.", 60, 60, 60, 25, 25},
		{"nsec3.example.", 60, 60, 20, 20, 20},
		{"nsec3.example.", 20, 60, 60, 60, 20},
	} {
		for _, q := range []struct {
			label string
			qtype wire.Type
		}{{"gone.", wire.TypeA}, {"www.", wire.TypeTXT}} {
			synctest.Test(t, func(t *testing.T) {
				in := newWorld(t, rewritten(func(m *dns.Msg) {
					for _, rr := range m.Ns {
						switch x := rr.(type) {
						case *dns.SOA:
							if x.Hdr.Name == c.zone {
								x.Hdr.Ttl, x.Minttl = c.ttl, c.minimum
							}
						case *dns.NSEC:
							x.Hdr.Ttl = c.nsec
						case *dns.NSEC3:
							x.Hdr.Ttl = c.nsec
						case *dns.RRSIG:
							if x.TypeCovered != dns.TypeSOA {
								x.Hdr.Ttl = c.sig
							}
						}
					}
				}), nil)
				a := in.resolve(q.label+c.zone, q.qtype)
				if a.Failure != nil || told(a) != c.want {
					t.Errorf("%+v, %s: told %s %v", c, q.label, ttls(a), a.Failure)
				}
				in.transcript()
				time.Sleep(time.Duration(c.want-1) * time.Second)
				if in.resolve(q.label+c.zone, q.qtype); in.transcript() != "" {
					t.Errorf("%+v, %s: forgotten early", c, q.label)
				}
				time.Sleep(time.Second)
				if in.resolve(q.label+c.zone, q.qtype); in.transcript() == "" {
					t.Errorf("%+v, %s: kept for too long", c, q.label)
				}
			})
		}
	}
}

// The TTL of a set is no longer than that of its RRSIG, which has to be the same (RFC 4034,
// section 3).
func TestRFC4034TheSignaturesTTLBoundsTheSets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, rewritten(func(m *dns.Msg) {
			for _, rr := range m.Answer {
				if rr.Header().Rrtype == dns.TypeRRSIG &&
					rr.Header().Name == "www.secure.example." {
					rr.Header().Ttl = 100
				}
			}
		}), nil)
		if a := in.resolve("www.secure.example.", wire.TypeA); told(a) != 100 {
			t.Errorf("told %s", ttls(a))
		}
	})
}
