package localdata

import (
	"fmt"
	"strings"
	"testing"

	"bailiwick/internal/cause"
	"bailiwick/internal/policy"
	"bailiwick/wire"
)

// build makes data of zones, as "name type", and of records.
func build(t testing.TB, zones []string, records ...string) (*Data, error) {
	var zs []Zone
	for _, z := range zones {
		f := strings.Fields(z)
		for i, name := range TypeNames() {
			if name == f[1] {
				zs = append(zs, Zone{wire.MustParseName(f[0]), Type(i)})
			}
		}
	}
	b := NewBuilder(zs)
	for _, r := range records {
		if err := b.AddText(r); err != nil {
			return nil, err
		}
	}
	return b.Data()
}

// said is what the data say to a question, as text: "-" for a name that is resolved as any other.
func said(d *Data, name string, t wire.Type) string {
	l := d.Answer(wire.Question{Name: wire.MustParseName(name), Type: t, Class: wire.ClassIN})
	if l == nil {
		return "-"
	}
	s := l.Outcome().Label()
	if l.Action == policy.LocalResolve {
		s = "-"
	}
	for _, set := range l.Answer {
		s += fmt.Sprintf(" %s %s %d", set.Name, set.Type, set.Len())
	}
	if !l.Target.IsZero() {
		s += " to " + l.Target.String()
	}
	if l.SOA != nil && len(l.Answer) == 0 {
		s += " SOA " + l.SOA.Name.String()
	}
	if l.Cause != cause.None {
		s += " " + l.Cause.Label()
	}
	if !l.Inform.IsZero() {
		s += " inform"
	}
	return s
}

// What each type of a zone says of a name with records, of another type of it, of a name between it
// and its zone, and of others.
func TestTypes(t *testing.T) {
	const data = "data www.corp.test. A 1"
	for _, c := range []struct{ typ, otherType, between, other, apex string }{
		{"transparent", "nodata SOA corp.test.", "-", "-", "-"},
		{"typetransparent", "-", "-", "-", "-"},
		{"static", "nodata SOA corp.test.", "nodata SOA corp.test.", "nxdomain SOA corp.test.",
			"nodata SOA corp.test."},
		{"refuse", "refused SOA corp.test. blocked", "refused SOA corp.test. blocked",
			"refused SOA corp.test. blocked", "refused SOA corp.test. blocked"},
		{"drop", "dropped SOA corp.test. blocked_silently",
			"dropped SOA corp.test. blocked_silently",
			"dropped SOA corp.test. blocked_silently", "dropped SOA corp.test. blocked_silently"},
		{"nxdomain", "nodata SOA corp.test.", "nxdomain SOA corp.test. blocked",
			"nxdomain SOA corp.test. blocked", "nxdomain SOA corp.test. blocked"},
		{"inform", "nodata SOA corp.test. inform", "- inform", "- inform", "- inform"},
	} {
		d, err := build(t, []string{"corp.test " + c.typ}, "www.corp.test A 192.0.2.1",
			"a.b.corp.test 60 TXT x")
		if err != nil {
			t.Fatal(err)
		}
		want := data
		if c.typ == "inform" {
			want += " inform"
		}
		for name, want := range map[string]string{"www.corp.test. A": want,
			"www.corp.test. MX": c.otherType, "b.corp.test. A": c.between,
			"no.corp.test. A": c.other, "no.www.corp.test. A": c.other, "corp.test. A": c.apex,
			"test. A": "-", "xcorp.test. A": "-"} {
			q := strings.Fields(name)
			qt, _ := wire.ParseType(q[1])
			if got := said(d, q[0], qt); got != want {
				t.Errorf("%s: %s: %s, want %s", c.typ, name, got, want)
			}
		}
	}
}

// A zone of the type redirect has its own records for all names in it, and clients are told that
// they are not the name's own.
func TestRedirect(t *testing.T) {
	d, err := build(t, []string{"ads.test redirect"}, "ads.test A 192.0.2.1",
		"ads.test A 192.0.2.2")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"ads.test.": "data ads.test. A 2 forged",
		"x.y.ads.test.": "data x.y.ads.test. A 2 forged", "test.": "-"} {
		if got := said(d, name, wire.TypeA); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := said(d, "x.ads.test.", wire.TypeAAAA); got != "nodata SOA ads.test." {
		t.Error(got)
	}
	if _, err := build(t, []string{"ads.test redirect"}, "x.ads.test A 192.0.2.1"); err == nil {
		t.Error("a record below the zone's name is accepted, and would never be served")
	}
}

