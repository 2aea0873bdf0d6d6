package config

import (
	"strings"
	"testing"
)

// What other programs, and people, call a key leads to the key of this program; each that is named
// there is one.
func TestKeysOfOthersLeadToOurs(t *testing.T) {
	for theirs, ours := range elsewhere {
		for k := range strings.SplitSeq(ours, " and ") {
			if lookUp(k) == nil {
				t.Errorf("%s leads to %s, which is no key", theirs, k)
			}
		}
		if k := lookUp(theirs); k != nil {
			t.Errorf("%s is a key of our own", theirs)
		}
	}
	for text, want := range map[string]string{
		"resolver: {forwarders: [192.0.2.1]}": "did you mean resolver.forward_zones?",
		"server: {interface: 192.0.2.1}":      "did you mean listen.udp and listen.tcp?",
		"forward_zones: []":                   "did you mean resolver.forward_zones?",
		"cache: {memroy: 1MiB}":               "did you mean cache.memory?",
	} {
		if got := strings.Join(findings(text), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// Who writes addresses where zones belong is told how all names are forwarded.
func TestAddressIsNoForwardZone(t *testing.T) {
	const want = "write {name: ., addresses: [192.0.2.1]}"
	got := strings.Join(findings("resolver: {forward_zones: [192.0.2.1]}"), "\n")
	if !strings.Contains(got, want) {
		t.Error(got)
	}
	got = strings.Join(findings("resolver: {stub_zones: [a.example]}"), "\n")
	if !strings.Contains(got, "zone a.example. has neither addresses nor hosts") {
		t.Error(got)
	}
}
