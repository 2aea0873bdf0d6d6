package server

import (
	"net/netip"
	"testing"

	"bailiwick/internal/cause"
)

// Clients that have proven their address find room when others do not, up to maxPerProvenPrefix.
func TestMaxPerProvenPrefix(t *testing.T) {
	s := &Server{prefixes: map[netip.Prefix]int{}}
	a := netip.MustParseAddr("192.0.2.1")
	for i := range maxPerProvenPrefix {
		if f := s.admit(a, true); f != nil {
			t.Fatalf("query %d: %v", i+1, f)
		}
		if i+1 == MaxPerPrefix && s.admit(a, false) == nil {
			t.Fatal("an address that is not proven finds room")
		}
	}
	if f := s.admit(a, true); f == nil || f.Cause != cause.LimitClient {
		t.Errorf("one more: %v", f)
	}
	if f := s.admit(netip.MustParseAddr("198.51.100.1"), false); f != nil {
		t.Errorf("another prefix: %v", f)
	}
}
