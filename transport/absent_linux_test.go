package transport

import (
	"net/netip"
	"testing"
	"time"
)

// A listener may be opened at an address that this machine does not have yet, over each transport
// and for both families, if that is allowed: many servers do not start at boot, as the network
// comes up later.
func TestListenAtAnAddressThatIsNotThereYet(t *testing.T) {
	certificates, err := SelfSigned(time.Now(), []string{"localhost"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range Protocols() {
		for _, a := range []string{"192.0.2.53", "2001:db8::53"} {
			for _, absent := range []bool{true, false} {
				l, err := Listen(p, Spec{Addr: netip.AddrPortFrom(netip.MustParseAddr(a), 0),
					Sockets: 1, Absent: absent, Gate: NewGate(Default().Gate),
					Path: "/dns-query", TLS: NewTLS(certificates), Observer: &witness{}})
				if (err == nil) != absent {
					t.Errorf("%v at %s, absent %v: %v", p, a, absent, err)
				}
				if err == nil {
					l.Start(&echo{})
					l.Close()
				}
			}
		}
	}
}
