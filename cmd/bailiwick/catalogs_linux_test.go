// Catalog zones in a whole server.

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/console"
	"bailiwick/internal/lab"
	"bailiwick/internal/observe"
	"bailiwick/internal/snapshot"
	"bailiwick/wire"
)

// zoneServer is a primary of zones that a test changes.
type zoneServer struct {
	mu    sync.Mutex
	zones map[string][]string // records beside SOA and NS
	at    map[string]uint32   // serials
	asked map[string]int      // transfers
	polls map[string]int      // questions for the serial
	port  int
}

// newZoneServer starts one on loopback.
func newZoneServer(t *testing.T) *zoneServer {
	t.Helper()
	p := &zoneServer{zones: map[string][]string{}, at: map[string]uint32{},
		asked: map[string]int{}, polls: map[string]int{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.port = l.Addr().(*net.TCPAddr).Port
	s := &dns.Server{Listener: l, Handler: p}
	go func() { _ = s.ActivateAndServe() }()
	t.Cleanup(func() { _ = s.Shutdown() })
	return p
}

// has gives a zone these records, and the next serial.
func (p *zoneServer) has(zone string, records ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.zones[zone] = records
	p.at[zone]++
}

// transfers returns how often a zone was transferred.
func (p *zoneServer) transfers(zone string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[zone]
}

// polled returns how often the serial of a zone was asked for.
func (p *zoneServer) polled(zone string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.polls[zone]
}

// ServeDNS implements dns.Handler.
func (p *zoneServer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	p.mu.Lock()
	defer p.mu.Unlock()
	zone, m := q.Question[0].Name, new(dns.Msg).SetReply(q)
	defer func() { _ = w.WriteMsg(m) }()
	if p.at[zone] == 0 {
		m.Rcode = dns.RcodeRefused
		return
	}
	soa := fmt.Sprintf("%s 60 IN SOA invalid. invalid. %d 3600 600 86400 60", zone, p.at[zone])
	lines := []string{soa}
	if q.Question[0].Qtype == dns.TypeSOA {
		p.polls[zone]++
	} else {
		p.asked[zone]++
		lines = append(append(lines, zone+" 60 IN NS invalid."), append(p.zones[zone], soa)...)
	}
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			m.Rcode = dns.RcodeServerFailure
			return
		}
		m.Answer = append(m.Answer, rr)
	}
}

// catalogText is a configuration with a catalog.
func catalogText(port int, more string) string {
	return plain + fmt.Sprintf("zones:\n  catalogs:\n    - {name: catalog.example, "+
		"primaries: [\"127.0.0.1@%d\"], use: policy, within: [example], break_dnssec: yes}\n"+
		"  catalog_groups:\n    - {catalog: catalog.example, group: own, use: copies, "+
		"fallback: no}\n    - {catalog: catalog.example, group: none, use: nothing}\n"+
		"trust_anchors: {insecure: [held.example, rpz.example, catalog.example]}\n", port) + more
}

// member writes the records of a member.
func member(id, zone, group string) []string {
	lines := []string{fmt.Sprintf("%s.zones.catalog.example. 0 IN PTR %s.", id, zone)}
	if group != "" {
		lines = append(lines, fmt.Sprintf("group.%s.zones.catalog.example. 0 IN TXT %q", id, group))
	}
	return lines
}

