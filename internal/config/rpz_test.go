package config

import (
	"strings"
	"testing"

	"bailiwick/internal/cause"
	"bailiwick/internal/rpz"
)

// A policy zone has a source as any zone that is kept, and what is done in place of its rules.
func TestPolicyZones(t *testing.T) {
	c, found := written(t, `policy:
  rpz:
    - {name: one.rpz, file: one.zone}
    - name: two.rpz
      primaries: [192.0.2.1]
      action: Local-Data
      target: garden.example
      break_dnssec: true
      wait_recurse: true
      log: true
      reason: censored
    - {name: three.rpz, url: "https://rpz.example/three", action: log-only, reason: none}
`)
	if len(found) > 0 {
		t.Fatal(found)
	}
	one, two, three := c.RPZ[0], c.RPZ[1], c.RPZ[2]
	if !one.Zone.Policy || !strings.HasSuffix(one.File, "one.zone") || one.Policy.Overrides ||
		one.Policy.BreakDNSSEC || one.Policy.Reason != cause.Blocked {
		t.Errorf("%+v", one)
	}
	p := two.Policy
	if !p.Overrides || p.Override != rpz.LocalData || p.Target.String() != "garden.example." ||
		!p.BreakDNSSEC || !p.WaitRecurse || !p.Log || p.Reason != cause.Censored ||
		len(two.Primaries) != 1 || p.Name != two.Name {
		t.Errorf("%+v", two)
	}
	if three.Policy.Override != rpz.LogOnly || three.Policy.Reason != cause.None {
		t.Errorf("%+v", three)
	}
}

// What is wrong with a policy zone is said with its place.
func TestPolicyZonesThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		"rpz: [{file: a}]":                                 "lacks its name",
		"rpz: [{name: a.rpz}]":                             "neither primaries nor a url",
		"rpz: [{name: a, file: a}, {name: a, file: b}]":    "given twice",
		"rpz: [{name: a, file: a, action: block}]":         "is not one of given, nxdomain",
		"rpz: [{name: a, file: a, action: passthrough}]":   "did you mean passthru",
		"rpz: [{name: a, file: a, action: local-data}]":    "needs target",
		"rpz: [{name: a, file: a, target: b}]":             "target is for action",
		"rpz: [{name: a, file: a, reason: ads}]":           "is not one of blocked, censored",
		"rpz: [{name: a, file: a, break_dnssec: perhaps}]": "is not true or false",
		"rpz: [{name: a, file: a, fallback: no}]":          "fallback",
		"rpz: [{name: a, file: a}]\nzones:\n  held: [{name: a, file: a}]": "for policy or for " +
			"iteration",
	} {
		_, found := written(t, "policy:\n  "+text+"\n")
		if len(found) == 0 || !strings.Contains(found[0].Error(), want) {
			t.Errorf("%s: %v, want %s", text, found, want)
		}
	}
}
