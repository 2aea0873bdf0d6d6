package resolver_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// isMixed reports whether a question has capital letters.
func isMixed(q lab.Incoming) bool { return strings.ToLower(q.Question().Name) != q.Question().Name }

// only scripts the server that was added last, for the names of one zone; one query at a time.
func only(w *lab.World, zone string, script lab.Script) {
	at := w.Servers()[len(w.Servers())-1]
	var mu sync.Mutex
	w.Script = func(q lab.Incoming) (lab.Reply, bool) {
		if q.Server != at || !dns.IsSubDomain(zone, strings.ToLower(q.Question().Name)) {
			return lab.Reply{}, false
		}
		mu.Lock()
		defer mu.Unlock()
		return script(q)
	}
}

// oddWorld is the lab's internet with an unsigned zone, whose server does what the test says.
func oddWorld(script lab.Script) *lab.World {
	w := lab.Internet(time.Now())
	w.Add(lab.Zone{Name: "odd.example.", Algorithm: lab.Unsigned, Records: "* A 192.0.2.1"})
	if script != nil {
		only(w, "odd.example.", script)
	}
	return w
}

// Names are asked in random letter case (draft-vixie-dnsext-dns0x20): each letter of the name
// halves the chance of a forged reply.
func TestDNS0x20IsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]bool{}
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
			seen[q.Question().Name] = true
			return lab.Reply{}, false
		}), nil)
		for i := range 20 {
			in.resolve(fmt.Sprintf("abcdefghijklm%d.odd.example.", i), wire.TypeA)
		}
		capitals := 0
		for name := range seen {
			for _, c := range name {
				if 'A' <= c && c <= 'Z' {
					capitals++
				}
			}
		}
		if capitals < 20*23/4 || capitals > 20*23*3/4 {
			t.Errorf("%d of %d letters are capitals", capitals, 20*23)
		}
	})
}

// Servers that fail on random letter case, in every known way: names resolve, at once or with the
// next try, no wrong data are cached, and after a few names the server is asked in lower case.
func TestDNS0x20ServersThatErr(t *testing.T) {
	rcode := func(rc int) lab.Script {
		return func(q lab.Incoming) (lab.Reply, bool) {
			m := new(dns.Msg).SetRcode(q.Query, rc)
			m.Authoritative = true
			m.SetEdns0(1232, true)
			return lab.Messages(m), true
		}
	}
	for name, c := range map[string]struct {
		script lab.Script
		slow   bool
	}{
		"empty NOERROR": {rcode(dns.RcodeSuccess), false},
		"NXDOMAIN":      {rcode(dns.RcodeNameError), false},
		"REFUSED":       {rcode(dns.RcodeRefused), false},
		"SERVFAIL":      {rcode(dns.RcodeServerFailure), false},
		"FORMERR":       {rcode(dns.RcodeFormatError), false},
		"NOTIMP":        {rcode(dns.RcodeNotImplemented), false},
		"silence":       {silence, true},
		"a referral to somewhere else": {func(q lab.Incoming) (lab.Reply, bool) {
			m := new(dns.Msg).SetReply(q.Query)
			m.Ns = []dns.RR{rr(". 60 NS a.root.example.")}
			return lab.Messages(m), true
		}, false},
		"the question in lower case, and silence over TCP": {func(q lab.Incoming) (lab.Reply,
			bool) {
			if q.TCP {
				return lab.Reply{}, true
			}
			m := q.Honest()
			m.Question[0].Name = strings.ToLower(m.Question[0].Name)
			return lab.Messages(m), true
		}, true},
		"the question in lower case, and no TCP": {func(q lab.Incoming) (lab.Reply, bool) {
			if q.TCP {
				return lab.Reply{Err: transport.ErrUnreachable}, true
			}
			m := q.Honest()
			m.Question[0].Name = strings.ToLower(m.Question[0].Name)
			return lab.Messages(m), true
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
					if isMixed(q) || q.TCP {
						return c.script(q)
					}
					return lab.Reply{}, false
				}), nil)
				in.resolve("nic.example.", wire.TypeA)
				for i := range 8 {
					began := time.Now()
					a := in.resolve(fmt.Sprintf("somename%d.odd.example.", i), wire.TypeA)
					if a.RCode != noError || len(a.Sets) != 1 {
						t.Fatalf("%d: %s %v\n%s", i, a.RCode, a.Failure, in.transcript())
					}
					if took := time.Since(began); took > 0 && !c.slow {
						t.Errorf("%d: took %v", i, took)
					}
					// Three queries at most: in random letter case, over TCP, in lower case.
					asked := in.transcript()
					if strings.Count(asked, "somename") > 3 && !c.slow {
						t.Errorf("%d: asked\n%s", i, asked)
					}
				}
				in.transcript()
				in.resolve("another.odd.example.", wire.TypeA)
				if n := strings.Count(in.transcript(), "\n"); n != 1 {
					t.Errorf("%d packets for a name, when the server is known", n)
				}
				if a := in.resolve("somename0.odd.example.", wire.TypeA); len(a.Sets) != 1 {
					t.Errorf("kept: %s %v", a.RCode, a.Sets)
				}
			})
		})
	}
}