// Members of a catalog come, change and go while the server runs: policy zones, and zones that are
// resolved by a copy. A broken catalog changes nothing, and nobody is served the catalog itself.
func TestRFC9432CatalogInAServer(t *testing.T) {
	p := newZoneServer(t)
	version := []string{"version.catalog.example. 0 IN TXT \"2\""}
	publish := func(members ...[]string) {
		lines := version
		for _, m := range members {
			lines = append(lines[:len(lines):len(lines)], m...)
		}
		p.has("catalog.example.", lines...)
	}
	p.has("rpz.example.", "www.secure.example.rpz.example. 60 IN CNAME .")
	p.has("held.example.", "www.held.example. 60 IN A 192.0.2.80")
	publish(member("a", "rpz.example", ""))
	s := reloadable(t, catalogText(p.port, ""))
	refresh := func(zone string) {
		t.Helper()
		if _, err := s.refreshZone(console.Request{Args: map[string]string{"name": zone}}); err !=
			nil {
			t.Error(err)
		}
	}
	answers := func(name, want string) func() bool {
		return func() bool { got, _ := s.ask("udp", s.udp, name); return got == want }
	}
	until(t, "the member is not a policy zone", answers("www.secure.example.", "NXDOMAIN"))

	publish(member("a", "rpz.example", ""), member("b", "held.example", "own"),
		member("c", "other.test", ""), member("d", "unused.example", "none"))
	s.expect("www.held.example.", "NXDOMAIN")
	refresh("catalog.example")
	until(t, "the member is not resolved by its copy", answers("www.held.example.", "NOERROR"))
	s.expect("www.secure.example.", "NXDOMAIN")
	s.expect("version.catalog.example.", "NXDOMAIN")
	if got := s.rowOfZone("catalog.example."); got != "is one -" {
		t.Errorf("catalog: %s", got)
	}
	if got := s.rowOfZone("held.example."); got != "catalog.example. -" {
		t.Errorf("member: %s", got)
	}
	for _, zone := range []string{"other.test.", "unused.example."} {
		if got := s.rowOfZone(zone); got != "" {
			t.Errorf("%s is kept: %s", zone, got)
		}
	}
	if st := s.catalogStates()[0]; st.Members != 3 || st.Refused != 1 || st.Broken != "" {
		t.Errorf("%+v", st)
	}

	// A reload keeps the members and their copies.
	before := p.transfers("held.example.")
	if _, err := s.reload(); err != nil {
		t.Fatal(err)
	}
	s.expect("www.held.example.", "NOERROR")
	s.expect("www.secure.example.", "NXDOMAIN")

	// A broken version.
	good := version
	version = nil
	publish()
	refresh("catalog.example")
	until(t, "it is not seen that it is broken", func() bool {
		return strings.Contains(s.rowOfZone("catalog.example."), "broken: it has no version")
	})
	s.expect("www.held.example.", "NOERROR")
	s.expect("www.secure.example.", "NXDOMAIN")
	if p.transfers("held.example.") != before {
		t.Error("a member was transferred again")
	}

	// Another label: what is known of the zone is forgotten.
	version = good
	publish(member("a", "rpz.example", ""), member("e", "held.example", "own"))
	refresh("catalog.example")
	until(t, "the zone does not begin anew", func() bool {
		return p.transfers("held.example.") == before+1
	})
	until(t, "it is not resolved again", answers("www.held.example.", "NOERROR"))

	// Members that go are forgotten, their answers too.
	publish()
	refresh("catalog.example")
	until(t, "the policy zone holds on", answers("www.secure.example.", "NOERROR+ad"))
	until(t, "the member holds on", answers("www.held.example.", "NXDOMAIN"))
	if n := len(s.keeper.Status()); n != 1 {
		t.Errorf("%d zones are kept", n)
	}

	// Without a catalog there are no members.
	publish(member("a", "rpz.example", ""))
	refresh("catalog.example")
	until(t, "the member is not back", answers("www.secure.example.", "NXDOMAIN"))
	s.change(plain)
	s.expect("www.secure.example.", "NOERROR+ad")
}

// rowOfZone returns the last columns of a zone in `ctl zones`: its catalog and problem.
func (s *reloaded) rowOfZone(zone string) string {
	r, err := s.listZones(console.Request{})
	if err != nil {
		s.t.Error(err)
	}
	for _, row := range r.Rows {
		if row[0] == zone {
			return fmt.Sprint(row[len(row)-2], " ", row[len(row)-1])
		}
	}
	return ""
}

// A restart begins with the members that there were and their copies, also when the catalog cannot
// be had (RFC 9432, section 5.1). What has not changed meanwhile is not transferred again
// (NLnetLabs/nsd #427: all members were at each start, and those that could not be had were gone).
func TestRFC9432MembersOutliveARestart(t *testing.T) {
	p := newZoneServer(t)
	p.has("held.example.", "www.held.example. 60 IN A 192.0.2.80")
	p.has("catalog.example.", append(member("a", "held.example", "own"),
		"version.catalog.example. 0 IN TXT \"2\"")...)
	dir := filepath.Join(t.TempDir(), "state")
	text := catalogText(p.port, fmt.Sprintf("state: {directory: %q}\n", dir))
	usable := func(s *stack) func() bool {
		return func() bool {
			z := s.keeper.Closest(wire.MustParseName("www.held.example."))
			return z != nil && z.Apex().String() == "held.example."
		}
	}
	for round, what := range []string{"first start", "restart", "restart without primaries"} {
		gone := round == 2
		polled := p.polled("held.example.")
		if gone {
			p.mu.Lock()
			p.at = map[string]uint32{} // everything is refused
			p.mu.Unlock()
		}
		s := &reloaded{t: t, file: filepath.Join(t.TempDir(), "bailiwick.yaml")}
		s.udp = fmt.Sprintf("127.0.0.1:%d", freePort(t))
		s.write(text)
		cfg, found := readConfig(s.file)
		loaded, more := snapshot.Load(cfg)
		if found = append(found, more...); found.Err() != nil {
			t.Fatal(found.Err())
		}
		journal := observe.NewJournal(new(strings.Builder))
		var err error
		world := lab.Internet(time.Now())
		if s.running, err = newStack(loaded, world, journal).listen(); err != nil {
			t.Fatal(err)
		}
		s.start()
		if round > 0 && !usable(s.stack)() {
			t.Errorf("%s: the member is not there at the start", what)
		}
		until(t, what+": the member is not usable", usable(s.stack))
		if round == 1 {
			until(t, "the serial is not asked for", func() bool {
				return p.polled("held.example.") > polled
			})
		}
		if n := p.transfers("held.example."); n != 1 {
			t.Errorf("%s: the member was transferred %d times", what, n)
		}
		s.close()
		journal.Close()
	}
}

