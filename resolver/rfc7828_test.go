package resolver_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// RFC 7828, section 3.2.1: a question over TCP asks how long the connection may stay, without a
// value, of a server that has shown EDNS. A question over UDP must not (section 3.2.2). The payload
// size is that of the configuration.
func TestRFC7828QuestionsOverTCPAskForTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "example.", Algorithm: lab.Unsigned,
			Records: "a A 192.0.2.1"})
		asked := map[bool]int{}
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			o := in.Query.IsEdns0()
			if o == nil || o.UDPSize() != 1400 {
				t.Errorf("%v: OPT %v", in.Question(), o)
				return lab.Reply{}, false
			}
			for _, e := range o.Option {
				if k, ok := e.(*dns.EDNS0_TCP_KEEPALIVE); ok {
					if asked[in.TCP]++; k.Length != 0 || k.Timeout != 0 {
						t.Errorf("with a value: %v", k)
					}
				}
			}
			if in.TCP || !strings.EqualFold(in.Question().Name, "a.example.") {
				return lab.Reply{}, false
			}
			m := in.Honest()
			m.Answer, m.Ns, m.Extra, m.Truncated = nil, nil, []dns.RR{m.IsEdns0()}, true
			return lab.Messages(m), true
		}
		in := newWorld(t, w, func(c *resolver.Config) { c.UDPSize = 1400 })
		if a := in.resolve("a.example.", wire.TypeA); a.RCode != noError || len(a.Sets) != 1 {
			t.Errorf("%s %v", a.RCode, a.Failure)
		}
		if asked[true] == 0 || asked[false] > 0 {
			t.Errorf("asked over TCP %d times, over UDP %d times", asked[true], asked[false])
		}
	})
}
