// Kaminsky's attack (CVE-2008-1447) and its like: an attacker who cannot see the resolver's
// questions has it ask for names of his choice, and sends replies with the servers' addresses (RFC
// 5452). The zone is not signed: only the values that he has to guess protect the cache.

package resolver_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

const victim = "victim.example."

// evil is an address of the attacker's.
var evil = netip.MustParseAddr("203.0.113.66")

// attacked is the lab's internet with a victim zone. An off-path attacker forges replies of its
// servers while attack is set.
type attacked struct {
	*internet
	path   *lab.OffPath
	server netip.Addr // of the victim

	mu     sync.Mutex
	attack func(lab.Target) []lab.Forgery // guarded by mu
	forms  []*dns.Msg                     // queries that the victim's server got over UDP; by mu
}

func underAttack(t *testing.T, server lab.ServerFaults) *attacked {
	w := lab.Internet(time.Now())
	w.Add(lab.Zone{Name: victim, Algorithm: lab.Unsigned, Records: "* A 192.0.2.1",
		Servers: []lab.ServerFaults{server}})
	at := &attacked{path: &lab.OffPath{World: w}, server: w.AddressOf(victim)}
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server == at.server && !in.TCP {
			at.mu.Lock()
			defer at.mu.Unlock()
			at.forms = append(at.forms, in.Query)
		}
		return lab.Reply{}, false
	}
	at.path.Attack = func(q lab.Target) []lab.Forgery {
		at.mu.Lock()
		defer at.mu.Unlock()
		if at.attack == nil || q.Server != at.server {
			return nil
		}
		return at.attack(q)
	}
	at.internet = newNetwork(t, w, at.path, nil)
	expectAddress(t, at.internet, "first."+victim)
	at.transcript()
	return at
}

// set begins an attack, or ends it.
func (at *attacked) set(attack func(lab.Target) []lab.Forgery) {
	at.mu.Lock()
	defer at.mu.Unlock()
	at.attack, at.forms = attack, nil
}

// queries returns what the victim's server was asked over UDP since the last set.
func (at *attacked) queries() []*dns.Msg {
	at.mu.Lock()
	defer at.mu.Unlock()
	return at.forms
}

// message is a reply of the attacker's: an answer with his address, the zone with his server, and
// that server's address.
func message(q lab.Target) *dns.Msg {
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Authoritative: true}}
	m.Answer = []dns.RR{rr(fmt.Sprintf("%s 86400 A %s", q.Name, evil))}
	m.Ns = []dns.RR{rr(victim + " 86400 NS ns.evil." + victim)}
	m.Extra = []dns.RR{rr(fmt.Sprintf("ns.evil.%s 86400 A %s", victim, evil)),
		rr(fmt.Sprintf("www.%s 86400 A %s", victim, evil))}
	return m
}

// refers is a forged referral.
func refers(records ...string) func(lab.Target) []lab.Forgery {
	return func(q lab.Target) []lab.Forgery {
		m := &dns.Msg{}
		for _, r := range records {
			if s := rr(r); s.Header().Rrtype == dns.TypeNS {
				m.Ns = append(m.Ns, s)
			} else {
				m.Extra = append(m.Extra, s)
			}
		}
		return []lab.Forgery{right(m)}
	}
}

// right is a forgery for which the attacker has guessed everything.
func right(m *dns.Msg) lab.Forgery {
	return lab.Forgery{Message: m, Port: true, ID: true, Case: true, Cookie: true}
}

// expectTruth resolves names of the victim, which must not have forged data.
func (at *attacked) expectTruth(names ...string) {
	at.t.Helper()
	at.set(nil)
	for _, n := range names {
		expectAddress(at.t.(*testing.T), at.internet, n+"."+victim)
	}
	for line := range strings.Lines(at.transcript()) {
		if strings.HasPrefix(line, evil.String()) {
			at.t.Errorf("the attacker is asked: %s", line)
		}
	}
}