// RFC 4592: a wildcard holds for names that do not exist, and not below those that do.
func TestRFC4592Wildcards(t *testing.T) {
	d, err := build(t, []string{"corp.test static"}, "*.dev.corp.test A 192.0.2.1",
		"real.dev.corp.test TXT x", "deep.ent.dev.corp.test TXT x")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"x.dev.corp.test.": "data x.dev.corp.test. A 1",
		"x.y.dev.corp.test.":    "data x.y.dev.corp.test. A 1",
		"*.dev.corp.test.":      "data *.dev.corp.test. A 1",
		"real.dev.corp.test.":   "nodata SOA corp.test.",
		"x.real.dev.corp.test.": "nxdomain SOA corp.test.",
		"ent.dev.corp.test.":    "nodata SOA corp.test.",
		"x.ent.dev.corp.test.":  "nxdomain SOA corp.test.",
		"dev.corp.test.":        "nodata SOA corp.test."} {
		if got := said(d, name, wire.TypeA); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if d, err = build(t, nil, "*.open.test A 192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	if got := said(d, "x.open.test.", wire.TypeA); got != "data x.open.test. A 1" {
		t.Errorf("outside of zones: %s", got)
	}
	if got := said(d, "open.test.", wire.TypeA); got != "-" {
		t.Errorf("above a wildcard: %s", got)
	}
}

