package resolver

import (
	"net/netip"
	"runtime"
	"testing"
	"weak"
)

// A client whose query has ended holds no other client: what still has one for a while, such as a
// question that is listened to, would else have all that came after it.
func TestEndedClientsHoldNoOthers(t *testing.T) {
	all := newFetches(nil, nil, 10)
	var first *client
	var others []weak.Pointer[client]
	func() {
		var list [10]*client
		for i := range list {
			list[i] = &client{from: netip.MustParsePrefix("192.0.2.0/24")}
			all.link(list[i])
		}
		for i, c := range list {
			all.unlink(c)
			if i > 0 {
				others = append(others, weak.Make(c))
			}
		}
		first = list[0]
	}()
	runtime.GC()
	for i, c := range others {
		if c.Value() != nil {
			t.Errorf("client %d is still held", i+1)
		}
	}
	runtime.KeepAlive(first)
}
