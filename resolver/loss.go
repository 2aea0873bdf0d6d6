// Loss: whether the network loses so many packets that questions are sent twice at once.

package resolver

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"bailiwick/internal/limit"
)

// lossWatch notices when many of the servers that used to reply do not reply to the next question.
// Then the path that they share loses packets, and a question is worth two packets. What is known
// is the last outcome of each of some servers: so one server, however often it is asked, is one
// witness. As questions that are sent twice show less of the loss, it is forgotten after lossyTime
// and has to be seen again.
type lossWatch struct {
	seed  maphash.Seed
	until atomic.Int64 // the end of the last lossy period, in nanoseconds
	slots [lossServers]atomic.Uint32
	count [3]atomic.Int32 // slots by what they hold
	sent  atomic.Int64    // the second, and how many questions were sent twice in it, see twice
}

// What became of a question to a server that had replied before.
const (
	packetNone uint32 = iota
	packetHeard
	packetLost
)

func newLossWatch() *lossWatch { return &lossWatch{seed: maphash.MakeSeed()} }

// note takes what became of a question over UDP to a server that replied to the one before.
func (l *lossWatch) note(a netip.Addr, packet uint32, now time.Time) {
	s := &l.slots[maphash.Comparable(l.seed, a)%lossServers]
	if s.Load() == packet || now.UnixNano() < l.until.Load() {
		return
	}
	l.count[s.Swap(packet)].Add(-1)
	lost := l.count[packet].Add(1)
	heard := l.count[packetHeard].Load()
	if packet == packetLost && lost+heard >= lossWitnesses &&
		lost*100 >= (lost+heard)*lossPercent {
		l.until.Store(now.Add(lossyTime).UnixNano())
		for i := range l.slots {
			l.count[l.slots[i].Swap(packetNone)].Add(-1)
		}
	}
}

// twice reports whether a question is to be sent twice, and counts it: no more than maxTwice are in
// a second, as the packets may be lost for want of bandwidth.
func (l *lossWatch) twice(now time.Time) bool {
	if now.UnixNano() >= l.until.Load() {
		return false
	}
	second := now.Unix() << 32
	for {
		was := l.sent.Load()
		next := max(was, second) + 1
		if next-second > maxTwice {
			limit.Twice.Met()
			return false
		}
		if l.sent.CompareAndSwap(was, next) {
			return true
		}
	}
}
