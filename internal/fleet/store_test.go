package fleet

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A connection by which messages come ends when there are more octets in a second than a node
// listens to: a store ends it only when its own memory is full
// (github.com/redis/redis/issues/91 and 3893).
func TestMaxHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := net.Pipe()
		var flooded atomic.Bool
		m := &metered{Conn: in, flooded: &flooded}
		go func() {
			for range 3 { // as much as may come in a second, each second
				_, _ = out.Write(make([]byte, maxHeard))
				time.Sleep(time.Second)
			}
			_, _ = out.Write(make([]byte, maxHeard))
			_, _ = out.Write(make([]byte, 1))
		}()
		if n, err := io.ReadFull(m, make([]byte, 3*maxHeard)); err != nil || flooded.Load() {
			t.Fatalf("%d octets, %v", n, err)
		}
		if n, err := io.ReadFull(m, make([]byte, maxHeard)); err != nil {
			t.Fatalf("%d octets, %v", n, err)
		}
		if n, err := m.Read(make([]byte, 1)); n != 0 || !errors.Is(err, errFlood) ||
			!flooded.Load() {
			t.Errorf("%d octets more, %v", n, err)
		}
		in.Close()
	})
}
