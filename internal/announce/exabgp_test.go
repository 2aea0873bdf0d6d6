package announce

import (
	"bufio"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var routes = []netip.Prefix{netip.MustParsePrefix("192.0.2.53/32"),
	netip.MustParsePrefix("2001:db8::53/128")}

// exabgp returns an ExaBGP that is talked to, what is written to it, and where it replies.
func exabgp(t *testing.T) (e *ExaBGP, lines *bufio.Reader, replies *io.PipeWriter) {
	t.Helper()
	in, replies := io.Pipe()
	read, out := io.Pipe()
	e = &ExaBGP{Routes: routes, NextHop: "self", Communities: []string{"65001:53"}, Med: 100}
	if err := e.Open(in, out); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = replies.Close(), read.Close() })
	return e, bufio.NewReader(read), replies
}

// Lines have the text form of ExaBGP's API, one for each route, and none is empty
// (github.com/Exa-Networks/exabgp/issues/533). A withdrawal names no neighbour, as one that is not
// there has the line refused (github.com/sonic-net/sonic-mgmt/pull/5773).
func TestExaBGPLines(t *testing.T) {
	for _, c := range []struct {
		to   Place
		want string
	}{
		{Announced, "announce route 192.0.2.53/32 next-hop self med 100 community [ 65001:53 ]\n" +
			"announce route 2001:db8::53/128 next-hop self med 100 community [ 65001:53 ]\n"},
		{Lowered, "announce route 192.0.2.53/32 next-hop self community [ 65001:53 65535:0 ]\n" +
			"announce route 2001:db8::53/128 next-hop self community [ 65001:53 65535:0 ]\n"},
		{Withdrawn, "withdraw route 192.0.2.53/32 next-hop self\n" +
			"withdraw route 2001:db8::53/128 next-hop self\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			e, lines, replies := exabgp(t)
			var got string
			go func() {
				for range routes {
					line, _ := lines.ReadString('\n')
					got += line
					_, _ = io.WriteString(replies, "done\n")
				}
			}()
			if err := e.Put(t.Context(), c.to); err != nil {
				t.Error(err)
			}
			if synctest.Wait(); got != c.want {
				t.Errorf("%v:\n%swant\n%s", c.to, got, c.want)
			}
			replies.Close()
			<-e.Gone()
		})
	}
}

// An ExaBGP that does not confirm, refuses, or does not read has no check wait for longer than
// ackTime, and what it writes is read at all times: it stands still when a pipe is full
// (github.com/Exa-Networks/exabgp/issues/1168, 722 and 969).
func TestExaBGPThatStandsStill(t *testing.T) {
	for _, c := range []struct {
		name, replies string
		reads         bool
		want          string
	}{
		{"silent", "", true, errUnconfirmed.Error()},
		{"one of two confirmed", "done\n", true, errUnconfirmed.Error()},
		{"refuses", "done\nerror\n", true, "refused"},
		{"refuses with words", "error: no neighbor matching\n", true, "refused"},
		{"says much else", strings.Repeat("{ \"exabgp\": \"4.0.1\" }\n", 10000) + "done\n", true,
			errUnconfirmed.Error()},
		{"does not read", "", false, "does not read"},
	} {
		synctest.Test(t, func(t *testing.T) {
			e, lines, replies := exabgp(t)
			if c.reads {
				go func() { _, _ = io.Copy(io.Discard, lines) }()
			} else if err := e.Put(t.Context(), Announced); err != errUnconfirmed {
				t.Errorf("%s: the first line: %v", c.name, err)
			}
			go func() { _, _ = io.WriteString(replies, c.replies) }()
			begun := time.Now()
			err := e.Put(t.Context(), Withdrawn)
			if err == nil || !strings.Contains(err.Error(), c.want) ||
				time.Since(begun) > ackTime {
				t.Errorf("%s: %v after %v", c.name, err, time.Since(begun))
			}
			var said atomic.Bool
			go func() {
				_, err := io.WriteString(replies, strings.Repeat("done\n", 1000)) // unasked
				said.Store(err == nil)
			}()
			if synctest.Wait(); !said.Load() {
				t.Errorf("%s: what it says is not read", c.name)
			}
			replies.Close()
			<-e.Gone()
		})
	}
}

// Who announces by an ExaBGP that has ended ends too, as the next one starts another process.
func TestExaBGPThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, lines, replies := exabgp(t)
		go func() { _, _ = io.Copy(io.Discard, lines) }()
		replies.Close()
		<-e.Gone()
		if err := e.Put(t.Context(), Announced); !errors.Is(err, errGone) {
			t.Error(err)
		}
	})
}

func TestMaxRoutes(t *testing.T) {
	for _, n := range []int{0, maxRoutes + 1} {
		e := &ExaBGP{Routes: make([]netip.Prefix, n)}
		if e.Open(strings.NewReader(""), io.Discard) == nil {
			t.Errorf("%d routes", n)
		}
		b := &BIRD{}
		for range n {
			b.Protocols = append(b.Protocols, "anycast")
		}
		if b.Check() == nil {
			t.Errorf("%d protocols", n)
		}
	}
}
