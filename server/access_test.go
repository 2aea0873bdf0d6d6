package server_test

import (
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/policy"
	"bailiwick/transport"
)

// Clients whose queries are dropped get no response from the cache either: access is decided before
// anything is looked up, so that a flood from them costs only the reading.
func TestWhoIsToHearNothingHearsNothingFromMemory(t *testing.T) {
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
	if !f.Prepared(packet, client) {
		t.Fatal("no answer is ready")
	}
	e := f.server.Handler(policy.NewACL([]policy.Rule{{Net: netip.MustParsePrefix("127.0.0.0/8"),
		Action: policy.Drop}}), &policy.View{})
	if reply, p := e.Handle(packet, client, make([]byte, 0, 4096)); reply != nil || p != nil {
		t.Errorf("got %x, pending %v", reply, p)
	}
}
