// Health: whether a server of a forward or stub zone is believed to answer. It is a value without
// I/O and without a clock; forwarders.go keeps one for each server, and sends the probes.

package resolver

import "time"

// healthState is what is believed of a server.
type healthState uint8

const (
	healthUp      healthState = iota
	healthSuspect             // questions have failed: a probe decides
	healthDown                // the others come first, and probes find out when it is back
)

// String returns the state's name, which is in metrics and in what `ctl forwards list` prints.
func (s healthState) String() string { return [...]string{"up", "suspect", "down"}[s] }

// health is a server's state, and what leads to the next.
//
//	up --- healthFailures in a row ---> suspect --- the probe fails ---> down
//	 ^     in healthSilence or more        |                              |
//	 +------- any reply -------------------+                              |
//	 +------- healthReplies in a row -------------------------------------+
//
// Questions alone do not bring a server down: those for a domain whose own servers are dead fail at
// every forwarder, one after the other.
type health struct {
	state healthState
	since time.Time     // of the state; zero: from the start
	count int           // failures in a row while up, replies in a row while down
	first time.Time     // of the failures
	next  time.Time     // the next probe, unless it is up
	pause time.Duration // before the probe after that
}

// replied takes a reply, to a question or a probe, and reports whether the state has changed.
func (h *health) replied(now time.Time) (changed bool) {
	if h.state == healthDown {
		if h.count++; h.count < healthReplies {
			h.next = now.Add(probeFirst)
			return false
		}
	}
	changed = h.state != healthUp
	if h.count = 0; changed {
		h.enter(healthUp, now)
	}
	return changed
}

// failed takes a question without a usable reply, and reports whether the state has changed.
func (h *health) failed(now time.Time) (changed bool) {
	switch h.state {
	case healthUp:
		if h.count++; h.count == 1 {
			h.first = now
		}
		if h.count >= healthFailures && now.Sub(h.first) >= healthSilence {
			h.enter(healthSuspect, now)
			h.next = now
			return true
		}
	case healthDown:
		h.count = 0
	}
	return false
}

// probeFailed takes a probe without a usable reply, and reports whether the state has changed.
func (h *health) probeFailed(now time.Time) (changed bool) {
	switch h.state {
	case healthSuspect:
		h.enter(healthDown, now)
		changed, h.pause = true, probeFirst
	case healthDown:
		h.count, h.pause = 0, min(2*h.pause, probeMost)
	}
	h.next = now.Add(h.pause)
	return changed
}

// hurry has the next probe be due: the network may be back.
func (h *health) hurry(now time.Time) {
	if h.state == healthDown {
		h.next, h.pause = now, probeFirst
	}
}

func (h *health) enter(s healthState, now time.Time) {
	h.state, h.since, h.count = s, now, 0
}
