// One reply of a resolution is changed in all ways that octets can be.

package resolver_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// tampered is a world of which one server changes one reply.
type tampered struct {
	world *lab.World
	zones map[netip.Addr]string // by server
	truth map[string]string     // by question, in text
	mu    sync.Mutex            // scripts run in several goroutines at once
	rrs   []dns.RR              // that replies are given: forged ones, and those of honest replies

	// Of one run:
	nth   int // the reply that is changed, counted from 0
	edits []byte
	by    string // the zone whose server changed it; empty: none
	sent  int
	trail []string
}

// hostile is the zone whose server answers for all other names too, once somebody leads to it.
const hostile = "plain.test."

// tamperedQuestions are asked: data, aliases, denials, wildcards, keys, of zones signed and not.
var tamperedQuestions = []string{"www.one.test. A", "away.one.test. A", "no.one.test. A",
	"www.one.test. MX", "x.wild.one.test. A", "www.two.test. A", "no.two.test. A",
	"b.ent.two.test. A", "leaf.tree.two.test. A", "www.plain.test. A", "no.plain.test. A",
	"toone.plain.test. A", "one.test. DNSKEY", "plain.test. DS", "two.test. DS",
	"www.victim.other. A", "no.victim.other. A", "www.plain.other. A", "nic.other. A"}

// tamperedRecords are forged: for the zone's own names, for names beside and above it.
var tamperedRecords = []string{"www.one.test. 86400 A 203.0.113.66",
	"www.victim.other. 86400 A 203.0.113.66", "www.plain.other. 86400 A 203.0.113.66",
	"other. 86400 NS ns1.plain.test.", "victim.other. 86400 NS ns1.plain.test.",
	"plain.other. 86400 NS ns1.plain.test.", "test. 86400 NS ns1.plain.test.",
	". 86400 NS ns1.plain.test.", "ns1.other. 86400 A 203.0.113.66",
	"ns1.plain.other. 86400 A 203.0.113.66", "one.test. 86400 NS ns1.plain.test.",
	"www.one.test. 86400 CNAME www.plain.test.", "www.plain.test. 86400 CNAME www.plain.other.",
	"test. 86400 DNAME plain.other.", "one.test. 86400 DNAME plain.test.",
	"plain.other. 86400 DNAME plain.test.", "one.test. 86400 DS 1 13 2 00",
	"plain.other. 86400 DS 1 13 2 00", "www.plain.other. 86400 CNAME www.plain.test.",
	"other. 86400 SOA a. b. 1 2 3 4 86400", "test. 86400 SOA a. b. 1 2 3 4 86400",
	"plain.test. 86400 SOA a. b. 1 2 3 4 86400", "*.other. 86400 NSEC \\000.other. A",
	"test. 86400 NSEC test. NS SOA", "www.plain.test. 86400 A 192.0.2.99",
	"sub.plain.test. 86400 NS ns1.one.test.", "www.plain.test. 86400 NS ns1.sub.plain.test."}