// A server that keeps the letter case costs one more question at most, whatever it replies.
func TestDNS0x20GoodServerCostsNoSecondQuestion(t *testing.T) {
	for _, first := range []wire.Type{wire.TypeA, wire.TypeTXT} {
		synctest.Test(t, func(t *testing.T) {
			in := newWorld(t, oddWorld(nil), nil)
			in.resolve("firstname.odd.example.", first)
			in.transcript()
			for i := range 5 {
				in.resolve(fmt.Sprintf("somename%d.odd.example.", i), wire.TypeTXT)
			}
			asked := in.transcript()
			for line := range strings.Lines(asked) {
				if strings.Count(asked, line) > 1 {
					t.Errorf("first %v: asked twice: %s", first, line)
				}
			}
		})
	}
}

// Lost packets do not count against a server's handling of letter case.
func TestDNS0x20LossIsNoWitness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(3, 4))
		var mu sync.Mutex
		mixed, plain := 0, 0
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
			mu.Lock()
			defer mu.Unlock()
			if isMixed(q) {
				mixed++
			} else {
				plain++
			}
			return lab.Reply{}, random.Float64() < 0.3
		}), nil)
		for i := range 200 {
			in.resolve(fmt.Sprintf("somename%d.odd.example.", i), wire.TypeA)
		}
		if plain > mixed/50 {
			t.Errorf("%d of %d questions in lower case", plain, mixed+plain)
		}
	})
}

// A server that replies in lower case is asked over TCP, where letters prove nothing. A good answer
// there does not mean that it keeps them: or its replies over UDP would count as forged.
func TestDNS0x20GoodAnswerInOtherLettersIsNoProofThatTheyAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "odd.", Algorithm: lab.Unsigned,
			Records: "a A 192.0.2.1;;manyletters A 192.0.2.2",
			Servers: []lab.ServerFaults{{lab.LowerCase}}})
		in := newWorld(t, w, nil)
		in.resolve("a.odd.", wire.TypeA)
		in.transcript()
		began := time.Now()
		a := in.resolve("manyletters.odd.", wire.TypeA)
		if asked := in.transcript(); len(a.Sets) != 1 || time.Since(began) > 0 ||
			strings.Count(asked, "\n") != 1 {
			t.Errorf("%s %v after %v:\n%s", a.RCode, a.Failure, time.Since(began), asked)
		}
	})
}

// A FORMERR to random letter case may be about the letters, a cookie or EDNS. If the question in
// lower case is lost, the other two are still tried: one lost packet does not make the server one
// that does not understand.
func TestDNS0x20LostQuestionInLowerCaseLeavesTheOtherForms(t *testing.T) {
	for _, fault := range []lab.Fault{lab.HatesCookies, lab.NoEDNS} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.New(time.Now())
			w.Add(lab.Zone{Name: "odd.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1",
				Servers: []lab.ServerFaults{{fault}}})
			var lost sync.Once
			w.Path = func(in lab.Incoming, r lab.Reply) lab.Reply {
				if in.Server == w.AddressOf("odd.") && !isMixed(in) {
					lost.Do(func() { r = lab.Reply{} })
				}
				return r
			}
			in := newWorld(t, w, nil)
			if a := in.resolve("www.odd.", wire.TypeA); a.RCode != noError || len(a.Sets) != 1 {
				t.Errorf("%s: %s %v\n%s", fault, a.RCode, a.Failure, in.transcript())
			}
		})
	}
}

