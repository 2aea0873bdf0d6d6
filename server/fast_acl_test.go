package server_test

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/policy"
	"bailiwick/transport"
)

// Who is to hear nothing hears nothing from memory either: the fast path drops the packet itself,
// so that a flood from there costs no more than the reading.
func TestFastPathDropsThoseWhoAreToHearNothing(t *testing.T) {
	f := newFront(t, nil)
	q := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA)
	packet, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		f.ask("www.secure.example.", dns.TypeA, nil)
	}
	client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
	if reply, _ := f.Fast(packet, client, make([]byte, 0, 4096)); reply == nil {
		t.Fatal("no answer is ready")
	}
	e := f.Server.Entrance(policy.NewACL([]policy.Rule{{Net: netip.MustParsePrefix("127.0.0.0/8"),
		Action: policy.Drop}}))
	if reply, drop := e.Fast(packet, client, make([]byte, 0, 4096)); reply != nil || !drop {
		t.Errorf("got %x, dropped %v", reply, drop)
	}
}
