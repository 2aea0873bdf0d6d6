// The mode in which a reader of UDP sockets waits: a pure function of its measurements.
//
//	        called by another reader            waited < shareBelow: call one more
//	rest -----------------------------> block <-----------------------------> share
//	  ^                                 | | ^
//	  +---------------------------------+ | |
//	    quiet, and another reader is      | | packets >= raiseAt,
//	    there; or waited > restAbove,     | | or the poller cannot be had
//	    and another one blocks            v |
//	                                     poll
//	                         quiet, and no other reader is there
//
// Quiet is a wait of maxWait without any packet, or an interval with less than lowerAt packets. The
// transitions out of block are those of share too. At least one reader of a team that has begun is
// not at rest.
//
// The cost of each mode, in CPU time a query and p99.9, at 20,000 hits a second: readers that only
// poll need 13.8 µs and 1.7 ms, a reader for each socket that only blocks 12.4 µs and 2.4 ms, and
// all modes together 11.9 µs and 1.2 ms (docs/speed.md). At 1,000 a second polling costs more, 50
// µs against 30; but a reader that blocks wakes 300 times a second even without packets.

package transport

import "time"

// mode is how a reader waits.
type mode uint8

const (
	// modeRest waits to be called by another reader.
	modeRest mode = iota
	// modePoll waits in the runtime's poller. While idle it costs nothing and occupies no processor
	// of the Go scheduler. But each packet costs two thread wake-ups: the poller's thread, and the
	// one that replaces it.
	modePoll
	// modeBlock waits in the kernel, in epoll_wait, and continues at once. It occupies one of the
	// scheduler's processors meanwhile.
	modeBlock
	// modeShare is modeBlock after another reader was called to help.
	modeShare
	modes
)

const (
	// interval is how long a reader measures before it decides again, and yields to other
	// goroutines. The scheduler retakes the processor of a thread that has not yielded for 10 ms,
	// and then checks every 20 µs whether to do so again.
	interval = 4 * time.Millisecond
	// maxWait is how long a wait in the kernel lasts without a packet: less than an interval.
	maxWait = 3 * time.Millisecond
	// raiseAt is how many packets in an interval, 4,000 a second, make a poller block: above that,
	// waking threads costs more than a processor that waits.
	raiseAt = 16
	// lowerAt is how many packets in an interval are too few to block: half of raiseAt, so that a
	// steady rate does not change the mode back and forth.
	lowerAt = 8
	// shareBelow is the time of an interval spent waiting, below which another reader is called: a
	// quarter. Half brought no better p99.9, and cost a tenth more, as batches are smaller.
	shareBelow = interval / 4
	// restAbove is the time of an interval spent waiting, above which a reader leaves the packets
	// to the other blocking readers: three quarters, so that two readers do not share what one can
	// do.
	restAbove = interval * 3 / 4
)

// sample is a reader's measurements since its last decision, and the modes of the others of its
// team.
type sample struct {
	packets  int           // packets received
	waited   time.Duration // in the kernel, for packets
	silent   bool          // maxWait has passed without a packet
	noPoller bool          // there is no descriptor for the runtime's poller

	blocking int // other readers in modeBlock or modeShare
	polling  int // other readers in modePoll
}

// next returns the reader's next mode.
func next(m mode, s sample) mode {
	switch {
	case m == modeRest: // it was called
		return modeBlock
	case m == modePoll && s.packets < raiseAt && !s.noPoller:
		return modePoll
	case m == modePoll:
		return modeBlock
	case (s.silent || s.packets < lowerAt) && s.blocking+s.polling > 0:
		return modeRest
	case s.silent || s.packets < lowerAt:
		return modePoll
	case s.waited > restAbove && s.blocking > 0:
		return modeRest
	case s.waited < shareBelow:
		return modeShare
	}
	return modeBlock
}

// byPoller has the runtime's poller call polled for the events of an epoll set, until it reports
// true.
func (s *sample) byPoller(epoll int, polled func(uintptr) bool) {
	s.noPoller = true
	file, err := duplicate(uintptr(epoll), true)
	if err != nil {
		return
	}
	defer file.Close()
	raw, err := file.SyscallConn()
	if err != nil {
		return
	}
	s.noPoller = false
	_ = raw.Read(polled) // fails on a closed file only, and nobody else closes it
}

// polledEnough reports whether an interval in the runtime's poller ends it. If it does not, the
// next interval has begun.
func (s *sample) polledEnough(began *time.Time) bool {
	now := time.Now()
	if now.Sub(*began) < interval {
		return false
	}
	if next(modePoll, *s) != modePoll {
		return true
	}
	*began, *s = now, sample{}
	return false
}
