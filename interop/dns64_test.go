// DNS64 beside Unbound, BIND, Knot Resolver and PowerDNS Recursor.

package interop

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// dns64Peers are the resolvers, each with its prefix 64:ff9b::/96.
var dns64Peers = []struct{ name, at string }{{"Unbound", unboundAddr}, {"BIND", bindAddr},
	{"Knot Resolver", "127.0.0.1:5306"}, {"PowerDNS", "127.0.0.1:5307"}}

// dns64Zones are zones of which each has names of all kinds.
var dns64Zones = []lab.Zone{{Name: "nsec.example."},
	{Name: "nsec3.example.", Denial: lab.NSEC3},
	{Name: "unsigned.example.", Algorithm: lab.Unsigned},
	{Name: "bogus.example.", Faults: lab.Faults{lab.CorruptSignatures}},
	{Name: "undenied.example.", Faults: lab.Faults{lab.NoDenial}}}

// dns64Names are how many names a zone has.
const dns64Names = 40

// dns64Name is what a name has; nothing if it does not exist.
type dns64Name struct {
	a, aaaa []string
	alias   string
	text    bool
}

// dns64World is what the names of all zones have.
type dns64World map[string]dns64Name

// records makes the records of a zone: each name has addresses of one family, of both or of none,
// or is an alias of another, in this zone or the first.
func (w dns64World) records(random *rand.Rand, zone string) string {
	for i := range dns64Names { // of ten kinds
		var n dns64Name
		kind := random.IntN(10)
		if kind < 5 {
			for k := range 1 + random.IntN(2) {
				n.a = append(n.a, fmt.Sprintf("9.9.%d.%d", i, k))
			}
		}
		switch kind {
		case 3, 5:
			n.aaaa = []string{fmt.Sprintf("2001:db9::%x", i)}
		case 4:
			n.aaaa = []string{fmt.Sprintf("::ffff:9.9.9.%d", i)}
		case 6:
			n.text = true
		case 7:
			n.alias = fmt.Sprintf("n%d.%s", (i+1+random.IntN(5))%dns64Names, zone) // no loop
		case 8:
			n.alias = fmt.Sprintf("n%d.nsec.example.", random.IntN(dns64Names))
		}
		if kind < 9 {
			w[fmt.Sprintf("n%d.%s", i, zone)] = n
		}
	}
	w["x.wild."+zone] = dns64Name{a: []string{"9.9.9.1"}}
	w["local."+zone] = dns64Name{a: []string{"192.168.1.1"}}
	w["low."+zone] = dns64Name{a: []string{"9.9.9.2"}}
	var b strings.Builder
	for i := range dns64Names {
		owner := fmt.Sprintf("n%d", i)
		n := w[owner+"."+zone]
		for _, a := range n.a {
			fmt.Fprintf(&b, "%s A %s\n", owner, a)
		}
		for _, a := range n.aaaa {
			fmt.Fprintf(&b, "%s AAAA %s\n", owner, a)
		}
		if n.text {
			fmt.Fprintf(&b, "%s TXT x\n", owner)
		}
		if n.alias != "" {
			fmt.Fprintf(&b, "%s CNAME %s\n", owner, n.alias)
		}
	}
	return b.String() + "*.wild A 9.9.9.1\nlocal A 192.168.1.1\nlow 5 A 9.9.9.2\n"
}

// TestDNS64IsThatOfTheRFC puts 2,000 random questions to five resolvers with the same prefix. Each
// answer is what RFC 6147 has; where another resolver's is not, dns64Departure says how it departs.
func TestDNS64IsThatOfTheRFC(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "unbound", "named", "kresd", "pdns_recursor"})
		return
	}
	random := rand.New(rand.NewPCG(uint64(fromEnvironment(t, "INTEROP_SEED", 1)), 64))
	loopback(t)
	run(t, "ip", "route", "add", "local", "10.53.0.0/16", "dev", "lo")
	w, names := lab.NewIn(time.Now(), [2]byte{10, 53}), dns64World{}
	w.Add(lab.Zone{Name: "example."})
	for _, z := range dns64Zones {
		z.Records = names.records(random, z.Name)
		w.Add(z)
	}
	w.Add(lab.Zone{Name: "9.9.in-addr.arpa.", Records: "1.1 PTR n1.nsec.example."})
	folder(t.TempDir()).translate(t, listen(t, w))
	sections, departures := map[string]int{}, map[string]int{}
	for range fromEnvironment(t, "INTEROP_QUESTIONS", 2000) {
		m := dns64Question(random)
		q := m.Question[0]
		what := fmt.Sprintf("%s %s DO=%v CD=%v", q.Name, dns.TypeToString[q.Qtype],
			m.IsEdns0().Do(), m.CheckingDisabled)
		want, section := names.expected(m)
		sections[section]++
		if got := translatedBy(bailiwickAddr, m); got != want {
			t.Errorf("%s: %s, want %s (%s)", what, got, want, section)
		}
		for _, p := range dns64Peers {
			if theirs := translatedBy(p.at, m); theirs != want {
				how := dns64Departure(p.name, m, section, want, theirs)
				departures[p.name+": "+how]++
				if how == "" {
					t.Errorf("%s: %s has %s, and RFC 6147 (%s) %s", what, p.name, theirs, section,
						want)
				}
			}
		}
	}
	t.Log(sections)
	for how, n := range departures {
		t.Logf("%d: %s", n, how)
	}
}

