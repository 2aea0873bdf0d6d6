package resolver_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// bareFormErr is a FORMERR of twelve octets: header alone, no question.
func bareFormErr(q lab.Incoming) lab.Reply {
	b := make([]byte, 12)
	b[0], b[1], b[2], b[3] = byte(q.Query.Id>>8), byte(q.Query.Id), 0x80, dns.RcodeFormatError
	return lab.Reply{Packets: [][]byte{b}}
}

// A FORMERR of twelve octets can be forged without knowing the name or its letter case
// (CVE-2026-52690). It does not end the use of EDNS, and with it of DNSSEC, for a server that has
// answered with EDNS, nor for a zone that is known to be signed.
func TestCVE202652690ForgedFormErrTakesNothing(t *testing.T) {
	for _, known := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.Add(lab.Zone{Name: "target.example.", Records: "* A 192.0.2.1"})
			forge, plain := 0, 0
			only(w, "target.example.", func(q lab.Incoming) (lab.Reply, bool) {
				if q.Query.IsEdns0() == nil {
					plain++
				}
				name := strings.ToLower(q.Question().Name)
				if forge > 0 && !q.TCP && strings.HasPrefix(name, "somename") {
					forge--
					return bareFormErr(q), true
				}
				return lab.Reply{}, false
			})
			in := newWorld(t, w, nil)
			if known {
				in.resolve("firstname.target.example.", wire.TypeA)
			}
			synctest.Wait()
			for i := range 6 {
				forge = 3
				a := in.resolve(fmt.Sprintf("somename%d.target.example.", i), wire.TypeA)
				if a.Status != wire.Secure {
					t.Errorf("known %v: %s %s %v", known, a.RCode, a.Status, a.Failure)
				}
				synctest.Wait()
			}
			if plain > 0 {
				t.Errorf("known %v: %d questions without EDNS", known, plain)
			}
		})
	}
}

// The same in an unsigned zone: a server that has answered with EDNS is still asked with EDNS, and
// an unknown one is asked without it for one question.
func TestCVE202652690OneFormErrIsNotRemembered(t *testing.T) {
	for _, known := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			forge, plain := false, 0
			in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
				if q.Query.IsEdns0() == nil {
					plain++
				}
				if forge {
					forge = false
					return bareFormErr(q), true
				}
				return lab.Reply{}, false
			}), nil)
			if known {
				expectAddress(t, in, "firstname.odd.example.")
			}
			forge = true
			expectAddress(t, in, "somename.odd.example.")
			if known && plain > 0 {
				t.Errorf("%d questions without EDNS", plain)
			}
			plain = 0
			expectAddress(t, in, "another.odd.example.")
			if plain > 0 {
				t.Errorf("known %v: the next is asked without EDNS", known)
			}
		})
	}
}

// A server that does not know EDNS is asked without (RFC 6891, section 7), and after two names at
// the first try; when it supports EDNS later, it is asked with EDNS again.
func TestRFC6891ServerWithoutEDNS(t *testing.T) {
	for _, rc := range []int{dns.RcodeFormatError, dns.RcodeNotImplemented} {
		synctest.Test(t, func(t *testing.T) {
			old := true
			in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
				if old && q.Query.IsEdns0() != nil {
					return lab.Messages(new(dns.Msg).SetRcode(q.Query, rc)), true
				}
				return lab.Reply{}, false
			}), nil)
			for i := range 3 {
				expectAddress(t, in, fmt.Sprintf("somename%d.odd.example.", i))
			}
			in.transcript()
			expectAddress(t, in, "another.odd.example.")
			if n := strings.Count(in.transcript(), "\n"); n != 1 {
				t.Errorf("%d packets when the server is known", n)
			}
			old = false
			time.Sleep(6 * time.Minute)
			in.resolve("nic.example.", wire.TypeA)
			in.transcript()
			expectAddress(t, in, "later.odd.example.")
			if asked := in.transcript(); strings.Count(asked, "later.odd") != 1 {
				t.Errorf("asked\n%s", asked)
			}
		})
	}
}

// Where it is not known yet that a zone is signed, EDNS may be left out; the answer is bogus then,
// and its server is asked once more, with EDNS.
func TestCVE202652690BogusAnswerIsAskedForWithEDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "target.example.", Records: "* A 192.0.2.1"})
		target, forge := w.Servers()[len(w.Servers())-1], 2
		var mu sync.Mutex
		w.Script = func(q lab.Incoming) (lab.Reply, bool) {
			mu.Lock()
			defer mu.Unlock()
			switch m := q.Honest(); {
			case q.Server == target && forge > 0 && !q.TCP && q.Question().Qtype == dns.TypeA:
				forge--
				return bareFormErr(q), true
			// referrals without DS
			case q.Server != target && q.Question().Qtype == dns.TypeA:
				m.Ns = slices.DeleteFunc(m.Ns,
					func(r dns.RR) bool { return r.Header().Rrtype != dns.TypeNS })
				return lab.Messages(m), len(m.Ns) > 0
			}
			return lab.Reply{}, false
		}
		in := newWorld(t, w, nil)
		if a := in.resolve("somename.target.example.", wire.TypeA); a.Status != wire.Secure {
			t.Errorf("%s %v\n%s", a.RCode, a.Failure, in.transcript())
		}
	})
}

