// RFC 9824: compact denials and the flag CO.

package resolver_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// Servers are asked with CO (section 5.1). Whether they know it or not, the name does not exist;
// and as the proof is one for that name alone, names below it are asked for.
func TestRFC9824ServersWithAndWithoutCO(t *testing.T) {
	for _, knows := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			var asked, with atomic.Int64
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				if o := in.Query.IsEdns0(); o != nil {
					if asked.Add(1); o.Co() {
						with.Add(1)
					}
					o.SetCo(knows && o.Co())
				}
				return lab.Messages(in.Honest()), true
			}
			in := newWorld(t, w, nil)
			for range 2 {
				a := in.resolve("no.compact.example.", wire.TypeA)
				if a.RCode != nxDomain || a.Status != wire.Secure || !a.Compact {
					t.Errorf("knows CO %v: %s %s %v", knows, a.RCode, a.Status, a.Failure)
				}
			}
			in.transcript()
			a := in.resolve("below.no.compact.example.", wire.TypeA)
			if a.RCode != nxDomain || !a.Compact || in.transcript() == "" {
				t.Errorf("a name below, knows CO %v: %s %v", knows, a.RCode, a.Failure)
			}
			if asked.Load() == 0 || with.Load() != asked.Load() {
				t.Errorf("%d of %d questions with CO", with.Load(), asked.Load())
			}
		})
	}
}

// A server or a path that cannot bear the flag is asked without it, as without a cookie.
func TestRFC9824ServersThatCannotBearCO(t *testing.T) {
	for name, how := range map[string]func(lab.Incoming) lab.Reply{
		"FORMERR": code(dns.RcodeFormatError), "silence": silent} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				w.Script = func(in lab.Incoming) (lab.Reply, bool) {
					if o := in.Query.IsEdns0(); o != nil && o.Co() {
						return how(in), in.Question().Name != "."
					}
					return lab.Reply{}, false
				}
				in := newWorld(t, w, nil)
				a := in.resolve("www.compact.example.", wire.TypeA)
				if a.RCode != noError || a.Status != wire.Secure {
					t.Errorf("%s %s %v", a.RCode, a.Status, a.Failure)
				}
			})
		})
	}
}