// A catalog cannot make itself, another catalog or a zone of the configuration a member: whoever
// makes it decides on the zones of within alone (RFC 9432, section 7; coredns/coredns #5500,
// PowerDNS/pdns #16971: catalogs of catalogs; coredns/coredns #8230: zones of the configuration).
func TestRFC9432CatalogsOfCatalogs(t *testing.T) {
	p := newZoneServer(t)
	records := append(member("a", "catalog.example", ""), member("b", "rpz.example", "")...)
	records = append(append(records, member("c", "own.example", "")...), member("d", "", "")...)
	records = append(append(records, member("e", "example", "")...),
		"version.catalog.example. 0 IN TXT \"2\"")
	p.has("rpz.example.", "www.secure.example.rpz.example. 60 IN CNAME .")
	p.has("own.example.", "www.own.example. 60 IN A 192.0.2.80")
	p.has("catalog.example.", records...)
	text := strings.Replace(catalogText(p.port, ""), "zones:\n", fmt.Sprintf("zones:\n  held:\n"+
		"    - {name: own.example, primaries: [\"127.0.0.1@%d\"], fallback: no}\n", p.port), 1)
	s := reloadable(t, text)
	until(t, "the member is not in force", func() bool {
		got, _ := s.ask("udp", s.udp, "www.secure.example.")
		return got == "NXDOMAIN"
	})
	st := s.catalogStates()[0]
	if st.Members != 2 || st.Refused != 3 || st.Broken != "" { // rpz.example and example
		t.Errorf("%+v", st)
	}
	if got := s.rowOfZone("catalog.example."); got != "is one -" {
		t.Errorf("the catalog: %s", got)
	}
}

// Where a catalog comes from is where its members come from: another primary of the catalog is
// theirs too, without anybody's changing each (PowerDNS/pdns #12714: members kept the one that they
// began with; PowerDNS/pdns #17047: what the catalog has was not the members').
func TestRFC9432MembersFollowTheCatalogsPrimary(t *testing.T) {
	old, next := newZoneServer(t), newZoneServer(t)
	for i, p := range []*zoneServer{old, next} {
		p.has("catalog.example.", append(member("a", "held.example", "own"),
			"version.catalog.example. 0 IN TXT \"2\"")...)
		for range i + 1 { // the next one has a later serial
			p.has("held.example.", fmt.Sprintf("www.held.example. 60 IN A 192.0.2.%d", 80+i))
		}
	}
	s := reloadable(t, catalogText(old.port, ""))
	gets := func(want string) func() bool {
		return func() bool { return s.askAs(others, s.udp, "www.held.example.") == want }
	}
	until(t, "the member is not there", gets("NOERROR 192.0.2.80"))
	s.change(catalogText(next.port, ""))
	until(t, "the member does not follow", func() bool {
		for _, zone := range []string{"catalog.example", "held.example"} {
			_, _ = s.refreshZone(console.Request{Args: map[string]string{"name": zone}})
		}
		return gets("NOERROR 192.0.2.81")()
	})
	asked, polls := old.polled("held.example.")+old.transfers("held.example."),
		next.polled("held.example.")
	until(t, "the member is not checked again", func() bool {
		if _, err := s.refreshZone(console.Request{Args: map[string]string{
			"name": "held.example"}}); err != nil {
			t.Error(err)
		}
		return next.polled("held.example.") > polls+1 // the first may be of a check that was on
	})
	if n := old.polled("held.example.") + old.transfers("held.example."); n != asked {
		t.Error("the old primary is still asked")
	}
}

