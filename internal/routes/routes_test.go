package routes

import (
	"net/netip"
	"runtime"
	"testing"
)

// The loopback network is one that the machine knows; a route to 203.0.113.0/24, if any, is the
// default one.
func TestLead(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // nothing can be told there, and everything counts as known
	}
	table := New()
	for range 2 { // the second time from memory
		for a, want := range map[string]bool{"127.1.2.3": true, "::1": true,
			"::ffff:127.0.0.1": true,
			"203.0.113.53":     false, "2001:db8::53": false} {
			if got := table.Lead(netip.MustParseAddr(a)); got != want {
				t.Errorf("%s: %v", a, got)
			}
		}
	}
}

func TestFamiliesAreRemembered(t *testing.T) {
	table := New()
	v4, v6 := table.Families()
	table.v4, table.v6 = !v4, !v6
	if a, b := table.Families(); a == v4 || b == v6 {
		t.Error("looked at again at once")
	}
}
