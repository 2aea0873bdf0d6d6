// Local data beside Unbound's local-zone and local-data: random zones of each type, hosts files and
// random questions.

package interop

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// localTypes are types of local zones, and Unbound's names of them.
var localTypes = []struct{ own, unbound string }{{"transparent", "transparent"},
	{"typetransparent", "typetransparent"}, {"static", "static"}, {"redirect", "redirect"},
	{"refuse", "refuse"}, {"nxdomain", "always_nxdomain"}, {"inform", "inform"}, {"drop", "deny"}}

// localLabels are the names that a zone may have records of, here and on the Internet.
var localLabels = []string{"", "www.", "other.", "a.b.", "b.", "c.a.b.", "x.www.", "alias.",
	"mail.", "no."}

// localRecords are records that a name may have here.
var localRecords = []struct {
	t    uint16
	data string
}{{dns.TypeA, "10.0.0.1"}, {dns.TypeTXT, "here"}, {dns.TypeAAAA, "fd00::1"}}

// localWorld is local zones, with the Internet's of the same names.
type localWorld struct {
	*lab.World
	types   map[string]string              // of local zones
	records map[string]map[uint16][]string // by name and type
	hosts   []string                       // lines of a hosts file
	names   []string                       // that are asked for
}

// newLocalWorld makes three zones of each type; of those that drop, one.
func newLocalWorld(random *rand.Rand) *localWorld {
	w := &localWorld{World: lab.Internet(time.Now()), types: map[string]string{},
		records: map[string]map[uint16][]string{}}
	for _, typ := range localTypes {
		for i := range 3 {
			if typ.own == "drop" && i > 0 {
				break
			}
			w.addZone(random, fmt.Sprintf("%s%d.example.", typ.own, i), typ.own)
		}
	}
	for i := range 12 {
		name := fmt.Sprintf("h%d.hosts.example.", i)
		address := fmt.Sprintf("198.18.0.%d", i+1)
		line, reverse := address+" "+name, fmt.Sprintf("%d.0.18.198.in-addr.arpa.", i+1)
		w.add(name, dns.TypeA, address)
		w.add(reverse, dns.TypePTR, name)
		if i%3 == 0 { // another name, which is not that of the address
			line += " alias" + name
			w.add("alias"+name, dns.TypeA, address)
		}
		w.hosts = append(w.hosts, line)
		if i%2 == 0 {
			w.hosts = append(w.hosts, fmt.Sprintf("2001:db8:1::%d %s # both", i+1, name))
			w.add(name, dns.TypeAAAA, fmt.Sprintf("2001:db8:1::%d", i+1))
		}
		w.names = append(w.names, name, "alias"+name, "x."+name, reverse)
	}
	w.Add(lab.Zone{Name: "hosts.example.", Records: "h0 A 192.0.2.9\nh1 TXT public\n" +
		"aliash0 A 192.0.2.8\nx.h2 A 192.0.2.7\naliash1 A 192.0.2.6"})
	return w
}

// add has a name a record here.
func (w *localWorld) add(name string, t uint16, data string) {
	if w.records[name] == nil {
		w.records[name] = map[uint16][]string{}
	}
	w.records[name][t] = append(w.records[name][t], data)
}

// addZone adds a local zone, and the Internet's.
func (w *localWorld) addZone(random *rand.Rand, zone, typ string) {
	w.types[zone] = typ
	var public []string
	for _, label := range localLabels {
		w.names = append(w.names, label+zone)
		owner := strings.TrimSuffix(label, ".")
		if owner == "" {
			owner = "@"
		}
		for _, rr := range []string{"A 192.0.2.1", "TXT public", "MX 10 mail"} {
			if label != "alias." && random.IntN(2) == 0 {
				public = append(public, owner+" "+rr)
			}
		}
		switch {
		case typ == "redirect" && label != "": // it would be of no use, and is refused
		case label == "alias.":
			w.add(label+zone, dns.TypeCNAME, "www.secure.example.")
		case label == "no.":
		default:
			for _, r := range localRecords {
				if random.IntN(4) == 0 {
					w.add(label+zone, r.t, r.data)
				}
			}
		}
	}
	if typ == "redirect" && len(w.records[zone]) == 0 {
		w.add(zone, dns.TypeA, "10.0.0.1")
	}
	w.Add(lab.Zone{Name: zone, Records: strings.Join(public, "\n")})
}

// lines returns all records as lines of a zone file.
func (w *localWorld) lines() (list []string) {
	for name, sets := range w.records {
		for t, set := range sets {
			for _, data := range set {
				list = append(list, fmt.Sprintf("%s 60 %s %s", name, dns.TypeToString[t], data))
			}
		}
	}
	return list
}

// zoneOf returns the local zone of a name, "" if it is in none.
func (w *localWorld) zoneOf(name string) string {
	for zone := range w.types {
		if dns.IsSubDomain(zone, name) {
			return zone
		}
	}
	return ""
}

// between reports whether a name has no records here, and is a zone's or has names below it.
func (w *localWorld) between(name string) bool {
	if w.records[name] != nil {
		return false
	}
	if _, is := w.types[name]; is {
		return true
	}
	for other := range w.records {
		if dns.IsSubDomain(name, other) {
			return true
		}
	}
	return false
}

