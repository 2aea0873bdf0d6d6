// Rules of all triggers and actions beside BIND and PowerDNS Recursor, over UDP and TCP. Which of
// several rules decides is compared in rpz_precedence_test.go; here one holds for each name.

package interop

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// triggerZones is how many zones, and how many clients, there is a rule about each.
const triggerZones = 120

// plainZones is how many zones there is no rule about.
const plainZones = 8

// triggerActions are the actions of rules.
var triggerActions = []string{"CNAME .", "CNAME *.", "CNAME rpz-passthru.", "CNAME rpz-tcp-only.",
	"CNAME rpz-drop.", "A 10.9.8.7", "CNAME www.garden.example.", "CNAME *.all.garden.example."}

// triggerPolicies are the policy zones.
var triggerPolicies = []enforced{{"one", ""}, {"two", "log-only"}, {"three", ""},
	{"four", "nodata"}}

// triggerWorld is an internet of zones each of which has a server of its own, and a zone below it.
type triggerWorld struct {
	*lab.World
	aliases  map[string]int // the zone that they lead to
	about    []string       // what the rule about each zone is about
	policies map[string]string
}

// triggerClient is the i-th client; those above triggerZones are no rule's.
func triggerClient(i int) string { return fmt.Sprintf("127.0.6.%d", i+1) }

// triggerZone is the name of the i-th zone.
func triggerZone(i int) string { return fmt.Sprintf("t%d.example.", i) }

func newTriggerWorld(random *rand.Rand) *triggerWorld {
	w := &triggerWorld{World: lab.New(time.Now()), aliases: map[string]int{},
		policies: map[string]string{}}
	w.Add(lab.Zone{Name: "example."})
	for i := range triggerZones + plainZones {
		zone, target := triggerZone(i), random.IntN(triggerZones+plainZones)
		w.aliases["a."+zone] = target
		w.Add(lab.Zone{Name: zone, Algorithm: lab.Unsigned, Records: fmt.Sprintf("h1 A 192.0.%d.1"+
			"\nh2 A 192.0.%d.2\nh2 A 192.0.%d.129\na CNAME h1.%s", i, i, i, triggerZone(target))})
		w.Add(lab.Zone{Name: "sub." + zone, Algorithm: lab.Unsigned,
			Records: fmt.Sprintf("h3 A 192.0.%d.3\nx.h4 A 192.0.%d.4", i, i)})
	}
	w.Add(lab.Zone{Name: "garden.example.", Algorithm: lab.Unsigned,
		Records: "www A 198.51.100.1\n*.all A 198.51.100.2"})
	for i := range triggerZones {
		w.rule(random, network(netip.MustParseAddr(triggerClient(i)), 32)+".rpz-client-ip")
		w.about = append(w.about, w.rule(random, w.owner(random, i)))
	}
	return w
}

// rule adds a rule to one of the policy zones, and returns it.
func (w *triggerWorld) rule(random *rand.Rand, owner string) string {
	z := triggerPolicies[random.IntN(len(triggerPolicies))].name
	rule := owner + " " + triggerActions[random.IntN(len(triggerActions))]
	w.policies[z] += rule + "\n"
	return rule
}

// owner is that of a rule about the i-th zone: about names, addresses, or the zone's server.
func (w *triggerWorld) owner(random *rand.Rand, i int) string {
	zone := strings.TrimSuffix(triggerZone(i), ".")
	address := netip.AddrFrom4([4]byte{192, 0, byte(i), 129})
	server := w.AddressOf(triggerZone(i))
	owners := []string{"h1." + zone, "*." + zone, "*.sub." + zone,
		network(address, 24+random.IntN(9)) + ".rpz-ip", "ns1." + zone + ".rpz-nsdname",
		"*." + zone + ".rpz-nsdname", network(server, 32) + ".rpz-nsip",
		"ns1.sub." + zone + ".rpz-nsdname"}
	return owners[random.IntN(len(owners))]
}

// triggered is a question of a client.
type triggered struct {
	client, network, name string
	qt                    uint16
	zone                  int
}

