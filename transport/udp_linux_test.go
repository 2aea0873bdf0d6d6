package transport

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// A reader goes from one way to wait to the other by how much comes, and answers either way.
func TestUDPReaderWaits(t *testing.T) {
	opened, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Sockets: 2, Observer: &witness{}})
	if err != nil {
		t.Fatal(err)
	}
	l := opened.(*udpListener)
	defer l.Close()
	c, err := net.Dial("udp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func(n int) {
		for i := range n {
			if _, err := c.Write(query([]string{"fast", "serve"}[i%2])); err != nil {
				t.Fatal(err)
			}
		}
	}
	answered := func(n int, when string) {
		t.Helper()
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		for i, buf := 0, make([]byte, 4096); i < n; i++ {
			if _, err := c.Read(buf); err != nil {
				t.Fatalf("%s: %d of %d answers: %v", when, i, n, err)
			}
		}
	}
	// Its first turn began long ago, so the first batch ends it.
	r := l.teams[0].newReader()
	r.handler = &echo{}
	ask(much)
	r.sparse() // comes to its end, since much came
	answered(much, "sparse")
	ask(little)
	r.dense() // comes to its end, since then nothing came
	answered(little, "dense")
	// Closing ends the wait by the poller.
	l.Start(r.handler)
	ask(1)
	answered(1, "run")
}

// Clients of every socket are answered, whichever team looks after it. With so many clients no socket goes without.
func TestUDPTeams(t *testing.T) {
	const sockets, clients = 2*teamSize + 1, 64
	opened, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Sockets: sockets, Observer: &witness{}})
	if err != nil {
		t.Fatal(err)
	}
	l := opened.(*udpListener)
	defer l.Close()
	if len(l.ends) != sockets || len(l.teams) != 3 {
		t.Fatalf("%d sockets, %d teams", len(l.ends), len(l.teams))
	}
	l.Start(&echo{})
	for range clients {
		c, err := net.Dial("udp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, kind := range []string{"fast", "serve"} {
			_, _ = c.Write(query(kind))
			_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := c.Read(make([]byte, 4096)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Who leaves last waits by the poller, and nobody else does.
func TestUDPTeamLeaves(t *testing.T) {
	team := &udpTeam{}
	team.join(false)
	if team.accompanied() {
		t.Error("one is accompanied")
	}
	team.join(false)
	if !team.accompanied() {
		t.Error("two are not")
	}
	for i, want := range []bool{false, true} {
		if last := team.leave(); last != want {
			t.Errorf("leaving %d: last is %v", i, last)
		}
	}
	team.join(false) // called by what had been too much before
	if team.leave() {
		t.Error("two wait by the poller")
	}
	team.join(true)
	if !team.leave() {
		t.Error("nobody waits by the poller")
	}
}

// A listener that was never started closes.
func TestUDPClosesUnstarted(t *testing.T) {
	l, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Sockets: teamSize + 1, Observer: &witness{}})
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
