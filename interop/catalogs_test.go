// Catalog zones of Knot DNS, with BIND as another consumer: what each serves after every change.

package interop

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// memberNames are all zones that Knot has.
var memberNames = []string{"m1", "m2", "m3", "m4", "h1", "h2", "h3", "h4"}

// catalogWorld is Knot DNS with a catalog that it makes itself, gen.test, and two that it only
// serves, one.test and two.test; and two consumers.
type catalogWorld struct {
	folder
	bin       string
	generated map[string]string // members of gen.test, and their groups
	serial    int               // of the other catalogs
}

// catalogSteps are changes, one after the other: the members of gen.test, with their groups; the
// records of the other catalogs; the members that are served then, and those that BIND serves if
// they are others.
var catalogSteps = []struct {
	what         string
	generated    map[string]string
	one, two     []string
	serves, bind string
}{
	{what: "at first", one: []string{"version TXT 2", "a.zones PTR h1.test.",
		"b.zones PTR h2.test."}, two: []string{"version TXT 2"}, serves: "h1 h2 m1 m2"},
	{what: "a member is added", generated: map[string]string{"m1": "", "m2": "", "m3": ""},
		serves: "h1 h2 m1 m2 m3"},
	{what: "a member is removed", generated: map[string]string{"m2": "", "m3": ""},
		serves: "h1 h2 m2 m3"},
	{what: "a member has another label", one: []string{"version TXT 2", "c.zones PTR h1.test.",
		"b.zones PTR h2.test."}, serves: "h1 h2 m2 m3"},
	{what: "two catalogs have a member", two: []string{"version TXT 2", "b.zones PTR h2.test."},
		serves: "h1 h2 m2 m3"},
	{what: "and the one that does not own it forgets it", two: []string{"version TXT 2"},
		serves: "h1 h2 m2 m3"},
	{what: "the owner gives it away", one: []string{"version TXT 2", "c.zones PTR h1.test.",
		"b.zones PTR h2.test.", "coo.b.zones PTR two.test."}, serves: "h1 h2 m2 m3"},
	{what: "the next owner takes it", two: []string{"version TXT 2", "b.zones PTR h2.test."},
		serves: "h1 h2 m2 m3"},
	{what: "and the first one forgets it", one: []string{"version TXT 2",
		"c.zones PTR h1.test."}, serves: "h1 h2 m2 m3"},
	{what: "a catalog without version", one: []string{"c.zones PTR h1.test.",
		"d.zones PTR h3.test."}, serves: "h1 h2 m2 m3"},
	{what: "a catalog of another version", one: []string{"version TXT 3", "d.zones PTR h3.test."},
		serves: "h1 h2 m2 m3"},
	{what: "a catalog with a zone of two labels",
		one: []string{"version TXT 2", "c.zones PTR h1.test.", "d.zones PTR h3.test.",
			"e.zones PTR h3.test."}, serves: "h1 h2 m2 m3", bind: "h1 h2 h3 m2 m3"},
	{what: "it is mended", one: []string{"version TXT 2", "c.zones PTR h1.test."},
		serves: "h1 h2 m2 m3"},
	{what: "a catalog with two zones of a label", one: []string{"version TXT 2",
		"c.zones PTR h1.test.", "f.zones PTR h3.test.", "f.zones PTR h4.test."},
		serves: "h1 h2 m2 m3"},
	{what: "it is mended, too", one: []string{"version TXT 2", "c.zones PTR h1.test."},
		serves: "h1 h2 m2 m3"},
	{what: "a member is added after that", one: []string{"version TXT 2", "c.zones PTR h1.test.",
		"g.zones PTR h3.test."}, serves: "h1 h2 h3 m2 m3"},
	{what: "a member of a group that is a policy", generated: map[string]string{"m2": "", "m3": "",
		"m4": "policy"}, serves: "h1 h2 h3 m2 m3", bind: "h1 h2 h3 m2 m3 m4"},
	{what: "a member comes into a group", one: []string{"version TXT 2", "c.zones PTR h1.test.",
		"g.zones PTR h3.test.", "group.g.zones TXT policy"}, serves: "h1 h2 m2 m3",
		bind: "h1 h2 h3 m2 m3 m4"},
	{what: "and out of it", one: []string{"version TXT 2", "c.zones PTR h1.test.",
		"g.zones PTR h3.test."}, serves: "h1 h2 h3 m2 m3", bind: "h1 h2 h3 m2 m3 m4"},
	{what: "a catalog becomes empty", generated: map[string]string{}, serves: "h1 h2 h3"},
	{what: "the others too", one: []string{"version TXT 2"}, two: []string{"version TXT 2"},
		serves: ""},
}