// reason says why an answer may be another one than Unbound's; "" if nothing does.
func (w *localWorld) reason(q dns.Question, got, unbound string) string {
	typ := w.types[w.zoneOf(q.Name)]
	switch {
	case typ == "nxdomain" && (w.records[q.Name] != nil || w.between(q.Name)):
		return "records count in zones of the type nxdomain, too"
	case w.records[q.Name][dns.TypeCNAME] != nil && strings.HasPrefix(got, unbound):
		return "aliases are followed, as clients do not"
	}
	return ""
}

// TestLocalDataAreThoseOfUnbound asks Unbound and Bailiwick for names in local zones of each type
// and of hosts files, which Unbound is given as local-data.
func TestLocalDataAreThoseOfUnbound(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "unbound"})
		return
	}
	random := rand.New(rand.NewPCG(uint64(fromEnvironment(t, "INTEROP_SEED", 1)), 17))
	loopback(t)
	w := newLocalWorld(random)
	root, dir := listen(t, w.World), folder(t.TempDir())
	w.begin(t, dir, root)
	types := []uint16{dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeTXT, dns.TypeMX, dns.TypeDS,
		dns.TypeCNAME, dns.TypePTR}
	var mu sync.Mutex
	var wg sync.WaitGroup
	counts, work := map[string]int{}, make(chan *dns.Msg)
	for range 48 {
		wg.Go(func() {
			for m := range work {
				q := m.Question[0]
				got, unbound := said(bailiwickAddr, m), said(unboundAddr, m)
				why := "the same"
				if got != unbound {
					if why = w.reason(q, got, unbound); why == "" {
						t.Errorf("%s %s DO=%v CD=%v: %s, Unbound %s", q.Name,
							dns.TypeToString[q.Qtype], m.IsEdns0().Do(), m.CheckingDisabled, got,
							unbound)
					}
				}
				mu.Lock()
				counts[why]++
				mu.Unlock()
			}
		})
	}
	for range fromEnvironment(t, "INTEROP_QUESTIONS", 2000) {
		m := new(dns.Msg).SetQuestion(w.names[random.IntN(len(w.names))],
			types[random.IntN(len(types))])
		m.SetEdns0(1232, random.IntN(2) == 0)
		m.CheckingDisabled = random.IntN(4) == 0
		m.AuthenticatedData = true
		work <- m
	}
	close(work)
	wg.Wait()
	for why, n := range counts {
		t.Logf("%d: %s", n, why)
	}
}

// begin starts both.
func (w *localWorld) begin(t *testing.T, dir folder, root root) {
	t.Helper()
	hints := dir.write(t, "hints", root.hints())
	theirs, zones, records := "  local-zone: 18.198.in-addr.arpa. nodefault\n", "", ""
	for _, typ := range localTypes {
		for zone, own := range w.types {
			if own == typ.own {
				theirs += fmt.Sprintf("  local-zone: %q %s\n", zone, typ.unbound)
				zones += fmt.Sprintf("    - {name: %s, type: %s}\n", zone, own)
			}
		}
	}
	for _, line := range w.lines() {
		theirs += fmt.Sprintf("  local-data: '%s'\n", line)
		if name, _, _ := strings.Cut(line, " "); w.zoneOf(name) != "" { // no hosts file's
			records += fmt.Sprintf("    - %q\n", line)
		}
	}
	start(t, "unbound", "-d", "-c", dir.write(t, "unbound.conf", unboundConf(fmt.Sprintf(
		"  interface: 127.0.0.1@5301\n  do-not-query-localhost: no\n  root-hints: %q\n  "+
			"minimal-responses: yes\n  trust-anchor: %q\n%s", hints, root.anchor, theirs), "")))
	start(t, build(t, string(dir)), "serve", "--config", dir.write(t, "bailiwick.yaml",
		fmt.Sprintf("listen: {udp: [%q], tcp: [%q]}\n"+
			"admin: {listen: \"\"}\ncontrol: {socket: \"\"}\nlog: {level: error}\n"+
			"resolver: {ipv6: \"false\", root_hints_file: %q, do_not_query_localhost: false}\n"+
			"trust_anchors: {builtin: false, records: [%q]}\npolicy:\n  hosts_files: [%q]\n"+
			"  local_zones:\n%s  local_records:\n%s", bailiwickAddr, bailiwickAddr, hints,
			root.anchor, dir.write(t, "hosts", strings.Join(w.hosts, "\n")+"\n"), zones, records)))
	for _, at := range []string{unboundAddr, bailiwickAddr} {
		await(t, at, "www.secure.example.", dns.TypeA, func(m *dns.Msg) bool {
			return m.AuthenticatedData
		})
	}
}

// said is what a resolver answers: the RCODE, AD without CD, and the data, or that there is none.
func said(at string, m *dns.Msg) string {
	r := patiently(&dns.Client{}, m, at)
	if r != nil && r.Truncated {
		r = patiently(&dns.Client{Net: "tcp"}, m, at)
	}
	if r == nil {
		return "no answer"
	}
	r.AuthenticatedData = r.AuthenticatedData && !m.CheckingDisabled
	return verdict(r)
}
