package fleet

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
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

// A connection ends when a message is announced that is longer than all that a node listens to in a
// second, before any of it has come: the client would make room for it, for 512 MiB if somebody
// likes. What is in a message is no announcement.
func TestMaxHeardOfAMessage(t *testing.T) {
	long := fmt.Sprintf("$%d\r\n", maxHeard+1)
	for text, want := range map[string]bool{
		">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n":        true,
		">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n" + long:                false,
		"*3\r\n=536870912\r\n":                                     false,
		"!536870912\r\n":                                           false,
		"$99999999999999999999\r\n":                                false,
		"$-2\r\n":                                                  false,
		"$?\r\n;536870912\r\n":                                     false,
		"$-1\r\n+OK\r\n:7\r\n_\r\n":                                true,
		fmt.Sprintf("$%d\r\n%s\r\n+OK\r\n", len(long), long):       true,
		"$0\r\n\r\n" + long:                                        false,
		"-ERR " + strings.Repeat("x", 2*maxHeader) + "\r\n+OK\r\n": true,
		"-ERR " + strings.Repeat("x", 2*maxHeader) + "\r\n" + long: false,
	} {
		for _, step := range []int{1, 3, len(text)} { // as it comes in pieces
			m := &metered{}
			fits := true
			for part := range slices.Chunk([]byte(text), step) {
				fits = fits && m.fits(part)
			}
			if fits != want {
				t.Errorf("%.60q by %d: %v", text, step, fits)
			}
		}
	}
	in, out := net.Pipe()
	var flooded atomic.Bool
	go func() { _, _ = io.WriteString(out, long) }()
	m := &metered{Conn: in, flooded: &flooded}
	n, err := m.Read(make([]byte, 64))
	if n != 0 || !errors.Is(err, errFlood) || !flooded.Load() {
		t.Errorf("%d octets, %v", n, err)
	}
}
