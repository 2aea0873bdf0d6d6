// Time in tests of real processes, on a machine that may be busy, or stand still for a while.

package interop

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab/testtime"
)

// patience is how long a test waits for what comes by itself.
var patience = testtime.Patience

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > patience {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if d := time.Since(began); d > time.Second {
		t.Logf("after %v: %s", d.Round(time.Millisecond), what)
	}
}

// tick is the unit of ran.
const tick = 10 * time.Millisecond

// ticks counts the ticks since it was first asked for.
var ticks = sync.OnceValue(func() *atomic.Int64 {
	n := new(atomic.Int64)
	go func() {
		for {
			time.Sleep(tick)
			n.Add(1)
		}
	}()
	return n
})

// ran returns for how long this process has run, which is less than the time that has passed: while
// it waits for a processor, or the machine stands still, its programs cannot do anything either. A
// rule that something is done within a time is judged by it.
func ran() time.Duration { return time.Duration(ticks().Load()) * tick }

// within waits until something is so, and fails if that takes the programs longer than a limit that
// they promise.
func within(t testing.TB, limit time.Duration, what string, is func() bool) {
	t.Helper()
	began := ran()
	for !is() {
		if took := ran() - began; took > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("after %v: %s", ran()-began, what)
}

// read reads what comes over a datagram socket: an error if nothing comes while the programs run
// for a time.
func read(c net.Conn, buf []byte, limit time.Duration) (n int, err error) {
	for began := ran(); ; {
		_ = c.SetReadDeadline(time.Now().Add(10 * tick))
		n, err = c.Read(buf)
		if !errors.Is(err, os.ErrDeadlineExceeded) || ran()-began > limit {
			return n, err
		}
	}
}

// response is read for a DNS message.
func response(c net.Conn, limit time.Duration) (*dns.Msg, error) {
	buf, m := make([]byte, dns.MaxMsgSize), new(dns.Msg)
	n, err := read(c, buf, limit)
	if err != nil {
		return nil, err
	}
	return m, m.Unpack(buf[:n])
}
