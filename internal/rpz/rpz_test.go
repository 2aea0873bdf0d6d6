package rpz

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"bailiwick/wire"
	"bailiwick/zone"
)

// read makes rules of lines of a policy zone rpz.example.
func read(t testing.TB, lines ...string) *Rules {
	t.Helper()
	text := "@ 60 SOA ns.rpz.example. host.rpz.example. 1 60 60 86400 30\n@ 60 NS localhost.\n" +
		strings.Join(lines, "\n") + "\n"
	z, err := zone.Parse(strings.NewReader(text), wire.MustParseName("rpz.example."), "", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return New(z)
}

// set makes a set of zones that have rules each.
func set(rules ...*Rules) *Set {
	s := &Set{}
	for _, r := range rules {
		s.Zones = append(s.Zones, Zone{Name: r.zone.Apex(), BreakDNSSEC: true, Rules: r})
	}
	return s
}

// found is what a set says of facts, as text.
func (s *Set) found(f Facts) string {
	var logged []string
	m, v := s.Find(&f, func(m Match) { logged = append(logged, m.Rule().String()) })
	switch {
	case v == Undecided:
		return "undecided"
	case v == None && logged != nil:
		return "logged " + strings.Join(logged, " ")
	case v == None:
		return "none"
	}
	rule, _, _ := strings.Cut(m.Rule().String(), ".rpz.example.")
	return fmt.Sprintf("%s %s %s", rule, m.Trigger, m.Action)
}

func addrs(texts ...string) (list []netip.Addr) {
	for _, t := range texts {
		list = append(list, netip.MustParseAddr(t))
	}
	return list
}

// Owner names of networks are read as section 4.1.1 of the draft has them; whatever says another
// thing than it means is not a rule.
func TestNetworksOfRules(t *testing.T) {
	for owner, want := range map[string]string{
		"32.1.2.0.192.rpz-ip":                      "192.0.2.1/32",
		"24.0.2.0.192.rpz-client-ip":               "192.0.2.0/24",
		"128.57.zz.1.0.db8.2001.rpz-nsip":          "2001:db8:0:1::57/128",
		"48.zz.1.db8.2001.rpz-ip":                  "2001:db8:1::/48",
		"128.1.zz.rpz-ip":                          "::1/128",
		"128.8.7.6.5.4.3.2.1.rpz-ip":               "1:2:3:4:5:6:7:8/128",
		"128.zz.1.2.3.4.5.6.7.rpz-ip":              "7:6:5:4:3:2:1:0/128",
		"120.0.zz.2.0.DB8.2001.rpz-ip":             "2001:db8:0:2::/120",
		"24.1.2.0.192.rpz-ip":                      "beyond",
		"33.1.2.0.192.rpz-ip":                      "no prefix",
		"0.0.0.0.0.rpz-ip":                         "no prefix",
		"129.1.zz.rpz-ip":                          "no prefix",
		"32.256.2.0.192.rpz-ip":                    "IPv4",
		"32.2.0.192.rpz-ip":                        "neither",
		"128.1.zz.2.zz.rpz-ip":                     "once",
		"128.12345.zz.rpz-ip":                      "not part",
		"x.1.2.0.192.rpz-ip":                       "not a length",
		"rpz-ip":                                   "nothing below",
		"a.rpz-foo":                                "mark of no trigger",
		"128.102.304.ffff.zz.rpz-ip":               "disguise",
		"128.0.0.0.0.0.0.0.0.0.rpz-ip":             "neither",
		"128.zz.1.2.3.4.5.6.7.8.rpz-ip":            "once",
		"64.zz.0.0.0.0.1.0.db8.2001.rpz-client-ip": "once",
	} {
		p, err := parseTrigger(wire.MustParseName(owner))
		if err == nil && p.prefix.String() != want || err != nil &&
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v %v, want %s", owner, p.prefix, err, want)
		}
	}
}