// expected returns the answer that RFC 6147 has for a question, and the section that decides it.
func (w dns64World) expected(m *dns.Msg) (answer, section string) {
	q, both := m.Question[0], m.CheckingDisabled && m.IsEdns0().Do()
	r := dns64Reply{Msg: new(dns.Msg).SetReply(m), secure: true}
	if q.Qtype == dns.TypePTR {
		return r.ptr(both)
	}
	name := q.Name
	for w[name].alias != "" {
		r.add("%s CNAME %s", name, w[name].alias)
		r.from(name, false)
		name = w[name].alias
	}
	n, exists := w[name]
	real := slices.DeleteFunc(slices.Clone(n.aaaa), func(a string) bool {
		return !both && strings.HasPrefix(a, "::ffff:")
	})
	made := slices.DeleteFunc(slices.Clone(n.a), func(a string) bool {
		return strings.HasPrefix(a, "192.168.")
	})
	negative := len(n.aaaa) == 0
	switch {
	case !exists:
		r.Rcode, section = dns.RcodeNameError, "5.1.2: the name does not exist"
	case q.Qtype == dns.TypeA:
		section, negative = "5.1: other types are as they are", len(n.a) == 0
		for _, a := range n.a {
			r.add("%s A %s", name, a)
		}
	case len(real) > 0:
		section = "5.1.1: there are AAAA records"
		for _, a := range real {
			r.add("%s AAAA %s", name, a)
		}
	case both:
		section = "5.5, 3: nothing is made for CD and DO"
	case len(made) > 0:
		section = "5.1.7: made of A records"
		if len(n.aaaa) > 0 {
			section = "5.1.4: excluded AAAA records are none"
			r.secure = false // nobody has proven that there are none (5.5, 2)
		}
		for _, a := range made {
			b := netip.MustParseAddr(a).As4()
			r.add("%s AAAA 64:ff9b::%x:%x", name, uint(b[0])<<8|uint(b[1]),
				uint(b[2])<<8|uint(b[3]))
		}
	case len(n.a) > 0:
		section = "RFC 6052, 3.1: private addresses have no well-known prefix"
	default:
		section = "5.1.3: there is nothing to make it of"
	}
	r.from(name, negative || strings.HasPrefix(name, "x.wild."))
	return r.verdict(section)
}

// dns64Reply is an answer that is made up, with what is true of it.
type dns64Reply struct {
	*dns.Msg
	secure, bogus bool
}

// add adds a record.
func (r *dns64Reply) add(format string, args ...any) {
	rr, err := dns.NewRR(fmt.Sprintf(format, args...))
	if err != nil {
		panic(err)
	}
	r.Answer = append(r.Answer, rr)
}

// from notes in which zone something was found; needs is whether there has to be proof that
// something else does not exist.
func (r *dns64Reply) from(name string, needs bool) {
	for _, z := range dns64Zones {
		if dns.IsSubDomain(z.Name, name) {
			r.secure = r.secure && z.Algorithm != lab.Unsigned
			r.bogus = r.bogus || len(z.Faults) > 0 &&
				(needs || z.Faults[0] == lab.CorruptSignatures)
		}
	}
}

// verdict is what clients get.
func (r *dns64Reply) verdict(section string) (answer, decides string) {
	switch {
	case r.CheckingDisabled: // the AD bit is left out of the comparison
	case r.bogus:
		r.Rcode, r.Answer = dns.RcodeServerFailure, nil
		section = "5.5, 2: both questions are validated"
	default:
		r.AuthenticatedData = r.secure
	}
	return verdict(r.Msg), section
}

// ptr is the answer for the name of an address with the prefix.
func (r *dns64Reply) ptr(both bool) (answer, section string) {
	q := r.Question[0].Name
	last := strings.TrimPrefix(q[:strings.Index(q, ".0.1.0.9")], "") // 64:ff9b::909:10N
	if both {
		r.Rcode = dns.RcodeNameError
		return verdict(r.Msg), "5.5, 3: nothing is made for CD and DO"
	}
	r.add("%s CNAME %s.1.9.9.in-addr.arpa.", q, last)
	if last == "1" {
		r.add("1.1.9.9.in-addr.arpa. PTR n1.nsec.example.")
	} else {
		r.Rcode = dns.RcodeNameError
	}
	return verdict(r.Msg), "5.3.1: the name of an address with the prefix is an alias"
}

