// Limits of the tries of one question, and of the trust that one answer may need.

package resolver_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// manyServers returns a world with an unsigned zone of as many servers as are kept, which all have
// a fault.
func manyServers(f lab.Fault) *lab.World {
	w := lab.Internet(time.Now())
	servers := make([]lab.ServerFaults, resolver.MaxNameServers)
	for i := range servers {
		servers[i] = lab.ServerFaults{f}
	}
	w.Add(lab.Zone{Name: "many.", Algorithm: lab.Unsigned, Records: "* A 192.0.2.1",
		Servers: servers})
	return w
}

// All servers of a zone refuse, twice if need be: no more than maxAttempts questions reach them.
func TestMaxAttempts(t *testing.T) {
	limittest.Met(t, limit.ZoneTries)
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, manyServers(lab.Refusing), nil)
		a := in.resolve("www.many.", wire.TypeA)
		if a.RCode != servFail || a.Failure.Cause != cause.ServerRefused {
			t.Errorf("%s %v", a.RCode, a.Failure)
		}
		if n := strings.Count(in.transcript(), "www.many. A"); n != resolver.MaxAttempts {
			t.Errorf("%d tries, want %d", n, resolver.MaxAttempts)
		}
	})
}

// All servers of a zone are silent: no more than maxOutstanding questions wait for them at once,
// and the oldest ends for a new one.
func TestMaxOutstanding(t *testing.T) {
	limittest.Met(t, limit.OpenTries)
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, manyServers(lab.Dead), nil)
		done := make(chan struct{})
		go func() {
			defer close(done)
			in.resolve("www.many.", wire.TypeA)
		}()
		most := 0
		for range resolver.MaxTime / (10 * time.Millisecond) {
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
			most = max(most, in.r.OpenTries()+1) // those beyond the first of a question
		}
		<-done
		if most != resolver.MaxOutstanding {
			t.Errorf("%d are open at once, want %d", most, resolver.MaxOutstanding)
		}
	})
}

// A server answers each question over UDP with another error, so that it is asked in another form,
// and is silent over TCP. It is asked over UDP no more than maxForms times.
func TestMaxForms(t *testing.T) {
	limittest.Met(t, limit.ServerTries)
	complaints := []func(m *dns.Msg, q *dns.Msg){
		complain(dns.RcodeFormatError, true), complain(dns.RcodeFormatError, false), upperCase,
		otherCookie, otherCookie, otherCookie, otherCookie, otherCookie, noQuestion, lowerCase,
		upperCase,
	}
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "picky.", Algorithm: lab.Unsigned, Records: "* A 192.0.2.1"})
		own := w.AddressOf("picky.")
		var asked atomic.Int64
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			if i.Server != own || i.TCP {
				return lab.Reply{}, i.Server == own
			}
			m := new(dns.Msg).SetReply(i.Query)
			complaints[min(int(asked.Add(1)), len(complaints))-1](m, i.Query)
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		if a := in.resolve("abcdefghijklmnopqrstuvwxyz.picky.", wire.TypeA); a.RCode != servFail {
			t.Errorf("%s", a.RCode)
		}
		if n := asked.Load(); n != resolver.MaxForms {
			t.Errorf("asked over UDP %d times, want %d", n, resolver.MaxForms)
		}
	})
}

// complain replies with an RCODE, with EDNS or without.
func complain(rcode int, edns bool) func(m, q *dns.Msg) {
	return func(m, _ *dns.Msg) {
		if m.Rcode = rcode; edns {
			m.SetEdns0(1232, false)
		}
	}
}

// lowerCase replies with the question in lower case, and nothing else.
func lowerCase(m, _ *dns.Msg) { m.Question[0].Name = strings.ToLower(m.Question[0].Name) }

// upperCase replies FORMERR with the question in upper case.
func upperCase(m, _ *dns.Msg) {
	m.Rcode, m.Question[0].Name = dns.RcodeFormatError, strings.ToUpper(m.Question[0].Name)
}

// noQuestion replies FORMERR without the question.
func noQuestion(m, _ *dns.Msg) { m.Rcode, m.Question = dns.RcodeFormatError, nil }

// otherCookie wants another server cookie than it has just given out.
func otherCookie(m, q *dns.Msg) {
	m.Rcode = dns.RcodeBadCookie
	m.SetEdns0(1232, false)
	if q.IsEdns0() == nil {
		return
	}
	for _, o := range q.IsEdns0().Option {
		if c, ok := o.(*dns.EDNS0_COOKIE); ok {
			server := hex.EncodeToString(fmt.Appendf(nil, "%08d", m.Id))
			m.IsEdns0().Option = append(m.IsEdns0().Option,
				&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: c.Cookie[:16] + server})
		}
	}
}

// needy is a machine that never has a descriptor for a question, and counts how often it is asked.
type needy struct {
	*lab.World
	name  string
	asked atomic.Int64
}

func (n *needy) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	var q wire.Query
	if wire.ParseQuery(r.Query, &q) == nil && q.Question.Name.String() == n.name {
		n.asked.Add(1)
		return nil, transport.ErrLocal
	}
	return n.World.Exchange(ctx, r)
}