// Where a server is known to keep the letter case, a reply in another case is forged, and the right
// one is still waited for.
func TestDNS0x20OtherCaseIsForgedWhereItIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forge := false
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
			if !forge || !isMixed(q) || q.TCP {
				return lab.Reply{}, false
			}
			bad := q.Honest()
			bad.Question[0].Name = strings.ToLower(bad.Question[0].Name)
			bad.Answer = []dns.RR{rr(q.Question().Name + " 60 A 203.0.113.66")}
			return lab.Messages(bad, q.Honest()), true
		}), nil)
		in.resolve("firstname.odd.example.", wire.TypeA)
		synctest.Wait()
		forge = true
		in.transcript()
		a := in.resolve("somename.odd.example.", wire.TypeA)
		if a.RCode != noError || a.Sets[0].Data.First()[0] != 192 {
			t.Errorf("%s %v", a.RCode, a.Sets)
		}
		if asked := in.transcript(); strings.Contains(asked, "TCP") {
			t.Errorf("asked\n%s", asked)
		}
	})
}

// A server that compresses the names of its answer points to the question. Clients do not get the
// random letters of the resolver's question.
func TestDNS0x20StaysOutOfTheData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const name = "a.bcdefghijklmnop.odd.example."
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
			m := new(dns.Msg).SetReply(q.Query)
			m.Authoritative = true
			m.Answer = []dns.RR{&dns.MX{Hdr: dns.RR_Header{Name: q.Question().Name,
				Rrtype: dns.TypeMX, Class: dns.ClassINET, Ttl: 300}, Mx: q.Question().Name}}
			return lab.Messages(m), q.Question().Qtype == dns.TypeMX
		}), nil)
		a := in.resolve(name, wire.TypeMX)
		if len(a.Sets) != 1 {
			t.Fatalf("%s %v", a.RCode, a.Failure)
		}
		got := string(a.Sets[0].Data.First()[2:])
		if want := wire.MustParseName(name).Wire(); got != want {
			t.Errorf("the data are %q, want %q", got, want)
		}
	})
}

// asksSigner asks a signer that puts the letters of the question into the next name of its NSEC
// records, and signs it in lower case (coredns issue 5061), which does not verify by RFC 6840,
// section 5.1. change is what else its server, of which there are some, does. first is how the
// first name is asked for, and next how each further one is.
func asksSigner(t *testing.T, servers int, change func(lab.Incoming, *dns.Msg) lab.Reply,
	first, next string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "online.example.", Denial: lab.Compact, Records: "* A 192.0.2.1",
			Servers: make([]lab.ServerFaults, servers)})
		var over []string
		var mu sync.Mutex
		w.Script = func(q lab.Incoming) (lab.Reply, bool) {
			if !dns.IsSubDomain("online.example.", strings.ToLower(q.Question().Name)) ||
				q.Question().Qtype == dns.TypeDS {
				return lab.Reply{}, false
			}
			mu.Lock()
			defer mu.Unlock()
			m, name := q.Honest(), q.Question().Name
			if q.Question().Qtype == dns.TypeTXT {
				over = append(over, fmt.Sprintf("TCP %v, mixed %v", q.TCP, isMixed(q)))
			}
			for _, r := range m.Ns {
				if n, ok := r.(*dns.NSEC); ok {
					n.NextDomain = `\000.` + name
				}
			}
			return change(q, m), true
		}
		in := newWorld(t, w, nil)
		for i := range 4 {
			mu.Lock()
			over = nil
			mu.Unlock()
			a := in.resolve(fmt.Sprintf("abcdefghijklmnop%d.online.example.", i), wire.TypeTXT)
			if a.Status != wire.Secure || a.RCode != noError || len(a.Sets) > 0 {
				t.Errorf("%d: %s %s (%v)", i, a.RCode, a.Status, a.Failure)
			}
			mu.Lock()
			want := first
			if i > 0 {
				want = next
			}
			if got := strings.Join(over, "; "); got != want {
				t.Errorf("%d: asked %s, want %s", i, got, want)
			}
			mu.Unlock()
		}
	})
}