// dns64Departure says how another resolver departs from the RFC; "" if that is not known.
func dns64Departure(peer string, m *dns.Msg, section, want, theirs string) string {
	both := m.CheckingDisabled && m.IsEdns0().Do()
	made := strings.Contains(theirs, "64:ff9b")
	wanted := strings.HasPrefix(section, "5.1.7") || strings.HasPrefix(section, "5.1.4")
	faulty := m.Question[0].Name + want
	unsure := strings.Replace(want, "AD=true", "AD=false", 1)
	switch {
	case strings.Contains(theirs, "::ffff:") && !strings.Contains(want, "::ffff:"):
		return "IPv4-mapped addresses are given as they are (5.1.4)"
	case strings.Contains(theirs, "64:ff9b::c0a8"):
		return "private addresses are translated (RFC 6052, 3.1)"
	case both && made, both && m.Question[0].Qtype == dns.TypePTR && theirs != want:
		return "something is made for CD and DO (5.5, 3)"
	case m.Question[0].Qtype == dns.TypePTR && peer == "Unbound":
		return "PTR records stand under the name that was asked for (5.3.1)"
	case wanted && m.CheckingDisabled && !made &&
		(peer == "Unbound" || peer == "Knot Resolver"):
		return "nothing is made for CD"
	case wanted && m.IsEdns0().Do() && !made && peer == "BIND":
		return "nothing is made for DO of what is secure (break-dnssec)"
	case strings.HasPrefix(want, "SERVFAIL") && (peer == "Unbound" && made || peer == "PowerDNS"):
		return "what is not proven is believed (5.5, 2)"
	case peer == "BIND" && strings.HasPrefix(section, "5.1.4") && made:
		return "AD is set, though there were AAAA records"
	case peer == "BIND" && strings.HasPrefix(m.Question[0].Name, "x.wild.") && !made:
		return "nothing is made where the denial is its own (synth-from-dnssec)"
	case peer == "PowerDNS" && m.CheckingDisabled && (strings.Contains(faulty, ".bogus.") ||
		strings.Contains(faulty, ".undenied.")):
		return "CD does not give what is bogus, or an alias of that"
	case theirs == unsure && peer == "PowerDNS":
		return "AD is not set (it may be: 5.5, 2)"
	}
	return ""
}

// dns64Question makes a question.
func dns64Question(random *rand.Rand) *dns.Msg {
	labels := []string{"x.wild.", "missing.", "local.", "low."}
	label := fmt.Sprintf("n%d.", random.IntN(dns64Names))
	if random.IntN(10) == 0 {
		label = labels[random.IntN(len(labels))]
	}
	m := new(dns.Msg).SetQuestion(label+dns64Zones[random.IntN(len(dns64Zones))].Name,
		dns.TypeAAAA)
	switch random.IntN(12) {
	case 0:
		m.Question[0].Qtype = dns.TypeA
	case 1:
		m.Question[0].Name, _ = dns.ReverseAddr(fmt.Sprintf("64:ff9b::9.9.1.%d", random.IntN(3)))
		m.Question[0].Qtype = dns.TypePTR
	}
	m.SetEdns0(1232, random.IntN(2) == 0)
	m.CheckingDisabled = random.IntN(4) == 0
	m.AuthenticatedData = true
	return m
}

// translatedBy is what a resolver answers.
func translatedBy(at string, m *dns.Msg) string {
	r, err := askWith(at, m)
	if err != nil {
		return err.Error()
	}
	if m.CheckingDisabled {
		r.AuthenticatedData = false // we never set it then, and others do for what they know
	}
	return verdict(r)
}

// translate starts the resolvers.
func (d folder) translate(t *testing.T, root root) {
	t.Helper()
	hints := d.write(t, "hints", root.hints())
	anchor := d.write(t, "anchor", root.anchor+"\n")
	conf := unboundConf(fmt.Sprintf("  interface: 127.0.0.1@5301\n  root-hints: %q\n  "+
		"trust-anchor: %q\n  dns64-prefix: 64:ff9b::/96\n  minimal-responses: yes\n", hints,
		root.anchor), "")
	start(t, "unbound", "-d", "-c", d.write(t, "unbound.conf", strings.Replace(conf,
		"validator iterator", "dns64 validator iterator", 1)))
	d.startBIND(t, root, 5302, "minimal-responses yes; dns64 64:ff9b::/96 { }; ")
	d.startKresd(t, root, 5306, ", dns64 = '64:ff9b::'")
	d.startRecursor(t, root, 5307, "dns64-prefix=64:ff9b::/96\naggressive-nsec-cache-size=0\n")
	start(t, build(t, string(d)), "serve", "--config", d.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [\"127.0.0.1:5303\"], tcp: [\"127.0.0.1:5303\"]}\nadmin: {listen: \"\"}\n"+
			"control: {socket: \"\"}\nlog: {level: error}\nresolver: {ipv6: \"false\", "+
			"root_hints_file: %q}\ntrust_anchors: {builtin: false, file: %q}\n"+
			"policy: {dns64: {enabled: true}}\n", hints, anchor)))
	for _, at := range []string{unboundAddr, bindAddr, "127.0.0.1:5306", "127.0.0.1:5307",
		bailiwickAddr} {
		await(t, at, "x.wild.nsec.example.", dns.TypeA, func(m *dns.Msg) bool {
			return m.AuthenticatedData
		})
	}
}