// TestCatalogsAreThoseOfOthers changes the catalogs step by step.
func TestCatalogsAreThoseOfOthers(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "knotd", "knotc", "named"})
		return
	}
	loopback(t)
	run(t, "ip", "addr", "add", bindPrimary+"/32", "dev", "lo") // BIND looks at interfaces
	w := &catalogWorld{folder: folder(t.TempDir()),
		generated: map[string]string{"m1": "", "m2": ""}}
	w.bin = build(t, string(w.folder))
	w.begin(t)
	w.processed(t)
	for _, s := range catalogSteps {
		if s.generated != nil {
			w.generated = s.generated
			w.write(t, "knot.conf", w.knot())
			w.knotc(t, "reload")
		}
		for catalog, lines := range map[string][]string{"one": s.one, "two": s.two} {
			if lines != nil {
				w.publish(t, catalog, lines)
			}
		}
		w.processed(t)
		w.serve(t, s.what, s.serves, cmp.Or(s.bind, s.serves))
	}
}

// knot is Knot's configuration.
func (w *catalogWorld) knot() string {
	zone := func(name, more string) string {
		return fmt.Sprintf("  - domain: %s.test\n    file: %s.zone\n%s", name, name, more)
	}
	text := fmt.Sprintf("server:\n    rundir: %[1]q\n    listen: %[2]s@53\n"+
		"log:\n  - target: stderr\n    any: warning\ndatabase:\n    storage: %[1]q\n"+
		"remote:\n  - id: own\n    address: 127.0.0.1@5303\n    via: %[2]s\n"+
		"  - id: bind\n    address: %[3]s\n    via: %[2]s\n"+
		"acl:\n  - id: all\n    address: 127.0.0.0/8\n    action: transfer\n"+
		"template:\n  - id: default\n    storage: %[1]q\n    acl: all\n    notify: [own, bind]\n"+
		"    zonefile-sync: -1\n    zonefile-load: whole\nzone:\n", w.folder, knotPrimary,
		bindPrimary)
	text += "  - domain: gen.test\n    catalog-role: generate\n    serial-policy: unixtime\n" +
		zone("one", "") + zone("two", "")
	for _, m := range memberNames {
		// a zone that is there already becomes no member, nor ceases to be one, by a reload
		group, member := w.generated[m]
		if !member && strings.HasPrefix(m, "m") {
			continue
		}
		more := ""
		if member {
			more = "    catalog-role: member\n    catalog-zone: gen.test\n"
		}
		if group != "" {
			more += "    catalog-group: " + group + "\n"
		}
		text += zone(m, more)
	}
	return text
}

// begin starts all three.
func (w *catalogWorld) begin(t *testing.T) {
	t.Helper()
	for _, m := range memberNames {
		w.write(t, m+".zone", simpleZone(m+".test"))
	}
	for _, catalog := range []string{"one", "two"} {
		w.records(t, catalog, []string{"version TXT 2"})
	}
	start(t, "knotd", "-c", w.write(t, "knot.conf", w.knot()))
	await(t, knotPrimary+":53", "one.test.", dns.TypeSOA, func(m *dns.Msg) bool {
		return len(m.Answer) > 0
	})
	consumed, zones, own := "", "", ""
	for _, catalog := range []string{"gen", "one", "two"} {
		consumed += fmt.Sprintf("zone \"%s.test\" default-primaries { %s; } in-memory yes "+
			"min-update-interval 1; ", catalog, knotPrimary)
		zones += fmt.Sprintf("zone \"%s.test\" { type secondary; primaries { %s; }; };\n", catalog,
			knotPrimary)
		own += fmt.Sprintf("    - {name: %s.test, primaries: [%s], "+
			"use: copies, fallback: no, within: [test]}\n", catalog, knotPrimary)
	}
	start(t, "named", "-f", "-4", "-n", "1", "-c", w.write(t, "named.conf", fmt.Sprintf(
		"options { directory %q; listen-on { %s; }; listen-on-v6 { none; }; recursion no; "+
			"pid-file none; session-keyfile none; dnssec-validation no; notify no; "+
			"catalog-zones { %s }; };\ncontrols { };\n%s", w.folder, bindPrimary, consumed, zones)))
	start(t, w.bin, "serve", "--config", w.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [%q], tcp: [%q]}\nadmin: {listen: \"\"}\ncontrol: {socket: %q}\n"+
			"log: {level: error}\ntrust_anchors: {insecure: [test]}\nzones:\n  catalogs:\n%s"+
			"  catalog_groups: [{catalog: gen.test, group: policy, use: policy}, "+
			"{catalog: one.test, group: policy, use: policy}]\n",
		bailiwickAddr, bailiwickAddr, w.path("ctl"), own)))
}