// Each form of record is the action that section 3 of the draft gives it.
func TestActionsOfRules(t *testing.T) {
	r := read(t, "a.test CNAME .", "b.test CNAME *.", "c.test CNAME rpz-passthru.",
		"d.test CNAME rpz-drop.", "e.test CNAME RPZ-TCP-only.", "f.test CNAME f.test.",
		"g.test CNAME garden.example.net.", "h.test A 192.0.2.1", "i.test CNAME *.garden.",
		"j.test CNAME x.j.test.", "*.k.test CNAME .", "rpz.test CNAME .")
	s := set(r)
	for name, want := range map[string]string{"a": "nxdomain", "b": "nodata", "c": "passthru",
		"d": "drop", "e": "tcp-only", "f": "passthru", "g": "local-data", "h": "local-data",
		"i": "local-data", "j": "local-data", "rpz": "nxdomain"} {
		f := Facts{Name: wire.MustParseName(name + ".test.")}
		if got, want := s.found(f), name+".test qname "+want; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if n := r.Len(QName); n != 12 {
		t.Errorf("%d rules", n)
	}
}

// Records that are not rules are skipped and counted, and do no harm to the others.
func TestBadRulesAreSkippedAndCounted(t *testing.T) {
	r := read(t, "good.test CNAME .", "a.test DNAME b.", "b.test NS ns.b.test.",
		"c.test CNAME rpz-foo.", "99.1.2.3.4.rpz-ip CNAME .", "x.rpz-bar CNAME .",
		"d.test CNAME x.rpz-foo.", "e.test TXT yes", "e.test NS ns.e.test.")
	n, why := r.Skipped()
	if n != 6 || len(why) != maxWhy || r.Len(QName) != 2 {
		t.Errorf("%d skipped, %d rules: %q", n, r.Len(QName), why)
	}
	if got := set(r).found(Facts{Name: wire.MustParseName("good.test.")}); got !=
		"good.test qname nxdomain" {
		t.Error(got)
	}
	s := set(read(t, "c.test CNAME rpz-foo.", "*.w.test CNAME rpz-foo.", "x.c.test CNAME .",
		"z.test CNAME .", "*.z.test CNAME ."))
	for _, name := range []string{"c.test.", "q.w.test."} {
		if got := s.found(Facts{Name: wire.MustParseName(name)}); got != "none" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Names below a mark are about something else than questions: whoever asks for such a name gets
// what is said of it, which is nothing.
func TestSection4MarksAreNoNames(t *testing.T) {
	s := set(read(t, "ns.test.rpz-nsdname CNAME .", "32.1.2.0.192.rpz-client-ip CNAME .",
		"*.test.rpz-nsdname CNAME .", "a.b.c CNAME .", "*.b.c CNAME ."))
	for _, name := range []string{"ns.test.rpz-nsdname.", "32.1.2.0.192.rpz-client-ip.",
		"x.test.rpz-nsdname."} {
		if got := s.found(Facts{Name: wire.MustParseName(name), Answered: true}); got != "none" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// The exact name comes before wildcards. These are as those of any zone: not about their own
// parent, nor about names below another name that the zone has (section 5.3 of the draft; RFC
// 4592).
func TestSection53Names(t *testing.T) {
	s := set(read(t, "*.test CNAME *.", "*.a.test CNAME .", "x.a.test CNAME rpz-passthru.",
		"*.b.a.test CNAME rpz-drop.", "deep.ent.test CNAME .", "*.alone CNAME .",
		"* CNAME rpz-tcp-only."))
	for name, want := range map[string]string{"test.": "none", "a.test.": "none",
		"z.test.": "*.test qname nodata", "y.z.test.": "*.test qname nodata",
		"x.a.test.": "x.a.test qname passthru", "y.x.a.test.": "none",
		"z.a.test.": "*.a.test qname nxdomain", "b.a.test.": "none",
		"q.b.a.test.": "*.b.a.test qname drop", "q.r.b.a.test.": "*.b.a.test qname drop",
		"ent.test.": "none", "other.ent.test.": "none",
		"x.y.alone.": "*.alone qname nxdomain", "alone.": "none",
		"net.": "* qname tcp-only", ".": "none"} {
		if got := s.found(Facts{Name: wire.MustParseName(name)}); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	s = set(read(t, "*.ns.test.rpz-nsdname CNAME .", "a.ns.test.rpz-nsdname CNAME *."))
	for server, want := range map[string]string{"b.ns.test.": "*.ns.test.rpz-nsdname nsdname " +
		"nxdomain", "a.ns.test.": "a.ns.test.rpz-nsdname nsdname nodata", "x.a.ns.test.": "none",
		"ns.test.": "none", "b.other.": "none", "test.": "none"} {
		got := s.found(Facts{Name: wire.MustParseName("w."), Answered: true,
			Servers: func() ([]wire.Name, []netip.Addr) {
				return []wire.Name{wire.MustParseName(server)}, nil
			}})
		if got != want {
			t.Errorf("server %s: %s, want %s", server, got, want)
		}
	}
}

// The first zone decides, whatever the triggers; within a zone the triggers have an order (sections
// 5.2 and 5.5 of the draft). A rule for which the answer is needed makes all zones behind it wait.
func TestSection55Order(t *testing.T) {
	first := read(t, "32.1.2.0.192.rpz-ip CNAME .", "32.9.0.0.10.rpz-client-ip CNAME rpz-drop.")
	second := read(t, "a.test CNAME *.", "32.9.0.0.10.rpz-client-ip CNAME rpz-passthru.",
		"ns.a.test.rpz-nsdname CNAME rpz-tcp-only.", "32.53.0.0.10.rpz-nsip CNAME .")
	servers := func() ([]wire.Name, []netip.Addr) {
		return []wire.Name{wire.MustParseName("ns.a.test.")}, addrs("10.0.0.53")
	}
	a, b := wire.MustParseName("a.test."), wire.MustParseName("b.test.")
	client := netip.MustParseAddr("10.0.0.9")
	for i, c := range []struct {
		s    *Set
		f    Facts
		want string
	}{
		{set(first, second), Facts{Name: a, Client: client},
			"32.9.0.0.10.rpz-client-ip client-ip drop"},
		{set(first, second), Facts{Name: a}, "undecided"},
		{set(second, first), Facts{Name: a}, "a.test qname nodata"},
		{set(second, first), Facts{Name: b}, "undecided"},
		{set(second, first), Facts{Name: a, Client: client},
			"32.9.0.0.10.rpz-client-ip client-ip passthru"},
		{set(first, second), Facts{Name: a, Answered: true, Addresses: addrs("192.0.2.1")},
			"32.1.2.0.192.rpz-ip response-ip nxdomain"},
		{set(first, second), Facts{Name: a, Answered: true, Addresses: addrs("192.0.2.2")},
			"a.test qname nodata"},
		{set(second, first), Facts{Name: b, Answered: true, Addresses: addrs("192.0.2.1"),
			Servers: servers}, "ns.a.test.rpz-nsdname nsdname tcp-only"},
		{set(first, second), Facts{Name: b, Answered: true, Addresses: addrs("192.0.2.1"),
			Servers: servers}, "32.1.2.0.192.rpz-ip response-ip nxdomain"},
		{set(second), Facts{Name: b, Answered: true, Servers: func() ([]wire.Name, []netip.Addr) {
			return nil, addrs("10.0.0.53")
		}}, "32.53.0.0.10.rpz-nsip nsip nxdomain"},
		{set(second), Facts{Name: b, Answered: true}, "none"},
	} {
		if got := c.s.found(c.f); got != c.want {
			t.Errorf("%d: %s, want %s", i, got, c.want)
		}
	}
}

// Of addresses the longest prefix counts, then the smallest address; of server names the smallest
// one in canonical order (sections 5.6 to 5.8 of the draft).
func TestSection57Networks(t *testing.T) {
	s := set(read(t, "8.0.0.0.10.rpz-ip CNAME .", "24.0.1.0.10.rpz-ip CNAME *.",
		"24.0.2.0.10.rpz-ip CNAME rpz-drop.", "64.zz.1.0.db8.2001.rpz-ip CNAME rpz-passthru.",
		"*.b.test.rpz-nsdname CNAME .", "z.a.test.rpz-nsdname CNAME *."))
	name := wire.MustParseName("www.test.")
	for list, want := range map[string]string{
		"10.9.9.9":                      "8.0.0.0.10.rpz-ip response-ip nxdomain",
		"10.9.9.9 10.0.1.5":             "24.0.1.0.10.rpz-ip response-ip nodata",
		"10.0.2.1 10.0.1.5":             "24.0.1.0.10.rpz-ip response-ip nodata",
		"10.0.1.5 10.0.2.1":             "24.0.1.0.10.rpz-ip response-ip nodata",
		"2001:db8:0:1::1 10.9.9.9":      "8.0.0.0.10.rpz-ip response-ip nxdomain",
		"2001:db8:0:1::1":               "64.zz.1.0.db8.2001.rpz-ip response-ip passthru",
		"::ffff:10.0.1.1":               "24.0.1.0.10.rpz-ip response-ip nodata",
		"192.0.2.1 2001:db8:0:2::1 ::1": "none",
	} {
		f := Facts{Name: name, Answered: true, Addresses: addrs(strings.Fields(list)...)}
		if got := s.found(f); got != want {
			t.Errorf("%s: %s, want %s", list, got, want)
		}
	}
	f := Facts{Name: name, Answered: true, Servers: func() ([]wire.Name, []netip.Addr) {
		return []wire.Name{wire.MustParseName("x.b.test."), wire.MustParseName("z.a.test.")}, nil
	}}
	if got, want := s.found(f), "z.a.test.rpz-nsdname nsdname nodata"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What the operator says of a zone comes before what its rules say. A zone whose rules are only
// logged leaves the decision to the next one.
func TestOverrides(t *testing.T) {
	rules := read(t, "a.test CNAME rpz-passthru.", "b.test A 192.0.2.1")
	s := set(rules, read(t, "*.test CNAME rpz-drop."))
	s.Zones[0].Overrides, s.Zones[0].Override = true, LogOnly
	if got := s.found(Facts{Name: wire.MustParseName("a.test.")}); got != "*.test qname drop" {
		t.Error(got)
	}
	s.Zones[0].Override, s.Zones[0].Target = LocalData, wire.MustParseName("garden.example.")
	if got := s.found(Facts{Name: wire.MustParseName("a.test.")}); got !=
		"a.test qname local-data" {
		t.Error(got)
	}
	q := wire.Question{Name: wire.MustParseName("a.test."), Type: wire.TypeA, Class: wire.ClassIN}
	m, _ := s.Find(&Facts{Name: q.Name}, nil)
	sets, target, ok := m.Data(q)
	if len(sets) != 1 || sets[0].Type != wire.TypeCNAME || sets[0].Name != q.Name || !ok ||
		target.String() != "garden.example." || sets[0].TTL != 30 {
		t.Errorf("%v %s %v", sets, target, ok)
	}
}

// A client that validates gets the truth about names that are signed, unless the zone says
// otherwise; what the zone lets pass needs no such question.
func TestSignedAnswersAreNotRewritten(t *testing.T) {
	s := set(read(t, "a.test CNAME .", "b.test CNAME rpz-passthru."), read(t,
		"*.test CNAME rpz-drop."))
	s.Zones[0].BreakDNSSEC = false
	a, b := wire.MustParseName("a.test."), wire.MustParseName("b.test.")
	for i, c := range []struct {
		f    Facts
		want string
	}{
		{Facts{Name: a}, "a.test qname nxdomain"},
		{Facts{Name: a, DO: true}, "undecided"},
		{Facts{Name: b, DO: true}, "b.test qname passthru"},
		{Facts{Name: a, DO: true, Answered: true}, "a.test qname nxdomain"},
		{Facts{Name: a, DO: true, Answered: true, Secure: true}, "*.test qname drop"},
		{Facts{Name: a, Answered: true, Secure: true}, "a.test qname nxdomain"},
	} {
		if got := s.found(c.f); got != c.want {
			t.Errorf("%d: %s, want %s", i, got, c.want)
		}
	}
	s.Zones[0].WaitRecurse = true
	if got := s.found(Facts{Name: a}); got != "undecided" {
		t.Error(got)
	}
	if got := s.found(Facts{Name: b}); got != "b.test qname passthru" {
		t.Error(got)
	}
}

// Local data are the records of the type that is asked for, or an alias, which may have the name
// that was asked for in front.
func TestLocalDataOfRules(t *testing.T) {
	s := set(read(t, "a.test A 192.0.2.1", "a.test A 192.0.2.2", "a.test TXT hello",
		"b.test CNAME *.garden.example.", "c.test CNAME www.example.net.", "*.d.test AAAA ::1"))
	for q, want := range map[string]string{
		"a.test. A":    "A 2 -",
		"a.test. ANY":  "A 2 TXT 1 -",
		"a.test. AAAA": "-",
		"b.test. A":    "CNAME 1 b.test.garden.example.", "b.test. CNAME": "CNAME 1 -",
		"c.test. MX":     "CNAME 1 www.example.net.",
		"x.d.test. AAAA": "AAAA 1 -",
	} {
		name, typ, _ := strings.Cut(q, " ")
		qt, _ := wire.ParseType(typ)
		question := wire.Question{Name: wire.MustParseName(name), Type: qt, Class: wire.ClassIN}
		m, _ := s.Find(&Facts{Name: question.Name}, nil)
		sets, target, ok := m.Data(question)
		var got []string
		for _, x := range sets {
			got = append(got, fmt.Sprintf("%s %d", x.Type, x.Len()))
			if x.Name != question.Name {
				t.Errorf("%s: of %s", q, x.Name)
			}
		}
		slices.Sort(got)
		to := "-"
		if !target.IsZero() {
			to = target.String()
		}
		if text := strings.Join(append(got, to), " "); text != want || !ok {
			t.Errorf("%s: %s %v, want %s", q, text, ok, want)
		}
	}
	long := strings.Repeat(strings.Repeat("x", 60)+".", 4) + "b.test."
	s = set(read(t, "*.b.test CNAME *.garden.example."))
	q := wire.Question{Name: wire.MustParseName(long), Type: wire.TypeA, Class: wire.ClassIN}
	m, v := s.Find(&Facts{Name: q.Name}, nil)
	if _, _, ok := m.Data(q); v != Found || ok {
		t.Error("a name of more than 255 octets is made")
	}
}
