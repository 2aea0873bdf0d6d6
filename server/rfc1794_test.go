// The order of records: it changes with each response, also for those from the cache (RFC 1794).

package server_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// manyRecords are sets of several records: of equal and of different sizes, with compressed names
// and others.
const manyRecords = `one A 192.0.2.1;;` +
	`two A 192.0.2.1;;two A 192.0.2.2;;many A 192.0.2.1;;many A 192.0.2.2;;` +
	`many A 192.0.2.3;;many A 192.0.2.4;;many A 192.0.2.5;;many AAAA 2001:db8::1;;` +
	`many AAAA 2001:db8::2;;many AAAA 2001:db8::3;;to CNAME many;;far CNAME to;;` +
	`deep DNAME tree;;x.tree A 192.0.2.1;;x.tree A 192.0.2.2;;mail MX 10 a.mail;;` +
	`mail MX 10 b.a.mail;;mail MX 20 c.a.mail;;mail MX 20 elsewhere.test.;;sub NS ns1.sub;;` +
	`text TXT "a";;text TXT "much longer than that";;text TXT "b" "c";;svc SRV 0 0 1 many;;` +
	`svc SRV 0 0 22 mail.test.;;svc SRV 0 0 333 x.tree;;web HTTPS 1 . alpn=h2;;` +
	`web HTTPS 2 many port=8443;;ptr PTR many;;ptr PTR mail;;ptr PTR x.many;;` +
	`*.wild A 192.0.2.1;;*.wild A 192.0.2.2;;*.wild A 192.0.2.3`

// newRotating is a front with two zones that have manyRecords, one signed and one unsigned.
func newRotating(t testing.TB, change func(*server.Config)) *front {
	t.Helper()
	q := &quiet{}
	f := newFrontAll(t, func(c *server.Config) {
		c.Rotate = true
		if change != nil {
			change(c)
		}
	}, func(*resolver.Config) {}, q, func(p *resolver.Parts) {
		w := lab.Internet(p.Clock.Now())
		w.Add(lab.Zone{Name: "sets.example.", Records: manyRecords})
		w.Add(lab.Zone{Name: "sets.plain.", Algorithm: lab.Unsigned, Records: manyRecords})
		p.Exchanger, p.Anchors = w, &trustanchor.Set{}
		if err := p.Anchors.Add(w.Anchor()); err != nil {
			t.Fatal(err)
		}
	})
	f.seen = q
	return f
}

var rotating = []struct {
	name    string
	qtype   uint16
	records int
}{
	{"one", dns.TypeA, 1}, {"two", dns.TypeA, 2}, {"many", dns.TypeA, 5}, {"many", dns.TypeAAAA, 3},
	{"to", dns.TypeA, 5}, {"far", dns.TypeAAAA, 3}, {"x.deep", dns.TypeA, 2},
	{"mail", dns.TypeMX, 4}, {"text", dns.TypeTXT, 3},
	{"svc", dns.TypeSRV, 3}, {"web", dns.TypeHTTPS, 2}, {"ptr", dns.TypePTR, 3},
	{"y.wild", dns.TypeA, 3},
}

// inOrder returns an answer's records without their TTLs: those of its last set, and all records
// before and after them.
func inOrder(m *dns.Msg, qtype uint16) (set []string, rest string) {
	var b strings.Builder
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		for _, rr := range section {
			one := dns.Copy(rr)
			one.Header().Ttl = 0
			if rr.Header().Rrtype == qtype {
				if n := len(set); n == 0 || b.Len() == 0 ||
					!strings.HasSuffix(b.String(), "set\n") {
					b.WriteString("set\n")
				}
				set = append(set, strings.ToLower(one.String()))
				continue
			}
			b.WriteString(strings.ToLower(one.String()) + "\n")
		}
	}
	return set, b.String()
}

// For every type, with signatures and without, over each transport, on the slow path and on the
// fast one: each record is sometimes the first; the set is complete; nothing else is moved; and the
// message can be read by decoders that refuse forward pointers.
func TestRFC1794RecordsComeInAnotherOrderEachTime(t *testing.T) {
	f := newRotating(t, nil)
	for _, zone := range []string{"sets.example.", "sets.plain."} {
		for _, q := range rotating {
			for _, do := range []bool{false, true} {
				for _, over := range []transport.Protocol{transport.UDP, transport.TCP,
					transport.DoT} {
					first := map[string]int{}
					var all []string
					var frame string
					for range 150 {
						m := f.askFrom("127.0.0.1:1000", over, q.name+"."+zone, q.qtype, edns(do))
						set, rest := inOrder(m, q.qtype)
						if len(set) != q.records {
							t.Fatalf("%s.%s %s: %d records\n%v", q.name, zone,
								dns.TypeToString[q.qtype], len(set), m)
						}
						first[set[0]]++
						slices.Sort(set)
						if all == nil {
							all, frame = set, rest
						}
						if !slices.Equal(all, set) || rest != frame {
							t.Fatalf("%s.%s: got\n%s\n%s\nbefore\n%s\n%s", q.name, zone, set, rest,
								all, frame)
						}
					}
					if len(first) != q.records {
						t.Errorf("%s.%s %s, DO %v, over %v: only %d of %d records come first: %v",
							q.name, zone,
							dns.TypeToString[q.qtype], do, over, len(first), q.records, first)
					}
				}
			}
		}
	}
	if f.seen.hits < 5000 {
		t.Errorf("only %d answers by the fast path", f.seen.hits)
	}
}

