// DNS64 beside Unbound, BIND, Knot Resolver and PowerDNS Recursor.

package interop

import (
	"fmt"
	"math/rand/v2"
	"os"
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

// dns64Records makes the records of a zone: each name has addresses of one family, of both or of
// none, or is an alias of another, in this zone or the first.
func dns64Records(random *rand.Rand) string {
	var b strings.Builder
	for i := range dns64Names { // of ten kinds
		line := func(format string, args ...any) {
			fmt.Fprintf(&b, "n%d "+format+"\n", append([]any{i}, args...)...)
		}
		kind := random.IntN(10)
		if kind < 5 {
			for n := range 1 + random.IntN(2) {
				line("A 9.9.%d.%d", i, n)
			}
		}
		switch kind {
		case 3, 5:
			line("AAAA 2001:db9::%x", i)
		case 4:
			line("AAAA ::ffff:9.9.9.%d", i)
		case 6:
			line("TXT x")
		case 7:
			line("CNAME n%d", (i+1+random.IntN(5))%dns64Names) // no loop
		case 8:
			line("CNAME n%d.nsec.example.", random.IntN(dns64Names))
		}
	}
	return b.String() + "*.wild A 9.9.9.1\nlocal A 192.168.1.1\nlow 5 A 9.9.9.2\n"
}

// TestDNS64IsThatOfOthers puts 2,000 random questions to five resolvers with the same prefix. Each
// answer is that of one of the others, or a rule says why not.
func TestDNS64IsThatOfOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "unbound", "named", "kresd", "pdns_recursor"})
		return
	}
	random := rand.New(rand.NewPCG(uint64(fromEnvironment(t, "INTEROP_SEED", 1)), 64))
	loopback(t)
	run(t, "ip", "route", "add", "local", "10.53.0.0/16", "dev", "lo")
	w := lab.NewIn(time.Now(), [2]byte{10, 53})
	w.Add(lab.Zone{Name: "example."})
	for _, z := range dns64Zones {
		z.Records = dns64Records(random)
		w.Add(z)
	}
	w.Add(lab.Zone{Name: "9.9.in-addr.arpa.", Records: "1.1 PTR n1.nsec.example."})
	folder(t.TempDir()).translate(t, listen(t, w))
	agreed, alone := map[string]int{}, map[string]int{}
	for range fromEnvironment(t, "INTEROP_QUESTIONS", 2000) {
		m := dns64Question(random)
		got := translatedBy(bailiwickAddr, m)
		var same bool
		var others []string
		for _, p := range dns64Peers {
			theirs := translatedBy(p.at, m)
			others = append(others, p.name+" "+theirs)
			if theirs == got {
				agreed[p.name]++
				same = true
			}
		}
		if same {
			continue
		}
		q := m.Question[0]
		why := dns64Reason(m, got, others)
		if alone[why]++; why == "" {
			t.Errorf("%s %s DO=%v CD=%v: %s\n%s", q.Name, dns.TypeToString[q.Qtype],
				m.IsEdns0().Do(), m.CheckingDisabled, got, strings.Join(others, "\n"))
		}
	}
	t.Logf("the same as %v; alone %v", agreed, alone)
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

// dns64Reason says why an answer is none of the others', "" if there is no reason.
func dns64Reason(m *dns.Msg, got string, others []string) string {
	q, forged := m.Question[0], strings.Join(others, " ")
	switch {
	case q.Qtype == dns.TypePTR && m.CheckingDisabled && m.IsEdns0().Do():
		return "who validates gets what is signed (RFC 6147, section 5.5)"
	case strings.HasPrefix(q.Name, "local.") && strings.HasPrefix(got, "NOERROR") &&
		!strings.Contains(got, "64:ff9b"):
		return "private addresses have no well-known prefix (RFC 6052, section 3.1)"
	case strings.Contains(forged, "::ffff:") && !strings.Contains(got, "::ffff:"):
		return "IPv4-mapped addresses are none (RFC 6147, section 5.1.4)"
	}
	return ""
}

// translate starts the resolvers.
func (d folder) translate(t *testing.T, root root) {
	t.Helper()
	hints, ds := d.write(t, "hints", root.hints()), strings.Fields(root.anchor)
	anchor := d.write(t, "anchor", root.anchor+"\n")
	conf := unboundConf(fmt.Sprintf("  interface: 127.0.0.1@5301\n  root-hints: %q\n  "+
		"trust-anchor: %q\n  dns64-prefix: 64:ff9b::/96\n  minimal-responses: yes\n", hints,
		root.anchor), "")
	start(t, "unbound", "-d", "-c", d.write(t, "unbound.conf", strings.Replace(conf,
		"validator iterator", "dns64 validator iterator", 1)))
	start(t, "named", "-f", "-4", "-n", "1", "-c", d.write(t, "named.conf", fmt.Sprintf(
		"options { directory %q; listen-on port 5302 { 127.0.0.1; }; listen-on-v6 { none; }; "+
			"recursion yes; pid-file none; session-keyfile none; dnssec-validation yes; "+
			"minimal-responses yes; empty-zones-enable no; dns64 64:ff9b::/96 { }; };\n"+
			"controls { };\ntrust-anchors { \".\" static-ds %s %s %s %q; };\n"+
			"zone \".\" { type hint; file \"hints\"; };\n", string(d), ds[len(ds)-4],
		ds[len(ds)-3], ds[len(ds)-2], ds[len(ds)-1])))
	if err := os.MkdirAll(d.path("kresd"), 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, "kresd", "-n", "-c", d.write(t, "kresd.conf", fmt.Sprintf("log_level('crit')\n"+
		"net.ipv6 = false\nnet.listen('127.0.0.1', 5306, { kind = 'dns' })\n"+
		"cache.open(50*MB, 'lmdb://%s')\nmodules = { 'hints > iterate', dns64 = '64:ff9b::' }\n"+
		"hints.root_file(%q)\nfor _, m in ipairs({'ta_update','ta_signal_query','priming',"+
		"'detect_time_skew','detect_time_jump'}) do pcall(modules.unload, m) end\n"+
		"trust_anchors.remove('.')\ntrust_anchors.add(%q)\n", d.path("kresd"), hints,
		root.anchor)), d.path("kresd"))
	d.write(t, "trust.lua", fmt.Sprintf("clearTA()\naddTA('.', %q)\n",
		strings.Join(ds[len(ds)-4:], " ")))
	d.write(t, "recursor.conf", fmt.Sprintf("local-address=127.0.0.1\nlocal-port=5307\n"+
		"hint-file=%s\ndnssec=validate\ndont-query=\nsocket-dir=%s\ndaemon=no\nwrite-pid=no\n"+
		"security-poll-suffix=\nthreads=1\ndns64-prefix=64:ff9b::/96\nlua-config-file=%s\n"+
		"aggressive-nsec-cache-size=0\n", hints, string(d), d.path("trust.lua")))
	start(t, "pdns_recursor", "--config-dir="+string(d))
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