// This machine lacks descriptors for as long as a query lasts: an address is tried maxLocalTries
// times again, with pauses, and then the client is answered before its time is over.
func TestMaxLocalTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "far.", Algorithm: lab.Unsigned, Records: "* A 192.0.2.1"})
		machine := &needy{World: w, name: "www.far."}
		in := newNetwork(t, w, machine, nil)
		began := time.Now()
		a := in.resolve("www.far.", wire.TypeA)
		if a.RCode != servFail || a.Failure.Cause != cause.LocalResources {
			t.Errorf("%s %v", a.RCode, a.Failure)
		}
		if n := machine.asked.Load(); n != resolver.MaxLocalTries+1 {
			t.Errorf("tried %d times, want %d", n, resolver.MaxLocalTries+1)
		}
		if took := time.Since(began); took >= resolver.MaxTime {
			t.Errorf("took %v", took)
		}
	})
}

// Each set of an answer to ANY is signed by its zone, and claims to be signed by another as well,
// whose trust is looked up first. No more than maxNeeds are looked up; with one set less the
// question is answered.
func TestMaxNeeds(t *testing.T) {
	for sets, want := range map[int]wire.RCode{resolver.MaxNeeds: servFail,
		resolver.MaxNeeds - 2: noError} {
		synctest.Test(t, func(t *testing.T) {
			name := strings.Repeat("a.", resolver.MaxNeeds) + "deep."
			w := lab.Internet(time.Now())
			w.Add(lab.Zone{Name: "deep.", Records: name + " A 192.0.2.1"})
			own := w.AddressOf("deep.")
			w.Script = func(i lab.Incoming) (lab.Reply, bool) {
				if i.Server != own || i.Question().Qtype != dns.TypeANY {
					return lab.Reply{}, false
				}
				m := i.Honest()
				m.Answer = nil
				for n := range sets {
					set := rr(fmt.Sprintf("%s 300 TYPE%d \\# 1 00", name, 65280+n))
					sig := w.Sign("deep.", set)[0]
					other := dns.Copy(sig).(*dns.RRSIG)
					other.SignerName = name[2*n:]
					m.Answer = append(m.Answer, set, other, sig)
				}
				return lab.Messages(m), true
			}
			in := newWorld(t, w, func(c *resolver.Config) {
				c.AggressiveNSEC, c.Minimise = false, resolver.MinimiseOff // a question for each
			})
			a := in.resolve(name, wire.TypeANY)
			if a.RCode != want || want == servFail && a.Failure.Cause != cause.LimitDepth {
				t.Errorf("%d sets: %s %v", sets, a.RCode, a.Failure)
			}
			if n := strings.Count(in.transcript(), " DS"); n > resolver.MaxNeeds {
				t.Errorf("%d sets: %d zones are looked up", sets, n)
			}
		})
	}
}

// A client waits for servers that are all silent no longer than MaxTime.
func TestMaxTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, manyServers(lab.Dead), nil)
		began := time.Now()
		a := in.resolve("www.many.", wire.TypeA)
		if a.RCode != servFail || a.Failure.Cause != cause.Timeout {
			t.Errorf("%s %v", a.RCode, a.Failure)
		}
		if took := time.Since(began); took != resolver.MaxTime {
			t.Errorf("took %v", took)
		}
	})
}

// silentTLS is a network in which no server answers over DoT; it counts the exchanges that wait.
type silentTLS struct {
	*lab.World
	mu        sync.Mutex
	now, most int
}

func (s *silentTLS) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	if r.Via != transport.DoT {
		return s.World.Exchange(ctx, r)
	}
	s.count(1)
	defer s.count(-1)
	select {
	case <-time.After(r.Timeout):
	case <-ctx.Done():
	}
	return nil, transport.ErrTimeout
}

func (s *silentTLS) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += n
	s.most = max(s.most, s.now)
}

// Many zones are asked for at once, and none of their servers supports encryption: no more than
// maxProbes are probed at a time. All names are resolved.
func TestMaxProbes(t *testing.T) {
	limittest.Met(t, limit.Probes)
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		zones := make([]string, resolver.MaxProbes+10)
		for i := range zones {
			zones[i] = fmt.Sprintf("z%d.", i)
			w.Add(lab.Zone{Name: zones[i], Algorithm: lab.Unsigned,
				Records: "www A 192.0.2.1"})
		}
		network := &silentTLS{World: w}
		in := newNetwork(t, w, network, func(c *resolver.Config) {
			c.Opportunistic = []transport.Protocol{transport.DoT}
		})
		for _, z := range zones {
			if a := in.resolve("www."+z, wire.TypeA); a.RCode != noError {
				t.Fatalf("%s: %s %v", z, a.RCode, a.Failure)
			}
		}
		synctest.Wait()
		if n := network.most; n != resolver.MaxProbes {
			t.Errorf("%d probes at once, want %d", n, resolver.MaxProbes)
		}
		in.r.Close()
	})
}
