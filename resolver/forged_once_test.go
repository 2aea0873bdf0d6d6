// One forged reply that fits, at the only server of a zone, makes no name fail; and a chain that is
// broken above a zone is held against none of the zone's servers.

package resolver_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/transport"
	"bailiwick/wire"
)

// luckyForger guesses right whenever a name of a zone is asked for over UDP: its reply comes before
// the server's. Over TCP it can do nothing.
func luckyForger(zone string, forge func(q dns.Question, m *dns.Msg)) lab.Script {
	return func(i lab.Incoming) (lab.Reply, bool) {
		q := i.Question()
		if i.TCP || !dns.IsSubDomain(zone, strings.ToLower(q.Name)) || q.Qtype == dns.TypeDS {
			return lab.Reply{}, false
		}
		m := new(dns.Msg).SetReply(i.Query)
		m.Authoritative = true
		forge(q, m)
		return lab.Messages(m), true
	}
}

// RFC 4035, section 4.7 lets bogus data be remembered, and RFC 5452 tells how hard they are to
// forge. A server whose bogus answer came over UDP without a cookie is asked again over TCP before
// the name fails, whatever was forged: data, their absence, or the zone's keys.
func TestForgedOnceReplyIsNotRemembered(t *testing.T) {
	for what, forge := range map[string]func(q dns.Question, m *dns.Msg){
		"data": func(q dns.Question, m *dns.Msg) {
			switch q.Qtype {
			case dns.TypeA:
				m.Answer = []dns.RR{rr(q.Name + " 300 A 203.0.113.66")}
			case dns.TypeDNSKEY:
				m.Answer = []dns.RR{rr(q.Name + " 300 DNSKEY 257 3 13 " +
					"oJMRESz5E4gYzS/q6XDrvU1qMPYIjCWzJaOau8XNEZeqCYKD5ar0IRd8KqXXFJkq" +
					"mVfRvMGPmM1x8fGAa2XhSA==")}
			}
		},
		"a denial": func(q dns.Question, m *dns.Msg) {
			m.Rcode = dns.RcodeNameError
			m.Ns = []dns.RR{rr("secure.example. 300 SOA ns. host. 1 2 3 4 300")}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.Script = luckyForger("secure.example.", forge)
			in := newWorld(t, w, nil)
			for range 3 { // it is tried again and again
				in = in.withMemory(1 << 20)
				a := in.resolve("www.secure.example.", wire.TypeA)
				if a.Status != wire.Secure || a.RCode != noError {
					t.Errorf("%s: %s %s %v\n%s", what, a.RCode, a.Status, a.Failure,
						in.transcript())
				}
			}
			if in.transcript(); in.resolve("txt.secure.example.", wire.TypeTXT).Status !=
				wire.Secure {
				t.Errorf("%s: another name, later: %s", what, in.transcript())
			}
		})
	}
}

// An attacker is lucky for five seconds, and the zone's servers have no TCP. What did not verify is
// remembered as silence is, not as bogus data are: a question after ten brings the truth, whether
// the forgery was about the name or about the chain of trust above it.
func TestForgedOnceIsForgottenSoonWithoutTCP(t *testing.T) {
	for what, asked := range map[string]uint16{"the name": dns.TypeA, "its keys": dns.TypeDNSKEY} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			w := lab.Internet(began)
			w.Script = func(i lab.Incoming) (lab.Reply, bool) {
				q := i.Question()
				if i.TCP {
					return lab.Reply{Delay: time.Hour}, true
				}
				if time.Since(began) > cache.FailureTTL || q.Qtype != asked ||
					!strings.EqualFold(q.Name, "secure.example.") {
					return lab.Reply{}, false
				}
				m := new(dns.Msg).SetReply(i.Query)
				m.Authoritative, m.Rcode = true, dns.RcodeNameError
				m.Ns = []dns.RR{rr("secure.example. 300 SOA ns. host. 1 2 3 4 300")}
				return lab.Messages(m), true
			}
			in := newWorld(t, w, nil)
			a := in.resolve("secure.example.", wire.TypeA)
			if a.RCode != servFail || !a.Failure.Doubtful() {
				t.Fatalf("%s: %s %v, and the forgery has to fail\n%s", what, a.RCode, a.Failure,
					in.transcript())
			}
			time.Sleep(2 * cache.FailureTTL)
			if a := in.resolve("secure.example.", wire.TypeA); a.Status != wire.Secure {
				t.Errorf("%s, later: %s %v\n%s", what, a.RCode, a.Failure, in.transcript())
			}
		})
	}
}

// A zone that is really bogus costs one more question over TCP, and no more until the server's
// fault has ended: its next names fail at the price of one packet each. So does a zone whose server
// has no TCP.
func TestForgedOnceBogusZoneCostsOneConnection(t *testing.T) {
	for what, tcp := range map[string]lab.Reply{"TCP": {},
		"closed": {Err: transport.ErrUnreachable}, "silent": {Delay: time.Hour}} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.Script = func(i lab.Incoming) (lab.Reply, bool) {
				if name := strings.ToLower(i.Question().Name); !i.TCP || what == "TCP" ||
					!dns.IsSubDomain("expired.faulty.", name) {
					return lab.Reply{}, false
				}
				return tcp, true
			}
			in := newWorld(t, w, nil)
			for i := range 4 {
				name := fmt.Sprintf("www.n%d.expired.faulty.", i)
				if i == 0 {
					name = "www.expired.faulty."
				}
				in.transcript()
				a := in.resolve(name, wire.TypeA)
				asked := in.transcript()
				if a.RCode != servFail || a.Failure.Cause.Kind() != cause.KindDNSSEC {
					t.Errorf("%s: %s %v", name, a.RCode, a.Failure)
				}
				if got, want := strings.Count(asked, " TCP"), 0; i > 0 && got != want ||
					i == 0 && got != 1 {
					t.Errorf("%s, %s: %d times over TCP\n%s", what, name, got, asked)
				}
			}
			time.Sleep(6 * time.Minute) // the fault has ended
			in.transcript()
			in.resolve("www.expired.faulty.", wire.TypeA)
			if asked := in.transcript(); strings.Count(asked, " TCP") != 1 {
				t.Errorf("%s, later:\n%s", what, asked)
			}
		})
	}
}

// If the zone above does not verify, no server of the zone can help, and none has done wrong: one
// is asked, and nothing is held against it.
func TestForgedOnceBrokenChainIsNoServersFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "broken.example.", Faults: lab.Faults{lab.Expired}})
		w.Add(lab.Zone{Name: "sub.broken.example.", Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{}, {}, {}}})
		before := len(w.Servers()) - 3
		in := newWorld(t, w, nil)
		a := in.resolve("www.sub.broken.example.", wire.TypeA)
		if a.RCode != servFail || a.Failure.Cause != cause.SignatureExpired {
			t.Fatalf("%s %v", a.RCode, a.Failure)
		}
		asked := in.transcript()
		if n := strings.Count(asked, "www.sub.broken.example. A"); n != 1 {
			t.Errorf("%d servers of the zone were asked\n%s", n, asked)
		}
		for _, server := range w.Servers()[before:] {
			if in.r.Held(server, wire.MustParseName("sub.broken.example.")) {
				t.Errorf("held against %v", server)
			}
		}
		if strings.Contains(a.Failure.Zone, "sub") {
			t.Errorf("the zone at fault: %v", a.Failure)
		}
	})
}