// With the port and the letter case known, an attacker has three guesses at the ID of a question,
// and then it is asked over TCP: the fourth guess, though right, is ignored. That holds for each of
// the names that he has the resolver ask for.
func TestCVE20081447FourthGuessIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := underAttack(t, nil)
		at.set(func(q lab.Target) (fs []lab.Forgery) {
			wrong, hit := right(message(q)), right(message(q))
			wrong.ID = false
			for range transport.MaxNearMisses {
				fs = append(fs, wrong)
			}
			return append(fs, hit)
		})
		const names = 40
		for i := range names {
			expectAddress(t, at.internet, fmt.Sprintf("guess%d.%s", i, victim))
		}
		if n := strings.Count(at.transcript(), "TCP"); n < names {
			t.Errorf("%d of %d questions are asked over TCP", n, names)
		}
		at.expectTruth("www", "ns.evil")
	})
}

// A packet that comes to another port than that of the question does not count as a guess, however
// many there are.
func TestRFC5452OtherPortsAreNoGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := underAttack(t, nil)
		at.set(func(q lab.Target) (fs []lab.Forgery) {
			f := right(message(q))
			f.Port = false
			for range 1000 {
				fs = append(fs, f)
			}
			return append(fs, lab.Forgery{Err: transport.ErrRefused})
		})
		expectAddress(t, at.internet, "somename."+victim)
		if asked := at.transcript(); strings.Contains(asked, "TCP") {
			t.Errorf("asked\n%s", asked)
		}
	})
}

// With port and ID right, the letter case still protects, and so does the cookie of a server that
// is known to return it.
func TestRFC5452LuckyGuessLacksOneThing(t *testing.T) {
	noCase := func(f *lab.Forgery) { f.Case, f.Cookie = false, false }
	for name, c := range map[string]struct {
		server lab.ServerFaults
		fresh  bool // nothing is known of the server yet
		lacks  func(*lab.Forgery)
	}{
		"the letter case":                {nil, false, noCase},
		"the letter case, to a stranger": {nil, true, noCase},
		"the cookie": {lab.ServerFaults{lab.Cookies}, false,
			func(f *lab.Forgery) { f.Cookie = false }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at := underAttack(t, c.server)
				if c.fresh {
					at.internet = at.withMemory(cache.DefaultMemory)
				}
				at.set(func(q lab.Target) []lab.Forgery {
					f := right(message(q))
					c.lacks(&f)
					return []lab.Forgery{f}
				})
				for i := range 10 {
					expectAddress(t, at.internet, fmt.Sprintf("somename%d.%s", i, victim))
				}
				at.expectTruth("www")
			})
		})
	}
}

// A forgery with everything right gives the attacker the one name that was asked for. It does not
// give him the zone, its servers, or another name, whatever else the message has.
func TestCVE20081447HitTakesOneName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := underAttack(t, nil)
		at.set(func(q lab.Target) []lab.Forgery { return []lab.Forgery{right(message(q))} })
		a := at.resolve("hit."+victim, wire.TypeA)
		if len(a.Sets) != 1 || a.Sets[0].Data.First()[0] != evil.As4()[0] {
			t.Fatalf("the attacker has guessed all, and is not heard: %v %v", a.Sets, a.Failure)
		}
		at.expectTruth("www", "ns.evil", "another")
	})
}

// Forged referrals, all guesses right: to the zone itself with another server, upwards, sideways,
// and below the zone with glue for other names. None takes names outside its cut (RFC 2181, section
// 5.4.1; RFC 5452, section 6), and none makes the zone's own delegation live longer (ghost domains,
// CVE-2012-1033).
func TestCVE20081447ForgedReferralTakesNoZone(t *testing.T) {
	glue := func(owner string) string { return fmt.Sprintf("%s 86400 A %s", owner, evil) }
	for name, attack := range map[string]func(lab.Target) []lab.Forgery{
		"to the zone itself": refers(victim+" 86400 NS ns.evil."+victim, glue("ns.evil."+victim)),
		"upwards": refers("example. 86400 NS ns.evil.example.",
			glue("ns.evil.example.")),
		"to the root": refers(". 86400 NS ns.evil.", glue("ns.evil.")),
		"sideways":    refers("secure.example. 86400 NS ns.evil.", glue("ns.evil.")),
		"below, with glue of the zone": refers("cut."+victim+" 86400 NS www."+victim,
			glue("www."+victim)),
		"below, with glue from outside": refers("cut."+victim+" 86400 NS www.unsigned.example.",
			glue("www.unsigned.example.")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at := underAttack(t, nil)
				at.set(attack)
				at.resolve("name.cut."+victim, wire.TypeA)
				at.transcript()
				at.expectTruth("www", "another")
				for _, other := range []string{"www.unsigned.example.", "www.secure.example."} {
					a := at.resolve(other, wire.TypeA)
					if a.RCode != noError || len(a.Sets) == 0 || a.Sets[0].Data.First()[0] != 192 {
						t.Errorf("%s: %s %v", other, a.RCode, a.Sets)
					}
				}
				time.Sleep(301 * time.Second) // the lab's delegations live for 300
				at.transcript()
				expectAddress(t, at.internet, "later."+victim)
				if asked := at.transcript(); !strings.HasPrefix(asked, "127.53.0.2 ") {
					t.Errorf("the delegation outlives its parent's\n%s", asked)
				}
			})
		})
	}
}

