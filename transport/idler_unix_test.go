//go:build unix

package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// connected returns the two ends of a TCP connection.
func connected(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// A connection that waits for data has no buffer, and takes one as data come.
func TestIdleConnectionsHoldNoBuffer(t *testing.T) {
	near, far := connected(t)
	b := newBurst(near)
	for _, said := range []string{"first", "second"} {
		if err := b.idler.raw.Control(func(fd uintptr) {
			if b.idler.attempt(fd) {
				t.Fatalf("%d octets, %v before %s", b.idler.n, b.idler.err, said)
			}
		}); err != nil {
			t.Fatal(err)
		}
		if b.buf != nil {
			t.Errorf("a buffer of %d octets is held before %s", len(b.buf), said)
		}
		if _, err := far.Write([]byte(said)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 100)
		if n, err := b.Read(got); err != nil || string(got[:n]) != said {
			t.Fatalf("%q, %v", got[:n], err)
		}
	}
	said, got := []byte("more"), make([]byte, 10)
	if n := testing.AllocsPerRun(100, func() {
		_, _ = far.Write(said)
		_, _ = b.Read(got)
	}); n != 0 {
		t.Errorf("%v allocations a read", n)
	}
}

// What ends the wait is told by the read that follows, once, and data that come later are read.
func TestAwaitLeavesErrorsToRead(t *testing.T) {
	near, far := connected(t)
	b := newBurst(near)
	_ = b.SetReadDeadline(longAgo)
	b.await()
	got := make([]byte, 10)
	if n, err := b.Read(got); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d octets, %v", n, err)
	}
	_ = b.SetReadDeadline(time.Time{})
	if _, err := far.Write([]byte("late")); err != nil {
		t.Fatal(err)
	}
	b.await()
	if n, err := b.Read(got); err != nil || string(got[:n]) != "late" {
		t.Fatalf("%q, %v", got[:n], err)
	}
	_ = far.(*net.TCPConn).SetLinger(0)
	far.Close()
	b.await()
	// The kernel tells of a reset once.
	if n, err := b.Read(got); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("%d octets, %v after a reset", n, err)
	}
}

// An idle connection waits outside of crypto/tls, whose stack is twice as large.
func TestAwaitIsOutsideOfTLS(t *testing.T) {
	at, _, _ := listener(t, DoT, nil)
	c, err := tls.Dial("tcp", at.String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		if _, err := c.Write(appendFrame(nil, query("fast"))); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFrame(c); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(10 * time.Second); !waitsIn("(*burst).await"); {
			if time.Now().After(end) {
				t.Fatal("it does not wait where it should")
			}
			time.Sleep(time.Millisecond)
		}
	}
}

// waitsIn reports whether the engine of a connection waits in a function, and none in crypto/tls.
func waitsIn(function string) (found bool) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, one := range strings.Split(string(stacks), "\n\n") {
		if !strings.Contains(one, "(*engine).loop") || !strings.Contains(one, "[IO wait") {
			continue
		}
		if strings.Contains(one, "crypto/tls.(*Conn).Read") {
			return false
		}
		found = found || strings.Contains(one, function)
	}
	return found
}