// question makes one: of a client that a rule is about for a name that none is about, or the other
// way round.
func (w *triggerWorld) question(random *rand.Rand) triggered {
	labels := []string{"h1.", "h2.", "a.", "no.", "h3.sub.", "x.h4.sub.", "no.sub."}
	q := triggered{network: []string{"udp", "udp", "tcp"}[random.IntN(3)],
		qt:     []uint16{dns.TypeA, dns.TypeA, dns.TypeTXT}[random.IntN(3)],
		client: triggerClient(triggerZones + random.IntN(plainZones)),
		zone:   random.IntN(triggerZones)}
	if random.IntN(4) == 0 {
		q.client = triggerClient(random.IntN(triggerZones))
		q.zone = triggerZones + random.IntN(plainZones)
	}
	q.name = labels[random.IntN(len(labels))] + triggerZone(q.zone)
	return q
}

// asked is what the client hears.
func (q *triggered) asked(at string) string {
	return heard(q.network, q.client, at, q.name, q.qt)
}

// rulesAbout returns what the rules are about the name that is asked for, and about the one that it
// leads to; "" where there is none.
func (w *triggerWorld) rulesAbout(q *triggered) (own, end string) {
	if q.zone < triggerZones {
		own = w.about[q.zone]
	}
	if target, ok := w.aliases[q.name]; ok && target < triggerZones {
		end = w.about[target]
	}
	return own, end
}

// reasonOfRecursor says why PowerDNS Recursor may answer otherwise; "" if nothing does.
func (w *triggerWorld) reasonOfRecursor(q *triggered, theirs string) string {
	own, end := w.rulesAbout(q)
	servers := strings.Contains(own+end, ".rpz-ns")
	switch {
	case strings.HasPrefix(theirs, " ") && servers && q.network == "tcp" &&
		strings.Contains(own+end, "tcp-only"):
		return "tcp-only of a rule about servers is an unknown RCODE over TCP"
	case end != "" && !strings.HasPrefix(theirs, " "):
		return "what leads to a name that a rule is about is left out"
	case servers:
		return "rules about servers are for what it asks these, not for what it has in its cache"
	}
	return ""
}

// TestTriggersBeside asks BIND, PowerDNS Recursor and Bailiwick the same questions under four
// random policy zones, of which one is only logged and one has another action.
func TestTriggersBeside(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "named", "pdns_recursor"})
		return
	}
	random := rand.New(rand.NewPCG(uint64(fromEnvironment(t, "INTEROP_SEED", 1)), 5))
	loopback(t)
	w := newTriggerWorld(random)
	root, dir := listen(t, w.World), folder(t.TempDir())
	dir.write(t, "hints", root.hints())
	for _, z := range triggerPolicies {
		text := "$TTL 60\n@ SOA ns. host. 1 3600 600 86400 60\n@ NS ns.\n" + w.policies[z.name]
		dir.write(t, z.name+".rpz", text)
		dir.write(t, z.name+".pdns", "$ORIGIN "+z.name+".rpz.\n"+text)
	}
	dir.enforcingOwn(t, triggerPolicies)
	dir.enforcingBIND(t, triggerPolicies)
	dir.enforcingRecursor(t, triggerPolicies)
	for _, at := range []string{bindAddr, bailiwickAddr, recursorAddr} {
		awaitGarden(t, at)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	counts := map[string]int{}
	work := make(chan triggered)
	for range 48 {
		wg.Go(func() {
			for q := range work {
				got := q.asked(bailiwickAddr)
				for _, other := range []struct{ name, at string }{{"BIND", bindAddr},
					{"PowerDNS", recursorAddr}} {
					want, why := q.asked(other.at), "the same"
					if got != want {
						why = ""
						if other.name == "PowerDNS" {
							why = w.reasonOfRecursor(&q, want)
						}
					}
					if why == "" {
						own, end := w.rulesAbout(&q)
						t.Errorf("%+v (%s; %s): %s; %s: %s", q, own, end, got, other.name, want)
					}
					mu.Lock()
					counts[other.name+": "+why]++
					mu.Unlock()
				}
			}
		})
	}
	for range fromEnvironment(t, "INTEROP_QUESTIONS", 2000) {
		work <- w.question(random)
	}
	close(work)
	wg.Wait()
	for what, count := range counts {
		t.Logf("%d: %s", count, what)
	}
}