// A server that has lost EDNS, and has no TCP either, still answers.
func TestRFC6891ServerThatLosesEDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := false
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
			switch {
			case old && q.TCP:
				return lab.Reply{Err: transport.ErrUnreachable}, true
			case old && q.Query.IsEdns0() != nil:
				return bareFormErr(q), true
			}
			return lab.Reply{}, false
		}), nil)
		expectAddress(t, in, "firstname.odd.example.")
		old = true
		for i := range 3 {
			expectAddress(t, in, fmt.Sprintf("somename%d.odd.example.", i))
		}
		in.transcript()
		expectAddress(t, in, "another.odd.example.")
		if n := strings.Count(in.transcript(), "\n"); n != 1 {
			t.Errorf("%d packets when the server is known", n)
		}
	})
}

// An error without a question is not held against a server, as it is easily forged. The server is
// asked again over TCP.
func TestRFC5452BareErrorIsNotRemembered(t *testing.T) {
	for _, rc := range []byte{dns.RcodeRefused, dns.RcodeServerFailure} {
		for _, tcp := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				w := oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
					switch {
					case q.TCP && tcp:
						return lab.Reply{}, false
					case q.TCP:
						return lab.Reply{Err: transport.ErrUnreachable}, true
					}
					r := bareFormErr(q)
					r.Packets[0][3] = rc
					return r, true
				})
				in := newWorld(t, w, nil)
				if a := in.resolve("somename.odd.example.",
					wire.TypeA); (a.RCode == noError) != tcp {
					t.Errorf("TCP %v: %s %v", tcp, a.RCode, a.Failure)
				}
				at := w.Servers()[len(w.Servers())-1]
				if in.r.Held(at, wire.MustParseName("odd.example.")) {
					t.Errorf("TCP %v: held against the server", tcp)
				}
			})
		}
	}
}

// A server that answers each query that has EDNS with SERVFAIL, as RFC 2671, section 5.3 allowed,
// is asked without: names resolve, and after two of them at the first try. In a zone that is known
// to be signed EDNS stays.
func TestRFC2671ServerThatFailsWithEDNS(t *testing.T) {
	for _, signed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			zone := lab.Zone{Name: "old.", Algorithm: lab.Unsigned, Records: "* A 192.0.2.1"}
			if signed {
				zone.Algorithm = 0
			}
			w := lab.Internet(time.Now())
			w.Add(zone)
			plain := 0
			only(w, "old.", func(q lab.Incoming) (lab.Reply, bool) {
				if q.Query.IsEdns0() == nil {
					plain++
					return lab.Reply{}, false
				}
				return lab.Messages(new(dns.Msg).SetRcode(q.Query, dns.RcodeServerFailure)), true
			})
			in := newWorld(t, w, nil)
			if signed {
				if a := in.resolve("somename.old.", wire.TypeA); a.RCode != servFail || plain > 0 {
					t.Errorf("signed: %s, %d queries without EDNS", a.RCode, plain)
				}
				return
			}
			for i := range 3 {
				expectAddress(t, in, fmt.Sprintf("somename%d.old.", i))
			}
			in.transcript()
			expectAddress(t, in, "another.old.")
			if n := strings.Count(in.transcript(), "\n"); n != 1 {
				t.Errorf("%d packets when the server is known", n)
			}
		})
	}
}

// A server that fails, and has an OPT record in its reply, knows EDNS: it is not asked without.
func TestRFC2671FailureWithOPTIsTheServersWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
			if q.Query.IsEdns0() == nil {
				t.Error("asked without EDNS")
			}
			m := new(dns.Msg).SetRcode(q.Query, dns.RcodeServerFailure)
			m.SetEdns0(1232, false)
			return lab.Messages(m), true
		}), func(c *resolver.Config) { c.CaseRandomisation = false })
		if a := in.resolve("somename.odd.example.", wire.TypeA); a.RCode != servFail {
			t.Errorf("%s", a.RCode)
		}
	})
}

// Section 6.1.1 has one OPT record in a message. Where a box on the way adds another one, and where
// a server spoils what has one, a name resolves without EDNS, after a question over TCP; a signed
// zone does not, and each name costs few packets.
func TestRFC6891RepliesThatEDNSSpoils(t *testing.T) {
	for _, tcp := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.Add(lab.Zone{Name: "twice.plain.", Algorithm: lab.Unsigned,
				Records: "* A 192.0.2.1"})
			w.Add(lab.Zone{Name: "twice.example.", Records: "* A 192.0.2.1"})
			plain := 0
			w.Script = func(q lab.Incoming) (lab.Reply, bool) {
				signed := q.Server == w.AddressOf("twice.example.")
				if !signed && q.Server != w.AddressOf("twice.plain.") {
					return lab.Reply{}, false
				}
				m := q.Honest()
				o := m.IsEdns0()
				switch {
				case q.TCP && !tcp:
					return lab.Reply{Err: transport.ErrUnreachable}, true
				case o != nil:
					m.Extra = append(m.Extra, o)
				case signed:
					plain++
				}
				return lab.Messages(m), true
			}
			in := newWorld(t, w, nil)
			a := in.resolve("a.twice.plain.", wire.TypeA)
			if a.RCode != wire.RCodeNoError || len(a.Sets) != 1 {
				t.Errorf("TCP %v: %s %v", tcp, a.RCode, a.Failure)
			}
			w.Transcript()
			a = in.resolve("a.twice.example.", wire.TypeA)
			if a.RCode != wire.RCodeServFail || plain > 0 {
				t.Errorf("TCP %v, signed: %s, %d without EDNS", tcp, a.RCode, plain)
			}
			if n := len(w.Transcript()); n > 12 {
				t.Errorf("TCP %v: %d packets", tcp, n)
			}
		})
	}
}