const (
	mixedUDP = "TCP false, mixed true"
	mixedTCP = "TCP true, mixed true"
	lowerUDP = "TCP false, mixed false"
	lowerTCP = "TCP true, mixed false"
)

// honest is a server that does nothing else.
func honest(_ lab.Incoming, m *dns.Msg) lab.Reply { return lab.Messages(m) }

// ownCookie is a cookie of a server's own.
const ownCookie = "0123456789abcdef"

// returnsCookie is a server that returns the client's cookie, and has one of its own.
func returnsCookie(q lab.Incoming, m *dns.Msg) lab.Reply { return returning(q, m, ownCookie) }

// returning is a reply that returns the client's cookie, with the server's behind it.
func returning(q lab.Incoming, m *dns.Msg, own string) lab.Reply {
	opt := q.Query.IsEdns0()
	if reply := m.IsEdns0(); opt != nil && reply != nil {
		for _, o := range opt.Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				reply.Option = append(reply.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE,
					Cookie: c.Cookie[:16] + own})
			}
		}
	}
	return lab.Messages(m)
}

// What does not verify is asked for once more over TCP, in lower case. Nothing is held against the
// letters: the first reply may have been forged.
func TestDNS0x20BogusReplyIsConfirmedInLowerCase(t *testing.T) {
	asksSigner(t, 1, honest, mixedUDP+"; "+lowerTCP, mixedUDP+"; "+lowerTCP)
}

// It is so however many servers have the same signer.
func TestDNS0x20BogusReplyOfManyServersIsConfirmedInLowerCase(t *testing.T) {
	asksSigner(t, 2*resolver.MaxBogusTries, honest, mixedUDP+"; "+mixedUDP+"; "+lowerTCP,
		mixedUDP+"; "+mixedUDP+"; "+lowerTCP)
}

// A reply that is the server's own for certain, as it has our cookie or came over TCP, may be bogus
// because of the letters all the same. It is asked for once more in lower case, over the transport
// that it came over. Now it is known what the server does: no other name is asked for twice.
func TestDNS0x20ProvenBogusReplyIsConfirmedInLowerCase(t *testing.T) {
	t.Run("cookie", func(t *testing.T) {
		asksSigner(t, 1, returnsCookie, mixedUDP+"; "+lowerUDP, lowerUDP)
	})
	t.Run("TCP", func(t *testing.T) {
		asksSigner(t, 1, func(q lab.Incoming, m *dns.Msg) lab.Reply {
			if !q.TCP {
				cut := lab.Messages(m).Packets[0]
				return lab.Reply{Packets: [][]byte{cut[:len(cut)-20]}}
			}
			return lab.Messages(m)
		}, mixedUDP+"; "+mixedTCP+"; "+lowerTCP, lowerUDP+"; "+lowerTCP)
	})
}

// The server is not to blame for what its signer does to letters: a minute later nothing is held
// against it, as there is for five minutes against one whose own data are bogus.
func TestDNS0x20ProvenBogusReplyIsNotHeldAgainstTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "online.example.", Denial: lab.Compact, Records: "* A 192.0.2.1"})
		only(w, "online.example.", func(q lab.Incoming) (lab.Reply, bool) {
			m := q.Honest()
			for _, r := range m.Ns {
				if n, ok := r.(*dns.NSEC); ok {
					n.NextDomain = `\000.` + q.Question().Name
				}
			}
			return returnsCookie(q, m), true
		})
		in := newWorld(t, w, nil)
		if a := in.resolve("abcdefghijklmnop.online.example.", wire.TypeTXT); a.RCode != noError {
			t.Fatalf("%s (%v)", a.RCode, a.Failure)
		}
		time.Sleep(time.Minute)
		if in.r.Held(w.AddressOf("online.example."), wire.MustParseName("online.example.")) {
			t.Error("something is held against the server")
		}
	})
}