// A message with records rotated by the fast path is as the slow path writes it: it is read back
// strictly, with the TTLs that are left and the client's letter case.
func TestRFC1794TurnedAnswersAreWellFormed(t *testing.T) {
	f := newRotating(t, nil)
	for _, zone := range []string{"sets.example.", "sets.plain."} {
		for _, q := range rotating {
			for _, do := range []bool{false, true} {
				name := strings.ToUpper(q.name) + "." + zone
				for range 3 {
					f.ask(name, q.qtype, edns(do))
				}
				f.clock.Advance(7 * time.Second)
				packet, err := func() ([]byte, error) {
					m := new(dns.Msg).SetQuestion(name, q.qtype)
					edns(do)(m)
					return m.Pack()
				}()
				if err != nil {
					t.Fatal(err)
				}
				for range 40 {
					client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
					reply, _ := f.Handle(packet, client, make([]byte, 0, 4096))
					if reply == nil {
						t.Fatalf("%s %s, DO %v: not ready", name, dns.TypeToString[q.qtype], do)
					}
					m, err := wire.Parse(reply)
					if err != nil {
						t.Fatalf("%s %s: %v\n%x", name, dns.TypeToString[q.qtype], err, reply)
					}
					last := m.Answer[len(m.Answer)-1]
					if last.Len() != q.records || do && zone == "sets.example." &&
						last.Sigs.Len() != 1 {
						t.Errorf("%s: %d records, %d signatures", name, last.Len(), last.Sigs.Len())
					}
					for _, s := range slices.Concat(m.Answer, m.Authority) {
						if s.TTL != 293 && s.TTL != 53 {
							t.Errorf("%s: TTL %d of %s", name, s.TTL, s.Type)
						}
					}
				}
				f.clock.Advance(300 * time.Second)
			}
		}
	}
}

// newRotatingWith is a front with an unsigned zone that has these records.
func newRotatingWith(t testing.TB, records string) *front {
	t.Helper()
	q := &quiet{}
	f := newFrontAll(t, func(c *server.Config) {
		c.Rotate = true
	}, func(*resolver.Config) {}, q, func(p *resolver.Parts) {
		w := lab.Internet(p.Clock.Now())
		w.Add(lab.Zone{Name: "sets.plain.", Algorithm: lab.Unsigned, Records: records})
		p.Exchanger, p.Anchors = w, &trustanchor.Set{}
		if err := p.Anchors.Add(w.Anchor()); err != nil {
			t.Fatal(err)
		}
	})
	f.seen = q
	return f
}

// An answer that would grow beyond one packet if its records were rotated keeps their order on the
// fast path, and its length.
func TestRFC1794NoAnswerOutgrowsThePacket(t *testing.T) {
	many := ""
	for i := range 24 {
		many += fmt.Sprintf("big MX 10 mail%d.name.that.repeats.itself.in.each.and.is.long;;", i)
	}
	f := newRotatingWith(t, many)
	for i := range 20 {
		m := f.ask("big.sets.plain.", dns.TypeMX, edns(false))
		if m.Truncated || len(m.Answer) != 24 {
			t.Fatalf("answer %d: truncated %v, %d records", i, m.Truncated, len(m.Answer))
		}
	}
	if f.seen.hits < 15 {
		t.Errorf("%d hits", f.seen.hits)
	}
}

// A set of more than MaxRotated records is rotated when its answer is made, and keeps that order on
// the fast path.
func TestMaxRotated(t *testing.T) {
	for n, want := range map[int]bool{server.MaxRotated: true, server.MaxRotated + 1: false} {
		many := ""
		for i := range n {
			many += fmt.Sprintf("big A 192.0.2.%d;;", i)
		}
		f := newRotatingWith(t, many)
		first := map[string]bool{}
		for i := range 100 {
			if set, _ := inOrder(f.ask("big.sets.plain.", dns.TypeA, edns(false)),
				dns.TypeA); i > 2 {
				first[set[0]] = true
			}
		}
		if (len(first) > 1) != want {
			t.Errorf("%d records: %d of them come first", n, len(first))
		}
	}
}

// The slow path rotates too, for answers that are never prepared.
func TestRFC1794TheSlowPathTurns(t *testing.T) {
	f := newRotating(t, nil)
	m := new(dns.Msg).SetQuestion("many.sets.plain.", dns.TypeA)
	packet, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	f.exchange(packet, "127.0.0.1:1000", transport.UDP)
	first := map[string]bool{}
	for range 150 {
		f.forget()
		f.handle(packet, transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000"),
			Protocol: transport.UDP}, func(reply []byte) {
			if err := m.Unpack(reply); err != nil {
				t.Fatal(err)
			}
			first[m.Answer[0].String()] = true
		})
	}
	if len(first) != 5 {
		t.Errorf("%d of 5 records come first", len(first))
	}
}

// The operator can turn rotation off.
func TestRFC1794CanBeTurnedOff(t *testing.T) {
	f := newRotating(t, func(c *server.Config) { c.Rotate = false })
	for _, q := range rotating {
		want, _ := inOrder(f.ask(q.name+".sets.example.", q.qtype, edns(true)), q.qtype)
		for range 20 {
			if got, _ := inOrder(f.ask(q.name+".sets.example.", q.qtype, edns(true)),
				q.qtype); !slices.Equal(got, want) {
				t.Fatalf("%s: %v, before %v", q.name, got, want)
			}
		}
	}
}

func TestRFC1794TurningAllocatesNothing(t *testing.T) {
	f := newRotating(t, nil)
	client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
	for _, q := range rotating {
		m := new(dns.Msg).SetQuestion(q.name+".sets.example.", q.qtype)
		edns(true)(m)
		packet, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			f.exchange(packet, "127.0.0.1:1000", transport.UDP)
		}
		buf := make([]byte, 0, 4096)
		if n := testing.AllocsPerRun(100, func() {
			if reply, _ := f.Handle(packet, client, buf); reply == nil {
				t.Fatal("not ready")
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations", q.name, n)
		}
	}
}
