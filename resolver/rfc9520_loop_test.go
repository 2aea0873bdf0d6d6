package resolver_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// RFC 9520, section 2.5: a ring of aliases is a failure that is remembered, though the aliases
// themselves, with a TTL of 0, are not. Whoever leads into it fails by it; when it has ended the
// name is looked at again.
func TestRFC9520AliasLoopWithoutTTLIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		w := lab.Internet(time.Now())
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			q := in.Question()
			name := dns.CanonicalName(q.Name)
			to := map[string]string{"a.unsigned.example.": "CNAME b.unsigned.example.",
				"b.unsigned.example.": "CNAME c.unsigned.example.",
				"c.unsigned.example.": "CNAME a.unsigned.example."}[name]
			if to == "" {
				return lab.Reply{}, false
			}
			if mended.Load() && name[0] == 'c' {
				to = "A 192.0.2.1"
			}
			m := new(dns.Msg).SetReply(in.Query)
			m.Authoritative = true
			m.Answer = []dns.RR{refreshRR(t, q.Name+" 0 "+to)}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		fails := func() {
			t.Helper()
			a := in.resolve("a.unsigned.example.", wire.TypeA)
			if a.RCode != servFail || a.Failure.Cause != cause.AliasLoop {
				t.Errorf("%s %v", a.RCode, a.Failure)
			}
		}
		fails()
		in.transcript()
		for range 5 {
			fails()
		}
		if asked := in.transcript(); asked != "" {
			t.Errorf("asked again:\n%s", asked)
		}
		// The other names of the ring are questions of their own.
		mended.Store(true)
		if a := in.resolve("b.unsigned.example.", wire.TypeA); a.RCode != noError {
			t.Errorf("another name of the ring: %s %v", a.RCode, a.Failure)
		}
		// Clients that go on asking do not prolong it.
		for range 6 {
			time.Sleep(time.Second)
			in.resolve("a.unsigned.example.", wire.TypeA)
		}
		if a := in.resolve("a.unsigned.example.", wire.TypeA); a.RCode != noError {
			t.Errorf("later: %s %v", a.RCode, a.Failure)
		}
	})
}

// RFC 9520, section 2.5: nor is a chain without an end followed for each client. The failure is
// that of the name that was asked for, and not of those that the chain leads through.
func TestRFC9520EndlessAliasesAreRememberedOfTheirFirstName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			q := in.Question()
			var n int
			_, err := fmt.Sscanf(dns.CanonicalName(q.Name), "c%d.unsigned.example.", &n)
			if err != nil {
				return lab.Reply{}, false
			}
			to := fmt.Sprintf(" 0 CNAME c%d.unsigned.example.", n+1)
			if n == 15 {
				to = " 0 A 192.0.2.1"
			}
			m := new(dns.Msg).SetReply(in.Query)
			m.Authoritative = true
			m.Answer = []dns.RR{refreshRR(t, q.Name+to)}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		for i := range 3 {
			a := in.resolve("c0.unsigned.example.", wire.TypeA)
			if a.RCode != servFail || a.Failure.Cause != cause.LimitAliases {
				t.Errorf("%s %v", a.RCode, a.Failure)
			}
			if asked := in.transcript(); i > 0 && asked != "" {
				t.Errorf("asked again:\n%s", asked)
			}
		}
		if a := in.resolve("c8.unsigned.example.", wire.TypeA); a.RCode != noError {
			t.Errorf("a name that the chain led through: %s %v", a.RCode, a.Failure)
		}
	})
}