// The DS set of a zone is its parent's (RFC 4035, section 3.1.4.1): the proof that there is none
// comes from there, so that validators behind this server accept what it says below.
func TestRFC4035DSOfALocalZoneIsTheParents(t *testing.T) {
	d, err := build(t, []string{"corp.test static", "sub.corp.test static"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"corp.test.": "-",
		"sub.corp.test.": "nodata SOA corp.test.", "x.corp.test.": "nxdomain SOA corp.test."} {
		if got := said(d, name, wire.TypeDS); got != want {
			t.Errorf("%s DS: %s, want %s", name, got, want)
		}
	}
}

// The deepest zone decides, and an alias tells where it leads.
func TestDeepestZoneAndAliases(t *testing.T) {
	d, err := build(t, []string{"test static", "open.test transparent"},
		"a.test CNAME www.example.org.", "b.open.test A 192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a.test.":      "data a.test. CNAME 1 to www.example.org.",
		"x.open.test.": "-", "open.test.": "-", "x.test.": "nxdomain SOA test."} {
		if got := said(d, name, wire.TypeA); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := said(d, "a.test.", wire.TypeCNAME); got != "data a.test. CNAME 1" {
		t.Error(got)
	}
	if got := said(d, "b.open.test.", wire.TypeANY); got != "data b.open.test. A 1" {
		t.Error(got)
	}
}

// Records that cannot be served are refused when they are read.
func TestBadRecords(t *testing.T) {
	for _, records := range [][]string{{"www.test A"}, {"www.test A 1.2.3"}, {""}, {"; a comment"},
		{"www.test CH TXT x"}, {"www.test NSEC a.test. A"},
		{"www.test DNAME other."}, {"www.test ANY"}, {"a.test A 192.0.2.1\nb.test A 192.0.2.2"},
		{"a.test CNAME b.test", "a.test A 192.0.2.1"}, {"a.test A 192.0.2.1", "a.test CNAME b"},
		{"a.test CNAME b.test", "a.test CNAME c.test"}, {"$INCLUDE /etc/passwd"},
		{"$GENERATE 1-4 a$ A 192.0.2.$"}} {
		if _, err := build(t, nil, records...); err == nil {
			t.Errorf("accepted: %q", records)
		}
	}
	d, err := build(t, nil, "a.test 60 A 192.0.2.1", "a.test. 300 IN A 192.0.2.1",
		"a.test A 192.0.2.2")
	if err != nil || said(d, "a.test.", wire.TypeA) != "data a.test. A 2" {
		t.Errorf("equal records: %v", err)
	}
}

// Lists in the forms that are found: names, hosts files, wildcards, filters. What would block
// everything, or this machine, is left out, and so is what is not a name.
func TestListForms(t *testing.T) {
	b := NewBuilder(nil)
	skipped, err := b.AddList("ads.txt", ListNXDomain, strings.NewReader("\ufeff# a list\n"+
		"! another comment\nAds.Example # with a comment\n*.wild.example\n||filter.example^\n"+
		"0.0.0.0 tracker.example pixel.example\n::1 six.example\n127.0.0.1 localhost\n"+
		"under_score.example.\r\n\n.\n*\n192.0.2.1\n/regex/\n||half.example\nplain two.example\n"+
		"xn--bcher-kva.example\n"+strings.Repeat("a", 64)+".example\n"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := b.Data()
	if err != nil {
		t.Fatal(err)
	}
	for name, blocked := range map[string]bool{"ads.example.": true, "www.ads.example.": true,
		"wild.example.": true, "x.wild.example.": true, "filter.example.": true,
		"tracker.example.": true, "pixel.example.": true, "six.example.": true,
		"under_score.example.": true, "xn--bcher-kva.example.": true, "localhost.": false,
		"example.": false, "half.example.": false, "two.example.": false, "xads.example.": false,
		".": false} {
		if got := said(d, name, wire.TypeA); (got != "-") != blocked {
			t.Errorf("%s: %s", name, got)
		}
	}
	if d.Blocked() != 8 || d.Lists()[0].Names != 8 || skipped != 8 {
		t.Errorf("%d names, %+v, %d skipped", d.Blocked(), d.Lists(), skipped)
	}
	if got := said(d, "x.ads.example.", wire.TypeA); got !=
		"nxdomain SOA ads.example. blocked" {
		t.Error(got)
	}
}

// The longest name of all lists decides, and of equal ones the first list. Local records come
// before lists.
func TestListsAndExceptions(t *testing.T) {
	b := NewBuilder(nil)
	for _, l := range []struct {
		action Action
		names  string
	}{{ListAllow, "good.ads.example\nsame.example"}, {ListNXDomain, "ads.example\nsame.example"},
		{ListNoData, "empty.example"}, {ListRefuse, "refused.example"},
		{ListDrop, "dropped.example\nads.example"}} {
		if _, err := b.AddList("list", l.action, strings.NewReader(l.names)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.AddText("own.ads.example A 192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	d, err := b.Data()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"x.good.ads.example.": "-", "same.example.": "-",
		"x.ads.example.":   "nxdomain SOA ads.example. blocked",
		"empty.example.":   "nodata SOA empty.example. blocked",
		"refused.example.": "refused blocked", "dropped.example.": "dropped blocked_silently",
		"own.ads.example.": "data own.ads.example. A 1"} {
		if got := said(d, name, wire.TypeA); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// A hosts file gives names and addresses, and the first name of an address is its reverse.
func TestHosts(t *testing.T) {
	b := NewBuilder(nil)
	skipped, err := b.AddHosts(strings.NewReader("# hosts\n192.0.2.7 printer printer.corp.test\n" +
		"2001:db8::7\tprinter.corp.test # v6\n192.0.2.7 again.corp.test\nfe80::1%lo0 scoped\n" +
		"192.0.2.9\nnonsense here\n192.0.2.8 bad$name *.star good.test.\n" +
		"::ffff:192.0.2.3 mapped\n"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := b.Data()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		t    wire.Type
		want string
	}{{"printer.", wire.TypeA, "data printer. A 1"},
		{"printer.corp.test.", wire.TypeA, "data printer.corp.test. A 1"},
		{"printer.corp.test.", wire.TypeAAAA, "data printer.corp.test. AAAA 1"},
		{"printer.", wire.TypeAAAA, "nodata"}, {"again.corp.test.", wire.TypeA,
			"data again.corp.test. A 1"}, {"good.test.", wire.TypeA, "data good.test. A 1"},
		{"mapped.", wire.TypeA, "data mapped. A 1"}, {"scoped.", wire.TypeAAAA, "-"},
		{"7.2.0.192.in-addr.arpa.", wire.TypePTR, "data 7.2.0.192.in-addr.arpa. PTR 1"},
		{"8.2.0.192.in-addr.arpa.", wire.TypePTR, "-"},
		{"x.star.", wire.TypeA, "-"}} {
		if got := said(d, c.name, c.t); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.name, c.t, got, c.want)
		}
	}
	if skipped != 5 {
		t.Errorf("%d skipped", skipped)
	}
	ptr := d.Answer(wire.Question{Name: wire.MustParseName("7.2.0.192.in-addr.arpa."),
		Type: wire.TypePTR, Class: wire.ClassIN})
	if n, _ := wire.TargetName(ptr.Answer[0].Data.First()); n.String() != "printer." {
		t.Errorf("the reverse is %s", n)
	}
}

// FuzzFiles reads files of any content as a list and as hosts; whatever they have, the data can be
// asked.
func FuzzFiles(f *testing.F) {
	for _, s := range []string{"0.0.0.0 a.example b.example\n", "||x^\n*.y\n", "\xef\xbb\xbf::1 z",
		"192.0.2.1 a a b #c\n", "\\000.x\n", ".\n..\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := NewBuilder([]Zone{{wire.MustParseName("test."), Static}})
		_, _ = b.AddList("list", ListNXDomain, strings.NewReader(s))
		_, _ = b.AddHosts(strings.NewReader(s))
		d, err := b.Data()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{".", "a.example.", "x.", "test.", "z."} {
			said(d, name, wire.TypeA)
		}
		if d.Answer(wire.Question{Name: wire.Root, Type: wire.TypeNS, Class: wire.ClassIN}) != nil {
			t.Error("the root is blocked")
		}
	})
}