// newTampered makes the world and learns the truth from it.
func newTampered(f *testing.F) *tampered {
	// when every bubble's time begins
	w := lab.New(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	x := &tampered{world: w, zones: map[netip.Addr]string{}, truth: map[string]string{}}
	for _, z := range []lab.Zone{
		{Name: "test.", Denial: lab.NSEC3}, {Name: "other.", Records: "nic A 192.0.2.10"},
		{Name: "one.test.", Records: "www A 192.0.2.1;;away CNAME www.victim.other.;;" +
			"*.wild A 192.0.2.2"},
		{Name: "two.test.", Denial: lab.NSEC3, Records: "www A 192.0.2.3;;a.b.ent A 192.0.2.4;;" +
			"tree DNAME deep;;leaf.deep A 192.0.2.5"},
		{Name: "plain.test.", Algorithm: lab.Unsigned,
			Records: "www A 192.0.2.6;;toone CNAME www.one.test."},
		{Name: "victim.other.", Denial: lab.NSEC3, Records: "www A 192.0.2.7"},
		{Name: "plain.other.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.8"},
	} {
		w.Add(z)
		x.zones[w.AddressOf(z.Name)] = z.Name
	}
	x.zones[w.AddressOf(".")] = "."
	for _, text := range tamperedRecords {
		rr, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		x.rrs = append(x.rrs, rr)
	}
	w.Script = x.collect
	return x
}

// collect keeps the records of honest replies.
func (x *tampered) collect(in lab.Incoming) (lab.Reply, bool) {
	m := in.Honest()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, rr := range slices.Concat(m.Answer, m.Ns, m.Extra) {
		same := func(have dns.RR) bool { return have.String() == rr.String() }
		if rr.Header().Rrtype != dns.TypeOPT && len(x.rrs) < 256 &&
			!slices.ContainsFunc(x.rrs, same) {
			x.rrs = append(x.rrs, rr)
		}
	}
	return lab.Reply{}, false
}

// tamper changes the nth reply.
func (x *tampered) tamper(in lab.Incoming) (lab.Reply, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := x.sent
	x.sent++
	x.trail = append(x.trail, fmt.Sprintf("%s: %s %s", x.zones[in.Server], in.Question().Name,
		dns.TypeToString[in.Question().Qtype]))
	if x.zones[in.Server] == hostile && !dns.IsSubDomain(hostile, in.Question().Name) {
		m := new(dns.Msg).SetReply(in.Query)
		m.Authoritative = true
		if in.Question().Qtype == dns.TypeA {
			m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: in.Question().Name,
				Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 86400}, A: []byte{203, 0, 113, 66}}}
		}
		return lab.Messages(m), true
	}
	if n != x.nth {
		return lab.Reply{}, false
	}
	x.by = x.zones[in.Server]
	m := in.Honest()
	var octets []byte // edits of the packed reply: place and value
	for e := x.edits; len(e) >= 3; e = e[3:] {
		octets = append(octets, x.edit(m, e[0], e[1], e[2])...)
	}
	m.Compress = true
	b, err := m.Pack()
	if err != nil {
		return lab.Reply{}, true // it cannot be sent
	}
	for ; len(octets) >= 3; octets = octets[3:] {
		b[int(binary.BigEndian.Uint16(octets))%len(b)] ^= octets[2]
	}
	// Whoever sends it can see the query.
	b[0], b[1] = byte(in.Query.Id>>8), byte(in.Query.Id)
	return lab.Reply{Packets: [][]byte{b}}, true
}

// edit makes one change, or returns one to be made in the packed message.
func (x *tampered) edit(m *dns.Msg, what, a, b byte) (later []byte) {
	sections := []*[]dns.RR{&m.Answer, &m.Ns, &m.Extra}
	to := sections[int(b)%3]
	switch what % 8 {
	case 0:
		*to = append(*to, dns.Copy(x.rrs[int(a)%len(x.rrs)]))
	case 1: // the last and most promising place
		*to = append([]dns.RR{dns.Copy(x.rrs[int(a)%len(x.rrs)])}, *to...)
	case 2:
		if len(*to) > 0 {
			i := int(a) % len(*to)
			*to = slices.Delete(*to, i, i+1)
		}
	case 3: // of another owner
		if len(*to) > 0 {
			rr := dns.Copy((*to)[int(a)%len(*to)])
			rr.Header().Name, _, _ = strings.Cut(
				tamperedQuestions[int(b/3)%len(tamperedQuestions)], " ")
			(*to)[int(a)%len(*to)] = rr
		}
	case 4:
		m.Rcode = int(a & 15)
		m.Authoritative, m.Truncated = b&1 != 0, b&2 != 0
		m.AuthenticatedData, m.Response = b&4 != 0, b&8 == 0
	case 5:
		*to = nil
	case 6: // of another section
		from := sections[int(b/3)%3]
		*to, *from = *from, *to
	default:
		later = []byte{what / 8, a, b}
	}
	return later
}

// leave ends the changes and returns how many queries were sent so far. What goes on in the
// background is answered honestly.
func (x *tampered) leave() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.nth = -1
	return x.sent
}

// run asks a question and returns the answer as text, with its security.
func (x *tampered) run(in *internet, question string) string {
	name, t, _ := strings.Cut(question, " ")
	qtype, _ := wire.ParseType(t)
	a := in.resolve(name, qtype)
	if a.RCode == wire.RCodeServFail {
		return "SERVFAIL"
	}
	var data []string
	for _, s := range a.Sets {
		for d := range s.Data.All() {
			// In the form that is signed: letter case of names in it is nobody's to vouch for.
			d = wire.AppendCanonical(nil, s.Type, d)
			data = append(data, fmt.Sprintf("%s %s %x", s.Name, s.Type, d))
		}
	}
	slices.Sort(data)
	return fmt.Sprintf("%s %s %s", a.RCode, a.Status, strings.Join(data, ", "))
}

