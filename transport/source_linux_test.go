// Where questions to servers leave from.

package transport

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"bailiwick/internal/lab/testtime"
)

// leftFrom asks a server so many times over UDP, and returns the addresses and ports that the
// questions came from.
func leftFrom(t *testing.T, n *NetExchanger, questions int) (map[netip.Addr]int, map[uint16]int) {
	t.Helper()
	var mu sync.Mutex
	addrs, ports := map[netip.Addr]int{}, map[uint16]int{}
	at := udpServerFrom(t, func(q []byte, from netip.AddrPort) [][]byte {
		mu.Lock()
		defer mu.Unlock()
		addrs[from.Addr()]++
		ports[from.Port()]++
		return [][]byte{answerTo(q, nil)}
	})
	for range questions {
		if _, err := n.Exchange(context.Background(), Request{Server: at, Query: question,
			Timeout: testtime.Patience}); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	return addrs, ports
}

// RFC 5452, section 9.2: questions leave from all source addresses, at random, and each from
// another port. The sockets are used again.
func TestRFC5452SourceAddresses(t *testing.T) {
	n := exchanger(t)
	from := []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}
	n.SetSource(Source{Addrs: from})
	addrs, ports := leftFrom(t, n, 100)
	if len(addrs) != 2 || addrs[from[0]] < 10 || addrs[from[1]] < 10 || len(ports) < 90 {
		t.Errorf("from %v, and %d ports", addrs, len(ports))
	}
	if a := n.asking(); len(a.v4[0].free) != 1 || len(a.v4[1].free) != 1 {
		t.Errorf("%d and %d sockets are kept", len(a.v4[0].free), len(a.v4[1].free))
	}
	before := n.asking()
	n.SetSource(Source{})
	if addrs, _ := leftFrom(t, n, 3); len(addrs) != 1 || addrs[from[0]]+addrs[from[1]] > 0 {
		t.Errorf("from %v after a change", addrs)
	}
	if len(before.v4[0].free)+len(before.v4[1].free) > 0 {
		t.Error("sockets of the former source are kept")
	}
}

// All transports leave from the source address.
func TestSourceAddressOfEachTransport(t *testing.T) {
	source := netip.MustParseAddr("127.0.0.2")
	for _, p := range append([]Protocol{UDP}, upstreamProtocols...) {
		at, h, _, leaf := upstreamListener(t, p)
		n := exchanger(t)
		n.SetSource(Source{Addrs: []netip.Addr{source}})
		if _, err := n.Exchange(t.Context(), Request{Server: at, Via: p, Peer: peerOf(leaf, true),
			Query: query("fast"), Timeout: 10 * time.Second}); err != nil {
			t.Errorf("%v: %v", p, err)
		}
		if len(h.from()) == 0 {
			t.Errorf("%v: it was not asked", p)
		}
		for _, c := range h.from() {
			if c.Addr.Addr() != source {
				t.Errorf("%v: asked from %v", p, c.Addr)
			}
		}
	}
}

// An address that has left this machine is passed over for the others. Without another one the
// question fails for a reason that is not a server's. Elsewhere all of TCP failed
// (NLnetLabs/unbound 933), or every retry (envoyproxy/envoy 9595).
func TestSourceAddressThatIsGoneIsNoServersFault(t *testing.T) {
	gone := netip.MustParseAddr("192.0.2.77")
	n := exchanger(t)
	n.SetSource(Source{Addrs: []netip.Addr{gone, netip.MustParseAddr("127.0.0.2")}})
	if addrs, _ := leftFrom(t, n, 20); len(addrs) != 1 {
		t.Errorf("from %v", addrs)
	}
	for name, s := range map[string]Source{"address": {Addrs: []netip.Addr{gone}},
		"interface": {Interface: "nosuch0"}} {
		n.SetSource(s)
		for _, p := range []Protocol{UDP, TCP} {
			_, err := n.Exchange(t.Context(), Request{
				Server: netip.MustParseAddrPort("192.0.2.1:53"), Via: p, Query: question,
				Timeout: testtime.Patience})
			if !errors.Is(err, ErrLocal) {
				t.Errorf("%s, %v: %v", name, p, err)
			}
		}
	}
}

// Questions leave from the ports of the range alone, from many of them.
func TestRFC5452SourcePorts(t *testing.T) {
	n := exchanger(t)
	r, err := ParsePortRange("20000-30000")
	if err != nil {
		t.Fatal(err)
	}
	n.SetSource(Source{Ports: r})
	_, ports := leftFrom(t, n, 100)
	for p := range ports {
		if p < 20000 || p > 30000 {
			t.Errorf("from port %d", p)
		}
	}
	if len(ports) < 90 {
		t.Errorf("from %d ports", len(ports))
	}
	for text, want := range map[string]string{"": "", "1024-65535": "1024-65535",
		"20000 - 21023": "20000-21023", "53": "bad", "53-60000": "bad", "20000-21022": "bad",
		"20000-19000": "bad", "1024-65536": "bad", "a-b": "bad"} {
		r, err := ParsePortRange(text)
		if (err != nil) != (want == "bad") || err == nil && r.String() != want {
			t.Errorf("%q: %v %v", text, r, err)
		}
	}
}