// A primary that gives the catalog's SOA record without AA, as it makes the zone while it is asked,
// is one all the same (TechnitiumSoftware/DnsServer #1156: another consumer asked for no transfer).
// The test's primary sets none. One that gives no SOA record at all is not believed.
func TestRFC9432PrimaryWithoutSOA(t *testing.T) {
	p := newZoneServer(t)
	p.has("rpz.example.", "www.secure.example.rpz.example. 60 IN CNAME .")
	p.has("catalog.example.", append(member("a", "rpz.example", ""),
		"version.catalog.example. 0 IN TXT \"2\"")...)
	s := reloadable(t, catalogText(p.port, ""))
	until(t, "the member is not in force", func() bool {
		got, _ := s.ask("udp", s.udp, "www.secure.example.")
		return got == "NXDOMAIN"
	})
	p.mu.Lock()
	p.at = map[string]uint32{} // refuses everything
	p.mu.Unlock()
	until(t, "the zones are not checked again", func() bool {
		for _, zone := range []string{"catalog.example", "rpz.example"} {
			_, _ = s.refreshZone(console.Request{Args: map[string]string{"name": zone}})
		}
		zones := s.keeper.Status()
		return len(zones) == 2 && zones[0].Failed > 0 && zones[1].Failed > 0
	})
	s.expect("www.secure.example.", "NXDOMAIN")
	if st := s.catalogStates()[0]; st.Members != 1 || st.Broken != "" {
		t.Errorf("%+v", st)
	}
}

// A catalog that its primary has lost, and makes anew, keeps its members meanwhile: its serial is
// older, then it has no version yet (desec-io/desec-ns #20: all secondaries dropped all zones), and
// a primary that thinks it has no members does not transfer it (PowerDNS/pdns #14159). When it is
// back as it was, no member is transferred again.
func TestRFC9432CatalogIsMadeAnew(t *testing.T) {
	p := newZoneServer(t)
	whole := append(member("a", "rpz.example", ""), "version.catalog.example. 0 IN TXT \"2\"")
	p.has("rpz.example.", "www.secure.example.rpz.example. 60 IN CNAME .")
	for range 3 {
		p.has("catalog.example.", whole...)
	}
	s := reloadable(t, catalogText(p.port, ""))
	until(t, "the member is not in force", func() bool {
		got, _ := s.ask("udp", s.udp, "www.secure.example.")
		return got == "NXDOMAIN"
	})
	checked := func() (good, failed int64) {
		for _, z := range s.keeper.Status() {
			if z.Zone.String() == "catalog.example." {
				return z.Current + z.Updated, z.Failed
			}
		}
		return 0, 0
	}
	transfers := p.transfers("rpz.example.")
	for _, step := range []struct {
		what    string
		serial  uint32
		records []string
		fails   bool
		broken  bool
	}{
		{"an older serial, and nothing in it", 1, nil, true, false},
		{"no transfer of one without members", 5, []string{"no record"}, true, false},
		{"no version yet", 6, nil, false, true},
		{"as it was", 7, whole, false, false},
	} {
		good, failed := checked()
		p.mu.Lock()
		p.zones["catalog.example."], p.at["catalog.example."] = step.records, step.serial
		p.mu.Unlock()
		until(t, step.what+": the catalog is not checked", func() bool {
			_, _ = s.refreshZone(console.Request{Args: map[string]string{
				"name": "catalog.example"}})
			g, f := checked()
			return (step.fails && f > failed || !step.fails && g > good) &&
				(s.catalogStates()[0].Broken != "") == step.broken
		})
		s.expect("www.secure.example.", "NXDOMAIN")
		if st := s.catalogStates()[0]; st.Members != 1 {
			t.Errorf("%s: %+v", step.what, st)
		}
	}
	if n := p.transfers("rpz.example."); n != transfers {
		t.Errorf("the member was transferred %d times more", n-transfers)
	}
}

// A catalog can be a file that NSD has written, of one that Knot DNS makes: with an SOA record that
// never expires, no TTL, and an origin for each part (NLnetLabs/nsd #288: it crashed at its own).
func TestRFC9432CatalogAsNSDWritesIt(t *testing.T) {
	p := newZoneServer(t)
	p.has("rpz.example.", "www.secure.example.rpz.example. 60 IN CNAME .")
	path := filepath.Join(t.TempDir(), "catalog")
	if err := os.WriteFile(path, []byte("; zone catalog.example. written by NSD\n"+
		"$ORIGIN example.\ncatalog\t0\tIN\tSOA\tinvalid. invalid. (\n"+
		"\t\t1686924749 3600 600 2147483646 0 )\n\t0\tIN\tNS\tinvalid.\n"+
		"$ORIGIN catalog.example.\nversion\t0\tIN\tTXT\t\"2\"\n$ORIGIN zones.catalog.example.\n"+
		"d000250b594a7c3f\t0\tIN\tPTR\trpz.example.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := reloadable(t, plain+fmt.Sprintf("zones:\n  catalogs:\n    - {name: catalog.example, "+
		"file: %q, member_primaries: [\"127.0.0.1@%d\"], use: policy, within: [example], "+
		"break_dnssec: yes}\n", path, p.port))
	until(t, "the member is not in force", func() bool {
		got, _ := s.ask("udp", s.udp, "www.secure.example.")
		return got == "NXDOMAIN"
	})
	if st := s.catalogStates()[0]; st.Members != 1 || st.Broken != "" {
		t.Errorf("%+v", st)
	}
}