// concerns reports whether a zone is the question's, or one above it, or one that an alias of it
// leads to.
func concerns(zone, question string) bool {
	name, _, _ := strings.Cut(question, " ")
	switch name {
	case "away.one.test.":
		return dns.IsSubDomain(zone, name) || dns.IsSubDomain(zone, "www.victim.other.")
	case "toone.plain.test.":
		return dns.IsSubDomain(zone, name) || dns.IsSubDomain(zone, "www.one.test.")
	}
	return dns.IsSubDomain(zone, name)
}

// wrong returns what is wrong with an answer while what the changed reply has left may be known.
// Signed data are right, or the question fails. Unsigned data are whatever their zone, or one
// above it, says; but not secure. For others nothing has changed.
func (x *tampered) wrong(question, got string) string {
	want := x.truth[question]
	switch {
	case got == want:
		return ""
	case x.by == "" || !concerns(x.by, question):
		return "another zone's answer has changed"
	case got == "SERVFAIL":
		return ""
	case strings.Contains(want, " secure "):
		return "a signed answer has changed"
	case strings.Contains(got, " secure "):
		return "it is called secure"
	}
	return ""
}

// FuzzReply changes one reply of one resolution: it drops, adds, moves and renames records, and
// flips bits. Whatever it is, signed answers are right or fail, other zones' answers are as they
// were, the budgets hold, and a day later everything is as it was.
func FuzzReply(f *testing.F) {
	x := newTampered(f)
	learn := func(t *testing.T) {
		in := newWorld(t, x.world, nil).withMemory(4 << 20)
		for _, q := range tamperedQuestions {
			if x.truth[q] = x.run(in, q); x.truth[q] == "SERVFAIL" {
				t.Fatalf("%s fails without any fault", q)
			}
		}
		slices.SortFunc(x.rrs[len(tamperedRecords):], func(a, b dns.RR) int {
			return strings.Compare(a.String(), b.String()) // whichever was asked for first
		})
	}
	for i := range tamperedQuestions {
		for nth := range byte(6) {
			f.Add(byte(i), nth, []byte{0, byte(i), nth})
		}
		f.Add(byte(i), byte(3), []byte{2, 0, 1, 4, 3, 1, 15, 40, 7})
		f.Add(byte(i), byte(2), []byte{5, 0, 1, 0, 3, 2})
	}
	f.Fuzz(func(t *testing.T, question, nth byte, edits []byte) {
		synctest.Test(t, func(t *testing.T) {
			if len(x.truth) == 0 {
				learn(t)
				x.world.Script = x.tamper
			}
			in := newWorld(t, x.world, nil).withMemory(4 << 20)
			x.nth, x.edits, x.by, x.sent = int(nth%16), edits[:min(len(edits), 24)], "", 0
			x.trail = nil
			first := tamperedQuestions[int(question)%len(tamperedQuestions)]
			fail := func(q, got, why string) {
				t.Helper()
				x.mu.Lock()
				defer x.mu.Unlock()
				t.Fatalf("%s, reply %d of %s changed by %s: %s: %s\ngot  %s\nwant %s\n%s", first,
					nth, first, x.by, q, why, got, x.truth[q], strings.Join(x.trail, "\n"))
			}
			began := time.Now()
			got, sent := x.run(in, first), x.leave()
			if why := x.wrong(first, got); why != "" {
				fail(first, got, why)
			}
			if sent > resolver.MaxQueries {
				fail(first, got, fmt.Sprintf("%d queries", sent))
			}
			if took := time.Since(began); took > resolver.MaxTime+time.Second {
				fail(first, got, took.String())
			}
			if x.by == "" {
				return // there were fewer replies
			}
			others := []string{first, "www.one.test. A", "www.victim.other. A",
				"www.plain.other. A",
				tamperedQuestions[(int(question)+int(nth)+len(edits))%len(tamperedQuestions)]}
			for _, q := range others {
				got := x.run(in, q)
				if why := x.wrong(q, got); why != "" {
					fail(q, got, "afterwards "+why)
				}
			}
			time.Sleep(25 * time.Hour) // longer than anything is kept
			for _, q := range others {
				if got := x.run(in, q); got != x.truth[q] {
					fail(q, got, "a day later it is not as it was")
				}
			}
		})
	})
}
