package transport

import (
	"math/rand/v2"
	"testing"
	"time"
)

// The mode of a reader follows from its measurements and the modes of the others.
func TestUDPReaderMode(t *testing.T) {
	busy, idle := shareBelow-1, restAbove+1
	for _, tc := range []struct {
		name string
		from mode
		s    sample
		want mode
	}{
		{"called", modeRest, sample{}, modeBlock},
		{"called while another polls", modeRest, sample{polling: 1}, modeBlock},

		{"few packets", modePoll, sample{packets: raiseAt - 1}, modePoll},
		{"many packets", modePoll, sample{packets: raiseAt}, modeBlock},
		{"many packets while others block", modePoll, sample{packets: raiseAt, blocking: 2},
			modeBlock},
		{"no descriptor for the poller", modePoll, sample{noPoller: true}, modeBlock},

		{"silence, alone", modeBlock, sample{silent: true, packets: 100}, modePoll},
		{"silence, another blocks", modeBlock, sample{silent: true, blocking: 1}, modeRest},
		{"silence, another polls", modeBlock, sample{silent: true, polling: 1}, modeRest},
		{"few packets, alone", modeBlock, sample{packets: lowerAt - 1, waited: idle}, modePoll},
		{"few packets, another blocks", modeBlock,
			sample{packets: lowerAt - 1, waited: idle, blocking: 1}, modeRest},
		{"few packets, another polls", modeBlock,
			sample{packets: lowerAt - 1, waited: idle, polling: 1}, modeRest},
		{"between the two rates", modeBlock, sample{packets: lowerAt, waited: idle}, modeBlock},
		{"mostly idle, alone", modeBlock, sample{packets: raiseAt, waited: idle}, modeBlock},
		{"mostly idle, another blocks", modeBlock,
			sample{packets: raiseAt, waited: idle, blocking: 1}, modeRest},
		{"mostly idle, another polls", modeBlock,
			sample{packets: raiseAt, waited: idle, polling: 1}, modeBlock},
		{"three quarters idle", modeBlock,
			sample{packets: raiseAt, waited: restAbove, blocking: 1}, modeBlock},
		{"half busy", modeBlock,
			sample{packets: raiseAt, waited: interval / 2, blocking: 1}, modeBlock},
		{"a quarter idle", modeBlock, sample{packets: raiseAt, waited: shareBelow}, modeBlock},
		{"busy", modeBlock, sample{packets: raiseAt, waited: busy}, modeShare},
		{"busy although others help", modeBlock,
			sample{packets: raiseAt, waited: busy, blocking: 3}, modeShare},

		{"still busy", modeShare, sample{packets: raiseAt, waited: busy, blocking: 1}, modeShare},
		{"busy no more", modeShare, sample{packets: raiseAt, waited: interval / 2}, modeBlock},
		{"silence after a burst", modeShare, sample{silent: true}, modePoll},
		{"silence, the helper is there", modeShare, sample{silent: true, blocking: 1}, modeRest},
	} {
		if got := next(tc.from, tc.s); got != tc.want {
			t.Errorf("%s: mode %d becomes %d, want %d", tc.name, tc.from, got, tc.want)
		}
	}
}

// Whatever the readers of a team measure, at least one of them waits for packets.
func TestUDPTeamNeverRestsAltogether(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		team := &udpTeam{}
		team.count[modeRest] = teamSize
		in := make([]mode, teamSize)
		in[0] = team.change(modeRest, sample{})
		for range 200 {
			i := rng.IntN(teamSize)
			if in[i] == modeRest && rng.IntN(4) > 0 {
				continue // no reader calls it
			}
			s := sample{packets: rng.IntN(2 * raiseAt), silent: rng.IntN(3) == 0,
				noPoller: rng.IntN(10) == 0, waited: time.Duration(rng.Int64N(int64(interval)))}
			in[i] = team.change(in[i], s)
			if team.count[modeRest] == teamSize {
				t.Fatalf("all rest after %+v", s)
			}
			if polls := team.count[modePoll]; polls > 1 {
				t.Fatalf("%d poll after %+v", polls, s)
			}
		}
	}
}
