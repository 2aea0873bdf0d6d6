package config

import (
	"strings"
	"testing"

	"bailiwick/internal/rpz"
)

// What is written of catalogs is what is read: members have the sources of their catalog unless
// they have their own, and the first group that fits decides.
func TestCatalogs(t *testing.T) {
	c, found := written(t, "zones:\n  tsig_keys: [{name: k, secret: \"AAAA\"}]\n  catalogs:\n"+
		"    - {name: c.example, primaries: [192.0.2.1], tsig: k, use: policy, action: nodata, "+
		"within: [rpz.example]}\n"+
		"    - {name: d.example, file: d.zone, member_primaries: [192.0.2.9], "+
		"within: [corp.example], fallback: no, member_zonemd: required}\n  catalog_groups:\n"+
		"    - {catalog: c.example, group: own, primaries: [192.0.2.2]}\n"+
		"    - {catalog: c.example, group: trial, use: policy, action: log-only}\n"+
		"    - {catalog: c.example, group: out, use: nothing}\n")
	if len(found) > 0 {
		t.Fatal(found)
	}
	one, two := &c.Catalogs[0], &c.Catalogs[1]
	m := c.MembersOf(one, nil)
	if !one.Zone.Catalog || m.Use != UsePolicy || m.TSIG != "k" ||
		m.Policy.Override != rpz.NoData ||
		m.Primaries[0].String() != "192.0.2.1" || m.Zone.Catalog || !m.Zone.Policy {
		t.Errorf("%+v", m)
	}
	m = c.MembersOf(one, []string{"x", "out", "own"})
	if m.Use != UseCopies || m.Primaries[0].String() != "192.0.2.2" || m.TSIG != "" || !m.Fallback {
		t.Errorf("%+v", m)
	}
	m = c.MembersOf(one, []string{"trial"})
	if m.Policy.Override != rpz.LogOnly || m.Primaries[0].String() != "192.0.2.1" || m.TSIG != "k" {
		t.Errorf("%+v", m)
	}
	if m = c.MembersOf(one, []string{"out"}); m.Use != UseNothing {
		t.Errorf("%+v", m)
	}
	m = c.MembersOf(two, []string{"out"})
	if m.Use != UseCopies || m.Fallback || m.File != "" || len(m.Primaries) != 1 {
		t.Errorf("%+v", m)
	}
}

// What is wrong with catalogs is said where it stands.
func TestCatalogsThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		"catalogs: [{name: c.example, primaries: [192.0.2.1]}]":                 "within is wanted",
		"catalogs: [{name: c.example, file: c}]":                                "member_primaries",
		"catalogs: [{name: c.example, use: policy}]":                            "primaries",
		"catalogs: [{primaries: [192.0.2.1], use: policy}]":                     "lacks its name",
		"catalogs: [{name: c.example, primaries: [192.0.2.1], use: no}]":        "\"no\"",
		"catalogs: [{name: c.example, primaries: [192.0.2.1], within: [a..b]}]": "a..b",
		"catalogs: [{name: c.example, primaries: [192.0.2.1], within: [a], " +
			"action: drop}]": "is for use: policy",
		"catalogs: [{name: c.example, primaries: [192.0.2.1], use: policy, action: x}]": "\"x\"",
		"catalogs: [{name: c.example, primaries: [192.0.2.1], use: policy}, " +
			"{name: C.example, primaries: [192.0.2.1], use: policy}]": "given twice",
		"catalogs: [{name: c.example, primaries: [192.0.2.1], use: policy}]\n  held: " +
			"[{name: c.example, primaries: [192.0.2.1]}]": "is also in zones",
		"catalog_groups: [{catalog: c.example, group: g}]": "there is no catalog",
		"catalog_groups: [{catalog: c.example}]":           "lacks its name",
		"catalog_groups: [{group: g}]":                     "not a name of a catalog",
		"catalogs: [{name: c.example, primaries: [192.0.2.1], use: policy}]\n  catalog_groups: " +
			"[{catalog: c.example, group: g, use: copies}]": "lacks within",
	} {
		_, found := written(t, "zones:\n  "+text+"\n")
		var all []string
		for _, f := range found.Errors() {
			all = append(all, f.Error())
		}
		if len(all) == 0 || !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("%s: %v; want %s", text, all, want)
		}
	}
}