// A forged referral to many name servers makes the resolver ask their zone no more often than one
// from the zone itself would (NXNSAttack, CVE-2020-8616).
func TestCVE20208616ForgedReferralIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := underAttack(t, nil)
		var servers []string
		for i := range 100 {
			servers = append(servers, fmt.Sprintf("cut.%s 86400 NS none%d.unsigned.example.",
				victim, i))
		}
		at.set(refers(servers...))
		at.resolve("name.cut."+victim, wire.TypeA)
		n := 0
		for line := range strings.Lines(at.transcript()) {
			if strings.Contains(line, "unsigned.example.") {
				n++
			}
		}
		// A and AAAA of each that fails, and the way to their zone
		if most := 2*resolver.MaxFailedLookupsPerZone + 4; n > most {
			t.Errorf("%d questions to a third party, want at most %d", n, most)
		}
		at.expectTruth("www")
	})
}

// RFC 5452, section 5: many equal questions at once give each guess many chances (the birthday
// attack). However many clients ask, only one question is open.
func TestRFC5452BirthdayOfEqualQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := underAttack(t, lab.ServerFaults{lab.Slow})
		at.world.SlowBy = 100 * time.Millisecond
		at.set(func(lab.Target) []lab.Forgery { return nil })
		name := "birthday." + victim
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				q := question(name, wire.TypeA)
				if a := at.r.Resolve(context.Background(), q, resolver.Options{}); a.RCode !=
					noError {
					t.Errorf("%s %v", a.RCode, a.Failure)
				}
			})
		}
		wg.Wait()
		if n := at.path.MostOpen(name, dns.TypeA); n != 1 {
			t.Errorf("%d questions were open at once", n)
		}
	})
}

// One forged error, with all guesses but the cookie's right, does not remove protection from later
// questions: EDNS and DO, the cookie, the letter case. The name is still answered.
func TestRFC5452ForgedErrorTakesNoProtection(t *testing.T) {
	errs := map[string]func(*dns.Msg){
		"truncated": func(m *dns.Msg) { m.Truncated = true },
		"empty":     func(m *dns.Msg) { m.Authoritative = true },
	}
	for _, rc := range []int{dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeNotImplemented,
		dns.RcodeRefused, dns.RcodeNotAuth} {
		errs[dns.RcodeToString[rc]] = func(m *dns.Msg) { m.Rcode = rc }
	}
	for name, change := range errs {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				at := underAttack(t, lab.ServerFaults{lab.Cookies})
				sent := false
				at.set(func(lab.Target) []lab.Forgery {
					if sent {
						return nil
					}
					sent = true
					m := &dns.Msg{}
					change(m)
					f := right(m)
					f.Cookie = false
					return []lab.Forgery{f}
				})
				expectAddress(t, at.internet, "somename."+victim)
				at.set(nil)
				expectAddress(t, at.internet, "abcdefghijklmnop."+victim)
				asked := at.queries()
				if n := len(asked); n != 1 {
					t.Fatalf("the next takes %d questions over UDP", n)
				}
				for _, q := range asked {
					opt, name := q.IsEdns0(), q.Question[0].Name
					if opt == nil || !opt.Do() || cookieOf(q) == "" ||
						name == strings.ToLower(name) {
						t.Errorf("the next is asked in the form\n%v", q)
					}
				}
			})
		})
	}
}
