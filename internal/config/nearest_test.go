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
		"cache: {max-cache-size: 1MiB}":       "did you mean cache.memory?",
		"policy: {acl: [192.0.2.1]}":          "did you mean policy.access?",
		"policy: {hosts: /etc/hosts}":         "did you mean policy.hosts_files?",
		"resolver: {ecs: {forward: []}}":      "did you mean resolver.ecs.forwarders?",
		"resolver: {forward: []}":             "did you mean resolver.forward_zones?",
		"resolver: {interface: eth0}":         "did you mean resolver.source_interface?",
		"admin: {bind: 192.0.2.1}":            "did you mean admin.listen?",
		"listen: {bind: 192.0.2.1}":           "did you mean listen.udp and listen.tcp?",
	} {
		if got := strings.Join(findings(text), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// A section and a name that were written as one word are the key of that section, wherever they
// stand: all keys of sections are found so.
func TestSectionAndNameInOneWord(t *testing.T) {
	for text, want := range map[string]string{
		"process: {state_directory: /var/lib/a}":  "did you mean state.directory?",
		"state-directory: /var/lib/a":             "did you mean state.directory?",
		"server: {control_socket: /run/a}":        "did you mean control.socket?",
		"resolver: {trust_anchors_fetch: 1d}":     "did you mean trust_anchors.fetch?",
		"server: {cache_memory: 1GiB}":            "did you mean cache.memory?",
		"process: {resolver_forward_zones: [a.]}": "did you mean resolver.forward_zones?",
	} {
		if got := strings.Join(findings(text), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// Words that another section has a key for are not led there from a section of another thing.
func TestKeysOfOthersStayInTheirSection(t *testing.T) {
	for _, text := range []string{"dnstap: {interface: eth0}", "api: {interface: eth0}"} {
		if got := strings.Join(findings(text), "\n"); strings.Contains(got, "listen.udp") ||
			!strings.Contains(got, "unknown key") {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// Who writes addresses where zones belong is told how all names are forwarded, and nobody to make a
// recursive resolver the root's authority.
func TestAddressIsNoForwardZone(t *testing.T) {
	for _, text := range []string{"192.0.2.1", `"192.0.2.1:53"`, "192.0.2.1@853",
		`"2001:db8::1"`, `"[2001:db8::1]:53"`} {
		zone := "{name: ., addresses: [" + text + "]}"
		got := strings.Join(findings("resolver: {forward_zones: ["+text+"]}"), "\n")
		if !strings.Contains(got, "write "+zone) {
			t.Errorf("%s: %s", text, got)
		}
		if got := findings("resolver: {forward_zones: [" + zone + "]}"); len(got) > 0 {
			t.Errorf("what is to be written: %s: %s", zone, got)
		}
		got = strings.Join(findings("resolver: {stub_zones: ["+text+"]}"), "\n")
		if !strings.Contains(got, "resolver.forward_zones") || strings.Contains(got, "name: .") {
			t.Errorf("a stub zone %s: %s", text, got)
		}
	}
	got := strings.Join(findings("resolver: {stub_zones: [a.example]}"), "\n")
	if !strings.Contains(got, "zone a.example. has neither addresses nor hosts") {
		t.Error(got)
	}
}
