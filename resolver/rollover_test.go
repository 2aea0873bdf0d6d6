// Roll-overs (RFC 6781): keys and DS that change while older ones are in the cache.

package resolver_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// rolling is an internet whose zone roll.example. has a DS of an hour, and keys and data of a
// minute.
func rolling(t *testing.T) *internet {
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example.", TTL: 3600})
	w.Add(lab.Zone{Name: "roll.example.", TTL: 60, Records: "*.a A 192.0.2.1;;www A 192.0.2.2"})
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		m := in.Honest() // keys are kept for a minute
		for _, rr := range m.Answer {
			if rr.Header().Rrtype == dns.TypeDNSKEY {
				rr.Header().Ttl = 60
			}
		}
		return lab.Messages(m), true
	}
	return newWorld(t, w, nil)
}

// The keys of a zone and its DS are replaced at once, or both are taken away, while the old DS,
// or the old keys too, are in the cache. The zone's DS is fetched anew rather than refused until
// it ends.
func TestRolloverAtOnceIsFollowed(t *testing.T) {
	for _, c := range []struct {
		name   string
		unsign bool
		after  time.Duration
		query  string
		typ    wire.Type
		status wire.Security
	}{
		{"new keys, old DS in the cache", false, 90 * time.Second, "x.a.roll.example.", wire.TypeA,
			wire.Secure},
		{"new keys, old DS and keys in the cache", false, 10 * time.Second, "x.a.roll.example.",
			wire.TypeA, wire.Secure},
		{"new keys, a denial", false, 10 * time.Second, "no.roll.example.", wire.TypeA,
			wire.Secure},
		{"new keys are asked for", false, 90 * time.Second, "roll.example.", wire.TypeDNSKEY,
			wire.Secure},
		{"unsigned now, old DS in the cache", true, 90 * time.Second, "x.a.roll.example.",
			wire.TypeA,
			wire.Insecure},
		{"unsigned now, old DS and keys in the cache", true, 10 * time.Second, "x.a.roll.example.",
			wire.TypeA, wire.Insecure},
		{"unsigned now, a denial", true, 10 * time.Second, "no.roll.example.", wire.TypeA,
			wire.Insecure},
	} {
		synctest.Test(t, func(t *testing.T) {
			in := rolling(t)
			if a := in.resolve("www.roll.example.", wire.TypeA); a.Status != wire.Secure {
				t.Fatalf("before: %s %v", a.RCode, a.Failure)
			}
			in.world.Roll("roll.example.", c.unsign)
			time.Sleep(c.after)
			in.transcript()
			a := in.resolve(c.query, c.typ)
			if a.Status != c.status || a.RCode == servFail {
				t.Errorf("%s: %s %s %v", c.name, a.RCode, a.Status, a.Failure)
			}
			asked := in.transcript()
			if n := strings.Count(asked, " roll.example. DS\n"); n != 1 {
				t.Errorf("%s: DS is asked for %d times\n%s", c.name, n, asked)
			}
		})
	}
}

// A zone that stays broken costs no more than one fetch of its DS in half a minute, whatever is
// asked.
func TestRolloverIsLookedForOnceInHalfAMinute(t *testing.T) {
	for _, noKeys := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			in := rolling(t)
			in.resolve("www.roll.example.", wire.TypeA)
			script := in.world.Script
			in.world.Script = func(i lab.Incoming) (lab.Reply, bool) {
				if i.Server != in.world.AddressOf("roll.example.") {
					return script(i)
				}
				m := i.Honest()
				if i.Question().Qtype != dns.TypeDNSKEY || noKeys {
					m.Answer, m.Ns = nil, nil // no data, no proof
				}
				return lab.Messages(m), true
			}
			time.Sleep(90 * time.Second)
			in.transcript()
			for i := range 50 {
				a := in.resolve(strings.Repeat("x", i+1)+".a.roll.example.", wire.TypeA)
				if a.RCode != servFail || a.Failure.Cause.Kind() != cause.KindDNSSEC {
					t.Fatalf("query %d: %s %v", i, a.RCode, a.Failure)
				}
				time.Sleep(time.Second)
			}
			if n := strings.Count(in.transcript(), " roll.example. DS\n"); n > 2 {
				t.Errorf("DS is asked for %d times in 50 s", n)
			}
		})
	}
}

// A zone that had keys before it had a DS is secure as soon as the denial of its DS has ended: the
// keys that were cached as insecure are validated anew (RFC 6781, section 4.3.1: keys come before
// the DS).
func TestRolloverToSignedIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "example.", TTL: 3600, Minimum: 60})
		w.Add(lab.Zone{Name: "roll.example.", TTL: 3600, NoDS: true, Records: "*.a A 192.0.2.1"})
		in := newWorld(t, w, nil)
		in.resolve("roll.example.", wire.TypeDNSKEY)
		if a := in.resolve("x.a.roll.example.", wire.TypeA); a.Status != wire.Insecure {
			t.Fatalf("before: %s %v", a.Status, a.Failure)
		}
		w.Roll("roll.example.", false)
		time.Sleep(61 * time.Second)
		if a := in.resolve("y.a.roll.example.", wire.TypeA); a.Status != wire.Secure {
			t.Errorf("with a DS: %s %s %v", a.RCode, a.Status, a.Failure)
		}
	})
}
