package resolver_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"bailiwick/wire"
)

// After a mended key roll-over an operator flushes the name that failed. The zone's delegation, DS
// and keys were wrong: they are asked for anew, and nothing else is.
func TestFlushOfANameForgetsItsZonesKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		name := wire.MustParseName("www.secure.example.")
		in.resolve("www.secure.example.", wire.TypeA)
		in.transcript()
		zone, n := in.r.FlushZoneOf(name)
		if n += in.r.Flush(name, false); zone != wire.MustParseName("secure.example.") || n < 4 {
			t.Errorf("%d things of %s forgotten", n, zone)
		}
		a := in.resolve("www.secure.example.", wire.TypeA)
		synctest.Wait()
		got := in.transcript()
		if a.Status != wire.Secure || !strings.Contains(got, "secure.example. DNSKEY") {
			t.Errorf("got %s %v, asked\n%s", a.Status, a.Failure, got)
		}
		if strings.Contains(got, " . DNSKEY") || strings.Contains(got, " example. DNSKEY") {
			t.Errorf("the keys of zones above are asked for again:\n%s", got)
		}
		if zone, n := in.r.FlushZoneOf(wire.MustParseName("nowhere.")); !zone.IsRoot() || n != 0 {
			t.Errorf("a name of no zone that is known: %d of %s", n, zone)
		}
	})
}