// records writes a catalog that Knot only serves.
func (w *catalogWorld) records(t *testing.T, catalog string, lines []string) {
	t.Helper()
	w.serial++
	w.write(t, catalog+".zone", fmt.Sprintf("$ORIGIN %s.test.\n$TTL 0\n@ SOA invalid. invalid. %d "+
		"3600 600 86400 0\n@ NS invalid.\n%s\n", catalog, w.serial, strings.Join(lines, "\n")))
}

// publish has Knot serve other records of a catalog.
func (w *catalogWorld) publish(t *testing.T, catalog string, lines []string) {
	t.Helper()
	w.records(t, catalog, lines)
	w.knotc(t, "zone-reload", catalog+".test")
}

// knotc commands Knot.
func (w *catalogWorld) knotc(t *testing.T, args ...string) {
	t.Helper()
	if out := run(t, "knotc", append([]string{"-c", w.path("knot.conf"), "-b"},
		args...)...); strings.Contains(out, "error") {
		t.Fatalf("knotc %v: %s", args, out)
	}
}

// serialAt is the serial of a zone at a server; 0 if it does not have the zone. Knot DNS tells of a
// catalog that it makes over TCP alone.
func serialAt(at, zone string) uint32 {
	c := dns.Client{Net: "tcp"}
	m, _, err := c.Exchange(new(dns.Msg).SetQuestion(zone, dns.TypeSOA), at)
	if err == nil && len(m.Answer) > 0 {
		if soa, ok := m.Answer[0].(*dns.SOA); ok {
			return soa.Serial
		}
	}
	return 0
}

// processed waits until both consumers have the catalogs that Knot has.
func (w *catalogWorld) processed(t *testing.T) {
	t.Helper()
	var knot, bind, own map[string]uint32
	defer func() {
		if t.Failed() {
			t.Logf("Knot has %v, BIND %v, Bailiwick %v", knot, bind, own)
		}
	}()
	eventually(t, "both have the catalogs that Knot has", func() bool {
		knot, bind, own = map[string]uint32{}, map[string]uint32{}, map[string]uint32{}
		for _, catalog := range []string{"gen.test.", "one.test.", "two.test."} {
			knot[catalog] = serialAt(knotPrimary+":53", catalog)
			bind[catalog] = serialAt(bindPrimary+":53", catalog)
		}
		var all struct{ Rows []heldZone }
		out := run(t, w.bin, "ctl", "-s", w.path("ctl"), "--json", "zones")
		_ = json.Unmarshal([]byte(out), &all) // while it begins there is nothing
		for _, z := range all.Rows {
			if knot[z.Zone] != 0 {
				own[z.Zone] = uint32(z.Serial)
			}
		}
		return maps.Equal(knot, bind) && maps.Equal(knot, own)
	})
}

// serve waits until both consumers serve members, and holds them to that for longer than BIND takes
// to process a catalog that it has (min-update-interval).
func (w *catalogWorld) serve(t *testing.T, what, own, bind string) {
	t.Helper()
	var got [2]string
	for end, right := time.Now().Add(patience), 0; time.Now().Before(end) && right < 15; {
		got = [2]string{served(bailiwickAddr), served(bindPrimary + ":53")}
		if got == [2]string{own, bind} {
			right++
		}
		time.Sleep(100 * time.Millisecond)
	}
	if got[0] != own {
		t.Errorf("%s: Bailiwick serves %q, want %q", what, got[0], own)
	}
	if got[1] != bind {
		t.Errorf("%s: BIND serves %q, want %q", what, got[1], bind)
	}
}

// served are the members that a consumer serves.
func served(at string) string {
	var all []string
	for _, m := range memberNames {
		a, err := ask(at, "www."+m+".test.", dns.TypeA)
		if err == nil && a.Rcode == dns.RcodeSuccess && len(a.Answer) > 0 {
			all = append(all, m)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
