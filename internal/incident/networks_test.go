package incident

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// tell prints the client networks, the worst first.
func (w *world) tell(most int) string {
	var b strings.Builder
	list, _ := w.Networks(most)
	for _, n := range list {
		fmt.Fprintf(&b, "%s %d %d\n", n.Prefix, n.Failed, n.Passed)
	}
	return b.String()
}

// An office meets a bank's expired signatures, a home a little of them; both are counted by their
// networks, with what passed since. Who meets no data that fail validation is not counted, nor is
// what fails for other reasons.
func TestNetworksThatValidationFailsFor(t *testing.T) {
	w := newWorld(t)
	q := wire.Question{Name: wire.MustParseName("www.bank.example."), Type: wire.TypeA}
	office, home := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8:1:2::7")
	well := netip.MustParseAddr("198.51.100.1")
	w.Secure(office, 1000)
	for range 5 {
		w.Failed(q, office, expired("bank.example."), cause.NoAnswer)
	}
	w.Failed(q, netip.MustParseAddr("::ffff:192.0.2.200"), expired("bank.example."),
		cause.StaleData)
	w.Failed(q, home, expired("bank.example."), cause.NoAnswer)
	w.Failed(q, well, &cause.Failure{Cause: cause.Timeout, Zone: "bank.example."}, cause.NoAnswer)
	w.Secure(office, 256)
	w.Secure(home, 1)
	w.Secure(well, 1)
	if have, want := w.tell(10), "192.0.2.0/24 6 256\n2001:db8:1::/56 1 1\n"; have != want {
		t.Errorf("%s, want %s", have, want)
	}
	if have := w.tell(1); have != "192.0.2.0/24 6 256\n" {
		t.Errorf("the worst is %s", have)
	}
	if n := testing.AllocsPerRun(100, func() { w.Secure(home, 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A client that pretends to be in a million networks does not fill the memory, and those that fail
// most stay.
func TestMaxNetworks(t *testing.T) {
	w := newWorld(t)
	q := wire.Question{Name: wire.MustParseName("www.bank.example."), Type: wire.TypeA}
	for range 1000 {
		w.Failed(q, netip.MustParseAddr("192.0.2.7"), expired("bank.example."), cause.NoAnswer)
	}
	const many = 5 * MaxNetworks
	for i := range many {
		w.Failed(q, netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 7}),
			expired("bank.example."), cause.NoAnswer)
	}
	list, evicted := w.Networks(2 * MaxNetworks)
	if len(list) != MaxNetworks || evicted != many+1-MaxNetworks || list[0].Failed != 1000 {
		t.Errorf("%d networks, %d evicted, the first has %d", len(list), evicted, list[0].Failed)
	}
}
