package resolver

import (
	"net/netip"
	"testing"
	"time"
)

// server4 returns the address of server i.
func server4(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}) }

// Many of the servers that used to reply have to be silent at once. One server is one witness,
// whatever it does and however often: an attacker who owns a few cannot have packets doubled.
func TestLossNeedsManyServers(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name          string
		servers, lost int // the last of the servers lose
		times         int
		lossy         bool
	}{
		{"one server loses all the time", 1, 1, 1000, false},
		{"five servers lose, nobody else is asked", 5, 5, 1000, false},
		{"a quarter of many servers", 100, 25, 3, false},
		{"half of many servers", 100, 50, 1, true},
		{"all of many servers", 100, 100, 1, true},
	} {
		l := newLossWatch()
		for range c.times {
			for i := range c.servers {
				packet := packetHeard
				if i >= c.servers-c.lost {
					packet = packetLost
				}
				l.note(server4(i), packet, now)
			}
		}
		if got := l.twice(now); got != c.lossy {
			t.Errorf("%s: sent twice: %v", c.name, got)
		}
	}
}

// The period ends by itself, and the loss has to be seen again.
func TestLossIsSeenAgainAndAgain(t *testing.T) {
	now, l := time.Now(), newLossWatch()
	lose := func(n int) {
		for i := range n {
			l.note(server4(i), packetLost, now)
		}
	}
	lose(lossWitnesses * 2)
	now = now.Add(lossyTime - 1)
	lose(lossWitnesses * 2) // during the period it is not looked at
	if !l.twice(now) {
		t.Error("it ended early")
	}
	if now = now.Add(1); l.twice(now) {
		t.Error("it did not end")
	}
	lose(1)
	if l.twice(now) {
		t.Error("one loss is enough for another period")
	}
	if lose(lossWitnesses * 2); !l.twice(now) {
		t.Error("it is not seen again")
	}
}

// Packets may be lost for want of bandwidth: then more of them would make it worse.
func TestMaxTwice(t *testing.T) {
	now, l := time.Now().Truncate(time.Second), newLossWatch()
	for i := range lossWitnesses * 2 {
		l.note(server4(i), packetLost, now)
	}
	for second := range 2 {
		n := 0
		for range 2 * maxTwice {
			if l.twice(now.Add(time.Duration(second) * time.Second)) {
				n++
			}
		}
		if n != maxTwice {
			t.Errorf("%d questions are sent twice in second %d", n, second)
		}
	}
}