// A zone that is bogus whatever the letters costs one question more, and only once, whether its
// servers have cookies of their own or return ours alone.
func TestDNS0x20ProvenBogusZoneCostsOneQuestion(t *testing.T) {
	for title, own := range map[string]string{"a cookie of its own": ownCookie, "ours": ""} {
		t.Run(title, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				w.Script = func(q lab.Incoming) (lab.Reply, bool) {
					name := strings.ToLower(q.Question().Name)
					return returning(q, q.Honest(), own), dns.IsSubDomain("expired.faulty.", name)
				}
				in := newWorld(t, w, nil)
				for i := range 4 {
					name := fmt.Sprintf("www.n%d.expired.faulty.", i)
					in.transcript()
					a := in.resolve(name, wire.TypeA)
					if a.RCode != servFail || a.Failure.Cause.Kind() != cause.KindDNSSEC {
						t.Errorf("%s: %s %v", name, a.RCode, a.Failure)
					}
					asked := in.transcript()
					want := 1
					if i == 0 {
						want = 2
					}
					if got := strings.Count(asked, name); got > want {
						t.Errorf("%s: asked %d times\n%s", name, got, asked)
					}
				}
			})
		})
	}
}

// A bogus name, before or after another one, does not make the other names of its zone fail if the
// zone's signer signs letters as well: neither is what is known of letters forgotten, nor are they
// used where the cookie protects as well, for the five minutes in which nothing is asked twice.
func TestDNS0x20BogusNameLeavesTheOthersOfASignerOfLetters(t *testing.T) {
	for title, c := range map[string]struct {
		own   string
		names []string
	}{
		"a good name first":    {"", []string{"good", "bogus", "better", "bogus", "best"}},
		"the bogus name first": {ownCookie, []string{"bogus", "good", "bogus", "better"}},
	} {
		t.Run(title, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				w.Add(lab.Zone{Name: "online.example.", Denial: lab.Compact,
					Records: "* A 192.0.2.1"})
				only(w, "online.example.", func(q lab.Incoming) (lab.Reply, bool) {
					m := q.Honest()
					bogus := strings.Contains(strings.ToLower(q.Question().Name), "bogus")
					for _, r := range m.Ns {
						if n, ok := r.(*dns.NSEC); ok && bogus {
							n.NextDomain = "z.other."
						} else if ok {
							n.NextDomain = `\000.` + q.Question().Name
						}
					}
					return returning(q, m, c.own), true
				})
				in := newWorld(t, w, nil)
				in.resolve("online.example.", wire.TypeSOA) // it gives its cookie
				for i, name := range c.names {
					full := fmt.Sprintf("abcdefghijklmnop%d.%s.online.example.", i, name)
					a := in.resolve(full, wire.TypeTXT)
					if (a.Status == wire.Secure) == (name == "bogus") {
						t.Errorf("%s: %s (%v)", full, a.Status, a.Failure)
					}
				}
			})
		})
	}
}

// Over TCP nobody else can reply, so that letters protect nothing there. A signer that signs them
// is understood at once if its replies over UDP are truncated.
func TestDNS0x20IsLeftOutAfterTruncation(t *testing.T) {
	asksSigner(t, 1, func(q lab.Incoming, m *dns.Msg) lab.Reply {
		if m.Truncated = !q.TCP; m.Truncated {
			m.Answer, m.Ns = nil, nil
		}
		return lab.Messages(m)
	}, mixedUDP+"; "+lowerTCP, mixedUDP+"; "+lowerTCP)
}

// A server that has kept letters may be replaced by one that does not. Its replies over UDP count
// as forged then, and are not heard; those over TCP show what has changed.
func TestDNS0x20LettersOverTCPShowThatAServerHasChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changed := false
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
			m := q.Honest()
			if changed {
				m.Question[0].Name = strings.ToLower(m.Question[0].Name)
			}
			return lab.Messages(m), true
		}), nil)
		in.resolve("firstname.odd.example.", wire.TypeA)
		changed = true
		in.resolve("secondname.odd.example.", wire.TypeA)
		in.transcript()
		began := time.Now()
		a := in.resolve("thirdname.odd.example.", wire.TypeA)
		if asked := in.transcript(); len(a.Sets) != 1 || time.Since(began) > 0 ||
			strings.Count(asked, "\n") != 1 {
			t.Errorf("%s %v after %v:\n%s", a.RCode, a.Failure, time.Since(began), asked)
		}
	})
}
