package catalog

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"bailiwick/wire"
	"bailiwick/zone"
)

// parsed reads the members of a catalog that has these records beside SOA and NS.
func parsed(t *testing.T, lines ...string) ([]Member, error) {
	t.Helper()
	text := "@ 0 IN SOA invalid. invalid. 1 3600 600 86400 0\n@ 0 IN NS invalid.\n" +
		strings.Join(lines, "\n") + "\n"
	z, err := zone.Parse(strings.NewReader("$ORIGIN catalog.example.\n"+text),
		wire.MustParseName("catalog.example."), "", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return Members(z)
}

const version = "version 0 IN TXT \"2\""

// A catalog that is broken is not processed, and says why (RFC 9432, sections 4.3.1, 4.4.1 and
// 5.1). What is not understood is ignored (section 4.3).
func TestRFC9432BrokenCatalogs(t *testing.T) {
	for _, c := range []struct {
		what, problem string
		lines         []string
		members       string
	}{
		{"without a version", "no version", []string{"a.zones 0 IN PTR a.example."}, ""},
		{"of BIND's own version (powerdns-webui #70)", "\"1\"",
			[]string{"version 0 IN TXT \"1\""}, ""},
		{"of a later version", "\"3\"", []string{"version 0 IN TXT \"3\""}, ""},
		{"with two versions (NLnetLabs/nsd #304)", "2 versions",
			[]string{version, "version 0 IN TXT \"1\""}, ""},
		{"with a version of another type", "0 versions", []string{"version 0 IN A 192.0.2.2"}, ""},
		{"with two zones of a label", "2 PTR", []string{version, "a.zones 0 IN PTR a.example.",
			"a.zones 0 IN PTR b.example."}, ""},
		{"with a zone of two labels (NLnetLabs/nsd #289)", "two members are a.example.",
			[]string{version, "a.zones 0 IN PTR a.example.", "b.zones 0 IN PTR A.Example."}, ""},
		{"with two new owners", "2 PTR", []string{version, "a.zones 0 IN PTR a.example.",
			"coo.a.zones 0 IN PTR c.example.", "coo.a.zones 0 IN PTR d.example."}, ""},
		{"without members (PowerDNS/pdns #11821)", "", []string{version}, ""},
		{"with all properties", "", []string{version, "b.zones 0 IN PTR b.example.",
			"a.zones 0 IN PTR a.example.", "group.a.zones 0 IN TXT \"one\" \"two\"",
			"group.a.zones 0 IN TXT \"three\"", "coo.b.zones 0 IN PTR next.example."},
			"a a.example. [onetwo three] -, b b.example. [] next.example."},
		{"with what is not understood", "", []string{version, "a.zones 0 IN PTR a.example.",
			"a.zones 0 IN A 192.0.2.1", "group.a.zones 0 IN A 192.0.2.1",
			"coo.a.zones 0 IN TXT \"x\"", "x.ext.a.zones 0 IN TXT \"y\"", "x.ext 0 IN TXT \"y\"",
			"zones 0 IN PTR none.example.", "primaries.ext 0 IN A 192.0.2.1",
			"group.lost.zones 0 IN TXT \"of no zone\"", "a.other 0 IN PTR other.example."},
			"a a.example. [] -"},
		{"of a primary that has not written it yet (NLnetLabs/nsd #304)", "no version", nil, ""},
		{"with a version in two texts, which no producer means", "", []string{
			"version 0 IN TXT \"\" \"2\"", "a.zones 0 IN PTR a.example."}, "a a.example. [] -"},
		{"with labels that are hashes (kweonminsung/bindizr #159)", "", []string{version,
			strings.Repeat("f", 63) + ".zones 0 IN PTR " + strings.Repeat("a.", 100) + "example."},
			strings.Repeat("f", 63) + " " + strings.Repeat("a.", 100) + "example. [] -"},
		{"with labels that differ in case, which are one (RFC 4343)", "2 PTR", []string{version,
			"A1.zones 0 IN PTR a.example.", "a1.zones 0 IN PTR b.example."}, ""},
		{"with a label that has a dot in it", "", []string{version,
			"a\\.b.zones 0 IN PTR a.example.", "a-b.zones 0 IN PTR b.example."},
			"a\\.b a.example. [] -, a-b b.example. [] -"},
		{"with a group as PowerDNS writes them, in records of their own (PowerDNS/pdns #11952)", "",
			[]string{version, "a.zones 0 IN PTR a.example.", "group.a.zones 0 IN TXT \"x\"",
				"group.a.zones 0 IN TXT \"y\""}, "a a.example. [x y] -"},
		{"with a catalog among its members (PowerDNS/pdns #16971)", "", []string{version,
			"a.zones 0 IN PTR catalog.example.", "group.a.zones 0 IN TXT \"catalog\""},
			"a catalog.example. [catalog] -"},
		{"with the root", "", []string{version, "r.zones 0 IN PTR ."}, "r . [] -"},
	} {
		members, err := parsed(t, c.lines...)
		var got []string
		for _, m := range members {
			to := "-"
			if !m.To.IsZero() {
				to = m.To.String()
			}
			got = append(got, fmt.Sprintf("%s %s %v %s", m.ID, m.Name, m.Groups, to))
		}
		if (err == nil) != (c.problem == "") ||
			err != nil && !strings.Contains(err.Error(), c.problem) ||
			strings.Join(got, ", ") != c.members {
			t.Errorf("%s: %v, %v", c.what, got, err)
		}
	}
}

// names makes names.
func names(text string) (all []wire.Name) {
	for _, s := range strings.Fields(text) {
		all = append(all, wire.MustParseName(s))
	}
	return all
}

// listed makes members of texts: ID, name, the catalog that may take it over.
func listed(lines ...string) (all []Member) {
	for _, l := range lines {
		f := strings.Fields(l)
		m := Member{ID: f[0], Name: wire.MustParseName(f[1])}
		if len(f) > 2 {
			m.To = wire.MustParseName(f[2])
		}
		all = append(all, m)
	}
	return all
}

// text is a book for people.
func (b Book) text() string {
	var all []string
	for _, n := range b.names() {
		all = append(all, fmt.Sprintf("%s %s of %s", b[n].ID, n, b[n].Catalog))
	}
	return strings.Join(all, ", ")
}

// What becomes of members, one update after the other: they are added and removed, begin anew with
// another label, clash, and move from one catalog to another (RFC 9432, sections 4.4.1, 5.2 to 5.4;
// NLnetLabs/nsd #289, coredns/coredns #8281 and #8288, PowerDNS/pdns #12123).
func TestRFC9432Members(t *testing.T) {
	one, two := wire.MustParseName("one."), wire.MustParseName("two.")
	var b Book
	for _, c := range []struct {
		what    string
		from    wire.Name
		members []Member
		book    string
		report  Report
	}{
		{"members are added", one, listed("1 a.", "2 b."), "1 a. of one., 2 b. of one.",
			Report{Added: names("a. b.")}},
		{"nothing changes", one, listed("1 a.", "2 b."), "1 a. of one., 2 b. of one.", Report{}},
		{"one comes and goes, and the others are left alone (NLnetLabs/nsd #261)", one,
			listed("1 a.", "2 b.", "8 d."), "1 a. of one., 2 b. of one., 8 d. of one.",
			Report{Added: names("d.")}},
		{"so that they are not transferred again", one, listed("1 a.", "2 b."),
			"1 a. of one., 2 b. of one.", Report{Removed: names("d.")}},
		{"it comes back", one, listed("1 a.", "2 b.", "8 d."),
			"1 a. of one., 2 b. of one., 8 d. of one.", Report{Added: names("d.")}},
		{"and goes", one, listed("1 a.", "2 b."), "1 a. of one., 2 b. of one.",
			Report{Removed: names("d.")}},
		{"another label", one, listed("3 a.", "2 b."), "3 a. of one., 2 b. of one.",
			Report{Reset: names("a.")}},
		{"labels are exchanged", one, listed("2 a.", "3 b."), "2 a. of one., 3 b. of one.",
			Report{Reset: names("a. b.")}},
		{"a clash: the first stays", two, listed("2 a.", "9 c."),
			"2 a. of one., 3 b. of one., 9 c. of two.", Report{Added: names("c."),
				Refused: []string{"a.: it is a member of one."}}},
		{"the other catalog lacks it: it is not its own to remove", two, listed("9 c."),
			"2 a. of one., 3 b. of one., 9 c. of two.", Report{}},
		{"a change of ownership waits", one, listed("2 a. two.", "3 b. two."),
			"2 a. of one., 3 b. of one., 9 c. of two.", Report{Changed: names("a. b.")}},
		{"and is made by the new owner; another label begins anew", two,
			listed("2 a.", "7 b.", "9 c."), "2 a. of two., 7 b. of two., 9 c. of two.",
			Report{Reset: names("b."), Moved: names("a. b.")}},
		{"the old owner still lists them", one, listed("2 a. two.", "3 b. two."),
			"2 a. of two., 7 b. of two., 9 c. of two.", Report{
				Refused: []string{"a.: it is a member of two.", "b.: it is a member of two."}}},
		{"and forgets them", one, nil, "2 a. of two., 7 b. of two., 9 c. of two.", Report{}},
		{"an offer that was taken back", two, listed("2 a. one.", "7 b.", "9 c."),
			"2 a. of two., 7 b. of two., 9 c. of two.", Report{Changed: names("a.")}},
		{"is none", two, listed("2 a.", "7 b.", "9 c."),
			"2 a. of two., 7 b. of two., 9 c. of two.", Report{Changed: names("a.")}},
		{"so that it is a clash", one, listed("2 a."),
			"2 a. of two., 7 b. of two., 9 c. of two.",
			Report{Refused: []string{"a.: it is a member of two."}}},
		{"what is not admitted", one, listed("4 bad."),
			"2 a. of two., 7 b. of two., 9 c. of two.",
			Report{Refused: []string{"bad.: it is bad"}}},
		{"the last members go (PowerDNS/pdns #11821)", two, nil, "",
			Report{Removed: names("a. b. c.")}},
		{"of a zone that two have", one, listed("1 a."), "1 a. of one.",
			Report{Added: names("a.")}},
		{"the later one does not get it (NLnetLabs/nsd #298)", two, listed("1 a.", "2 b."),
			"1 a. of one., 2 b. of two.", Report{Added: names("b."),
				Refused: []string{"a.: it is a member of one."}}},
		{"when the first lets it go, it is nobody's", one, nil, "2 b. of two.",
			Report{Removed: names("a.")}},
		{"until the other is processed again, and it begins anew", two, listed("1 a.", "2 b."),
			"1 a. of two., 2 b. of two.", Report{Added: names("a.")}},
	} {
		before := maps.Clone(b)
		next, r := b.Update(c.from, c.members, func(n wire.Name) string {
			if n.String() == "bad." {
				return "it is bad"
			}
			return ""
		})
		if next.text() != c.book || !reflect.DeepEqual(r, c.report) {
			t.Errorf("%s: %s\n%+v\nwant %s\n%+v", c.what, next.text(), r, c.book, c.report)
		}
		if !maps.EqualFunc(b, before, func(a, b Owned) bool { return reflect.DeepEqual(a, b) }) {
			t.Errorf("%s: the book was written to", c.what)
		}
		b = next
	}
}

// A member that is not admitted any more is one no longer.
func TestMemberThatIsNotAdmittedAnyMore(t *testing.T) {
	one := wire.MustParseName("one.")
	free := func(wire.Name) string { return "" }
	b, _ := Book(nil).Update(one, listed("1 a.", "2 b."), free)
	b, r := b.Update(one, listed("1 a.", "2 b."), func(n wire.Name) string {
		if n.String() == "a." {
			return "no"
		}
		return ""
	})
	if b.text() != "2 b. of one." || !slices.Equal(r.Removed, names("a.")) {
		t.Errorf("%s, %+v", b.text(), r)
	}
}

// There are no more members than may be; those that are there stay.
func TestMembersAreLimited(t *testing.T) {
	var many []string
	for i := range maxMembers + 10 {
		many = append(many, fmt.Sprintf("%d z%03d.", i, i))
	}
	free := func(wire.Name) string { return "" }
	b, r := Book(nil).Update(wire.MustParseName("one."), listed(many...), free)
	if len(b) != maxMembers || len(r.Refused) != 10 {
		t.Errorf("%d members, %d refused", len(b), len(r.Refused))
	}
	b, r = b.Update(wire.MustParseName("two."), listed("1 a."), free)
	if len(b) != maxMembers || len(r.Refused) != 1 {
		t.Errorf("%d members, %d refused", len(b), len(r.Refused))
	}
}

// What is written of the members is what is read.
func TestBookIsSaved(t *testing.T) {
	b, _ := Book(nil).Update(wire.MustParseName("one."), append(listed("1 a. two.", "2 b."),
		Member{Name: wire.MustParseName("one."), ID: "\\000x", Groups: []string{"g", "h"}}),
		func(wire.Name) string { return "" })
	var file bytes.Buffer
	if err := b.Write(&file); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&file)
	if err != nil || !reflect.DeepEqual(got, b) {
		t.Errorf("%v, %v; want %v", got, err, b)
	}
	if _, err := Read(strings.NewReader("{\"Name\": \"a..b\"}")); err == nil {
		t.Error("a wrong name is read")
	}
}
